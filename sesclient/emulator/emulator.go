// Package emulator is a fake SES v2 endpoint for the demo, dry runs and tests:
// the real wire protocol (REST JSON, the error code in X-Amzn-ErrorType), SES's
// rules on by default, faults on demand, and a log of every accepted call.
//
// Rules: the send rate and the 24-hour quota as rolling windows over accepted
// recipients, sandbox and identity checks, 50 recipients, 40 MB, lines of 1,000
// octets, headers that may stand once, tag and configuration set names. What it
// accepts it stores as SES would deliver it: Message-ID, Date and Return-Path
// replaced, Bcc removed.
//
// Promises: a call is in the log before it is answered; the log is in the order
// of acceptance, on one monotonic clock; memory does not grow with bodies.
// Nothing is synced to disk. With Options.Dir:
//
//	ID.eml      one file per accepted mail
//	index.html  a list of them, one row appended per mail
//
// It reads messages and addresses with code of its own: a peer that shared the
// parser of the sender would share its faults. It does not verify signatures
// (an Authorization header must be there), render templates, send in bulk or
// deliver anything.
//
// It reports what becomes of mails: a configuration set with an event
// destination publishes SES's events into a queue that speaks SQS at POST / of
// the same listener (queue.go). Mails are delivered, unless they go to the
// mailbox simulator, to a suppressed address, or a fate says otherwise
// (SetFate); Report adds opens, clicks and complaints. Events hold on to no
// mail, so memory grows with them by some hundred bytes each.
//
// It keeps images for letters as an S3 bucket would (bucket.go), and serves the
// DNS of senders' domains from a zone file (dns.go).
//
// Besides SES's paths it answers GET / (the list), GET /mail/ID and the control
// calls under /_emulator/ (see control.go).
package emulator

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

const (
	defaultRate    = 14     // a common first production grant
	defaultQuota   = 50_000 // the same
	sandboxRate    = 1      // SES Developer Guide, "Request production access"
	sandboxQuota   = 200    // the same
	defaultWindow  = 24 * time.Hour
	maxControlBody = 1 << 20
	maxCallBody    = 2 << 20 // of every call but SendEmail; a template holds 500 KB
)

// Options for New. The zero value is a production account: 14/s, 50,000 a day,
// no latency, every From verified.
type Options struct {
	Rate        float64       // MaxSendRate; zero means 14; -1 unlimited
	Quota       float64       // Max24HourSend; zero means 50,000; -1 unlimited
	QuotaWindow time.Duration // zero means 24 h
	Sandbox     bool          // verified recipients only; Rate and Quota default to 1 and 200
	Verified    []string      // verified addresses and domains; nil: every From is (production only)
	Latency     time.Duration // of every send, between acceptance and answer
	RandomIDs   bool          // message ids wholly random; else they begin with the time and rise
	Dir         string        // mails as .eml and index.html; "" keeps them in memory
	Keep        int           // mails kept; zero means all in Dir, the last 10,000 (256 MB) in memory; -1 none

	ConfigurationSets []string         // those that exist; nil: every name does until one is created
	APIRate           float64          // calls a second of everything but sends (SES: 1); zero means no limit
	NoHash            bool             // leave BodyHash empty: for speed measurements
	Templates         []Template       // stored at the start
	Events            EventOptions     // what is reported of accepted mails, and how
	Zone              string           // file of the DNS records that verify identities (dns.go); "": Verify does
	Now               func() time.Time // the clock of rules and log; nil means time.Now
	Logger            *slog.Logger     // nil means discard
}

// Server is the emulator; an http.Handler. All methods may be called at the
// same time.
type Server struct {
	o   Options
	now func() time.Time
	log *slog.Logger
	mux *http.ServeMux

	mails mails
	cert  certificate
	ends  listeners

	spare     sync.Pool     // *buffers between sends
	answers   atomic.Uint64 // numbers X-Amzn-RequestId
	closed    chan struct{} // ends latency and hanging calls
	closeOnce sync.Once
	closeErr  error

	mu      sync.Mutex // guards all below
	account account
	ledger  ledger
	ids     idMaker
	faults  []*fault
	calls   map[string]int
	apiRate window

	identities map[string]*identity
	sets       map[string]time.Time
	anySet     bool // configuration set names are not checked
	suppressed map[string]suppression
	templates  map[string]template
	objects    map[string]Object // by bucket/key

	destinations map[string][]eventDestination // by configuration set
	queues       map[string]*sqsQueue
	fates        []Fate // newest first
	published    int    // events
}

// New makes an emulator; it listens nowhere yet. It returns an error when
// Options.Dir cannot be made or written.
func New(o Options) (*Server, error) {
	s := &Server{
		o: o, now: o.Now, log: o.Logger, mux: http.NewServeMux(),
		closed:     make(chan struct{}),
		calls:      map[string]int{},
		identities: map[string]*identity{},
		sets:       map[string]time.Time{},
		anySet:     o.ConfigurationSets == nil,
		suppressed: map[string]suppression{},
		templates:  map[string]template{},
		objects:    map[string]Object{},

		destinations: map[string][]eventDestination{},
		queues:       map[string]*sqsQueue{},
	}
	if s.now == nil {
		s.now = time.Now
	}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	start := s.now()
	s.ledger.start = start
	s.ids.random = o.RandomIDs
	s.account = newAccount(o)
	s.apiRate.set(o.APIRate)
	for _, name := range o.Verified {
		id := newIdentity(name, start)
		id.verified = true
		s.identities[id.name] = id
	}
	for _, name := range o.ConfigurationSets {
		s.sets[name] = start
	}
	for _, name := range o.Events.Sets {
		s.sets[name] = start
		s.destinations[name] = []eventDestination{{name: name, enabled: true, topic: name}}
		s.queue(name)
	}
	for _, t := range o.Templates {
		s.PutTemplate(t.Name, t.Subject, t.HTML, t.Text)
	}
	if err := s.mails.open(o.Dir, o.Keep); err != nil {
		return nil, err
	}
	s.routes()
	return s, nil
}

// ServeHTTP answers one call. Faults that cut the connection need a server
// underneath: with any other ResponseWriter they abort the handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.mux.ServeHTTP(w, r) }

// Close ends every Serve and every waiting call and closes the index file.
// Mails in Dir stay.
func (s *Server) Close() error {
	s.closeOnce.Do(func() {
		close(s.closed)
		s.ends.close()
		s.closeErr = s.mails.close()
	})
	return s.closeErr
}

// operation is one SES call that is not a send: it gets the whole body and
// returns what is answered as JSON, or an *apiError.
type operation func(r *http.Request, body []byte) (any, error)

func (s *Server) routes() {
	s.mux.HandleFunc("POST /v2/email/outbound-emails", s.sendEmail)
	for _, o := range []struct {
		pattern, name string
		do            operation
	}{
		{"GET /v2/email/account", "GetAccount", s.getAccount},
		{"PUT /v2/email/account/sending", "PutAccountSendingAttributes", s.putAccountSending},
		{"POST /v2/email/list-identities", "ListEmailIdentities", s.listIdentities},
		{"POST /v2/email/identities", "CreateEmailIdentity", s.createIdentity},
		{"GET /v2/email/identities/{name}", "GetEmailIdentity", s.getIdentity},
		{"DELETE /v2/email/identities/{name}", "DeleteEmailIdentity", s.deleteIdentity},
		{"PUT /v2/email/identities/{name}/mail-from", "PutEmailIdentityMailFromAttributes", s.putMailFrom},
		{"POST /v2/email/list-configuration-sets", "ListConfigurationSets", s.listSets},
		{"POST /v2/email/configuration-sets", "CreateConfigurationSet", s.createSet},
		{"GET /v2/email/configuration-sets/{name}", "GetConfigurationSet", s.getSet},
		{"DELETE /v2/email/configuration-sets/{name}", "DeleteConfigurationSet", s.deleteSet},
		{"POST /v2/email/configuration-sets/{name}/event-destinations", "CreateConfigurationSetEventDestination", s.createDestination},
		{"GET /v2/email/configuration-sets/{name}/event-destinations", "GetConfigurationSetEventDestinations", s.listDestinations},
		{"DELETE /v2/email/configuration-sets/{name}/event-destinations/{destination}", "DeleteConfigurationSetEventDestination", s.deleteDestination},
		{"GET /v2/email/suppression/addresses", "ListSuppressedDestinations", s.listSuppressed},
		{"PUT /v2/email/suppression/addresses", "PutSuppressedDestination", s.putSuppressed},
		{"GET /v2/email/suppression/addresses/{name}", "GetSuppressedDestination", s.getSuppressed},
		{"DELETE /v2/email/suppression/addresses/{name}", "DeleteSuppressedDestination", s.deleteSuppressed},
		{"GET /v2/email/templates", "ListEmailTemplates", s.listTemplates},
		{"POST /v2/email/templates", "CreateEmailTemplate", s.createTemplate},
		{"GET /v2/email/templates/{name}", "GetEmailTemplate", s.getTemplate},
		{"PUT /v2/email/templates/{name}", "UpdateEmailTemplate", s.updateTemplate},
		{"DELETE /v2/email/templates/{name}", "DeleteEmailTemplate", s.deleteTemplate},
		{"/", "Unknown", s.unknown},
	} {
		s.mux.HandleFunc(o.pattern, s.serve(o.name, o.do))
	}
	s.mux.HandleFunc("POST /{$}", s.sqs)
	s.mux.HandleFunc("GET /{$}", s.showIndex)
	s.mux.HandleFunc("GET /mail/{id}", s.showMail)
	s.mux.HandleFunc("GET /{file}", s.showMail) // the links of index.html
	s.controlRoutes()
	s.bucketRoutes()
}

// serve wraps an operation: it counts the call, lets faults and the limit on
// API calls strike, and writes the answer.
func (s *Server) serve(name string, do operation) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		s.count(name)
		if a, struck := s.strikeBefore(name, nil); struck {
			io.Copy(io.Discard, http.MaxBytesReader(w, r.Body, maxCallBody))
			s.finish(w, r, a)
			return
		}
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxCallBody))
		if err != nil {
			s.finish(w, r, bodyError(err))
			return
		}
		a := s.run(r, body, do)
		s.strikeAfter(name, nil, &a)
		s.finish(w, r, a)
	}
}

func (s *Server) run(r *http.Request, body []byte, do operation) answer {
	if err := signed(r); err != nil {
		return err.answer()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.apiRate.take(s.now(), 1) {
		return tooManyRequests("Rate exceeded").answer()
	}
	out, err := do(r, body)
	if api := (*apiError)(nil); errors.As(err, &api) {
		return api.answer()
	}
	if err != nil {
		return badRequest("%v", err).answer()
	}
	return jsonAnswer(out)
}

func (s *Server) unknown(r *http.Request, _ []byte) (any, error) {
	return nil, &apiError{http.StatusNotFound, "UnknownOperationException",
		"the emulator does not know " + r.Method + " " + r.URL.Path}
}

// signed wants SigV4's header. The signature itself is not checked: the
// emulator holds no secret.
func signed(r *http.Request) *apiError {
	if strings.HasPrefix(r.Header.Get("Authorization"), "AWS4-") {
		return nil
	}
	return &apiError{http.StatusForbidden, "MissingAuthenticationTokenException", "Missing Authentication Token"}
}

// region is the one of the signature's credential scope, as SES's messages
// write it.
func region(r *http.Request) string {
	_, scope, _ := strings.Cut(r.Header.Get("Authorization"), "Credential=")
	if parts := strings.SplitN(scope, "/", 4); len(parts) == 4 {
		return strings.ToLower(parts[2])
	}
	return "ap-northeast-2"
}

func (s *Server) count(op string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls[op]++
}

// Calls is how many calls of an operation came, refused ones included; op is
// the SDK's name ("SendEmail", "GetAccount"), "Unknown" those it does not know.
func (s *Server) Calls(op string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.calls[op]
}

// wait pauses for d; it returns false when the caller or the server went.
func (s *Server) wait(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return true
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
	case <-s.closed:
	}
	return false
}

// unmarshal reads a call's JSON; an empty body is an empty object.
func unmarshal(body []byte, v any) error {
	if len(body) == 0 {
		return nil
	}
	if err := json.Unmarshal(body, v); err != nil {
		return &apiError{http.StatusBadRequest, "SerializationException", err.Error()}
	}
	return nil
}
