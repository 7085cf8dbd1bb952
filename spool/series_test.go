package spool

import (
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"go.etcd.io/bbolt"

	"pabal/store"
)

func (b *bench) series(campaign uint64) Series {
	b.t.Helper()
	l, s, err := b.Series(campaign)
	if err != nil {
		b.t.Fatal(err)
	}
	if s.Sum() != l.Happened() {
		b.t.Errorf("the series sums up to %+v, the counters say %+v", s.Sum(), l.Happened())
	}
	return s
}

// Every slot follows the one before it without a gap, and a time falls into the
// slot that spans it.
func TestSlotsOfASeriesLieEndToEnd(t *testing.T) {
	start := time.Date(2026, 11, 2, 0, 0, 0, 0, time.UTC)
	next := int64(0)
	for slot := uint16(0); slot <= slotLater; slot++ {
		after, length := span(slot)
		if after != next {
			t.Fatalf("slot %d begins after %d s, want %d", slot, after, next)
		}
		next = after + length
		if p := (Point{After: after, Span: length}); p.Slot() != int(slot) {
			t.Errorf("the point after %d s is in slot %d, want %d", after, p.Slot(), slot)
		}
		for _, at := range []int64{after, after + max(length, 1) - 1} {
			if got := slotOf(start, start.Add(time.Duration(at)*time.Second)); got != slot {
				t.Errorf("%d s after the start is in slot %d, want %d", at, got, slot)
			}
		}
	}
	if next != 90*86400 {
		t.Errorf("the last slot begins after %d s, want 90 days", next)
	}
	for _, at := range []time.Time{start.Add(-time.Hour), {}} {
		if slot := slotOf(start, at); slot != 0 {
			t.Errorf("before the start is slot %d", slot)
		}
	}
	if slot := slotOf(start, start.Add(10*365*24*time.Hour)); slot != slotLater {
		t.Errorf("ten years on is slot %d", slot)
	}
}

// Feedback of random kinds, in random order, repeated, by its own time: the
// sums are the counters, as Check proves too.
func TestSeriesSumsUpToTheCounters(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 1))
	inBubble(t, func(t *testing.T, b *bench) {
		lost(b)
		b.freeze(3, 200)
		b.run()
		after(time.Minute)
		b.sender.fn = nil
		if _, err := b.Resend(t.Context(), 3, Unknown); err != nil {
			t.Fatal(err)
		}
		after(time.Minute)
		first := b.state(3).First
		for range 40 {
			events := make([]Feedback, random.IntN(50)+1)
			for i := range events {
				n := random.IntN(200) + 1
				events[i] = Feedback{Kind: FeedbackKind(random.IntN(int(Clicked) + 1)), SESID: b.message(fmt.Sprintf("c3-%d", n)).SESID,
					When: first.Add(time.Duration(random.Int64N(int64(100 * 24 * time.Hour))))}
				if random.IntN(4) == 0 { // the copy whose answer was lost
					events[i].SESID, events[i].Tag = sesID(5000+n), fmt.Sprintf("%s-3-%d-1", b.StoreID(), n)
				}
			}
			b.feed(events...)
			after(time.Duration(random.Int64N(int64(12 * time.Hour))))
			b.series(3)
		}
		b.proved()
	})
}

func TestFeedbackStandsInTheSeriesWhenItHappened(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		b.freeze(3, 2)
		b.run()
		after(time.Minute)
		first := b.state(3).First
		one, two := b.message("c3-1").SESID, b.message("c3-2").SESID
		after(3 * time.Hour)
		b.feed(Feedback{Kind: Delivered, SESID: one, When: first.Add(90 * time.Second)},
			Feedback{Kind: Opened, SESID: one},                                   // now
			Feedback{Kind: Bounced, SESID: two, When: first.Add(99 * time.Hour)}) // a clock that is ahead
		b.feed(Feedback{Kind: Delivered, SESID: one, When: first.Add(10 * time.Second)}) // a copy changes nothing
		want := []Point{{After: 0, Span: 60, Happened: Happened{Accepted: 2}}, {After: 60, Span: 60, Happened: Happened{Delivered: 1}},
			{After: 3 * 3600, Span: 3600, Happened: Happened{Opened: 1, Bounced: 1}}}
		if s := b.series(3); !reflect.DeepEqual(s.Points, want) || !s.Start.Equal(first) || s.Undated != (Happened{}) {
			t.Errorf("got  %+v\nwant %+v", s, want)
		}
	})
}

type noSums struct{}

func (noSums) Begin(*bbolt.Tx)       {}
func (noSums) Flush(*bbolt.Tx) error { return nil }
func (noSums) Publish()              {}
func (noSums) Abandon() error        { return nil }

// A ledger of the pabal before: acceptances get the time of their rows, what SES
// said none; the sums hold.
func TestAnOldLedgerGetsItsSeries(t *testing.T) {
	dir := t.TempDir()
	first := time.Date(2026, 11, 2, 0, 0, 0, 0, time.UTC)
	old, err := store.Open(filepath.Join(dir, LedgerFile), store.Options{Kind: "ledger",
		Buckets:    slices.DeleteFunc(slices.Clone(ledgerBuckets), func(b []byte) bool { return string(b) == "series" }),
		Migrations: []func(*bbolt.Tx) error{addOrphans}})
	if err != nil {
		t.Fatal(err)
	}
	old.Start(noSums{})
	err = old.Do(t.Context(), store.Job{Apply: func(tx *bbolt.Tx) error {
		if err := tx.Bucket(bHeaders).Put(u64(3), fmt.Appendf(nil, `{"campaign":3,"state":"done","first":%q,"frozen_at":%q,"audience":3,"accepted":2,"failed":1,"delivered":2,"opened":1}`,
			first.Format(time.RFC3339), first.Format(time.RFC3339))); err != nil {
			return err
		}
		rows, err := tx.Bucket(bRows).CreateBucket(u64(3))
		if err != nil {
			return err
		}
		for i, m := range []Message{{Outcome: Accepted, At: first, Delivered: true, Opened: true}, {Outcome: Accepted, At: first.Add(61 * time.Second), Delivered: true},
			{Outcome: Failed, At: first, Reason: "no"}} {
			if err := rows.Put(u64(uint64(i+1)), appendRow(nil, &m)); err != nil {
				return err
			}
		}
		return nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	if err := old.Close(); err != nil {
		t.Fatal(err)
	}
	s, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	_, got, err := s.Series(3)
	if err != nil {
		t.Fatal(err)
	}
	want := Series{Start: first, Undated: Happened{Delivered: 2, Opened: 1}, Points: []Point{
		{After: 0, Span: 60, Happened: Happened{Accepted: 1}}, {After: 60, Span: 60, Happened: Happened{Accepted: 1}}}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	if faults := offline(t, s, dir); len(faults) > 0 {
		t.Errorf("after the migration: %q", faults)
	}
}

func TestCheckFindsASeriesThatDoesNotSumUp(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		b.freeze(3, 2)
		b.run()
		after(time.Minute)
		b.halt()
		if err := b.ledger.do(64, func(tx *bbolt.Tx) error { return tx.Bucket(bSeries).Put(seriesSlot{3, Sent, 0}.key(), u64(7)) }); err != nil {
			t.Fatal(err)
		}
		r, err := b.Check(t.Context())
		if want := "campaign 3: accepted: its series sums up to 7, the counters say 2"; err != nil || !slices.ContainsFunc(r.Faults, func(f string) bool { return strings.Contains(f, want) }) {
			t.Errorf("faults %q %v, want %q", r.Faults, err, want)
		}
	})
}
