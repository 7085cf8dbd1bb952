package spool

import (
	"context"
	"testing"
	"time"
)

// blockedBook is an Addresser whose disk hangs.
type blockedBook struct{ until <-chan struct{} }

func (b blockedBook) Address(uint64) (string, time.Time, error) {
	<-b.until
	return "a@example.com", time.Time{}, nil
}

// mutePace grants nothing until ctx ends.
type mutePace struct{ *openPace }

func (p mutePace) Take(ctx context.Context, _ Lane, _ int) (int, error) {
	<-ctx.Done()
	return 0, ctx.Err()
}

func looks(b *bench, n int) (alive []bool) {
	for range n {
		alive = append(alive, b.Alive())
		after(30 * time.Second)
	}
	return alive
}

func TestADrainThatGoesRoundIsAlive(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		if !b.Alive() || !b.Alive() {
			t.Error("before Run: not alive")
		}
		b.run()
		for i, alive := range looks(b, 4) {
			if !alive {
				t.Errorf("look %d at an idle drain: not alive", i)
			}
		}
		b.sender.fn = func(ctx context.Context, _ *Message, _ int) error { <-ctx.Done(); return ctx.Err() }
		b.freeze(1, 100) // every slot is taken by a call that hangs
		for i, alive := range looks(b, 4) {
			if !alive {
				t.Errorf("look %d while calls are open: not alive", i)
			}
		}
	})
}

func TestADrainThatHangsIsNotAlive(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		release := make(chan struct{})
		b.Addresses = blockedBook{release}
		b.freeze(1, 1)
		b.run()
		after(time.Second)
		got := looks(b, 3)
		close(release)
		if got[1] || got[2] {
			t.Errorf("got %v, want false after the first look", got)
		}
		if after(time.Second); !b.Alive() {
			t.Error("not alive after it went on")
		}
	})
}

func TestADrainThatWaitsForThePaceIsAlive(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		b.Pace = mutePace{b.pace}
		b.freeze(1, 1)
		b.run()
		after(time.Second)
		for i, alive := range looks(b, 4) {
			if !alive {
				t.Errorf("look %d: not alive", i)
			}
		}
	})
}
