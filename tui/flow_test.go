package tui

import (
	"errors"
	"net"
	"strings"
	"testing"

	tea "charm.land/bubbletea/v2"

	"pabal/campaign"
	"pabal/eml"
	"pabal/spool"
)

func TestWizardStartsWithTheNumberShown(t *testing.T) {
	d := newDriver(t, "ko")
	d.press("n")
	d.want("보낼 템플릿을 고르세요", "welcome")
	d.press("enter")
	d.want("200", "183", "수신 거부 12")
	d.press("t")
	d.typeText(`tag("vip2026")`)
	d.want("세는 중")
	d.press("enter") // not yet counted: nothing happens
	d.want("누구에게")
	d.rest()
	d.wantCalls("Count", "Count  ", `Count tag("vip2026") `)
	d.press("enter")
	d.want("Grade", "Body")
	d.typeText("환영 메일")
	d.press("enter", "enter", "enter", "right")
	d.want("‹ 세일 소식 ›", "← → 고르기")
	d.typeText("x") // a topic is chosen, not typed
	d.press("enter", "enter")
	d.typeText("반갑습니다")
	d.press("ctrl+j")
	d.typeText("끝")
	d.press("enter")
	d.wantCalls("CreateCampaign", `CreateCampaign 환영 메일|welcome|tag("vip2026")||sale|map[Body:반갑습니다`+"\n"+`끝]`)
	d.want("customer001@example.com", "1/183")
	d.press("n")
	d.want("customer002@example.com", "2/183")
	d.press("p", "p")
	d.want("customer001@example.com", "1/183", "이전 사람: 다른 사람 없음")
	d.press("enter")
	d.want("주의 1")
	d.press("enter")
	d.want("받는 사람     183")
	d.press("enter")
	d.want("183명에게 메일을 보냅니다")
	d.wantCalls("Start")
	d.press("y")
	d.wantCalls("Start", "Start expect=183 9")
	d.want("183명에게 보내기 시작했습니다", "캠페인 9")
	d.press("esc")
	d.want("겨울 신상품 안내") // the list, not the wizard
}

func TestLargeStartNeedsTheNumberTyped(t *testing.T) {
	d := newDriver(t, "en", withLargePlan)
	toStart(d)
	d.press("enter", "y", "enter")
	d.want("another number")
	for _, wrong := range []string{"182401", "18240", "1824000", "-182400", "182.400", ""} {
		d.press("ctrl+u")
		d.typeText(wrong)
		d.press("enter")
		d.want("another number")
	}
	d.wantCalls("Start")
	d.press("ctrl+u")
	d.typeText("182,400")
	d.wantCalls("Start")
	d.press("enter")
	d.wantCalls("Start", "Start expect=182400 9")
}

func TestAnsweringNoStartsNothing(t *testing.T) {
	d := newDriver(t, "en")
	toStart(d)
	d.press("enter", "n")
	d.want("Recipients    183")
	d.press("enter", "esc", "esc", "esc")
	d.wantCalls("Start")
}

func TestNothingStartsTwice(t *testing.T) {
	d := newDriver(t, "en")
	toStart(d)
	d.press("enter")
	_, first := d.m.Update(keyOf("y"))
	_, second := d.m.Update(keyOf("y"))
	d.run(first)
	d.run(second)
	d.wantCalls("Start", "Start expect=183 9")
}

func TestFailedStartSaysWhyAndCanBeTriedAgain(t *testing.T) {
	d := newDriver(t, "en")
	toStart(d)
	d.press("enter")
	d.back.down = errors.New("preflight blocks: the sender is not verified")
	d.press("y")
	d.want("the sender is not verified", "This mails 183 people")
	d.back.down = nil
	d.press("y")
	d.want("Started: 183 recipients")
}

func TestBlockedPreflightStopsTheWizard(t *testing.T) {
	d := newDriver(t, "ko", withBlock)
	toPreview(d)
	d.press("enter", "enter")
	d.want("보내기 전 점검", "막는 항목을 먼저 고치세요", "예: customer004@example.com", "12명은 Coupon 값이 없습니다")
	d.wantCalls("Plan")
	d.press("o") // the field that is missing
	d.want("고쳐야만 보낼 수 있음")
	d.back.preflight.Findings = d.back.preflight.Findings[2:]
	d.press("r", "enter")
	d.want("발송 계획과 확인")
}

func TestBlockIsOverriddenWithATypedReason(t *testing.T) {
	d := newDriver(t, "ko", withBlock)
	d.back.preflight.Findings = d.back.preflight.Findings[1:]
	toPreview(d)
	d.press("enter", "enter")
	d.want("막는 항목을 먼저 고치세요")
	d.press("o")
	d.typeText("그냥")
	d.press("enter")
	d.want("까닭을 5자 이상")
	d.typeText(" 안내 메일이라서")
	d.press("enter")
	d.want("넘김", "까닭: 그냥 안내 메일이라서")
	d.press("o", "enter") // taken back
	d.want("막는 항목을 먼저 고치세요")
	d.press("o")
	d.typeText("약관 안내 메일이라서")
	d.press("enter", "enter", "enter")
	d.want("넘김: 수신 거부 링크가 없습니다 (약관 안내 메일이라서)")
	d.press("y")
	d.wantCalls("Start", "Start expect=183 over no_unsubscribe: 약관 안내 메일이라서 9")
}

func TestBlockAtTheStartIsSaidInKorean(t *testing.T) {
	d := newDriver(t, "ko")
	toStart(d)
	d.press("enter")
	d.back.down = &eml.Problem{What: "preflight blocks: no_unsubscribe", Err: campaign.ErrBlocked}
	d.press("y")
	d.want("점검에서 막혔습니다. Esc로 점검 단계로", "no_unsubscribe")
}

func TestUnknownRuleIsShownInItsOwnWords(t *testing.T) {
	d := newDriver(t, "ko")
	toPreview(d)
	d.press("enter", "down")
	d.want("the mail is just under Gmail's 102 KB clip", "→ leave out an image")
}

func TestGoingBackEditsTheSameDraft(t *testing.T) {
	d := newDriver(t, "en")
	toPreview(d)
	d.press("esc")
	d.want("환영 메일")
	d.typeText("!")
	d.press("ctrl+s")
	if got := d.back.asked("CreateCampaign"); len(got) != 1 {
		t.Fatalf("drafts made: %q, want one", got)
	}
	d.wantCalls("EditCampaign", "EditCampaign 9 환영 메일! map[]")
}

func TestDraftIsTakenUpAgain(t *testing.T) {
	d := newDriver(t, "ko")
	d.press("2", "enter")
	d.want("겨울 신상품 안내", "Body")
	d.press("ctrl+s")
	d.wantCalls("EditCampaign", "EditCampaign 5 겨울 신상품 안내 map[]")
	d.want("이렇게 받습니다")
}

func TestTestMailGoesToOneAddress(t *testing.T) {
	d := newDriver(t, "en")
	toPreview(d)
	d.press("t", "enter")
	d.wantCalls("TestCampaigns")
	d.typeText("me@example.com, boss@example.com")
	d.press("enter")
	d.wantCalls("TestCampaigns", "TestCampaigns 9 customer001@example.com me@example.com,boss@example.com")
	d.want("on their way: 2", "This is what they get")
}

func TestPauseResumeCancelAskFirst(t *testing.T) {
	for _, c := range []struct{ at, key, answer, call string }{
		{"running", "p", "y", "Pause 3"}, {"running", "p", "n", ""}, {"running", "p", "esc", ""},
		{"running", "x", "y", "Cancel 3"}, {"running", "r", "y", ""}, // r does nothing while it runs
		{"running", "ㅔ", "ㅛ", "Pause 3"}, // the input method is on
	} {
		d := newDriver(t, "en")
		d.press("2", "down", "down", "enter", c.key)
		if c.key != "r" {
			d.want("77 people")
		}
		d.press(c.answer)
		var got []string
		for _, word := range []string{"Pause", "Cancel", "Resume"} {
			got = append(got, d.back.asked(word)...)
		}
		if strings.Join(got, ",") != c.call {
			t.Errorf("key %s, answer %s: calls %q, want %q", c.key, c.answer, got, c.call)
		}
		d.want("회원 가입 환영") // back at the campaign
	}
}

func TestUnavailableKeySaysWhy(t *testing.T) {
	d := newDriver(t, "en")
	d.press("2", "down", "down", "enter")
	d.want("w hours")
	d.wantNot("(r resume)") // there is no room for it
	d.size(100, 24)
	d.want("(r resume)")
	d.press("r")
	d.want("› r resume: running")
	d.press("?")
	d.want("resume (not now: running)")
}

func TestResumeOfManyNeedsTheNumber(t *testing.T) {
	d := newDriver(t, "en")
	d.press("2", "down", "enter", "r")
	d.typeText("y")
	d.press("enter", "ctrl+u")
	d.wantCalls("Resume")
	d.typeText("70480")
	d.press("enter")
	d.wantCalls("Resume", "Resume 4")
}

func TestReleaseTakesTheChosenHold(t *testing.T) {
	d := newDriver(t, "en", withHolds)
	d.press("r", "down", "r") // two are held: which?
	d.want("domain example.org", "74 waiting mails")
	d.press("y")
	d.wantCalls("Release", "Release from:example.org")
}

func TestOldestMailIsAlarmedPastFiveMinutes(t *testing.T) {
	for _, c := range []struct {
		seconds int64
		alarm   bool
	}{{0, false}, {300, false}, {301, true}} {
		d := newDriver(t, "en", func(f *fakeBackend) { f.status.OldestSeconds = c.seconds })
		if got := strings.Contains(d.screenText(), "over 5 min)"); got != c.alarm {
			t.Errorf("oldest %d s: alarm %v, want %v", c.seconds, got, c.alarm)
		}
	}
}

func TestBrokenConnectionIsShownAndHeals(t *testing.T) {
	for _, tab := range []string{"1", "2", "3", "4"} {
		d := newDriver(t, "ko")
		d.press(tab)
		before := d.screenText()
		d.back.down = &net.OpError{Op: "dial", Net: "unix", Err: errors.New("connection refused")}
		d.press("1", tab) // every screen asks anew when it opens
		d.want("연결 끊김", "14:00:00부터")
		d.back.down = nil
		d.tick()
		d.want("● 연결됨")
		d.wantNot("14:00:00부터")
		if tab != "1" && d.screenText() != before {
			t.Errorf("tab %s after the connection healed:\n%s\nwant:\n%s", tab, d.screenText(), before)
		}
	}
}

func TestLiveCampaignHealsAfterALostStream(t *testing.T) {
	d := newDriver(t, "en")
	d.press("2", "down", "down", "enter")
	d.back.down = &net.OpError{Op: "dial", Net: "unix", Err: errors.New("connection refused")}
	d.tick()
	d.want("not connected")
	d.back.down = nil
	d.back.campaigns[2].State = spool.Done
	d.tick()
	d.want("● connected", "✓ done")
	n := len(d.back.asked("Watch"))
	d.tick()
	if got := len(d.back.asked("Watch")); got != n {
		t.Errorf("a campaign that is done is still watched: %d streams, want %d", got, n)
	}
}

func TestProblemShowsWhatToDo(t *testing.T) {
	d := newDriver(t, "en")
	d.press("2", "down", "down", "enter", "p")
	d.back.down = &eml.Problem{What: "campaign 3 cannot be paused because somebody else has just ended it from another window", Hint: "look at it again with: pabal campaign show 3"}
	d.press("y")
	d.want("pabal campaign show 3", "! campaign 3 cannot")
	fits(t, d, 80, 24)
}

func TestNewestEventStandsFirst(t *testing.T) {
	d := newDriver(t, "en")
	if text := d.screenText(); strings.Index(text, "c3-118") > strings.Index(text, "c3-109") || !strings.Contains(text, "Campaign 3") {
		t.Errorf("events, the newest last:\n%s", text)
	}
}

func TestLedgerFilterNarrows(t *testing.T) {
	d := newDriver(t, "en")
	d.press("2", "down", "down", "enter", "enter")
	d.want("42 rows")
	d.press("/")
	d.typeText("customer04")
	d.press("enter")
	d.want("9 rows")
	d.press("/", "esc")
	d.want("42 rows")
	d.press("tab")
	d.want("1 rows", "550 Address blacklisted")
	d.wantCalls("Recipients", "Recipients 3 accepted", "Recipients 3 accepted", "Recipients 3 accepted", "Recipients 3 failed")
}

func TestLettersGoIntoAnOpenField(t *testing.T) {
	d := newDriver(t, "en")
	d.press("3", "/")
	d.typeText("q?n12")
	d.want("q?n12", "No such subscriber")
	if d.quit {
		t.Fatal("q in a field left the program")
	}
	d.press("esc", "q")
	if !d.quit {
		t.Fatal("q did not leave")
	}
}

func TestHelpOpensAndCloses(t *testing.T) {
	d := newDriver(t, "en")
	d.press("?")
	d.want("Keys now: Home")
	d.press("down", "down", "down", "esc")
	d.wantNot("Keys now")
}

func TestPasteGoesToTheField(t *testing.T) {
	d := newDriver(t, "ko")
	toContent(d)
	d.send(tea.PasteMsg{Content: "봄 세일\n"})
	d.press("tab", "tab", "tab", "tab", "tab")
	d.send(tea.PasteMsg{Content: "한 줄\r\n두 줄"})
	d.want("봄 세일", "한 줄↵두 줄")
	d.press("ctrl+s")
	d.wantCalls("CreateCampaign", "CreateCampaign 봄 세일|welcome||||map[Body:한 줄\n두 줄]")
}

func TestResendAsksFirstAndOnlyWhereSomethingFailed(t *testing.T) {
	d := newDriver(t, "en")
	d.press("2", "down", "down", "enter", "enter") // the ledger of those accepted
	d.press("s")
	d.want("send again: none failed, none unknown")
	d.press("y")
	d.wantCalls("Resend")
	d.press("tab") // of those that failed
	d.press("s")
	d.want("1 people, to them only")
	d.press("y")
	d.wantCalls("Resend", "Resend failed 3")
	d.press("tab", "tab", "s") // of the unknown
	d.want("may get it twice")
}
