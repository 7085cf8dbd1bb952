package spool

import (
	"context"
	"time"
)

// How long after a hold began it is probed, and how slow that gets.
const (
	outageProbe    = 5 * time.Second // doubling
	outageProbeMax = time.Minute
	quotaProbe     = 30 * time.Second // asks only our own window, costs SES nothing
	slowProbe      = time.Minute      // doubling: account, identity, configuration, credentials
	slowProbeMax   = 10 * time.Minute
)

func firstWait(c Class) time.Duration {
	switch c {
	case Outage, Network:
		return outageProbe
	case Quota:
		return quotaProbe
	}
	return slowProbe
}

func nextWait(c Class, wait time.Duration) time.Duration {
	switch c {
	case Outage, Network:
		return min(2*wait, outageProbeMax)
	case Quota:
		return quotaProbe
	}
	return min(2*wait, slowProbeMax)
}

// prober tests holds that end by themselves. An outage or trouble with account
// or credentials is asked of SES first; then, and for the rest at once, one
// message may pass, and its answer decides.
func (s *Spool) prober(ctx context.Context) {
	for {
		ripe, next := s.holds.due(time.Now())
		for _, h := range ripe {
			s.probe(ctx, h)
		}
		if len(ripe) > 0 {
			continue
		}
		if !wait(ctx, s.probes, next) {
			return
		}
	}
}

func (s *Spool) probe(ctx context.Context, h *holdState) {
	switch h.Class { // never changed once the hold is in the table
	case Outage, Network, Account, Credentials:
		if err := s.Pace.Probe(ctx); err != nil {
			s.holds.refused(claimed{h})
			return
		}
	}
	s.holds.open(h)
	s.kick(Transactional)
	s.kick(Bulk)
}

func (s *Spool) wakeProber() {
	select {
	case s.probes <- struct{}{}:
	default:
	}
}

// wait blocks until the channel is kicked, the time comes (zero: never) or ctx
// ends; it is false in the last case.
func wait(ctx context.Context, kicked <-chan struct{}, until time.Time) bool {
	var timer <-chan time.Time
	if !until.IsZero() {
		t := time.NewTimer(max(time.Until(until), 0))
		defer t.Stop()
		timer = t.C
	}
	select {
	case <-ctx.Done():
		return false
	case <-kicked:
	case <-timer:
	}
	return ctx.Err() == nil
}
