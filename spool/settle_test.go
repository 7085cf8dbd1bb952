package spool

import (
	"context"
	"errors"
	"testing"
	"time"

	"go.etcd.io/bbolt"
)

// A slot is free for the lane's next lease while its outcome is being written.
// When that finds the disk full and the lease does not, more would be in doubt
// after a crash than calls were open.
func TestLeaseWaitsForOutcomesThatFoundTheDiskFull(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		b.freeze(1, 9)
		b.put("a@example.com", "b@example.com", "c@example.com")
		rows, mails := make([]*Message, 2), make([]*Message, 2)
		queue, _, err := b.queueCandidates(Transactional, 3)
		if err != nil {
			t.Fatal(err)
		}
		first := func(i uint64) candidate { return candidate{campaign: 1, key: i, first: true, to: "a@example.com"} }
		for _, open := range []int{0, 1, 2} { // slots in use, of which one is settling the first time
			err := errors.Join(b.leaseLedger([]candidate{first(1), first(2)}, rows, open), b.leaseQueue(queue[:2], mails, func() int { return open }))
			switch {
			case open == 0 && (err != nil || rows[1] == nil || mails[1] == nil):
				t.Fatalf("leased %v, %v: %v", rows, mails, err)
			case open == 1 && !errors.Is(err, errUnsettled):
				t.Errorf("2 are in sending, 1 slot is in use: %v, want %v", err, errUnsettled)
			case open == 2 && err != nil:
				t.Errorf("2 are in sending, 2 slots are in use: %v", err)
			}
		}
		if n := sendingOnDisk(t, b.queue.View) + sendingOnDisk(t, b.ledger.View); n != 4 {
			t.Errorf("%d in sending, want 4", n)
		}
		b.proved()
	})
}

func TestDrainWaitsForAnOutcomeThatIsNotOnDisk(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		b.run()
		after(time.Second)
		plant(t, b.ledger.Store, func(tx *bbolt.Tx) error { return tx.Bucket(bSending).Put(key(9, 9), nil) }) // a call that is over
		b.freeze(1, 5)
		id := b.put("a@example.com")[0]
		after(10 * time.Second)
		if l := b.state(1); l.Pending != 5 || b.pace.reserved != 0 {
			t.Errorf("%+v, %d reserved; want 5 waiting", l.Counts, b.pace.reserved)
		}
		if m := b.message(id); m.Outcome != Accepted {
			t.Errorf("mail in the other file: %s, want accepted", m.Outcome)
		}
		plant(t, b.ledger.Store, func(tx *bbolt.Tx) error { return tx.Bucket(bSending).Delete(key(9, 9)) })
		after(2 * time.Second)
		if l := b.state(1); l.State != Done || l.Accepted != 5 {
			t.Errorf("once it is on disk: %s, %+v", l.State, l.Counts)
		}
		b.proved()
	})
}

// A record that is damaged while its call is open must not keep its lane
// waiting for its outcome.
func TestRecordDamagedDuringItsCallHoldsUpNobody(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		broken := append(appendFixed(nil, &Message{Outcome: Sending, At: time.Now()}), 0xff)
		b.sender.fn = func(_ context.Context, m *Message, _ int) error {
			switch m.ID {
			case "c1-2":
				plant(t, b.ledger.Store, func(tx *bbolt.Tx) error { return tx.Bucket(bRows).Bucket(u64(1)).Put(u64(2), broken) })
			case "q1":
				plant(t, b.queue.Store, func(tx *bbolt.Tx) error { return tx.Bucket(bOpen).Put(u64(1), broken) })
			}
			return nil
		}
		b.pace.slots = 2
		b.put("a@example.com", "b@example.com", "c@example.com")
		b.freeze(1, 5)
		b.run()
		after(10 * time.Second)
		if l := b.state(1); l.Accepted != 4 || l.Sending != 1 {
			t.Errorf("campaign %+v, want 4 accepted", l.Counts)
		}
		if c, err := b.Status(); err != nil || c.Lanes[Transactional.String()].Accepted != 2 {
			t.Errorf("queue %+v, %v, want 2 accepted", c.Lanes, err)
		}
		if n := sendingOnDisk(t, b.queue.View) + sendingOnDisk(t, b.ledger.View); n != 0 {
			t.Errorf("%d calls are open on disk, want none", n)
		}
	})
}
