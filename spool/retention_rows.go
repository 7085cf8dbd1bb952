package spool

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"time"

	"go.etcd.io/bbolt"
)

const (
	keptTop = 50 // domains and reasons of each sort that are kept of rows that are gone
	// keptLeast is how many mails went to a domain that is kept by name: one of
	// fewer may name a person.
	keptLeast = 10
)

var kTally = []byte("tally")

// over reports whether a campaign was over before a time: nobody sends its rows.
func (l *Ledger) over(before time.Time) bool {
	return l.State.Final() && l.Resend == nil && !l.Ended.IsZero() && l.Ended.Before(before)
}

// removable reports whether a row of a campaign that is over may go.
func removable(v []byte, before time.Time) bool {
	var m Message
	if readFixed(v, &m) != nil {
		return false
	}
	return (m.Outcome == Accepted || m.Outcome == Failed || m.Outcome == Skipped) && m.At.Before(before)
}

// removeRows removes a campaign's old rows, in order of subscriber.
func (s *Spool) removeRows(ctx context.Context, campaign uint64, before time.Time, dry bool, done *Removal) error {
	lost := false
	for after := uint64(0); after != math.MaxUint64; {
		batch, last, err := s.oldRows(campaign, before, after)
		if after = last; err != nil {
			return err
		}
		if len(batch) > 0 && !lost {
			lost = true
			done.Campaigns++
		}
		if len(batch) > 0 && dry {
			done.Rows += int64(len(batch))
		} else if len(batch) > 0 {
			n, err := s.removeRowBatch(ctx, campaign, before, batch)
			done.Rows += n
			s.say(*done)
			if err != nil {
				return err
			}
		}
		if err := ctx.Err(); err != nil {
			return err
		}
	}
	return nil
}

// oldRows finds the next rows to remove; last is the greatest number at the end.
func (s *Spool) oldRows(campaign uint64, before time.Time, after uint64) (batch []uint64, last uint64, err error) {
	err = s.ledger.View(func(tx *bbolt.Tx) error {
		last = math.MaxUint64
		b := tx.Bucket(bRows).Bucket(u64(campaign))
		if b == nil {
			return nil
		}
		c := b.Cursor()
		k, v := c.Seek(u64(after + 1))
		for n := 0; k != nil && n < removeScan && len(batch) < removeBatch; n++ {
			after = number(k, 0)
			if removable(v, before) {
				batch = append(batch, after)
			}
			k, v = c.Next()
		}
		if k != nil {
			last = after
		}
		return nil
	})
	return batch, last, err
}

// removeRowBatch removes rows and rests. A report that is being made is waited
// for, so that it sees each row once: there, or among what is kept of them.
func (s *Spool) removeRowBatch(ctx context.Context, campaign uint64, before time.Time, batch []uint64) (n int64, err error) {
	names, err := s.keptNames(ctx, campaign)
	if err != nil {
		return 0, err
	}
	s.tallying.Lock()
	began := time.Now()
	err = s.ledger.do(64*len(batch), func(tx *bbolt.Tx) error {
		n = 0
		l, err := s.ledgerSums().header(campaign)
		if err != nil || !l.over(before) { // it is being sent again
			return err
		}
		w, err := keptWalk(tx, campaign, names)
		if err != nil {
			return err
		}
		if l.Removed == nil {
			l.Removed = &Removed{}
		}
		for _, subscriber := range batch {
			gone, err := removeRow(tx, l, w, subscriber, before)
			if err != nil {
				return err
			}
			if gone {
				n++
			}
		}
		return keepTally(tx, campaign, w)
	})
	took := time.Since(began)
	s.tallying.Unlock()
	if err != nil {
		return 0, err
	}
	return n, rest(ctx, took)
}

func removeRow(tx *bbolt.Tx, l *Ledger, w *tallyWalk, subscriber uint64, before time.Time) (bool, error) {
	rows := tx.Bucket(bRows).Bucket(u64(l.Campaign))
	v := rows.Get(u64(subscriber))
	if v == nil || !removable(v, before) {
		return false, nil
	}
	m, err := readRow(v, l.Campaign, subscriber)
	if err != nil { // it stays, and Check tells of it
		return false, nil
	}
	w.row(v, l.Campaign, subscriber)
	l.Removed.note(&m, time.Now(), before)
	for _, id := range m.sesIDs() {
		if err := tx.Bucket(bSES).Delete([]byte(packSESID(id))); err != nil {
			return false, err
		}
	}
	return true, rows.Delete(u64(subscriber))
}

func tallyKey(campaign uint64) []byte { return append(bytes.Clone(kTally), u64(campaign)...) }

// keptNames are the names under which a campaign's removed rows are summed up:
// those of what is kept already, or the largest of all rows before the first goes.
func (s *Spool) keptNames(ctx context.Context, campaign uint64) (names Tally, err error) {
	kept := false
	err = s.ledger.View(func(tx *bbolt.Tx) (err error) {
		names, kept, err = readTally(tx, campaign)
		return err
	})
	if err != nil || kept {
		return names, err
	}
	return s.Tally(ctx, campaign, keptTop)
}

// keptWalk goes on with what is kept of a campaign's removed rows, or begins it
// under names. Names that are few mails' are not kept.
func keptWalk(tx *bbolt.Tx, campaign uint64, names Tally) (*tallyWalk, error) {
	before, kept, err := readTally(tx, campaign)
	if err != nil {
		return nil, err
	}
	w := newTallyWalk(tallyKept)
	if kept {
		w.seed(&before)
	} else {
		for _, d := range names.Domains {
			if d.Domain != "" && d.Sent >= keptLeast {
				w.domains.at([]byte(d.Domain))
			}
		}
		for _, r := range w.reasons(&names) {
			for _, reason := range r.from {
				if reason.Reason != "" {
					r.to.at([]byte(reason.Reason))
				}
			}
		}
	}
	w.domains.fixed, w.failed.fixed, w.unknown.fixed, w.bounce.fixed = true, true, true, true
	return w, nil
}

// reasonTable is a table of a walk and the list of a tally that belongs to it.
type reasonTable struct {
	to   *ranked[ReasonCount]
	from []ReasonCount
}

func (w *tallyWalk) reasons(t *Tally) []reasonTable {
	return []reasonTable{{&w.failed, t.Failed}, {&w.unknown, t.Unknown}, {&w.bounce, t.Bounced}}
}

// seed adds what a tally has counted to a walk's tables.
func (w *tallyWalk) seed(t *Tally) {
	for i := range t.Domains {
		d := &t.Domains[i]
		if d.Domain == "" {
			w.domains.rest.add(d)
			continue
		}
		w.domains.at([]byte(d.Domain)).add(d)
	}
	for _, r := range w.reasons(t) {
		for _, reason := range r.from {
			if reason.Reason == "" {
				r.to.rest.Count += reason.Count
				continue
			}
			r.to.at([]byte(reason.Reason)).Count += reason.Count
		}
	}
	w.maybeTwice += t.MaybeTwice
	w.sentTwice += t.SentTwice
}

// keepTally writes what a walk has counted of rows that go in this commit. Who
// was mailed twice is not kept by name.
func keepTally(tx *bbolt.Tx, campaign uint64, w *tallyWalk) error {
	t := w.result(tallyKept)
	t.Twice = nil
	b, err := json.Marshal(t)
	if err != nil {
		return err
	}
	return tx.Bucket(bMeta).Put(tallyKey(campaign), b)
}

// readTally is what is kept of a campaign's removed rows, if any were removed.
func readTally(tx *bbolt.Tx, campaign uint64) (t Tally, kept bool, err error) {
	b := tx.Bucket(bMeta).Get(tallyKey(campaign))
	if b == nil {
		return t, false, nil
	}
	if err := json.Unmarshal(b, &t); err != nil {
		return t, false, fmt.Errorf("read what is kept of campaign %d: %w", campaign, err)
	}
	return t, true, nil
}

// removedRow says of a row that is not there whether retention has removed it,
// as far as can be told: the campaign's rows have been.
func (s *Spool) removedRow(campaign uint64, err error) error {
	if !errors.Is(err, ErrNotFound) {
		return err
	}
	s.mu.Lock()
	l := s.ledgers[campaign]
	s.mu.Unlock()
	if l == nil || l.Removed == nil {
		return err
	}
	return fmt.Errorf("%w: %w", err, ErrRemoved)
}

// removedMail is removedRow for a message of the queue.
func (s *Spool) removedMail(seq uint64, err error) error {
	if !errors.Is(err, ErrNotFound) {
		return err
	}
	if gone, failed := s.Removed(); failed == nil && seq > 0 && seq <= gone.Through {
		return fmt.Errorf("%w: %w", err, ErrRemoved)
	}
	return err
}
