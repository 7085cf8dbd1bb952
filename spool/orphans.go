package spool

// Feedback on mails whose SES id is not known yet, or never will be: it came
// before the answer of the call, or after a crash that lost the answer and
// without our tag. Each file has a bucket
//
//	orphans  packed SES id -> time kept u64 (ms), flags u16, news
//
// An entry that names no lane lies in both. All that is said of one id is one
// entry. What is a week old goes, what is over the bound is not kept.

import (
	"bytes"
	"context"
	"encoding/binary"
	"sync/atomic"
	"time"

	"go.etcd.io/bbolt"
)

const (
	orphansMax   = 100_000 // in each file
	orphanLife   = 7 * 24 * time.Hour
	orphansEvery = time.Hour // between two looks for old ones
	orphanFixed  = 10
)

var bOrphans = []byte("orphans")

// addOrphans makes the bucket: migration 1 of both files.
func addOrphans(tx *bbolt.Tx) error {
	_, err := tx.CreateBucketIfNotExists(bOrphans)
	return err
}

// orphans is one file's count of them; without any, nothing is looked up.
type orphans struct {
	committed atomic.Int64
	now       int64 // in the group being written; the writer's alone
	max       int64 // zero means orphansMax; tests lower it
}

func (o *orphans) begin()   { o.now = o.committed.Load() }
func (o *orphans) publish() { o.committed.Store(o.now) }

func (o *orphans) load(tx *bbolt.Tx) {
	c := tx.Bucket(bOrphans).Cursor()
	for k, _ := c.First(); k != nil; k, _ = c.Next() {
		o.now++
	}
	o.publish()
}

func (s *Spool) orphans(l Lane) *orphans {
	if l == Bulk {
		return &s.ledgerSums().orphans
	}
	return &s.queueSums().orphans
}

// keep stores an event for later. It reports false when there is no room.
func (o *orphans) keep(tx *bbolt.Tx, h *heard, now time.Time) (bool, error) {
	b, k := tx.Bucket(bOrphans), []byte(packSESID(h.SESID))
	m, at := Message{}, now
	if v := b.Get(k); v != nil {
		m, at = readOrphan(v)
	} else {
		limit := o.max
		if limit == 0 {
			limit = orphansMax
		}
		if o.now >= limit {
			return false, nil
		}
		o.now++
	}
	m.hear(h.flags(), h.News, 0, "")
	v := binary.BigEndian.AppendUint64(nil, millis(at))
	v = binary.BigEndian.AppendUint16(v, m.flags())
	return true, b.Put(k, append(v, m.News...))
}

func readOrphan(v []byte) (m Message, at time.Time) {
	if len(v) < orphanFixed {
		return m, at // damaged: nothing was heard, long ago
	}
	m.setFlags(binary.BigEndian.Uint16(v[8:]))
	m.News = string(v[orphanFixed:])
	return m, fromMillis(binary.BigEndian.Uint64(v))
}

// adopt gives a message that gets an SES id what was heard of it before.
func (o *orphans) adopt(tx *bbolt.Tx, old, m *Message) error {
	if o.now == 0 || m.SESID == "" || old != nil && old.SESID == m.SESID && len(old.Also) == len(m.Also) {
		return nil
	}
	b := tx.Bucket(bOrphans)
	for _, id := range m.sesIDs() {
		k := []byte(packSESID(id))
		v := b.Get(k)
		if v == nil {
			continue
		}
		said, kept := readOrphan(v)
		if m.heardAt.IsZero() {
			m.heardAt = kept
		}
		m.hear(said.flags(), said.News, 0, "")
		o.now--
		if err := b.Delete(k); err != nil {
			return err
		}
	}
	return nil
}

// Orphans is how much feedback is kept of mails that nobody knows yet.
func (s *Spool) Orphans() int64 {
	return max(s.orphans(Bulk).committed.Load(), s.orphans(Transactional).committed.Load())
}

// sweepOrphans drops what is too old and what the other lane has taken, now
// and every hour until ctx ends.
func (s *Spool) sweepOrphans(ctx context.Context) {
	for {
		for _, l := range [...]Lane{Bulk, Transactional} {
			if err := s.sweep(ctx, l); err != nil && ctx.Err() == nil {
				s.logger().Error("old feedback was not dropped", "part", "spool", "lane", l, "err", err)
			}
		}
		if !wait(ctx, nil, time.Now().Add(orphansEvery)) {
			return
		}
	}
}

func (s *Spool) sweep(ctx context.Context, l Lane) error {
	for s.orphans(l).committed.Load() > 0 && ctx.Err() == nil {
		gone, err := s.stale(l, time.Now().Add(-orphanLife))
		if err != nil || len(gone) == 0 {
			return err
		}
		drop := func(tx *bbolt.Tx) error {
			b := tx.Bucket(bOrphans)
			for _, k := range gone {
				if b.Get(k) == nil {
					continue
				}
				s.orphans(l).now--
				if err := b.Delete(k); err != nil {
					return err
				}
			}
			return nil
		}
		if l == Bulk {
			err = s.ledger.do(64*len(gone), drop)
		} else {
			err = s.queue.do(64*len(gone), drop)
		}
		if err != nil {
			return err
		}
	}
	return ctx.Err()
}

// stale finds up to MaxBatch entries that are older than before, or whose id
// the other lane knows.
func (s *Spool) stale(l Lane, before time.Time) (gone [][]byte, err error) {
	err = s.store(Transactional).View(func(queue *bbolt.Tx) error {
		return s.store(Bulk).View(func(ledger *bbolt.Tx) error {
			tx, other := queue, ledger
			if l == Bulk {
				tx, other = ledger, queue
			}
			c := tx.Bucket(bOrphans).Cursor()
			for k, v := c.First(); k != nil && len(gone) < MaxBatch; k, v = c.Next() {
				if _, at := readOrphan(v); at.Before(before) || other.Bucket(bSES).Get(k) != nil {
					gone = append(gone, bytes.Clone(k))
				}
			}
			return nil
		})
	})
	return gone, err
}
