package sesclient

import (
	"cmp"
	"context"
	"errors"
	"math"
	"sync"
	"sync/atomic"
	"time"

	"pabal/spool"
)

const (
	defaultRateShare = 0.9  // a limiter at exactly MaxSendRate was seen to draw throttles
	defaultLaneShare = 0.1  // of the rate, for the transactional lane
	defaultReserve   = 0.05 // of the 24-hour quota, for the transactional lane
	bulkFloor        = 0.1  // of the rate, for the bulk lane, whatever the configuration

	unknownRate   = 1.0   // mails a second before the first GetAccount answer: the sandbox's
	unlimitedFrom = 1e5   // a MaxSendRate from here on, or -1, is no limit
	throttledRate = 1000. // what an unlimited account is slowed down from

	// burst is how much unused time is kept beside the one reservation that
	// waits to be taken. With an aim of 0.9 x MaxSendRate no one-second window
	// then holds more than 1 + 0.99 x MaxSendRate, rounded down: MaxSendRate.
	// So a dispatcher that comes 0.1 s late loses nothing, at any rate.
	burst = 100 * time.Millisecond

	// ceilingKept is how far a lane may be ahead of its share: two, so that a
	// share of nine tenths can be kept in whole mails.
	ceilingKept = 2.

	laneMemory  = time.Second      // a lane counts as wanting so long after it last asked
	halvePause  = time.Second      // refusals nearer than this belong to one crowding
	scaleFloor  = 0.1              // of the aim
	recoverFull = 30 * time.Second // from the floor to the whole aim, while mails are accepted

	minConcurrency       = 4
	maxConcurrency       = 64
	unlimitedConcurrency = 16
	firstCallTime        = 100 * time.Millisecond // taken until a call was measured
	headRoom             = 2
	callTimeWeight       = 0.1 // of a new call in the mean
)

// Pace says how fast calls may be made; it implements spool.Pace and
// campaign.Gate. It is made by New and fed by Client.Run; until the first
// facts are known it allows one mail a second. Its methods may be called at
// the same time.
//
// Reservations come out of one bucket that fills at the aim (rate share x
// MaxSendRate, less after refusals). The transactional lane is served first.
// While both lanes want, transactional gets at most nine tenths and bulk at
// most what the transactional share leaves, save what nobody uses.
type Pace struct {
	rateShare   float64
	laneShare   float64        // transactional
	reserve     float64        // of the quota
	concurrency int            // 0: computed
	zone        *time.Location // of times for people
	probe       func(context.Context) error
	kick        chan struct{} // asks Client.Run for new facts

	turn [2]chan struct{} // first in, first out within a lane: its holder is the head
	wake [2]chan struct{} // something changed for the head

	gate      gate
	callNanos atomic.Int64 // mean call time

	mu      sync.Mutex
	facts   facts
	known   bool
	scale   float64   // 1, less after rate refusals
	halved  time.Time // last halving
	recover time.Time // up to here recovery was counted
	level   float64   // reservations that may be handed out, at filled
	ceiling [2]float64
	filled  time.Time
	wanted  [2]time.Time // when the lane last asked
	waiting [2]bool      // a head is waiting
	quota   quota
}

func newPace(o Options) *Pace {
	p := &Pace{
		rateShare:   orDefault(o.RateShare, defaultRateShare),
		laneShare:   orDefault(o.TransactionalRateShare, defaultLaneShare),
		reserve:     orDefault(o.TransactionalQuotaReserve, defaultReserve),
		concurrency: o.Concurrency,
		zone:        cmp.Or(o.Zone, time.UTC),
		kick:        make(chan struct{}, 1),
		scale:       1,
		filled:      time.Now(),
		facts:       facts{rate: unknownRate, max24: -1},
	}
	for i := range p.turn {
		p.turn[i], p.wake[i] = make(chan struct{}, 1), make(chan struct{}, 1)
		p.ceiling[i] = ceilingKept
	}
	p.gate.init(unknownRate)
	p.callNanos.Store(int64(firstCallTime))
	return p
}

func orDefault(v, standard float64) float64 {
	if v == 0 {
		return standard
	}
	return v
}

// Take waits until at least one call may be made in lane and reserves up to
// most of them (at least one). It returns how many, or a *spool.SendError of
// class Quota, whose scope is the lane, when the 24-hour quota leaves the lane
// nothing now, or ctx's error. Callers in a lane are served in order.
func (p *Pace) Take(ctx context.Context, lane spool.Lane, most int) (int, error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	lane &= 1
	select {
	case p.turn[lane] <- struct{}{}:
	case <-ctx.Done():
		return 0, ctx.Err()
	}
	defer p.leave(lane)
	for {
		n, wait, err := p.grant(lane, max(1, most), time.Now())
		if n > 0 || err != nil {
			return n, err
		}
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-p.wake[lane]:
		case <-ctx.Done():
		}
		timer.Stop()
		if err := ctx.Err(); err != nil {
			return 0, err
		}
	}
}

// leave ends a head's time: the next in its lane and the other lane's head may go on.
func (p *Pace) leave(lane spool.Lane) {
	p.mu.Lock()
	p.waiting[lane] = false
	p.signal(1 - lane)
	p.mu.Unlock()
	<-p.turn[lane]
}

// grant hands out what may go now, or says how long to wait.
func (p *Pace) grant(lane spool.Lane, most int, now time.Time) (n int, wait time.Duration, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	left, err := p.quotaLeft(lane, now)
	if err != nil {
		if now.Sub(p.quota.at) >= quotaPause {
			p.ask()
		}
		return 0, 0, err
	}
	most = min(most, left)
	p.wanted[lane], p.waiting[lane] = now, true
	p.fill(now)
	aim := p.aim()
	if math.IsInf(aim, 1) {
		p.quota.open += most
		return most, 0, nil
	}
	free, wait := p.free(lane, aim, now)
	if free < 1 {
		return 0, wait, nil
	}
	n = min(most, free)
	p.level -= float64(n)
	p.ceiling[lane] = math.Max(0, p.ceiling[lane]-float64(n))
	p.quota.open += n
	return n, 0, nil
}

// whole is how much of x is there in whole reservations; the grain forgives
// what adding up fractions loses.
func whole(x float64) int { return int(x + 1e-6) }

// free is how many reservations lane may have now, or how long until it is
// worth asking again.
func (p *Pace) free(lane spool.Lane, aim float64, now time.Time) (n int, wait time.Duration) {
	n = whole(p.level)
	other := 1 - lane
	if now.Sub(p.wanted[other]) >= laneMemory && !p.waiting[other] {
		return n, until(1-p.level, aim)
	}
	if lane == spool.Bulk && p.waiting[other] && whole(p.ceiling[other]) > 0 {
		return 0, until(1, aim) // transactional goes first; its leaving wakes us
	}
	limited := min(n, whole(p.ceiling[lane]))
	if limited == 0 && lane == spool.Bulk && p.level >= p.cap(aim)-1e-6 && !p.waiting[other] {
		return 1, 0 // it would run over
	}
	wait = max(until(1-p.level, aim), until(1-p.ceiling[lane], aim*p.share(lane)))
	if lane == spool.Bulk && !p.waiting[other] {
		wait = min(wait, until(p.cap(aim)-p.level, aim))
	}
	return limited, wait
}

// share is the part of the aim a lane may have while the other wants too.
func (p *Pace) share(lane spool.Lane) float64 {
	if lane == spool.Transactional {
		return 1 - bulkFloor
	}
	return math.Max(bulkFloor, 1-p.laneShare)
}

// until is how long amount takes at rate; at least a nanosecond.
func until(amount, rate float64) time.Duration {
	if amount <= 0 {
		return 1
	}
	return time.Duration(math.Ceil(amount/rate*1e9)) + 1
}

// cap is the most reservations that wait to be taken.
func (p *Pace) cap(aim float64) float64 { return 1 + aim*burst.Seconds() }

// fill adds what has come in since the last time.
func (p *Pace) fill(now time.Time) {
	aim, dt := p.aim(), now.Sub(p.filled).Seconds()
	p.filled = now
	if math.IsInf(aim, 1) || dt <= 0 {
		return
	}
	limit := p.cap(aim)
	p.level = math.Min(limit, p.level+aim*dt)
	for lane := range p.ceiling {
		more := aim * p.share(spool.Lane(lane)) * dt
		p.ceiling[lane] = math.Min(math.Max(ceilingKept, limit), p.ceiling[lane]+more)
	}
}

// aim is mails a second now aimed at; +Inf without a limit.
func (p *Pace) aim() float64 {
	rate := p.facts.rate
	if unlimited(rate) {
		if p.scale >= 1 {
			return math.Inf(1)
		}
		return p.scale * throttledRate
	}
	return p.scale * math.Min(p.rateShare*rate, rateOfGate(rate))
}

func unlimited(rate float64) bool { return rate >= unlimitedFrom || rate <= -1 }

// Return gives back reservations that no call was made for.
func (p *Pace) Return(lane spool.Lane, n int) {
	if n <= 0 {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.quota.open = max(0, p.quota.open-n)
	if aim := p.aim(); !math.IsInf(aim, 1) {
		p.fill(time.Now())
		p.level = math.Min(p.cap(aim), p.level+float64(n))
		p.ceiling[lane&1] += float64(n) // fill cuts it
	}
	p.signal(spool.Transactional)
	p.signal(spool.Bulk)
}

// Report tells what came of one call: nil for accepted, else its error. A Rate
// error halves the pace (once a second at most), acceptances let it recover
// within half a minute. A *spool.SkipError counts as no call.
func (p *Pace) Report(lane spool.Lane, err error) {
	var skipped *spool.SkipError
	if errors.As(err, &skipped) {
		p.Return(lane, 1)
		return
	}
	now := time.Now()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.quota.open = max(0, p.quota.open-1)
	if err == nil {
		p.quota.count(now, 1)
		p.quota.accepted()
		p.recovered(now)
		return
	}
	switch Classify(err).Class {
	case spool.Ambiguous: // it may have gone out
		p.quota.count(now, 1)
	case spool.Rate:
		p.halve(now)
		p.ask()
	case spool.Quota:
		p.quota.refused(now)
		p.ask()
	case spool.Account:
		p.ask()
	}
}

func (p *Pace) halve(now time.Time) {
	pause := max(halvePause, 2*time.Duration(p.callNanos.Load())) // calls begun before the last halving
	if !p.halved.IsZero() && now.Sub(p.halved) < pause {
		return
	}
	p.fill(now)
	p.scale = math.Max(scaleFloor, p.scale/2)
	p.halved, p.recover = now, now
	p.level = math.Min(p.level, 0)
}

func (p *Pace) recovered(now time.Time) {
	if p.scale >= 1 {
		return
	}
	p.fill(now)
	p.scale = math.Min(1, p.scale+(1-scaleFloor)*now.Sub(p.recover).Seconds()/recoverFull.Seconds())
	p.recover = now
	p.signal(spool.Transactional)
	p.signal(spool.Bulk)
}

// setFacts takes a GetAccount answer whose call began at mark.
func (p *Pace) setFacts(f facts, mark quotaMark, now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.fill(now)
	if !(f.rate > 0 || f.rate <= -1) { // nothing said, or NaN
		f.rate = unknownRate
	}
	if math.IsNaN(f.max24) {
		f.max24 = -1
	}
	if f.rate != p.facts.rate {
		p.gate.setRate(f.rate)
	}
	p.facts, p.known = f, true
	p.quota.facts(f.max24, f.sent24, mark, now)
	p.level = math.Min(p.level, p.cap(p.aim()))
	p.signal(spool.Transactional)
	p.signal(spool.Bulk)
}

// factsMark is where our own count stands when a GetAccount call begins.
func (p *Pace) factsMark() quotaMark {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.quota.mark()
}

// signal wakes the head of a lane; p.mu is held.
func (p *Pace) signal(lane spool.Lane) {
	select {
	case p.wake[lane] <- struct{}{}:
	default:
	}
}

// ask wants new account facts soon.
func (p *Pace) ask() {
	select {
	case p.kick <- struct{}{}:
	default:
	}
}

// Probe asks SES whether calls work again: a GetAccount that succeeds, with
// sending enabled and some of the quota left. Else it returns a
// *spool.SendError. It asks at most once a second and waits for its turn.
func (p *Pace) Probe(ctx context.Context) error { return p.probe(ctx) }
