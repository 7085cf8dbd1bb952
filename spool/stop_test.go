package spool

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"
)

func TestPauseResumeAndCancel(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		b.pace.slots = 4
		b.sender.fn = func(ctx context.Context, m *Message, _ int) error {
			select {
			case <-time.After(time.Second):
			case <-ctx.Done():
			}
			return ctx.Err()
		}
		b.freeze(1, 2500)
		b.run()
		after(5500 * time.Millisecond)
		if err := b.Pause(t.Context(), 1, "lunch"); err != nil {
			t.Fatal(err)
		}
		after(10 * time.Second)
		sent := b.state(1).Accepted
		after(time.Minute)
		if got := b.state(1); got.Accepted != sent || got.Sending != 0 || got.State != Paused || sent == 0 {
			t.Errorf("while paused: %d accepted (%d before), %d sending, %s", got.Accepted, sent, got.Sending, got.State)
		}
		if err := b.Resume(t.Context(), 1); err != nil {
			t.Fatal(err)
		}
		after(3500 * time.Millisecond)
		if err := b.Cancel(t.Context(), 1); err != nil {
			t.Fatal(err)
		}
		after(10 * time.Second)
		got := b.state(1)
		if got.State != Cancelled || got.Pending+got.Sending != 0 || got.Skips[SkipCancelled]+got.Accepted != 2500 || got.Accepted <= sent {
			t.Errorf("after the cancel: %+v", got)
		}
		if err := b.Resume(t.Context(), 1); !errors.Is(err, ErrState) {
			t.Errorf("resume after cancel: %v, want ErrState", err)
		}
		b.proved()
	})
}

func TestTransactionalLaneKeepsItsSlots(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		b.pace.slots = 8
		b.sender.fn = func(ctx context.Context, m *Message, _ int) error {
			if m.Lane == Bulk {
				<-ctx.Done() // every bulk call hangs
			}
			return nil
		}
		b.StopGrace = time.Second
		b.freeze(1, 100)
		b.run()
		after(time.Second)
		if n := b.state(1).Sending; n != 6 {
			t.Errorf("%d bulk calls open, want 6 of 8", n)
		}
		id := b.put("a@example.com")[0]
		after(time.Second)
		if m := b.message(id); m.Outcome != Accepted {
			t.Errorf("mail behind hanging bulk calls: %s, want accepted", m.Outcome)
		}
	})
}

func TestStopCutsOpenCallsAfterTheGrace(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		b.sender.fn = func(ctx context.Context, m *Message, _ int) error { <-ctx.Done(); return ctx.Err() }
		b.freeze(1, 10)
		b.run()
		after(time.Second)
		began := time.Now()
		b.halt()
		if took := time.Since(began); took != defaultStopGrace+company {
			t.Errorf("stop took %v, want the grace and one commit, %v", took, defaultStopGrace+company)
		}
		if l := b.state(1); l.Unknown != 6 || l.Pending != 4 {
			t.Errorf("%d unknown and %d pending, want 6 and 4", l.Unknown, l.Pending)
		}
		b.proved()
	})
}

// copyStore is what a power cut would leave: the files as they are now.
func copyStore(t *testing.T, from string) string {
	t.Helper()
	to := t.TempDir()
	for _, name := range []string{"queue.db", "ledger.db"} {
		data, err := os.ReadFile(filepath.Join(from, name))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(to, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return to
}

func TestCrashDuringCallsLosesNobody(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		b.sender.fn = func(ctx context.Context, m *Message, _ int) error { <-ctx.Done(); return ctx.Err() }
		b.StopGrace = time.Second
		b.freeze(1, 20)
		id := b.put("a@example.com")[0]
		b.run()
		after(time.Second)
		open := b.state(1).Sending
		dir := copyStore(t, b.dir)

		again := newBench(t, dir)
		again.run()
		after(10 * time.Second)
		l := again.state(1)
		if l.State != Done || l.Unknown != open || l.Accepted != 20-open {
			t.Errorf("after the crash: %s, %d unknown (%d calls were open), %d accepted", l.State, l.Unknown, open, l.Accepted)
		}
		if m := again.message(id); m.Outcome != Accepted || !m.MaybeTwice {
			t.Errorf("mail: %+v; want accepted, maybe twice", m)
		}
		again.proved()
	})
}

func TestAddressIsWrittenAtTheLease(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		b.Addresses = book{1: "now@example.com", 3: "c@example.com"}
		b.freeze(1, 3)
		b.run()
		after(time.Second)
		if m := b.message("c1-1"); m.To != "now@example.com" || m.Outcome != Accepted {
			t.Errorf("got %+v, want the address of now", m)
		}
		if m := b.message("c1-2"); m.Outcome != Skipped || m.Reason != SkipErased || m.Attempts != 0 {
			t.Errorf("somebody gone: %+v, want skipped: erased", m)
		}
		if l := b.state(1); l.State != Done || l.Skips[SkipErased] != 1 {
			t.Errorf("campaign %+v", l)
		}
		b.proved()
	})
}

func TestPaceGetsBackWhatItGave(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		b.sender.fn = func(_ context.Context, m *Message, n int) error {
			switch m.Subscriber % 3 {
			case 0:
				return &SkipError{SkipTopicOff}
			case 1:
				return &SendError{Class: Permanent, Text: "bad"}
			}
			return nil
		}
		b.freeze(1, 90)
		b.run()
		after(10 * time.Second)
		if b.pace.reserved != 0 {
			t.Errorf("%d reservations were neither used nor returned", b.pace.reserved)
		}
		if l := b.state(1); l.State != Done || l.Skipped != 30 || l.Failed != 30 || l.Accepted != 30 {
			t.Errorf("got %+v", l)
		}
	})
}

// A refusal of our own says nothing about SES: it must neither end an outage
// nor count as an attempt.
func TestOurOwnRefusalDoesNotEndAnOutage(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		b.sender.fn = func(_ context.Context, m *Message, _ int) error {
			return &SendError{Class: Permanent, NoCall: true, Text: "no value for Name"}
		}
		if err := b.Hold(t.Context(), Hold{Scope: ScopeAll, Class: Outage, Reason: "down"}); err != nil {
			t.Fatal(err)
		}
		b.freeze(1, 3)
		b.run()
		after(time.Minute)
		if m := b.message("c1-1"); m.Outcome != Failed || m.Attempts != 0 {
			t.Errorf("got %s after %d attempts, want failed after none", m.Outcome, m.Attempts)
		}
		if len(b.Holds()) != 1 {
			t.Errorf("holds %v, want the outage still", b.Holds())
		}
		if b.pace.reserved != 0 || len(b.pace.reports) != 0 {
			t.Errorf("%d reserved, %d reports; want none", b.pace.reserved, len(b.pace.reports))
		}
	})
}
