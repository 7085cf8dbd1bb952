package cli

import (
	"context"
	"errors"
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
		p.kill()
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
	log := h.ses.Accepted()
	a := newAudit(log, log)
	if err := errors.Join(a.campaign(ctx, c, last), a.sums(ctx, c)); err != nil {
		t.Fatal(err)
	}
	for _, fault := range a.faults {
		t.Error(fault)
	}
	if last.Audience != crashPeople || last.Accepted+last.Unknown != crashPeople {
		t.Errorf("not everybody was mailed: %+v", last.Counts)
	}
	if most := crashKills * crashConcurrency; a.twice > 0 || last.Unknown > int64(most) {
		t.Errorf("%d copies in a lane that leaves lost answers, %d unknown: at most %d calls were open at the kills", a.twice, last.Unknown, most)
	}
	t.Logf("accepted %d, unknown %d, copies %d", last.Accepted, last.Unknown, a.twice)
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
