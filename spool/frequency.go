package spool

import (
	"cmp"
	"errors"
	"slices"
	"time"

	"go.etcd.io/bbolt"
)

// Some people want a mail a week or a month at most. Nothing is written for
// that: the ledgers know when whom was tried last. The rows of all campaigns
// whose mail counts (Ledger.Unlimited is false) are looked up
//
//   - when an audience is frozen or counted (Attempted), and
//   - again at every lease, inside its transaction: of two campaigns that run
//     at once only the first to lease somebody gets through, whichever that is.
//
// Somebody without a limit costs nothing.

// counts reports whether a row is an attempt that reached its reader, or may
// have, or will be repeated by itself: what is in sending, accepted, unknown,
// and what waits for a retry. A skip is no attempt, and a mail that SES refused
// for good reached nobody.
func (m *Message) counts() bool {
	switch m.Outcome {
	case Sending, Accepted, Unknown:
		return true
	case Pending:
		return m.Attempts > 0
	}
	return false
}

// limiting are the campaigns that may have tried somebody since a time, the
// newest first: what is found is mostly found there.
func (s *Spool) limiting(subscriber uint64, since time.Time) []uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	var ids []uint64
	for id, l := range s.ledgers {
		if !l.Unlimited && l.Last >= subscriber && (l.Ended.IsZero() || !l.Ended.Before(since)) {
			ids = append(ids, id)
		}
	}
	slices.SortFunc(ids, func(a, b uint64) int { return cmp.Compare(b, a) })
	return ids
}

// attempted is what campaigns other than except tell of somebody since a time:
// the outcome of a mail that counts, sending only if there is no other.
func (s *Spool) attempted(tx *bbolt.Tx, subscriber uint64, since time.Time, except uint64) (what Outcome, yes bool, err error) {
	for _, campaign := range s.limiting(subscriber, since) {
		if campaign == except {
			continue
		}
		m, err := row(tx, campaign, subscriber)
		switch {
		case errors.Is(err, ErrNotFound), errors.Is(err, errRecord): // no row; one nobody can read is Check's to tell
		case err != nil:
			return 0, false, err
		case m.counts() && !m.At.Before(since):
			if what, yes = m.Outcome, true; what != Sending {
				return what, true, nil
			}
		}
	}
	return what, yes, nil
}

// Attempted reports whether any campaign whose mail counts has tried a
// subscriber since a time, and SES has not refused it: a call that is open, was
// accepted, whose answer was lost, or that will be repeated. It reads one row a
// campaign that was active since then.
func (s *Spool) Attempted(subscriber uint64, since time.Time) (yes bool, err error) {
	err = s.ledger.View(func(tx *bbolt.Tx) error {
		_, yes, err = s.attempted(tx, subscriber, since, 0)
		return err
	})
	return yes, err
}

const waitsForOther = "another campaign's mail to them is being sent" // why a row is put off

// tooOften keeps a candidate back that would be one mail too many: skipped, or
// put off for a moment while another campaign's call is open, which may still
// end without a mail.
func (s *Spool) tooOften(tx *bbolt.Tx, l *Ledger, c candidate) (candidate, error) {
	if c.since.IsZero() || l.Unlimited || c.skip != "" || c.trouble != "" {
		return c, nil
	}
	what, yes, err := s.attempted(tx, c.key, c.since, c.campaign)
	switch {
	case yes && what == Sending:
		c.trouble = waitsForOther
	case yes:
		c.skip = SkipFrequency
	}
	return c, err
}
