package spool

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"testing"
	"time"

	"go.etcd.io/bbolt"
)

// plantRows writes rows as a campaign of old would have left them.
func plantRows(t testing.TB, s *Spool, campaign uint64, n int, row func(i int) Message) {
	t.Helper()
	for at := 0; at < n; at += MaxBatch {
		err := s.ledger.do(100*MaxBatch, func(tx *bbolt.Tx) error {
			b := tx.Bucket(bRows).Bucket(u64(campaign))
			b.FillPercent = 0.9
			for i := at; i < min(n, at+MaxBatch); i++ {
				m := row(i)
				if err := b.Put(u64(uint64(i+1)), appendRow(nil, &m)); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

func begun(t testing.TB, campaign uint64) *Spool {
	t.Helper()
	s, err := Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	if err := s.Begin(t.Context(), Ledger{Campaign: campaign, FromDomain: "example.com", Expect: -1}); err != nil {
		t.Fatal(err)
	}
	return s
}

func TestTallyCountsDomainsAndReasons(t *testing.T) {
	s := begun(t, 3)
	rows := []Message{
		{Outcome: Accepted, To: "a@Naver.com", SESID: sesID(1), Delivered: true, Opened: true, Clicked: true},
		{Outcome: Accepted, To: "b@naver.com", SESID: sesID(2), Bounced: true, News: "bounced Permanent/General 5.1.1: smtp; 550 5.1.1 <b@naver.com> unknown user 9281723"},
		{Outcome: Accepted, To: "c@gmail.com", SESID: sesID(3), Bounced: true, News: "bounced Permanent/General 5.1.1: smtp; 550 5.1.1 <c@gmail.com> unknown user 1111111", Also: []string{sesID(4)}, MaybeTwice: true},
		{Outcome: Failed, To: "d@daum.net", Reason: "MessageRejected: no"},
		{Outcome: Failed, Reason: damagedReason},
		{Outcome: Unknown, To: "e@gmail.com", Reason: "the answer was lost", MaybeTwice: true},
		{Outcome: Skipped, Reason: SkipUnsubscribed},
		{Outcome: Pending},
	}
	plantRows(t, s, 3, len(rows), func(i int) Message { return rows[i] })
	got, err := s.Tally(t.Context(), 3, 2)
	if err != nil {
		t.Fatal(err)
	}
	want := Tally{
		Domains: []DomainCount{{Domain: "gmail.com", Sent: 2, Accepted: 1, Unknown: 1, Bounced: 1},
			{Domain: "naver.com", Sent: 2, Accepted: 2, Delivered: 1, Bounced: 1, Opened: 1, Clicked: 1}, {Sent: 1, Failed: 1}},
		Failed:     []ReasonCount{{"MessageRejected: no", 1}, {damagedReason, 1}},
		Unknown:    []ReasonCount{{"the answer was lost", 1}},
		Bounced:    []ReasonCount{{"bounced Permanent/General 5.1.1: smtp; 550 5.1.1 … unknown user …", 2}},
		MaybeTwice: 2, SentTwice: 1,
	}
	if len(got.Twice) != 2 || got.Twice[0].To != "c@gmail.com" || got.Twice[1].To != "e@gmail.com" {
		t.Errorf("twice: %+v", got.Twice)
	}
	if got.Twice = nil; !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	if _, err := s.Tally(t.Context(), 4, 2); !errors.Is(err, ErrNotFound) {
		t.Errorf("of no campaign: %v", err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Tally(ended, 3, 2); !errors.Is(err, context.Canceled) {
		t.Errorf("nobody waits for it: %v", err)
	}
}

// More domains than fit: the large ones are found and counted exactly.
func TestTallyIsExactInBoundedMemory(t *testing.T) {
	w := newTallyWalk(100)
	again := newTallyWalk(100)
	walk := func(w *tallyWalk) {
		for i := range 20_000 {
			to := fmt.Sprintf("x@only-%d.example", i)
			if i%20 == 0 {
				to = fmt.Sprintf("x@large-%d.example", i/20%3)
			}
			m := Message{Outcome: Accepted, To: to}
			w.row(appendRow(nil, &m), 1, uint64(i+1))
			if n := len(w.domains.by); n > 100 {
				t.Fatalf("%d domains in memory", n)
			}
		}
	}
	walk(w)
	if !w.pruned() {
		t.Fatal("everything fitted: nothing was tried")
	}
	again.only(w, 3)
	walk(again)
	got := again.result(3).Domains
	want := []DomainCount{{Domain: "large-0.example", Sent: 334, Accepted: 334}, {Domain: "large-1.example", Sent: 333, Accepted: 333},
		{Domain: "large-2.example", Sent: 333, Accepted: 333}, {Sent: 19_000, Accepted: 19_000}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

func FuzzTallyRow(f *testing.F) {
	m := Message{Outcome: Accepted, To: "a@example.com", SESID: sesID(1), Bounced: true, News: "bounced", Also: []string{sesID(2)}}
	f.Add(appendRow(nil, &m))
	f.Add([]byte{1, 3, 0, 0})
	f.Fuzz(func(t *testing.T, row []byte) {
		w := newTallyWalk(10)
		w.row(row, 1, 1)
		if n := len(w.result(3).Domains); n > 1 {
			t.Errorf("one row, %d domains", n)
		}
	})
}

// BenchmarkTally walks a campaign of 1,000,000.
func BenchmarkTally(b *testing.B) {
	const rows = 1_000_000
	s := begun(b, 1)
	domains := []string{"naver.com", "naver.com", "gmail.com", "daum.net", "hanmail.net", "kakao.com", "nate.com", "outlook.com"}
	at := time.Now()
	plantRows(b, s, 1, rows, func(i int) Message {
		m := Message{Outcome: Accepted, At: at, Attempts: 1, To: fmt.Sprintf("customer%07d@%s", i, domains[i%len(domains)]), SESID: sesID(i), Delivered: true, Opened: i%5 == 0}
		switch {
		case i%50 == 0:
			m.Bounced, m.News = true, fmt.Sprintf("bounced Permanent/General 5.1.1: smtp; 550 5.1.1 <%s> user unknown", m.To)
		case i%100 == 1:
			m.To = fmt.Sprintf("someone@company-%d.example", i)
		}
		return m
	})
	for b.Loop() {
		if _, err := s.Tally(context.Background(), 1, 20); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(rows*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
}
