package cli

import (
	"context"
	"log/slog"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"pabal/campaign"
	"pabal/sesclient/emulator"
	"pabal/spool"
)

// TestClockJumpsAreNoticedAndSlewIsNot moves the wall clock against the time that
// passes: by hand, by NTP, and by a machine that slept.
func TestClockJumpsAreNoticedAndSlewIsNot(t *testing.T) {
	for name, c := range map[string]struct {
		by   time.Duration
		want int
	}{"an hour on": {time.Hour, 1}, "an hour back": {-time.Hour, 1}, "a year back": {-365 * 24 * time.Hour, 1},
		"NTP slews": {300 * time.Millisecond, 0}, "nothing": {0, 0}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, stop := context.WithCancel(t.Context())
				var moved, jumps atomic.Int64
				w := clockWatch{logger: slog.New(slog.DiscardHandler), jumped: func(context.Context) { jumps.Add(1) },
					wall: func() time.Time { return time.Now().Add(time.Duration(moved.Load())) }}
				ended := make(chan struct{})
				go func() { w.run(ctx); close(ended) }()
				pass(10*clockLook + clockLook/2)
				moved.Store(int64(c.by))
				pass(10 * clockLook)
				stop()
				<-ended
				if n := int(jumps.Load()); n != c.want {
					t.Errorf("the clock moved by %v: noticed %d times, want %d", c.by, n, c.want)
				}
			})
		})
	}
}

// TestAfterAClockJumpQuotaIsReadAnewAndNothingIsHeld has the parts of a daemon
// look anew while a hold is on that would be tested only in a minute.
func TestAfterAClockJumpQuotaIsReadAnewAndNothingIsHeld(t *testing.T) {
	inWorld(t, emulator.Options{Rate: 10, Quota: 1000, Verified: []string{"example.com"}}, func(t *testing.T, w *world) {
		d := &daemon{logger: slog.New(slog.DiscardHandler), spool: w.spool, ses: w.client, campaigns: &campaign.Store{}}
		pass(time.Second)
		if err := w.spool.Hold(t.Context(), spool.Hold{Scope: spool.ScopeAll, Class: spool.Account, Reason: "paused"}); err != nil {
			t.Error(err)
		}
		id := w.put("someone@example.net", 100)
		asked := w.ses.Calls("GetAccount")
		d.lookAnew(t.Context())
		if w.ses.Calls("GetAccount") == asked {
			t.Error("quota was not read anew")
		}
		pass(3 * time.Second)
		if m := w.message(id); m.Outcome != spool.Accepted {
			t.Errorf("the mail that waited is %s", m.Outcome)
		}
		d.lookAnew(t.Context())
		pass(time.Second)
		if held := w.spool.Holds(); len(held) > 0 {
			t.Errorf("a clock jump held %+v", held)
		}
	})
}
