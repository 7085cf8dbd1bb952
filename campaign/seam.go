// Package campaign makes letters of templates and campaigns of letters:
// rendering, preflight, flight plan, the freeze of the audience into the
// spool's ledger, and the Sender that checks consent and composes each letter
// at the moment it is sent.
package campaign

import (
	"context"
	"errors"
	"iter"
	"log/slog"
	"time"

	"pabal/audience"
	"pabal/spool"
)

// Template is subject, HTML and text with merge fields, one version of it.
type Template struct {
	ID        uint64    `json:"id"`
	Name      string    `json:"name"`
	Purpose   string    `json:"purpose,omitempty"`
	Version   int       `json:"version"`
	Subject   string    `json:"subject"`
	HTML      string    `json:"html,omitempty"`
	Text      string    `json:"text,omitempty"` // "" when made from the HTML
	Fields    []string  `json:"fields"`         // merge fields used
	CreatedAt time.Time `json:"created_at"`
}

// Campaign is one template version to one frozen audience. Its state and
// counters after the start come from the spool's ledger.
type Campaign struct {
	ID              uint64            `json:"id"`
	Name            string            `json:"name"`
	State           spool.State       `json:"state"`
	Template        string            `json:"template"`
	TemplateVersion int               `json:"template_version,omitempty"` // 0 until sealed: the newest
	Segment         string            `json:"segment,omitempty"`
	From            string            `json:"from"` // mailbox; "" until sealed means the configured one
	ReplyTo         string            `json:"reply_to,omitempty"`
	Topic           string            `json:"topic,omitempty"`
	Values          map[string]string `json:"values,omitempty"` // --set
	CreatedAt       time.Time         `json:"created_at"`
	Sealed          time.Time         `json:"sealed,omitzero"`
	Expect          int64             `json:"expect,omitempty"`

	Started      time.Time `json:"started,omitzero"`
	First        time.Time `json:"first,omitzero"`
	Ended        time.Time `json:"ended,omitzero"`
	Reason       string    `json:"reason,omitempty"` // why held or paused
	spool.Counts           // zero while draft

	PerSecond float64   `json:"per_second"`   // accepted a second now
	ETA       time.Time `json:"eta,omitzero"` // expected end while running
}

// Level of a finding.
type Level string

const (
	Block Level = "block"
	Warn  Level = "warn"
	Note  Level = "note"
)

// Finding is one line of preflight.
type Finding struct {
	Rule     string   `json:"rule"` // rule id, stable: missing_value, unknown_field, no_unsubscribe, from_unverified, sandbox_recipient, public_url, consent_assumed, empty_audience, suppressed_share, ...
	Level    Level    `json:"level"`
	What     string   `json:"what"`
	Why      string   `json:"why"`
	How      string   `json:"how"`
	Count    int64    `json:"count,omitempty"`
	Examples []string `json:"examples,omitempty"` // first ten addresses
}

// Preflight is the whole check of one campaign over its real audience.
type Preflight struct {
	Campaign  uint64         `json:"campaign"`
	Audience  audience.Count `json:"audience"`
	Findings  []Finding      `json:"findings"`
	Blocked   bool           `json:"blocked"`
	MailBytes int64          `json:"mail_bytes"` // largest finished mail seen
}

// Plan is the flight plan: how long, when each tenth, when the quota is crossed.
type Plan struct {
	Campaign    uint64      `json:"campaign"`
	Recipients  int64       `json:"recipients"`
	Rate        float64     `json:"rate"`    // mails a second aimed at
	Seconds     float64     `json:"seconds"` // until the last of those sent without waiting for quota... the whole campaign
	Start       time.Time   `json:"start"`
	End         time.Time   `json:"end"`
	Tenths      []time.Time `json:"tenths"`
	QuotaAt     time.Time   `json:"quota_at,omitzero"` // when the 24-hour quota is used up
	Waits       int64       `json:"waits"`             // recipients that wait for quota
	ResumesAt   time.Time   `json:"resumes_at,omitzero"`
	FiveMinutes bool        `json:"five_minutes"` // all within 5 minutes of the start
	Sandbox     bool        `json:"sandbox"`
	Notes       []string    `json:"notes"` // sentences for a person
}

// AccountFacts is what preflight and plan know of the SES account; sesclient supplies it.
type AccountFacts struct {
	MaxSendRate    float64
	Max24Hour      float64 // -1: unlimited
	Sent24Hours    float64
	Sandbox        bool
	SendingEnabled bool
	RateShare      float64 // share of MaxSendRate aimed at
	QuotaShare     float64 // share of the quota bulk may use
}

// Accounts is campaign's window on SES, wired by cli.
type Accounts interface {
	Facts(ctx context.Context) (AccountFacts, error)
	// Verified reports whether SES may send from the address (or its domain).
	Verified(ctx context.Context, address string) (bool, error)
}

// Gate holds the call until the sliding one-second window allows it and says
// how long that took; sesclient's pace implements it.
type Gate interface {
	Wait(ctx context.Context) (time.Duration, error)
}

var (
	ErrNotFound = errors.New("not found")
	ErrState    = errors.New("not possible in this state") // wrapped with the state
	ErrBlocked  = errors.New("preflight blocks")           // wrapped; see Preflight
)

// Settings is the [campaign] and [web] part of the configuration this package needs.
type Settings struct {
	From, ReplyTo           string // mailboxes
	Zone                    *time.Location
	Company, Address, Phone string
	PublicURL               string // "" blocks starting, unless LoopbackSES
	LoopbackSES             bool   // ses.endpoint is on loopback (emulator): http and "" allowed
	ConfigurationSet        string
}

// Store owns campaign.db.
type Store struct {
	Settings Settings
	Accounts Accounts
	Logger   *slog.Logger
}

// Open opens or creates campaign.db in dir.
func Open(dir string, people *audience.Store, sp *spool.Spool) (*Store, error) { panic("seam") }
func (s *Store) Close() error                                                  { panic("seam") }

// Run finishes what a crash interrupted (freezes, cancels) and blocks till ctx ends.
func (s *Store) Run(ctx context.Context) error { panic("seam") }

// TemplateError is a template that does not parse: line and column from 1.
type TemplateError struct {
	Part          string // subject, html, text
	Line, Column  int
	Message, Hint string
}

func (e *TemplateError) Error() string { panic("seam") }

// PutTemplate stores a new version of the template called t.Name.
func (s *Store) PutTemplate(ctx context.Context, t Template) (Template, error) { panic("seam") }
func (s *Store) Template(name string, version int) (Template, error)           { panic("seam") } // version 0: newest
func (s *Store) Templates() ([]Template, error)                                { panic("seam") } // newest versions, no bodies

// Letter is a rendered mail, for a preview.
type Letter struct {
	From    string   `json:"from"`
	To      string   `json:"to"`
	Subject string   `json:"subject"`
	HTML    string   `json:"html"`
	Text    string   `json:"text"`
	Missing []string `json:"missing,omitempty"` // fields without a value and without a default
	Bytes   int64    `json:"bytes"`             // of the finished mail
}

// Render shows the template as the subscriber would get it.
func (s *Store) Render(ctx context.Context, name string, version int, sub audience.Subscriber, values map[string]string) (Letter, error) {
	panic("seam")
}

// Preview is Render with the campaign's template, values and sender.
func (s *Store) Preview(ctx context.Context, id uint64, email string) (Letter, error) { panic("seam") }

func (s *Store) Create(ctx context.Context, c Campaign) (Campaign, error)    { panic("seam") }
func (s *Store) Edit(ctx context.Context, c Campaign) (Campaign, error)      { panic("seam") } // draft only
func (s *Store) Campaign(id uint64) (Campaign, error)                        { panic("seam") }
func (s *Store) Campaigns() ([]Campaign, error)                              { panic("seam") } // newest first
func (s *Store) Preflight(ctx context.Context, id uint64) (Preflight, error) { panic("seam") }
func (s *Store) Plan(ctx context.Context, id uint64) (Plan, error)           { panic("seam") }

// Test sends the letter as `as` would get it to the address `to` through the
// spool's transactional lane: subject marked [테스트], dead unsubscribe link,
// outside the ledger. It returns the message id.
func (s *Store) Test(ctx context.Context, id uint64, as, to string) (string, error) { panic("seam") }

// Start seals the definition, freezes the audience and returns when it is
// frozen. expect is the number of mailable recipients a person confirmed, -1
// for none. ErrBlocked when preflight blocks (override: typed reason, kept).
func (s *Store) Start(ctx context.Context, id uint64, expect int64) (Campaign, error) { panic("seam") }
func (s *Store) Pause(ctx context.Context, id uint64) (Campaign, error)               { panic("seam") }
func (s *Store) Resume(ctx context.Context, id uint64) (Campaign, error)              { panic("seam") }
func (s *Store) Cancel(ctx context.Context, id uint64) (Campaign, error)              { panic("seam") }

// Recipients is the ledger with addresses filled in for rows not yet leased.
func (s *Store) Recipients(ctx context.Context, id uint64, outcome *spool.Outcome) iter.Seq2[spool.Message, error] {
	panic("seam")
}

// Watch yields the campaign about twice a second until it is in a final state
// (done, cancelled) or ctx ends.
func (s *Store) Watch(ctx context.Context, id uint64) iter.Seq2[Campaign, error] { panic("seam") }

// Sender is the drain's chain before SES, for both lanes: it checks consent,
// suppression and topic, composes the bulk letter, waits at the gate, checks
// again if that took over 50 ms, and calls next.
func (s *Store) Sender(gate Gate, next spool.Sender) spool.Sender { panic("seam") }
