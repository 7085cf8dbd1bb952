// Package spool is pabal's durable heart: the queue of legacy mail, the ledger
// of every campaign's recipients, and the drain that hands both to a Sender at
// the pace a Pace allows.
//
// (seam: the promise page comes with the code)
package spool

import (
	"context"
	"time"
)

// Lane is one of the two ways mail takes. Transactional mail goes first.
type Lane uint8

// The lanes: transactional (SMTP, sendmail) and bulk (campaigns).
const (
	Transactional Lane = iota
	Bulk
)

// Outcome is what became of a message so far. pending and sending are open,
// the other four are final (but unknown, which feedback may settle).
type Outcome uint8

// The outcomes, in the order of the counters.
const (
	Pending Outcome = iota
	Sending
	Accepted
	Failed
	Skipped
	Unknown
)

// Skip reasons.
const (
	SkipUnsubscribed = "unsubscribed"
	SkipTopicOff     = "topic_off"
	SkipFrequency    = "frequency"
	SkipSuppressed   = "suppressed"
	SkipErased       = "erased"
	SkipInvalid      = "invalid"
	SkipCancelled    = "cancelled"
)

// Message is one mail to one recipient, waiting in the spool or done. The same
// struct is the record, the wire form and the screen row.
type Message struct {
	ID         string    `json:"id"`                    // "q17" in the queue, "c3-1234" in campaign 3 to subscriber 1234
	Lane       Lane      `json:"lane"`                  //
	Campaign   uint64    `json:"campaign,omitempty"`    // 0 in the transactional lane
	Subscriber uint64    `json:"subscriber,omitempty"`  // 0 in the transactional lane
	From       string    `json:"from,omitempty"`        // envelope sender, "" for the null sender
	FromDomain string    `json:"from_domain,omitempty"` // domain of the From header: the identity SES checks, the scope of an identity hold
	To         string    `json:"email"`                 // the address; in the bulk lane the one at the lease, "" before it
	Subject    string    `json:"subject,omitempty"`     // transactional only, decoded
	MessageID  string    `json:"message_id,omitempty"`  // transactional only: the application's own, without brackets
	Outcome    Outcome   `json:"outcome"`
	Reason     string    `json:"reason,omitempty"` // why failed, skipped, unknown, or of the last refusal
	Attempts   int       `json:"attempts"`         // calls to SES made or begun
	Tries      int       `json:"tries"`            // attempts that used up one of the 1 + 3
	SESID      string    `json:"ses_message_id,omitempty"`
	At         time.Time `json:"at,omitzero"`           // last change
	Received   time.Time `json:"received,omitzero"`     // when it was acknowledged, or frozen
	NextTry    time.Time `json:"next_try,omitzero"`     // due then, if pending
	MaybeTwice bool      `json:"maybe_twice,omitempty"` // an attempt's answer was lost and it was sent again
	Delivered  bool      `json:"delivered,omitempty"`
	Bounced    bool      `json:"bounced,omitempty"`
	Complained bool      `json:"complained,omitempty"`
	Size       int       `json:"size,omitempty"` // bytes of the body, transactional only

	Data []byte    `json:"-"` // the finished mail for the call to SES; never kept
	Tag  string    `json:"-"` // STOREID-CAMPAIGN-SUBSCRIBER-ATTEMPT of this attempt (campaign 0: the queue's sequence number as subscriber); set at the lease
	Due  time.Time `json:"-"`
}

// Envelope is what Put takes: one legacy mail to one or more recipients.
type Envelope struct {
	From       string            // envelope sender as given, "" for the null sender
	FromDomain string            // domain of the From header
	To         []string          // canonical addresses, at most 1,000
	Subject    string            // decoded, for people
	MessageID  string            // without brackets
	Skip       map[string]string // recipient -> skip reason, for those not to be mailed
}

// Row is one recipient as frozen into a campaign's ledger.
type Row struct {
	Subscriber uint64
	Skip       string // skip reason, "" to be mailed
	Email      string // kept on skipped rows only, where somebody may ask
}

// Mark is how far a freeze got: the last subscriber id walked. Done ends the freeze.
type Mark struct {
	Subscriber uint64
	Done       bool
}

// Counts are a ledger's sums: Pending+Sending+Accepted+Failed+Skipped+Unknown = Audience.
type Counts struct {
	Audience   int64            `json:"audience"`
	Pending    int64            `json:"pending"`
	Sending    int64            `json:"sending"`
	Accepted   int64            `json:"accepted"`
	Failed     int64            `json:"failed"`
	Skipped    int64            `json:"skipped"`
	Unknown    int64            `json:"unknown"`
	Delivered  int64            `json:"delivered"`
	Bounced    int64            `json:"bounced"`
	Complained int64            `json:"complained"`
	Skips      map[string]int64 `json:"skips,omitempty"` // by reason
}

// State is a campaign's state, as DESIGN's word list has them.
type State string

// The states. Draft and scheduled live in campaign.db, the rest in the ledger header.
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

// Ledger is the header of one campaign's ledger: run state, marks and sums.
type Ledger struct {
	Campaign         uint64    `json:"campaign"`
	State            State     `json:"state"`
	FromDomain       string    `json:"from_domain"`
	ConfigurationSet string    `json:"configuration_set,omitempty"`
	MaxID            uint64    `json:"max_id"` // newest subscriber the freeze may take
	Expect           int64     `json:"expect"` // mailable recipients the person confirmed; below 0: not checked
	Frozen           uint64    `json:"frozen"` // freeze mark
	Next             uint64    `json:"next"`   // drain mark: first tries go to rows after it
	Started          time.Time `json:"started,omitzero"`
	FrozenAt         time.Time `json:"frozen_at,omitzero"`
	First            time.Time `json:"first,omitzero"` // first acceptance
	Ended            time.Time `json:"ended,omitzero"`
	Reason           string    `json:"reason,omitempty"` // why held or paused, for a person
	Counts
}

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

// Scope names what a hold or an error concerns: ScopeAll, or one of the
// constructors below. It is stored and printed as it is.
type Scope string

// ScopeAll is everything.
const ScopeAll Scope = "all"

// LaneScope is one lane: "lane:bulk".
func LaneScope(l Lane) Scope { return Scope("lane:" + l.String()) }

// FromScope is one From domain: "from:example.com".
func FromScope(domain string) Scope { return Scope("from:" + domain) }

// CampaignScope is one campaign: "campaign:7".
func CampaignScope(id uint64) Scope { panic("seam") }

// ConfigurationSetScope is one configuration set: "configuration_set:main".
func ConfigurationSetScope(name string) Scope { return Scope("configuration_set:" + name) }

func (l Lane) String() string {
	if l == Bulk {
		return "bulk"
	}
	return "transactional"
}

// Status is the spool's part of `status --json`.
type Status struct {
	Pending       int64             `json:"pending"`
	Sending       int64             `json:"sending"`
	OldestSeconds int64             `json:"oldest_seconds"`
	Held          []Hold            `json:"held"`
	Lanes         map[string]Counts `json:"lanes"`
	PerSecond     float64           `json:"per_second"` // accepted in the last whole seconds, mean over 5 s
}

// Class is what an answer of SES means for the spool (reference: ses A4).
type Class string

// The classes. Only Temporary and Ambiguous use up a try; Permanent ends the
// message; the rest hold a scope and use up none.
const (
	Temporary     Class = "temporary"     // refused for now, surely not sent
	Permanent     Class = "permanent"     // this message will never go
	Ambiguous     Class = "ambiguous"     // it may have been sent
	Rate          Class = "rate"          // too fast: put back, slow down
	Quota         Class = "quota"         // 24-hour quota used up
	Account       Class = "account"       // suspended or paused
	Identity      Class = "identity"      // From domain not verified
	Configuration Class = "configuration" // configuration set or template missing
	Credentials   Class = "credentials"   // no, wrong or expired credentials; clock wrong
	Network       Class = "network"       // nothing was written: DNS, connect, TLS
	Outage        Class = "outage"        // class of a hold: several refusals in a row
	Operator      Class = "operator"      // class of a hold: a person's doing
)

// SendError is a refused or unclear attempt. Errors of other types are
// Temporary when the call was answered and Ambiguous when it was not; the
// Sender says which by wrapping, so an unwrapped error counts as Ambiguous.
type SendError struct {
	Class Class
	Scope Scope  // what to hold, for the classes that hold; "" means ScopeAll
	Code  string // SES error code, or "" without one
	Text  string // SES message or cause, for people
	Err   error
}

func (e *SendError) Error() string { return string(e.Class) + ": " + e.Code + ": " + e.Text }
func (e *SendError) Unwrap() error { return e.Err }

// SkipError says that the last check before the call found that this person is
// not to be mailed. The message ends as skipped with Reason; no call was made.
type SkipError struct{ Reason string }

func (e *SkipError) Error() string { return "skipped: " + e.Reason }

// Sender makes one attempt. It returns the SES message id; a *SkipError, a
// *SendError, or ctx's error (then the outcome counts as ambiguous). It must
// not retry by itself and may be called at the same time.
type Sender interface {
	Send(ctx context.Context, m *Message) (sesID string, err error)
}

// Pace says how fast calls may be made; sesclient implements it.
type Pace interface {
	// Take waits until at least one call may be made in lane and reserves up to
	// max of them. It returns how many, or a *SendError of class Quota (with
	// Scope) when the 24-hour quota leaves the lane nothing now, or ctx's error.
	Take(ctx context.Context, lane Lane, max int) (int, error)
	// Return gives back reservations that no call was made for.
	Return(lane Lane, n int)
	// Report tells what came of one call: nil for accepted, else its error. A
	// Rate error halves the pace, acceptances let it recover.
	Report(lane Lane, err error)
	// Concurrency is how many calls may be open at once, both lanes together.
	Concurrency() int
	// Probe asks SES whether calls work again (GetAccount), for holds that end
	// by themselves. A nil error means a message may be tried.
	Probe(ctx context.Context) error
	// QuotaFrees is when the rolling window lets lane send again; ok is false
	// when it is not known.
	QuotaFrees(lane Lane) (at time.Time, ok bool)
}

// Addresser gives the address a subscriber has now. It returns a *SkipError
// for somebody who is gone.
type Addresser interface {
	Address(subscriber uint64) (string, error)
}
