package spool

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"
)

// fickle is a context that ends after its first look.
type fickle struct {
	context.Context
	mu    sync.Mutex
	looks int
}

func (f *fickle) Err() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.looks++; f.looks > 1 {
		return context.Canceled
	}
	return nil
}

func TestCancelIsFinishedThoughWhoAskedIsGone(t *testing.T) {
	b := newBench(t, t.TempDir())
	b.freeze(1, 2500)
	if err := b.Cancel(&fickle{Context: t.Context()}, 1); err != nil {
		t.Error(err)
	}
	if l := b.state(1); l.State != Cancelled || l.Skips[SkipCancelled] != 2500 {
		t.Errorf("got %s, %v; want cancelled, all 2500", l.State, l.Skips)
	}
}

// Who may have been mailed is never told as skipped.
func TestCancelAfterALostAnswerIsUnknown(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		b.BulkResend, b.RetryDelays = true, []time.Duration{time.Hour}
		b.sender.fn = func(_ context.Context, m *Message, _ int) error {
			if m.Lane == Transactional || m.Subscriber == 1 {
				return refusal(Ambiguous, "")
			}
			time.Sleep(time.Minute)
			return refusal(Ambiguous, "")
		}
		b.freeze(1, 3)
		id := b.put("a@example.com")[0]
		b.run()
		after(time.Second)
		if err := errors.Join(b.Cancel(t.Context(), 1), b.Discard(t.Context(), id)); err != nil {
			t.Fatal(err)
		}
		after(2 * time.Minute)
		l := b.state(1)
		if l.State != Cancelled || l.Unknown != 3 {
			t.Errorf("campaign %s, %+v; want cancelled, 3 unknown", l.State, l.Counts)
		}
		if m := b.message(id); m.Outcome != Unknown || m.body != 0 {
			t.Errorf("discarded mail: %s, body %d; want unknown, none", m.Outcome, m.body)
		}
		b.proved()
	})
}

func TestSkipAfterALostAnswerIsUnknown(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		b.BulkResend = true
		b.sender.fn = func(_ context.Context, _ *Message, n int) error {
			if n == 1 {
				return refusal(Ambiguous, "")
			}
			return &SkipError{SkipSuppressed}
		}
		id := b.put("a@example.com")[0]
		b.freeze(1, 1)
		b.run()
		after(10 * time.Second)
		for _, id := range []string{id, "c1-1"} {
			if m := b.message(id); m.Outcome != Unknown || m.Attempts != 1 || !strings.Contains(m.Reason, SkipSuppressed) {
				t.Errorf("%s: %s (%s) after %d attempts; want unknown after 1, and why", id, m.Outcome, m.Reason, m.Attempts)
			}
		}
		b.proved()
	})
}

func TestLoneMailWithLostAnswersOutlivesAnOutage(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		began := time.Now()
		down := func() error {
			if time.Since(began) < 2*time.Hour {
				return refusal(Ambiguous, "")
			}
			return nil
		}
		b.sender.fn = func(context.Context, *Message, int) error { return down() }
		b.pace.probe = down
		id := b.put("a@example.com")[0]
		b.run()
		after(3 * time.Hour)
		if m := b.message(id); m.Outcome != Accepted || !m.MaybeTwice || b.sender.count(id) > 6 {
			t.Errorf("got %+v after %d calls; want accepted, maybe twice, few calls", m, b.sender.count(id))
		}
	})
}

func TestAnswerWithoutAClassIsAmbiguous(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		b.sender.fn = func(context.Context, *Message, int) error { return &SendError{Text: "?"} }
		b.freeze(1, 1)
		b.run()
		after(time.Minute)
		if m := b.message("c1-1"); m.Outcome != Unknown || b.sender.total() != 1 {
			t.Errorf("got %s after %d calls, want unknown after 1", m.Outcome, b.sender.total())
		}
	})
}

func TestLocalTroubleUsesNoTry(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		b.sender.fn = func(_ context.Context, _ *Message, n int) error {
			if n < 9 {
				return &SendError{Class: Temporary, NoCall: true, Text: "consent cannot be read"}
			}
			return nil
		}
		id := b.put("a@example.com")[0]
		b.run()
		after(time.Minute)
		if m := b.message(id); m.Outcome != Accepted || m.Attempts != 1 || m.Tries != 1 {
			t.Errorf("got %s, %d attempts, %d tries; want accepted with the one call that was made", m.Outcome, m.Attempts, m.Tries)
		}
		if b.pace.reserved != 0 || len(b.pace.reports) != 1 {
			t.Errorf("%d reserved, %d reported; want 0 and the one call", b.pace.reserved, len(b.pace.reports))
		}
	})
}

// troubled is an Addresser that cannot read some.
type troubled struct {
	mu  sync.Mutex
	bad func(id uint64) bool
}

func (a *troubled) Address(id uint64) (string, time.Time, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.bad(id) {
		return "", time.Time{}, errors.New("checksum")
	}
	return fmt.Sprintf("s%d@example.com", id), time.Time{}, nil
}

func TestUnreadableAddressPutsOffOnlyItsRow(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		mended := time.Now().Add(time.Minute)
		b.Addresses = &troubled{bad: func(id uint64) bool { return id%3 == 1 && time.Now().Before(mended) }}
		b.pace.slots = 2 // one for bulk: the unreadable one is alone in its round
		b.freeze(1, 5)
		b.run()
		after(10 * time.Second)
		if l := b.state(1); l.Accepted != 3 || l.Pending != 2 {
			t.Errorf("%d accepted, %d pending; want 3 and 2", l.Accepted, l.Pending)
		}
		if m := b.message("c1-1"); !strings.Contains(m.Reason, "checksum") {
			t.Errorf("reason %q, want why it waits", m.Reason)
		}
		b.proved()
		after(time.Minute)
		if l := b.state(1); l.State != Done || l.Accepted != 5 {
			t.Errorf("once it could be read: %s, %d accepted; want done, 5", l.State, l.Accepted)
		}
	})
}

func TestUnreadableAddressesDoNotPutOffAWholeCampaignAtOnce(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		b.Addresses = &troubled{bad: func(uint64) bool { return true }}
		b.freeze(1, 1000)
		b.run()
		after(4500 * time.Millisecond)
		if next := b.state(1).Next; next > 50 {
			t.Errorf("%d put off in 4.5 s, want few", next)
		}
		if b.pace.reserved != 0 {
			t.Errorf("%d reservations kept", b.pace.reserved)
		}
	})
}
