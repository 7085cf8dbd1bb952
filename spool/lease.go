package spool

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"time"

	"go.etcd.io/bbolt"
)

const (
	lostReason = "the process ended while the call to SES was open"
	recoverMax = 256 // leftovers settled in one commit
)

// queueCandidates finds up to n messages of the queue that are due, and when
// the next one is. Held From domains are stepped over whole.
func (s *Spool) queueCandidates(n int) (due []candidate, next time.Time, err error) {
	now := millis(time.Now())
	var nextMS uint64
	err = s.queue.db.View(func(tx *bbolt.Tx) error {
		c := tx.Bucket(bDue).Cursor()
		k, _ := c.First()
		for k != nil {
			domain, _, ok := bytes.Cut(k, []byte{0})
			if !ok || len(k) != len(domain)+17 {
				return fmt.Errorf("due key %x: %w", k, errRecord)
			}
			scopes := s.queueScopes(string(domain))
			past := append(bytes.Clone(domain), 1)
			for room := min(n, s.holds.limit(scopes)); room > 0 && k != nil && bytes.Compare(k, past) < 0; room-- {
				at := binary.BigEndian.Uint64(k[len(domain)+1:])
				if at > now {
					nextMS = earliest(nextMS, at)
					break
				}
				due = append(due, candidate{key: binary.BigEndian.Uint64(k[len(domain)+9:]), at: at, scopes: scopes})
				k, _ = c.Next()
			}
			k, _ = c.Seek(past)
		}
		return nil
	})
	return sortDue(due, n), fromMillis(nextMS), err
}

// queueScopes are the holds that can stop queue mail from a domain.
func (s *Spool) queueScopes(domain string) []Scope {
	scopes := []Scope{ScopeAll, LaneScope(Transactional), FromScope(domain)}
	if s.ConfigurationSet != "" {
		scopes = append(scopes, ConfigurationSetScope(s.ConfigurationSet))
	}
	return scopes
}

func earliest(a, b uint64) uint64 {
	if a == 0 {
		return b
	}
	return min(a, b)
}

func (s *Spool) leaseQueue(due []candidate) (leased []*Message, err error) {
	err = s.queue.do(256*len(due), func(tx *bbolt.Tx) error {
		leased = leased[:0]
		for _, c := range due {
			old, err := mail(tx, c.key)
			if err != nil {
				return err
			}
			if old.Outcome != Pending {
				continue
			}
			m := old
			m.lease(time.Now())
			if err := s.queueSums().replace(tx, &old, &m); err != nil {
				return err
			}
			leased = append(leased, &m)
		}
		return nil
	}, nil)
	if err != nil {
		return nil, fmt.Errorf("lease from the queue: %w", err)
	}
	return leased, nil
}

// lease marks the start of the next attempt.
func (m *Message) lease(now time.Time) {
	m.Outcome, m.Attempts, m.At, m.NextTry = Sending, m.Attempts+1, now, time.Time{}
}

// ledgerCandidates finds up to n rows of running campaigns, which take turns:
// retries that are due, then first tries after the header's next mark.
func (s *Spool) ledgerCandidates(n int) (due []candidate, next time.Time, err error) {
	running := s.running()
	if len(running) == 0 {
		return nil, time.Time{}, nil
	}
	now := millis(time.Now())
	share := max(n/len(running), 1)
	var nextMS uint64
	err = s.ledger.db.View(func(tx *bbolt.Tx) error {
		for _, l := range running {
			if len(due) >= n {
				break
			}
			scopes := l.scopes()
			room := min(share, n-len(due), s.holds.limit(scopes))
			rows, at, err := ledgerDue(tx, l, room, now)
			if err != nil {
				return err
			}
			if at != 0 {
				nextMS = earliest(nextMS, at)
			}
			for i := range rows {
				rows[i].scopes = scopes
			}
			due = append(due, rows...)
		}
		return nil
	})
	return due, fromMillis(nextMS), err
}

// running are the headers of running campaigns, beginning with another one
// each time.
func (s *Spool) running() []*Ledger {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []*Ledger
	for _, l := range s.ledgers {
		if l.State == Running && l.Pending > 0 {
			out = append(out, l)
		}
	}
	return out // in map order: random, so nobody is always first
}

// ledgerDue is up to n rows of one campaign that may be leased; next is when
// its next retry is due, 0 for none. Nothing is due when n is 0.
func ledgerDue(tx *bbolt.Tx, l *Ledger, n int, now uint64) (due []candidate, next uint64, err error) {
	if n == 0 {
		return nil, 0, nil
	}
	c := tx.Bucket(bDue).Cursor()
	for k, _ := c.Seek(u64(l.Campaign)); k != nil && number(k, 0) == l.Campaign && len(due) < n; k, _ = c.Next() {
		if at := number(k, 1); at > now {
			next = at
			break
		}
		due = append(due, candidate{campaign: l.Campaign, key: number(k, 2), at: number(k, 1)})
	}
	rows := tx.Bucket(bRows).Bucket(u64(l.Campaign))
	if rows == nil {
		return nil, 0, fmt.Errorf("rows of campaign %d: %w", l.Campaign, ErrNotFound)
	}
	c = rows.Cursor()
	for k, v := c.Seek(u64(l.Next + 1)); k != nil && len(due) < n; k, v = c.Next() {
		if len(v) > 1 && v[1] == byte(Pending) {
			due = append(due, candidate{campaign: l.Campaign, key: number(k, 0), first: true})
		}
	}
	return due, next, nil
}

func (s *Spool) leaseLedger(due []candidate) (leased []*Message, err error) {
	err = s.ledger.do(256*len(due), func(tx *bbolt.Tx) error {
		leased = leased[:0]
		for _, c := range due {
			m, err := s.leaseRow(tx, c)
			if err != nil {
				return err
			}
			if m != nil {
				leased = append(leased, m)
			}
		}
		return nil
	}, nil)
	if err != nil {
		return nil, fmt.Errorf("lease from the ledger: %w", err)
	}
	return leased, nil
}

// leaseRow leases one row, or skips it when the subscriber is gone; nil when
// there is nothing to send.
func (s *Spool) leaseRow(tx *bbolt.Tx, c candidate) (*Message, error) {
	sums := s.ledgerSums()
	l, err := sums.header(c.campaign)
	if err != nil || l.State != Running || c.first && c.key <= l.Next {
		return nil, err
	}
	old, err := row(tx, c.campaign, c.key)
	if err != nil || old.Outcome != Pending {
		return nil, err
	}
	if c.first {
		l.Next = c.key
	}
	m, now := old, time.Now()
	if c.skip != "" {
		m.Outcome, m.Reason, m.At, m.NextTry = Skipped, c.skip, now, time.Time{}
	} else {
		m.lease(now)
		m.To, m.FromDomain = c.to, l.FromDomain
	}
	if err := sums.replace(tx, l, &old, &m); err != nil {
		return nil, err
	}
	l.conclude(now.UTC())
	if m.Outcome == Skipped {
		return nil, nil
	}
	return &m, nil
}

// settleQueue writes what became of an attempt. A message that is not in
// sending any more is left alone.
func (s *Spool) settleQueue(m *Message, sesID string, v verdict) error {
	return s.queue.do(256, func(tx *bbolt.Tx) error {
		old, err := mail(tx, m.seq)
		if err != nil {
			return err
		}
		if old.Outcome != Sending {
			return nil
		}
		n := old
		v.apply(&n, sesID, time.Now())
		return s.queueSums().replace(tx, &old, &n)
	}, nil)
}

func (s *Spool) settleLedger(m *Message, sesID string, v verdict) error {
	return s.ledger.do(256, func(tx *bbolt.Tx) error {
		sums := s.ledgerSums()
		l, err := sums.header(m.Campaign)
		if err != nil {
			return err
		}
		old, err := row(tx, m.Campaign, m.Subscriber)
		if err != nil || old.Outcome != Sending {
			return err
		}
		n, now := old, time.Now().UTC()
		v.apply(&n, sesID, now)
		if n.Outcome == Pending && l.State == Cancelling {
			n.cancel(now)
		}
		if n.Outcome == Accepted && l.First.IsZero() {
			l.First = now
		}
		if err := sums.replace(tx, l, &old, &n); err != nil {
			return err
		}
		l.conclude(now)
		return nil
	}, nil)
}

// giveBack returns the tries an outage's run has cost a message that still waits.
func (s *Spool) giveBack(e spent) error {
	if e.lane == Transactional {
		return s.queue.do(256, func(tx *bbolt.Tx) error {
			old, err := mail(tx, e.key)
			if err != nil || old.Outcome != Pending {
				return err
			}
			m := old
			m.Tries = max(m.Tries-e.tries, 0)
			return s.queueSums().replace(tx, &old, &m)
		}, nil)
	}
	return s.ledger.do(256, func(tx *bbolt.Tx) error {
		l, err := s.ledgerSums().header(e.campaign)
		if err != nil {
			return err
		}
		old, err := row(tx, e.campaign, e.key)
		if err != nil || old.Outcome != Pending {
			return err
		}
		m := old
		m.Tries = max(m.Tries-e.tries, 0)
		return s.ledgerSums().replace(tx, l, &old, &m)
	}, nil)
}

// settleLeftovers judges what the last process left in sending: nobody knows
// whether those calls were made.
func (s *Spool) settleLeftovers() error {
	lost := &SendError{Class: Ambiguous, Text: lostReason}
	for {
		keys, err := s.leftovers(s.queue.db)
		if err != nil || len(keys) == 0 {
			if err != nil {
				return err
			}
			break
		}
		for _, k := range keys {
			m := &Message{Lane: Transactional, seq: number(k, 0)}
			if err := s.settleLeftover(m, lost, s.settleQueue); err != nil {
				return err
			}
		}
	}
	for {
		keys, err := s.leftovers(s.ledger.db)
		if err != nil || len(keys) == 0 {
			return err
		}
		for _, k := range keys {
			m := &Message{Lane: Bulk, Campaign: number(k, 0), Subscriber: number(k, 1)}
			if err := s.settleLeftover(m, lost, s.settleLedger); err != nil {
				return err
			}
		}
	}
}

func (s *Spool) settleLeftover(m *Message, lost error, settle func(*Message, string, verdict) error) error {
	stored, err := s.stored(m)
	if err != nil {
		return err
	}
	s.logger().Warn("answer was lost", "part", "spool", "message", stored.ID, "after", lostReason)
	return settle(&stored, "", judge(&stored, lost, s.policy(m.Lane)))
}

func (s *Spool) leftovers(db *bbolt.DB) (keys [][]byte, err error) {
	err = db.View(func(tx *bbolt.Tx) error {
		c := tx.Bucket(bSending).Cursor()
		for k, _ := c.First(); k != nil && len(keys) < recoverMax; k, _ = c.Next() {
			keys = append(keys, bytes.Clone(k))
		}
		return nil
	})
	return keys, err
}

// stored reads a message as it is on disk now.
func (s *Spool) stored(m *Message) (out Message, err error) {
	if m.Lane == Bulk {
		return s.Recipient(m.Campaign, m.Subscriber)
	}
	err = s.queue.db.View(func(tx *bbolt.Tx) error {
		out, err = mail(tx, m.seq)
		return err
	})
	return out, err
}
