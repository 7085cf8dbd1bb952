package spool

// What people do to single messages, and how it is told.

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"go.etcd.io/bbolt"

	"pabal/eml"
)

// Retry puts a failed or unknown message of the queue back, with fresh tries.
// One whose outcome is unknown may be mailed twice and is marked so.
// ErrNotFound; ErrState when it is in another outcome or its body is gone.
func (s *Spool) Retry(ctx context.Context, id string) error {
	err := s.queueJob(ctx, id, func(tx *bbolt.Tx, old *Message) error {
		m := *old
		switch {
		case !m.gaveUp():
			return fmt.Errorf("it is %s: %w", m.Outcome, ErrState)
		case m.body == 0:
			return errGone
		}
		m.MaybeTwice = m.MaybeTwice || m.Outcome == Unknown
		m.Outcome, m.Tries, m.At, m.NextTry = Pending, 0, time.Now(), time.Now()
		if err := keepAct(tx, m.seq, Act{At: m.At.UTC(), By: Caller(ctx), What: "retry"}); err != nil {
			return err
		}
		return s.queueSums().replace(tx, old, &m)
	})
	if err == nil {
		s.byHand(ctx, "retry", slog.String("message", id))
		s.kick(Transactional)
		s.kick(Bulk) // where a rule put it
	}
	return err
}

var errGone = fmt.Errorf("its text is not kept any more: %w", ErrState)

const discarded = "discarded: " // before the reason of what a person gave up

func wasDiscarded(reason string) bool { return strings.HasPrefix(reason, discarded) }

// Discard gives up a message of the queue: a pending one ends as skipped, or as
// unknown when an attempt's answer was lost; a failed or unknown one loses its
// body and its reason says so. ErrNotFound; ErrState while it is being sent or
// was accepted.
func (s *Spool) Discard(ctx context.Context, id string) error {
	err := s.queueJob(ctx, id, func(tx *bbolt.Tx, old *Message) error {
		m := *old
		if err := m.giveUp(discarded); err != nil {
			return err
		}
		if err := dropBody(tx, m.body); err != nil {
			return err
		}
		m.body = 0
		if err := keepAct(tx, m.seq, Act{At: m.At.UTC(), By: Caller(ctx), What: "discard"}); err != nil {
			return err
		}
		return s.queueSums().replace(tx, old, &m)
	})
	if err == nil {
		s.byHand(ctx, "discard", slog.String("message", id))
	}
	return err
}

// giveUp ends a message by a person's word. Its body is for the caller to drop.
func (m *Message) giveUp(why string) error {
	switch {
	case m.gaveUp() && m.body == 0:
		return errGone
	case m.gaveUp():
		m.Reason, m.At = eml.Cut(why+m.Reason, maxReason), time.Now()
	case m.Outcome == Pending:
		if m.skip(SkipCancelled, time.Now()); m.Outcome == Unknown {
			m.Reason = eml.Cut(why+m.Reason, maxReason)
		}
	default:
		return fmt.Errorf("it is %s: %w", m.Outcome, ErrState)
	}
	return nil
}

// Edit sends a message of the queue to another address, which is canonical, in
// place of its own, and returns the new message's id. That one has the text and
// fresh tries; the old one is given up as by Discard, and each tells of the
// other. What the old one may have done already is no news of the new one, so
// neither can be mistaken for the other. ErrNotFound; ErrState when it is being
// sent, was accepted, skipped or discarded, or goes to that address already.
func (s *Spool) Edit(ctx context.Context, id, to string) (newID string, err error) {
	err = s.queueJob(ctx, id, func(tx *bbolt.Tx, old *Message) error {
		newID, err = s.readdress(ctx, tx, old, to)
		return err
	})
	if err != nil {
		return "", err
	}
	s.byHand(ctx, "edit", slog.String("message", id), slog.String("new_message", newID))
	s.kick(Transactional)
	s.kick(Bulk)
	return newID, nil
}

func (s *Spool) readdress(ctx context.Context, tx *bbolt.Tx, old *Message, to string) (string, error) {
	if eml.Key(old.To) == eml.Key(to) {
		return "", fmt.Errorf("it goes to that address already: %w", ErrState)
	}
	seq, err := tx.Bucket(bOpen).NextSequence()
	if err != nil {
		return "", err
	}
	m, now := *old, time.Now()
	if err := m.giveUp(discarded + "sent to another address as " + queueID(seq) + ": "); err != nil {
		return "", err
	}
	n := Message{ID: queueID(seq), seq: seq, To: to, From: old.From, FromDomain: old.FromDomain, Size: old.Size, Subject: old.Subject,
		MessageID: old.MessageID, Report: old.Report, At: now, Received: now, NextTry: now, body: old.body}
	n.take(*old.routing())
	m.body = 0 // the new one's now
	act := Act{At: now.UTC(), By: Caller(ctx), What: "edit", Reason: "sent as " + n.ID}
	if err := keepAct(tx, m.seq, act); err != nil {
		return "", err
	}
	act.Reason = "in place of " + old.ID
	if err := keepAct(tx, n.seq, act); err != nil {
		return "", err
	}
	if err := s.queueSums().replace(tx, old, &m); err != nil {
		return "", err
	}
	return n.ID, s.queueSums().replace(tx, nil, &n)
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
func (s *Spool) byHand(ctx context.Context, act string, to ...slog.Attr) {
	s.logger().With("part", "spool", "act", act, "by", Caller(ctx)).LogAttrs(ctx, slog.LevelInfo, "done by hand", to...)
}
