package spool

import (
	"encoding/json"
	"fmt"
	"maps"

	"go.etcd.io/bbolt"
)

// ledgerSums is the headers a group changes while it is being written.
type ledgerSums struct {
	s       *Spool
	touched map[uint64]*Ledger
	bad     map[uint64][]uint64 // by campaign: rows that bounced for good or were complained about
	braked  []*Ledger           // paused for it
	series  seriesSums
	total   groupTotals
	orphans
}

// Begin starts a group of the writer (store.Sums).
func (q *ledgerSums) Begin(*bbolt.Tx) {
	q.touched, q.bad, q.braked, q.series = map[uint64]*Ledger{}, map[uint64][]uint64{}, nil, seriesSums{}
	q.total = groupTotals{}
	q.orphans.begin()
}

// Flush writes the headers and what the series gain.
func (q *ledgerSums) Flush(tx *bbolt.Tx) error {
	if err := q.brakeAll(tx); err != nil {
		return err
	}
	for _, l := range q.touched {
		b, err := json.Marshal(l)
		if err != nil {
			return err
		}
		if err := tx.Bucket(bHeaders).Put(u64(l.Campaign), b); err != nil {
			return err
		}
	}
	return q.series.flush(tx)
}

// Abandon has nothing to do: a group begins with what is committed.
func (q *ledgerSums) Abandon() error { return nil }

// Publish shows the headers to readers.
func (q *ledgerSums) Publish() {
	q.orphans.publish()
	q.total.publish(&q.s.totals)
	q.s.mu.Lock()
	maps.Copy(q.s.ledgers, q.touched)
	q.s.mu.Unlock()
	q.sayBraked()
}

// header is a campaign's header, to be changed in this group.
func (q *ledgerSums) header(campaign uint64) (*Ledger, error) {
	if l := q.touched[campaign]; l != nil {
		return l, nil
	}
	q.s.mu.Lock()
	l := q.s.ledgers[campaign]
	q.s.mu.Unlock()
	if l == nil {
		return nil, fmt.Errorf("campaign %d: %w", campaign, ErrNotFound)
	}
	l = l.clone()
	q.touched[campaign] = l
	return l, nil
}

func (s *Spool) ledgerSums() *ledgerSums { return s.ledger.sums }
