// Package smtpd is the mail server on localhost that legacy applications
// submit to. It checks a message, splits it into one message per recipient and
// puts it into the spool.
//
// Promises: 250 leaves only after the spool's commit is on disk; every refusal
// is an SMTP reply that says what to do; a full disk is 452 and every other
// failure of ours 451, so that the client keeps the mail; a message that needs
// no change is stored byte for byte behind one Received field.
//
// The protocol is go-smtp's. Under it lies the wire (wire.go), a net.Conn that
// hands it one whole command line at a time and takes the text of DATA itself,
// because go-smtp reads that text a byte at a time (1.7 ms of CPU for 100 KB).
// The wire also closes what go-smtp leaves open: half lines are never run, BDAT
// and HTTP end the connection, and the deadline is renewed by every read. TLS,
// by STARTTLS or from the start, lies under the wire: all of it holds there too.
//
// Text policy (smuggling): only CRLF . CRLF ends it. A lone LF becomes CRLF; a
// lone CR or a NUL refuses the message with 550 5.6.0.
//
// It is never an open relay: Bind refuses any address but loopback, unless
// clients there log in over TLS or come from a listed network.
package smtpd

import (
	"context"
	"crypto/tls"
	"log/slog"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/semaphore"

	"pabal/eml"
	"pabal/spool"
)

const (
	defaultMessageSize = 10 << 20
	defaultRecipients  = 1000
	// defaultConnections leaves room for a few hundred idle keep-alive clients;
	// a connection at rest costs about 12 KB.
	defaultConnections = 300

	idleLimit     = 5 * time.Minute  // between reads; RFC 5321 4.5.3.2.7
	textLimit     = 10 * time.Minute // for the text of a message, and a second more per textPace bytes
	textPace      = 1 << 10
	writeLimit    = time.Minute
	stopGrace     = 5 * time.Second        // for a text on its way when the server stops
	lingerLimit   = 500 * time.Millisecond // for a client to read our last line
	putLimit      = time.Minute            // a commit that takes longer is answered 451
	memoryLimit   = 30 * time.Second
	senderLimit   = 5 * time.Second // for SenderAllowed; past it the answer is "not known"
	maxReceived   = 100             // RFC 5321 6.3: the least a loop check may allow
	maxPathOctets = 256             // RFC 5321 4.5.3.1.3
)

// Server listens and puts what it takes into the spool. Set the exported
// fields before Bind.
type Server struct {
	Listen         []string // addresses with port, "127.0.0.1:2525"; TLS by STARTTLS
	TLSListen      []string // the same with TLS from the start
	Hostname       string   // in the greeting and in Received; "" means localhost
	MaxMessageSize int64    // bytes; zero means 10 MB
	MaxRecipients  int      // of one message; zero means 1,000, which is also the most the spool takes
	MaxConnections int      // open at the same time, more get 421; zero means 300
	MaxPerSource   int      // of them from one address or IPv6 /64 that is not this host; zero means 50
	MaxRate        int      // new connections a minute from one such source; zero means 600
	// TLS is offered where it is not nil. Users may log in, in the clear on
	// loopback only; nil: nobody. Networks may submit without a login at
	// addresses that are not loopback.
	TLS      *tls.Config
	Users    *Users
	Networks []netip.Prefix
	// SenderAllowed says whether SES may send for an address; a no is dealt with
	// by UnverifiedFrom, an error means not known (accept). nil: everything.
	SenderAllowed func(ctx context.Context, address string) (bool, error)
	// UnverifiedFrom is what becomes of a From header that SES may not send for;
	// "" is RefuseFrom. DefaultFrom, with a valid address, is the sender of mails
	// that name none and of rewritten ones; zero: there is none. QualifyDomain
	// completes names of this host (root); "": the domain of From, and in From
	// itself none.
	UnverifiedFrom UnverifiedFrom
	DefaultFrom    eml.Mailbox
	QualifyDomain  string
	AllowHeaders   []string // X-SES- fields that are not removed
	// Suppressed gives the skip reason for a recipient, "" to be mailed. nil: nobody.
	Suppressed func(address string) (string, error)
	Routes     *Routes      // rules for mail by sender, recipient, header or network; nil: none
	Aliases    *Aliases     // names of this host; nil: there are none
	UserRate   int          // mails a minute of one user of this host, by BindSubmit and OpenDrop; zero means any number
	Logger     *slog.Logger // nil means none

	queue     queue
	asIs      bool       // mail is stored as it comes, for another server
	names     names      // of drops; nil: OpenDrop cannot be used
	drop      *dropBox   // nil: none
	noDrop    *DropStats // why there is none, if it could not be had
	rates     userRates
	listeners []*listener
	buffers   sync.Pool           // of *[]byte: texts on their way to the spool
	splits    *semaphore.Weighted // bytes of splitMemory
	now       func() time.Time
	idle      time.Duration
	text      time.Duration
	grace     time.Duration
	linger    time.Duration
	authDelay time.Duration
	guard     guard

	mu     sync.Mutex
	wires  map[*wire]struct{}
	stopAt atomic.Int64 // unix ns when texts on their way are cut; zero: running
	counts counts
	since  time.Time
}

// queue is what this package needs of the spool.
type queue interface {
	Put(ctx context.Context, env spool.Envelope, body []byte) ([]string, error)
	PutParts(ctx context.Context, parts []spool.Part) ([]string, error)
	ReserveBody(ctx context.Context, n int64) (func(), error)
	Room() error // what Put would say of a mail now
}

// Stats is the `smtp` part of status --json.
type Stats struct {
	Listen      []string  `json:"listen"`
	Connections int64     `json:"connections"` // open now
	Accepted    int64     `json:"accepted"`    // messages since start, one per recipient
	Refused     int64     `json:"refused"`     // senders, recipients, texts and connections answered 4xx or 5xx by us
	BadLogins   int64     `json:"bad_logins"`  // refused for a wrong user or password
	Since       time.Time `json:"since"`

	Connected int64            `json:"connected"`         // connections since start, those turned away too
	Entrances map[string]int64 `json:"entrances"`         // of Accepted, by entrance: smtp, socket, drop
	Replies   map[string]int64 `json:"replies,omitempty"` // since start, by code, those of drops too
	// Drop is the folder of sendmail's mails, nil where none is set.
	Drop *DropStats `json:"drop,omitempty"`
}

// New makes a server for the spool.
func New(sp *spool.Spool) *Server {
	s := newServer(sp)
	s.names = sp
	return s
}

func newServer(q queue) *Server {
	return &Server{
		queue:  q,
		wires:  map[*wire]struct{}{},
		now:    time.Now,
		idle:   idleLimit,
		text:   textLimit,
		grace:  stopGrace,
		linger: lingerLimit,
		splits: semaphore.NewWeighted(splitMemory),
		since:  time.Now(),

		authDelay: authDelay,
		guard:     guard{sources: map[sourceKey]*source{}},
	}
}

// Stats are the sums since New. It may be called at any time after Bind.
func (s *Server) Stats() Stats {
	st := Stats{
		Accepted:  s.counts.accepted.Load(),
		Refused:   s.counts.refused.Load(),
		BadLogins: s.counts.logins.Load(),
		Connected: s.counts.connected.Load(),
		Entrances: s.counts.byEntrance(),
		Replies:   s.counts.byCode(),
		Since:     s.since,
		Drop:      s.dropStats(),
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	st.Connections = int64(len(s.wires))
	for _, l := range s.listeners {
		if l.Addr().Network() != "local" {
			st.Listen = append(st.Listen, l.Addr().String())
		}
	}
	return st
}

func (s *Server) maxMessageSize() int64 {
	if s.MaxMessageSize > 0 {
		return min(s.MaxMessageSize, maxMail)
	}
	return defaultMessageSize
}

func (s *Server) hostname() string {
	if s.Hostname != "" {
		return s.Hostname
	}
	return "localhost"
}

func (s *Server) log() *slog.Logger {
	if s.Logger == nil {
		return slog.New(slog.DiscardHandler)
	}
	return s.Logger.With("part", "smtpd")
}

// or is n, or the default when n says nothing.
func or(n, standard int) int {
	if n > 0 {
		return n
	}
	return standard
}
