package spool

// A store that came from a backup. The copy does not know what the original did
// after the backup: what waits in it may have been sent since. So it sends
// nothing, whatever is restarted, until a person says that it is the live one
// and what is to become of what waits (GoLive). ledger.db says so, "restored"
// in meta and a hold of its own scope, written before the files have the names
// under which a daemon finds them.

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"go.etcd.io/bbolt"

	"pabal/eml"
)

const (
	// ScopeRestored is everything, of a store that came from a backup. A hold on
	// it ends by GoLive alone.
	ScopeRestored Scope = "restored"
	// FromBackup is the class of that hold.
	FromBackup Class = "restored"

	// queueJump is how far the numbers of new mails lie behind those of the
	// backup: what the original gave out since, in links and in what SES says of
	// its mails, must not name another mail here. At 14 a second it is 8 days.
	queueJump = 10_000_000

	restoredHint = "See what may have been sent since: pabal restore list; then, if no other pabal sends from this data: pabal restore release."
)

var kRestored = []byte("restored")

// Restored is what a store that came from a backup says of itself until it is
// released.
type Restored struct {
	Taken    time.Time `json:"taken"`             // of the backup: what happened after it is not known here
	At       time.Time `json:"at"`                // of the restore
	Campaign uint64    `json:"campaign"`          // the newest campaign of the backup; later ones were made here
	Queue    uint64    `json:"queue"`             // the newest mail of the backup, the number behind the q
	OptOuts  time.Time `json:"opt_outs,omitzero"` // until when opt-outs are known that came after the backup; zero: none of them
	Listened time.Time `json:"listened,omitzero"` // since when SES's events are read; zero: not yet, they may be the original's
}

// restoration is the mirror of what ledger.db says of it.
type restoration struct {
	mu      sync.Mutex
	now     *Restored     // nil: it is live
	changed chan struct{} // closed, and made anew, when now changes
}

func (r *restoration) load(tx *bbolt.Tx) error {
	r.changed = make(chan struct{})
	v := tx.Bucket(bMeta).Get(kRestored)
	if v == nil {
		return nil
	}
	r.now = &Restored{}
	if err := json.Unmarshal(v, r.now); err != nil {
		return fmt.Errorf("what it says of its restore: %w", err)
	}
	return nil
}

func (r *restoration) set(now *Restored) {
	r.mu.Lock()
	r.now = now
	close(r.changed)
	r.changed = make(chan struct{})
	r.mu.Unlock()
}

// Restored is what a store that came from a backup says of itself; ok is false
// for one that is live.
func (s *Spool) Restored() (r Restored, ok bool) {
	s.restored.mu.Lock()
	defer s.restored.mu.Unlock()
	if s.restored.now == nil {
		return r, false
	}
	return *s.restored.now, true
}

// AwaitLive blocks until the store is live or ctx ends, whose error it returns.
func (s *Spool) AwaitLive(ctx context.Context) error {
	return s.await(ctx, func(*Restored) bool { return false })
}

// AwaitListening blocks until SES's events may be read: the store is live, or a
// person has said that nobody else reads them. It returns ctx's error.
func (s *Spool) AwaitListening(ctx context.Context) error {
	return s.await(ctx, func(r *Restored) bool { return !r.Listened.IsZero() })
}

func (s *Spool) await(ctx context.Context, enough func(*Restored) bool) error {
	for {
		s.restored.mu.Lock()
		now, changed := s.restored.now, s.restored.changed
		s.restored.mu.Unlock()
		if now == nil || enough(now) {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// Restore marks the store as one that came from a backup: everything is held,
// and numbers of new mails begin far behind. Campaign of r is the newest one.
// It is called once, before anybody else uses the store.
func (s *Spool) Restore(ctx context.Context, r Restored) error {
	err := s.queue.do(64, func(tx *bbolt.Tx) error {
		b := tx.Bucket(bOpen)
		r.Queue = b.Sequence()
		return b.SetSequence(r.Queue + queueJump)
	})
	if err != nil {
		return fmt.Errorf("mark the queue as restored: %w", err)
	}
	h := Hold{Scope: ScopeRestored, Class: FromBackup, Manual: true, Since: r.At, Hint: restoredHint,
		Reason: "this data comes from a backup of " + r.Taken.UTC().Format("2006-01-02 15:04:05 UTC") + "; what was sent since is not known here"}
	if _, held := s.holds.put(h); held.Class != FromBackup {
		return fmt.Errorf("hold what was restored: %w", ErrState)
	}
	if err := s.saveRestored(&r); err != nil {
		return err
	}
	return ctx.Err()
}

// saveRestored writes what the store says of itself, nil for a live one, and its
// hold in the same commit.
func (s *Spool) saveRestored(r *Restored) error {
	err := s.ledger.do(512, func(tx *bbolt.Tx) error {
		if r == nil {
			return errors.Join(tx.Bucket(bMeta).Delete(kRestored), tx.Bucket(bHolds).Delete([]byte(ScopeRestored)))
		}
		v, err := json.Marshal(r)
		if err != nil {
			return err
		}
		hold, err := json.Marshal(s.holds.stored(ScopeRestored))
		if err != nil {
			return err
		}
		return errors.Join(tx.Bucket(bMeta).Put(kRestored, v), tx.Bucket(bHolds).Put([]byte(ScopeRestored), hold))
	})
	if err != nil {
		return fmt.Errorf("write what is known of the restore: %w", err)
	}
	s.restored.set(r)
	return nil
}

// Listen has SES's events read although the store is held: what they say of
// mails that were sent after the backup settles their recipients. The original
// must not run any more: an event is read once. ErrState for a store that is live.
func (s *Spool) Listen(ctx context.Context) error {
	r, ok := s.Restored()
	if !ok {
		return errLive()
	}
	if !r.Listened.IsZero() {
		return nil
	}
	r.Listened = time.Now().UTC()
	s.byHand(ctx, "listen for a restored store")
	return s.saveRestored(&r)
}

func errLive() error {
	return &eml.Problem{What: "this data is live: nothing is held for having come from a backup", Hint: "see what is held with: pabal status", Err: ErrState}
}

// Waits is what of one campaign, or of the queue (campaign 0), waited when the
// backup was taken and waits still: the original may have sent it since.
type Waits struct {
	Campaign uint64 `json:"campaign,omitempty"`
	State    State  `json:"state,omitempty"`
	Pending  int64  `json:"pending"`
	Unknown  int64  `json:"unknown"` // a call was open at the backup, or an answer was lost before
}

// MaySendAgain lists them. ErrState for a store that is live.
func (s *Spool) MaySendAgain() ([]Waits, error) {
	r, ok := s.Restored()
	if !ok {
		return nil, errLive()
	}
	out := []Waits{}
	n, err := s.waitingMail(r.Queue)
	if err != nil {
		return nil, err
	}
	if n > 0 {
		out = append(out, Waits{Pending: n})
	}
	all, err := s.Ledgers()
	for _, l := range all {
		if l.Campaign <= r.Campaign && !l.State.Final() && l.State != Cancelling {
			out = append(out, Waits{Campaign: l.Campaign, State: l.State, Pending: l.Pending + l.Sending, Unknown: l.Unknown})
		}
	}
	return out, err
}

// waitingMail counts what waits in the queue up to a number.
func (s *Spool) waitingMail(last uint64) (n int64, err error) {
	err = s.queue.View(func(tx *bbolt.Tx) error {
		c := tx.Bucket(bOpen).Cursor()
		for k, v := c.First(); k != nil && number(k, 0) <= last; k, v = c.Next() {
			if len(v) > 1 && Outcome(v[1]).open() {
				n++
			}
		}
		return nil
	})
	return n, err
}

// GoLive ends the hold of a store that came from a backup. What waits of the
// campaigns in resend, and of the queue with resendQueue, is sent, marked
// maybe_twice; what waits of all others of the backup becomes unknown: feedback
// may still settle it, and a person may have it resent. It works in batches, each
// of which can be repeated: cut short, the store stays held and GoLive is called
// again, with another choice if need be. ErrState for a store that is live, or
// while an audience of the backup is being frozen or rows of it are put back.
func (s *Spool) GoLive(ctx context.Context, resend []uint64, resendQueue bool) error {
	r, ok := s.Restored()
	if !ok {
		return errLive()
	}
	all, err := s.Ledgers()
	if err != nil {
		return err
	}
	if err := r.settled(all); err != nil {
		return err
	}
	for _, l := range all {
		if l.Campaign > r.Campaign || l.State.Final() || l.State == Cancelling {
			continue
		}
		if err := s.resolveRows(ctx, l.Campaign, &r, slices.Contains(resend, l.Campaign)); err != nil {
			return fmt.Errorf("settle what waits of campaign %d: %w", l.Campaign, err)
		}
	}
	if err := s.resolveQueue(ctx, &r, resendQueue); err != nil {
		return fmt.Errorf("settle what waits in the queue: %w", err)
	}
	if err := s.saveRestored(nil); err != nil {
		return err
	}
	h := s.holds.remove(ScopeRestored, nil)
	s.byHand(ctx, "release of a restored store", slog.Time("taken", r.Taken))
	if h == nil {
		return nil
	}
	return s.released(h)
}

// settled refuses while it is not known yet who waits of the backup's campaigns.
func (r *Restored) settled(all []Ledger) error {
	for _, l := range all {
		switch {
		case l.Campaign > r.Campaign:
		case l.State == Freezing:
			return &eml.Problem{What: fmt.Sprintf("the audience of campaign %d is being frozen: who is in it is not known yet", l.Campaign),
				Hint: "try again when it is frozen (pabal campaign list), or cancel it", Err: ErrState}
		case l.Resend != nil && !l.State.Final() && l.State != Cancelling:
			return &eml.Problem{What: fmt.Sprintf("recipients of campaign %d are being put back by a resend that the backup was taken in", l.Campaign),
				Hint: "try again in a minute", Err: ErrState}
		}
	}
	return nil
}

// resolve judges one message that waited when the backup was taken.
func (r *Restored) resolve(m *Message, resend bool, now time.Time) {
	if resend {
		m.MaybeTwice = true
		return
	}
	m.Outcome, m.At, m.NextTry = Unknown, now, time.Time{}
	m.Reason = "restored from a backup of " + r.Taken.UTC().Format("2006-01-02 15:04 UTC") + ": it may have been sent since"
}

// resolveRows judges what waits of a campaign.
func (s *Spool) resolveRows(ctx context.Context, campaign uint64, r *Restored, resend bool) error {
	for after, more := uint64(0), true; more; {
		if err := ctx.Err(); err != nil {
			return err
		}
		var last uint64
		err := s.ledger.do(64*MaxBatch, func(tx *bbolt.Tx) error {
			l, err := s.ledgerSums().header(campaign)
			if err != nil {
				return err
			}
			now := time.Now().UTC()
			var batch []Message
			batch, last = waitingRows(tx, campaign, after)
			for _, old := range batch {
				m := old
				r.resolve(&m, resend, now)
				if err := s.ledgerSums().replace(tx, l, &old, &m); err != nil {
					return err
				}
			}
			if last == 0 {
				l.act(Act{At: now, By: Caller(ctx), What: "release after a restore", Count: l.Pending})
				l.conclude(now)
			}
			return nil
		})
		if err != nil {
			return err
		}
		after, more = last, last != 0
	}
	return nil
}

// waitingRows are pending rows behind after; last is the last one looked at, 0 at
// the end. One that cannot be read is left: the drain parks it.
func waitingRows(tx *bbolt.Tx, campaign, after uint64) (batch []Message, last uint64) {
	c := tx.Bucket(bRows).Bucket(u64(campaign)).Cursor()
	k, v := c.Seek(u64(after + 1))
	for n := 0; k != nil; n++ {
		if n == resendScan || len(batch) == MaxBatch {
			return batch, last
		}
		last = number(k, 0)
		if rowPending(v) {
			if m, err := readRow(v, campaign, last); err == nil {
				batch = append(batch, m)
			}
		}
		k, v = c.Next()
	}
	return batch, 0
}

// resolveQueue judges what waits in the queue.
func (s *Spool) resolveQueue(ctx context.Context, r *Restored, resend bool) error {
	for after := uint64(0); ctx.Err() == nil; {
		var batch []Message
		err := s.queue.View(func(tx *bbolt.Tx) error {
			c := tx.Bucket(bOpen).Cursor()
			for k, v := c.Seek(u64(after + 1)); k != nil && number(k, 0) <= r.Queue && len(batch) < MaxBatch; k, v = c.Next() {
				after = number(k, 0)
				if m, err := readMail(bytes.Clone(v), after); err == nil && m.Outcome == Pending {
					batch = append(batch, m)
				}
			}
			return nil
		})
		if err != nil || len(batch) == 0 {
			return err
		}
		err = s.queue.do(256*len(batch), func(tx *bbolt.Tx) error {
			for _, seen := range batch {
				old, err := mail(tx, seen.seq)
				if err != nil || old.Outcome != Pending {
					continue // somebody discarded it meanwhile
				}
				m := old
				r.resolve(&m, resend, time.Now().UTC())
				if err := s.queueSums().replace(tx, &old, &m); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return ctx.Err()
}
