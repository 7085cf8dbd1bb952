package audience

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	bolt "go.etcd.io/bbolt"
)

const (
	refusedBatch = 256    // people of one commit
	refusedScan  = 10_000 // people looked at in one transaction
	refusedRest  = 9      // how much longer than a commit it rests after it
)

// RemoveRefused removes the people who refused all mail before a time and are not
// in the customers' table: record and history. What proves the refusal stays,
// the hash of the address with source and time, so that a file that brings them
// again finds them refusing still. It returns how many there were; dry only
// counts. What is removed when ctx ends stays so.
func (s *Store) RemoveRefused(ctx context.Context, before time.Time, dry bool) (n int64, err error) {
	for after := uint64(0); after != math.MaxUint64 && err == nil; err = errors.Join(err, ctx.Err()) {
		var ids []uint64
		if ids, after, err = s.refused(after, before); err != nil || len(ids) == 0 {
			continue
		}
		if dry {
			n += int64(len(ids))
			continue
		}
		began := time.Now()
		var gone int64
		if gone, err = s.removeRefused(ctx, ids, before); err == nil {
			n += gone
			rest(ctx, refusedRest*time.Since(began))
		}
	}
	if err != nil {
		return n, fmt.Errorf("remove people who refused mail long ago: %w", err)
	}
	return n, nil
}

func rest(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

// refused finds the next to remove; last is the greatest number at the end. A
// record that nobody can read stays: Check tells of it.
func (s *Store) refused(after uint64, before time.Time) (ids []uint64, last uint64, err error) {
	err = s.db.View(func(tx *bolt.Tx) error {
		last = math.MaxUint64
		rows := tx.Bucket(bucketRowsOf)
		c := tx.Bucket(bucketSubscribers).Cursor()
		k, v := c.Seek(key64(after + 1))
		for n := 0; len(k) == 8 && n < refusedScan && len(ids) < refusedBatch; n++ {
			after = number(k)
			if r, err := parse(after, v); err == nil && longRefused(r.consent(), before) && !ofTable(rows, after) {
				ids = append(ids, after)
			}
			k, v = c.Next()
		}
		if k != nil {
			last = after
		}
		return nil
	})
	return ids, last, err
}

func longRefused(c Consent, before time.Time) bool {
	return c.refuses() && !c.At.IsZero() && c.At.Before(before)
}

// ofTable reports whether a row of the customers' table is the subscriber's.
func ofTable(rowsOf *bolt.Bucket, id uint64) bool {
	k, _ := rowsOf.Cursor().Seek(key64(id))
	return len(k) > 8 && number(k[:8]) == id
}

func (s *Store) removeRefused(ctx context.Context, ids []uint64, before time.Time) (n int64, err error) {
	err = s.indexed(ctx, func() error {
		return s.update(ctx, func(u *update) error {
			n = 0
			for _, id := range ids {
				p, err := u.get(id)
				if err != nil || !longRefused(p.consent, before) || ofTable(u.tx.Bucket(bucketRowsOf), id) {
					continue // gone, damaged, or changed meanwhile
				}
				if err := errors.Join(u.remove(p), u.keepRefusals(u.s.hash(p.email))); err != nil {
					return err
				}
				n++
			}
			return nil
		})
	})
	return n, err
}
