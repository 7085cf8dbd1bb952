package cli

import (
	"context"
	"strings"
	"testing"

	"pabal/campaign"
	"pabal/control"
	"pabal/sesclient/emulator"
	"pabal/spool"
)

// TestBouncesThatSESReportsBrakeACampaign is a bad list: the events of the
// emulator come through its queue, the campaign is paused with the numbers, also
// after a restart, and goes on when a person lets it.
func TestBouncesThatSESReportsBrakeACampaign(t *testing.T) {
	h := newHost(t, emulator.Options{Rate: 100, Quota: -1, Keep: -1, Events: emulator.EventOptions{Sets: []string{"main"}}}, "PABAL_SES_CONFIGURATION_SET=main")
	for _, variable := range h.env {
		if url, ok := strings.CutPrefix(variable, "PABAL_SES_ENDPOINT="); ok {
			h.env = append(h.env, "PABAL_FEEDBACK_SQS_QUEUE_URL="+emulator.QueueURL(url, "main"))
		}
	}
	if err := h.ses.SetFate(emulator.Fate{Match: "user0000", Events: []string{"Bounce"}}); err != nil { // the first ten
		t.Fatal(err)
	}
	p := h.serve()
	c := h.client()
	id := startCampaign(t, c, 600)
	ctx, cancel := context.WithTimeout(t.Context(), crashPatience)
	defer cancel()
	braked := untilStopped(ctx, t, c, id)
	if braked.State != spool.Paused || braked.Braked == nil || braked.Braked.Kind != spool.Bounced || braked.Pending == 0 {
		t.Fatalf("it is %s, %+v, %+v", braked.State, braked.Braked, braked.Counts)
	}
	h.stop(p)
	p = h.serve()
	if shown := h.pabal("campaign", "show", "1"); !strings.Contains(shown, "paused") || !strings.Contains(shown, "bounced for good") {
		t.Errorf("after a restart:\n%s", shown)
	}
	brakes := 1
	for braked.State == spool.Paused && brakes <= 2 { // what bounced before does not count again: each brake needs five of the ten
		if _, err := c.Resume(ctx, id); err != nil {
			t.Fatal(err)
		}
		if braked = untilStopped(ctx, t, c, id); braked.State == spool.Paused {
			brakes++
		}
	}
	if braked.State != spool.Done || braked.Accepted != 600 || braked.HardBounced != 10 {
		t.Errorf("in the end, after %d brakes: %s, %+v", brakes, braked.State, braked.Counts)
	}
	h.stop(p)
}

// untilStopped watches a campaign until it is paused or over.
func untilStopped(ctx context.Context, t *testing.T, c *control.Client, id uint64) (now campaign.Campaign) {
	t.Helper()
	for seen, err := range c.Watch(ctx, id) {
		if err != nil {
			t.Fatal(err)
		}
		if now = seen; now.State == spool.Paused {
			break
		}
	}
	return now
}
