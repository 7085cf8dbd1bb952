package spool

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"go.etcd.io/bbolt"
)

const damagedReason = "its record in the store is damaged"

// entry is one key of a due index, taken apart.
type entry struct{ at, key uint64 }

// scanDue finds up to n entries under a prefix that are due, and when the next
// one is, 0 for none. An entry further off than any delay reaches was written
// before the clock was set back, and is due.
func scanDue(c *bbolt.Cursor, prefix []byte, n int, now, reach uint64) (due []entry, next uint64) {
	if n <= 0 {
		return nil, 0
	}
	read := func(k []byte) (e entry, ok bool) {
		if !bytes.HasPrefix(k, prefix) || len(k) != len(prefix)+16 {
			return e, false
		}
		return entry{binary.BigEndian.Uint64(k[len(prefix):]), binary.BigEndian.Uint64(k[len(prefix)+8:])}, true
	}
	k, _ := c.Seek(prefix)
	for e, ok := read(k); ok && len(due) < n; e, ok = read(k) {
		if e.at > now {
			next = e.at
			break
		}
		due = append(due, e)
		k, _ = c.Next()
	}
	if next == 0 || len(due) == n {
		return due, next
	}
	k, _ = c.Seek(append(bytes.Clone(prefix), u64(now+reach+1)...))
	for e, ok := read(k); ok && len(due) < n; e, ok = read(k) {
		due = append(due, e)
		k, _ = c.Next()
	}
	return due, next
}

// reach is the longest a message is ever put off, in ms.
func (s *Spool) reach() uint64 {
	longest := max(heldDelay, rateDelay, networkDelay)
	for _, d := range s.delays() {
		longest = max(longest, d)
	}
	return uint64(scaled(longest, maxJitter).Milliseconds())
}

// queueCandidates finds up to n messages of the queue that are due in a lane,
// and when the next one is. Groups that are held are stepped over whole.
func (s *Spool) queueCandidates(l Lane, n int) (due []candidate, next time.Time, err error) {
	now, reach := millis(time.Now()), s.reach()
	var nextMS uint64
	err = s.queue.View(func(tx *bbolt.Tx) error {
		c := tx.Bucket(bDue).Cursor()
		for k, _ := c.Seek(firstGroup(l)); k != nil && (k[0] == groupBulk) == (l == Bulk); {
			end := bytes.IndexByte(k, 0) + 1
			if end == 0 { // damaged: no key of ours
				k, _ = c.Next()
				continue
			}
			prefix := bytes.Clone(k[:end])
			_, domain, set := cutGroup(prefix[:end-1])
			scopes := s.queueScopes(l, domain, set)
			found, at := scanDue(c, prefix, min(n, s.holds.limit(scopes)), now, reach)
			for _, e := range found {
				due = append(due, candidate{lane: l, queued: true, key: e.key, domain: domain, set: set, at: e.at, scopes: scopes})
			}
			nextMS = earliest(nextMS, at)
			prefix[end-1] = 1 // after all of this group, before those of the domain with a set of their own
			k, _ = c.Seek(prefix)
		}
		return nil
	})
	slices.SortStableFunc(due, func(a, b candidate) int { return cmp.Compare(a.at, b.at) })
	return due[:min(len(due), n)], fromMillis(nextMS), err
}

// queueScopes are the holds that can stop queue mail of a group.
func (s *Spool) queueScopes(l Lane, domain, set string) []Scope {
	scopes := []Scope{ScopeRestored, ScopeAll, LaneScope(l), FromScope(domain)}
	if set = cmp.Or(set, s.ConfigurationSet); set != "" {
		scopes = append(scopes, ConfigurationSetScope(set))
	}
	return scopes
}

// earliest of two times, 0 being none.
func earliest(a, b uint64) uint64 {
	if a == 0 || b == 0 {
		return max(a, b)
	}
	return min(a, b)
}

// leaseQueue marks messages as sending and puts them into rows, each in its
// candidate's place. open is asked at the instant of the commit.
func (s *Spool) leaseQueue(due []candidate, rows []*Message, open func() int) error {
	err := s.queue.do(256*len(due), func(tx *bbolt.Tx) (err error) {
		if err := settled(tx, open()); err != nil {
			return err
		}
		for i, c := range due {
			if rows[i], err = s.leaseMail(tx, c); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("lease from the queue: %w", err)
	}
	return nil
}

var errUnsettled = errors.New("the outcomes of earlier calls are not on disk yet")

// settled is an error when more than open messages are in sending. A slot may be
// used anew while its outcome is being written; where that found the disk full,
// a lease that finds room would put more in doubt than there are slots.
func settled(tx *bbolt.Tx, open int) error {
	c := tx.Bucket(bSending).Cursor()
	for k, _ := c.First(); k != nil; k, _ = c.Next() {
		if open--; open < 0 {
			return errUnsettled
		}
	}
	return nil
}

// leaseMail leases one message; nil when there is nothing to send. What the due
// index names and is not pending is taken out of it: it would be found for ever.
func (s *Spool) leaseMail(tx *bbolt.Tx, c candidate) (*Message, error) {
	planned := Message{Lane: c.lane, seq: c.key, ID: queueID(c.key), FromDomain: c.domain, ConfigurationSet: c.set, NextTry: fromMillis(c.at)}
	old, err := mail(tx, c.key)
	if errors.Is(err, errRecord) {
		s.damaged(&planned, err)
		m := planned
		m.fail(damagedReason)
		return nil, s.queueSums().replace(tx, &planned, &m)
	}
	if err != nil || old.Outcome != Pending || millis(old.NextTry) != c.at {
		return nil, tx.Bucket(bDue).Delete(queueDue(&planned))
	}
	m := old
	m.lease(time.Now())
	return &m, s.queueSums().replace(tx, &old, &m)
}

func (s *Spool) damaged(m *Message, err error) {
	s.parked.Add(1)
	s.logger().Error("record of a message was damaged", "part", "spool", "message", m.ID, "err", err)
}

// lease marks the start of the next attempt.
func (m *Message) lease(now time.Time) {
	m.Outcome, m.Attempts, m.At, m.NextTry = Sending, m.Attempts+1, now, time.Time{}
}

// fail parks a message that cannot be sent.
func (m *Message) fail(reason string) {
	m.Outcome, m.Reason, m.At, m.NextTry = Failed, reason, time.Now(), time.Time{}
}

// ledgerCandidates finds up to n rows of running campaigns, which take turns:
// retries that are due, then first tries after the header's next mark.
func (s *Spool) ledgerCandidates(n int) (due []candidate, next time.Time, err error) {
	running, opens := s.running()
	if len(running) == 0 {
		return nil, opens, nil
	}
	now, reach := millis(time.Now()), s.reach()
	share := max(n/len(running), 1)
	nextMS := millis(opens)
	err = s.ledger.View(func(tx *bbolt.Tx) error {
		for _, l := range running {
			if len(due) >= n {
				break
			}
			scopes := l.scopes()
			first := len(due)
			room := min(share, n-len(due), s.holds.limit(scopes))
			retries, at := scanDue(tx.Bucket(bDue).Cursor(), u64(l.Campaign), room, now, reach)
			for _, e := range retries {
				due = append(due, candidate{campaign: l.Campaign, key: e.key, at: e.at})
			}
			due = append(due, firstTries(tx, l, room-len(retries))...)
			nextMS = earliest(nextMS, at)
			for i := range due[first:] {
				due[first+i].scopes = scopes
			}
		}
		return nil
	})
	return due, fromMillis(nextMS), err
}

// running are the headers of running campaigns that are not held or outside
// their send window, which would take turns for nothing, in a random order, that
// of a map, so that nobody is always first; and when to look at a closed window
// again, zero for none.
func (s *Spool) running() (out []*Ledger, opens time.Time) {
	now := time.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, l := range s.ledgers {
		if l.State != Running || l.Pending == 0 {
			continue
		}
		if again, closed := s.closed(l, now); closed {
			opens = earlier(opens, again)
			continue
		}
		if !s.holds.any() || s.holds.limit(l.scopes()) > 0 {
			out = append(out, l)
		}
	}
	return out, opens
}

// firstTries is up to n rows of a campaign after its next mark.
func firstTries(tx *bbolt.Tx, l *Ledger, n int) (due []candidate) {
	rows := tx.Bucket(bRows).Bucket(u64(l.Campaign))
	if n <= 0 || rows == nil || l.Next >= l.Last {
		return nil
	}
	c := rows.Cursor()
	for k, v := c.Seek(u64(l.Next + 1)); k != nil && len(due) < n; k, v = c.Next() {
		if rowPending(v) {
			due = append(due, candidate{campaign: l.Campaign, key: number(k, 0), first: true})
		}
	}
	return due
}

func rowPending(v []byte) bool { return len(v) > 1 && v[1] == byte(Pending) }

// leaseLedger is leaseQueue for rows of campaigns.
func (s *Spool) leaseLedger(due []candidate, rows []*Message, open int) error {
	err := s.ledger.do(256*len(due), func(tx *bbolt.Tx) (err error) {
		if err := settled(tx, open); err != nil {
			return err
		}
		for i, c := range due {
			if rows[i], err = s.leaseRow(tx, c); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("lease from the ledger: %w", err)
	}
	return nil
}

// leaseRow leases one row, or settles it when it cannot be sent; nil when
// there is nothing to send.
func (s *Spool) leaseRow(tx *bbolt.Tx, c candidate) (*Message, error) {
	sums := s.ledgerSums()
	l, err := sums.header(c.campaign)
	if err != nil || l.State != Running || c.first && !nextInLine(tx, l, c.key) {
		return nil, err
	}
	if _, closed := s.closed(l, time.Now()); closed { // while the pace was waited for
		return nil, nil
	}
	planned := Message{Lane: Bulk, ID: rowID(c.campaign, c.key), Campaign: c.campaign, Subscriber: c.key, NextTry: fromMillis(c.at)}
	old, err := row(tx, c.campaign, c.key)
	m := old
	if err == nil {
		if c, err = s.tooOften(tx, l, c); err != nil {
			return nil, err
		}
	}
	switch {
	case errors.Is(err, errRecord):
		s.damaged(&planned, err)
		old, m = planned, planned
		m.fail(damagedReason)
	case err != nil || old.Outcome != Pending || millis(old.NextTry) != c.at:
		return nil, tx.Bucket(bDue).Delete(rowDue(&planned))
	default:
		m.leaseAs(c, l.FromDomain, time.Now())
	}
	if c.first {
		l.Next = c.key
	}
	if err := sums.replace(tx, l, &old, &m); err != nil {
		return nil, err
	}
	l.conclude(m.At.UTC())
	if m.Outcome != Sending {
		return nil, nil
	}
	return &m, nil
}

// nextInLine reports whether a first try is that of the first pending row
// after the mark, which it will move: whoever it moved past would never be
// mailed.
func nextInLine(tx *bbolt.Tx, l *Ledger, subscriber uint64) bool {
	c := tx.Bucket(bRows).Bucket(u64(l.Campaign)).Cursor()
	k, v := c.Seek(u64(l.Next + 1))
	for k != nil && !rowPending(v) {
		k, v = c.Next()
	}
	return k != nil && number(k, 0) == subscriber
}

// leaseAs leases a row to the address its candidate brought, skips it when the
// subscriber is gone, and puts it off when nobody knows.
func (m *Message) leaseAs(c candidate, domain string, now time.Time) {
	switch {
	case c.skip != "":
		m.skip(c.skip, now)
	case c.trouble != "":
		m.Reason, m.NextTry = c.trouble, now.Add(heldDelay)
	default:
		m.lease(now)
		m.To, m.FromDomain = c.to, domain
	}
}

// skip ends a message that is not to be mailed. It is unknown when an earlier
// attempt may have mailed it.
func (m *Message) skip(reason string, now time.Time) {
	m.Outcome, m.Reason, m.At, m.NextTry = Skipped, reason, now, time.Time{}
	if m.ambiguous {
		m.Outcome, m.Reason = Unknown, lostThenSkipped+reason
	}
}

func (s *Spool) tag(m *Message) string {
	b := make([]byte, 0, 48)
	b = append(b, s.id...)
	for _, n := range [...]uint64{m.Campaign, m.key(), uint64(m.Attempts)} {
		b = strconv.AppendUint(append(b, '-'), n, 10)
	}
	return string(b)
}
