package spool

import (
	"context"
	"errors"
	"testing"
	"time"

	"go.etcd.io/bbolt"
)

// failing makes every third subscriber fail for good and every fifth answer
// be lost, until well is set.
func failing(well *bool) func(context.Context, *Message, int) error {
	return func(_ context.Context, m *Message, _ int) error {
		switch {
		case *well:
			return nil
		case m.Subscriber%3 == 0:
			return &SendError{Class: Permanent, Text: "no"}
		case m.Subscriber%5 == 0:
			return &SendError{Class: Ambiguous, Text: "lost"}
		}
		return nil
	}
}

func TestResendSendsExactlyWhatFailed(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		well := false
		b.sender.fn = failing(&well)
		b.freeze(1, 3000)
		b.run()
		after(time.Minute)
		if l := b.state(1); l.State != Done || l.Failed != 1000 || l.Unknown != 400 {
			t.Fatalf("before: %+v", l)
		}
		well = true
		before := b.sender.total()
		n, err := b.Resend(WithCaller(t.Context(), "uid 7"), 1, Failed)
		if err != nil || n != 1000 {
			t.Fatalf("resend: %d, %v; want 1000", n, err)
		}
		after(time.Minute)
		l := b.state(1)
		if l.State != Done || l.Failed != 0 || l.Unknown != 400 || l.Accepted != 2600 {
			t.Errorf("after: %+v", l)
		}
		if got := b.sender.total() - before; got != 1000 {
			t.Errorf("%d calls, want 1000", got)
		}
		for _, c := range b.sender.calls[before:] {
			if c.Subscriber%3 != 0 {
				t.Fatalf("subscriber %d was sent again and had not failed", c.Subscriber)
			}
		}
		if a := l.Acts; len(a) != 1 || a[0].By != "uid 7" || a[0].What != "resend failed" || a[0].Count != 1000 {
			t.Errorf("acts %+v", a)
		}
		b.proved()
	})
}

// Who fails while a resend is on its way through the rows was not among those
// whom the person saw and sent again.
func TestResendLeavesOutWhoFailsMeanwhile(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		b.sender.fn = func(ctx context.Context, m *Message, n int) error {
			if n > 1 {
				return nil
			}
			if m.Subscriber == 2 {
				wait(ctx, nil, time.Now().Add(time.Minute))
			}
			return refusal(Permanent, "")
		}
		b.freeze(1, 3)
		b.run()
		after(30 * time.Second)
		err := b.ledger.do(512, func(*bbolt.Tx) error { // as one that a full disk cut short at its begin
			l, err := b.ledgerSums().header(1)
			if err == nil {
				l.Resend = &Resend{Outcome: Failed, Before: time.Now().UTC()}
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		after(time.Minute)
		if n, err := b.Resend(t.Context(), 1, Failed); n != 2 || err != nil {
			t.Errorf("%d sent again, %v; want 2", n, err)
		}
		after(time.Minute)
		if l := b.state(1); l.State != Done || l.Accepted != 2 || l.Failed != 1 || b.sender.count("c1-2") != 1 {
			t.Errorf("%s, %+v, c1-2 was called %d times", l.State, l.Counts, b.sender.count("c1-2"))
		}
		b.proved()
	})
}

func TestResentUnknownIsMarked(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		well := false
		b.sender.fn = failing(&well)
		b.freeze(1, 5)
		b.run()
		after(time.Minute)
		well = true
		if _, err := b.Resend(t.Context(), 1, Unknown); err != nil {
			t.Fatal(err)
		}
		after(time.Minute)
		if m := b.message("c1-5"); m.Outcome != Accepted || !m.MaybeTwice {
			t.Errorf("got %+v, want accepted, maybe twice", m)
		}
	})
}

func TestResendInterruptedByACrashIsFinished(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		well := false
		b.sender.fn = failing(&well)
		b.freeze(1, 6000)
		b.run()
		after(time.Minute)
		b.halt()
		now := time.Now().UTC()
		err := b.ledger.do(0, func(tx *bbolt.Tx) error { // as after the first batch of two
			l, err := b.ledgerSums().header(1)
			if err != nil {
				return err
			}
			l.State, l.Resend = Running, &Resend{Outcome: Failed, Before: now}
			_, _, err = b.resendBatch(tx, 1)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		well = true
		b.run()
		after(time.Minute)
		if l := b.state(1); l.State != Done || l.Failed != 0 || l.Resend != nil || l.Acts[0].Count != 2000 {
			t.Errorf("got %+v", l)
		}
		b.proved()
	})
}

func TestResendRefusesWhatItCannotDo(t *testing.T) {
	s := open(t)
	ctx := t.Context()
	if err := s.Begin(ctx, Ledger{Campaign: 1, Expect: -1}); err != nil {
		t.Fatal(err)
	}
	for _, o := range []Outcome{Pending, Accepted, Skipped, Failed} {
		if _, err := s.Resend(ctx, 1, o); !errors.Is(err, ErrState) {
			t.Errorf("resend %s of a campaign being frozen: %v, want ErrState", o, err)
		}
	}
	if _, err := s.Resend(ctx, 9, Failed); !errors.Is(err, ErrNotFound) {
		t.Errorf("unknown campaign: %v, want ErrNotFound", err)
	}
}
