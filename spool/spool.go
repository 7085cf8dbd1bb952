// Package spool is pabal's durable heart: the queue of legacy mail, the ledger
// of every campaign's recipients, and the drain that hands both to a Sender as
// fast as a Pace allows.
//
// # What it promises
//
// Put and PutBatch return after the commit that holds their data is on disk.
// Every message is in exactly one outcome: pending, sending, then accepted,
// failed, skipped or unknown; the sums of a ledger are changed in the same
// commit as its rows, so pending + sending + accepted + failed + skipped +
// unknown = audience at every instant and after any crash.
//
// "Attempt n started" is on disk before the Sender is called. A message found
// in sending when the store is opened may or may not have been sent: it counts
// as an ambiguous answer. An ambiguous answer ends as unknown in the bulk lane
// (at most once) and is sent again in the transactional lane (at least once,
// marked maybe_twice); both can be switched. At most Pace.Concurrency messages
// are in sending, so that is the most a crash can make uncertain.
//
// # Tries
//
// A message gets one try and three retries, 1, 2 and 4 s apart with jitter,
// stored and so honoured across restarts. Only an answer about this message
// uses up a try: Temporary, and Ambiguous where the lane resends. Every other
// class puts the message back and holds its scope: what is held waits, is
// named in Holds with its reason, and is probed until it works (a manual hold
// waits for a person). Refusals of three different messages with no acceptance
// between are an outage: everything is held, the tries spent are given back,
// and one probe at 5 s rising to 60 s ends it. A message about to fail for
// good, or to be given up after lost answers, is so only if SES answers otherwise
// (Pace.Probe). What may have been sent is never told as failed or skipped: it
// is unknown. A record that cannot be read is parked as failed, not sent.
//
// # Feedback
//
// Feedback takes what SES says of mails it had accepted. Facts are only ever
// added to a record, so the order in which they come, and how often, makes no
// difference; each is counted once for a message. An event proves that SES has
// the mail: unknown, failed or a retry that waits becomes accepted, and nothing
// makes accepted anything else. What is said of an SES id that nobody knows yet
// is kept for a week and applied in the commit that writes the id.
//
// # Windows and the brake
//
// A campaign outside its send window leases nothing, retries neither; the clock
// alone decides, so nothing of it is stored and no crash can leave it closed. The
// reputation brake pauses a campaign in the commit that writes the feedback which
// trips it. It counts the rows themselves, in the order of first tries: late
// feedback counts where its mail was, and a restart loses nothing.
//
// # What it does not do
//
// It knows neither SES nor consent: both are behind Sender. It composes no
// mail. The clock may be set back: no message waits longer than the longest
// delay for that. The drain order between messages is by due time in the queue
// and by subscriber id in a campaign, campaigns taking turns; nothing more is
// promised.
package spool

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"pabal/store"
)

const (
	defaultMaxTries   = 4        // DESIGN: first try + 3 retries
	defaultBodyMemory = 64 << 20 // bytes
	defaultMaxMessage = 10 << 20 // bytes
	defaultStopGrace  = 9 * time.Second
	// MaxBatch is the most rows PutBatch takes and the most recipients of one
	// Put: what one commit may reasonably hold.
	MaxBatch = 1000
)

// Errors of this package; test with errors.Is.
var (
	ErrNotFound = errors.New("not found")
	ErrState    = errors.New("not possible in this state")
	ErrFull     = store.ErrFull
	ErrBroken   = store.ErrBroken
	ErrLocked   = store.ErrLocked
	ErrClosed   = store.ErrClosed
	ErrDamaged  = errors.New("the stored body does not match its checksum")
)

// Spool owns queue.db and ledger.db in one directory. Its methods may be
// called at the same time. Set the exported fields before Run and Put.
type Spool struct {
	Sender    Sender    // the end of the drain's chain; required by Run
	Pace      Pace      // required by Run
	Addresses Addresser // addresses of subscribers at the lease; nil leaves rows without one
	Logger    *slog.Logger

	ConfigurationSet   string          // of the transactional lane: a hold on it holds that lane too
	MaxTries           int             // tries a message gets; zero means 4: one and three retries
	RetryDelays        []time.Duration // before retry 1, 2, 3, the last repeated; nil means 1 s, 2 s, 4 s; jitter of 0.5-1.5 x is applied
	BulkResend         bool            // an ambiguous answer in the bulk lane is sent again; false means unknown
	TransactionalLeave bool            // an ambiguous answer in the transactional lane ends as unknown; false means sent again
	MaxMessage         int64           // bytes of the biggest mail that may be Put; zero means 10 MB
	BodyMemory         int64           // bytes of bodies in memory, intake and drain together; zero means 64 MB
	StopGrace          time.Duration   // calls still open so long after Run's ctx ended are cut; zero means 9 s
	TellFailures       bool            // applications' mail that fails is kept for whoever tells of it (Failures); false: nobody does
	TransactionalShare float64         // share of the slots kept for the transactional lane; zero means 0.25, at least one

	queue  file[*queueSums]
	ledger file[*ledgerSums]
	id     string

	mu      sync.Mutex         // guards what follows: the mirror of what is committed
	counts  [2]Counts          // of the queue, by lane
	ledgers map[uint64]*Ledger // never changed in place: replaced after a commit

	holds    holdTable
	restored restoration
	windows  windows
	slots    slots
	outage   outageRun
	oldest   oldestMail
	meter    meter
	totals   totals
	beats    [2]beat      // by lane
	parked   atomic.Int64 // records that could not be read
	events   events
	removing sync.Mutex              // held by Remove
	removal  atomic.Pointer[Removal] // what the Remove that goes on, or the last one, has removed
	tallying sync.RWMutex            // held for reading while a campaign's rows are summed up, for writing while some are removed
	buffers  sync.Pool               // of *[]byte: bodies on their way to the Sender
	memory   bodyMemory
	kicks    [2]chan struct{} // by lane: something may be due
	probes   chan struct{}    // a hold changed
	owed     chan struct{}    // somebody is to be told of a failure
	jitter   func() float64   // 0.5-1.5; tests replace it
}

// Open opens or creates the store in dir (0700). What a crash left in sending
// stays so until Run settles it. It returns an error that wraps ErrLocked when
// another process holds the store.
func Open(dir string) (*Spool, error) { return openWith(dir, store.Options{}) }

// openWith is Open; tests give the stores a disk of their own.
func openWith(dir string, o store.Options) (*Spool, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make the data folder: %w", err)
	}
	s := &Spool{ledgers: map[uint64]*Ledger{}, probes: make(chan struct{}, 1), owed: make(chan struct{}, 1), jitter: jitter}
	s.totals.begin()
	for i := range s.kicks {
		s.kicks[i] = make(chan struct{}, 1)
	}
	o.Fuse = store.NewFuse() // what one of them lost the other may not promise
	var err error
	if s.queue.Store, err = openQueue(dir, o); err != nil {
		return nil, err
	}
	if s.ledger.Store, err = openLedger(dir, o); err != nil {
		return nil, errors.Join(err, s.queue.Close())
	}
	if err := s.load(); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// load fills the mirror of what is committed.
func (s *Spool) load() error {
	if err := s.loadQueue(); err != nil {
		return err
	}
	return s.loadLedger()
}

// Broken is closed when a commit failed in a way that leaves the disk's state
// unknown; the process must end then, and Run does.
func (s *Spool) Broken() <-chan struct{} { return s.queue.Broken() }

// Notes are what Open did or met that belongs in the log.
func (s *Spool) Notes() []string { return slices.Concat(s.queue.Notes(), s.ledger.Notes()) }

// spare is what has to be free on the disk for something new: one and a half of
// the biggest mail, as Postfix has it (queue_minfree).
func (s *Spool) spare() int64 {
	if s.MaxMessage == 0 {
		return defaultMaxMessage * 3 / 2
	}
	return s.MaxMessage * 3 / 2
}

// Close ends the writers; what was handed to them is written first.
func (s *Spool) Close() error { return errors.Join(s.queue.Close(), s.ledger.Close()) }

// StoreID is this store's name in SES tags: eight of [a-z2-7], no '-'.
func (s *Spool) StoreID() string { return s.id }

func (s *Spool) logger() *slog.Logger {
	if s.Logger == nil {
		return slog.New(slog.DiscardHandler)
	}
	return s.Logger
}

func (s *Spool) maxTries() int {
	if s.MaxTries == 0 {
		return defaultMaxTries
	}
	return s.MaxTries
}

// kick wakes a lane's dispatcher.
func (s *Spool) kick(l Lane) {
	select {
	case s.kicks[l] <- struct{}{}:
	default:
	}
}
