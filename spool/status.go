package spool

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base32"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"sync"
	"time"

	"go.etcd.io/bbolt"

	"pabal/store"
)

const (
	meterSeconds = 60
	eventsKept   = 200
	eventSpacing = 200 * time.Millisecond // between lines about single acceptances
	findMax      = 1000
)

// Status is the spool's part of `status --json`.
type Status struct {
	Pending       int64             `json:"pending"`
	Sending       int64             `json:"sending"`
	OldestSeconds int64             `json:"oldest_seconds"` // age of the oldest mail that could be sent and is not; 0 for none
	Held          []Hold            `json:"held"`           // holds, then campaigns outside their send window
	Store         Disk              `json:"store"`
	Lanes         map[string]Counts `json:"lanes"`
	LaneOldest    map[string]int64  `json:"lane_oldest_seconds"`     // the same by lane
	Applications  Counts            `json:"applications"`            // of both lanes: mail that was Put, not a campaign's
	PerSecond     float64           `json:"per_second"`              // accepted, mean of the last five whole seconds
	Removed       time.Time         `json:"removed_before,omitzero"` // what ended before was removed by retention, as far as it may go; zero: nothing was
	Recent        []int             `json:"recent"`                  // accepted in each of the last 60 whole seconds, oldest first
}

// Status sums up both lanes; it reads a few pages, however long the queue.
func (s *Spool) Status() (Status, error) {
	now := time.Now()
	s.mu.Lock()
	transactional, bulk := s.counts[Transactional].clone(), s.counts[Bulk].clone()
	applications := transactional.clone()
	applications.Add(bulk)
	campaigns := s.oldestOfCampaigns(now)
	for _, l := range s.ledgers {
		bulk.Add(l.Counts)
	}
	open := [2]bool{s.counts[Transactional].open(), s.counts[Bulk].open()}
	s.mu.Unlock()
	oldest, err := s.oldest.look(s.queue.Store, open)
	if err != nil {
		return Status{}, fmt.Errorf("read the queue: %w", err)
	}
	oldest[Bulk] = earlier(oldest[Bulk], campaigns)
	ages := map[string]int64{}
	for l, at := range oldest {
		ages[Lane(l).String()] = age(at, now)
	}
	gone, err := s.Removed()
	if err != nil {
		return Status{}, err
	}
	recent := s.meter.last(now)
	sum := 0
	for _, n := range recent[len(recent)-5:] {
		sum += n
	}
	return Status{
		Pending: transactional.Pending + bulk.Pending, Sending: transactional.Sending + bulk.Sending,
		OldestSeconds: max(ages[Transactional.String()], ages[Bulk.String()]), LaneOldest: ages, Held: append(s.Holds(), s.closedWindows(now)...), Store: s.Disk(),
		Lanes: map[string]Counts{Transactional.String(): transactional, Bulk.String(): bulk}, Applications: applications, Removed: later(gone.Before, s.RemovedRows()),
		PerSecond: float64(sum) / 5, Recent: recent,
	}, nil
}

func earlier(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

// meter counts acceptances by second.
type meter struct {
	mu  sync.Mutex
	at  [meterSeconds + 1]int64
	sum [meterSeconds + 1]int
}

func (t *meter) add(o Outcome, now time.Time) {
	if o != Accepted {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	sec := now.Unix()
	i := sec % int64(len(t.at))
	if t.at[i] != sec {
		t.at[i], t.sum[i] = sec, 0
	}
	t.sum[i]++
}

// last is the counts of the last 60 whole seconds.
func (t *meter) last(now time.Time) []int {
	t.mu.Lock()
	defer t.mu.Unlock()
	out := make([]int, meterSeconds)
	for k := range out {
		sec := now.Unix() - int64(meterSeconds-k)
		if i := sec % int64(len(t.at)); t.at[i] == sec {
			out[k] = t.sum[i]
		}
	}
	return out
}

// Event is one line of the home screen's log.
type Event struct {
	At   time.Time `json:"at"`
	Kind string    `json:"kind"` // accepted, failed, skipped, unknown, pending (a retry), hold, release, state, disk
	ID   string    `json:"id,omitempty"`
	Text string    `json:"text,omitempty"`
}

// events are the last things that happened.
type events struct {
	mu     sync.Mutex
	ring   []Event
	single time.Time // last line about a single acceptance
}

func (e *events) add(ev Event) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if len(e.ring) == eventsKept {
		e.ring = append(e.ring[:0], e.ring[1:]...)
	}
	e.ring = append(e.ring, ev)
}

// Events are the last things that happened, at most 200, newest last. At a high
// rate only some acceptances are among them.
func (s *Spool) Events() []Event {
	s.events.mu.Lock()
	defer s.events.mu.Unlock()
	return append([]Event(nil), s.events.ring...)
}

func (s *Spool) note(kind string, scope Scope, text string) {
	s.events.add(Event{At: time.Now().UTC(), Kind: kind, ID: string(scope), Text: text})
}

// observe logs an attempt at debug level and keeps it for the home screen.
func (s *Spool) observe(m *Message, v verdict) {
	s.logger().Debug("attempt ended", "part", "spool", "message", m.ID, "campaign", m.Campaign, "rcpt", m.To,
		"attempt", m.Attempts, "outcome", v.outcome, "reason", v.reason)
	now := time.Now().UTC()
	if v.outcome == Accepted {
		s.events.mu.Lock()
		quiet := now.Sub(s.events.single) < eventSpacing
		if !quiet {
			s.events.single = now
		}
		s.events.mu.Unlock()
		if quiet {
			return
		}
	}
	s.events.add(Event{At: now, Kind: v.outcome.String(), ID: m.ID, Text: v.reason})
	if m.Report != "" && v.outcome != Pending && v.outcome != Accepted {
		s.logger().Warn("report was not sent", "part", "spool", "message", m.ID, "report", m.Report, "outcome", v.outcome, "reason", v.reason)
	}
}

// Messages walks the queue in order of arrival: what waits, then what is done;
// those with the outcome, or all when outcome is nil.
func (s *Spool) Messages(outcome *Outcome) iter.Seq2[Message, error] {
	return func(yield func(Message, error) bool) {
		for _, name := range [][]byte{bOpen, bDone} {
			for after, more := uint64(0), true; more; {
				batch, last, err := s.mailBatch(name, outcome, after)
				if err != nil {
					yield(Message{}, err)
					return
				}
				for _, m := range batch {
					if !yield(m, nil) {
						return
					}
				}
				after, more = last, last != 0
			}
		}
	}
}

func (s *Spool) mailBatch(name []byte, outcome *Outcome, after uint64) (batch []Message, last uint64, err error) {
	err = s.queue.View(func(tx *bbolt.Tx) error {
		batch, last, err = readBatch(tx.Bucket(name), outcome, after, readMail)
		return err
	})
	return batch, last, err
}

// Message finds one message by our id ("q17", "c3-1234"), with what people did
// to it. ErrNotFound, and ErrRemoved where retention has removed it.
func (s *Spool) Message(id string) (Message, error) {
	lane, campaign, key, ok := parseID(id)
	if !ok {
		return Message{}, fmt.Errorf("message %q: %w", id, ErrNotFound)
	}
	m, err := s.stored(&Message{Lane: lane, Campaign: campaign, Subscriber: key, seq: key})
	if err != nil || lane != Transactional {
		return m, err
	}
	err = s.queue.View(func(tx *bbolt.Tx) error {
		m.Acts, err = actsOf(tx, key)
		return err
	})
	return m, err
}

// Find returns the messages, at most 1,000, that a query names: our id, an SES
// id, an application's Message-ID (with or without brackets), or an address.
// An address finds queue mail and campaign mail by reading all of it, rows of
// the subscribers who have it whatever address they went to.
func (s *Spool) Find(ctx context.Context, query string, subscribers []uint64) ([]Message, error) {
	query = strings.Trim(strings.TrimSpace(query), "<>")
	if m, err := s.Message(query); err == nil {
		return []Message{m}, nil
	}
	found, err := s.bySESID(query)
	if err != nil || len(found) > 0 {
		return found, err
	}
	for m, err := range s.Messages(nil) {
		if err = errors.Join(err, ctx.Err()); err != nil {
			return nil, err
		}
		if len(found) < findMax && (strings.EqualFold(m.To, query) || m.MessageID == query) {
			found = append(found, m)
		}
	}
	all, err := s.Ledgers()
	if err != nil {
		return nil, err
	}
	for _, l := range all {
		for _, sub := range subscribers {
			m, err := s.Recipient(l.Campaign, sub)
			if errors.Is(err, ErrNotFound) || len(found) >= findMax {
				continue
			}
			if err != nil {
				return nil, err
			}
			found = append(found, m)
		}
	}
	if len(found) >= findMax || !strings.Contains(query, "@") {
		return found, nil
	}
	return s.findRows(ctx, query, subscribers, found)
}

// findRows adds the rows of campaigns that went to an address under other
// numbers: its people were deleted and came again, or have another address now.
func (s *Spool) findRows(ctx context.Context, address string, but []uint64, found []Message) ([]Message, error) {
	of := func(to string) bool { return strings.EqualFold(to, address) }
	err := s.WalkRows(ctx, RowMark{}, of, func(batch []Message, _ RowMark) error {
		for _, m := range batch {
			if slices.Contains(but, m.Subscriber) {
				continue
			}
			if found = append(found, m); len(found) >= findMax {
				return errEnough
			}
		}
		return nil
	})
	if err != nil && err != errEnough {
		return nil, err
	}
	return found, nil
}

var errEnough = errors.New("enough")

func (s *Spool) bySESID(id string) ([]Message, error) {
	packed := []byte(packSESID(id))
	if len(packed) == 0 {
		return nil, nil
	}
	for _, lane := range [...]Lane{Transactional, Bulk} {
		var k []byte
		err := s.store(lane).View(func(tx *bbolt.Tx) error {
			k = bytes.Clone(tx.Bucket(bSES).Get(packed))
			return nil
		})
		if err != nil || k == nil {
			if err != nil {
				return nil, err
			}
			continue
		}
		m := &Message{seq: number(k, 0)}
		if lane == Bulk {
			m = &Message{Campaign: number(k, 0), Subscriber: number(k, 1)}
		}
		stored, err := s.stored(m)
		return []Message{stored}, err
	}
	return nil, nil
}

func (s *Spool) store(l Lane) *store.Store {
	if l == Bulk {
		return s.ledger.Store
	}
	return s.queue.Store
}

// randomID is eight characters of base 32.
func randomID() string {
	var b [5]byte
	rand.Read(b[:]) // never fails (crypto/rand)
	return base32.StdEncoding.EncodeToString(b[:])
}
