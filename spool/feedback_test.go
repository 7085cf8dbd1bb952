package spool

import (
	"context"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"pabal/store"
)

func sesID(n int) string {
	return fmt.Sprintf("0100019a3b2c%04x-1f2e3d4c-5b6a-7988-a0b1-%012x-000000", n, n)
}

func (b *bench) feed(events ...Feedback) FeedbackResult {
	b.t.Helper()
	r, err := b.Feedback(b.t.Context(), events)
	if err != nil {
		b.t.Fatal(err)
	}
	return r
}

// lost makes a sender whose answers are lost.
func lost(b *bench) {
	b.sender.fn = func(context.Context, *Message, int) error {
		return &SendError{Class: Ambiguous, Text: "the answer was lost"}
	}
}

func TestFeedbackIsCountedOnce(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		b.freeze(3, 2)
		b.run()
		after(time.Minute)
		m := b.message("c3-1")
		for _, kind := range []FeedbackKind{Delivered, Opened, Opened, Clicked, MachineOpened, Delivered, Delayed} {
			b.feed(Feedback{Kind: kind, SESID: m.SESID})
		}
		r := b.feed(Feedback{Kind: Complained, SESID: m.SESID, News: "complained: abuse"}, Feedback{Kind: Complained, SESID: m.SESID})
		if r != (FeedbackResult{Heard: 1, Repeated: 1}) {
			t.Errorf("a complaint and its copy: %+v", r)
		}
		l := b.state(3)
		got := [...]int64{l.Accepted, l.Delivered, l.Delayed, l.Bounced, l.Complained, l.Opened, l.MachineOpened, l.Clicked}
		if want := [...]int64{2, 1, 1, 0, 1, 1, 1, 1}; got != want {
			t.Errorf("counters %v, want %v", got, want)
		}
		if m = b.message("c3-1"); m.Outcome != Accepted || m.News != "complained: abuse" || !m.Heard(Clicked) || m.Heard(Bounced) {
			t.Errorf("row: %+v", m)
		}
		b.proved()
	})
}

func TestFeedbackSettlesUnknown(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		lost(b)
		b.freeze(3, 2)
		b.run()
		after(time.Minute)
		b.halt()
		if l := b.state(3); l.Unknown != 2 || l.State != Done {
			t.Fatalf("before: %+v", l)
		}
		r := b.feed(Feedback{Kind: Bounced, SESID: sesID(7), Tag: b.StoreID() + "-3-1-1", News: "bounced: 550 5.1.1"})
		if r.Settled != 1 || r.Heard != 1 {
			t.Errorf("result: %+v", r)
		}
		m := b.message("c3-1")
		if m.Outcome != Accepted || m.SESID != sesID(7) || !m.Bounced || m.Reason != "" || m.Attempts != 1 {
			t.Errorf("row: %+v", m)
		}
		if l := b.state(3); l.Unknown != 1 || l.Accepted != 1 || l.Bounced != 1 {
			t.Errorf("after: %+v", l.Counts)
		}
		if found, err := b.Find(t.Context(), sesID(7), nil); err != nil || len(found) != 1 || found[0].ID != "c3-1" {
			t.Errorf("trace by the SES id: %v %v", found, err)
		}
		b.proved()
	})
}

// What was sent again after a lost answer, and SES accepted both.
func TestBothCopiesOfALostAnswerAreListed(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		lost(b)
		b.freeze(3, 1)
		b.run()
		after(time.Minute)
		b.sender.fn = nil
		if n, err := b.Resend(t.Context(), 3, Unknown); n != 1 || err != nil {
			t.Fatal(n, err)
		}
		after(time.Minute)
		second := b.message("c3-1").SESID
		b.feed(Feedback{Kind: Delivered, SESID: sesID(0), Tag: b.StoreID() + "-3-1-1"})
		m := b.message("c3-1")
		if !reflect.DeepEqual(m.sesIDs(), []string{sesID(0), second}) || m.Attempts != 2 || !m.MaybeTwice {
			t.Errorf("row: %+v", m)
		}
		if l := b.state(3); l.SentTwice != 1 || l.Accepted != 1 {
			t.Errorf("counters: %+v", l.Counts)
		}
		for _, id := range m.sesIDs() { // each is found, and further feedback on each
			if r := b.feed(Feedback{Kind: Opened, SESID: id}); r.Heard+r.Repeated != 1 {
				t.Errorf("feedback on %s: %+v", id, r)
			}
		}
		b.proved()
	})
}

// A mail of an application waits to be sent again when SES says that it has it.
func TestFeedbackSparesTheSecondCopy(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		b.RetryDelays = []time.Duration{time.Hour}
		lost(b)
		id := b.put("a@example.com")[0]
		b.run()
		after(time.Minute)
		if m := b.message(id); m.Outcome != Pending || !m.MaybeTwice {
			t.Fatalf("before: %+v", m)
		}
		b.feed(Feedback{Kind: Sent, SESID: sesID(5), Tag: b.StoreID() + "-0-1-1"})
		after(3 * time.Hour)
		m := b.message(id)
		if m.Outcome != Accepted || m.MaybeTwice || b.sender.count(id) != 1 {
			t.Errorf("%d calls, %+v", b.sender.count(id), m)
		}
		b.proved()
	})
}

func TestFeedbackBeforeTheAnswerIsKept(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		first := sesID(1) // what the sender will answer
		r := b.feed(Feedback{Kind: Delivered, SESID: first}, Feedback{Kind: Bounced, SESID: sesID(999)})
		if r != (FeedbackResult{Kept: 2}) || b.Orphans() != 2 {
			t.Fatalf("kept: %+v, %d orphans", r, b.Orphans())
		}
		b.freeze(3, 1)
		b.run()
		after(time.Minute)
		if m := b.message("c3-1"); m.SESID != first || !m.Delivered {
			t.Errorf("row: %+v", m)
		}
		if l := b.state(3); l.Delivered != 1 {
			t.Errorf("counters: %+v", l.Counts)
		}
		b.proved()
		after(orphanLife + 2*orphansEvery)
		if n := b.Orphans(); n != 0 {
			t.Errorf("%d orphans after a week", n)
		}
		b.proved()
	})
}

// With our tag the row is known before the answer is.
func TestFeedbackDuringTheCallDecidesALostAnswer(t *testing.T) {
	for _, answer := range []error{nil, &SendError{Class: Ambiguous, Text: "lost"}, &SendError{Class: Permanent, Text: "no"}} {
		inBubble(t, func(t *testing.T, b *bench) {
			b.sender.fn = func(_ context.Context, m *Message, _ int) error {
				b.feed(Feedback{Kind: Delivered, SESID: sesID(1), Tag: m.Tag})
				return answer
			}
			b.freeze(3, 1)
			b.run()
			after(time.Minute)
			m := b.message("c3-1")
			if m.Outcome != Accepted || m.SESID != sesID(1) || len(m.Also) > 0 || m.MaybeTwice || !m.Delivered || b.sender.total() != 1 {
				t.Errorf("answer %v: %d calls, %+v", answer, b.sender.total(), m)
			}
			b.proved()
		})
	}
}

func TestForeignAndHopelessFeedbackIsCounted(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		r := b.feed(Feedback{SESID: sesID(1), Tag: "otherone-3-1-1"}, Feedback{SESID: sesID(1), Tag: "news-letter"},
			Feedback{SESID: sesID(1), Tag: b.StoreID() + "-3-1"}, Feedback{SESID: sesID(2), Known: true},
			Feedback{}, Feedback{SESID: strings.Repeat("x", maxSESID+1)})
		if r != (FeedbackResult{Foreign: 4, Dropped: 2}) || b.Orphans() != 0 {
			t.Errorf("%+v, %d orphans", r, b.Orphans())
		}
		b.orphans(Bulk).max, b.orphans(Transactional).max = 2, 2
		r = b.feed(Feedback{SESID: "a"}, Feedback{SESID: "b"}, Feedback{SESID: "c"}, Feedback{SESID: "a", Kind: Bounced})
		if r != (FeedbackResult{Kept: 3, Dropped: 1}) || b.Orphans() != 2 {
			t.Errorf("over the bound: %+v, %d orphans", r, b.Orphans())
		}
		if _, err := b.Feedback(t.Context(), make([]Feedback, MaxBatch+1)); err == nil {
			t.Error("a batch over the bound was taken")
		}
	})
}

// A ledger restored from a backup knows less than SES.
func TestFeedbackMendsARestoredLedger(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		b.freeze(3, 2)
		b.feed(Feedback{Kind: Delivered, SESID: sesID(50), Tag: b.StoreID() + "-3-1-2"})
		b.run()
		after(time.Minute)
		if m := b.message("c3-1"); m.Outcome != Accepted || m.Attempts != 2 || b.sender.count("c3-1") != 0 {
			t.Errorf("%d calls, %+v", b.sender.count("c3-1"), m)
		}
		if l := b.state(3); l.State != Done || l.Accepted != 2 {
			t.Errorf("header: %+v", l)
		}
		b.proved()
	})
}

// The sums hold on when somebody is erased, and nothing of them comes back.
func TestFeedbackOnAnErasedRowIsCountedWithoutItsWords(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		b.freeze(3, 1)
		b.run()
		after(time.Minute)
		if _, err := b.Blank(t.Context(), 1, is("s1@example.com")); err != nil {
			t.Fatal(err)
		}
		b.feed(Feedback{Kind: Bounced, SESID: b.message("c3-1").SESID, News: "bounced: no such user"})
		if m := b.message("c3-1"); !m.Bounced || m.News != "" || m.To != "" || !m.Erased {
			t.Errorf("%+v", m)
		}
		if l := b.state(3); l.Bounced != 1 || l.Accepted != 1 {
			t.Errorf("%+v", l.Counts)
		}
		b.proved()
	})
}

func TestStoresWithoutOrphansAreBroughtUpToDate(t *testing.T) {
	dir := t.TempDir()
	for name, o := range map[string]store.Options{QueueFile: {Kind: "queue", Buckets: queueBuckets[:len(queueBuckets)-1]},
		LedgerFile: {Kind: "ledger", Buckets: ledgerBuckets[:len(ledgerBuckets)-1]}} {
		old, err := store.Open(dir+"/"+name, o)
		if err != nil {
			t.Fatal(err)
		}
		if err := old.Close(); err != nil {
			t.Fatal(err)
		}
	}
	s, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if r, err := s.Feedback(t.Context(), []Feedback{{SESID: sesID(1)}}); err != nil || r.Kept != 1 {
		t.Errorf("%+v %v", r, err)
	}
}
