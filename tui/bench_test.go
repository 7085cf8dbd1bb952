package tui

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"pabal/audience"
	"pabal/spool"
)

// BenchmarkKeyToScreen is one key through Update and View on every screen,
// with as many rows as the screens keep of a million subscribers; p99-ms is to
// stay under 5 on a machine that does nothing else.
func BenchmarkKeyToScreen(b *testing.B) {
	for i, s := range screens {
		b.Run(s.name, func(b *testing.B) {
			d := openLarge(b, i)
			took := make([]time.Duration, 0, b.N)
			for n := range b.N {
				key := keyOf([]string{"down", "up", "pgdown", "end", "home"}[n%5])
				begun := time.Now()
				d.m.Update(key)
				d.m.View()
				took = append(took, time.Since(begun))
			}
			slices.Sort(took)
			b.ReportMetric(float64(took[len(took)/2])/1e6, "p50-ms")
			b.ReportMetric(float64(took[len(took)*99/100])/1e6, "p99-ms")
		})
	}
}

// openLarge is a screen over full lists.
func openLarge(b *testing.B, i int) *driver {
	d := newDriver(b, "ko", func(f *fakeBackend) {
		if screens[i].set != nil {
			screens[i].set(f)
		}
		for n := range 5000 {
			p := f.people[n%60]
			p.ID, p.Email = uint64(100+n), fmt.Sprintf("large%07d@example.com", n)
			f.people = append(f.people, p)
			f.rows = append(f.rows, spool.Message{ID: fmt.Sprintf("c3-%d", 100+n), Lane: spool.Bulk, Campaign: 3, To: p.Email, Outcome: spool.Accepted, Delivered: true})
			f.mails = append(f.mails, f.rows[len(f.rows)-1])
			f.queued = append(f.queued, spool.Message{ID: fmt.Sprintf("q%d", 100+n), To: p.Email, From: "shop@example.com", Subject: "주문 확인", Outcome: spool.Pending, Attempts: 1, Reason: "454 Temporary service failure"})
			f.suppressed = append(f.suppressed, audience.Suppression{Email: p.Email, Reason: "bounce", At: testNow})
			if n < 100 { // as many as are asked for
				f.values = append(f.values, audience.FieldValue{Value: p.Email, Count: 1})
			}
		}
		for n := range 20 {
			f.senders = append(f.senders, newFake(testNow).senders[n%4])
			f.status.Held = append(f.status.Held, spool.Hold{Scope: spool.CampaignScope(uint64(n)), Class: spool.Quota, Reason: "Daily message quota exceeded"})
		}
		f.count = audience.Count{Selected: 1_000_000, Mailable: 900_000, Skipped: map[string]int64{"unsubscribed": 100_000}}
	})
	screens[i].goTo(d)
	return d
}
