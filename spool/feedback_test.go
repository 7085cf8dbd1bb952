package spool

import (
	"context"
	"fmt"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"go.etcd.io/bbolt"
	"pgregory.net/rapid"

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

func tempDir(t *rapid.T) string {
	dir, err := os.MkdirTemp("", "pabal-feedback-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
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

// history is what befalls some messages, and what SES says of them.
type history struct {
	answers []string // of message i: ok, lost (SES has it), gone (lost, SES has it not), no
	events  []Feedback
}

func anyHistory(t *rapid.T) (h history) {
	for i := range rapid.IntRange(1, 6).Draw(t, "messages") {
		answer := rapid.SampledFrom([]string{"ok", "lost", "gone", "no"}).Draw(t, "answer")
		h.answers = append(h.answers, answer)
		if answer == "gone" || answer == "no" {
			continue
		}
		tagged := rapid.Bool().Draw(t, "tagged")
		for range rapid.IntRange(0, 5).Draw(t, "events") {
			e := Feedback{Kind: FeedbackKind(rapid.IntRange(0, int(Clicked)).Draw(t, "kind")), SESID: sesID(i)}
			if e.Kind == Bounced || e.Kind == Complained {
				e.News = e.Kind.String() + ": " + rapid.SampledFrom([]string{"a", "b"}).Draw(t, "news")
			}
			if tagged {
				e.Tag = fmt.Sprint(i) // replaced: the store's id is not known yet
			}
			h.events = append(h.events, e)
		}
	}
	return h
}

// play feeds the events in an order with the answers between them, closing and
// opening the store at some places, and returns what is stored in the end.
func (h history) play(t *rapid.T, dir string, order []int, settleAt, crashAt map[int]bool) string {
	open := func() *Spool {
		s, err := Open(dir)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	s := open()
	defer func() { s.Close() }()
	half := (len(h.answers) + 1) / 2 // the others are the queue's
	leased := h.lease(t, s, half)
	settle := func(i int) {
		v, id := verdict{outcome: Unknown, class: Ambiguous, reason: "lost", usesTry: true}, ""
		switch h.answers[i] {
		case "ok":
			v, id = verdict{outcome: Accepted}, sesID(i)
		case "no":
			v = verdict{outcome: Failed, class: Permanent, reason: "no"}
		}
		if err := s.settleLeased(leased[i], id, v); err != nil {
			t.Fatal(err)
		}
	}
	next := 0
	for at, i := range order {
		if settleAt[at] && next < len(leased) {
			settle(next)
			next++
		}
		e := h.events[i]
		if e.Tag != "" {
			var n int
			fmt.Sscan(e.Tag, &n)
			e.Tag = strings.TrimSuffix(s.tag(leased[n]), fmt.Sprint(leased[n].Attempts)) + "1"
		}
		if _, err := s.Feedback(t.Context(), []Feedback{e}); err != nil {
			t.Fatal(err)
		}
		if crashAt[at] {
			s.Close()
			s = open()
		}
	}
	for ; next < len(leased); next++ {
		settle(next)
	}
	return h.stored(t, s, half)
}

func (s *Spool) settleLeased(m *Message, id string, v verdict) error {
	done, err := s.submitOutcome(m, id, v)
	if err != nil {
		return err
	}
	return <-done
}

// lease makes the messages, half in a campaign, and begins their attempts.
func (h history) lease(t *rapid.T, s *Spool, half int) []*Message {
	ctx := t.Context()
	if err := s.Begin(ctx, Ledger{Campaign: 1, FromDomain: "example.com", Expect: -1}); err != nil {
		t.Fatal(err)
	}
	var rows []Row
	for i := range half {
		rows = append(rows, Row{Subscriber: uint64(i + 1)})
	}
	if err := s.PutBatch(ctx, 1, rows, Mark{Subscriber: uint64(half), Done: true}); err != nil {
		t.Fatal(err)
	}
	for i := half; i < len(h.answers); i++ {
		if _, err := s.Put(ctx, Envelope{FromDomain: "example.com", To: []string{fmt.Sprintf("q%d@example.com", i)}}, []byte("x")); err != nil {
			t.Fatal(err)
		}
	}
	var leased []*Message
	for _, l := range []Lane{Bulk, Transactional} {
		due, _, err := s.candidates(l, 100)
		if err != nil {
			t.Fatal(err)
		}
		some, err := s.lease(l, due)
		if err != nil {
			t.Fatal(err)
		}
		leased = append(leased, some...)
	}
	if len(leased) != len(h.answers) {
		t.Fatalf("%d leased, want %d", len(leased), len(h.answers))
	}
	return leased
}

// stored is all that does not tell the time.
func (h history) stored(t *rapid.T, s *Spool, half int) string {
	var out strings.Builder
	for m, err := range s.Recipients(1, nil, 0) {
		h.tell(t, &out, m, err)
	}
	for m, err := range s.Messages(nil) {
		h.tell(t, &out, m, err)
	}
	l, err := s.Ledger(1)
	if err != nil {
		t.Fatal(err)
	}
	s.mu.Lock()
	fmt.Fprintf(&out, "campaign %s %+v\nqueue %+v\n", l.State, l.Counts, s.counts)
	s.mu.Unlock()
	for _, lane := range []Lane{Bulk, Transactional} {
		err := s.store(lane).View(func(tx *bbolt.Tx) error {
			return tx.Bucket(bOrphans).ForEach(func(k, v []byte) error {
				m, _ := readOrphan(v)
				// One that the other lane took may lie in this one for an hour.
				if s.knows(unpackSESID(string(k))) {
					return nil
				}
				fmt.Fprintf(&out, "%s orphan %s %b %q\n", lane, unpackSESID(string(k)), m.flags(), m.News)
				return nil
			})
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	r, err := s.Check(t.Context())
	if err != nil || len(r.Faults) > 0 {
		t.Fatalf("check: %v %v", err, r.Faults)
	}
	return out.String()
}

func (h history) tell(t *rapid.T, out *strings.Builder, m Message, err error) {
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(out, "%s %s %q tried %d/%d ids %v flags %b news %q\n", m.ID, m.Outcome, m.Reason, m.Attempts, m.Tries, m.sesIDs(), m.flags(), m.News)
}

func (s *Spool) knows(id string) bool {
	m, err := s.bySESID(id)
	return err == nil && len(m) > 0
}

func TestFeedbackEndsInTheSameStateInAnyOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := anyHistory(t)
		straight := make([]int, len(h.events))
		for i := range straight {
			straight[i] = i
		}
		want := h.play(t, tempDir(t), straight, nil, nil)

		order := slices.Clone(straight)
		for i := range straight { // some come again
			for range rapid.IntRange(0, 2).Draw(t, "again") {
				order = append(order, i)
			}
		}
		if len(order) > 0 {
			order = rapid.Permutation(order).Draw(t, "order")
		}
		settleAt, crashAt := map[int]bool{}, map[int]bool{}
		for at := range order {
			settleAt[at] = rapid.Bool().Draw(t, "settle")
			crashAt[at] = rapid.IntRange(0, 9).Draw(t, "crash") == 0
		}
		if got := h.play(t, tempDir(t), order, settleAt, crashAt); got != want {
			t.Errorf("answers %v, order %v\ngot\n%s\nwant\n%s", h.answers, order, got, want)
		}
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
