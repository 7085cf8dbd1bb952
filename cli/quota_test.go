package cli

import (
	"context"
	"fmt"
	"net/smtp"
	"strings"
	"testing"
	"time"

	"pabal/control"
	"pabal/sesclient/emulator"
	"pabal/spool"
)

// TestQuotaIsFlownAndHeld uses the 24-hour quota of a small account up: the
// plan said so, the rest waits with the hour it goes, and an application's mail
// still leaves.
func TestQuotaIsFlownAndHeld(t *testing.T) {
	h := newHost(t, emulator.Options{Rate: 200, Quota: 100})
	p := h.serve()
	c, ctx := h.client(), t.Context()
	id := startCampaign(t, c, 120)
	plan, err := c.Plan(ctx, id)
	if err != nil || plan.Waits == 0 || plan.ResumesAt.IsZero() || plan.FiveMinutes {
		t.Errorf("plan %+v, %v", plan, err)
	}
	st := waitHeld(t, c)
	now, err := c.Campaign(ctx, id)
	if err != nil || now.Accepted != 95 || now.Pending != 25 || now.Unknown+now.Failed != 0 {
		t.Errorf("95 %% of the quota is for campaigns: %+v, %v", now.Counts, err)
	}
	hold := st.Held[0]
	if hold.Class != spool.Quota || hold.Reason == "" || time.Until(hold.Until) < 23*time.Hour || time.Until(hold.Until) > 25*time.Hour {
		t.Errorf("hold %+v", hold)
	}
	if err := smtp.SendMail(p.where.SMTP[0], nil, "erp@example.com", []string{"minji@example.net"}, []byte(demoApplication)); err != nil {
		t.Fatal(err)
	}
	d := &demo{ses: h.ses}
	if a, err := d.await(ctx, 95); err != nil || a.To[0] != "minji@example.net" {
		t.Errorf("the reserve is for applications: %+v, %v", a, err)
	}
	shown := h.pabal("campaign", "show", fmt.Sprint(id))
	for _, want := range []string{"running, on hold", "not sending       24-hour quota of 100 used up", "what to do", "goes on at about  " + hold.Until.In(zoneOf(t)).Format("2006-01-02 15:04")} {
		if !strings.Contains(shown, want) {
			t.Errorf("no %q in\n%s", want, shown)
		}
	}
	if _, plan, _ := strings.Cut(shown, "recipients "); !strings.Contains(plan, "quota used up") || !strings.Contains(plan, "go on ") {
		t.Errorf("the plan of what is left does not wait for the quota:\n%s", shown)
	}
	if list := h.pabal("campaign", "list"); !strings.Contains(list, "running, on hold") {
		t.Errorf("no hold in\n%s", list)
	}
	h.stop(p)
	p = h.serve() // it remembers what it sent, so it can still say when
	if st = waitHeld(t, c); !strings.Contains(st.Held[0].Reason, "frees at about ") || time.Until(st.Held[0].Until) < 23*time.Hour {
		t.Errorf("after a restart: %+v", st.Held[0])
	}
	h.stop(p)
}

func zoneOf(t *testing.T) *time.Location {
	t.Helper()
	zone, err := time.LoadLocation("Asia/Seoul")
	if err != nil {
		t.Fatal(err)
	}
	return zone
}

func waitHeld(t *testing.T, c *control.Client) spool.Status {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		st, err := c.SpoolStatus(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if len(st.Held) > 0 && st.Sending == 0 {
			return st
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("nothing was held: %+v", st)
		}
	}
}

// TestSandboxRefusesUnverifiedRecipientsBeforehand is a new account.
func TestSandboxRefusesUnverifiedRecipientsBeforehand(t *testing.T) {
	h := newHost(t, emulator.Options{Sandbox: true, Keep: -1})
	p := h.serve()
	c, ctx := h.client(), t.Context()
	id := draftCampaign(t, c, 3)
	pre, err := c.Preflight(ctx, id)
	if err != nil || !pre.Blocked {
		t.Fatalf("got %+v, %v", pre, err)
	}
	found := false
	for _, f := range pre.Findings {
		found = found || f.Rule == "sandbox_recipient" && f.Count == 3 && strings.Contains(strings.Join(f.Examples, " "), "user00000@example.net")
	}
	if !found {
		t.Errorf("findings %+v", pre.Findings)
	}
	if _, err := c.Start(ctx, id, -1); err == nil || len(h.ses.Accepted()) > 0 {
		t.Errorf("it was started: %v", err)
	}
	h.stop(p)
}

// TestSandboxTakesTwoHundredADay is a new account with all its quota for
// campaigns, its rate scaled from 1 to 200 a second: 200 go, and the one after
// them is held with the hour it goes, as the plan said.
func TestSandboxTakesTwoHundredADay(t *testing.T) {
	h := newHost(t, emulator.Options{Sandbox: true, Rate: 200, Keep: -1, Verified: []string{"example.net"}}, "PABAL_LANES_TRANSACTIONAL_QUOTA_RESERVE=0")
	p := h.serve()
	c, ctx := h.client(), t.Context()
	id := draftCampaign(t, c, 201)
	plan, err := c.Plan(ctx, id)
	if err != nil || plan.Waits != 1 || !plan.Sandbox || time.Until(plan.ResumesAt) < 23*time.Hour {
		t.Errorf("plan %+v, %v", plan, err)
	}
	if _, err := c.Start(ctx, id, 201); err != nil {
		t.Fatal(err)
	}
	st := waitHeld(t, c)
	now, err := c.Campaign(ctx, id)
	if err != nil || now.Accepted != 200 || now.Pending != 1 {
		t.Errorf("got %+v, %v", now.Counts, err)
	}
	if until := time.Until(st.Held[0].Until); until < 23*time.Hour || until > 25*time.Hour {
		t.Errorf("held until %v", st.Held[0].Until)
	}
	h.stop(p)
}
