package spool

import (
	"context"
	"math"
	"slices"
	"time"

	"go.etcd.io/bbolt"
)

// RowMark is how far a walk over the rows of all ledgers is: this row and all
// before it have been looked at. Zero is the beginning.
type RowMark struct {
	Campaign, Subscriber uint64
}

// walkBatch is how many rows are looked at in one transaction: a few
// milliseconds.
const walkBatch = 10_000

// WalkRows looks at the rows of all campaigns behind from, in their order, for
// those that keep an address, which is where their last attempt went: of says
// whether it is one looked for. found is called after every 10,000 rows and at
// the end of each campaign with those found, often none, and with how far the
// walk is; its error ends the walk. A row that was never leased keeps no
// address. It reads all ledgers: 7.9M rows a second
// measured, for a hash (BenchmarkWalkRows).
func (s *Spool) WalkRows(ctx context.Context, from RowMark, of func(address string) bool, found func(batch []Message, at RowMark) error) error {
	ledgers, err := s.Ledgers()
	if err != nil {
		return err
	}
	for _, l := range ledgers {
		after := uint64(0)
		if l.Campaign == from.Campaign {
			after = from.Subscriber
		}
		for l.Campaign >= from.Campaign && after != math.MaxUint64 {
			if err := ctx.Err(); err != nil {
				return err
			}
			var batch []Message
			if batch, after, err = s.rowsTo(l.Campaign, after, of); err != nil {
				return err
			}
			if err := found(batch, RowMark{l.Campaign, after}); err != nil {
				return err
			}
		}
	}
	return nil
}

// rowsTo looks at the next rows of a campaign; last is the greatest number at
// its end.
func (s *Spool) rowsTo(campaign, after uint64, of func(string) bool) (batch []Message, last uint64, err error) {
	err = s.ledger.View(func(tx *bbolt.Tx) error {
		b := tx.Bucket(bRows).Bucket(u64(campaign))
		if b == nil {
			last = math.MaxUint64
			return nil
		}
		c := b.Cursor()
		k, v := c.Seek(u64(after + 1))
		for n := 0; k != nil && n < walkBatch; n++ {
			last = number(k, 0)
			if to := rowAddress(v); to != "" && of(to) {
				m, _ := readRow(v, campaign, last) // of a damaged one what can be read; check tells of it
				batch = append(batch, m)
			}
			k, v = c.Next()
		}
		if k == nil {
			last = math.MaxUint64
		}
		return nil
	})
	return batch, last, err
}

// rowAddress is the address in a packed row, "" if there is none to be read.
func rowAddress(v []byte) string {
	if len(v) < recordFixed {
		return ""
	}
	t := tailReader{b: v[recordFixed:]}
	if n := t.number(); n <= uint64(len(t.b)) { // the SES id
		t.b = t.b[n:]
		return t.text()
	}
	return ""
}

// BlankRows takes the addresses that of names out of rows that WalkRows found,
// and with them what servers said. Unlike Blank it does not know that the
// subscriber is gone: a row that waits to be sent goes on waiting, and is sent
// to the address its subscriber has then, or ends as skipped (erased). Sums
// hold, and it changes nothing the second time; Busy says that a row is being
// sent just now and has to be brought again.
func (s *Spool) BlankRows(ctx context.Context, found []Message, of func(address string) bool) (all Blanked, err error) {
	for batch := range slices.Chunk(found, MaxBatch) {
		if err := ctx.Err(); err != nil {
			return all, err
		}
		var done Blanked
		err := s.ledger.do(256*len(batch), func(tx *bbolt.Tx) error {
			done = Blanked{}
			for i := range batch {
				if err := s.blankFound(tx, &batch[i], of, &done); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return all, err
		}
		all.add(done)
	}
	return all, nil
}

func (s *Spool) blankFound(tx *bbolt.Tx, found *Message, of func(string) bool, done *Blanked) error {
	old, err := row(tx, found.Campaign, found.Subscriber)
	if err != nil || !of(old.To) { // damaged, or changed meanwhile
		return nil
	}
	m := old
	if m.Outcome == Pending {
		m.To, m.News = "", ""
	} else if !m.blank(time.Now(), done) {
		return nil
	}
	done.Rows++
	l, err := s.ledgerSums().header(found.Campaign)
	if err != nil {
		return err
	}
	return s.ledgerSums().replace(tx, l, &old, &m)
}
