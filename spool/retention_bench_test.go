package spool

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"go.etcd.io/bbolt"
)

// BenchmarkPutBesideRetention is how long a lone mail of 1 KB waits for its
// commit, alone and while retention goes through old mails and an old campaign:
// the median and the hundredth slowest, and rows removed a second.
func BenchmarkPutBesideRetention(b *testing.B) {
	for _, beside := range []bool{false, true} {
		b.Run(fmt.Sprintf("removing=%v", beside), func(b *testing.B) {
			s := begun(b, 1)
			old := time.Now().AddDate(0, 0, -100)
			const n = 200_000
			plantRows(b, s, 1, n, func(i int) Message {
				return Message{Outcome: Accepted, At: old, To: fmt.Sprintf("s%d@example.com", i), SESID: fmt.Sprintf("0100019a3b2c%04x-1f2e3d4c-5b6a-7988-a0b1-%012x-000000", i%65536, i*7919)}
			})
			plantOver(b, s, 1, n, old)
			ctx, stop := context.WithCancel(b.Context())
			var done Removal
			ended := make(chan error, 1)
			began := time.Now()
			if beside {
				go func() {
					var err error
					done, err = s.Remove(ctx, Retention{History: old.AddDate(0, 0, 1)}, false)
					ended <- err
				}()
			}
			body := make([]byte, 1024)
			var took []time.Duration
			for b.Loop() {
				at := time.Now()
				if _, err := s.Put(b.Context(), Envelope{From: "a@example.com", FromDomain: "example.com", To: []string{"b@example.com"}}, body); err != nil {
					b.Fatal(err)
				}
				took = append(took, time.Since(at))
			}
			span := time.Since(began)
			stop()
			if beside {
				<-ended
				b.ReportMetric(float64(done.Rows)/span.Seconds(), "rows/s")
			}
			slices.Sort(took)
			b.ReportMetric(float64(took[len(took)/2].Microseconds()), "µs-p50")
			b.ReportMetric(float64(took[len(took)*99/100].Microseconds()), "µs-p99")
		})
	}
}

// plantOver makes the header say that the planted rows were accepted long ago.
func plantOver(b *testing.B, s *Spool, campaign uint64, n int64, at time.Time) {
	b.Helper()
	err := s.ledger.do(0, func(tx *bbolt.Tx) error {
		l, err := s.ledgerSums().header(campaign)
		if err == nil {
			l.State, l.FrozenAt, l.Ended, l.First = Done, at, at, at
			l.Audience, l.Accepted = n, n
		}
		return err
	})
	if err != nil {
		b.Fatal(err)
	}
}
