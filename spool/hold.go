package spool

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"go.etcd.io/bbolt"

	"pabal/eml"
)

// Hold says what is paused and why, in words a person can read.
type Hold struct {
	Scope     Scope     `json:"scope"`
	Class     Class     `json:"class"`
	Reason    string    `json:"reason"`         // what happened
	Hint      string    `json:"hint,omitempty"` // what to do
	Since     time.Time `json:"since"`
	Until     time.Time `json:"until,omitzero"` // expected end, zero if not known
	Manual    bool      `json:"manual"`         // waits for a person to release it
	NextProbe time.Time `json:"next_probe,omitzero"`
	Page      string    `json:"page,omitempty"` // of the handbook; when it is shown, not on disk
}

// holdState is a hold with what only the running process needs to know.
type holdState struct {
	Hold
	wait     time.Duration // before the next probe after this one
	halfOpen bool          // one message may pass, to see
	probing  bool          // that message is on its way
}

// claimed are the half-open holds that one message tests. A hold is told by its
// identity: one that was released and began anew, or that a person took over,
// is another one, and the answer says nothing about it.
type claimed []*holdState

// holdTable is the mirror of the holds bucket.
type holdTable struct {
	mu sync.Mutex
	m  map[Scope]*holdState
}

func (t *holdTable) load(tx *bbolt.Tx) error {
	t.m = map[Scope]*holdState{}
	return tx.Bucket(bHolds).ForEach(func(k, v []byte) error {
		h := &holdState{}
		if err := json.Unmarshal(v, &h.Hold); err != nil {
			return fmt.Errorf("hold %s: %w", k, err)
		}
		h.wait = firstWait(h.Class)
		if !h.Manual {
			h.NextProbe = time.Now()
		}
		t.m[h.Scope] = h
		return nil
	})
}

// maxLeases is what is leased in one commit.
const maxLeases = 256

// limit is how many messages with these scopes may be leased now: none, one
// (a probe) or any number.
func (t *holdTable) limit(scopes []Scope) int {
	t.mu.Lock()
	defer t.mu.Unlock()
	limit := maxLeases
	if len(t.m) == 0 {
		return limit
	}
	for _, sc := range scopes {
		if h := t.m[sc]; h != nil {
			if !h.halfOpen || h.probing {
				return 0
			}
			limit = 1
		}
	}
	return limit
}

func (t *holdTable) any() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.m) > 0
}

// claim takes the half-open holds among scopes for one message. ok is false
// when one of them does not let it pass.
func (t *holdTable) claim(scopes []Scope) (probing claimed, ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, sc := range scopes {
		if h := t.m[sc]; h != nil {
			if !h.halfOpen || h.probing {
				return nil, false
			}
			probing = append(probing, h)
		}
	}
	for _, h := range probing {
		h.probing = true
	}
	return probing, true
}

// unclaim lets another message probe, of either lane: this one showed nothing.
func (s *Spool) unclaim(probing claimed) {
	if len(probing) == 0 {
		return
	}
	s.holds.mu.Lock()
	for _, h := range probing {
		h.probing = false
	}
	s.holds.mu.Unlock()
	s.kick(Transactional)
	s.kick(Bulk)
}

// refused puts the next probe further off.
func (t *holdTable) refused(probing claimed) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, h := range probing {
		h.later()
	}
}

func (h *holdState) later() {
	h.wait = nextWait(h.Class, h.wait)
	h.halfOpen, h.probing = false, false
	h.NextProbe = time.Now().Add(h.wait).UTC()
}

// blocking is the first hold that stops mail with these scopes, nil if none.
func (t *holdTable) blocking(scopes []Scope) *Hold {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, sc := range scopes {
		if h := t.m[sc]; h != nil {
			c := h.shown()
			return &c
		}
	}
	return nil
}

// stored is the hold of a scope as it is kept on disk, nil if none.
func (t *holdTable) stored(sc Scope) *Hold {
	t.mu.Lock()
	defer t.mu.Unlock()
	if h := t.m[sc]; h != nil {
		c := h.Hold
		return &c
	}
	return nil
}

// outage reports whether everything is held because SES takes nothing.
func (t *holdTable) outage() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	h := t.m[ScopeAll]
	return h != nil && h.Class == Outage
}

// due are the holds to be probed now, and when the next one is.
func (t *holdTable) due(now time.Time) (ripe []*holdState, next time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, h := range t.m {
		switch {
		case h.Manual || h.halfOpen || h.probing:
		case !h.NextProbe.After(now):
			ripe = append(ripe, h)
		case next.IsZero() || h.NextProbe.Before(next):
			next = h.NextProbe
		}
	}
	return ripe, next
}

// ClockMoved looks anew at what is due and has every hold that ends by itself
// tested now: the clock was set, or the machine slept, and timers are off.
func (s *Spool) ClockMoved() {
	s.holds.mu.Lock()
	for _, h := range s.holds.m {
		if !h.Manual && !h.halfOpen && !h.probing {
			h.NextProbe = time.Now().UTC()
		}
	}
	s.holds.mu.Unlock()
	s.wakeProber()
	s.kick(Transactional)
	s.kick(Bulk)
}

func (t *holdTable) open(h *holdState) {
	t.mu.Lock()
	h.halfOpen = true
	t.mu.Unlock()
}

// Holds are what is paused now, by scope.
func (s *Spool) Holds() []Hold {
	s.holds.mu.Lock()
	defer s.holds.mu.Unlock()
	out := make([]Hold, 0, len(s.holds.m))
	for _, h := range s.holds.m {
		out = append(out, h.shown())
	}
	slices.SortFunc(out, func(a, b Hold) int { return strings.Compare(string(a.Scope), string(b.Scope)) })
	return out
}

// shown is the hold as people are told of it: one that only waits for a message
// to test it does not say that SES is still being asked.
func (h *holdState) shown() Hold {
	c := h.Hold
	c.Page = c.Class.Page()
	if h.halfOpen && !h.probing {
		c.Hint, c.NextProbe = hintTested, time.Time{}
	}
	return c
}

// Hold pauses a scope. On a scope that is held already a hold that waits for a
// person stays, and takes the place of one that does not; a hold of another
// class says what SES answered last and takes the place of an older answer,
// whose since it keeps; an outage takes the place of nothing.
func (s *Spool) Hold(ctx context.Context, h Hold) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if h.Scope == "" {
		h.Scope = ScopeAll
	}
	if h.Hint == "" && h.Manual {
		h.Hint = hintOperator + string(h.Scope)
	}
	fresh, h := s.holds.put(h)
	s.wakeProber()
	if !fresh {
		return nil
	}
	err := s.storeHold(h.Scope)
	s.logger().Warn("hold began", "part", "spool", "scope", h.Scope, "class", h.Class, "reason", h.Reason, "manual", h.Manual, "by", Caller(ctx))
	s.note("hold", h.Scope, h.Reason)
	return err
}

// storeHold writes what the mirror says of a scope when its turn comes, so that
// the disk ends as the mirror does in whatever order holds begin and end.
func (s *Spool) storeHold(sc Scope) error {
	return s.ledger.do(512, func(tx *bbolt.Tx) error {
		h := s.holds.stored(sc)
		if h == nil {
			return tx.Bucket(bHolds).Delete([]byte(sc))
		}
		b, err := json.Marshal(h)
		if err != nil {
			return err
		}
		return tx.Bucket(bHolds).Put([]byte(sc), b)
	})
}

// put adds or renews a hold; fresh is false when it was there already.
func (t *holdTable) put(h Hold) (fresh bool, stored Hold) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := time.Now().UTC()
	old := t.m[h.Scope]
	if old != nil && !h.overrides(&old.Hold) {
		if old.Class == h.Class && !old.Manual {
			old.Reason, old.Until = h.Reason, h.Until
			old.halfOpen, old.probing = false, false
			old.NextProbe = now.Add(old.wait)
		}
		return false, old.Hold
	}
	n := &holdState{Hold: h, wait: firstWait(h.Class)}
	if old != nil && !h.Manual {
		n.Since = old.Since
	}
	if n.Since.IsZero() {
		n.Since = now
	}
	if !n.Manual {
		n.NextProbe = now.Add(n.wait)
	}
	t.m[h.Scope] = n
	return true, n.Hold
}

func (h *Hold) overrides(old *Hold) bool {
	if old.Manual || h.Manual {
		return !old.Manual
	}
	return h.Class != old.Class && h.Class != Outage
}

// Release ends a hold. ErrNotFound when the scope is not held, ErrState for the
// hold of a store that came from a backup (GoLive).
func (s *Spool) Release(ctx context.Context, scope Scope) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if _, restored := s.Restored(); restored && scope == ScopeRestored {
		return &eml.Problem{What: "this data comes from a backup: that is not released like another hold", Hint: restoredHint, Err: ErrState}
	}
	h := s.holds.remove(scope, nil)
	if h == nil {
		return fmt.Errorf("hold %q: %w", scope, ErrNotFound)
	}
	s.byHand(ctx, "release", slog.String("scope", string(scope)))
	return s.released(h)
}

// releaseProbed ends the holds a message has tested with success.
func (s *Spool) releaseProbed(probing claimed) {
	for _, p := range probing {
		h := s.holds.remove(p.Scope, p)
		if h == nil {
			continue
		}
		if err := s.released(h); err != nil {
			s.logger().Error("end of a hold was not stored", "part", "spool", "scope", h.Scope, "err", err)
		}
	}
}

// remove takes a scope's hold out of the table, when only is not nil only that
// one. It returns nil when there was nothing to remove.
func (t *holdTable) remove(sc Scope, only *holdState) *Hold {
	t.mu.Lock()
	defer t.mu.Unlock()
	h := t.m[sc]
	if h == nil || only != nil && h != only {
		return nil
	}
	delete(t.m, sc)
	return &h.Hold
}

// released stores the end of a hold and wakes the lanes.
func (s *Spool) released(h *Hold) error {
	scope := h.Scope
	err := s.storeHold(scope)
	s.logger().Info("hold ended", "part", "spool", "scope", scope, "after", time.Since(h.Since).Round(time.Second))
	s.note("release", scope, h.Reason)
	s.kick(Transactional)
	s.kick(Bulk)
	return err
}

// What to do about the holds this package begins; whoever makes a SendError
// knows the hint of the others.
const (
	hintOutage   = "Nothing to do: SES is asked again every minute at the latest, and sending goes on by itself."
	hintOperator = "Release it when you are ready: pabal spool release "
	hintTested   = "The next message that is due tests it; if SES takes that one, sending goes on by itself."
	hintOther    = "The reason says what is in the way; sending goes on by itself once it is gone."
)

func holdOf(e *SendError) Hold {
	return Hold{Scope: e.Scope, Class: e.Class, Reason: e.Error(), Hint: cmp.Or(e.Hint, hintOther), Manual: e.Manual}
}
