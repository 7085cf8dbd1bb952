package spool

import (
	"bytes"
	"encoding/json"
	"fmt"
	"time"

	"go.etcd.io/bbolt"
)

// readRemoved is what is gone from the queue in a lane.
func readRemoved(tx *bbolt.Tx, l Lane) (gone Removed, err error) {
	b := tx.Bucket(bMeta).Get(kRemoved[l])
	if b == nil {
		return gone, nil
	}
	if err := json.Unmarshal(b, &gone); err != nil {
		return gone, fmt.Errorf("read what was removed from the queue: %w", err)
	}
	return gone, nil
}

func readBothRemoved(tx *bbolt.Tx) (gone [2]Removed, err error) {
	for l := range gone {
		if gone[l], err = readRemoved(tx, Lane(l)); err != nil {
			return gone, err
		}
	}
	return gone, nil
}

func putRemoved(tx *bbolt.Tx, gone *[2]Removed) error {
	for l := range gone {
		b, err := json.Marshal(gone[l])
		if err != nil {
			return err
		}
		if err := tx.Bucket(bMeta).Put(kRemoved[l], b); err != nil {
			return err
		}
	}
	return nil
}

// removedThrough is the newest message that retention has removed from the
// queue: older ones that are not there were removed, newer ones never were.
func removedThrough(tx *bbolt.Tx) (uint64, error) {
	gone, err := readBothRemoved(tx)
	return max(gone[Transactional].Through, gone[Bulk].Through), err
}

// Removed is what retention has removed from the queue, of both lanes; zero for
// nothing.
func (s *Spool) Removed() (all Removed, err error) {
	err = s.queue.View(func(tx *bbolt.Tx) error {
		gone, err := readBothRemoved(tx)
		all = gone[Transactional]
		all.Add(gone[Bulk].Counts)
		all.Through = max(all.Through, gone[Bulk].Through)
		all.At, all.Before = later(all.At, gone[Bulk].At), later(all.Before, gone[Bulk].Before)
		return err
	})
	return all, err
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// RemovedRows is whether retention has removed rows of any campaign, and before
// when: an older row may be missed. Zero for none.
func (s *Spool) RemovedRows() (before time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, l := range s.ledgers {
		if l.Removed != nil && l.Removed.Before.After(before) {
			before = l.Removed.Before
		}
	}
	return before
}

// SaveRetention keeps what the last run did, for the next process.
func (s *Spool) SaveRetention(run []byte) error {
	return s.ledger.do(len(run), func(tx *bbolt.Tx) error { return tx.Bucket(bMeta).Put(kRetention, run) })
}

// LoadRetention is what SaveRetention kept last, nil before the first.
func (s *Spool) LoadRetention() (run []byte, err error) {
	err = s.ledger.View(func(tx *bbolt.Tx) error {
		run = bytes.Clone(tx.Bucket(bMeta).Get(kRetention))
		return nil
	})
	return run, err
}

// Sizes are the bytes of queue.db and of ledger.db, and how many of them hold
// nothing.
func (s *Spool) Sizes() (queue, queueUnused, ledger, ledgerUnused int64) {
	queue, queueUnused = s.queue.Size()
	ledger, ledgerUnused = s.ledger.Size()
	return queue, queueUnused, ledger, ledgerUnused
}
