package syncer

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"pabal/audience"
	"pabal/eml"
)

// ErrShrunk is under the problem of a pass that would have removed too many
// rows, or found none.
var ErrShrunk = errors.New("too many rows are gone")

// Order is what kind of sync is asked for.
type Order struct {
	Full   bool `json:"full,omitempty"`       // read every row, look for those that vanished
	Shrink bool `json:"shrink,omitempty"`     // remove them even if they are more than half
	New    bool `json:"new_source,omitempty"` // the source is another one: its ids mean other people. Reads every row
}

// Status is how the sync is.
type Status struct {
	Source   string    `json:"source"`             // table or query, for people
	State    string    `json:"state"`              // idle, reading, failing
	LastGood time.Time `json:"last_good,omitzero"` // begin of the last sync that ended well: in step as of then
	LastFull time.Time `json:"last_full,omitzero"`
	LastTry  time.Time `json:"last_try,omitzero"`
	Next     time.Time `json:"next,omitzero"`
	Error    string    `json:"error,omitempty"` // of the last try, "" if it went well
	Hint     string    `json:"hint,omitempty"`
	Code     string    `json:"code,omitempty"`     // of the error: one of Codes
	Failures int       `json:"failures,omitempty"` // in a row
	Phase    string    `json:"phase,omitempty"`    // what the pass under way does: one of the Phase words, "" for none
	Done     int64     `json:"done,omitempty"`     // rows that phase is through with
	Total    int64     `json:"total,omitempty"`    // rows it has, about; 0 not known
	Last     Result    `json:"last"`               // of the last sync that ended well
	Warnings []string  `json:"warnings,omitempty"`
	WarnOf   []string  `json:"warning_codes,omitempty"` // one for each of Warnings

	// Since the daemon started.
	Syncs   int64               `json:"syncs"`   // that ended well
	Errors  int64               `json:"errors"`  // tries that failed
	Changes audience.SyncResult `json:"changes"` // of all syncs that ended well
}

// The phases of a pass.
const (
	PhaseConnect = "connecting" // to the server, and looking at the table
	PhaseRows    = "rows"       // every row is read
	PhaseGone    = "vanished"   // rows that the table does not have any more are looked for
	PhaseChanges = "changes"    // rows that changed are read
)

// Syncer syncs one source into one store. Its methods may be called at the
// same time; one pass runs at a time.
type Syncer struct {
	Now  func() time.Time // nil means time.Now; set before first use
	Full func(bool)       // told when a full pass begins (true) and ends; nil tells nobody; set before first use

	store  *audience.Store
	config Config
	log    *slog.Logger
	turn   chan struct{} // holds a value while a pass runs
	kick   chan struct{} // a pass ended: the timer looks again

	mu     sync.Mutex
	status Status
}

// New is a syncer that does nothing before Run or Sync. logger nil discards.
// The error is an *eml.Problem of the configuration.
func New(store *audience.Store, c Config, logger *slog.Logger) (*Syncer, error) {
	if err := c.Check(); err != nil {
		return nil, err
	}
	if logger == nil {
		logger = slog.New(slog.DiscardHandler)
	}
	b, err := store.SyncMark()
	if err != nil {
		return nil, err
	}
	m := readMark(b)
	s := &Syncer{store: store, config: c, log: logger.With("part", "syncer"), turn: make(chan struct{}, 1), kick: make(chan struct{}, 1)}
	s.status = Status{Source: c.what(), State: "idle", LastGood: m.LastGood, LastFull: m.LastFull, Last: m.Last}
	return s, nil
}

func (s *Syncer) now() time.Time {
	if s.Now != nil {
		return s.Now()
	}
	return time.Now()
}

// Status is how the sync is now.
func (s *Syncer) Status() Status {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.status
}

func (s *Syncer) change(fn func(*Status)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	fn(&s.status)
}

func (s *Syncer) progress(done int64) { s.change(func(st *Status) { st.Done = done }) }

// phase begins a phase of about total rows, 0 for not known.
func (s *Syncer) phase(name string, done, total int64) {
	s.change(func(st *Status) { st.Phase, st.Done, st.Total = name, done, total })
}

// Sync runs a pass that begins after the call, and returns when it ended: then
// everything committed in the source before the call is in the audience. It
// waits for one under way. The error, also kept in Status, is an *eml.Problem,
// or ctx's.
func (s *Syncer) Sync(ctx context.Context, o Order) (Result, error) {
	select {
	case s.turn <- struct{}{}:
		defer func() { <-s.turn }()
	case <-ctx.Done():
		return Result{}, ctx.Err()
	}
	begin := s.now()
	s.change(func(st *Status) { st.State, st.LastTry = "reading", begin })
	s.phase(PhaseConnect, 0, 0)
	result, err := s.run(ctx, o, begin)
	if cause := over(ctx); err != nil && cause != nil {
		err = cause // whatever it broke
	} else {
		err = s.config.explain(err)
	}
	s.ended(begin, result, err)
	select {
	case s.kick <- struct{}{}:
	default: // it is told already
	}
	return result, err
}

// over is ctx's error, also in the instant before ctx itself knows that its
// deadline passed: a connection that is being made ends first.
func over(ctx context.Context) error {
	if end, ok := ctx.Deadline(); ok && !time.Now().Before(end) {
		return context.DeadlineExceeded
	}
	return ctx.Err()
}

// ended notes what came of a pass.
func (s *Syncer) ended(begin time.Time, result Result, err error) {
	took := s.now().Sub(begin)
	s.phase("", 0, 0)
	if err == nil {
		s.change(func(st *Status) {
			st.State, st.Error, st.Hint, st.Code, st.Failures = "idle", "", "", "", 0
			st.LastGood, st.Last, st.Syncs = begin, result, st.Syncs+1
			st.Changes.Add(result.SyncResult)
			if result.Full {
				st.LastFull = begin
			}
		})
		s.log.Info("audience synced", "full", result.Full, "rows", result.Read, "created", result.Created, "updated", result.Updated, "removed", result.Removed, "invalid", result.Invalid, "took", took)
		return
	}
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) { // the caller's: says nothing of the source
		s.change(func(st *Status) { st.State = map[bool]string{true: "failing", false: "idle"}[st.Failures > 0] })
		return
	}
	what, hint, code := err.Error(), "", ""
	var problem *eml.Problem
	if errors.As(err, &problem) {
		what, hint, code = problem.What, problem.Hint, problem.Code
	}
	s.change(func(st *Status) {
		st.State, st.Error, st.Hint, st.Code, st.Failures, st.Errors = "failing", what, hint, code, st.Failures+1, st.Errors+1
	})
	s.log.Warn("sync failed", "err", what, "took", took)
}

// run is one pass. The driver panics on answers
// that no server gives; that is an error of the source like another.
func (s *Syncer) run(ctx context.Context, o Order, begin time.Time) (result Result, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = &eml.Problem{Code: CodeServer, What: fmt.Sprintf("the answer of MySQL could not be read: %v", r), Hint: "is it MySQL or MariaDB?"}
		}
	}()
	p, err := s.begin(ctx)
	if err != nil {
		return Result{}, err
	}
	defer func() { err = errors.Join(err, p.server.db.Close()) }()
	p.shrink = o.Shrink
	now, err := p.now(ctx)
	if err != nil {
		return Result{}, err
	}
	if err := s.knownSource(ctx, p, &o); err != nil {
		return Result{}, err
	}
	why := p.mark.wantsFull(s.config.plan(), p.table.updated >= 0, s.config.overlap(), now, s.now().UnixMicro())
	if o.Full || o.New {
		why = "asked for"
	}
	if why != "" || p.mark.Run != nil && p.mark.Run.Full {
		goesOn, result, err := s.fullPass(ctx, p, o, why, now, begin)
		if err != nil || !goesOn || p.table.updated < 0 {
			return result, err
		}
		// What changed in the part that was read before the kill.
		if now, err = p.now(ctx); err != nil {
			return result, err
		}
		tick, err := s.tickPass(ctx, p, now, begin)
		tick.Unchanged = 0
		result.SyncResult.Add(tick.SyncResult)
		return result, err
	}
	return s.tickPass(ctx, p, now, begin)
}

// begin connects and looks at the source.
func (s *Syncer) begin(ctx context.Context) (*pass, error) {
	b, err := s.store.SyncMark()
	if err != nil {
		return nil, err
	}
	server, err := s.config.connect()
	if err != nil {
		return nil, err
	}
	p := &pass{s: s, server: server, mark: readMark(b), limit: firstRows, leaving: map[string]bool{}}
	short, cancel := context.WithTimeout(ctx, s.config.queryLimit())
	defer cancel()
	if p.table, err = server.describe(short, &s.config); err != nil {
		return nil, errors.Join(p.why(short, err), server.db.Close())
	}
	codes, texts := server.warnings(short, p.table)
	s.change(func(st *Status) { st.WarnOf, st.Warnings = codes, texts })
	return p, nil
}

// fullPass begins a full pass, or goes on with one that was killed.
func (s *Syncer) fullPass(ctx context.Context, p *pass, o Order, why string, now int64, begin time.Time) (goesOn bool, result Result, err error) {
	if s.Full != nil {
		s.Full(true)
		defer s.Full(false)
	}
	goesOn = p.mark.Run != nil && p.mark.Run.Full && p.mark.Plan == s.config.plan() && (!(o.Full || o.New) || p.mark.LastFull.IsZero())
	if !goesOn {
		p.mark.Plan = s.config.plan()
		p.mark.Run = &run{Full: true, Next: now, Ours: s.now().UnixMicro(), Result: Result{Full: true}}
		known, err := s.store.SyncKeys(nil, 1)
		if err != nil {
			return false, Result{}, err
		}
		p.empty = len(known) == 0
		if err := p.save(ctx); err != nil { // should it fail, the next one is a full pass too
			return false, Result{}, err
		}
	}
	if goesOn && p.mark.Run.Again {
		p.mark.Run = &run{Full: true, Next: p.mark.Run.Next, Ours: p.mark.Run.Ours, Result: Result{Full: true}}
	}
	s.log.Info("full sync began", "reason", why, "resumed", goesOn)
	err = p.full(ctx)
	if err == nil {
		err = p.reread(ctx)
	}
	if err != nil {
		return goesOn, Result{}, p.shrunk(ctx, err)
	}
	p.mark.LastFull = begin
	result, err = p.finish(ctx, begin)
	return goesOn, result, err
}

// shrunk lets the pass after one of ErrShrunk be a full one: a tick would know
// nothing of what is wrong.
func (p *pass) shrunk(ctx context.Context, err error) error {
	if !errors.Is(err, ErrShrunk) {
		return err
	}
	p.mark.Run, p.mark.LastFull = nil, time.Time{}
	return errors.Join(err, p.save(ctx))
}

// tickPass is a tick; one that was killed goes on.
func (s *Syncer) tickPass(ctx context.Context, p *pass, now int64, begin time.Time) (Result, error) {
	if p.mark.Run == nil || p.mark.Run.Again {
		p.mark.Run = &run{Next: now, Ours: s.now().UnixMicro()}
	} else if p.mark.Run.At != nil {
		if err := p.tick(ctx); err != nil { // what came up to then
			return Result{}, p.shrunk(ctx, err)
		}
		before := p.mark.Run
		p.mark.Watermark, p.mark.Ours = before.Next, before.Ours
		p.mark.Run = &run{Next: now, Ours: s.now().UnixMicro(), Result: before.Result}
	}
	if err := p.tick(ctx); err != nil {
		return Result{}, p.shrunk(ctx, err)
	}
	if err := p.reread(ctx); err != nil {
		return Result{}, err
	}
	return p.finish(ctx, begin)
}

// finish ends the pass under way.
func (p *pass) finish(ctx context.Context, begin time.Time) (Result, error) {
	result := p.mark.Run.Result
	result.Took = p.s.now().Sub(begin)
	p.mark.Watermark, p.mark.Ours, p.mark.Run = p.mark.Run.Next, p.mark.Run.Ours, nil
	p.mark.LastGood, p.mark.Last = begin, result
	return result, p.save(ctx)
}
