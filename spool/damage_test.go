package spool

import (
	"bytes"
	"context"
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.etcd.io/bbolt"

	"pabal/eml"
	"pabal/store"
)

// plant changes a file behind the spool's back.
func plant(t *testing.T, st *store.Store, fn func(tx *bbolt.Tx) error) {
	t.Helper()
	if err := st.Do(t.Context(), store.Job{Apply: fn}); err != nil {
		t.Fatal(err)
	}
}

func TestUnreadableRecordsAreParkedAndOthersGoOn(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		broken := append(appendFixed(nil, &Message{At: time.Now()}), 0xff)
		first, second := b.put("a@example.com")[0], b.put("b@example.com")[0]
		b.freeze(1, 3)
		plant(t, b.queue.Store, func(tx *bbolt.Tx) error { return tx.Bucket(bOpen).Put(u64(1), broken) })
		plant(t, b.ledger.Store, func(tx *bbolt.Tx) error { return tx.Bucket(bRows).Bucket(u64(1)).Put(u64(2), broken) })
		b.run()
		after(5 * time.Second)
		for id, want := range map[string]Outcome{first: Failed, second: Accepted, "c1-1": Accepted, "c1-2": Failed, "c1-3": Accepted} {
			if m := b.message(id); m.Outcome != want {
				t.Errorf("%s: %s, want %s", id, m.Outcome, want)
			}
		}
		if l := b.state(1); l.State != Done {
			t.Errorf("campaign %s, want done", l.State)
		}
		if m := b.message("c1-2"); m.Reason != damagedReason || m.Attempts != 0 {
			t.Errorf("parked: %+v", m)
		}
	})
}

// One row that nobody can read must not keep a campaign from being cancelled or
// sent again, nor people from seeing the others.
func TestUnreadableRowStopsNeitherCancelNorResendNorAList(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		ctx := t.Context()
		spoil := func(campaign, subscriber uint64, o Outcome) {
			broken := append(appendFixed(nil, &Message{Outcome: o, At: time.Now()}), 0xff)
			plant(t, b.ledger.Store, func(tx *bbolt.Tx) error { return tx.Bucket(bRows).Bucket(u64(campaign)).Put(u64(subscriber), broken) })
		}
		b.sender.fn = func(_ context.Context, m *Message, n int) error {
			if n == 1 {
				return refusal(Permanent, "")
			}
			return nil
		}
		b.freeze(1, 5)
		b.run()
		after(time.Second)
		spoil(1, 2, Failed)
		if n, err := b.Resend(ctx, 1, Failed); err != nil || n != 4 {
			t.Errorf("resend: %d, %v; want the other 4", n, err)
		}
		after(time.Second)
		if l := b.state(1); l.State != Done || l.Accepted != 4 || l.Failed != 1 || l.Resend != nil {
			t.Errorf("resent: %s, %+v", l.State, l.Counts)
		}
		b.halt()
		b.freeze(2, 5)
		spoil(2, 3, Pending)
		if err := b.Cancel(ctx, 2); err != nil {
			t.Error(err)
		}
		if l := b.state(2); l.State != Cancelled || l.Skipped != 4 || l.Failed != 1 {
			t.Errorf("cancelled: %s, %+v", l.State, l.Counts)
		}
		var reasons []string
		for m, err := range b.Recipients(1, nil, 0) {
			if err != nil {
				t.Fatal(err)
			}
			reasons = append(reasons, m.Outcome.String()+m.Reason)
		}
		if len(reasons) != 5 || reasons[1] != "failed"+damagedReason {
			t.Errorf("listed %q", reasons)
		}
	})
}

// Entries of the due index that name nothing to be sent are taken out instead
// of being found for ever.
func TestDueEntriesOfNothingAreRemoved(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		b.put("a@example.com")
		b.freeze(1, 2)
		b.run()
		after(time.Second)
		b.halt()
		for _, key := range [][]byte{
			queueDue(&Message{FromDomain: "example.com", NextTry: time.Now(), seq: 1}),   // accepted
			queueDue(&Message{FromDomain: "example.com", NextTry: time.Now(), seq: 700}), // not there
			[]byte("no key of ours"),
		} {
			plant(t, b.queue.Store, func(tx *bbolt.Tx) error { return tx.Bucket(bDue).Put(key, nil) })
		}
		b.freeze(2, 1)
		if err := b.Pause(t.Context(), 2, ""); err != nil {
			t.Fatal(err)
		}
		for _, m := range []Message{{Campaign: 2, Subscriber: 1}, {Campaign: 2, Subscriber: 700}} {
			m.NextTry = time.Now()
			plant(t, b.ledger.Store, func(tx *bbolt.Tx) error { return tx.Bucket(bDue).Put(rowDue(&m), nil) })
		}
		if err := b.Resume(t.Context(), 2); err != nil {
			t.Fatal(err)
		}
		id := b.put("b@example.com")[0]
		b.run()
		after(10 * time.Second)
		if m := b.message(id); m.Outcome != Accepted {
			t.Errorf("mail behind them: %s, want accepted", m.Outcome)
		}
		if l := b.state(2); l.State != Done || l.Accepted != 1 {
			t.Errorf("campaign behind them: %+v", l)
		}
		plant(t, b.queue.Store, func(tx *bbolt.Tx) error { return tx.Bucket(bDue).Delete([]byte("no key of ours")) })
		b.proved()
	})
}

func TestOpenCallsOfNothingDoNotStopTheStart(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		b.put("a@example.com")
		b.freeze(1, 1)
		b.run()
		after(time.Second)
		b.halt()
		for _, seq := range []uint64{1, 700} {
			plant(t, b.queue.Store, func(tx *bbolt.Tx) error { return tx.Bucket(bSending).Put(u64(seq), nil) })
			plant(t, b.ledger.Store, func(tx *bbolt.Tx) error { return tx.Bucket(bSending).Put(key(1, seq), nil) })
		}
		plant(t, b.ledger.Store, func(tx *bbolt.Tx) error { return tx.Bucket(bSending).Put(key(9, 9), nil) })
		id := b.put("b@example.com")[0]
		b.run()
		after(time.Second)
		if m := b.message(id); m.Outcome != Accepted {
			t.Errorf("mail after the start: %s, want accepted", m.Outcome)
		}
		b.proved()
	})
}

// Many leftovers of a crash are settled in few commits, each once.
func TestManyLeftoversAreSettled(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		const n = recoverMax + 50
		b.freeze(1, n)
		rows := make([]*Message, n)
		due := make([]candidate, n)
		for i := range due {
			due[i] = candidate{campaign: 1, key: uint64(i + 1), first: true, to: "a@example.com"}
		}
		if err := b.leaseLedger(due, rows, 0); err != nil {
			t.Fatal(err)
		}
		if got := b.state(1).Sending; got != n {
			t.Fatalf("%d sending, want %d", got, n)
		}
		b.run()
		after(time.Second)
		if l := b.state(1); l.State != Done || l.Unknown != n || b.sender.total() != 0 {
			t.Errorf("%s, %d unknown, %d calls; want done, %d, none", l.State, l.Unknown, b.sender.total(), n)
		}
		b.proved()
	})
}

// A clock that was set back must not make mail wait until it has caught up.
func TestMailDueInAFarFutureIsDueNow(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		later := func(m *Message) { m.NextTry = time.Now().Add(time.Hour) }
		id := b.put("a@example.com")[0]
		if err := b.change(id, later); err != nil {
			t.Fatal(err)
		}
		b.sender.fn = func(_ context.Context, m *Message, n int) error {
			if m.Lane == Bulk && n == 1 {
				return refusal(Temporary, "")
			}
			return nil
		}
		b.freeze(1, 1)
		b.run()
		after(100 * time.Millisecond)
		if m := b.message(id); m.Outcome != Accepted {
			t.Errorf("mail: %s, want accepted", m.Outcome)
		}
		err := b.ledger.do(64, func(tx *bbolt.Tx) error {
			l, err := b.ledgerSums().header(1)
			if err != nil {
				return err
			}
			old, err := row(tx, 1, 1)
			if err != nil {
				return err
			}
			m := old
			later(&m)
			return b.ledgerSums().replace(tx, l, &old, &m)
		})
		if err != nil {
			t.Fatal(err)
		}
		after(5 * time.Second)
		if m := b.message("c1-1"); m.Outcome != Accepted {
			t.Errorf("row: %s, want accepted", m.Outcome)
		}
		b.proved()
	})
}

func TestEarliest(t *testing.T) {
	for _, c := range [][3]uint64{{0, 0, 0}, {0, 7, 7}, {7, 0, 7}, {7, 9, 7}, {9, 7, 7}} {
		if got := earliest(c[0], c[1]); got != c[2] {
			t.Errorf("earliest(%d, %d) = %d, want %d", c[0], c[1], got, c[2])
		}
	}
}

// A bit flipped in the index of what is due left a mail waiting for ever.
func TestMailThatTheIndexHasLostIsSent(t *testing.T) {
	for name, spoil := range map[string]func(b *bbolt.Bucket, k []byte) error{
		"gone":            func(b *bbolt.Bucket, k []byte) error { return b.Delete(k) },
		"another's":       func(b *bbolt.Bucket, k []byte) error { return moved(b, k, len(k)-2) },
		"at another time": func(b *bbolt.Bucket, k []byte) error { return moved(b, k, len(k)-14) },
		"no key of ours":  func(b *bbolt.Bucket, k []byte) error { return moved(b, k, len(k)-17) },
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, b *bench) {
				b.sender.fn = func(_ context.Context, m *Message, n int) error {
					if m.Lane == Bulk && n == 1 {
						return refusal(Temporary, "")
					}
					return nil
				}
				b.freeze(1, 1)
				b.run()
				after(100 * time.Millisecond)
				b.halt()
				first, second := b.put("a@example.com")[0], b.put("b@example.com")[0]
				for _, st := range []*store.Store{b.queue.Store, b.ledger.Store} {
					plant(t, st, func(tx *bbolt.Tx) error {
						k, _ := tx.Bucket(bDue).Cursor().First()
						return spoil(tx.Bucket(bDue), bytes.Clone(k))
					})
				}
				b.run()
				after(time.Minute)
				for _, id := range []string{first, second, "c1-1"} {
					if m := b.message(id); m.Outcome != Accepted {
						t.Errorf("%s is %s", id, m.Outcome)
					}
				}
			})
		})
	}
}

// What is read at the start and cannot be is said with the file's name and what
// to do: a torture run met "invalid character" and nothing else.
func TestUnreadableRecordAtTheStartNamesItsFile(t *testing.T) {
	for name, c := range map[string]struct {
		file  string
		spoil func(tx *bbolt.Tx) error
	}{
		"a hold":             {LedgerFile, func(tx *bbolt.Tx) error { return tx.Bucket(bHolds).Put([]byte("all"), []byte(`{"sc`)) }},
		"a campaign's":       {LedgerFile, func(tx *bbolt.Tx) error { return tx.Bucket(bHeaders).Put(u64(1), []byte(`{"c`)) }},
		"the queue's counts": {QueueFile, func(tx *bbolt.Tx) error { return tx.Bucket(bMeta).Put(kCounts[Transactional], []byte(`{"p`)) }},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			s, err := Open(dir)
			if err != nil {
				t.Fatal(err)
			}
			st := s.queue.Store
			if c.file == LedgerFile {
				st = s.ledger.Store
			}
			plant(t, st, c.spoil)
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			_, err = Open(dir)
			var p *eml.Problem
			if !errors.Is(err, store.ErrDamaged) || !strings.Contains(err.Error(), filepath.Join(dir, c.file)) || !errors.As(err, &p) || p.Hint == "" {
				t.Errorf("open: %v", err)
			}
		})
	}
}

// moved gives an entry another key: one bit of it is another.
func moved(b *bbolt.Bucket, k []byte, at int) error {
	other := bytes.Clone(k)
	other[at] ^= 4
	return errors.Join(b.Delete(k), b.Put(other, nil))
}
