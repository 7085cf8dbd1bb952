package spool

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"go.etcd.io/bbolt"
)

const day = 24 * time.Hour

// settled runs campaign 1 of n to its end: every seventh fails for good, every
// eleventh loses its answer, some bounce or are opened.
func (b *bench) settled(n int) {
	b.t.Helper()
	b.sender.fn = func(_ context.Context, m *Message, _ int) error {
		switch {
		case m.Subscriber%7 == 0:
			return &SendError{Class: Permanent, Text: "MessageRejected: not this one"}
		case m.Subscriber%11 == 0:
			return &SendError{Class: Ambiguous, Text: "the answer was lost"}
		}
		return nil
	}
	b.freeze(1, n)
	b.run()
	after(10 * time.Minute)
	if l := b.state(1); l.State != Done {
		b.t.Fatalf("campaign is %s: %+v", l.State, l.Counts)
	}
	for i := range n / 10 {
		m, err := b.Recipient(1, uint64(10*i+1))
		if err != nil {
			b.t.Fatal(err)
		}
		if m.Outcome != Accepted {
			continue
		}
		b.hears(m, Delivered)
		if i%3 == 0 {
			b.hears(m, Bounced)
		}
	}
	b.halt()
}

func (b *bench) hears(m Message, kind FeedbackKind) FeedbackResult {
	b.t.Helper()
	r, err := b.Feedback(b.t.Context(), []Feedback{{Kind: kind, SESID: m.SESID, Tag: fmt.Sprintf("%s-%d-%d-1", b.StoreID(), m.Campaign, m.key()),
		News: "5.1.1 user unknown", Hard: kind == Bounced}})
	if err != nil {
		b.t.Fatal(err)
	}
	return r
}

func (b *bench) remove(r Retention) Removal {
	b.t.Helper()
	would, err := b.Spool.Remove(b.t.Context(), r, true)
	if err != nil {
		b.t.Fatal(err)
	}
	did, err := b.Spool.Remove(b.t.Context(), r, false)
	if err != nil {
		b.t.Fatal(err)
	}
	if would != did {
		b.t.Errorf("said it would remove %+v, removed %+v", would, did)
	}
	b.proved()
	return did
}

func (b *bench) tallied(campaign uint64) Tally {
	b.t.Helper()
	t, err := b.Tally(b.t.Context(), campaign, 20)
	if err != nil {
		b.t.Fatal(err)
	}
	return t
}

func TestRetentionRemovesRowsAndKeepsSums(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		b.settled(1500)
		before, tally := b.state(1), b.tallied(1)
		series := b.points(1)
		lost, err := b.Recipient(1, 3)
		if err != nil {
			t.Fatal(err)
		}
		if did := b.remove(Retention{History: time.Now().Add(-90 * day)}); did != (Removal{}) {
			t.Errorf("removed %+v of a campaign that ended today", did)
		}
		after(91 * day)
		did := b.remove(Retention{History: time.Now().Add(-90 * day)})
		if want := (Removal{Rows: 1500 - before.Unknown, Campaigns: 1}); did != want {
			t.Errorf("removed %+v, want %+v: all but %d unknown", did, want, before.Unknown)
		}
		now := b.state(1)
		if !reflect.DeepEqual(now.Counts, before.Counts) || !reflect.DeepEqual(b.points(1), series) {
			t.Errorf("the sums were %+v, are %+v", before.Counts, now.Counts)
		}
		if after := b.tallied(1); !reflect.DeepEqual(after, tally) {
			t.Errorf("the report's tables were %+v, are %+v", tally, after)
		}
		for m, err := range b.Recipients(1, nil, 0) {
			if err != nil || m.Outcome != Unknown {
				t.Fatalf("%s is %s and still there: %v", m.ID, m.Outcome, err)
			}
		}
		if _, err := b.Recipient(1, 3); !errors.Is(err, ErrRemoved) || !errors.Is(err, ErrNotFound) {
			t.Errorf("a removed row: %v", err)
		}
		if found, err := b.Find(t.Context(), lost.SESID, nil); err != nil || len(found) > 0 {
			t.Errorf("its SES id still finds %v, %v", found, err)
		}
		if r := b.hears(lost, Complained); r.Removed != 1 || r.Kept != 0 || b.state(1).Complained != 0 || b.Orphans() != 0 {
			t.Errorf("feedback on a removed row: %+v, %d kept", r, b.Orphans())
		}
		b.proved()
	})
}

func (b *bench) points(campaign uint64) Series {
	b.t.Helper()
	_, s, err := b.Series(campaign)
	if err != nil {
		b.t.Fatal(err)
	}
	return s
}

func TestUnknownOutlivesRetentionAndIsSentAgain(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		b.settled(300)
		after(91 * day)
		old := Retention{History: time.Now().Add(-90 * day)}
		b.remove(old)
		if _, err := b.Resend(t.Context(), 1, Failed); !errors.Is(err, ErrState) || !errors.Is(err, ErrRowsRemoved) {
			t.Errorf("failed rows that are gone were put back: %v", err)
		}
		b.sender.fn = nil
		unknown := b.state(1).Unknown
		b.run()
		if n, err := b.Resend(t.Context(), 1, Unknown); err != nil || n != unknown || unknown == 0 {
			t.Errorf("put back %d of %d: %v", n, unknown, err)
		}
		after(time.Minute)
		b.halt()
		if l := b.state(1); l.State != Done || l.Unknown != 0 {
			t.Errorf("after the resend: %s, %+v", l.State, l.Counts)
		}
		if did := b.remove(old); did != (Removal{}) {
			t.Errorf("removed %+v of what was sent again today", did)
		}
		after(91 * day)
		if did := b.remove(Retention{History: time.Now().Add(-90 * day)}); did.Rows != unknown {
			t.Errorf("removed %+v, want the %d that are settled now", did, unknown)
		}
	})
}

func TestRetentionLeavesOpenCampaignsAlone(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		b.freeze(1, 20) // never run
		b.freeze(2, 20)
		b.freeze(3, 20)
		if err := errors.Join(b.Pause(t.Context(), 2, "lunch"), b.ledger.do(0, func(*bbolt.Tx) error {
			l, err := b.ledgerSums().header(3)
			l.State = Held
			return err
		})); err != nil {
			t.Fatal(err)
		}
		b.put("waits@example.com")
		after(1000 * day)
		if did := b.remove(Retention{History: time.Now(), Texts: time.Now()}); did != (Removal{}) {
			t.Errorf("removed %+v of what waits", did)
		}
	})
}

func TestRetentionKeepsFrequency(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		b.settled(30)
		after(20 * day)
		b.remove(Retention{History: time.Now().Add(-35 * day)})
		if yes, err := b.Attempted(3, time.Now().Add(-31*day)); err != nil || !yes {
			t.Errorf("mailed 20 days ago, remembered: %v, %v", yes, err)
		}
	})
}

func TestRetentionOfTheQueue(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		b.TellFailures = true
		b.sender.fn = func(_ context.Context, m *Message, _ int) error {
			if m.To != "fine@example.com" {
				return &SendError{Class: Permanent, Text: "no"}
			}
			return nil
		}
		b.put("fine@example.com", "told@example.com", "debt@example.com", "given.up@example.com")
		b.run()
		after(time.Minute)
		b.halt()
		if err := b.Discard(t.Context(), "q4"); err != nil {
			t.Fatal(err)
		}
		debts, err := b.Failures(0, 10)
		if err != nil || len(debts) != 3 {
			t.Fatalf("%d debts, %v", len(debts), err)
		}
		debts = slices.DeleteFunc(debts, func(f Failure) bool { return f.Message.To == "debt@example.com" })
		if err := b.TellNobody(debts); err != nil {
			t.Fatal(err)
		}
		after(31 * day)
		if did := b.remove(Retention{History: time.Now().Add(-90 * day), Texts: time.Now().Add(-30 * day)}); did != (Removal{Texts: 1}) {
			t.Errorf("removed %+v, want the text of who was told of", did)
		}
		if m := b.message("q2"); m.Dead() || m.Outcome != Failed {
			t.Errorf("without its text it is %s, dead letter: %v", m.Outcome, m.Dead())
		}
		if m := b.message("q3"); !m.Dead() {
			t.Errorf("of whom nobody was told: %+v", m)
		}
		if err := b.Retry(t.Context(), "q2"); !errors.Is(err, errGone) {
			t.Errorf("retry without a text: %v", err)
		}
		after(60 * day)
		status := b.counted()
		if did := b.remove(Retention{History: time.Now().Add(-90 * day)}); did != (Removal{Messages: 3}) {
			t.Errorf("removed %+v, want all but the debt", did)
		}
		if !reflect.DeepEqual(b.counted(), status) {
			t.Errorf("counters were %+v, are %+v", status, b.counted())
		}
		for _, id := range []string{"q1", "q2", "q4"} {
			if _, err := b.Message(id); !errors.Is(err, ErrRemoved) {
				t.Errorf("%s: %v", id, err)
			}
		}
		if _, err := b.Message("q9"); errors.Is(err, ErrRemoved) || !errors.Is(err, ErrNotFound) {
			t.Errorf("a mail that never was: %v", err)
		}
		if r := b.hears(Message{SESID: "x", seq: 1}, Delivered); r.Removed != 1 || b.Orphans() != 0 {
			t.Errorf("feedback on a removed mail: %+v", r)
		}
		b.close()
		again := newBench(t, b.dir)
		again.proved()
		if !reflect.DeepEqual(again.counted(), status) {
			t.Errorf("after a restart the counters are %+v, were %+v", again.counted(), status)
		}
	})
}

func (b *bench) counted() Counts {
	b.t.Helper()
	st, err := b.Status()
	if err != nil {
		b.t.Fatal(err)
	}
	return st.Lanes[Transactional.String()]
}

// After every commit the files are taken as a power cut would leave them: each
// holds its sums, and ends as the one that was not cut when retention runs again.
func TestRetentionCutAfterAnyCommit(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		b.settled(4 * removeBatch)
		var to []string
		for i := range 2*removeBatch + 10 {
			to = append(to, fmt.Sprintf("a%d@example.com", i))
		}
		b.sender.fn = nil
		b.put(to...)
		b.run()
		after(10 * time.Minute)
		b.halt()
		after(91 * day)
		r := Retention{History: time.Now().Add(-90 * day)}
		cuts := b.cuts(r)
		b.proved()
		want, table := b.state(1), b.tallied(1)
		if len(cuts) < 6 || b.counted().Accepted == 0 {
			t.Fatalf("only %d commits", len(cuts))
		}
		for i, dir := range cuts {
			c := newBench(t, dir)
			c.proved()
			if _, err := c.Spool.Remove(t.Context(), r, false); err != nil {
				t.Fatalf("cut %d: %v", i, err)
			}
			c.proved()
			got := c.state(1)
			if !reflect.DeepEqual(got.Counts, want.Counts) || !reflect.DeepEqual(got.Removed.Counts, want.Removed.Counts) || !reflect.DeepEqual(c.tallied(1), table) {
				t.Errorf("cut %d ends with %+v, want %+v", i, got.Removed, want.Removed)
			}
			c.close()
		}
	})
}

// cuts runs retention and copies both files after each of its commits.
func (b *bench) cuts(r Retention) (dirs []string) {
	b.t.Helper()
	ended := make(chan error, 1)
	go func() { _, err := b.Spool.Remove(b.t.Context(), r, false); ended <- err }()
	last := -1
	for {
		synctest.Wait() // it rests, or is at its end
		select {
		case err := <-ended:
			if err != nil {
				b.t.Fatal(err)
			}
			return dirs
		default:
		}
		q, l := b.queue.Stats(), b.ledger.Stats()
		if n := int(q.TxStats.GetWrite() + l.TxStats.GetWrite()); n != last {
			last = n
			dirs = append(dirs, b.copied())
		}
		time.Sleep(time.Millisecond) // fake time: the rest passes
	}
}

func (b *bench) copied() string {
	b.t.Helper()
	dir := b.t.TempDir()
	for _, name := range []string{QueueFile, LedgerFile, QueueFile + ".mark", LedgerFile + ".mark"} {
		data, err := os.ReadFile(filepath.Join(b.dir, name)) // nobody writes: everybody waits
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, name), data, 0o600)
		}
		if err != nil {
			b.t.Fatal(err)
		}
	}
	return dir
}

func TestSmallDomainsAreNotKeptByName(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		people := book{}
		for i := uint64(1); i <= 40; i++ {
			people[i] = fmt.Sprintf("s%d@example.com", i)
		}
		people[7], people[8] = "me@minji.example", "you@minji.example"
		b.Addresses = people
		b.freeze(1, 40)
		b.run()
		after(time.Minute)
		b.halt()
		if d := b.tallied(1).Domains; len(d) != 2 {
			t.Fatalf("domains %+v", d)
		}
		after(91 * day)
		b.remove(Retention{History: time.Now()})
		want := []DomainCount{{Domain: "example.com", Sent: 38, Accepted: 38}, {Sent: 2, Accepted: 2}}
		if d := b.tallied(1).Domains; !reflect.DeepEqual(d, want) {
			t.Errorf("kept %+v, want %+v", d, want)
		}
	})
}
