package spool

// What people do to single messages, and how it is told.

import (
	"context"
	"fmt"
	"time"

	"go.etcd.io/bbolt"

	"pabal/eml"
)

// Retry puts a failed or unknown message of the queue back, with fresh tries.
// ErrNotFound; ErrState when it is in another outcome or its body is gone.
func (s *Spool) Retry(ctx context.Context, id string) error {
	err := s.changeByID(ctx, id, func(m *Message) error {
		if m.Outcome != Failed && m.Outcome != Unknown || m.body == 0 {
			return fmt.Errorf("it is %s: %w", m.Outcome, ErrState)
		}
		m.MaybeTwice = m.MaybeTwice || m.Outcome == Unknown
		m.Outcome, m.Tries, m.At, m.NextTry = Pending, 0, time.Now(), time.Now()
		return nil
	})
	if err == nil {
		s.byHand(ctx, "retry", "message", id)
		s.kick(Transactional)
	}
	return err
}

const discarded = "discarded: " // before the reason of what a person gave up

// Discard gives up a message of the queue: a pending one ends as skipped, or as
// unknown when an attempt's answer was lost; a failed or unknown one loses its
// body and its reason says so. ErrNotFound; ErrState while it is being sent or
// was accepted.
func (s *Spool) Discard(ctx context.Context, id string) error {
	err := s.queueJob(ctx, id, func(tx *bbolt.Tx, old *Message) error {
		m := *old
		switch m.Outcome {
		case Pending:
			m.skip(SkipCancelled, time.Now())
		case Failed, Unknown:
			if m.body == 0 {
				return fmt.Errorf("it was discarded already: %w", ErrState)
			}
			m.Reason, m.At = eml.Cut(discarded+m.Reason, maxReason), time.Now()
		default:
			return fmt.Errorf("it is %s: %w", m.Outcome, ErrState)
		}
		if err := dropBody(tx, m.body); err != nil {
			return err
		}
		m.body = 0
		return s.queueSums().replace(tx, old, &m)
	})
	if err == nil {
		s.byHand(ctx, "discard", "message", id)
	}
	return err
}

func (s *Spool) changeByID(ctx context.Context, id string, fn func(*Message) error) error {
	return s.queueJob(ctx, id, func(tx *bbolt.Tx, old *Message) error {
		m := *old
		if err := fn(&m); err != nil {
			return err
		}
		return s.queueSums().replace(tx, old, &m)
	})
}

func (s *Spool) queueJob(ctx context.Context, id string, fn func(*bbolt.Tx, *Message) error) error {
	lane, _, seq, ok := parseID(id)
	if !ok || lane != Transactional {
		return fmt.Errorf("message %q: %w", id, ErrNotFound)
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	return s.queue.do(512, func(tx *bbolt.Tx) error {
		old, err := mail(tx, seq)
		if err != nil {
			return err
		}
		if err := fn(tx, &old); err != nil {
			return fmt.Errorf("message %s: %w", id, err)
		}
		return nil
	})
}

// byHand says in the log who did what, and to what.
func (s *Spool) byHand(ctx context.Context, what string, args ...any) {
	s.logger().Info("done by hand", append([]any{"part", "spool", "what", what, "by", Caller(ctx)}, args...)...)
}
