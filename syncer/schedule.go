package syncer

import (
	"context"
	"time"
)

// The wait after a failure grows from firstWait to mostWait.
const (
	firstWait = 15 * time.Second
	mostWait  = 10 * time.Minute
)

// Run syncs on the timer until ctx ends, and returns nil then. A failure is in
// Status and in the log, and is tried again.
func (s *Syncer) Run(ctx context.Context) error {
	for {
		next := s.next()
		s.change(func(st *Status) { st.Next = next })
		timer := time.NewTimer(next.Sub(s.now()))
		select {
		case <-ctx.Done():
			timer.Stop()
			return nil
		case <-s.kick: // somebody else had it sync: the next time is another
			timer.Stop()
			continue
		case <-timer.C:
		}
		if s.due() {
			_, _ = s.Sync(ctx, Order{}) // kept in Status
		}
	}
}

// due reports whether the time of next has come: somebody else may have asked
// for a sync meanwhile.
func (s *Syncer) due() bool { return !s.next().After(s.now()) }

// next is when the next sync on the timer is.
func (s *Syncer) next() time.Time {
	st := s.Status()
	if st.Failures > 0 {
		return st.LastTry.Add(wait(st.Failures, s.config.every()))
	}
	if st.LastGood.IsZero() {
		return s.now()
	}
	if s.config.At == "" {
		return st.LastGood.Add(s.config.every())
	}
	return daily(st.LastGood.In(s.config.zone()), s.config.At)
}

// wait is how long to wait after so many failures in a row.
func wait(failures int, every time.Duration) time.Duration {
	d := firstWait << min(failures-1, 10)
	return min(d, mostWait, max(every, firstWait))
}

// daily is the first time of day "15:04" after an instant, in its zone.
func daily(after time.Time, at string) time.Time {
	clock, _ := time.Parse("15:04", at) // checked by Config.Check
	for day := 0; ; day++ {
		t := time.Date(after.Year(), after.Month(), after.Day()+day, clock.Hour(), clock.Minute(), 0, 0, after.Location())
		if t.After(after) {
			return t
		}
	}
}
