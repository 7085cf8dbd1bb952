package spool

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"sync"
	"time"
)

const (
	leaseMax   = 64              // messages of one lease commit
	fullRetry  = time.Second     // between attempts to write an outcome to a full disk
	cutGrace   = 5 * time.Second // for outcomes of calls that were cut
	retryPause = time.Second     // after an error of the store or the pace
)

// Run settles what the last process left in sending, finishes cancellations,
// and drains both lanes until ctx ends. Then no call is begun; those that are
// open have StopGrace to end and are cut after it (an ambiguous answer). It
// returns ErrBroken when the store failed, otherwise nil.
func (s *Spool) Run(ctx context.Context) error {
	if err := s.settleLeftovers(); err != nil {
		return err
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	calls, cut := context.WithCancel(context.WithoutCancel(ctx))
	defer cut()

	var loops, open sync.WaitGroup
	loops.Go(func() { s.dispatch(ctx, calls, &open, Transactional) })
	loops.Go(func() { s.dispatch(ctx, calls, &open, Bulk) })
	loops.Go(func() { s.prober(ctx) })
	loops.Go(func() { s.finishCancels(ctx) })

	select {
	case <-ctx.Done():
	case <-s.broken.blown:
		stop()
	}
	loops.Wait()
	s.awaitCalls(&open, cut)
	return s.broken.err()
}

// awaitCalls waits for open calls, cutting them after the grace.
func (s *Spool) awaitCalls(open *sync.WaitGroup, cut context.CancelFunc) {
	grace := s.StopGrace
	if grace == 0 {
		grace = defaultStopGrace
	}
	t := time.AfterFunc(grace, cut)
	defer t.Stop()
	open.Wait()
}

func (s *Spool) finishCancels(ctx context.Context) {
	all, err := s.Ledgers()
	if err != nil {
		return
	}
	for _, l := range all {
		if l.State != Cancelling {
			continue
		}
		if err := s.cancelRows(ctx, l.Campaign); err != nil {
			s.logger().Error("cancellation was not finished", "part", "spool", "campaign", l.Campaign, "err", err)
		}
	}
}

// slots bound the calls that are open. Bulk may not use the share kept for
// the transactional lane.
type slots struct {
	mu      sync.Mutex
	used    [2]int
	starved [2]bool // the lane found no slot and waits to be told of one
}

// take reserves up to n slots for a lane.
func (s *slots) take(l Lane, n, concurrency int, share float64) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	concurrency = max(concurrency, 2)
	free := concurrency - s.used[Transactional] - s.used[Bulk]
	if l == Bulk {
		kept := max(1, int(math.Ceil(share*float64(concurrency))))
		free = min(free, concurrency-kept-s.used[Bulk])
	}
	n = max(min(n, free), 0)
	s.used[l] += n
	s.starved[l] = n == 0
	return n
}

// give returns slots and says which lanes wait for one.
func (s *slots) give(l Lane, n int) (starved [2]bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.used[l] -= n
	if n > 0 {
		starved, s.starved = s.starved, starved
	}
	return starved
}

func (s *Spool) takeSlots(l Lane) int {
	share := s.TransactionalShare
	if share == 0 {
		share = 0.25
	}
	return s.slots.take(l, leaseMax, s.Pace.Concurrency(), share)
}

func (s *Spool) giveSlots(l Lane, n int) {
	for lane, starved := range s.slots.give(l, n) {
		if starved {
			s.kick(Lane(lane))
		}
	}
}

// dispatch is one lane's loop: a slot, work that is due, the pace, and only
// then the lease, so that only what is called at once is ever in sending.
func (s *Spool) dispatch(ctx, calls context.Context, open *sync.WaitGroup, l Lane) {
	for ctx.Err() == nil {
		until, err := s.round(ctx, calls, open, l)
		if err != nil {
			if ctx.Err() == nil {
				s.logger().Error("drain stumbled", "part", "spool", "lane", l, "err", err)
			}
			until = time.Now().Add(retryPause)
		}
		if until == busy {
			continue
		}
		if !wait(ctx, s.kicks[l], until) {
			return
		}
	}
}

// busy says that more may be due at once.
var busy = time.Unix(0, 1)

// round leases and starts what may be sent now. It returns when to look again
// without a kick: busy, a time, or zero for never.
func (s *Spool) round(ctx, calls context.Context, open *sync.WaitGroup, l Lane) (time.Time, error) {
	n := s.takeSlots(l)
	if n == 0 {
		return time.Time{}, nil
	}
	left := n
	defer func() { s.giveSlots(l, left) }()

	due, next, err := s.candidates(l, n)
	if err != nil || len(due) == 0 {
		return next, err
	}
	granted, err := s.Pace.Take(ctx, l, len(due))
	if err != nil {
		return s.paceRefused(ctx, err)
	}
	leased, err := s.lease(l, due[:min(granted, len(due))])
	s.Pace.Return(l, granted-len(leased))
	if err != nil {
		return time.Time{}, err
	}
	left -= len(leased)
	for _, m := range leased {
		open.Go(func() { s.attempt(calls, m) })
	}
	return busy, nil
}

// paceRefused holds what the pace says is out of quota.
func (s *Spool) paceRefused(ctx context.Context, err error) (time.Time, error) {
	e, ok := errors.AsType[*SendError](err)
	if !ok || e.Class != Quota {
		return time.Time{}, err
	}
	return time.Time{}, s.Hold(ctx, s.quotaHold(e))
}

func (s *Spool) quotaHold(e *SendError) Hold {
	h := holdOf(e)
	lane := Transactional
	if e.Scope == LaneScope(Bulk) {
		lane = Bulk
	}
	if at, ok := s.Pace.QuotaFrees(lane); ok {
		h.Until = at.UTC()
	}
	return h
}

// candidate is a message that may be leased.
type candidate struct {
	campaign uint64
	key      uint64
	at       uint64 // due, ms
	first    bool   // bulk: from the cursor, not from due
	scopes   []Scope
	to       string // bulk: the address now
	skip     string // bulk: why there is none
}

func (s *Spool) candidates(l Lane, n int) (due []candidate, next time.Time, err error) {
	if l == Transactional {
		return s.queueCandidates(n)
	}
	due, next, err = s.ledgerCandidates(n)
	if err != nil {
		return nil, next, err
	}
	for i := range due {
		if err := s.address(&due[i]); err != nil {
			return nil, next, err
		}
	}
	return due, next, nil
}

// address looks up where a bulk message goes now; outside any transaction of
// ours, since it reads another file.
func (s *Spool) address(c *candidate) error {
	if s.Addresses == nil {
		return nil
	}
	to, err := s.Addresses.Address(c.key)
	if skip, ok := errors.AsType[*SkipError](err); ok {
		c.skip = skip.Reason
		return nil
	}
	if err != nil {
		return fmt.Errorf("address of subscriber %d: %w", c.key, err)
	}
	c.to = to
	return nil
}

// lease marks the candidates as sending and returns those that really were
// leased. Candidates under a half-open hold take its probe with them.
func (s *Spool) lease(l Lane, due []candidate) ([]*Message, error) {
	claimed := make([]candidate, 0, len(due))
	probing := make(map[[2]uint64][]Scope)
	for _, c := range due {
		p, ok := s.holds.claim(c.scopes)
		if !ok {
			continue
		}
		if len(p) > 0 {
			probing[[2]uint64{c.campaign, c.key}] = p
		}
		claimed = append(claimed, c)
	}
	if len(claimed) == 0 {
		return nil, nil
	}
	leased, err := s.leaseRows(l, claimed)
	for _, m := range leased {
		k := [2]uint64{m.Campaign, m.key()}
		m.probing = probing[k]
		delete(probing, k)
		m.Tag = fmt.Sprintf("%s-%d-%d-%d", s.id, m.Campaign, m.key(), m.Attempts)
	}
	for _, p := range probing {
		s.holds.unclaim(p)
	}
	return leased, err
}

func (s *Spool) leaseRows(l Lane, due []candidate) ([]*Message, error) {
	if l == Transactional {
		return s.leaseQueue(due)
	}
	return s.leaseLedger(due)
}

func sortDue(due []candidate, n int) []candidate {
	slices.SortStableFunc(due, func(a, b candidate) int { return int(int64(a.at) - int64(b.at)) })
	return due[:min(len(due), n)]
}
