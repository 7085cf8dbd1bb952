package spool

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"go.etcd.io/bbolt"
)

// Blanked counts what Blank did.
type Blanked struct {
	Rows     int64 `json:"rows"`     // of campaigns' ledgers
	Messages int64 `json:"messages"` // of the queue
	Dropped  int64 `json:"dropped"`  // of both, those that were still waiting to be sent
	Busy     int64 `json:"busy"`     // being sent just now: call again
}

// add sums two.
func (b *Blanked) add(o Blanked) {
	b.Rows += o.Rows
	b.Messages += o.Messages
	b.Dropped += o.Dropped
	b.Busy += o.Busy
}

// Blank takes everything that tells who somebody is out of all ledgers and the
// queue: addresses, subjects, what servers said, and bodies that are kept for
// them alone. What waits to be sent to them ends as skipped (erased); outcomes
// and sums stay, and later feedback still counts, without its text. subscriber
// 0 is nobody; of says whether an address of the queue is theirs, nil leaves
// the queue alone. Rows of campaigns that they got under an earlier number are
// for WalkRows and BlankRows. It changes nothing the second time, so that one
// which was cut short is simply called again; Busy says that it has to be.
func (s *Spool) Blank(ctx context.Context, subscriber uint64, of func(address string) bool) (Blanked, error) {
	var all Blanked
	if subscriber != 0 {
		done, err := s.blankRows(ctx, subscriber)
		if all.add(done); err != nil {
			return all, fmt.Errorf("blank the rows of subscriber %d: %w", subscriber, err)
		}
	}
	if of != nil {
		done, err := s.blankQueue(ctx, of)
		if all.add(done); err != nil {
			return all, fmt.Errorf("blank the mails of an address: %w", err)
		}
	}
	return all, nil
}

// blankRows goes through all campaigns.
func (s *Spool) blankRows(ctx context.Context, subscriber uint64) (all Blanked, err error) {
	ledgers, err := s.Ledgers()
	if err != nil {
		return all, err
	}
	for batch := range slices.Chunk(ledgers, MaxBatch) {
		if err := ctx.Err(); err != nil {
			return all, err
		}
		var done Blanked
		err := s.ledger.do(128*len(batch), func(tx *bbolt.Tx) error {
			done = Blanked{}
			for i := range batch {
				if err := s.blankRow(tx, batch[i].Campaign, subscriber, &done); err != nil {
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

func (s *Spool) blankRow(tx *bbolt.Tx, campaign, subscriber uint64, done *Blanked) error {
	old, err := row(tx, campaign, subscriber)
	if errors.Is(err, ErrNotFound) {
		return nil
	} else if err != nil {
		return err
	}
	m := old
	now := time.Now()
	if !m.blank(now, done) {
		return nil
	}
	done.Rows++
	l, err := s.ledgerSums().header(campaign)
	if err != nil {
		return err
	}
	if err := s.ledgerSums().replace(tx, l, &old, &m); err != nil {
		return err
	}
	l.conclude(now.UTC())
	return nil
}

// blank takes out of a message who it is for and reports whether that changes it.
func (m *Message) blank(now time.Time, done *Blanked) bool {
	switch {
	case m.Outcome == Sending:
		done.Busy++
		return false
	case m.Erased:
		return false
	case m.Outcome == Pending:
		done.Dropped++
		m.skip(SkipErased, now)
	case m.Outcome != Skipped && m.Reason != "":
		m.Reason = SkipErased
	}
	m.Erased = true
	m.To, m.News, m.Subject, m.MessageID, m.Tags = "", "", "", "", nil
	return true
}

// mayTell reports whether it is one of our own mails about failures that could not
// be sent: the text that is kept may name anybody.
func (m *Message) mayTell() bool { return m.Report != "" && m.body != 0 && m.gaveUp() }

// blankQueue goes through the mails of the queue. The texts of our own reports
// that failed go whole, whomever they name.
func (s *Spool) blankQueue(ctx context.Context, of func(string) bool) (all Blanked, err error) {
	var batch []uint64
	for m, err := range s.Messages(nil) {
		if err := errors.Join(err, ctx.Err()); err != nil {
			return all, err
		}
		if m.To != "" && of(m.To) || m.From != "" && of(m.From) || m.mayTell() {
			batch = append(batch, m.seq)
		}
		if len(batch) == MaxBatch {
			if err := s.blankMails(batch, of, &all); err != nil {
				return all, err
			}
			batch = batch[:0]
		}
	}
	return all, s.blankMails(batch, of, &all)
}

func (s *Spool) blankMails(batch []uint64, of func(string) bool, all *Blanked) error {
	if len(batch) == 0 {
		return nil
	}
	var done Blanked
	err := s.queue.do(256*len(batch), func(tx *bbolt.Tx) error {
		done = Blanked{}
		for _, seq := range batch {
			if err := s.blankMail(tx, seq, of, &done); err != nil {
				return err
			}
		}
		return nil
	})
	if err == nil {
		all.add(done)
	}
	return err
}

func (s *Spool) blankMail(tx *bbolt.Tx, seq uint64, of func(string) bool, done *Blanked) error {
	old, err := mail(tx, seq)
	if errors.Is(err, ErrNotFound) { // its time was up meanwhile
		return nil
	} else if err != nil {
		return err
	}
	m := old
	if m.To != "" && of(m.To) {
		if !m.blank(time.Now(), done) {
			return nil
		}
	} else if m.Outcome == Sending {
		done.Busy++
		return nil
	}
	if m.From != "" && of(m.From) {
		m.From = ""
	}
	done.Messages++
	if (m.Erased && m.Outcome != Accepted && m.Outcome != Skipped || m.mayTell()) && m.body != 0 { // replace drops it for those
		if err := dropBody(tx, m.body); err != nil {
			return err
		}
		m.body = 0
	}
	return s.queueSums().replace(tx, &old, &m)
}
