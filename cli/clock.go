package cli

import (
	"context"
	"log/slog"
	"time"
)

const (
	clockLook  = time.Second     // between two looks
	clockSlack = 2 * time.Second // the wall clock may move so much more or less than the time that passed
)

// clockWatch notices that the clock on the wall was set, or that the machine
// slept: then what was reckoned by the time that passed is off. In a sleep the
// process's own time stands still (CLOCK_MONOTONIC), and timers are late by it.
type clockWatch struct {
	logger *slog.Logger
	wall   func() time.Time      // nil means time.Now
	jumped func(context.Context) // looks at everything anew
}

// run looks every second until ctx ends.
func (w *clockWatch) run(ctx context.Context) {
	wall := w.wall
	if wall == nil {
		wall = time.Now
	}
	tick := time.NewTicker(clockLook)
	defer tick.Stop()
	begun, last := time.Now(), wall().Round(0)
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		now, at := time.Now(), wall().Round(0)
		if by := at.Sub(last) - now.Sub(begun); by.Abs() > clockSlack {
			w.logger.Warn("clock jumped", "jump", by)
			w.jumped(ctx)
			now, at = time.Now(), wall().Round(0)
		}
		begun, last = now, at
	}
}

// lookAnew asks SES for quota and rate, and has the drain look at what is due and
// at its holds. It holds nothing: the worst is a look too many.
func (d *daemon) lookAnew(ctx context.Context) {
	d.campaigns.ClockMoved()
	if _, err := d.ses.Account(ctx, 0); err != nil && ctx.Err() == nil {
		d.logger.Warn("quota was not read after the clock jumped", "err", err)
	}
	d.spool.ClockMoved()
}
