package tui

import (
	"errors"
	"net"
	"strings"
	"testing"
	"time"

	"pabal/alarm"
	"pabal/eml"
	"pabal/sesclient"
	"pabal/spool"
	"pabal/syncer"
)

// screens is every screen, and how one gets there.
var screens = []struct {
	name string
	set  func(*fakeBackend)
	goTo func(*driver)
}{
	{"home", nil, func(d *driver) { d.tick(); d.tick() }},
	{"home_holds", withHolds, func(*driver) {}},
	{"home_sync", func(b *fakeBackend) {
		b.sync = &syncer.Status{State: "failing", LastGood: testNow.Add(-time.Hour), Error: "the table users is not there (MySQL error 1146: …)", Hint: "mend mysql.table"}
	}, func(*driver) {}},
	{"home_feedback", func(b *fakeBackend) {
		b.heard.Error, b.heard.Hint = "the queue pabal-events is not there", "see feedback.sqs_queue_url in the configuration, or run: pabal feedback setup"
	}, func(*driver) {}},
	{"home_untold", func(b *fakeBackend) {
		b.untold = alarm.Facts{Untold: 1204, SetAside: 3, Folder: "/var/spool/pabal-drop"}
	}, func(*driver) {}},
	{"home_deaf", deaf, func(*driver) {}},
	{"detail_deaf", deaf, func(d *driver) { d.press("2", "down", "down", "enter") }},
	{"detail_bad_news", func(b *fakeBackend) {
		b.heard = &sesclient.FeedbackStatus{Source: sesclient.SourceSuppression, BadNewsOnly: true}
		b.campaigns[2].Delivered = 0
	}, func(d *driver) { d.press("2", "down", "down", "enter") }},
	{"ledger_heard", nil, func(d *driver) { d.press("2", "down", "down", "enter", "enter", "f") }},
	{"home_loading", func(b *fakeBackend) {
		b.sync = &syncer.Status{State: "reading", Done: 420_000, Total: 1_000_000}
	}, func(*driver) {}},
	{"home_disk", func(b *fakeBackend) {
		b.status.Store = spool.Disk{FreeBytes: 41 << 20, ReserveBytes: 79 << 20, NearlyFull: true}
	}, func(*driver) {}},
	{"home_compact", func(b *fakeBackend) {
		b.status.Store = spool.Disk{FreeBytes: 900 << 20, ReserveBytes: 79 << 20, NoCampaigns: true}
	}, func(*driver) {}},
	{"home_release", withHolds, func(d *driver) { d.press("r", "down", "r") }},
	{"home_everything", withEverything, func(d *driver) {}},
	{"home_60x20", withEverything, func(d *driver) { d.size(60, 20) }},
	{"home_60x20_good", nil, func(d *driver) { d.size(60, 20) }},
	{"home_idle", func(f *fakeBackend) {
		f.campaigns, f.status.Recent, f.status.PerSecond, f.events = nil, make([]int, 60), 0, nil
	}, func(*driver) {}},
	{"home_lost", nil, func(d *driver) {
		d.back.down = &net.OpError{Op: "dial", Net: "unix", Err: errors.New("connection refused")}
		d.tick()
	}},
	{"home_help", nil, func(d *driver) { d.press("?") }},
	{"home_stopped", func(f *fakeBackend) { withHeldStart(f); withBraked(f) }, func(*driver) {}},
	{"brake", nil, func(d *driver) { toStart(d); d.press("b", "right", "down") }},
	{"brake_off", nil, func(d *driver) { toStart(d); d.press("b", "left", "ctrl+s") }},
	{"wizard_3_scheduled", withScheduled, func(d *driver) { d.press("2", "enter", "e") }},
	{"wizard_4_test_many", nil, func(d *driver) { toPreview(d); d.press("t"); d.typeText("me@example.com, you@example.com") }},
	{"wizard_4_link_here", func(f *fakeBackend) { f.link.URL = "http://127.0.0.1:8080/l/QQICoIaO2AYOQjdieKpXiXqBvEsI4owZ" }, func(d *driver) { toPreview(d); d.press("l") }},
	{"domains_60x20", nil, func(d *driver) { d.press("8"); d.size(60, 20) }},
	{"domains_unknown", func(f *fakeBackend) {
		f.ses = sesclient.Status{Error: "TooManyRequestsException: Rate exceeded"}
	}, func(d *driver) { d.press("8") }},
	{"campaigns", nil, func(d *driver) { d.press("2", "down") }},
	{"campaigns_filter", nil, func(d *driver) { d.press("2", "/"); d.typeText("세일") }},
	{"detail", nil, func(d *driver) { d.press("2", "down", "down", "enter") }},
	{"detail_held", nil, func(d *driver) { d.press("2", "down", "enter") }},
	{"campaigns_on_hold", withHeldMail, func(d *driver) { d.press("2") }},
	{"detail_on_hold", withHeldMail, func(d *driver) { d.press("2", "down", "down", "enter") }},
	{"detail_done", nil, func(d *driver) { d.press("2", "down", "down", "down", "enter") }},
	{"detail_pause", nil, func(d *driver) { d.press("2", "down", "down", "enter", "p") }},
	{"detail_resume_typed", nil, func(d *driver) { d.press("2", "down", "enter", "r"); d.typeText("70,48") }},
	{"ledger", nil, func(d *driver) { d.press("2", "down", "down", "enter", "enter", "down") }},
	{"ledger_all", nil, func(d *driver) {
		d.press("2", "down", "down", "enter", "down", "down", "down", "down", "down", "enter", "tab", "end")
	}},
	{"subscribers", nil, func(d *driver) { d.press("3", "down") }},
	{"subscribers_search", nil, func(d *driver) { d.press("3", "/"); d.typeText("김하") }},
	{"person", nil, func(d *driver) { d.press("3", "enter") }},
	{"person_end", nil, func(d *driver) { d.press("3", "enter"); d.screenText(); d.press("end") }},
	{"person_blocked", withBlocked, func(d *driver) { d.press("3", "down", "enter") }},
	{"person_unsubscribe", nil, func(d *driver) { d.press("3", "enter", "u") }},
	{"person_erase", nil, func(d *driver) { d.press("3", "enter", "x"); d.typeText("customer001@"); d.press("enter") }},
	{"person_confirm", nil, func(d *driver) { d.press("3", "down", "down", "down", "enter", "c") }},
	{"suppressions_import", nil, func(d *driver) { d.press("5", "i", "enter", "y") }},
	{"person_choices", nil, func(d *driver) { d.press("3", "enter", "e", "space", "down", "down", "right") }},
	{"person_choices_ask", nil, func(d *driver) { d.press("3", "enter", "e", "space", "down", "down", "right", "enter") }},
	{"suppressions", nil, func(d *driver) { d.press("5", "down") }},
	{"suppressions_search", nil, func(d *driver) { d.press("5", "/"); d.typeText("반송"); d.rest() }},
	{"suppressions_none", func(f *fakeBackend) { f.suppressed = nil }, func(d *driver) { d.press("5") }},
	{"suppressions_add", nil, func(d *driver) {
		d.press("5", "n")
		d.typeText("old@example.com")
		d.press("enter")
		d.typeText("전화로 요청")
	}},
	{"suppressions_remove", nil, func(d *driver) { d.press("5", "d") }},
	{"sync", withTable, func(d *driver) { d.press("6") }},
	{"sync_none", nil, func(d *driver) { d.press("6") }},
	{"sync_reading", func(f *fakeBackend) {
		withTable(f)
		f.sync.State, f.sync.Done, f.sync.Total = "reading", 420_000, 1_000_000
	}, func(d *driver) { d.press("6") }},
	{"sync_failing", func(f *fakeBackend) {
		withTable(f)
		f.sync.State, f.sync.Failures, f.sync.Code, f.sync.WarnOf = "failing", 3, syncer.CodeTable, []string{syncer.CodeWrites}
		f.sync.Error, f.sync.Hint = "the table users is not there (MySQL error 1146: …)", "set [mysql] table to the customers' table, or give the account the right to read it"
	}, func(d *driver) { d.press("6") }},
	{"queue", nil, func(d *driver) { d.press("7", "down") }},
	{"queue_failed", nil, func(d *driver) { d.press("7", "o", "o") }},
	{"queue_all", withHolds, func(d *driver) { d.press("7", "O", "down", "down") }},
	{"queue_filter", nil, func(d *driver) { d.press("7", "O", "/"); d.typeText("세금"); d.press("enter") }},
	{"queue_none", func(f *fakeBackend) { f.queued = nil }, func(d *driver) { d.press("7") }},
	{"queue_retry", nil, func(d *driver) { d.press("7", "o", "o", "o", "r") }},
	{"queue_retry_all", nil, func(d *driver) { d.press("7", "O", "a") }},
	{"queue_dead", withDead, func(d *driver) { d.press("7", "l", "down") }},
	{"queue_edit", nil, func(d *driver) { d.press("7", "l", "e") }},
	{"queue_edit_ask", nil, func(d *driver) {
		d.press("7", "l", "down", "e", "ctrl+u")
		d.typeText("sale@partner.example")
		d.press("enter")
	}},
	{"queue_discard_all", nil, func(d *driver) { d.press("7", "l", "D") }},
	{"mail_acts", withDead, func(d *driver) { d.press("7", "o", "o", "end", "enter") }},
	{"queue_discard", nil, func(d *driver) { d.press("7", "d") }},
	{"mail_pending", nil, func(d *driver) { d.press("7", "enter") }},
	{"mail_failed", nil, func(d *driver) { d.press("7", "o", "o", "down", "enter") }},
	{"mail_campaign", nil, func(d *driver) { d.press("3", "enter", "t", "enter") }},
	{"trace", nil, func(d *driver) { d.press("3", "t", "down") }},
	{"trace_ask", nil, func(d *driver) { d.press("7", "f"); d.typeText("customer001@") }},
	{"trace_none", func(f *fakeBackend) { f.mails = nil }, func(d *driver) { d.press("5", "t") }},
	{"holds", withHolds, func(d *driver) { d.press("7", "h", "down") }},
	{"holds_none", nil, func(d *driver) { d.press("7", "h") }},
	{"holds_pick", nil, func(d *driver) { d.press("7", "h", "n") }},
	{"holds_reason", nil, func(d *driver) { d.press("7", "h", "n", "down", "enter"); d.typeText("창고 점검") }},
	{"holds_ask", nil, func(d *driver) {
		d.press("7", "h", "n", "down", "enter")
		d.typeText("창고 점검")
		d.press("enter")
	}},
	{"domains", nil, func(d *driver) { d.press("8") }},
	{"domains_bad", func(f *fakeBackend) { f.ses.Sandbox, f.ses.Enforcement = true, "PROBATION" }, func(d *driver) { d.press("8", "down") }},
	{"domains_none", func(f *fakeBackend) { f.senders = nil }, func(d *driver) { d.press("8") }},
	{"domain_good", nil, func(d *driver) { d.press("8", "enter") }},
	{"domain_bad", nil, func(d *driver) { d.press("8", "down", "enter") }},
	{"domain_bad_end", nil, func(d *driver) { d.press("8", "down", "enter"); d.screenText(); d.press("end") }},
	{"domain_not_asked", func(f *fakeBackend) {
		f.senders[0].DMARC, f.senders[0].MailFrom.SPF = sesclient.DMARC{}, ""
		for i := range f.senders[0].Records {
			f.senders[0].Records[i].Found, f.senders[0].Records[i].State = false, sesclient.RecordUnknown
		}
	}, func(d *driver) { d.press("8", "enter") }},
	{"domain_gabia", nil, func(d *driver) { d.press("8", "down", "enter", "f"); d.screenText(); d.press("end") }},
	{"domain_route53_60x20", nil, func(d *driver) {
		d.size(60, 20)
		d.press("8", "down", "enter", "f", "f", "f", "f", "f")
		d.screenText()
		d.press("end")
	}},
	{"domain_again", func(f *fakeBackend) {
		f.senders[1].Records[0].Found, f.senders[1].Records[0].State = true, sesclient.RecordPass
	}, func(d *driver) {
		d.press("8", "down", "enter", "r")
		d.screenText()
		d.press("end")
	}},
	{"home_domains", withAlarms, func(*driver) {}},
	{"domain_unknown", nil, func(d *driver) { d.press("8", "end", "enter") }},
	{"import_1_file", nil, func(d *driver) { d.press("3", "i") }},
	{"import_1_empty", func(f *fakeBackend) { f.inbox.Files = nil }, func(d *driver) { d.press("3", "i") }},
	{"import_2_preview", nil, func(d *driver) { d.press("3", "i", "enter", "down") }},
	{"import_2_problem", func(f *fakeBackend) {
		f.seen.Problem, f.seen.Hint = "no column holds e-mail addresses; there are 이메일, 성명", "name it: --map email=COLUMN"
	}, func(d *driver) { d.press("3", "i", "enter") }},
	{"import_2_column", nil, func(d *driver) { d.press("3", "i", "enter", "down", "enter") }},
	{"import_2_encoding", nil, func(d *driver) { d.press("3", "i", "enter", "e") }},
	{"import_2_ask", nil, func(d *driver) { d.press("3", "i", "enter", "n") }},
	{"import_3_running", nil, func(d *driver) {
		d.press("3", "i", "enter", "n")
		d.hold = true // what came is looked at before the rest comes
		d.press("y")
	}},
	{"import_3_result", nil, func(d *driver) { d.press("3", "i", "enter", "n", "y") }},
	{"templates", nil, func(d *driver) { d.press("4") }},
	{"template_read", nil, func(d *driver) { d.press("4", "enter") }},
	{"template_pulled", withPulled, func(d *driver) { d.press("4", "enter") }},
	{"template_versions", nil, func(d *driver) { d.press("4", "enter", "h") }},
	{"template_remove", nil, func(d *driver) { d.press("4", "enter", "x") }},
	{"template_file", func(f *fakeBackend) {
		f.inbox.Files = append(f.inbox.Files, InboxFile{Name: "가을 세일.zip", Size: 412_000, Modified: testNow.Add(-time.Minute)})
	}, func(d *driver) { d.press("4", "i") }},
	{"template_file_none", nil, func(d *driver) { d.press("4", "i") }},
	{"template_file_name", func(f *fakeBackend) { f.inbox.Files = []InboxFile{{Name: "가을 세일.zip", Size: 412_000}} }, func(d *driver) { d.press("4", "i", "enter") }},
	{"template_pull", nil, func(d *driver) { d.press("4", "s"); d.typeText("autumn-sale") }},
	{"report", nil, func(d *driver) { d.press("2", "down", "down", "down", "enter", "o") }},
	{"report_end", nil, func(d *driver) { d.press("2", "down", "down", "down", "enter", "o"); d.screenText(); d.press("pgdown") }},
	{"report_running", nil, func(d *driver) { d.press("2", "down", "down", "enter", "o") }},
	{"report_export", nil, func(d *driver) { d.press("2", "down", "down", "down", "enter", "o", "e") }},
	{"report_exported", nil, func(d *driver) {
		d.press("2", "down", "down", "down", "enter", "o")
		d.m.stack = append(d.m.stack, &exporting{done: shown[exported]{have: true, now: exported{path: "/home/marketer/pabal-report-2.csv", scp: `scp "marketer@mail.example.com:/home/marketer/pabal-report-2.csv" .`}}})
	}},
	{"report_link", nil, func(d *driver) { d.press("2", "down", "down", "down", "enter", "o", "l") }},
	{"report_mail", nil, func(d *driver) { d.press("2", "down", "down", "down", "enter", "o", "m"); d.typeText("me@example.com") }},
	{"template_edit", nil, func(d *driver) {
		d.press("4", "enter", "e", "down", "down")
		d.typeText("반갑습니다. ")
		d.press("enter")
	}},
	{"template_edit_html", withPulled, func(d *driver) { d.press("4", "enter", "e", "end") }},
	{"template_edit_bad", nil, func(d *driver) {
		d.press("4", "enter", "e")
		d.typeText("{{#if")
		d.back.down = &eml.Problem{What: "the text of the template, line 1: {{#if is not closed", Hint: "close it with }}"}
		d.press("ctrl+s")
	}},
	{"template_edit_leave", nil, func(d *driver) { d.press("4", "enter", "e"); d.typeText("!"); d.press("esc") }},
	{"wizard_1_template", nil, func(d *driver) { d.press("n") }},
	{"wizard_2_audience", nil, toAudience},
	{"wizard_2_rows", nil, func(d *driver) { toRows(d); d.rest() }},
	{"wizard_2_any", nil, func(d *driver) { toRows(d); d.press("o"); d.rest() }},
	{"wizard_2_counting", func(f *fakeBackend) { f.slow = true }, func(d *driver) { toText(d); d.typeText(`name != "x"`); d.hold = true; d.rest() }},
	{"wizard_2_field", nil, func(d *driver) { toAudience(d); d.press("enter", "down") }},
	{"wizard_2_narrow", nil, func(d *driver) { toAudience(d); d.press("enter"); d.typeText("브랜") }},
	{"wizard_2_comparison", nil, func(d *driver) { toAudience(d); d.press("enter"); d.typeText("Grade"); d.press("enter", "down") }},
	{"wizard_2_value", nil, func(d *driver) {
		toAudience(d)
		d.press("enter")
		d.typeText("Grade")
		d.press("enter", "enter", "down")
	}},
	{"wizard_2_values", nil, func(d *driver) {
		toAudience(d)
		d.press("enter")
		d.typeText("Grade")
		d.press("enter", "down", "down", "down", "enter", "tab", "down", "tab")
	}},
	{"wizard_2_text", nil, toText},
	{"wizard_2_error", nil, func(d *driver) { toText(d); d.typeText("gender == female"); d.rest() }},
	{"wizard_2_unknown", func(f *fakeBackend) {
		f.count.Unknown, f.count.Meant = []string{"gendr"}, map[string]string{"gendr": "gender"}
	}, func(d *driver) { toText(d); d.typeText(`gendr != "x"`); d.rest() }},
	{"segment", nil, func(d *driver) { d.press("3", "s") }},
	{"wizard_3_content", nil, toContent},
	{"attachments_none", nil, func(d *driver) { toContent(d); d.press("f2") }},
	{"attachments_choose", nil, func(d *driver) { toContent(d); d.press("f2", "n") }},
	{"attachments", nil, toAttached},
	{"wizard_3_attached", nil, func(d *driver) { toAttached(d); d.press("esc") }},
	{"wizard_4_preview", nil, toPreview},
	{"wizard_4_search", nil, func(d *driver) { toPreview(d); d.press("/"); d.typeText("이서") }},
	{"wizard_4_found", nil, func(d *driver) { toPreview(d); d.press("/"); d.typeText("customer00"); d.press("enter", "n") }},
	{"wizard_4_nobody", nil, func(d *driver) { toPreview(d); d.press("/"); d.typeText("없는 사람"); d.press("enter") }},
	{"wizard_4_link", nil, func(d *driver) { toPreview(d); d.press("l") }},
	{"wizard_4_test", nil, func(d *driver) { toPreview(d); d.press("t"); d.typeText("me@example.com") }},
	{"wizard_5_check", nil, func(d *driver) { toPreview(d); d.press("enter") }},
	{"wizard_5_blocked", withBlock, func(d *driver) { toPreview(d); d.press("enter", "enter") }},
	{"wizard_5_checking", func(f *fakeBackend) { f.slow = true }, func(d *driver) { toPreview(d); d.hold = true; d.press("enter") }},
	{"wizard_5_reason", withBlock, func(d *driver) { toPreview(d); d.press("enter", "down", "o"); d.typeText("약관 안내라서") }},
	{"wizard_5_passed", withBlock, func(d *driver) {
		toPreview(d)
		d.press("enter", "down", "o")
		d.typeText("약관 안내 메일이라서")
		d.press("enter")
	}},
	{"wizard_6_start", nil, toStart},
	{"schedule", nil, func(d *driver) { toStart(d); d.press("s") }},
	{"schedule_bad", nil, func(d *driver) { toStart(d); d.press("s", "down", "ctrl+u"); d.typeText("25시"); d.press("down") }},
	{"schedule_ask", withLargePlan, func(d *driver) { toSchedule(d); d.press("enter") }},
	{"schedule_window", nil, func(d *driver) { toStart(d); d.press("w"); d.typeText("09-20"); d.press("down", "right") }},
	{"detail_scheduled", withScheduled, func(d *driver) { d.press("2", "enter") }},
	{"detail_unschedule", withScheduled, func(d *driver) { d.press("2", "enter", "u") }},
	{"detail_not_started", withHeldStart, func(d *driver) { d.press("2", "enter") }},
	{"detail_braked", withBraked, func(d *driver) { d.press("2", "down", "down", "enter") }},
	{"detail_plan", func(f *fakeBackend) { withLargePlan(f) }, func(d *driver) { d.press("2", "down", "down", "enter") }},
	{"campaign_copy", nil, func(d *driver) { d.press("2", "down", "down", "down", "enter", "c") }},
	{"wizard_6_ask", nil, func(d *driver) { toStart(d); d.press("enter") }},
	{"wizard_6_plan", withLargePlan, toStart},
	{"wizard_6_large", withLargePlan, func(d *driver) { toStart(d); d.press("enter"); d.typeText("182000"); d.press("enter") }},
}

func open(t *testing.T, lang string, i int) *driver {
	var set []func(*fakeBackend)
	if screens[i].set != nil {
		set = append(set, screens[i].set)
	}
	d := newDriver(t, lang, set...)
	screens[i].goTo(d)
	return d
}

func TestScreensLookAsBefore(t *testing.T) {
	for i, s := range screens {
		for _, lang := range []string{"ko", "en"} {
			t.Run(s.name+"_"+lang, func(t *testing.T) {
				t.Parallel()
				golden(t, s.name+"_"+lang, open(t, lang, i).screenText())
			})
		}
	}
}

func TestEveryScreenFitsEveryWindow(t *testing.T) {
	sizes := [][2]int{{80, 24}, {60, 20}, {61, 21}, {79, 23}, {132, 43}, {200, 60}, {59, 24}, {80, 19}, {40, 10}, {7, 3}, {1, 1}}
	for i, s := range screens {
		for _, lang := range []string{"ko", "en"} {
			t.Run(s.name+"_"+lang, func(t *testing.T) {
				t.Parallel()
				d := open(t, lang, i)
				for _, size := range sizes {
					for _, ascii := range []bool{false, true} {
						d.m.look = newLook(ascii, true)
						d.size(size[0], size[1])
						fits(t, d, size[0], size[1])
					}
				}
			})
		}
	}
}

func fits(t *testing.T, d *driver, w, h int) {
	t.Helper()
	v := d.m.View()
	lines := strings.Split(v.Content, "\n")
	if len(lines) > h {
		t.Errorf("%d lines in a window of %d×%d:\n%s", len(lines), w, h, d.screenText())
	}
	for _, l := range lines {
		if got := cells(l); got > max(w, 2) { // a Hangul letter is never halved
			t.Errorf("a line of %d cells in a window of %d×%d: %q", got, w, h, l)
		}
	}
	if v.Cursor != nil && (v.Cursor.X >= w || v.Cursor.Y >= h || v.Cursor.X < 0) {
		t.Errorf("cursor at %d,%d in a window of %d×%d", v.Cursor.X, v.Cursor.Y, w, h)
	}
}

func TestSmallWindowSaysSoAndComesBack(t *testing.T) {
	d := newDriver(t, "ko")
	d.size(59, 24)
	d.want("창이 작습니다 (59×24). 60×20 이상으로")
	d.size(60, 20)
	d.want("일반 메일", "최근 1분")
}

// TestAsciiHasNoDrawnCharacters: on a terminal that draws ambiguous characters
// two cells wide, or not at all, nothing but ASCII and Hangul may come.
func TestAsciiHasNoDrawnCharacters(t *testing.T) {
	for i, s := range screens {
		d := open(t, "ko", i)
		d.m.look = newLook(true, false)
		for _, r := range d.screenText() {
			hangul := r >= 0xAC00 && r <= 0xD7A3 || r >= 0x3131 && r <= 0x318E
			if r > 0x7e && !hangul {
				t.Errorf("%s shows %q (%U) in ASCII mode:\n%s", s.name, r, r, d.screenText())
				break
			}
		}
	}
}

func TestNoColorMeansNoColor(t *testing.T) {
	for i, s := range screens {
		d := open(t, "en", i)
		d.m.look = newLook(false, false)
		content := d.m.View().Content
		for _, color := range []string{"\x1b[3", ";3", "[4", "38;"} {
			for part := range strings.SplitSeq(content, "\x1b[") {
				sgr, _, ok := strings.Cut(part, "m")
				if ok && isColor(sgr) {
					t.Fatalf("%s: colour %q (%s) without colours", s.name, sgr, color)
				}
			}
		}
	}
}

func isColor(sgr string) bool {
	for p := range strings.SplitSeq(sgr, ";") {
		if len(p) == 2 && (p[0] == '3' || p[0] == '4' || p[0] == '9') {
			return true
		}
	}
	return false
}
