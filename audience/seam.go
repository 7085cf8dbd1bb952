// Package audience keeps who may be written to: subscribers, their consent and
// preferences, suppressed addresses, segments, and the signed tokens of
// unsubscribe links.
package audience

import (
	"context"
	"errors"
	"io"
	"iter"
	"time"
)

// Subscriber is a person in the audience: record, wire form and screen row.
type Subscriber struct {
	ID         uint64            `json:"id"`
	Email      string            `json:"email"`
	Name       string            `json:"name,omitempty"`
	Gender     string            `json:"gender,omitempty"` // male, female or ""
	CreatedAt  time.Time         `json:"created_at,omitzero"`
	ExternalID string            `json:"external_id,omitempty"` // the MySQL id
	Attributes map[string]string `json:"attributes,omitempty"`
	Tags       []string          `json:"tags,omitempty"`
	Consent    Consent           `json:"consent"`
	TopicsOff  []string          `json:"topics_off,omitempty"`
	Frequency  string            `json:"frequency,omitempty"` // "" all, weekly, monthly
	Language   string            `json:"language,omitempty"`  // ko, en, ""
	UpdatedAt  time.Time         `json:"updated_at,omitzero"`
}

// Consent says whether marketing mail may be sent, who said so and when.
type Consent struct {
	Subscribed bool      `json:"subscribed"`
	Source     Source    `json:"source"`
	At         time.Time `json:"at,omitzero"`
	Assumed    bool      `json:"assumed,omitempty"` // the file had no consent column
}

// Source is who said something about consent, strongest first.
type Source string

// The sources in DESIGN's order: person and complaint > bounce > operator > mysql and import.
const (
	Person    Source = "person"
	Complaint Source = "complaint"
	Bounce    Source = "bounce"
	Operator  Source = "operator"
	MySQL     Source = "mysql"
	Import    Source = "import"
	SMTP      Source = "smtp"
)

// Change is one line of a subscriber's consent history.
type Change struct {
	At         time.Time `json:"at"`
	Subscribed bool      `json:"subscribed"`
	Source     Source    `json:"source"`
	Detail     string    `json:"detail,omitempty"` // file, campaign id, operator's user name
	Applied    bool      `json:"applied"`          // false: a stronger source had spoken
}

// Suppression is an address never to be mailed again.
type Suppression struct {
	Email  string    `json:"email"`
	Reason string    `json:"reason"` // bounce, complaint, operator
	At     time.Time `json:"at"`
	Detail string    `json:"detail,omitempty"`
}

var (
	ErrNotFound = errors.New("not found")
	ErrToken    = errors.New("link is not valid")
)

// Store owns audience.db and optouts.log in one directory.
type Store struct {
	Zone *time.Location   // zone of naive dates; nil means Asia/Seoul
	Now  func() time.Time // nil means time.Now
}

// Open opens or creates audience.db in dir.
func Open(dir string) (*Store, error) { panic("seam") }
func (s *Store) Close() error         { panic("seam") }

// Get and ByEmail return one subscriber. ErrNotFound. ByEmail takes any spelling.
func (s *Store) Get(id uint64) (Subscriber, error)        { panic("seam") }
func (s *Store) ByEmail(email string) (Subscriber, error) { panic("seam") }

// List walks subscribers in id order after an id; prefix (of e-mail or name) and segment narrow it.
func (s *Store) List(ctx context.Context, after uint64, prefix string, seg *Segment) iter.Seq2[Subscriber, error] {
	panic("seam")
}

// Edit changes a subscriber's own fields by e-mail, creating one if create is set.
type Edit struct {
	Email      string            `json:"email"`
	Name       *string           `json:"name,omitempty"`
	Gender     *string           `json:"gender,omitempty"`
	Attributes map[string]string `json:"attributes,omitempty"` // "" value removes
	AddTags    []string          `json:"add_tags,omitempty"`
	RemoveTags []string          `json:"remove_tags,omitempty"`
	Subscribed *bool             `json:"subscribed,omitempty"`
	Create     bool              `json:"create,omitempty"`
	Source     Source            `json:"source,omitempty"` // "" means operator
	Detail     string            `json:"detail,omitempty"`
}

func (s *Store) Set(ctx context.Context, e Edit) (Subscriber, error) { panic("seam") }

// Unsubscribe records a person's own opt-out: optouts.log is synced and
// audience.db committed before it returns. Repeating it changes nothing.
func (s *Store) Unsubscribe(ctx context.Context, id uint64, source Source, detail string) error {
	panic("seam")
}

// History is the consent history, oldest first.
func (s *Store) History(id uint64) ([]Change, error) { panic("seam") }

// Suppress, Unsuppress, Suppressed, Suppressions: the suppression list.
func (s *Store) Suppress(ctx context.Context, sup Suppression) error { panic("seam") }
func (s *Store) Unsuppress(ctx context.Context, email string) error  { panic("seam") }
func (s *Store) Suppressed(email string) (Suppression, bool, error)  { panic("seam") }
func (s *Store) Suppressions() iter.Seq2[Suppression, error]         { panic("seam") }

// Check returns the subscriber as of now and the reason not to mail them, ""
// if they may be. topic "" means none. It is called for every recipient at the
// instant of sending: one short read transaction.
func (s *Store) Check(id uint64, topic string) (Subscriber, string, error) { panic("seam") }

// Address implements spool.Addresser's contract: ErrNotFound for somebody gone.
func (s *Store) Address(id uint64) (string, error) { panic("seam") }

// MaxID is the newest subscriber's id, 0 for an empty store.
func (s *Store) MaxID() (uint64, error) { panic("seam") }

// Segment is a parsed expression over subscribers. A nil *Segment is everyone.
type Segment struct{ Source string }

// SegmentError has line and column (from 1) and what to do.
type SegmentError struct {
	Source  string
	Line    int
	Column  int
	Message string
	Hint    string
}

func (e *SegmentError) Error() string { panic("seam") }

// ParseSegment compiles an expression: gender == "female" and created_at >=
// "2026-01-01", tag("vip2026"), attributes by name. Dates are in zone. "" gives nil.
func ParseSegment(source string, zone *time.Location) (*Segment, error) { panic("seam") }
func (g *Segment) Match(s *Subscriber) (bool, error)                    { panic("seam") }

// Walk visits, in id order over one snapshot, everyone the segment selects
// with after < id <= max, with the skip reason ("" to be mailed) as Check
// would give it. fn must not keep the pointer. An error from fn ends it.
func (s *Store) Walk(ctx context.Context, seg *Segment, topic string, after, max uint64, fn func(sub *Subscriber, skip string) error) error {
	panic("seam")
}

// Count is what a segment selects, and how many of them may be mailed.
type Count struct {
	Selected int64            `json:"selected"`
	Mailable int64            `json:"mailable"`
	Skipped  map[string]int64 `json:"skipped"`
}

func (s *Store) Count(ctx context.Context, seg *Segment, topic string) (Count, error) { panic("seam") }

// ImportOptions say how a CSV file is read.
type ImportOptions struct {
	Name     string             `json:"name"` // file name, for history and report
	Map      map[string]string  `json:"map"`  // our field -> column header: email=이메일
	Tags     []string           `json:"tags"`
	Encoding string             `json:"encoding"` // "", utf-8, cp949
	Report   io.Writer          `json:"-"`        // CSV of rejected rows: line, email, reason; nil for none
	Progress func(ImportResult) `json:"-"`        // after each batch; nil for none
}

// ImportResult counts: Rows = Accepted + Duplicate + Rejected; Accepted = Created + Updated.
type ImportResult struct {
	Rows           int64             `json:"rows"`
	Accepted       int64             `json:"accepted"`
	Created        int64             `json:"created"`
	Updated        int64             `json:"updated"`
	Duplicate      int64             `json:"duplicate"`
	Rejected       int64             `json:"rejected"`
	Encoding       string            `json:"encoding"`
	Columns        map[string]string `json:"columns"` // our field or attribute -> header used
	ConsentAssumed bool              `json:"consent_assumed"`
	OptedOut       int64             `json:"opted_out"`         // rows that say subscribed of somebody who opted out: kept out
	Rejects        []Reject          `json:"rejects,omitempty"` // the first 20
}
type Reject struct {
	Line   int    `json:"line"`
	Email  string `json:"email"`
	Reason string `json:"reason"`
}

// ImportCSV reads r to its end. A file that cannot be read as CSV at all, or
// has no e-mail column, is a *ImportError and changes nothing.
func (s *Store) ImportCSV(ctx context.Context, r io.Reader, o ImportOptions) (ImportResult, error) {
	panic("seam")
}

type ImportError struct {
	Line, Column  int
	Message, Hint string
}

func (e *ImportError) Error() string { panic("seam") }

// ExportCSV writes everyone the segment selects, with a BOM and formula-safe cells.
func (s *Store) ExportCSV(ctx context.Context, w io.Writer, seg *Segment) (int64, error) {
	panic("seam")
}

// Attributes are the names of the attributes in use, sorted.
func (s *Store) Attributes() ([]string, error) { panic("seam") }

// Token signs an unsubscribe link for a subscriber and the campaign it was in;
// Verify opens it: ErrToken for anything else. URL-safe, no e-mail inside.
func (s *Store) Token(subscriber, campaign uint64) string                     { panic("seam") }
func (s *Store) Verify(token string) (subscriber, campaign uint64, err error) { panic("seam") }

// CheckStore walks audience.db: indexes, counters, decodable records.
func (s *Store) CheckStore(ctx context.Context) (faults []string, err error) { panic("seam") }
