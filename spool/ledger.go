package spool

import (
	"maps"
	"slices"
	"time"
)

// State is a campaign's state.
type State string

// The states. Draft and scheduled live in campaign.db, the others in the
// ledger's header.
const (
	Draft      State = "draft"
	Scheduled  State = "scheduled"
	Freezing   State = "freezing"
	Running    State = "running"
	Paused     State = "paused"
	Held       State = "held"
	Cancelling State = "cancelling"
	Cancelled  State = "cancelled"
	Done       State = "done"
)

// Final reports whether nothing more will be sent.
func (s State) Final() bool { return s == Cancelled || s == Done }

// Counts are sums over messages; those of feedback count messages, not events.
// In a ledger pending + sending + accepted +
// failed + skipped + unknown = audience, always.
type Counts struct {
	Audience   int64 `json:"audience"`
	Pending    int64 `json:"pending"`
	Sending    int64 `json:"sending"`
	Accepted   int64 `json:"accepted"`
	Failed     int64 `json:"failed"`
	Skipped    int64 `json:"skipped"`
	Unknown    int64 `json:"unknown"`
	Delivered  int64 `json:"delivered"`
	Bounced    int64 `json:"bounced"`
	Complained int64 `json:"complained"`

	HardBounced   int64 `json:"hard_bounced"` // of Bounced: for good
	Delayed       int64 `json:"delayed"`
	Rejected      int64 `json:"rejected"`
	Opened        int64 `json:"opened"`         // people, however often
	MachineOpened int64 `json:"machine_opened"` // opened or clicked by a program
	Clicked       int64 `json:"clicked"`        // people, however often
	SentTwice     int64 `json:"sent_twice"`     // proved: SES accepted it more than once

	Skips map[string]int64 `json:"skips,omitempty"` // skipped, by reason
}

// Add sums another's counters into c.
func (c *Counts) Add(o Counts) { c.add(o, 1) }

func (c *Counts) add(o Counts, times int64) {
	for _, p := range [...]struct {
		to   *int64
		from int64
	}{
		{&c.Audience, o.Audience}, {&c.Pending, o.Pending}, {&c.Sending, o.Sending}, {&c.Accepted, o.Accepted},
		{&c.Failed, o.Failed}, {&c.Skipped, o.Skipped}, {&c.Unknown, o.Unknown}, {&c.Delivered, o.Delivered},
		{&c.Bounced, o.Bounced}, {&c.Complained, o.Complained}, {&c.Delayed, o.Delayed}, {&c.Rejected, o.Rejected},
		{&c.Opened, o.Opened}, {&c.MachineOpened, o.MachineOpened}, {&c.Clicked, o.Clicked}, {&c.SentTwice, o.SentTwice},
		{&c.HardBounced, o.HardBounced},
	} {
		*p.to += times * p.from
	}
	for reason, n := range o.Skips {
		c.skip(reason, times*n)
	}
}

func (c *Counts) skip(reason string, n int64) {
	if c.Skips == nil {
		c.Skips = map[string]int64{}
	}
	if c.Skips[reason] += n; c.Skips[reason] == 0 {
		delete(c.Skips, reason)
	}
}

func (c *Counts) of(o Outcome) *int64 {
	return [...]*int64{&c.Pending, &c.Sending, &c.Accepted, &c.Failed, &c.Skipped, &c.Unknown}[o]
}

// enter counts a new message.
func (c *Counts) enter(m *Message) { c.Audience++; c.count(m, 1) }

func (c *Counts) count(m *Message, n int64) {
	*c.of(m.Outcome) += n
	if m.Outcome == Skipped {
		c.skip(m.Reason, n)
	}
	for _, f := range [...]struct {
		on bool
		to *int64
	}{{m.Delivered, &c.Delivered}, {m.Bounced, &c.Bounced}, {m.Complained, &c.Complained}, {m.Delayed, &c.Delayed},
		{m.Rejected, &c.Rejected}, {m.Opened, &c.Opened}, {m.MachineOpened, &c.MachineOpened}, {m.Clicked, &c.Clicked},
		{len(m.Also) > 0, &c.SentTwice}, {m.HardBounced, &c.HardBounced}} {
		if f.on {
			*f.to += n
		}
	}
}

// move counts a message that changed from one record to another.
func (c *Counts) move(from, to *Message) { c.count(from, -1); c.count(to, 1) }

func (c Counts) clone() Counts {
	c.Skips = maps.Clone(c.Skips)
	return c
}

// Ledger is the header of one campaign's ledger: run state, marks and sums.
type Ledger struct {
	Campaign         uint64    `json:"campaign"`
	State            State     `json:"state"`
	FromDomain       string    `json:"from_domain"`
	ConfigurationSet string    `json:"configuration_set,omitempty"`
	MaxID            uint64    `json:"max_id"` // newest subscriber the freeze may take
	Expect           int64     `json:"expect"` // mailable recipients a person confirmed; below 0: not compared
	Frozen           uint64    `json:"frozen"` // freeze mark: the last subscriber walked
	Last             uint64    `json:"last"`   // the last row frozen to be mailed: there first tries end
	Next             uint64    `json:"next"`   // drain mark: first tries go to the rows after it
	Cancel           uint64    `json:"cancel"` // cancel mark: rows up to it are not pending any more
	Started          time.Time `json:"started,omitzero"`
	FrozenAt         time.Time `json:"frozen_at,omitzero"`
	First            time.Time `json:"first,omitzero"` // first acceptance
	Ended            time.Time `json:"ended,omitzero"`
	Reason           string    `json:"reason,omitempty"`      // why held or paused, for a person
	Hold             *Hold     `json:"hold,omitempty"`        // the hold that keeps it from sending now, if any; never stored
	Resend           *Resend   `json:"resend,omitempty"`      // under way
	Unlimited        bool      `json:"unlimited,omitempty"`   // no commercial mail: how often people want mail does not bind it, and it does not count
	Acts             []Act     `json:"acts,omitempty"`        // what people did, oldest first
	Most             int64     `json:"most,omitempty"`        // mailable recipients at most, else it is held; zero: any number
	Window           *Window   `json:"window,omitempty"`      // when it may send; nil: always
	Brake            *Brake    `json:"brake,omitempty"`       // what of feedback pauses it; nil: nothing
	Braked           *Braked   `json:"braked,omitempty"`      // why the brake paused it, until a person resumes it
	BrakeAfter       uint64    `json:"brake_after,omitempty"` // the brake counts the rows after it
	Removed          *Removed  `json:"removed,omitempty"`     // rows that retention has removed; Counts has them still
	Counts
}

func (l *Ledger) clone() *Ledger {
	c := *l
	c.Counts, c.Acts, c.Removed = l.Counts.clone(), slices.Clone(l.Acts), l.Removed.clone()
	c.Hold = nil
	return &c
}

// scopes are the holds that can stop this campaign's mail.
func (l *Ledger) scopes() []Scope {
	s := []Scope{ScopeRestored, ScopeAll, LaneScope(Bulk), CampaignScope(l.Campaign), FromScope(l.FromDomain)}
	if l.ConfigurationSet != "" {
		s = append(s, ConfigurationSetScope(l.ConfigurationSet))
	}
	return s
}

// conclude ends a ledger that has nothing open any more.
func (l *Ledger) conclude(now time.Time) {
	if l.Pending > 0 || l.Sending > 0 || l.Resend != nil && l.State != Cancelling || l.FrozenAt.IsZero() && l.State != Cancelling {
		return
	}
	switch l.State {
	case Running, Paused:
		l.State, l.Ended, l.Reason = Done, now, ""
	case Cancelling:
		l.State, l.Ended = Cancelled, now
	}
}
