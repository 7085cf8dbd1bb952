// Package campaign makes letters of templates and campaigns of letters:
// rendering, preflight, flight plan, the freeze of the audience into the
// spool's ledger, and the Sender that checks consent and composes each letter
// at the moment it is sent.
//
// A campaign is a draft until Start seals it: the template's version, segment,
// values and sender are fixed in campaign.db first, then the ledger header is
// written, then the audience follows in batches of 1,000, each committed with
// the mark of how far the walk got. A crash between any two of these steps is
// finished by Run: nobody is frozen twice, nobody is left out. From the header
// on, state and counts are the spool's; this package only adds them to what it
// shows. The audience is everyone the segment selects; whoever may not be
// mailed is in the ledger as skipped, with the reason.
//
// Templates are Handlebars, parsed once per version and never made of
// subscriber data. Values are escaped in HTML, checked before they reach a
// header, and a field without a value and without a default fails the mail
// instead of leaving a hole in it.
//
// campaign.db (bbolt), keys are big-endian u64 of our own sequences:
//
//	names      template name -> template id
//	templates  template id -> newest version's record, JSON without bodies
//	versions   template id, version (u32) -> a bucket of its own with
//	           head (JSON without bodies), html, text: written once
//	campaigns  campaign id -> JSON; no state or counts once sealed
//	files      SHA-256 -> a bucket of its own with head (JSON) and data: the
//	           bytes of attachments and of templates' images, each once however
//	           many campaigns and versions have it
//
// Values but those of names end with their checksum (store_sealed.go).
package campaign

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"pabal/eml"
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
	Images    []Image   `json:"images,omitempty"`
	CreatedAt time.Time `json:"created_at"`

	// Of a version that was pulled from SES: when, what its parts were there
	// (a checksum), and what was changed in them.
	PulledAt time.Time        `json:"pulled_at,omitzero"`
	Pulled   string           `json:"pulled,omitempty"`
	Changes  []TemplateChange `json:"changes,omitempty"`
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
	Attachments     []Attachment      `json:"attachments,omitempty"`
	CreatedAt       time.Time         `json:"created_at"`
	Sealed          time.Time         `json:"sealed,omitzero"`
	StartedBy       string            `json:"started_by,omitempty"` // who sealed it, or scheduled it
	Expect          int64             `json:"expect,omitempty"`
	Overrides       []Override        `json:"overrides,omitempty"` // blocks of preflight that were let pass at the start
	Schedule        *Schedule         `json:"schedule,omitempty"`  // when it starts by itself, or did
	HeldFor         HeldFor           `json:"held_for,omitempty"`  // why a scheduled start did not happen; Reason says it in words
	Window          *spool.Window     `json:"window,omitempty"`    // when it may send; nil: always
	Brake           *spool.Brake      `json:"brake,omitempty"`     // its own; nil: the configured one until sealed
	Planned         *Planned          `json:"planned,omitempty"`   // the flight plan it was started with; nil when none could be made
	Most            int64             `json:"most,omitempty"`      // sealed by a schedule: held if there are more recipients
	Damaged         bool              `json:"damaged,omitempty"`   // in a list: its record cannot be read, only its ledger

	Started      time.Time     `json:"started,omitzero"`
	First        time.Time     `json:"first,omitzero"`
	Ended        time.Time     `json:"ended,omitzero"`
	Reason       string        `json:"reason,omitempty"` // why held or paused
	Hold         *spool.Hold   `json:"hold,omitempty"`   // what keeps a running one from sending now, or nil
	Acts         []spool.Act   `json:"acts,omitempty"`   // what people did to it, oldest first
	Braked       *spool.Braked `json:"braked,omitempty"` // why the reputation brake paused it
	spool.Counts               // zero while draft

	Removed *spool.Removed `json:"removed,omitempty"` // recipients' rows that retention has removed; the sums have them still

	PerSecond float64   `json:"per_second"`   // accepted a second now
	ETA       time.Time `json:"eta,omitzero"` // expected end while running
}

// AccountFacts is what preflight and plan know of the SES account; sesclient supplies it.
type AccountFacts struct {
	MaxSendRate    float64 // recipients a second
	Max24Hour      float64 // -1: unlimited
	Sent24Hours    float64
	Sandbox        bool
	SendingEnabled bool
	RateShare      float64 // share of MaxSendRate aimed at
	QuotaShare     float64 // share of the quota bulk may use
	Own            []Sent  // what pabal itself sent of Sent24Hours, oldest first
	Plan           string  // pricing plan as GetAccount names it; "" when it says none
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

// The errors of this package, to be tested with errors.Is.
var (
	ErrNotFound = errors.New("not found")
	ErrState    = errors.New("not possible in this state") // wrapped with the state
	ErrBlocked  = errors.New("preflight blocks")           // wrapped by *BlockedError
)

// BlockedError says which findings keep a campaign from starting. It wraps
// ErrBlocked.
type BlockedError struct{ Preflight Preflight }

func (e *BlockedError) Error() string {
	s := ErrBlocked.Error()
	for _, f := range e.Preflight.Findings {
		if f.Level == Block && f.Reason == "" {
			s += "; " + f.What
		}
	}
	return s
}

// Unwrap returns ErrBlocked and the *eml.Problem a person is shown.
func (e *BlockedError) Unwrap() []error {
	hint := fmt.Sprintf("see what to mend: pabal campaign preflight %d", e.Preflight.Campaign)
	return []error{ErrBlocked, &eml.Problem{What: e.Error(), Hint: hint}}
}

// Source is where the audience comes from.
type Source interface {
	// InStep brings the audience up to date and returns when that is done. An
	// error says why it is not what the source has.
	InStep(ctx context.Context) error
}

// Settings is the [campaign] and [web] part of the configuration this package needs.
type Settings struct {
	From, ReplyTo           string // mailboxes
	Zone                    *time.Location
	Company, Address, Phone string
	PublicURL               string // "" blocks starting, unless LoopbackSES
	LoopbackSES             bool   // ses.endpoint is on loopback (emulator): http and "" allowed
	ConfigurationSet        string
	Images                  ImageSettings
	Checks                  Checks
	Events                  bool          // SES's events are read: deliveries are counted, unknown settles
	ViewFor                 time.Duration // a letter can be seen in a browser so long after it was sent; zero: not at all
	BadNews                 bool          // at least bounces and complaints are heard of, from events or the suppression list
	Brake                   *spool.Brake  // of campaigns that have none of their own; nil: none
	PricePer1000            float64       // USD for 1,000 recipients; 0: not known
}

// localURL stands in for a public URL that is not set while the endpoint is on
// loopback: the emulator's mails go to nobody, and web listens there.
const localURL = "http://localhost:8080"

func (s *Settings) zone() *time.Location {
	if s.Zone != nil {
		return s.Zone
	}
	return time.FixedZone("KST", 9*60*60)
}

// publicURL is where links of letters point, without a slash at the end; ""
// when there is none and letters may not be made.
func (s *Settings) publicURL() string {
	switch {
	case s.PublicURL != "":
		return strings.TrimRight(s.PublicURL, "/")
	case s.LoopbackSES:
		return localURL
	}
	return ""
}
