package spool

import (
	"context"
	"errors"
	"sync"
	"time"

	"pabal/eml"
)

const (
	leaseMax   = 64          // messages of one lease commit
	fullRetry  = time.Second // between attempts to write an outcome to a full disk
	retryPause = time.Second // after an error of the store or the pace
	bulkShare  = 0.1         // of the slots, for the bulk lane, at least one (DESIGN)
	fewSlots   = 2           // a lease of fewer than half of the slots waits for company
	// company is how long outcomes, and leases while calls are open, wait for
	// others to share their commit with. It is nothing beside a call to SES (30 ms
	// and more); where calls take no time it saves a third of the CPU (measured).
	company = 2 * time.Millisecond
)

// Run settles what the last process left in sending, finishes cancellations,
// and drains both lanes until ctx ends. Then no call is begun; those that are
// open have StopGrace to end and are cut after it (an ambiguous answer). It
// returns ErrBroken when the store failed, otherwise nil.
func (s *Spool) Run(ctx context.Context) error {
	if err := s.settleLeftovers(ctx); err != nil {
		return err
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	calls, cut := context.WithCancel(context.WithoutCancel(ctx))
	defer cut()

	var loops sync.WaitGroup
	open := newCallers(func(m *Message) { s.attempt(calls, m) })
	loops.Go(func() { s.dispatch(ctx, open, Transactional) })
	loops.Go(func() { s.dispatch(ctx, open, Bulk) })
	loops.Go(func() { s.prober(ctx) })
	loops.Go(func() { s.finishCancels(ctx) })
	loops.Go(func() { s.finishResends(ctx) })
	loops.Go(func() { s.sweepOrphans(ctx) })
	loops.Go(func() { s.watchDisk(ctx) })
	loops.Go(func() { s.mendDue(ctx) })

	select {
	case <-ctx.Done():
	case <-s.Broken():
		stop()
	}
	loops.Wait()
	s.awaitCalls(open, cut)
	return s.queue.Err()
}

// awaitCalls waits for open calls, cutting them after the grace.
func (s *Spool) awaitCalls(open *callers, cut context.CancelFunc) {
	grace := s.StopGrace
	if grace == 0 {
		grace = defaultStopGrace
	}
	t := time.AfterFunc(grace, cut)
	defer t.Stop()
	open.end()
}

// callers make the calls that are open. A goroutine that has made one waits for
// the next: the stack that a call needs is deep, and growing it anew for each
// would cost 20 µs.
type callers struct {
	call func(*Message)
	next chan *Message
	all  sync.WaitGroup
}

func newCallers(call func(*Message)) *callers { return &callers{call: call, next: make(chan *Message)} }

// start begins a call.
func (c *callers) start(m *Message) {
	select {
	case c.next <- m: // to one that waits
	default:
		c.all.Go(func() {
			for ok := true; ok; m, ok = <-c.next {
				c.call(m)
			}
		})
	}
}

// end waits for the calls that are open; none may be started any more.
func (c *callers) end() {
	close(c.next)
	c.all.Wait()
}

// finishCancels goes on with what a crash or a full disk interrupted.
func (s *Spool) finishCancels(ctx context.Context) {
	all, err := s.Ledgers()
	if err != nil {
		return
	}
	for _, l := range all {
		for l.State == Cancelling && ctx.Err() == nil {
			err := s.cancelRows(ctx, l.Campaign)
			if err == nil {
				break
			}
			s.logger().Error("cancellation was not finished", "part", "spool", "campaign", l.Campaign, "err", err)
			wait(ctx, nil, time.Now().Add(fullRetry))
		}
	}
}

// awaitCompany reports whether a lane had better wait for more slots before it
// leases, and until when at most: a commit for one mail costs nearly what one
// for many does. A lane without open calls waits for nobody.
func (s *Spool) awaitCompany(l Lane, patience *time.Time) (until time.Time, ok bool) {
	if !s.slots.scarce(l, s.Pace.Concurrency()) {
		*patience = time.Time{}
		return time.Time{}, false
	}
	now := time.Now()
	if patience.IsZero() {
		*patience = now.Add(company)
	}
	if !now.Before(*patience) {
		*patience = time.Time{}
		return time.Time{}, false
	}
	return *patience, true
}

func (s *Spool) takeSlots(l Lane) (taken, open int) {
	share := s.TransactionalShare
	if share == 0 {
		share = 0.25
	}
	return s.slots.take(l, leaseMax, s.Pace.Concurrency(), share)
}

// giveBackSlot is for a message that is settled.
func (s *Spool) giveBackSlot(m *Message) {
	if m.Lane == Bulk && m.queued() {
		s.slots.returned(1)
	}
	s.giveSlots(m.Lane, 1)
}

func (s *Spool) giveSlots(l Lane, n int) {
	if n == 0 {
		return
	}
	for lane, waiting := range s.slots.give(l, n) {
		if waiting {
			s.kick(Lane(lane))
		}
	}
}

// dispatch is one lane's loop: a slot, work that is due, the pace, and only
// then the lease, so that only what is called at once is ever in sending.
func (s *Spool) dispatch(ctx context.Context, open *callers, l Lane) {
	var patience time.Time
	for ctx.Err() == nil {
		s.beats[l].rounds.Add(1)
		if until, ok := s.awaitCompany(l, &patience); ok {
			wait(ctx, s.kicks[l], until)
			continue
		}
		until, err := s.round(ctx, open, l)
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
func (s *Spool) round(ctx context.Context, open *callers, l Lane) (time.Time, error) {
	n, inUse := s.takeSlots(l)
	if n == 0 {
		return time.Time{}, nil
	}
	left := n
	defer func() { s.giveSlots(l, left) }()

	due, next, err := s.candidates(l, n)
	if err != nil || len(due) == 0 {
		return next, err
	}
	if l == Bulk && due[0].queued {
		if due = due[:s.slots.lend(len(due))]; len(due) == 0 {
			s.slots.missed()
			return time.Now().Add(company), nil
		}
		defer func() { s.slots.returned(left) }()
	}
	s.giveSlots(l, n-len(due)) // the pace may take its time
	left = len(due)
	s.beats[l].pacing.Store(true)
	granted, err := s.Pace.Take(ctx, l, len(due))
	s.beats[l].pacing.Store(false)
	if err != nil {
		return s.paceRefused(ctx, err)
	}
	leased, err := s.lease(l, due[:min(granted, len(due))], inUse)
	s.Pace.Return(l, granted-len(leased))
	if err != nil {
		return time.Time{}, err
	}
	if len(leased) == 0 && due[0].trouble != "" {
		return time.Now().Add(retryPause), nil // not all of a campaign is to be put off at once
	}
	left -= len(leased)
	for _, m := range leased {
		open.start(m)
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
	lane     Lane
	queued   bool // of the queue
	campaign uint64
	key      uint64
	domain   string // queue: the From domain
	set      string // queue: the configuration set of its own, "" for none
	at       uint64 // due, ms
	first    bool   // bulk: from the cursor, not from due
	scopes   []Scope
	probing  claimed   // half-open holds it tests
	to       string    // bulk: the address now
	skip     string    // bulk: why there is none
	since    time.Time // bulk: another campaign's attempt at or after it keeps this one back; zero for none
	trouble  string    // bulk: why nobody knows the address now
}

// candidates finds up to n messages that are due in a lane, all of one file. In
// the bulk lane campaigns and mail of the queue take turns.
func (s *Spool) candidates(l Lane, n int) (due []candidate, next time.Time, err error) {
	due, next, err = s.queueCandidates(l, n)
	if err != nil || l == Transactional {
		return due, next, err
	}
	rows, later, err := s.ledgerCandidates(n)
	if err != nil {
		return nil, later, err
	}
	if len(rows) == 0 || len(due) > 0 && s.slots.turn() {
		return due, fromMillis(earliest(millis(next), millis(later))), nil
	}
	for i := range rows {
		s.address(&rows[i])
	}
	return rows, fromMillis(earliest(millis(next), millis(later))), nil
}

// address looks up where a bulk message goes now; outside any transaction of
// ours, since it reads another file.
func (s *Spool) address(c *candidate) {
	if s.Addresses == nil {
		return
	}
	to, since, err := s.Addresses.Address(c.key)
	if skip, gone := errors.AsType[*SkipError](err); gone {
		c.skip = skip.Reason
		return
	}
	if err != nil {
		c.trouble = eml.Cut("its address cannot be read: "+err.Error(), maxReason)
		s.logger().Error("address could not be read", "part", "spool", "campaign", c.campaign, "message", rowID(c.campaign, c.key), "err", err)
	}
	c.to, c.since = to, since
}

// lease marks the candidates as sending and returns those that really were
// leased. Candidates under a half-open hold take its probe with them. open is
// how many of the lane may be in sending already.
func (s *Spool) lease(l Lane, due []candidate, open int) ([]*Message, error) {
	due = s.claim(due)
	if len(due) == 0 {
		return nil, nil
	}
	rows := make([]*Message, len(due)) // nil where nothing is to be sent
	var err error
	if due[0].queued {
		err = s.leaseQueue(due, rows, s.slots.inQueue(l, open))
	} else {
		err = s.leaseLedger(due, rows, open)
	}
	leased := make([]*Message, 0, len(due))
	for i, m := range rows {
		if m == nil || err != nil {
			s.unclaim(due[i].probing)
			continue
		}
		m.scopes, m.probing, m.Tag = due[i].scopes, due[i].probing, s.tag(m)
		leased = append(leased, m)
	}
	return leased, err
}

// claim leaves out the candidates that a hold does not let pass.
func (s *Spool) claim(due []candidate) []candidate {
	passed := make([]candidate, 0, len(due))
	for _, c := range due {
		var ok bool
		if c.probing, ok = s.holds.claim(c.scopes); ok {
			passed = append(passed, c)
		}
	}
	return passed
}
