package spool

import (
	"sync"
	"time"
)

// Totals are sums over what was committed since Open, for counters that only
// rise: what a record says twice, and what a crash undid, is counted once.
type Totals struct {
	// Outcomes are the messages that came to an outcome, by lane and by whose they
	// are. A message that waits again for a retry came to pending, and so did an
	// application's new mail; campaigns' audiences are frozen without being counted.
	Outcomes [2][2][outcomes]int64
	// Feedback are the messages of which SES said something for the first time, by
	// lane; hard bounces are among the bounces, and once more behind the last kind.
	Feedback [2][HardBounces + 1]int64
	// Handover is how long applications' mail waited, from our 250 to the commit
	// that has SES's acceptance, by lane.
	Handover [2]Histogram
}

// HardBounces is where Totals.Feedback has the bounces for good.
const HardBounces = int(Clicked) + 1

const outcomes = int(Unknown) + 1

// Whose messages are, as an index of Totals.Outcomes.
const (
	OfApplication = iota
	OfCampaign
)

// Histogram counts times by the first bound they do not exceed.
type Histogram struct {
	Bounds []float64 // seconds, rising
	Counts []int64   // one for each bound, and one for what is above them all
	Sum    float64   // seconds
}

// HandoverBounds are those of Totals.Handover, seconds: 300 is what is promised.
func HandoverBounds() []float64 {
	return []float64{0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 15, 60, 300, 900, 3600, 14400, 86400}
}

// NewHistogram has counted nothing.
func NewHistogram(bounds []float64) Histogram {
	return Histogram{Bounds: bounds, Counts: make([]int64, len(bounds)+1)}
}

// Observe counts a time; one below zero, which a clock set back makes, as zero.
// It is not for several goroutines at once.
func (h *Histogram) Observe(d time.Duration) {
	seconds, i := max(d.Seconds(), 0), 0
	for i < len(h.Bounds) && seconds > h.Bounds[i] {
		i++
	}
	h.Counts[i]++
	h.Sum += seconds
}

// Clone is a copy that shares nothing that changes.
func (h Histogram) Clone() Histogram {
	h.Counts = append([]int64(nil), h.Counts...)
	return h
}

// totals is Totals as they grow; its methods may be called at the same time.
type totals struct {
	mu  sync.Mutex
	sum Totals
}

func (t *totals) begin() {
	for l := range t.sum.Handover {
		t.sum.Handover[l] = NewHistogram(HandoverBounds())
	}
}

// Totals are the sums since Open.
func (s *Spool) Totals() Totals {
	s.totals.mu.Lock()
	defer s.totals.mu.Unlock()
	out := s.totals.sum
	for l := range out.Handover {
		out.Handover[l] = out.Handover[l].Clone()
	}
	return out
}

// groupTotals is what a group of the writer adds once it is on disk.
type groupTotals struct {
	outcomes [2][2][outcomes]int64
	feedback [2][HardBounces + 1]int64
	handed   [2][]time.Duration
}

// count counts what a new record (old is nil) or a changed one brought.
func (g *groupTotals) count(old, m *Message) {
	of := OfCampaign
	if m.queued() {
		of = OfApplication
	}
	if old == nil || old.Outcome != m.Outcome {
		g.outcomes[m.Lane][of][m.Outcome]++
	}
	if old == nil {
		return
	}
	if old.Outcome == Sending && m.Outcome == Accepted && !m.Received.IsZero() {
		g.handed[m.Lane] = append(g.handed[m.Lane], m.At.Sub(m.Received))
	}
	fresh := m.flags() &^ old.flags()
	for k := Delivered; k <= Clicked; k++ {
		if fresh&k.flag() != 0 {
			g.feedback[m.Lane][k]++
		}
	}
	if fresh&flagHardBounced != 0 {
		g.feedback[m.Lane][HardBounces]++
	}
}

// publish adds what is on disk now.
func (g *groupTotals) publish(t *totals) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for l := range g.outcomes {
		for of := range g.outcomes[l] {
			for o, n := range g.outcomes[l][of] {
				t.sum.Outcomes[l][of][o] += n
			}
		}
		for k, n := range g.feedback[l] {
			t.sum.Feedback[l][k] += n
		}
		for _, d := range g.handed[l] {
			t.sum.Handover[l].Observe(d)
		}
	}
}
