package campaign

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"pabal/eml"
	"pabal/spool"
)

// time is the clock on the wall; tests set it.
func (s *Store) time() time.Time {
	if s.clock != nil {
		return s.clock()
	}
	return time.Now().Round(0) // by the wall, not by the time since the process began
}

// ClockMoved has RunSchedule look again at once: the clock was set, or the machine
// slept.
func (s *Store) ClockMoved() { s.lookAtClock() }

// lookAtClock has RunSchedule look again: a time was set.
func (s *Store) lookAtClock() {
	select {
	case s.scheduled <- struct{}{}:
	default:
	}
}

// RunSchedule starts scheduled campaigns at their time until ctx ends.
func (s *Store) RunSchedule(ctx context.Context) error {
	for ctx.Err() == nil {
		due, next, err := s.dueNow()
		if err != nil {
			return fmt.Errorf("look for scheduled campaigns: %w", err)
		}
		var all sync.WaitGroup
		for _, c := range due {
			all.Go(func() { s.fire(ctx, c) })
		}
		all.Wait()
		timer := time.NewTimer(min(max(next, 0), scheduleLook))
		select {
		case <-timer.C:
		case <-s.scheduled:
		case <-ctx.Done():
		}
		timer.Stop()
	}
	return nil
}

// dueNow is what is to be started now, and how long until there is more.
func (s *Store) dueNow() (due []Campaign, next time.Duration, err error) {
	all, err := s.Campaigns()
	if err != nil {
		return nil, 0, err
	}
	at := s.time()
	next = scheduleLook
	for _, c := range all {
		if c.Damaged || c.State != spool.Scheduled || c.Schedule == nil {
			continue
		}
		if wait := c.Schedule.Due.Sub(at); wait > 0 {
			next = min(next, wait)
			continue
		}
		due = append(due, c)
	}
	return due, next, nil
}

// fire starts a campaign whose time has come, or holds it with the reason. What
// is only in the way for a moment is tried again at the next look, until it is
// too late.
func (s *Store) fire(ctx context.Context, c Campaign) {
	log := s.log().With("campaign", c.ID)
	if err := c.Schedule.read(); err != nil {
		s.holdStart(c, HeldZone, err.Error())
		return
	}
	if s.tooLate(c.Schedule) {
		s.holdLate(c)
		return
	}
	check, err := s.Preflight(ctx, c.ID)
	used := check.Override(c.Schedule.Overrides)
	switch {
	case ended(ctx, err):
		return
	case err != nil:
		s.startWaits(c, err.Error())
		return
	case check.Blocked && check.passing():
		s.startWaits(c, (&BlockedError{Preflight: check}).Error())
		return
	case check.Blocked:
		s.holdStart(c, HeldBlocked, (&BlockedError{Preflight: check}).Error())
		return
	}
	if most := c.Schedule.Most(); most > 0 && check.Audience.Mailable > most {
		s.holdStart(c, HeldGrown, fmt.Sprintf("%d recipients were confirmed, now there are %d", c.Schedule.Expect, check.Audience.Mailable))
		return
	}
	err = s.startScheduled(ctx, c, used, s.planned(ctx, c, check.Audience.Mailable))
	switch {
	case err == nil || ctx.Err() != nil:
	case errors.Is(err, errLate):
		s.holdLate(c)
	case !errors.Is(err, ErrState):
		log.Error("scheduled start was not finished", "err", err)
		s.stall() // Run goes on with it
	}
}

// errLate says that the time was missed while preflight and its sync went on.
var errLate = errors.New("too late")

func (s *Store) tooLate(sc *Schedule) bool { return s.time().Sub(sc.Due) > sc.Late() }

// holdLate holds a start whose time was missed, for what it waited for if it did.
func (s *Store) holdLate(c Campaign) {
	if c.Reason != "" {
		s.holdStart(c, HeldBlocked, fmt.Sprintf("%s; it was tried for %s", c.Reason, c.Schedule.Late()))
		return
	}
	s.holdStart(c, HeldLate, fmt.Sprintf("it was to start at %s (%s); pabal could only at %s, more than %s later", c.Schedule.Wall, c.Schedule.Zone,
		s.time().In(s.Settings.zone()).Format(wallFormat), c.Schedule.Late()))
}

// interrupted is why a scheduled start that was cut off after its seal does not
// run once it is frozen: that took longer than it may be late. Else "".
func (s *Store) interrupted(c Campaign) string {
	at := s.time()
	if c.Schedule == nil || at.Sub(c.Sealed) <= c.Schedule.Late() {
		return ""
	}
	return fmt.Sprintf("it was to start at %s (%s) and was interrupted; it was ready only at %s, more than %s later", c.Schedule.Wall, c.Schedule.Zone,
		at.In(s.Settings.zone()).Format(wallFormat), c.Schedule.Late())
}

// passing reports whether all that blocks may be over in a minute: the customers'
// table did not answer.
func (p *Preflight) passing() bool {
	for _, f := range p.Findings {
		if f.Level == Block && f.Reason == "" && f.Rule != RuleNotInStep {
			return false
		}
	}
	return true
}

// startWaits keeps why a start is tried again at the next look.
func (s *Store) startWaits(c Campaign, why string) {
	if c.Reason == why {
		return
	}
	_, err := s.change(c.ID, func(now *Campaign) error {
		if !now.scheduledAs(c.Schedule) {
			return ErrState
		}
		now.Reason = why
		return nil
	})
	if err != nil && !errors.Is(err, ErrState) {
		s.log().Error("reason of a start that waits was not kept", "campaign", c.ID, "err", err)
	}
	s.log().Warn("scheduled start waits", "campaign", c.ID, "reason", why)
}

// startScheduled seals and freezes a campaign that is still scheduled as it was.
func (s *Store) startScheduled(ctx context.Context, c Campaign, used []Override, planned *Planned) error {
	ctx = spool.WithCaller(ctx, c.Schedule.By)
	sealed, err := s.sealAs(ctx, c.ID, func(now *Campaign) error {
		if !now.scheduledAs(c.Schedule) {
			return fmt.Errorf("campaign %d is not scheduled for %s any more: %w", c.ID, c.Schedule.Wall, ErrState)
		}
		if s.tooLate(c.Schedule) {
			return errLate
		}
		now.Expect, now.Most, now.Overrides, now.Planned = -1, c.Schedule.Most(), used, planned
		return nil
	})
	if err != nil {
		return err
	}
	s.log().Info("campaign started by its schedule", "campaign", c.ID, "late", s.time().Sub(c.Schedule.Due).Round(time.Second))
	ctx, cancel := s.detached(ctx)
	defer cancel()
	return s.freeze(ctx, sealed)
}

// scheduledAs reports whether nobody has changed when, or what, since.
func (c *Campaign) scheduledAs(sc *Schedule) bool {
	return c.State == spool.Scheduled && c.Schedule != nil && c.Schedule.Wall == sc.Wall && c.Schedule.Zone == sc.Zone && c.Schedule.Made.Equal(sc.Made)
}

// holdStart has a person decide.
func (s *Store) holdStart(c Campaign, why HeldFor, reason string) {
	_, err := s.change(c.ID, func(now *Campaign) error {
		if !now.scheduledAs(c.Schedule) {
			return ErrState
		}
		now.State, now.HeldFor, now.Reason = spool.Held, why, reason
		return nil
	})
	switch {
	case errors.Is(err, ErrState):
	case err != nil:
		s.log().Error("scheduled start could not be held", "campaign", c.ID, "err", err)
	default:
		s.log().Warn("scheduled campaign was held", "campaign", c.ID, "held_for", why, "reason", reason)
	}
}

// heldStart is the error of resuming what never started.
func heldStart(c Campaign) error {
	return &eml.Problem{What: fmt.Sprintf("campaign %d was not started: %s", c.ID, c.Reason),
		Hint: fmt.Sprintf("start it now: pabal campaign start %d; at another time: pabal campaign schedule %d --at …; or make it a draft: pabal campaign schedule %d --cancel", c.ID, c.ID, c.ID),
		Err:  ErrState}
}
