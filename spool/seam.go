package spool

import (
	"context"
	"io"
	"iter"
	"log/slog"
	"time"
)

// Spool owns queue.db and ledger.db in one directory. Its methods may be
// called at the same time. Set the exported fields before Run.
type Spool struct {
	Sender    Sender    // the end of the drain's chain; required by Run
	Pace      Pace      // required by Run
	Addresses Addresser // addresses of subscribers; required by Run when campaigns are used
	Logger    *slog.Logger

	MaxTries           int             // tries a message gets; zero means 4: one and three retries
	RetryDelays        []time.Duration // before retry 1, 2, 3; nil means 1 s, 2 s, 4 s; jitter 0.5-1.5 x is applied
	BulkResend         bool            // an ambiguous answer in the bulk lane is sent again; false: unknown
	TransactionalLeave bool            // an ambiguous answer in the transactional lane ends as unknown; false: sent again
	BodyMemory         int64           // bytes of bodies in memory, intake and drain together; zero means 64 MB
	StopGrace          time.Duration   // calls still open so long after Run's ctx ended are cut; zero means 9 s
	TransactionalShare float64         // share of the slots kept for the transactional lane; zero means 0.25 (at least one)
}

// Open opens or creates the store in dir. It returns an error with what to do
// when another process holds it or a file is damaged.
func Open(dir string) (*Spool, error) { panic("seam") }

func (s *Spool) Close() error { panic("seam") }

// StoreID is this store's name in SES tags: [a-z0-9], no '-'.
func (s *Spool) StoreID() string { panic("seam") }

// Run drains until ctx ends, then finishes the calls that are open.
func (s *Spool) Run(ctx context.Context) error { panic("seam") }

// Put stores one legacy mail, one message per recipient, and returns their ids
// after the commit is on disk. ErrFull: the disk is full (452). ErrBroken: a
// sync failed, the process must end (451).
func (s *Spool) Put(ctx context.Context, env Envelope, body []byte) (ids []string, err error) {
	panic("seam")
}

// ReserveBody waits for n bytes of BodyMemory and returns how to give them back.
func (s *Spool) ReserveBody(ctx context.Context, n int64) (release func(), err error) { panic("seam") }

// Begin writes a ledger header in state freezing; nothing if it is there already.
func (s *Spool) Begin(ctx context.Context, l Ledger) error { panic("seam") }

// PutBatch stores up to 1,000 frozen recipients and the mark in one commit.
// With mark.Done the ledger goes to running, or to held when the number of
// mailable rows differs from Expect.
func (s *Spool) PutBatch(ctx context.Context, campaign uint64, rows []Row, mark Mark) error {
	panic("seam")
}

// Ledger returns a header. ErrNotFound.
func (s *Spool) Ledger(campaign uint64) (Ledger, error) { panic("seam") }

// Ledgers returns all headers in order of campaign id.
func (s *Spool) Ledgers() ([]Ledger, error) { panic("seam") }

// Pause, Resume and Cancel change a ledger's state. Resume also starts a held
// one (the person has seen the reason). ErrState when it cannot be done in the
// state it is in. Cancel returns when every pending row is skipped: cancelled.
func (s *Spool) Pause(ctx context.Context, campaign uint64, reason string) error { panic("seam") }
func (s *Spool) Resume(ctx context.Context, campaign uint64) error               { panic("seam") }
func (s *Spool) Cancel(ctx context.Context, campaign uint64) error               { panic("seam") }

// Recipients walks a campaign's rows in order of subscriber id, those with the
// outcome or all when outcome is nil. It does not hold a read transaction
// longer than a batch.
func (s *Spool) Recipients(campaign uint64, outcome *Outcome, after uint64) iter.Seq2[Message, error] {
	panic("seam")
}

// Recipient is one row. ErrNotFound.
func (s *Spool) Recipient(campaign, subscriber uint64) (Message, error) { panic("seam") }

// Messages walks the queue (transactional lane), oldest first.
func (s *Spool) Messages(outcome *Outcome) iter.Seq2[Message, error] { panic("seam") }

// Message finds by our id ("q17", "c3-1234"). ErrNotFound.
func (s *Spool) Message(id string) (Message, error) { panic("seam") }

// Find returns messages by SES id, by the application's Message-ID, or by
// address (queue by index; campaigns through subscribers, ids the address has or had).
func (s *Spool) Find(ctx context.Context, query string, subscribers []uint64) ([]Message, error) {
	panic("seam")
}

// Body is a queue message's stored body, checksum verified. ErrNotFound when it is no longer kept.
func (s *Spool) Body(id string, w io.Writer) error { panic("seam") }

// Hold, Release and Holds: what is paused and why.
func (s *Spool) Hold(ctx context.Context, h Hold) error         { panic("seam") }
func (s *Spool) Release(ctx context.Context, scope Scope) error { panic("seam") }
func (s *Spool) Holds() []Hold                                  { panic("seam") }

// Retry puts a failed or unknown queue message back; Discard ends a pending
// one or drops a failed one's body. ErrNotFound, ErrState.
func (s *Spool) Retry(ctx context.Context, id string) error   { panic("seam") }
func (s *Spool) Discard(ctx context.Context, id string) error { panic("seam") }

// Status is the sums for status, home screen and metrics.
func (s *Spool) Status() (Status, error) { panic("seam") }

// Events are the last things that happened (bounded, in memory), newest last,
// for the home screen.
func (s *Spool) Events() []Event { panic("seam") }

// Event is one line of the home screen's log.
type Event struct {
	At   time.Time `json:"at"`
	Kind string    `json:"kind"` // accepted, failed, skipped, unknown, retry, hold, release, state
	ID   string    `json:"id,omitempty"`
	Text string    `json:"text,omitempty"`
}

// CheckReport is what Check found.
type CheckReport struct {
	Campaigns int      `json:"campaigns"`
	Rows      int64    `json:"rows"`
	Messages  int64    `json:"messages"`
	Faults    []string `json:"faults"` // what does not hold, and where
}

// Check walks both files and proves sums, indexes and references.
func (s *Spool) Check(ctx context.Context) (CheckReport, error) { panic("seam") }
