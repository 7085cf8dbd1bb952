package spool

import (
	"context"
	"errors"
	"time"
)

// attempt makes one call and settles its outcome. The slot is held until the
// outcome is on disk, so no more than the slots can ever be in sending.
func (s *Spool) attempt(ctx context.Context, m *Message) {
	defer s.giveSlots(m.Lane, 1)
	id, err := s.call(ctx, m)
	v := judge(m, err, s.policy(m.Lane))
	if v.noCall {
		s.Pace.Return(m.Lane, 1)
	} else {
		s.Pace.Report(m.Lane, err)
	}
	if v.outcome == Failed && v.class == Temporary && s.Pace.Probe(ctx) != nil {
		// Not this message's fault: SES answers nobody. Judge it as in an outage.
		s.beginOutage(ctx, v.reason, s.outage.all())
		p := s.policy(m.Lane)
		p.outage = true
		v = judge(m, err, p)
	}
	s.settle(ctx, m, id, v)
	m.Data = nil
	s.afterwards(ctx, m, v)
	if v.outcome == Pending {
		s.kick(m.Lane) // its next try may be the next thing due
	}
}

// call loads what must be loaded and calls the Sender.
func (s *Spool) call(ctx context.Context, m *Message) (string, error) {
	if m.Lane == Transactional {
		release, err := s.ReserveBody(ctx, int64(m.Size))
		if err != nil {
			return "", &SendError{Class: Rate, NoCall: true, Text: "no memory for the body", Err: err}
		}
		defer release()
		data, err := s.loadBody(m.seq)
		if err != nil {
			return "", &SendError{Class: Permanent, NoCall: true, Text: "the stored mail cannot be read", Err: err,
				Hint: "It is kept for a look: pabal spool show " + m.ID}
		}
		m.Data = data
	}
	return s.Sender.Send(ctx, m)
}

// settle writes an outcome; on a full disk it tries until there is room.
func (s *Spool) settle(ctx context.Context, m *Message, sesID string, v verdict) {
	for {
		var err error
		if m.Lane == Transactional {
			err = s.settleQueue(m, sesID, v)
		} else {
			err = s.settleLedger(m, sesID, v)
		}
		if err == nil {
			return
		}
		s.logger().Error("outcome was not written", "part", "spool", "message", m.ID, "err", err)
		if !errors.Is(err, ErrFull) {
			return
		}
		pause, stop := context.WithTimeout(context.WithoutCancel(ctx), fullRetry)
		<-pause.Done()
		stop()
		if ctx.Err() != nil {
			return
		}
	}
}

// afterwards lets holds, outages and watchers know what an attempt showed.
func (s *Spool) afterwards(ctx context.Context, m *Message, v verdict) {
	ctx = context.WithoutCancel(ctx)
	switch {
	case v.noCall:
		s.holds.unclaim(m.probing)
		s.kick(Transactional) // somebody else may probe now
		s.kick(Bulk)
		if v.hold != nil {
			s.refused(ctx, m, v)
		}
	case v.class == "" || v.class == Permanent:
		s.outage.answered()
		for _, sc := range m.probing {
			if err := s.Release(ctx, sc); err != nil && !errors.Is(err, ErrNotFound) {
				s.logger().Error("hold was not released", "part", "spool", "scope", sc, "err", err)
			}
		}
	default:
		s.holds.refused(m.probing)
		s.refused(ctx, m, v)
	}
	s.wakeProber()
	s.meter.add(v.outcome, time.Now())
	s.observe(m, v)
}

// refused begins what a refusal asks for: the hold its class names, or an
// outage when it is the third in a row.
func (s *Spool) refused(ctx context.Context, m *Message, v verdict) {
	if v.hold != nil {
		if v.hold.Class == Quota {
			if at, ok := s.Pace.QuotaFrees(m.Lane); ok {
				v.hold.Until = at.UTC()
			}
		}
		if err := s.Hold(ctx, *v.hold); err != nil {
			s.logger().Error("hold was not stored", "part", "spool", "scope", v.hold.Scope, "err", err)
		}
		return
	}
	if v.class == Rate || s.holds.has(ScopeAll) {
		return
	}
	if outage, cost := s.outage.refused(m, v.usesTry && v.outcome == Pending); outage {
		s.beginOutage(ctx, v.reason, cost)
	}
}

// beginOutage holds everything and gives back the tries the run has cost.
func (s *Spool) beginOutage(ctx context.Context, reason string, cost []spent) {
	ctx = context.WithoutCancel(ctx)
	h := Hold{Scope: ScopeAll, Class: Outage, Reason: "SES does not take mail: " + reason, Hint: hints[Outage]}
	if err := s.Hold(ctx, h); err != nil {
		s.logger().Error("hold was not stored", "part", "spool", "scope", ScopeAll, "err", err)
	}
	for _, e := range cost {
		if err := s.giveBack(e); err != nil && !errors.Is(err, ErrNotFound) {
			s.logger().Error("tries were not given back", "part", "spool", "err", err)
		}
	}
}

func (r *outageRun) all() []spent {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.take()
}
