package spool

import (
	"bytes"
	"context"
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.etcd.io/bbolt"

	"pabal/store"
)

// refuseFor is a Sender's answer: recipients that begin with "bad" are refused
// for good, those that begin with "lost" get no answer.
func refuseFor(_ context.Context, m *Message, _ int) error {
	switch {
	case strings.HasPrefix(m.To, "bad"):
		return &SendError{Class: Permanent, Code: "MessageRejected", Text: "not this one"}
	case strings.HasPrefix(m.To, "lost"):
		return &SendError{Class: Ambiguous, Text: "the answer was lost"}
	case strings.HasPrefix(m.To, "slow"):
		return &SendError{Class: Temporary, Code: "InternalServiceError", Text: "later"}
	case strings.HasPrefix(m.To, "nobody"):
		return &SkipError{Reason: SkipSuppressed}
	}
	return nil
}

func (b *bench) failures() []Failure {
	b.t.Helper()
	all, err := b.Failures(0, MaxBatch)
	if err != nil {
		b.t.Fatal(err)
	}
	return all
}

// commits counts what was committed to the queue.
func (b *bench) commits() (n int) {
	b.t.Helper()
	if err := b.queue.View(func(tx *bbolt.Tx) error { n = tx.ID(); return nil }); err != nil {
		b.t.Fatal(err)
	}
	return n
}

// toTell are the messages of failures that are not over.
func toTell(failures []Failure) (ids []string) {
	for _, f := range failures {
		if !f.Over {
			ids = append(ids, f.Message.ID)
		}
	}
	return ids
}

// Whatever ends without SES's word is owed to somebody: a refusal, used-up
// tries, a lost answer. What was taken, skipped, discarded by hand, or is a
// report itself is not.
func TestFailuresAreOwed(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		b.TellFailures, b.TransactionalLeave = true, true
		b.sender.fn = refuseFor
		bad := b.put("bad@example.com", "good@example.com", "lost@example.com", "nobody@example.com", "bad2@example.com")
		slow := b.put("slow@example.com")
		report, err := b.Put(t.Context(), Envelope{FromDomain: "example.com", To: []string{"bad3@example.com"}, Report: ReportDigest}, []byte("x"))
		if err != nil {
			t.Fatal(err)
		}
		b.pace.slots = 1
		b.freeze(1, 3)
		b.run()
		after(time.Hour)
		if m := b.message(report[0]); m.Outcome != Failed || m.Report != ReportDigest {
			t.Errorf("the report: %s %q, want failed and a report", m.Outcome, m.Report)
		}
		want := []string{bad[0], bad[2], bad[4], slow[0]}
		got := b.failures()
		if ids := toTell(got); !slices.Equal(sorted(ids), sorted(want)) {
			t.Errorf("owed are %q, want %q", ids, want)
		}
		for _, f := range got {
			if given := f.Message.ID == slow[0]; f.GivenUp != given {
				t.Errorf("%s given up: %v", f.Message.ID, f.GivenUp)
			}
			if one := f.Mail == got[0].Mail; one != (f.Message.ID != slow[0]) {
				t.Errorf("%s is of mail %d, %s of %d", f.Message.ID, f.Mail, got[0].Message.ID, got[0].Mail)
			}
		}
		select {
		case <-b.Owed():
		default:
			t.Error("nobody was woken")
		}
		b.proved()
	})
}

func sorted(ids []string) []string {
	slices.Sort(ids)
	return ids
}

// A rule's lane changes how soon a mail goes, not whose it is when it fails.
func TestAMailOfTheBulkLaneIsADeadLetterToo(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		b.TellFailures = true
		b.sender.fn = refuseFor
		id := b.routed(Routing{Route: "news", Lane: Bulk}, "bad@example.com")[0]
		b.run()
		after(time.Minute)
		m := b.message(id)
		if m.Outcome != Failed || m.Lane != Bulk || !m.Dead() {
			t.Errorf("%s in lane %s, dead letter: %v; want failed, bulk and true", m.Outcome, m.Lane, m.Dead())
		}
		if got := toTell(b.failures()); !slices.Equal(got, []string{id}) {
			t.Errorf("to tell: %q, want %q", got, id)
		}
		if row := (Message{ID: "c1-1", Lane: Bulk, Campaign: 1, Subscriber: 1, To: "a@example.com", Outcome: Failed}); row.Dead() {
			t.Error("a campaign's row is no dead letter")
		}
	})
}

func TestNothingIsOwedWhereNobodyTells(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		b.sender.fn = refuseFor
		b.put("bad@example.com")
		b.run()
		after(time.Hour)
		if all := b.failures(); len(all) != 0 {
			t.Errorf("owed are %q", toTell(all))
		}
	})
}

// A mail that was put back, discarded, erased or proved accepted before anybody
// was told is not told of; one that fails again is, once.
func TestFailuresThatAreOverAreNotTold(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		b.TellFailures = true
		b.sender.fn = refuseFor
		ids := b.put("bad1@example.com", "bad2@example.com", "bad3@example.com", "bad4@example.com", "bad5@example.com")
		b.run()
		after(time.Minute)
		ctx := WithCaller(t.Context(), "minji")
		if err := errors.Join(b.Retry(ctx, ids[0]), b.Discard(ctx, ids[1])); err != nil {
			t.Fatal(err)
		}
		if _, err := b.Blank(ctx, 0, func(a string) bool { return a == "bad3@example.com" }); err != nil {
			t.Fatal(err)
		}
		b.feed(Feedback{Kind: Delivered, SESID: sesID(1), Tag: b.StoreID() + "-0-" + ids[3][1:] + "-1"})
		after(time.Minute) // the first fails again
		if got, want := toTell(b.failures()), []string{ids[0], ids[4], ids[0]}; !slices.Equal(sorted(got), sorted(want)) {
			t.Errorf("to tell: %q, want %q: it failed twice", got, want)
		}
		b.proved()
	})
}

// The mail that tells and the end of what it tells are one commit.
func TestTellingSettlesWhatItTells(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		b.TellFailures = true
		b.sender.fn = refuseFor
		b.put("bad1@example.com", "bad2@example.com")
		b.put("bad3@example.com")
		b.run()
		after(time.Minute)
		all := b.failures()
		if len(all) != 3 {
			t.Fatalf("owed are %q", toTell(all))
		}
		env := Envelope{FromDomain: "Example.com", To: []string{"app@example.com"}}
		b.halt() // what is committed now is ours
		before := b.commits()
		id, err := b.TellSender(t.Context(), []uint64{all[0].Number, all[1].Number}, env, []byte("told"))
		if n := b.commits() - before; n != 1 {
			t.Errorf("a report and the end of what it tells are %d commits, want 1: a crash between them tells twice or never", n)
		}
		if err != nil {
			t.Fatal(err)
		}
		if m := b.message(id); m.Report != ReportSender || m.From != "" || m.FromDomain != "example.com" {
			t.Errorf("the report: %+v", m)
		}
		if left := toTell(b.failures()); len(left) != 1 || left[0] != all[2].Message.ID {
			t.Errorf("left to tell: %q", left)
		}
		if err := b.LeaveToDigest(all[2:]); err != nil {
			t.Fatal(err)
		}
		for range 2 { // a second call tells it once all the same
			digest, err := b.DigestFailures(0, MaxBatch)
			if err != nil || len(digest) != 1 || len(b.failures()) != 0 {
				t.Fatalf("for the digest: %q, %v; %d left", toTell(digest), err, len(b.failures()))
			}
		}
		digest, _ := b.DigestFailures(0, MaxBatch)
		before = b.commits()
		if _, err := b.TellDigest(t.Context(), digest[0].Number, env, []byte("digest")); err != nil {
			t.Fatal(err)
		}
		if n := b.commits() - before; n != 2 {
			t.Errorf("a digest and how far it tells are %d commits with the removal of its entries, want 2", n)
		}
		if digest, err = b.DigestFailures(0, MaxBatch); err != nil || len(digest) != 0 {
			t.Errorf("after the digest: %q, %v", toTell(digest), err)
		}
		if at, err := b.LastDigest(); err != nil || !at.Equal(time.Now()) {
			t.Errorf("last digest %v, %v, want now", at, err)
		}
		b.proved()
	})
}

// A digest may tell of more than a commit removes: what is left of its entries
// after a crash is told by it, and not again.
func TestEntriesLeftOfADigestAreNotToldAgain(t *testing.T) {
	s := open(t)
	s.TellFailures = true
	ids := putOne(t, s, "a@example.com", "b@example.com", "c@example.com")
	err := s.queue.do(0, func(tx *bbolt.Tx) error {
		for i := range ids {
			m, err := mail(tx, uint64(i+1))
			if err != nil {
				return err
			}
			n := m
			n.fail("why")
			if err := s.queueSums().replace(tx, &m, &n); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	all, err := s.Failures(0, MaxBatch)
	if err != nil || len(all) != 3 || s.LeaveToDigest(all) != nil {
		t.Fatalf("%q, %v", toTell(all), err)
	}
	err = s.queue.do(0, func(tx *bbolt.Tx) error { return tx.Bucket(bMeta).Put(kDigest, key(1, 2)) }) // and here it died
	if err != nil {
		t.Fatal(err)
	}
	left, err := s.DigestFailures(0, MaxBatch)
	if err != nil || len(left) != 1 || left[0].Message.ID != ids[2] {
		t.Errorf("to tell: %q, %v; want %s", toTell(left), err, ids[2])
	}
	if _, err := s.TellDigest(t.Context(), left[0].Number, Envelope{FromDomain: "example.com", To: []string{"ops@example.com"}}, []byte("x")); err != nil {
		t.Fatal(err)
	}
	err = s.queue.View(func(tx *bbolt.Tx) error {
		if k, _ := tx.Bucket(bDigest).Cursor().First(); k != nil {
			t.Errorf("entry %x was not removed", k)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
	if faults := checked(t, s); len(faults) > 0 {
		t.Errorf("check: %q", faults)
	}
}

func TestFullDiskKeepsWhatIsToBeTold(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		b.TellFailures = true
		b.sender.fn = refuseFor
		b.put("bad1@example.com")
		b.run()
		after(time.Minute)
		all := b.failures()
		b.MaxMessage = 1 << 60 // so much is not free
		_, err := b.TellSender(t.Context(), []uint64{all[0].Number}, Envelope{FromDomain: "example.com", To: []string{"app@example.com"}}, []byte("x"))
		if !errors.Is(err, ErrFull) || len(b.failures()) != 1 {
			t.Errorf("%v, %d left to tell; want ErrFull and 1", err, len(b.failures()))
		}
	})
}

func TestNobodyIsToldAnyMore(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		b.TellFailures = true
		b.sender.fn = refuseFor
		b.put("bad1@example.com")
		b.put("bad2@example.com")
		b.run()
		after(time.Minute)
		if err := errors.Join(b.LeaveToDigest(b.failures()[:1]), b.TellNobodyAtAll()); err != nil {
			t.Fatal(err)
		}
		digest, err := b.DigestFailures(0, MaxBatch)
		if err != nil || len(digest) != 0 || len(b.failures()) != 0 {
			t.Errorf("left: %q, %q, %v", toTell(digest), toTell(b.failures()), err)
		}
	})
}

func TestAnOldQueueGetsTheBucketsOfFailures(t *testing.T) {
	dir := t.TempDir()
	fresh := [][]byte{bFailed, bDigest, bActs}
	old, err := store.Open(filepath.Join(dir, QueueFile), store.Options{Kind: "queue",
		Buckets: slices.DeleteFunc(slices.Clone(queueBuckets), func(b []byte) bool {
			return slices.ContainsFunc(fresh, func(f []byte) bool { return bytes.Equal(b, f) })
		}),
		Migrations: []func(*bbolt.Tx) error{addOrphans, addOnce}})
	if err != nil {
		t.Fatal(err)
	}
	old.Start(noSums{})
	if err := old.Close(); err != nil {
		t.Fatal(err)
	}
	inOld := func(t *testing.T, b *bench) {
		b.TellFailures = true
		b.sender.fn = refuseFor
		id := b.put("bad@example.com")[0]
		b.run()
		after(time.Minute)
		if got := toTell(b.failures()); !slices.Equal(got, []string{id}) {
			t.Errorf("owed: %q", got)
		}
		if err := b.Retry(t.Context(), id); err != nil {
			t.Error(err)
		}
		b.proved()
	}
	bubbleIn(t, dir, inOld)
}
