package spool

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"time"

	"go.etcd.io/bbolt"
)

// freezeFill is how full pages of frozen rows are: a row grows from 38 bytes with
// its key to about 93 when it gets an address and an SES id. Filled like other
// pages they split while they are sent (measured: 280 bytes of pages a row in
// the end, instead of 170).
const freezeFill = 0.4

func (s *Spool) loadLedger() error {
	s.ledger.sums = &ledgerSums{s: s}
	err := s.ledger.View(func(tx *bbolt.Tx) error {
		s.ledger.sums.orphans.load(tx)
		s.id = string(tx.Bucket(bMeta).Get(kStore))
		err := tx.Bucket(bHeaders).ForEach(func(k, v []byte) error {
			l, err := readHeader(v)
			if err != nil {
				return fmt.Errorf("header of campaign %d: %w", number(k, 0), err)
			}
			s.ledgers[l.Campaign] = l
			return nil
		})
		if err != nil {
			return err
		}
		return errors.Join(s.holds.load(tx), s.restored.load(tx))
	})
	if err != nil {
		return s.ledger.Damaged(err)
	}
	s.ledger.Start(s.ledger.sums)
	if s.id != "" {
		return nil
	}
	s.id = strings.ToLower(randomID())
	return s.ledger.do(64, func(tx *bbolt.Tx) error { return tx.Bucket(bMeta).Put(kStore, []byte(s.id)) })
}

func readHeader(b []byte) (*Ledger, error) {
	l := &Ledger{}
	return l, json.Unmarshal(b, l)
}

// Begin writes a ledger's header in state freezing, counters zero. A header
// that is there already is left as it is: a start may be repeated.
func (s *Spool) Begin(ctx context.Context, l Ledger) error {
	if l.Campaign == 0 {
		return fmt.Errorf("begin a campaign without an id: %w", ErrState)
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	return s.ledger.do(512, func(tx *bbolt.Tx) error {
		if tx.Bucket(bHeaders).Get(u64(l.Campaign)) != nil || s.ledgerSums().touched[l.Campaign] != nil {
			return nil
		}
		if _, err := tx.Bucket(bRows).CreateBucketIfNotExists(u64(l.Campaign)); err != nil {
			return err
		}
		n := l.clone()
		n.State, n.Counts, n.Started = Freezing, Counts{}, time.Now().UTC()
		n.FromDomain = strings.ToLower(n.FromDomain) // as holds spell it
		if by := Caller(ctx); by != "" {
			n.act(Act{At: n.Started, By: by, What: "start"})
		}
		s.ledgerSums().touched[l.Campaign] = n
		return nil
	})
}

// PutBatch stores up to MaxBatch frozen recipients in rising order of
// subscriber and the mark in one commit; rows up to the mark reached before are
// passed over, so a batch may be repeated. With mark.Done the ledger starts
// running, or is held: for mark.Hold, or when Expect is 0 or more and differs
// from the number to be mailed, or that is more than Most. ErrState when the ledger is not freezing.
func (s *Spool) PutBatch(ctx context.Context, campaign uint64, rows []Row, mark Mark) error {
	if len(rows) > MaxBatch {
		return fmt.Errorf("put %d rows: at most %d in a batch", len(rows), MaxBatch)
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	err := s.ledger.take(s.spare(), 100*len(rows), func(tx *bbolt.Tx) error { return s.putBatch(tx, campaign, rows, mark) })
	if err == nil && mark.Done {
		s.kick(Bulk)
	}
	return err
}

func (s *Spool) putBatch(tx *bbolt.Tx, campaign uint64, rows []Row, mark Mark) error {
	l, err := s.ledgerSums().header(campaign)
	if err != nil {
		return err
	}
	if l.State != Freezing {
		return fmt.Errorf("campaign %d is %s, not freezing: %w", campaign, l.State, ErrState)
	}
	b := tx.Bucket(bRows).Bucket(u64(campaign))
	b.FillPercent = freezeFill
	now := time.Now()
	reached, last := l.Frozen, uint64(0)
	for _, r := range rows {
		if r.Subscriber <= last {
			return fmt.Errorf("put rows of campaign %d: subscriber %d comes after %d: %w", campaign, r.Subscriber, last, ErrState)
		}
		if last = r.Subscriber; last <= reached {
			continue
		}
		l.Frozen = last
		m := Message{Lane: Bulk, Campaign: campaign, Subscriber: r.Subscriber, Reason: r.Skip, At: now}
		if r.Skip != "" {
			m.Outcome = Skipped
		} else {
			l.Last = last
		}
		l.enter(&m)
		if err := b.Put(u64(r.Subscriber), appendRow(nil, &m)); err != nil {
			return err
		}
	}
	l.Frozen = max(l.Frozen, mark.Subscriber)
	if mark.Done {
		l.frozen(now, mark.Hold)
	}
	return nil
}

// frozen ends a freeze; hold is why it is not to run, or "".
func (l *Ledger) frozen(now time.Time, hold string) {
	l.FrozenAt, l.State = now.UTC(), Running
	if hold != "" {
		l.State, l.Reason = Held, hold
		return
	}
	if l.Expect >= 0 && l.Pending != l.Expect {
		l.State = Held // also when there is nobody: a person should hear of it
		l.Reason = fmt.Sprintf("%d recipients were confirmed, %d are to be mailed now", l.Expect, l.Pending)
		return
	}
	if l.Most > 0 && l.Pending > l.Most {
		l.State = Held
		l.Reason = fmt.Sprintf("at most %d recipients were agreed to, %d are to be mailed now", l.Most, l.Pending)
		return
	}
	l.conclude(now.UTC())
}

// row reads one row; ErrNotFound.
func row(tx *bbolt.Tx, campaign, subscriber uint64) (Message, error) {
	b := tx.Bucket(bRows).Bucket(u64(campaign))
	if b == nil {
		return Message{}, fmt.Errorf("campaign %d: %w", campaign, ErrNotFound)
	}
	v := b.Get(u64(subscriber))
	if v == nil {
		return Message{}, fmt.Errorf("message %s: %w", rowID(campaign, subscriber), ErrNotFound)
	}
	return readRow(v, campaign, subscriber)
}

// replace writes a row's new record in place of its old one and keeps header
// and indexes in step.
func (q *ledgerSums) replace(tx *bbolt.Tx, l *Ledger, old, m *Message) error {
	if err := q.adopt(tx, old, m); err != nil {
		return err
	}
	l.move(old, m)
	q.total.count(old, m)
	q.heardBad(old, m)
	q.series.count(l, old, m)
	if old.Outcome == Pending && !old.NextTry.IsZero() {
		if err := tx.Bucket(bDue).Delete(rowDue(old)); err != nil {
			return err
		}
	}
	if old.Outcome == Sending && m.Outcome != Sending {
		if err := tx.Bucket(bSending).Delete(key(m.Campaign, m.Subscriber)); err != nil {
			return err
		}
	}
	if m.Outcome == Pending && !m.NextTry.IsZero() {
		if err := tx.Bucket(bDue).Put(rowDue(m), nil); err != nil {
			return err
		}
	}
	if m.Outcome == Sending {
		if err := tx.Bucket(bSending).Put(key(m.Campaign, m.Subscriber), nil); err != nil {
			return err
		}
	}
	if m.SESID != "" {
		if err := indexIDs(tx, old, m, key(m.Campaign, m.Subscriber)); err != nil {
			return err
		}
	}
	b := tx.Bucket(bRows).Bucket(u64(m.Campaign))
	b.FillPercent = 0.9
	return b.Put(u64(m.Subscriber), appendRow(nil, m))
}

func rowDue(m *Message) []byte { return key(m.Campaign, millis(m.NextTry), m.Subscriber) }

// Ledger is a campaign's header. ErrNotFound.
func (s *Spool) Ledger(campaign uint64) (Ledger, error) {
	s.mu.Lock()
	l := s.ledgers[campaign]
	s.mu.Unlock()
	if l == nil {
		return Ledger{}, fmt.Errorf("campaign %d: %w", campaign, ErrNotFound)
	}
	return s.shown(l), nil
}

// Ledgers are all headers in order of campaign id.
func (s *Spool) Ledgers() ([]Ledger, error) {
	s.mu.Lock()
	all := slices.Collect(maps.Values(s.ledgers))
	s.mu.Unlock()
	slices.SortFunc(all, func(a, b *Ledger) int { return cmp.Compare(a.Campaign, b.Campaign) })
	out := make([]Ledger, len(all))
	for i, l := range all {
		out[i] = s.shown(l)
	}
	return out, nil
}

// States are the states of all campaigns that have a ledger, and how many of
// them the brake has paused.
func (s *Spool) States() (states map[uint64]State, braked int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	states = make(map[uint64]State, len(s.ledgers))
	for id, l := range s.ledgers {
		states[id] = l.State
		if l.Braked != nil && l.State == Paused {
			braked++
		}
	}
	return states, braked
}

// shown is a copy with the hold that keeps the campaign from sending.
func (s *Spool) shown(l *Ledger) Ledger {
	c := l.clone()
	if c.State == Running {
		if c.Hold = s.holds.blocking(c.scopes()); c.Hold == nil && c.Pending > 0 {
			c.Hold = s.windowHold(c, time.Now())
		}
	}
	return *c
}

// Pause stops first tries and retries of a running campaign; calls that are
// open end as they end. ErrNotFound, ErrState.
func (s *Spool) Pause(ctx context.Context, campaign uint64, reason string) error {
	return s.setState(ctx, campaign, Paused, reason, Running)
}

// Resume lets a paused or held campaign run. ErrNotFound, ErrState.
func (s *Spool) Resume(ctx context.Context, campaign uint64) error {
	err := s.setState(ctx, campaign, Running, "", Paused, Held)
	s.kick(Bulk)
	return err
}

// deeds are what people do to reach a state.
var deeds = map[State]string{Paused: "pause", Running: "resume", Cancelling: "cancel"}

func (s *Spool) setState(ctx context.Context, campaign uint64, to State, reason string, from ...State) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	err := s.ledger.do(512, func(tx *bbolt.Tx) error {
		l, err := s.ledgerSums().header(campaign)
		if err != nil {
			return err
		}
		if !slices.Contains(from, l.State) {
			return fmt.Errorf("campaign %d is %s: %w", campaign, l.State, ErrState)
		}
		now := time.Now().UTC()
		l.State, l.Reason = to, reason
		if to == Running {
			l.release()
		}
		if to == Cancelling {
			l.Resend = nil
		}
		l.act(Act{At: now, By: Caller(ctx), What: deeds[to]})
		l.conclude(now)
		return nil
	})
	if err == nil {
		s.note("state", CampaignScope(campaign), string(to))
		s.byHand(ctx, deeds[to], slog.Uint64("campaign", campaign))
	}
	return err
}
