package control

import (
	"context"
	"errors"
	"strings"
	"testing"

	"pabal/audience"
	"pabal/campaign"
	"pabal/spool"
)

// ready is a rig with a few people and a template.
func ready(t *testing.T) *rig {
	t.Helper()
	r := newRig(t)
	r.server.Campaigns.Settings = campaign.Settings{From: "shop@example.com", Company: "Shop", LoopbackSES: true, PublicURL: "http://127.0.0.1:1"}
	r.server.Campaigns.Accounts = facts{}
	if _, err := r.Import(t.Context(), strings.NewReader(csvOf(5)), audience.ImportOptions{Name: "x.csv"}); err != nil {
		t.Fatal(err)
	}
	if _, err := r.PutTemplate(t.Context(), campaign.Template{Name: "hello", Subject: "{{Name}}님", HTML: `<p>{{Body}}</p><a href="{{UnsubscribeURL}}">x</a>`}); err != nil {
		t.Fatal(err)
	}
	return r
}

// facts is an account that may send everything.
type facts struct{}

func (facts) Facts(context.Context) (campaign.AccountFacts, error) {
	return campaign.AccountFacts{MaxSendRate: 10, Max24Hour: 1000, SendingEnabled: true, RateShare: 0.9, QuotaShare: 0.95}, nil
}

func (facts) Verified(context.Context, string) (bool, error) { return true, nil }

func TestCampaignLivesAcrossTheSocket(t *testing.T) {
	r, ctx := ready(t), t.Context()
	made, err := r.CreateCampaign(ctx, campaign.Campaign{Name: "first", Template: "hello", Values: map[string]string{"Body": "one"}})
	if err != nil || made.State != spool.Draft {
		t.Fatalf("got %+v, %v", made, err)
	}
	made.Values["Body"] = "<둘> & 셋"
	if _, err := r.EditCampaign(ctx, made); err != nil {
		t.Fatal(err)
	}
	letter, err := r.Preview(ctx, made.ID, "user000001@example.net")
	if err != nil || letter.Subject != "고객1님" || !strings.Contains(letter.HTML, "&lt;둘&gt; &amp; 셋") {
		t.Errorf("got %+v, %v", letter, err)
	}
	_, err = r.Preview(ctx, made.ID, "nobody@example.net")
	wantProblem(t, err, "no subscriber has the address nobody@example.net", "", audience.ErrNotFound)
	p, err := r.Preflight(ctx, made.ID)
	if err != nil || p.Blocked || p.Audience.Mailable != 5 {
		t.Fatalf("got %+v, %v", p, err)
	}
	plan, err := r.Plan(ctx, made.ID)
	if err != nil || plan.Recipients != 5 {
		t.Errorf("got %+v, %v", plan, err)
	}
	if _, err := r.Pause(ctx, made.ID); !errors.Is(err, campaign.ErrState) {
		t.Errorf("a draft was paused: %v", err)
	}
	started, err := r.Start(ctx, made.ID, 5)
	if err != nil || started.State != spool.Running || started.Audience != 5 {
		t.Fatalf("got %+v, %v", started, err)
	}
	if paused, err := r.Pause(ctx, made.ID); err != nil || paused.State != spool.Paused {
		t.Errorf("got %+v, %v", paused, err)
	}
	if resumed, err := r.Resume(ctx, made.ID); err != nil || resumed.State != spool.Running {
		t.Errorf("got %+v, %v", resumed, err)
	}
	if cancelled, err := r.Cancel(ctx, made.ID); err != nil || cancelled.State != spool.Cancelled || cancelled.Skipped != 5 {
		t.Errorf("got %+v, %v", cancelled, err)
	}
	rows, err := collect(r.Recipients(ctx, made.ID, "skipped"))
	if err != nil || len(rows) != 5 || rows[0].Outcome != spool.Skipped || rows[0].Lane != spool.Bulk {
		t.Errorf("got %+v, %v", rows, err)
	}
	seen := 0
	for now, err := range r.Watch(ctx, made.ID) {
		if err != nil || now.State != spool.Cancelled {
			t.Errorf("got %+v, %v", now, err)
		}
		seen++
	}
	if seen == 0 {
		t.Error("a campaign that has ended shows nothing")
	}
	all, err := r.Campaigns(ctx)
	if err != nil || len(all) != 1 || all[0].Skipped != 5 {
		t.Errorf("got %+v, %v", all, err)
	}
}

func TestHeldCampaignKeepsItsReason(t *testing.T) {
	r, ctx := ready(t), t.Context()
	made, err := r.CreateCampaign(ctx, campaign.Campaign{Template: "hello", Values: map[string]string{"Body": "x"}})
	if err != nil {
		t.Fatal(err)
	}
	held, err := r.Start(ctx, made.ID, 4)
	if err == nil && (held.State != spool.Held || held.Reason == "") {
		t.Errorf("5 people, 4 confirmed: %+v", held)
	}
}

func TestBlockedStartSaysWhy(t *testing.T) {
	r, ctx := ready(t), t.Context()
	made, err := r.CreateCampaign(ctx, campaign.Campaign{Template: "hello"})
	if err != nil {
		t.Fatal(err)
	}
	_, err = r.Start(ctx, made.ID, -1)
	wantProblem(t, err, "", "", campaign.ErrBlocked)
}

func TestBrokenTemplateNamesLineAndColumnAndStoresNothing(t *testing.T) {
	r, ctx := newRig(t), t.Context()
	_, err := r.PutTemplate(ctx, campaign.Template{Name: "bad", Subject: "x", HTML: "<p>\n {{#if Name}}x"})
	wantProblem(t, err, "line 2", "", nil)
	all, err := r.Templates(ctx)
	if err != nil || len(all) != 0 {
		t.Errorf("got %v, %v", all, err)
	}
}

func TestWatchEndsWhenTheDaemonStops(t *testing.T) {
	r, ctx := ready(t), t.Context()
	made, err := r.CreateCampaign(ctx, campaign.Campaign{Template: "hello", Values: map[string]string{"Body": "x"}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.Start(ctx, made.ID, 5); err != nil {
		t.Fatal(err)
	}
	var last error
	for _, err := range r.Watch(ctx, made.ID) {
		last = err
		go r.stop() // stops once; the watch must not keep it from it
	}
	if last == nil {
		t.Error("the end of the daemon was taken for the end of the campaign")
	}
}

func TestHoldsAreSetAndReleased(t *testing.T) {
	r, ctx := newRig(t), t.Context()
	if _, err := r.Hold(ctx, "lane:bulk", "점검"); err != nil {
		t.Fatal(err)
	}
	holds, err := r.Holds(ctx)
	if err != nil || len(holds) != 1 || !holds[0].Manual || holds[0].Reason != "점검" || holds[0].Class != spool.Operator {
		t.Errorf("got %+v, %v", holds, err)
	}
	st, err := r.SpoolStatus(ctx)
	if err != nil || len(st.Held) != 1 {
		t.Errorf("got %+v, %v", st, err)
	}
	if err := r.Release(ctx, "lane:bulk"); err != nil {
		t.Fatal(err)
	}
	wantProblem(t, r.Release(ctx, "lane:bulk"), "nothing is held", "pabal status", spool.ErrNotFound)
	for scope, good := range map[spool.Scope]bool{"all": true, "lane:bulk": true, "lane:x": false, "from:example.com": true, "from:Example.com": false,
		"from:a@example.com": false, "campaign:7": true, "campaign:x": false, "configuration_set:main": true, "": false, "all:x": false} {
		if got := checkScope(scope) == nil; got != good {
			t.Errorf("%q: good is %v, want %v", scope, got, good)
		}
	}
}

func TestQueuedMailIsShownDiscardedAndTraced(t *testing.T) {
	r, ctx := newRig(t), t.Context()
	body := "Subject: x\r\n\r\nhello\r\n"
	ids, err := r.server.Spool.Put(ctx, spool.Envelope{From: "a@example.com", FromDomain: "example.com", To: []string{"b@example.com", "c@example.com"},
		Subject: "한글", MessageID: "m1@example.com"}, []byte(body))
	if err != nil {
		t.Fatal(err)
	}
	all, err := collect(r.Messages(ctx, "pending"))
	if err != nil || len(all) != 2 || all[0].Subject != "한글" {
		t.Fatalf("got %+v, %v", all, err)
	}
	var out strings.Builder
	if err := r.Body(ctx, ids[0], &out); err != nil || out.String() != body {
		t.Errorf("got %q, %v", out.String(), err)
	}
	for query, want := range map[string]int{"b@example.com": 1, "m1@example.com": 2, "nobody@example.com": 0} {
		found, err := collect(r.Trace(ctx, query))
		if err != nil || len(found) != want {
			t.Errorf("%s: got %d, %v, want %d", query, len(found), err, want)
		}
	}
	if m, err := r.Discard(ctx, ids[0]); err != nil || m.Outcome.String() == "pending" {
		t.Errorf("got %+v, %v", m, err)
	}
	if _, err := r.Retry(ctx, ids[1]); !errors.Is(err, spool.ErrState) {
		t.Errorf("a pending message was retried: %v", err)
	}
	if report, err := r.Check(ctx); err != nil || !report.Clean() || report.Messages == 0 {
		t.Errorf("got %+v, %v", report, err)
	}
}
