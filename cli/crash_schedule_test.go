package cli

import (
	"context"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"pabal/campaign"
	"pabal/control"
	"pabal/sesclient/emulator"
	"pabal/spool"
)

const (
	scheduledStarts = 4
	scheduledPeople = 4000
	scheduledKills  = 3                      // of each: around its time, then at any step of what the next processes do
	killStep        = 100 * time.Millisecond // the first start is hit in the step before its time, others in the steps after
)

// scheduleSoon schedules a campaign for the next second but one and returns when that is.
func scheduleSoon(t testing.TB, c *control.Client, id uint64, people int64) time.Time {
	t.Helper()
	at := time.Now().Truncate(time.Second).Add(2 * time.Second)
	made, err := c.Schedule(t.Context(), id, campaign.ScheduleOrder{At: at.UTC().Format("2006-01-02 15:04:05"), Zone: "UTC", Expect: people})
	if err != nil || made.State != spool.Scheduled || !made.Schedule.Due.Equal(at) {
		t.Fatalf("scheduled as %s, %+v: %v", made.State, made.Schedule, err)
	}
	return at
}

// startedOnce fails when a campaign was started twice, or by nobody's order.
func startedOnce(t testing.TB, c campaign.Campaign) {
	t.Helper()
	starts := 0
	for _, act := range c.Acts {
		if act.What == "start" {
			starts++
		}
	}
	if starts != 1 || c.Schedule == nil || c.HeldFor != "" {
		t.Errorf("campaign %d has %d starts: %+v", c.ID, starts, c.Acts)
	}
}

// TestKillNineAroundAScheduledTimeStartsItOnce kills the daemon at random
// instants around the time of a scheduled start, and while the next processes
// make it good, and accounts for every recipient against SES's log.
func TestKillNineAroundAScheduledTimeStartsItOnce(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	h := newHost(t, emulator.Options{Rate: crashRate, Quota: -1, Latency: 2 * time.Millisecond, Keep: -1},
		"PABAL_SES_CONCURRENCY=16", "PABAL_SES_RATE_SHARE=1")
	p := h.serve()
	ctx, cancel := context.WithTimeout(t.Context(), crashPatience)
	defer cancel()
	first, mailed, unsent := draftCampaign(t, h.client(), scheduledPeople), 0, 0
	for n := range scheduledStarts {
		id := first
		if n > 0 {
			copied, err := h.client().CopyCampaign(ctx, first, "")
			if err != nil {
				t.Fatal(err)
			}
			id = copied.ID
		}
		due := scheduleSoon(t, h.client(), id, scheduledPeople)
		wait := time.Until(due) + time.Duration(n-1)*killStep + time.Duration(random.Int64N(int64(killStep)))
		for kill := range scheduledKills {
			if n == 1 && kill == 0 {
				h.awaitLog(ctx, "campaign started by its schedule") // sealed, and not frozen yet
			} else {
				<-time.NewTimer(wait).C
			}
			p.kill()
			if len(h.ses.Accepted()) == mailed {
				unsent++
			}
			p = h.serve()
			wait = time.Duration(random.Int64N(int64(crashLongest)))
		}
		last := waitDone(ctx, t, h.client(), id)
		log := h.ses.Accepted()
		a := newAudit(log, log)
		if err := a.campaign(ctx, h.client(), last); err != nil {
			t.Fatal(err)
		}
		for _, fault := range a.faults {
			t.Error(fault)
		}
		startedOnce(t, last)
		if last.Audience != scheduledPeople || last.Accepted+last.Unknown != scheduledPeople || a.twice > 0 || last.Unknown > scheduledKills*crashConcurrency {
			t.Errorf("campaign %d: %+v, %d copies", id, last.Counts, a.twice)
		}
		mailed = len(log)
	}
	if unsent == 0 {
		t.Error("no kill came before the first mail: the test shows nothing")
	}
	t.Logf("%d of %d kills came before the first mail", unsent, scheduledStarts*scheduledKills)
	if err := newAudit(nil, nil).sums(ctx, h.client()); err != nil {
		t.Fatal(err)
	}
	h.stop(p)
}

// awaitLog returns when the daemon has logged a text one more time.
func (h *host) awaitLog(ctx context.Context, text string) {
	h.t.Helper()
	logged := func() int {
		all, err := os.ReadFile(filepath.Join(h.dir, "stderr"))
		if err != nil {
			h.t.Fatal(err)
		}
		return strings.Count(string(all), text)
	}
	before := logged()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for logged() == before {
		select {
		case <-tick.C:
		case <-ctx.Done():
			h.t.Fatalf("%q was not logged: %v", text, ctx.Err())
		}
	}
}
