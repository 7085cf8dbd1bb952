package spool

import (
	"errors"
	"time"

	"go.etcd.io/bbolt"
)

// outcomeSize is what an outcome adds to a file, bytes, about.
const outcomeSize = 256

// submitOutcome hands what became of an attempt to the lane's writer; the
// channel tells when it is on disk. A message that is not in sending any more
// is left alone, and so is a record that nobody can read; its call is over.
func (s *Spool) submitOutcome(m *Message, sesID string, v verdict) (<-chan error, error) {
	judged := func(*Message) verdict { return v }
	if m.queued() {
		return s.queue.submit(outcomeSize, func(tx *bbolt.Tx) error {
			_, err := s.settleMail(tx, m.seq, sesID, judged)
			return s.closeCall(tx, u64(m.seq), err)
		})
	}
	return s.ledger.submit(outcomeSize, func(tx *bbolt.Tx) error {
		_, err := s.settleRow(tx, m.Campaign, m.Subscriber, sesID, judged)
		return s.closeCall(tx, key(m.Campaign, m.Subscriber), err)
	})
}

// closeCall takes a call out of the index of open calls whose record is damaged
// or gone: left there it would be found for ever. Check tells of the record.
func (s *Spool) closeCall(tx *bbolt.Tx, k []byte, err error) error {
	if !errors.Is(err, errRecord) && !errors.Is(err, ErrNotFound) {
		return err
	}
	s.logger().Error("entry of an open call has no such call", "part", "spool", "err", err)
	return tx.Bucket(bSending).Delete(k)
}

// settleMail writes a verdict on a message in sending; found is false when it
// is not in sending.
func (s *Spool) settleMail(tx *bbolt.Tx, seq uint64, sesID string, judged func(*Message) verdict) (found bool, err error) {
	old, err := mail(tx, seq)
	if err != nil || old.Outcome != Sending {
		return false, err
	}
	n := old
	now := time.Now()
	judged(&old).apply(&n, sesID, now)
	n.prove(now)
	return true, s.queueSums().replace(tx, &old, &n)
}

// settleRow is settleMail for a campaign's row.
func (s *Spool) settleRow(tx *bbolt.Tx, campaign, subscriber uint64, sesID string, judged func(*Message) verdict) (found bool, err error) {
	sums := s.ledgerSums()
	l, err := sums.header(campaign)
	if err != nil {
		return false, err
	}
	old, err := row(tx, campaign, subscriber)
	if err != nil || old.Outcome != Sending {
		return false, err
	}
	n, now := old, time.Now().UTC()
	judged(&old).apply(&n, sesID, now)
	if n.Outcome == Pending && l.State == Cancelling {
		n.skip(SkipCancelled, now)
	}
	n.prove(now)
	if n.Outcome == Accepted && l.First.IsZero() {
		l.First = now
	}
	if err := sums.replace(tx, l, &old, &n); err != nil {
		return false, err
	}
	l.conclude(now)
	return true, nil
}

// giveBack returns the tries an outage has cost a message that still waits.
func (s *Spool) giveBack(e spent) error {
	if e.campaign == 0 {
		return s.queue.do(outcomeSize, func(tx *bbolt.Tx) error {
			old, err := mail(tx, e.key)
			if err != nil || old.Outcome != Pending {
				return err
			}
			m := old
			m.Tries = max(m.Tries-e.tries, 0)
			return s.queueSums().replace(tx, &old, &m)
		})
	}
	return s.ledger.do(outcomeSize, func(tx *bbolt.Tx) error {
		l, err := s.ledgerSums().header(e.campaign)
		if err != nil {
			return err
		}
		old, err := row(tx, e.campaign, e.key)
		if err != nil || old.Outcome != Pending {
			return err
		}
		m := old
		m.Tries = max(m.Tries-e.tries, 0)
		return s.ledgerSums().replace(tx, l, &old, &m)
	})
}

// stored reads a message as it is on disk now.
func (s *Spool) stored(m *Message) (out Message, err error) {
	if !m.queued() {
		return s.Recipient(m.Campaign, m.Subscriber)
	}
	err = s.queue.View(func(tx *bbolt.Tx) error {
		out, err = mail(tx, m.seq)
		return err
	})
	return out, s.removedMail(m.seq, err)
}
