package spool

import (
	"errors"
	"iter"

	"go.etcd.io/bbolt"
)

// Recipients walks a campaign's rows in order of subscriber, those after
// `after` with the outcome, or all when outcome is nil. It reads in batches, so
// a slow caller holds up nothing and sees each row as it is when its batch is read.
func (s *Spool) Recipients(campaign uint64, outcome *Outcome, after uint64) iter.Seq2[Message, error] {
	return func(yield func(Message, error) bool) {
		if _, err := s.Ledger(campaign); err != nil {
			yield(Message{}, err)
			return
		}
		for {
			batch, last, err := s.rowBatch(campaign, outcome, after)
			if err != nil {
				yield(Message{}, err)
				return
			}
			for _, m := range batch {
				if !yield(m, nil) {
					return
				}
			}
			if last == 0 {
				return
			}
			after = last
		}
	}
}

// rowBatch reads the next rows; last is 0 at the end.
func (s *Spool) rowBatch(campaign uint64, outcome *Outcome, after uint64) (batch []Message, last uint64, err error) {
	err = s.ledger.View(func(tx *bbolt.Tx) error {
		b := tx.Bucket(bRows).Bucket(u64(campaign))
		if b == nil {
			return nil
		}
		batch, last, err = readBatch(b, outcome, after, func(v []byte, key uint64) (Message, error) { return readRow(v, campaign, key) })
		return err
	})
	return batch, last, err
}

// readBatch reads up to MaxBatch records behind after and keeps those with the
// outcome; last is the last key looked at, 0 at the end of the bucket. Of one
// that is damaged it keeps what can be read, with that as its reason.
func readBatch(b *bbolt.Bucket, outcome *Outcome, after uint64, read func(v []byte, key uint64) (Message, error)) (batch []Message, last uint64, err error) {
	c := b.Cursor()
	k, v := c.Seek(u64(after + 1))
	for n := 0; k != nil; n++ {
		if n == MaxBatch {
			return batch, last, nil
		}
		if last = number(k, 0); outcome == nil || len(v) > 1 && v[1] == byte(*outcome) {
			m, err := read(v, last)
			switch {
			case err == nil:
			case !errors.Is(err, errRecord):
				return batch, last, err
			default:
				m.Reason = damagedReason
				if len(v) > 1 && v[1] <= byte(Unknown) {
					m.Outcome = Outcome(v[1])
				}
			}
			batch = append(batch, m)
		}
		k, v = c.Next()
	}
	return batch, 0, nil
}

// Recipient is one row. ErrNotFound, and ErrRemoved where retention may have
// removed it.
func (s *Spool) Recipient(campaign, subscriber uint64) (m Message, err error) {
	err = s.ledger.View(func(tx *bbolt.Tx) error {
		m, err = row(tx, campaign, subscriber)
		return err
	})
	return m, s.removedRow(campaign, err)
}
