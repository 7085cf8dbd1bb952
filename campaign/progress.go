package campaign

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"sync"
	"time"

	"pabal/audience"
	"pabal/spool"
)

const (
	watchEvery  = 500 * time.Millisecond // how often Watch yields
	watchLook   = 50 * time.Millisecond  // how often it looks for the end
	speedWindow = 10 * time.Second       // over which the speed is taken
	speedStep   = 250 * time.Millisecond // between two samples
)

// progress remembers how many were accepted when, to tell the speed.
type progress struct {
	mu      sync.Mutex
	samples map[uint64][]sample
}

type sample struct {
	at       time.Time
	accepted int64
}

// measure takes a sample and returns the speed of the last seconds and when
// the campaign will end at it; zero when it is not running or nothing is known.
func (p *progress) measure(c *Campaign, at time.Time) (perSecond float64, eta time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if c.State != spool.Running && c.State != spool.Cancelling {
		delete(p.samples, c.ID)
		return 0, time.Time{}
	}
	if p.samples == nil {
		p.samples = map[uint64][]sample{}
	}
	list := p.samples[c.ID]
	if n := len(list); n == 0 || at.Sub(list[n-1].at) >= speedStep {
		list = append(list, sample{at, c.Accepted})
	}
	for len(list) > 1 && at.Sub(list[0].at) > speedWindow {
		list = list[1:]
	}
	p.samples[c.ID] = list
	perSecond = speed(list[0], c, at)
	if left := c.Pending + c.Sending; perSecond > 0 && left > 0 && c.State == spool.Running {
		eta = at.Add(time.Duration(float64(left) / perSecond * float64(time.Second))).UTC().Truncate(time.Second)
	}
	return perSecond, eta
}

// speed is since the oldest sample, or since the first acceptance while that
// sample is too young to tell.
func speed(oldest sample, c *Campaign, at time.Time) float64 {
	if span := at.Sub(oldest.at); span >= time.Second {
		return float64(c.Accepted-oldest.accepted) / span.Seconds()
	}
	if c.First.IsZero() || c.Accepted == 0 {
		return 0
	}
	return float64(c.Accepted) / max(at.Sub(c.First).Seconds(), 1)
}

// Watch yields the campaign about twice a second, and at once when it reaches
// a final state (done, cancelled), which ends it, as ctx does.
func (s *Store) Watch(ctx context.Context, id uint64) iter.Seq2[Campaign, error] {
	return func(yield func(Campaign, error) bool) {
		tick := time.NewTicker(watchLook)
		defer tick.Stop()
		var shown time.Time
		var state spool.State
		for {
			c, err := s.Campaign(id)
			if err != nil {
				yield(Campaign{}, err)
				return
			}
			if c.State.Final() || c.State != state || time.Since(shown) >= watchEvery {
				if !yield(c, nil) || c.State.Final() {
					return
				}
				shown, state = time.Now(), c.State
			}
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
		}
	}
}

// Recipients is the ledger, with the addresses of rows not yet leased filled
// in from the audience. outcome nil means all. ErrNotFound, ErrState for a draft.
func (s *Store) Recipients(ctx context.Context, id uint64, outcome *spool.Outcome) iter.Seq2[spool.Message, error] {
	return func(yield func(spool.Message, error) bool) {
		c, err := s.record(id)
		if err == nil && c.Sealed.IsZero() {
			err = fmt.Errorf("campaign %d is a draft and has no recipients yet: %w", id, ErrState)
		}
		if err != nil {
			yield(spool.Message{}, err)
			return
		}
		for m, err := range s.spool.Recipients(id, outcome, 0) {
			if err == nil {
				err = ctx.Err()
			}
			if err == nil && m.To == "" {
				err = s.fillAddress(&m)
			}
			if !yield(m, err) || err != nil {
				return
			}
		}
	}
}

func (s *Store) fillAddress(m *spool.Message) error {
	sub, err := s.people.Get(m.Subscriber)
	switch {
	case err == nil:
		m.To = sub.Email
	case !isGone(err):
		return fmt.Errorf("address of recipient %s: %w", m.ID, err)
	}
	return nil
}

func isGone(err error) bool { return errors.Is(err, audience.ErrNotFound) }

// steadyFor is how long a speed was measured before plans are made of it.
const steadyFor = 5 * time.Second

// steady is the speed of the last seconds, if it was measured long enough.
func (p *progress) steady(id uint64) (perSecond float64, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	list := p.samples[id]
	if len(list) < 2 {
		return 0, false
	}
	first, last := list[0], list[len(list)-1]
	span := last.at.Sub(first.at)
	if span < steadyFor || last.accepted == first.accepted || time.Since(last.at) > speedWindow {
		return 0, false
	}
	return float64(last.accepted-first.accepted) / span.Seconds(), true
}
