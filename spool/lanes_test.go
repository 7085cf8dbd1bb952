package spool

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"
	"unicode/utf8"

	"go.etcd.io/bbolt"
)

func TestBulkGetsASlotFromABusyTransactionalLane(t *testing.T) {
	var s slots
	if n, _ := s.take(Transactional, 64, 8, 0.25); n != 8 {
		t.Fatalf("alone the lane takes %d of 8", n)
	}
	if n, _ := s.take(Bulk, 64, 8, 0.25); n != 0 {
		t.Fatalf("bulk takes %d of none", n)
	}
	if w := s.give(Transactional, 2); !w[Bulk] {
		t.Error("bulk waits and is not named")
	}
	if n, _ := s.take(Transactional, 64, 8, 0.25); n != 1 {
		t.Errorf("transactional takes %d of 2 while bulk waits, want 1", n)
	}
	if w := s.give(Bulk, 0); !w[Bulk] {
		t.Error("bulk waits still and is not named")
	}
	if n, _ := s.take(Bulk, 64, 8, 0.25); n != 1 {
		t.Errorf("bulk takes %d, want the one that is left", n)
	}
	s.give(Transactional, 3)
	if n, _ := s.take(Transactional, 64, 8, 0.25); n != 3 {
		t.Errorf("transactional takes %d of 3 when bulk waits no more, want all", n)
	}
}

func TestSlotThatIsSettlingIsFreeForItsOwnLaneOnly(t *testing.T) {
	var s slots
	s.take(Bulk, 64, 8, 0.25)
	s.take(Transactional, 64, 8, 0.25)
	if n, open := s.take(Bulk, 64, 8, 0.25); n != 0 || open != 6 || !s.settle(Bulk) {
		t.Fatal("bulk waits for a slot and is not told of one that is settling")
	}
	if n, _ := s.take(Transactional, 64, 8, 0.25); n != 0 {
		t.Errorf("transactional takes %d of a slot whose outcome is not on disk", n)
	}
	if n, _ := s.take(Bulk, 64, 8, 0.25); n != 1 {
		t.Errorf("bulk takes %d, want the one that is settling", n)
	}
	s.unsettled(Bulk)
	if n, _ := s.take(Bulk, 64, 8, 0.25); n != 0 {
		t.Errorf("bulk takes %d more than the slots after an outcome that was not written", n)
	}
	s.give(Bulk, 1)
	bulk, _ := s.take(Bulk, 64, 8, 0.25)
	mail, _ := s.take(Transactional, 64, 8, 0.25)
	if n := bulk + mail; n != 0 {
		t.Errorf("%d slots are free, want 0: 8 are in use", n)
	}
}

// What a crash leaves in doubt is what is in sending on disk, at any instant.
func TestNeverMoreInSendingOnDiskThanSlots(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		b.pace.slots = 4
		var most atomic.Int64
		b.sender.fn = func(context.Context, *Message, int) error {
			n := int64(sendingOnDisk(t, b.queue.View) + sendingOnDisk(t, b.ledger.View))
			for old := most.Load(); n > old && !most.CompareAndSwap(old, n); old = most.Load() {
			}
			return nil
		}
		b.freeze(1, 400)
		for range 200 {
			b.put("a@example.com")
		}
		b.run()
		after(time.Minute)
		if got := most.Load(); got != 4 {
			t.Errorf("%d were in sending at once, want 4: as many as there are slots", got)
		}
		b.proved()
	})
}

func TestLeaseWaitsForCompanyOnlyWhileCallsAreOpenAndNotLong(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		b.pace.slots = 8
		b.sender.fn = func(_ context.Context, m *Message, _ int) error {
			if m.To == "slow@example.com" {
				<-time.After(time.Minute)
			}
			return nil
		}
		b.run()
		begun := time.Now()
		b.put("first@example.com")
		after(0)
		if at := b.sender.at; len(at) != 1 || at[0].Sub(begun) != 0 {
			t.Errorf("a lone mail was called at %v, want at once", at)
		}
		for range 7 {
			b.put("slow@example.com")
		}
		after(time.Second)
		begun = time.Now()
		b.put("last@example.com")
		after(time.Second)
		if n := len(b.sender.at); n != 9 || b.sender.at[8].Sub(begun) != company {
			t.Errorf("%d calls, the last %v after its mail came; want 9, %v", n, b.sender.at[n-1].Sub(begun), company)
		}
	})
}

func sendingOnDisk(t *testing.T, view func(func(*bbolt.Tx) error) error) (n int) {
	err := view(func(tx *bbolt.Tx) error {
		return tx.Bucket(bSending).ForEach(func(_, _ []byte) error { n++; return nil })
	})
	if err != nil {
		t.Error(err)
	}
	return n
}

// slowPace lets one transactional call a second through.
type slowPace struct{ *openPace }

func (p slowPace) Take(ctx context.Context, l Lane, n int) (int, error) {
	if l == Transactional {
		wait(ctx, nil, time.Now().Add(time.Second))
		n = 1
	}
	return p.openPace.Take(ctx, l, n)
}

func TestLaneThatWaitsForThePaceKeepsNoSlotsItDoesNotNeed(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		b.Pace = slowPace{b.pace}
		b.freeze(1, 30)
		b.put("a@example.com")
		b.run()
		after(500 * time.Millisecond)
		if l := b.state(1); l.State != Done {
			t.Errorf("campaign is %s, %d pending, while one mail waits for its turn; want done", l.State, l.Pending)
		}
	})
}

// One row passed over would never be mailed.
func TestFirstTriesPassNobodyOver(t *testing.T) {
	b := newBench(t, t.TempDir())
	b.freeze(1, 3)
	rows := make([]*Message, 1)
	for _, c := range []struct {
		subscriber uint64
		leased     bool
	}{{2, false}, {1, true}, {1, false}, {3, false}, {2, true}} {
		if err := b.leaseLedger([]candidate{{campaign: 1, key: c.subscriber, first: true}}, rows, 3); err != nil {
			t.Fatal(err)
		}
		if (rows[0] != nil) != c.leased {
			t.Errorf("subscriber %d: leased %v, want %v (mark at %d)", c.subscriber, rows[0] != nil, c.leased, b.state(1).Next)
		}
	}
	b.proved()
}

func TestBatchOutOfOrderIsRefused(t *testing.T) {
	b := newBench(t, t.TempDir())
	ctx := t.Context()
	if err := b.Begin(ctx, Ledger{Campaign: 1, Expect: -1}); err != nil {
		t.Fatal(err)
	}
	for _, ids := range [][]uint64{{1, 1}, {2, 1}, {0, 1}} {
		rows := []Row{{Subscriber: ids[0]}, {Subscriber: ids[1]}}
		if err := b.PutBatch(ctx, 1, rows, Mark{Subscriber: 2}); !errors.Is(err, ErrState) {
			t.Errorf("rows %v: %v, want ErrState", ids, err)
		}
	}
	rows := []Row{{Subscriber: 1}, {Subscriber: 2, Skip: SkipInvalid}, {Subscriber: 5}, {Subscriber: 6, Skip: SkipInvalid}}
	for range 2 { // a mark behind its rows does not count them twice
		if err := b.PutBatch(ctx, 1, rows, Mark{Subscriber: 3}); err != nil {
			t.Fatal(err)
		}
	}
	if l := b.state(1); l.Audience != 4 || l.Frozen != 6 || l.Last != 5 {
		t.Errorf("audience %d, frozen to %d, last to be mailed %d; want 4, 6, 5", l.Audience, l.Frozen, l.Last)
	}
	b.proved()
}

func TestConfirmedCampaignOfNobodyIsHeld(t *testing.T) {
	b := newBench(t, t.TempDir())
	ctx := t.Context()
	if err := b.Begin(ctx, Ledger{Campaign: 1, Expect: 3}); err != nil {
		t.Fatal(err)
	}
	if err := b.PutBatch(ctx, 1, []Row{{Subscriber: 1, Skip: SkipSuppressed}}, Mark{Subscriber: 1, Done: true}); err != nil {
		t.Fatal(err)
	}
	if l := b.state(1); l.State != Held || l.Reason == "" {
		t.Errorf("got %s, %q; want held and why", l.State, l.Reason)
	}
	if err := b.Resume(ctx, 1); err != nil {
		t.Fatal(err)
	}
	if l := b.state(1); l.State != Done {
		t.Errorf("resumed: %s, want done", l.State)
	}
}

func TestWhatIsKeptForPeopleIsCutBetweenCharacters(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		long := "x" + strings.Repeat("주문", 400)
		b.sender.fn = func(context.Context, *Message, int) error { return &SendError{Class: Permanent, Text: long} }
		ids, err := b.Put(t.Context(), Envelope{FromDomain: "example.com", To: []string{"a@example.com"}, Subject: long}, nil)
		if err != nil {
			t.Fatal(err)
		}
		b.run()
		after(time.Second)
		m := b.message(ids[0])
		for _, text := range []string{m.Subject, m.Reason} {
			if !utf8.ValidString(text) || len(text) > maxReason || !strings.HasPrefix(long, text) || len(text) < 150 {
				t.Errorf("kept %q", text)
			}
		}
	})
}

func TestDomainThatWouldSpoilTheIndexIsRefused(t *testing.T) {
	b := newBench(t, t.TempDir())
	for _, domain := range []string{"a\x00b", strings.Repeat("x", 300)} {
		if _, err := b.Put(t.Context(), Envelope{FromDomain: domain, To: []string{"a@example.com"}}, nil); err == nil {
			t.Errorf("domain %.20q was taken", domain)
		}
	}
}
