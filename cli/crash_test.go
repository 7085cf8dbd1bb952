package cli

import (
	"context"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"pabal/audience"
	"pabal/campaign"
	"pabal/control"
	"pabal/sesclient/emulator"
	"pabal/spool"
)

const (
	crashPeople      = 5000
	crashKills       = 10
	crashConcurrency = 16
	crashRate        = 3000 // of the emulated account: the campaign takes two seconds and is hit in its middle
	crashLongest     = 250 * time.Millisecond
	crashPatience    = 90 * time.Second
)

// TestKillNineLosesNobodyAndListsEveryDoubt kills the daemon at random instants
// of one campaign and then accounts for every recipient against SES's log
// (P2, P3).
func TestKillNineLosesNobodyAndListsEveryDoubt(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	h := newHost(t, emulator.Options{Rate: crashRate, Quota: -1, Latency: 2 * time.Millisecond, Keep: -1},
		"PABAL_SES_CONCURRENCY=16", "PABAL_SES_RATE_SHARE=1")
	p := h.serve()
	id := startCampaign(t, h.client(), crashPeople)
	middle := 0
	for range crashKills {
		timer := time.NewTimer(time.Duration(random.Int64N(int64(crashLongest))))
		<-timer.C
		p.kill(t)
		if n := len(h.ses.Accepted()); n > 0 && n < crashPeople {
			middle++
		}
		p = h.serve()
	}
	if middle == 0 {
		t.Error("no kill hit the middle of the campaign: the test shows nothing")
	}
	ctx, cancel := context.WithTimeout(t.Context(), crashPatience)
	defer cancel()
	c := h.client()
	last := waitDone(ctx, t, c, id)
	account(ctx, t, c, last, h.ses.Accepted())
	h.stop(p)
}

// draftCampaign imports n people and makes a campaign to them.
func draftCampaign(t testing.TB, c *control.Client, n int) uint64 {
	t.Helper()
	ctx := t.Context()
	imported, err := c.Import(ctx, strings.NewReader(people(n)), audience.ImportOptions{Name: "people.csv"})
	if err != nil || imported.Accepted != int64(n) {
		t.Fatalf("imported %+v: %v", imported, err)
	}
	if _, err := c.PutTemplate(ctx, campaign.Template{Name: "hello", Subject: "{{Name}}님", HTML: `<p>{{Name}}님</p><a href="{{UnsubscribeURL}}">수신거부</a>`}); err != nil {
		t.Fatal(err)
	}
	made, err := c.CreateCampaign(ctx, campaign.Campaign{Name: "hello", Template: "hello"})
	if err != nil {
		t.Fatal(err)
	}
	return made.ID
}

func startCampaign(t testing.TB, c *control.Client, n int) uint64 {
	t.Helper()
	id := draftCampaign(t, c, n)
	if _, err := c.Start(t.Context(), id, int64(n)); err != nil {
		t.Fatal(err)
	}
	return id
}

func waitDone(ctx context.Context, t testing.TB, c *control.Client, id uint64) campaign.Campaign {
	t.Helper()
	var last campaign.Campaign
	for now, err := range c.Watch(ctx, id) {
		if err != nil {
			t.Fatal(err)
		}
		last = now
	}
	if last.State != spool.Done {
		t.Fatalf("campaign ended as %+v", last)
	}
	return last
}

// account proves the promises from the two books: the ledger and SES's log.
func account(ctx context.Context, t *testing.T, c *control.Client, last campaign.Campaign, log []emulator.Accepted) {
	t.Helper()
	if sum := last.Pending + last.Sending + last.Accepted + last.Failed + last.Skipped + last.Unknown; sum != last.Audience || last.Audience != crashPeople {
		t.Errorf("sums: %+v", last.Counts)
	}
	ids, times := map[string]string{}, map[string]int{}
	for _, a := range log {
		ids[a.ID] = a.To[0]
		times[a.To[0]]++
	}
	seen, doubtful := 0, map[string]bool{}
	for m, err := range c.Recipients(ctx, last.ID, "") {
		if err != nil {
			t.Fatal(err)
		}
		seen++
		doubtful[m.To] = m.Outcome == spool.Unknown || m.MaybeTwice
		switch m.Outcome {
		case spool.Accepted:
			if ids[m.SESID] != m.To {
				t.Errorf("%s is accepted as %q, which SES's log has for %q", m.To, m.SESID, ids[m.SESID])
			}
		case spool.Unknown:
		default:
			t.Errorf("%s ended as %s: %s", m.To, m.Outcome, m.Reason)
		}
	}
	if seen != crashPeople {
		t.Errorf("the ledger has %d recipients, want %d", seen, crashPeople)
	}
	twice := 0
	for email, n := range times {
		if n > 1 {
			twice += n - 1
			if !doubtful[email] {
				t.Errorf("%s got %d copies and is not listed", email, n)
			}
		}
	}
	if most := crashKills * crashConcurrency; twice > most || last.Unknown > int64(most) {
		t.Errorf("%d copies and %d unknown, at most %d calls were open at the kills", twice, last.Unknown, most)
	}
	report, err := c.Check(ctx)
	if err != nil || !report.Clean() {
		t.Errorf("check: %+v, %v", report, err)
	}
	t.Logf("accepted %d, unknown %d, copies %d", last.Accepted, last.Unknown, twice)
}
