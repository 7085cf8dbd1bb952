package spool

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

// BenchmarkFeedback settles a campaign by its events, tagged and in order as SES
// reports them, then counts deliveries by SES id in any order: the worst case,
// a page for each.
func BenchmarkFeedback(b *testing.B) {
	const mails = 100_000
	for b.Loop() {
		b.StopTimer()
		s, err := Open(b.TempDir())
		if err != nil {
			b.Fatal(err)
		}
		if err := s.Begin(b.Context(), Ledger{Campaign: 1, FromDomain: "example.com", Expect: -1}); err != nil {
			b.Fatal(err)
		}
		for first := 1; first <= mails; first += MaxBatch {
			rows := make([]Row, MaxBatch)
			for i := range rows {
				rows[i].Subscriber = uint64(first + i)
			}
			if err := s.PutBatch(b.Context(), 1, rows, Mark{Subscriber: rows[MaxBatch-1].Subscriber, Done: first+MaxBatch > mails}); err != nil {
				b.Fatal(err)
			}
		}
		order := rand.New(rand.NewPCG(1, 2)).Perm(mails)
		b.StartTimer()
		for first := 0; first < mails; first += MaxBatch {
			batch := make([]Feedback, MaxBatch)
			for i := range batch {
				batch[i] = Feedback{SESID: longID(first + i), Tag: fmt.Sprintf("%s-1-%d-1", s.StoreID(), first+i+1)}
			}
			if _, err := s.Feedback(b.Context(), batch); err != nil {
				b.Fatal(err)
			}
		}
		settled := b.Elapsed()
		for first := 0; first < mails; first += MaxBatch {
			batch := make([]Feedback, MaxBatch)
			for i := range batch {
				batch[i] = Feedback{Kind: Delivered, SESID: longID(order[first+i])}
			}
			if _, err := s.Feedback(b.Context(), batch); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(mails/settled.Seconds(), "settled/s")
		b.ReportMetric(mails/(b.Elapsed()-settled).Seconds(), "delivered/s")
		b.StopTimer()
		if l, err := s.Ledger(1); err != nil || l.Accepted != mails || l.Delivered != mails || l.State != Done {
			b.Errorf("%+v %v", l, err)
		}
		if err := s.Close(); err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
	}
}

func longID(n int) string {
	return fmt.Sprintf("0100019a3b2c7d9a-%08x-5b6a-7988-a0b1-c2d3e4f50617-000000", n)
}
