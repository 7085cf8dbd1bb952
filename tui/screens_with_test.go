package tui

import (
	"time"

	"pabal/alarm"
	"pabal/audience"
	"pabal/campaign"
	"pabal/sesclient"
	"pabal/spool"
	"pabal/syncer"
)

// withPulled is a template of pictures that came from SES.
func withPulled(f *fakeBackend) {
	t := &f.templates[0]
	t.Text, t.HTML = "", "<html><body>\n<h1>{{Name}}님, 환영합니다</h1>\n<p style=\"font-size:14px;color:#333333;line-height:1.6\">무신상회에 가입해 주셔서 감사합니다. 첫 구매에 쓸 수 있는 쿠폰을 드립니다.</p>\n<img src=\"images/hero.png\" alt=\"환영\">\n</body></html>"
	t.Images = []campaign.Image{{Name: "images/hero.png", Bytes: 88_210, URL: "https://mail.example.com/i/ab.png"}, {Name: "images/쿠폰.png", Missing: true}}
	t.PulledAt = testNow.Add(-time.Hour)
	t.Changes = []campaign.TemplateChange{{Part: "html", Line: 41, Was: `href="{{amazonSESUnsubscribeUrl}}"`, Is: `href="{{UnsubscribeURL}}"`}, {Part: "html", Line: 57, Was: `href="#"`, Is: `href="{{UnsubscribeURL}}"`}}
}

// withEverything is a day on which all goes wrong at once.
func withEverything(f *fakeBackend) {
	withHolds(f)
	withTable(f)
	deaf(f)
	withAlarms(f)
	f.sync.State, f.sync.Code, f.sync.Error, f.sync.Hint = "failing", syncer.CodeUnreachable, "the server cannot be reached", "check it"
	f.status.Store = spool.Disk{FreeBytes: 41 << 20, ReserveBytes: 79 << 20, NearlyFull: true}
}

func withAlarms(f *fakeBackend) {
	f.amiss = []alarm.Domain{
		{Name: "shop.example.net", Since: testNow.Add(-3 * time.Hour), Findings: f.senders[1].Findings},
		{Name: "example.com", Since: testNow.Add(-time.Hour), Findings: f.senders[1].Findings[:2]},
		{Name: "slow.example.org", Since: testNow.Add(-26 * time.Hour), Error: "ask 192.0.2.53:53: i/o timeout"},
	}
}

func deaf(f *fakeBackend) {
	f.heard = &sesclient.FeedbackStatus{Source: sesclient.SourceNone, BadNewsOnly: true}
}

func withTable(f *fakeBackend) {
	f.sync = &syncer.Status{Source: "the table shop.users", State: "idle", LastGood: testNow.Add(-7 * time.Minute), LastFull: testNow.Add(-11 * time.Hour), Next: testNow.Add(3 * time.Minute),
		Warnings: []string{"the account may write to the database: one that may only read is safer"},
		Last: syncer.Result{Read: 1_000_123, Subscribed: 900_100, Refused: 99_000, Unclear: 1_000, Invalid: 23, Took: 31 * time.Second, Full: true,
			SyncResult: audience.SyncResult{Created: 12, Updated: 340, Removed: 4, KeptOut: 17},
			Rejects:    []syncer.Reject{{ID: "8812", Reason: "no @ in \"kim.example.com\""}}}}
}

func withBlocked(f *fakeBackend) {
	f.blocked = map[string]*audience.Suppression{"customer002@example.com": {Email: "customer002@example.com", Reason: "bounce", At: testNow.Add(-time.Hour), Detail: "550 5.1.1 no such user"}}
	f.people[1].TopicsOff, f.people[1].Frequency, f.people[1].Language = []string{"sale", "old"}, "weekly", "ko"
	f.history, f.mails = nil, nil
}

func toAudience(d *driver) { d.press("n", "enter") }
func toText(d *driver)     { toAudience(d); d.press("t") }
func toContent(d *driver)  { toAudience(d); d.press("n") }

// toRows builds two conditions.
func toRows(d *driver) {
	toAudience(d)
	d.press("enter", "down", "enter", "enter", "down", "enter") // gender is female
	d.press("enter")
	d.typeText("Grade")
	d.press("enter", "enter")
	d.typeText("VIP")
	d.press("enter")
}
func toPreview(d *driver) {
	toContent(d)
	d.typeText("환영 메일")
	d.press("ctrl+s")
}

// toSchedule fills the form for noon, in the daytime of weekdays.
func toSchedule(d *driver) {
	toStart(d)
	d.press("s", "down", "ctrl+u")
	d.typeText("12:00")
	d.press("down", "down")
	d.typeText("09-20")
	d.press("down", "right", "down")
}

// toAttached attaches both files of the inbox.
func toAttached(d *driver) {
	toContent(d)
	d.press("f2", "n", "enter", "n", "down", "enter")
}

func toStart(d *driver) { toPreview(d); d.press("enter", "enter") }

func withHolds(f *fakeBackend) {
	f.status.OldestSeconds = 1380
	f.status.PerSecond = 0
	f.status.Held = []spool.Hold{
		{Scope: spool.LaneScope(spool.Bulk), Class: spool.Quota, Reason: "Daily message quota exceeded", Since: testNow.Add(-20 * time.Minute), Until: testNow.Add(2 * time.Hour)},
		{Scope: spool.FromScope("example.org"), Class: spool.Identity, Reason: "Email address is not verified", Hint: "verify it", Since: testNow.Add(-3 * time.Minute), Manual: true},
	}
	f.ses.Sandbox = true
}

// withHeldMail is a running campaign that the quota keeps from sending.
func withHeldMail(f *fakeBackend) {
	withHolds(f)
	for i := range f.campaigns {
		if f.campaigns[i].State == spool.Running {
			f.campaigns[i].Hold, f.campaigns[i].ETA = &f.status.Held[0], time.Time{}
		}
	}
}

func withBlock(f *fakeBackend) {
	f.preflight.Blocked = true
	f.preflight.Findings = append([]campaign.Finding{
		{Rule: "missing_value", Level: campaign.Block, Final: true, Name: "Coupon", What: "no value for Coupon", How: "set it", Count: 12, Examples: []string{"customer004@example.com"}},
		{Rule: "no_unsubscribe", Level: campaign.Block, What: "there is no unsubscribe link", How: "add one"},
	}, f.preflight.Findings...)
}

func withLargePlan(f *fakeBackend) {
	f.plan = campaign.Plan{Campaign: 9, Recipients: 182400, Rate: 12.6, Seconds: 4 * 24 * 3600, Start: testNow, End: testNow.Add(96 * time.Hour), AtLatest: true, WithinFive: 3780,
		QuotaAt: testNow.Add(time.Hour), Waits: 132400, ResumesAt: testNow.Add(23 * time.Hour), Sandbox: true, Cost: 18.24, Currency: "USD", PricePer: 0.1,
		Notes: []campaign.PlanNote{{Code: campaign.NoteQuotaWaits, Count: 50000, Waits: 132400, Limit: 50000, At: testNow.Add(23 * time.Hour)}, {Code: campaign.NoteFiveMissed, Count: 3780, Rate: 12.6},
			{Code: campaign.NoteSandbox}, {Code: campaign.NoteWindowBreaks, Name: "09:00-20:00 mon-fri", Count: 4}, {Code: campaign.NoteBrakeBlind}}}
	for i := range 10 {
		f.plan.Tenths = append(f.plan.Tenths, testNow.Add(time.Duration(i+1)*9*time.Hour))
	}
}

// withScheduled is a draft that is scheduled for tomorrow.
func withScheduled(f *fakeBackend) {
	c := &f.campaigns[0]
	c.State, c.Window = spool.Scheduled, &spool.Window{Hours: "09:00-20:00", Days: "mon-fri", Zone: "Asia/Seoul"}
	c.Schedule = &campaign.Schedule{Wall: "2026-11-23 10:00", Zone: "Asia/Seoul", Due: testNow.Add(20 * time.Hour), Expect: 183}
	f.plan.Start, f.plan.End = c.Schedule.Due, c.Schedule.Due.Add(15*time.Second)
}

func withHeldStart(f *fakeBackend) {
	withScheduled(f)
	f.campaigns[0].State, f.campaigns[0].HeldFor, f.campaigns[0].Reason = spool.Held, campaign.HeldGrown, "183 recipients were confirmed, now there are 410"
}

func withBraked(f *fakeBackend) {
	c := &f.campaigns[2]
	c.State, c.Reason = spool.Paused, "brake"
	c.Braked = &spool.Braked{At: testNow, Kind: spool.Bounced, Count: 41, Of: 500, First: true, Percent: 8.2, Limit: 5}
}

// withDead has mails that people did something to.
func withDead(f *fakeBackend) {
	acts := []spool.Act{{At: testNow.Add(-2 * time.Hour), By: "minji", What: "retry"}, {At: testNow.Add(-time.Hour), By: "minji", What: "edit", Reason: "sent as q95"}}
	f.queued = append(f.queued,
		spool.Message{ID: "q50", From: "erp@example.com", To: "typo@naver.exmaple", Subject: "세금계산서 11월", Outcome: spool.Failed, Attempts: 2, Reason: "discarded: sent to another address as q95: MessageRejected: no", At: testNow.Add(-5 * time.Hour), Received: testNow.Add(-6 * time.Hour), Acts: acts},
		spool.Message{ID: "q51", From: "", To: "ops@example.com", Subject: "백업 보고", Outcome: spool.Failed, Attempts: 1, Reason: "MessageRejected: Email address is not verified", At: testNow.Add(-3 * time.Minute), Received: testNow.Add(-4 * time.Minute), Size: 900})
}
