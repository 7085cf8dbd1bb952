package cli

import (
	"context"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"pabal/sesclient/emulator"
	"pabal/spool"
)

const (
	heardPeople  = 2000
	heardKills   = 6
	heardLongest = 400 * time.Millisecond
)

// TestKillNineSettlesEveryUnknownThatSESHas kills the daemon at random instants
// of a campaign whose events come twice, in any order and partly undeleted, and
// compares every row with what SES did: who is in SES's log is accepted and
// heard of once, whoever is not is still unknown.
func TestKillNineSettlesEveryUnknownThatSESHas(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	h := newHost(t, emulator.Options{Rate: crashRate, Quota: -1, Latency: 2 * time.Millisecond, Keep: -1,
		Events: emulator.EventOptions{Sets: []string{"main"}, Duplicate: 3, Shuffle: true, FailDelete: 7, Visibility: time.Second}},
		"PABAL_SES_CONCURRENCY=16", "PABAL_SES_RATE_SHARE=1", "PABAL_SES_CONFIGURATION_SET=main", "PABAL_BRAKE_BOUNCE_PERCENT=0")
	for _, variable := range h.env {
		if url, ok := strings.CutPrefix(variable, "PABAL_SES_ENDPOINT="); ok {
			h.env = append(h.env, "PABAL_FEEDBACK_SQS_QUEUE_URL="+emulator.QueueURL(url, "main"))
		}
	}
	if err := h.ses.SetFate(emulator.Fate{Match: "7@", Events: []string{"Bounce"}}); err != nil { // a tenth
		t.Fatal(err)
	}
	p := h.serve()
	id := startCampaign(t, h.client(), heardPeople)
	for range heardKills {
		timer := time.NewTimer(time.Duration(random.Int64N(int64(heardLongest))))
		<-timer.C
		p.kill()
		p = h.serve()
	}
	ctx, cancel := context.WithTimeout(t.Context(), crashPatience)
	defer cancel()
	c := h.client()
	waitDone(ctx, t, c, id)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for waiting, flying := h.ses.Queued("main"); waiting+flying > 0; waiting, flying = h.ses.Queued("main") {
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("%d events wait and %d are not deleted\n%s", waiting, flying, h.log())
		}
	}
	has := map[string]string{} // address -> SES id
	for _, a := range h.ses.Accepted() {
		if has[a.To[0]] != "" {
			t.Errorf("%s was mailed twice", a.To[0])
		}
		has[a.To[0]] = a.ID
	}
	var bounced, delivered, unknown int64
	for m, err := range c.Recipients(ctx, id, "") {
		if err != nil {
			t.Fatal(err)
		}
		dead := strings.Contains(m.To, "7@")
		switch {
		case has[m.To] == "":
			unknown++
			if m.Outcome != spool.Unknown {
				t.Errorf("SES does not have it: %+v", m)
			}
		case m.Outcome != spool.Accepted || m.SESID != has[m.To] || len(m.Also) > 0 || m.Bounced != dead || m.Delivered == dead:
			t.Errorf("SES has it as %s: %+v", has[m.To], m)
		case dead:
			bounced++
		default:
			delivered++
		}
	}
	last, err := c.Campaign(ctx, id)
	if err != nil {
		t.Fatal(err)
	}
	if last.Unknown != unknown || last.Bounced != bounced || last.Delivered != delivered || bounced == 0 {
		t.Errorf("counters %+v; the rows: %d unknown, %d bounced, %d delivered", last.Counts, unknown, bounced, delivered)
	}
	if report, err := c.Check(ctx); err != nil || !report.Clean() {
		t.Errorf("%v %v", report.All(), err)
	}
	t.Logf("%d unknown that SES does not have", unknown)
	h.stop(p)
}
