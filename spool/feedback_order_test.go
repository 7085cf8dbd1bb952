package spool

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"go.etcd.io/bbolt"
	"pgregory.net/rapid"
)

func tempDir(t *rapid.T) string {
	dir, err := os.MkdirTemp("", "pabal-feedback-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
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
	var batch []Feedback
	feed := func() {
		if _, err := s.Feedback(t.Context(), batch); err != nil {
			t.Fatal(err)
		}
		batch = nil
	}
	for at, i := range order {
		if settleAt[at] && next < len(leased) {
			feed()
			settle(next)
			next++
		}
		e := h.events[i]
		if e.Tag != "" {
			var n int
			fmt.Sscan(e.Tag, &n)
			e.Tag = s.tag(leased[n])
		}
		batch = append(batch, e)
		if crashAt[at] {
			feed()
			s.Close()
			s = open()
		}
	}
	feed()
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
		some, err := s.lease(l, due, 0)
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
			settleAt[at] = rapid.IntRange(0, 3).Draw(t, "settle") == 0
			crashAt[at] = rapid.IntRange(0, 9).Draw(t, "crash") == 0
		}
		if got := h.play(t, tempDir(t), order, settleAt, crashAt); got != want {
			t.Errorf("answers %v, order %v\ngot\n%s\nwant\n%s", h.answers, order, got, want)
		}
	})
}
