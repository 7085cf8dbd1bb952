package spool

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"go.etcd.io/bbolt"
)

// How long after a hold began it is probed, and how slow that gets.
const (
	outageProbe    = 5 * time.Second // doubling
	outageProbeMax = time.Minute
	quotaProbe     = 30 * time.Second // asks only our own window, costs SES nothing
	slowProbe      = time.Minute      // doubling: account, identity, configuration, credentials
	slowProbeMax   = 10 * time.Minute
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
}

// holdState is a hold with what only the running process needs to know.
type holdState struct {
	Hold
	wait     time.Duration // before the next probe after this one
	halfOpen bool          // one message may pass, to see
	probing  bool          // that message is on its way
}

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

func firstWait(c Class) time.Duration {
	switch c {
	case Outage, Network:
		return outageProbe
	case Quota:
		return quotaProbe
	}
	return slowProbe
}

func nextWait(c Class, wait time.Duration) time.Duration {
	switch c {
	case Outage, Network:
		return min(2*wait, outageProbeMax)
	case Quota:
		return quotaProbe
	}
	return min(2*wait, slowProbeMax)
}

// limit is how many messages with these scopes may be leased now: none, one
// (a probe) or any number.
func (t *holdTable) limit(scopes []Scope) int {
	t.mu.Lock()
	defer t.mu.Unlock()
	limit := maxGroupJobs
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

// claim takes the half-open holds among scopes for one message. ok is false
// when one of them does not let it pass.
func (t *holdTable) claim(scopes []Scope) (probing []Scope, ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, sc := range scopes {
		if h := t.m[sc]; h != nil {
			if !h.halfOpen || h.probing {
				return nil, false
			}
			probing = append(probing, sc)
		}
	}
	for _, sc := range probing {
		t.m[sc].probing = true
	}
	return probing, true
}

// unclaim lets another message probe: this one made no call.
func (t *holdTable) unclaim(probing []Scope) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, sc := range probing {
		if h := t.m[sc]; h != nil {
			h.probing = false
		}
	}
}

// refused puts the next probe further off.
func (t *holdTable) refused(probing []Scope) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, sc := range probing {
		if h := t.m[sc]; h != nil {
			h.later()
		}
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
			c := h.Hold
			return &c
		}
	}
	return nil
}

func (t *holdTable) has(sc Scope) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.m[sc] != nil
}

// due are the holds to be probed now, and when the next one is.
func (t *holdTable) due(now time.Time) (ripe []Hold, next time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, h := range t.m {
		switch {
		case h.Manual || h.halfOpen || h.probing:
		case !h.NextProbe.After(now):
			ripe = append(ripe, h.Hold)
		case next.IsZero() || h.NextProbe.Before(next):
			next = h.NextProbe
		}
	}
	return ripe, next
}

func (t *holdTable) open(sc Scope) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if h := t.m[sc]; h != nil {
		h.halfOpen = true
	}
}

// Holds are what is paused now, by scope.
func (s *Spool) Holds() []Hold {
	s.holds.mu.Lock()
	defer s.holds.mu.Unlock()
	out := make([]Hold, 0, len(s.holds.m))
	for _, h := range s.holds.m {
		out = append(out, h.Hold)
	}
	slices.SortFunc(out, func(a, b Hold) int { return strings.Compare(string(a.Scope), string(b.Scope)) })
	return out
}

// Hold pauses a scope. A scope held already keeps its since and, when a person
// held it, stays theirs.
func (s *Spool) Hold(ctx context.Context, h Hold) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if h.Scope == "" {
		h.Scope = ScopeAll
	}
	fresh, h := s.holds.put(h)
	s.wakeProber()
	if !fresh {
		return nil
	}
	b, err := json.Marshal(h)
	if err != nil {
		return err
	}
	err = s.ledger.do(len(b), func(tx *bbolt.Tx) error { return tx.Bucket(bHolds).Put([]byte(h.Scope), b) }, nil)
	s.logger().Warn("hold began", "part", "spool", "scope", h.Scope, "class", h.Class, "reason", h.Reason, "manual", h.Manual)
	s.note("hold", h.Scope, h.Reason)
	return err
}

// put adds or renews a hold; fresh is false when it was there already.
func (t *holdTable) put(h Hold) (fresh bool, stored Hold) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := time.Now().UTC()
	if old := t.m[h.Scope]; old != nil && (old.Manual || !h.Manual) {
		if old.Class == h.Class && !old.Manual {
			old.Reason, old.Until = h.Reason, h.Until
			old.halfOpen, old.probing = false, false
			old.NextProbe = now.Add(old.wait)
		}
		return false, old.Hold
	}
	n := &holdState{Hold: h, wait: firstWait(h.Class)}
	if n.Since.IsZero() {
		n.Since = now
	}
	if !n.Manual {
		n.NextProbe = now.Add(n.wait)
	}
	t.m[h.Scope] = n
	return true, n.Hold
}

// Release ends a hold. ErrNotFound when the scope is not held.
func (s *Spool) Release(ctx context.Context, scope Scope) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.holds.mu.Lock()
	h := s.holds.m[scope]
	delete(s.holds.m, scope)
	s.holds.mu.Unlock()
	if h == nil {
		return fmt.Errorf("hold %q: %w", scope, ErrNotFound)
	}
	err := s.ledger.do(64, func(tx *bbolt.Tx) error { return tx.Bucket(bHolds).Delete([]byte(scope)) }, nil)
	s.logger().Info("hold ended", "part", "spool", "scope", scope, "after", time.Since(h.Since).Round(time.Second))
	s.note("release", scope, h.Reason)
	s.kick(Transactional)
	s.kick(Bulk)
	return err
}

// prober tests holds that end by themselves. An outage or trouble with account
// or credentials is asked of SES first; then, and for the rest at once, one
// message may pass, and its answer decides.
func (s *Spool) prober(ctx context.Context) {
	for {
		ripe, next := s.holds.due(time.Now())
		for _, h := range ripe {
			s.probe(ctx, h)
		}
		if len(ripe) > 0 {
			continue
		}
		if !wait(ctx, s.probes, next) {
			return
		}
	}
}

func (s *Spool) probe(ctx context.Context, h Hold) {
	switch h.Class {
	case Outage, Network, Account, Credentials:
		if err := s.Pace.Probe(ctx); err != nil {
			s.holds.refused([]Scope{h.Scope})
			return
		}
	}
	s.holds.open(h.Scope)
	s.kick(Transactional)
	s.kick(Bulk)
}

func (s *Spool) wakeProber() {
	select {
	case s.probes <- struct{}{}:
	default:
	}
}

// wait blocks until the channel is kicked, the time comes (zero: never) or ctx
// ends; it is false in the last case.
func wait(ctx context.Context, kicked <-chan struct{}, until time.Time) bool {
	var timer <-chan time.Time
	if !until.IsZero() {
		t := time.NewTimer(max(time.Until(until), 0))
		defer t.Stop()
		timer = t.C
	}
	select {
	case <-ctx.Done():
		return false
	case <-kicked:
	case <-timer:
	}
	return ctx.Err() == nil
}

var hints = map[Class]string{
	Quota:         "It goes on by itself as the 24-hour window frees. Ask AWS for a higher quota if this happens often.",
	Account:       "Look at the SES console's reputation page and the mail AWS sent; sending goes on once AWS allows it.",
	Identity:      "Verify the From domain in SES (`pabal domain check` shows the records), or send from a verified one.",
	Configuration: "Create what is missing in SES or correct the configuration, then restart.",
	Credentials:   "Check the AWS credentials, their ses:SendRawEmail permission and this machine's clock.",
	Network:       "Check this machine's network, DNS and firewall; it goes on by itself.",
	Outage:        "Nothing to do: SES is asked again every minute at the latest, and sending goes on by itself.",
	Operator:      "Release it when you are ready: pabal spool release.",
}

func holdOf(e *SendError) Hold {
	h := Hold{Scope: e.Scope, Class: e.Class, Reason: e.Error(), Hint: e.Hint, Manual: e.Manual}
	if h.Hint == "" {
		h.Hint = hints[e.Class]
	}
	return h
}
