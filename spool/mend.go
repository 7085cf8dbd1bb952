package spool

import (
	"context"

	"go.etcd.io/bbolt"

	"pabal/store"
)

// mendBatch is how many records are looked at in one snapshot.
const mendBatch = 1000

// mendDue puts back what the indexes of what is due have lost, once at the
// start: a bit flipped in a key of theirs would leave a mail waiting for ever.
func (s *Spool) mendDue(ctx context.Context) {
	shelves := []shelf{{Transactional, 0}}
	all, err := s.Ledgers()
	for _, l := range all {
		if !l.State.Final() {
			shelves = append(shelves, shelf{Bulk, l.Campaign})
		}
	}
	mended := 0
	for _, f := range shelves {
		n := 0
		if err == nil {
			n, err = s.mendShelf(ctx, f)
		}
		mended += n
	}
	if mended > 0 {
		s.logger().Error("messages were missing from the index of what is due", "part", "spool", "messages", mended, "hint", "they are sent now; look after the disk")
	}
	if err != nil && ctx.Err() == nil {
		s.logger().Error("index of what is due was not looked over", "part", "spool", "err", err)
	}
}

// shelf is where records stand: the open mail of the queue, or a campaign's rows.
type shelf struct {
	lane     Lane
	campaign uint64
}

// records is nil where there are none.
func (f shelf) records(tx *bbolt.Tx) *bbolt.Bucket {
	if f.lane == Transactional {
		return tx.Bucket(bOpen)
	}
	return tx.Bucket(bRows).Bucket(u64(f.campaign))
}

// missing is the key that a record has to have in the index and has not; nil
// when all is well. A record that cannot be read is parked when it is leased.
func (f shelf) missing(tx *bbolt.Tx, k uint64, v []byte) []byte {
	if len(v) <= recordFixed || v[1] != byte(Pending) {
		return nil // first tries of a campaign need no entry
	}
	var due []byte
	if f.lane == Transactional {
		m, err := readMail(v, k)
		if err != nil {
			return nil
		}
		due = queueDue(&m)
	} else {
		m, err := readRow(v, f.campaign, k)
		if err != nil || m.NextTry.IsZero() {
			return nil
		}
		due = rowDue(&m)
	}
	if has(tx.Bucket(bDue), due) {
		return nil
	}
	return due
}

// lost looks at the next records after a key and returns those without their
// entry, and the last it looked at, 0 at the end.
func (s *Spool) lost(f shelf, after uint64) (lost []uint64, last uint64, err error) {
	err = s.store(f.lane).View(func(tx *bbolt.Tx) error {
		b := f.records(tx)
		if b == nil {
			return nil
		}
		c := b.Cursor()
		k, v := c.Seek(u64(after + 1))
		for n := 0; len(k) == 8 && n < mendBatch; n++ {
			last = number(k, 0)
			if f.missing(tx, last, v) != nil {
				lost = append(lost, last)
			}
			k, v = c.Next()
		}
		if k == nil {
			last = 0
		}
		return nil
	})
	return lost, last, err
}

// mendShelf puts back the entries that a shelf's records need.
func (s *Spool) mendShelf(ctx context.Context, f shelf) (mended int, err error) {
	for last, more := uint64(0), true; more; more = last != 0 {
		var lost []uint64
		if lost, last, err = s.lost(f, last); err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return mended, err
		}
		if len(lost) == 0 {
			continue
		}
		put := 0
		err = s.store(f.lane).Do(ctx, store.Job{Size: 64 * len(lost), Apply: func(tx *bbolt.Tx) error {
			put = 0
			for _, k := range lost {
				due := f.missing(tx, k, f.records(tx).Get(u64(k))) // as it is now
				if due == nil {
					continue
				}
				put++
				if err := tx.Bucket(bDue).Put(due, nil); err != nil {
					return err
				}
			}
			return nil
		}})
		if err != nil {
			return mended, err
		}
		mended += put
		s.kick(f.lane)
		s.kick(Bulk) // where a rule put mail of the queue
	}
	return mended, nil
}
