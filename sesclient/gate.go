package sesclient

import (
	"context"
	"math"
	"sync"
	"sync/atomic"
	"time"
)

// gate keeps the instants of the last calls, so that no window of one second
// holds more than MaxSendRate of them, whatever happened between reservation
// and call. Waiters go in turn.
type gate struct {
	open atomic.Bool   // no limit
	turn chan struct{} // held by the one who waits

	mu     sync.Mutex
	last   []time.Duration // instants since start, a ring; oldest at next
	next   int
	window time.Duration
	start  time.Time
}

func (g *gate) init(rate float64) {
	g.turn = make(chan struct{}, 1)
	g.start = time.Now().Add(-time.Hour) // so that an unused place in the ring (0) is long past
	g.setRate(rate)
}

// setRate changes the limit and keeps the newest instants.
func (g *gate) setRate(rate float64) {
	n, window := calls(rate)
	g.mu.Lock()
	defer g.mu.Unlock()
	g.open.Store(n == 0)
	kept := append(append([]time.Duration{}, g.last[g.next:]...), g.last[:g.next]...) // oldest first
	if len(kept) > n {
		kept = kept[len(kept)-n:]
	}
	g.last = append(make([]time.Duration, n-len(kept)), kept...)
	g.next, g.window = 0, window
}

// calls is how many calls any window may hold: MaxSendRate rounded down in one
// second, or one in a longer window below 1/s; 0 without a limit.
func calls(rate float64) (n int, window time.Duration) {
	switch {
	case unlimited(rate):
		return 0, 0
	case rate < 1:
		return 1, time.Duration(float64(time.Second) / rate)
	}
	return int(math.Floor(rate)), time.Second
}

// rateOfGate is the mean rate the gate lets through.
func rateOfGate(rate float64) float64 {
	n, window := calls(rate)
	return float64(n) / window.Seconds()
}

// Wait holds the call until the sliding one-second window over both lanes
// allows it, counts it at that instant, and says how long it waited. It
// returns ctx's error when ctx ends first; then nothing is counted.
func (p *Pace) Wait(ctx context.Context) (time.Duration, error) { return p.gate.wait(ctx) }

func (g *gate) wait(ctx context.Context) (time.Duration, error) {
	if g.open.Load() {
		return 0, ctx.Err()
	}
	if len(g.turn) == 0 && ctx.Err() == nil && g.pass(time.Now()) == 0 {
		return 0, nil
	}
	return g.queue(ctx, time.Now())
}

func (g *gate) queue(ctx context.Context, began time.Time) (time.Duration, error) {
	select {
	case g.turn <- struct{}{}:
	case <-ctx.Done():
		return time.Since(began), ctx.Err()
	}
	defer func() { <-g.turn }()
	for ctx.Err() == nil {
		wait := g.pass(time.Now())
		if wait == 0 {
			return time.Since(began), nil
		}
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
		}
	}
	return time.Since(began), ctx.Err()
}

// pass counts a call now, or says how long until one may pass.
func (g *gate) pass(now time.Time) time.Duration {
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.last) == 0 {
		return 0
	}
	at := now.Sub(g.start)
	if wait := g.last[g.next] + g.window - at; wait > 0 {
		return wait
	}
	g.last[g.next] = at
	if g.next++; g.next == len(g.last) {
		g.next = 0
	}
	return 0
}
