package spool

// What is settled is removed after a time. The rows go; what they summed up to
// stays, and is committed with the rows' going, so that the sums hold after any
// crash and there is no other mark: what is gone is done.
//
//	queue   meta "removed", "bulk removed" -> Removed, JSON: the sums of mails
//	        that are gone, of each lane
//	ledger  Ledger.Removed in the header: the same of one campaign's rows
//	        meta "tally" campaign8 -> Tally, JSON: what a report shows of them
//
// Never removed: what is open (pending, sending), what is unknown until a person
// or feedback settles it, the rows of a campaign that is not over or is being
// sent again, and a failed mail of which somebody is still to be told.

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"go.etcd.io/bbolt"

	"pabal/eml"
)

const (
	// removeBatch is rows of one commit: with SES ids in no order each is a page of
	// the index of its own, and intake waits for the commit.
	removeBatch = 256
	removeScan  = 10_000 // rows looked at in one transaction
	// removeRest is how much longer than a commit retention rests after it: intake
	// and drain have the writer for nine tenths of the time.
	removeRest    = 9
	removeRestMin = 5 * time.Millisecond
)

var kRetention = []byte("retention")

var kRemoved = [2][]byte{[]byte("removed"), []byte("bulk removed")} // by lane

// ErrRemoved means that a message was settled so long ago that retention has
// removed it, or may have. It wraps ErrNotFound.
var ErrRemoved = fmt.Errorf("removed by retention: %w", ErrNotFound)

// Removed is what retention has removed, and when.
type Removed struct {
	At      time.Time `json:"at"`                // of the last of it
	Before  time.Time `json:"before"`            // what was settled before is gone, as far as it may go
	Through uint64    `json:"through,omitempty"` // the queue's newest message that is gone
	Counts            // of the rows that are gone
}

func (r *Removed) clone() *Removed {
	if r == nil {
		return nil
	}
	c := *r
	c.Counts = r.Counts.clone()
	return &c
}

// note counts a message that goes now.
func (r *Removed) note(m *Message, now, before time.Time) {
	r.enter(m)
	r.At = now.UTC().Truncate(time.Millisecond)
	if before.After(r.Before) {
		r.Before = before.UTC().Truncate(time.Millisecond)
	}
}

// Retention says what is to be removed: what was settled before a time. A zero
// time removes nothing.
type Retention struct {
	History time.Time // rows: of the queue, and of campaigns that were over by then
	Texts   time.Time // the texts of mails of the queue that failed for good by then
}

// Removal is what a Remove removed, or would remove.
type Removal struct {
	Messages  int64 `json:"messages"`  // of the queue
	Texts     int64 `json:"texts"`     // of the queue's mails that stay
	Rows      int64 `json:"rows"`      // of campaigns' ledgers
	Campaigns int64 `json:"campaigns"` // that lose rows
}

// Remove removes what is settled and older than r says, and returns what it did
// when ctx ends or it is done. Each commit is whole: what was removed until a
// crash is counted, the rest goes the next time. It leaves the writers to
// intake and drain for most of the time. With dry it only counts; a mail whose
// text would go is then counted as that only if it stays. One call at a time.
func (s *Spool) Remove(ctx context.Context, r Retention, dry bool) (Removal, error) {
	var done Removal
	s.removing.Lock()
	defer s.removing.Unlock()
	if !dry {
		s.say(done)
	}
	err := s.removeMails(ctx, r, dry, &done)
	if err != nil {
		return done, fmt.Errorf("remove old mails of the queue: %w", err)
	}
	if r.History.IsZero() {
		return done, nil
	}
	ledgers, err := s.Ledgers()
	for i := 0; i < len(ledgers) && err == nil; i++ {
		if l := &ledgers[i]; l.over(r.History) {
			if err = s.removeRows(ctx, l.Campaign, r.History, dry, &done); err != nil {
				err = fmt.Errorf("remove old rows of campaign %d: %w", l.Campaign, err)
			}
		}
	}
	return done, err
}

func (s *Spool) say(done Removal) { s.removal.Store(&done) }

// Removing is what the Remove that goes on has removed so far, or the last one
// had in the end. It may be called at any time.
func (s *Spool) Removing() Removal {
	if done := s.removal.Load(); done != nil {
		return *done
	}
	return Removal{}
}

// rest leaves the writer to others after a commit that took so long.
func rest(ctx context.Context, commit time.Duration) error {
	if !wait(ctx, nil, time.Now().Add(max(removeRest*commit, removeRestMin))) {
		return ctx.Err()
	}
	return nil
}

// fate is what retention does to a mail of the queue.
type fate int

const (
	keep fate = iota
	dropText
	dropMail
)

// fateOf says what becomes of a settled mail; owed are those of which somebody
// is still to be told.
func (r *Retention) fateOf(m *Message, owed map[uint64]bool) fate {
	settled := m.Outcome == Accepted || m.Outcome == Failed || m.Outcome == Skipped ||
		m.Outcome == Unknown && (m.Erased || wasDiscarded(m.Reason))
	switch {
	case !settled || owed[m.seq]:
		return keep
	case !r.History.IsZero() && m.At.Before(r.History):
		return dropMail
	case !r.Texts.IsZero() && m.At.Before(r.Texts) && m.body != 0:
		return dropText
	}
	return keep
}

// removeMails goes through the settled mails of the queue in order of arrival.
func (s *Spool) removeMails(ctx context.Context, r Retention, dry bool, done *Removal) error {
	newest := r.History
	if r.Texts.After(newest) {
		newest = r.Texts
	}
	if newest.IsZero() {
		return nil
	}
	owed, err := s.owedMails()
	for after := uint64(0); err == nil && after != math.MaxUint64; {
		var batch []uint64
		var found Removal
		if batch, after, err = s.oldMails(r, newest, owed, after, &found); err != nil || len(batch) == 0 || dry {
			done.add(found)
			continue
		}
		began := time.Now()
		if err = s.removeMailBatch(r, owed, batch, done); err == nil {
			s.say(*done)
			err = rest(ctx, time.Since(began))
		}
		err = errors.Join(err, ctx.Err())
	}
	return err
}

func (r *Removal) add(o Removal) {
	r.Messages, r.Texts, r.Rows, r.Campaigns = r.Messages+o.Messages, r.Texts+o.Texts, r.Rows+o.Rows, r.Campaigns+o.Campaigns
}

func (r *Removal) count(f fate) {
	switch f {
	case dropMail:
		r.Messages++
	case dropText:
		r.Texts++
	}
}

// owedMails are the mails of which the sender or the operator is to be told. A
// mail that joins them later has just failed, and is not old.
func (s *Spool) owedMails() (owed map[uint64]bool, err error) {
	owed = map[uint64]bool{}
	_, told, err := s.lastDigest()
	if err != nil {
		return nil, err
	}
	err = s.queue.View(func(tx *bbolt.Tx) error {
		for _, name := range [][]byte{bFailed, bDigest} {
			c := tx.Bucket(name).Cursor()
			for k, v := c.First(); k != nil; k, v = c.Next() {
				if len(k) == 8 && len(v) == 8 && (bytes.Equal(name, bFailed) || number(k, 0) > told) {
					owed[number(v, 0)] = true
				}
			}
		}
		return nil
	})
	return owed, err
}

// oldMails finds the next of the queue to remove; last is the greatest number
// at the end. A record that nobody can read stays: Check tells of it.
func (s *Spool) oldMails(r Retention, newest time.Time, owed map[uint64]bool, after uint64, found *Removal) (batch []uint64, last uint64, err error) {
	err = s.queue.View(func(tx *bbolt.Tx) error {
		c := tx.Bucket(bDone).Cursor()
		k, v := c.Seek(u64(after + 1))
		for n := 0; k != nil && n < removeScan && len(batch) < removeBatch; n++ {
			last = number(k, 0)
			m, err := readMail(v, last)
			if err == nil && m.Received.After(newest) { // so were all that came after it
				k = nil
				break
			}
			if f := r.fateOf(&m, owed); err == nil && f != keep {
				batch = append(batch, last)
				found.count(f)
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

func (s *Spool) removeMailBatch(r Retention, owed map[uint64]bool, batch []uint64, done *Removal) error {
	var now Removal
	err := s.queue.do(64*len(batch), func(tx *bbolt.Tx) error {
		now = Removal{}
		gone, err := readBothRemoved(tx)
		if err != nil {
			return err
		}
		for _, seq := range batch {
			if err := s.removeMail(tx, &r, owed, seq, &gone, &now); err != nil {
				return err
			}
		}
		if now.Messages == 0 {
			return nil
		}
		return putRemoved(tx, &gone)
	})
	if err == nil {
		done.add(now)
	}
	return err
}

func (s *Spool) removeMail(tx *bbolt.Tx, r *Retention, owed map[uint64]bool, seq uint64, gone *[2]Removed, now *Removal) error {
	v := tx.Bucket(bDone).Get(u64(seq))
	if v == nil { // put back meanwhile
		return nil
	}
	m, err := readMail(v, seq)
	if err != nil {
		return nil
	}
	f := r.fateOf(&m, owed)
	if f == keep {
		return nil
	}
	now.count(f)
	if m.body != 0 {
		if err := dropBody(tx, m.body); err != nil {
			return err
		}
	}
	old := m
	if m.body = 0; f == dropText {
		if m.tellable() { // a person can do no more about it: no dead letter
			m.Reason = eml.Cut(discarded+textRemoved+m.Reason, maxReason)
		}
		return s.queueSums().replace(tx, &old, &m)
	}
	lane := &gone[m.Lane]
	lane.note(&m, time.Now(), r.History)
	lane.Through = max(lane.Through, seq)
	for _, id := range m.sesIDs() {
		if err := tx.Bucket(bSES).Delete([]byte(packSESID(id))); err != nil {
			return err
		}
	}
	return errors.Join(tx.Bucket(bActs).Delete(u64(seq)), tx.Bucket(bDone).Delete(u64(seq)))
}

// textRemoved stands in the reason of a mail whose text retention has removed.
const textRemoved = "its text was removed by retention: "
