package spool

import (
	"errors"
	"path/filepath"

	"go.etcd.io/bbolt"

	"pabal/store"
)

// Snapshots are both files as they are now, the queue first: what they hold
// together was never there, but each is whole, and what a crash between two of
// their commits could leave they can be started from. Both have to be closed.
func (s *Spool) Snapshots() (queue, ledger *store.Snapshot, err error) {
	if queue, err = s.queue.Snapshot(); err != nil {
		return nil, nil, err
	}
	if ledger, err = s.ledger.Snapshot(); err != nil {
		return nil, nil, errors.Join(err, queue.Close())
	}
	return queue, ledger, nil
}

// OpenSnapshots are those of the files in dir, which no daemon has open.
func OpenSnapshots(dir string) (queue, ledger *store.Snapshot, err error) {
	if queue, err = store.OpenSnapshot(filepath.Join(dir, QueueFile), queueOptions(store.Options{})); err != nil {
		return nil, nil, err
	}
	if ledger, err = store.OpenSnapshot(filepath.Join(dir, LedgerFile), ledgerOptions(store.Options{})); err != nil {
		return nil, nil, errors.Join(err, queue.Close())
	}
	return queue, ledger, nil
}

// Messages is how many mails a snapshot of queue.db holds, done ones too, not
// those that retention has removed.
func Messages(queue *store.Snapshot) (n int64, err error) {
	err = queue.Guard(func(tx *bbolt.Tx) error {
		for l := range Bulk + 1 {
			c, err := readCounts(tx, l)
			if err != nil {
				return err
			}
			gone, err := readRemoved(tx, l)
			if err != nil {
				return err
			}
			n += c.Audience - gone.Audience
		}
		return nil
	})
	return n, err
}

// Recipients is how many campaigns a snapshot of ledger.db holds, and how many
// recipients have a row.
func Recipients(ledger *store.Snapshot) (campaigns int, recipients int64, err error) {
	err = ledger.Guard(func(tx *bbolt.Tx) error {
		return tx.Bucket(bHeaders).ForEach(func(_, v []byte) error {
			l, err := readHeader(v)
			if err != nil {
				return err
			}
			if l.Removed != nil {
				recipients -= l.Removed.Audience
			}
			campaigns, recipients = campaigns+1, recipients+l.Audience
			return nil
		})
	})
	return campaigns, recipients, err
}
