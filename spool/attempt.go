package spool

import (
	"context"
	"errors"
	"slices"
	"time"
)

// attempt makes one call and settles its outcome. The slot is held until the
// outcome is on disk, so no more than the slots can ever be in sending; but the
// lane's next lease may share the commit of an acceptance (slots.settle).
func (s *Spool) attempt(ctx context.Context, m *Message) {
	defer s.giveBackSlot(m)
	id, err := s.call(ctx, m)
	m.Data, m.Head = nil, nil
	v := judge(m, err, s.policy(m.Lane))
	if v.noCall {
		s.Pace.Return(m.Lane, 1)
	} else {
		s.Pace.Report(m.Lane, err)
	}
	if v.lastTry {
		v = s.lastTry(ctx, m, err, v)
	}
	s.settle(ctx, m, id, v)
	s.afterwards(ctx, m, v)
	if v.outcome == Pending {
		s.kick(m.Lane) // its next try may be the next thing due
	}
}

// call loads what must be loaded and calls the Sender.
func (s *Spool) call(ctx context.Context, m *Message) (string, error) {
	if m.queued() {
		release, err := s.reserve(ctx, leavingBody, int64(m.Size))
		if err != nil {
			return "", &SendError{Class: Rate, NoCall: true, Text: "no memory for the body", Err: err}
		}
		defer release()
		buffer, ok := s.buffers.Get().(*[]byte)
		if !ok {
			buffer = new([]byte)
		}
		defer s.keep(buffer)
		data, err := s.loadBody(m.seq, *buffer)
		if err != nil {
			return "", &SendError{Class: Permanent, NoCall: true, Text: "the stored mail cannot be read: " + err.Error(), Err: err,
				Hint: "It is kept for a look: pabal spool show " + m.ID}
		}
		m.Data, *buffer = data, data
	}
	return s.Sender.Send(ctx, m)
}

// keepBuffer is the largest buffer of a body that is kept for the next call.
const keepBuffer = 1 << 20

func (s *Spool) keep(buffer *[]byte) {
	if cap(*buffer) <= keepBuffer {
		s.buffers.Put(buffer)
	}
}

// lastTry judges anew a message that has used up its tries while SES answers
// nobody: that is not its fault.
func (s *Spool) lastTry(ctx context.Context, m *Message, err error, v verdict) verdict {
	if s.Pace.Probe(ctx) == nil {
		return v
	}
	if ctx.Err() == nil { // else it is we who cut the probe
		s.beginOutage(ctx, v, s.outage.all())
	}
	p := s.policy(m.Lane)
	p.outage = true
	return judge(m, err, p)
}

// settle writes an outcome; on a full disk it tries until there is room.
func (s *Spool) settle(ctx context.Context, m *Message, sesID string, v verdict) {
	// Of the bulk lane the next lease is of another file as likely as not.
	for early := v.outcome == Accepted && (m.Lane == Transactional || !m.queued()); ; early = false {
		done, err := s.submitOutcome(m, sesID, v)
		if err == nil {
			err = s.awaitOutcome(m.Lane, done, early)
		}
		if err == nil {
			return
		}
		s.logger().Error("outcome was not written", "part", "spool", "message", m.ID, "err", err)
		if !errors.Is(err, ErrFull) || !wait(ctx, nil, time.Now().Add(fullRetry)) {
			return
		}
	}
}

// awaitOutcome waits until an outcome is on disk. Early, the slot is free for
// the lane's next lease meanwhile.
func (s *Spool) awaitOutcome(l Lane, done <-chan error, early bool) error {
	if !early {
		return <-done
	}
	if s.slots.settle(l) {
		s.kick(l)
	}
	defer s.slots.unsettled(l)
	return <-done
}

// afterwards lets holds, outages and watchers know what an attempt showed.
func (s *Spool) afterwards(ctx context.Context, m *Message, v verdict) {
	cut := ctx.Err() != nil // by us: that is no answer of SES
	switch {
	case cut && v.outcome != Accepted, v.noCall && (v.class == "" || v.class == Permanent):
		s.unclaim(m.probing)
	case v.class == "" || v.class == Permanent:
		s.outage.answered()
		s.releaseProbed(m.probing)
	default:
		s.holds.refused(m.probing)
		s.refused(context.WithoutCancel(ctx), m, v)
	}
	if len(m.probing) > 0 {
		s.wakeProber()
	}
	s.meter.add(v.outcome, time.Now())
	s.observe(m, v)
}

// refused begins what a refusal asks for: the hold its class names, or an
// outage when it is the third in a row.
func (s *Spool) refused(ctx context.Context, m *Message, v verdict) {
	switch {
	case v.hold != nil:
		s.holdAsked(ctx, m, *v.hold)
		return
	case v.class == Rate:
		return
	}
	third, cost := s.outage.refused(m, v.usesTry && v.outcome == Pending)
	switch {
	case third:
		s.beginOutage(ctx, v, cost)
	case s.holds.outage(): // begun before the outage was seen, or its probe
		s.giveAllBack(s.outage.all())
	}
}

// holdAsked puts the hold an answer asks for. One that would not hold the very
// message that was refused is widened to its lane: without that every message
// would be refused in turn.
func (s *Spool) holdAsked(ctx context.Context, m *Message, h Hold) {
	if h.Scope == "" {
		h.Scope = ScopeAll
	}
	if !slices.Contains(m.scopes, h.Scope) {
		h.Scope = LaneScope(m.Lane)
	}
	if at, ok := s.Pace.QuotaFrees(m.Lane); ok && h.Class == Quota {
		h.Until = at.UTC()
	}
	if err := s.Hold(ctx, h); err != nil {
		s.logger().Error("hold was not stored", "part", "spool", "scope", h.Scope, "err", err)
	}
}

// beginOutage holds everything and gives back the tries the run has cost, and
// those of whoever joined it until the hold was on.
func (s *Spool) beginOutage(ctx context.Context, v verdict, cost []spent) {
	h := Hold{Scope: ScopeAll, Class: Outage, Reason: "SES does not take mail: " + v.reason, Hint: hintOutage}
	if v.noCall {
		h.Reason, h.Hint = "mail cannot be handed to SES: "+v.reason, "Look at this machine's disk and log; it goes on by itself."
	}
	if err := s.Hold(context.WithoutCancel(ctx), h); err != nil {
		s.logger().Error("hold was not stored", "part", "spool", "scope", ScopeAll, "err", err)
	}
	s.giveAllBack(append(cost, s.outage.all()...))
}

func (s *Spool) giveAllBack(cost []spent) {
	for _, e := range cost {
		if err := s.giveBack(e); err != nil && !errors.Is(err, ErrNotFound) {
			s.logger().Error("tries were not given back", "part", "spool", "err", err)
		}
	}
}
