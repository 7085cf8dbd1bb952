package spool

import (
	"context"
	"time"

	"go.etcd.io/bbolt"
)

// Cancel ends a campaign: no more leases, then every pending row becomes
// skipped (cancelled), or unknown when an attempt's answer was lost, in batches
// with a mark, so that Run finishes what a crash interrupts. It returns when no row is pending; the state is cancelled
// once open calls have ended. ErrNotFound, ErrState.
func (s *Spool) Cancel(ctx context.Context, campaign uint64) error {
	err := s.setState(ctx, campaign, Cancelling, "", Freezing, Running, Paused, Held, Cancelling)
	if err != nil {
		return err
	}
	return s.cancelRows(context.WithoutCancel(ctx), campaign) // who asked may be gone; it is decided
}

func (s *Spool) cancelRows(ctx context.Context, campaign uint64) error {
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		more := false
		err := s.ledger.do(64*MaxBatch, func(tx *bbolt.Tx) (err error) {
			more, err = s.cancelBatch(tx, campaign)
			return err
		})
		if err != nil || !more {
			return err
		}
	}
}

func (s *Spool) cancelBatch(tx *bbolt.Tx, campaign uint64) (more bool, err error) {
	l, err := s.ledgerSums().header(campaign)
	if err != nil {
		return false, err
	}
	now := time.Now().UTC()
	c := tx.Bucket(bRows).Bucket(u64(campaign)).Cursor()
	var batch [][2]Message // as it was, as it is to be
	k, v := c.Seek(u64(l.Cancel + 1))
	for n := 0; k != nil && n < MaxBatch; n++ {
		l.Cancel = number(k, 0)
		if rowPending(v) {
			batch = append(batch, s.cancelled(v, campaign, l.Cancel, now))
		}
		k, v = c.Next()
	}
	for _, m := range batch {
		if err := s.ledgerSums().replace(tx, l, &m[0], &m[1]); err != nil {
			return false, err
		}
	}
	if k == nil {
		l.conclude(now)
	}
	return k != nil, nil
}

// cancelled is a pending row as it was and cancelled. One that cannot be read is
// parked: it must not keep the campaign from its end.
func (s *Spool) cancelled(v []byte, campaign, subscriber uint64, now time.Time) [2]Message {
	old, err := readRow(v, campaign, subscriber)
	m := old
	if err != nil {
		s.damaged(&old, err)
		m.fail(damagedReason)
	} else {
		m.skip(SkipCancelled, now)
	}
	return [2]Message{old, m}
}
