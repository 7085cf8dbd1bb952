package sesclient

import (
	"math"
	"time"
)

// observe takes the duration of an answered call into the mean.
func (p *Pace) observe(d time.Duration) {
	old := p.callNanos.Load()
	p.callNanos.Store(old + int64(callTimeWeight*float64(int64(d)-old)))
}

// Concurrency is how many calls may be open at once, both lanes together:
// Options.Concurrency, or rate x mean call time with head room, 4 to 64; 16
// when the rate has no limit.
func (p *Pace) Concurrency() int {
	if p.concurrency > 0 {
		return p.concurrency
	}
	p.mu.Lock()
	rate := p.facts.rate
	p.mu.Unlock()
	if unlimited(rate) {
		return unlimitedConcurrency
	}
	calls := math.Ceil(rate * time.Duration(p.callNanos.Load()).Seconds() * headRoom)
	return int(math.Min(maxConcurrency, math.Max(minConcurrency, calls)))
}
