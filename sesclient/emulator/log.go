package emulator

import (
	"context"
	"encoding/hex"
	"iter"
	"slices"
	"time"
)

// logChunk is how many records are held together: a log that grows by copying
// itself would stop every call while it does.
const logChunk = 4096

// Accepted is one line of the log of accepted calls.
type Accepted struct {
	ID         string            `json:"id"`
	At         time.Time         `json:"at"` // of acceptance, before any latency; carries the monotonic clock
	Since      time.Duration     `json:"since"`
	Lane       string            `json:"lane,omitempty"` // from the tag or X-Pabal-Lane header that says it
	From       string            `json:"from,omitempty"`
	To         []string          `json:"to"`          // the envelope
	BodyHash   string            `json:"body_sha256"` // of Raw.Data as received
	Bytes      int               `json:"bytes"`       // of Raw.Data
	Tags       map[string]string `json:"tags,omitempty"`
	XPabalID   string            `json:"x_pabal_id,omitempty"`
	Suppressed []string          `json:"suppressed,omitempty"` // of To: accepted, counted, not delivered
}

// Window is how many recipients were accepted in one whole second of the
// emulator's clock.
type Window struct {
	Second     int `json:"second"` // counted from the start of the emulator
	Recipients int `json:"recipients"`
}

// record is Accepted as the log keeps it, half the size.
type record struct {
	id         string
	at         time.Time
	from       string
	to         []string
	hash       [32]byte
	hashed     bool
	bytes      int
	tags       []tag
	xid        string
	lane       string
	set        string
	suppressed []string
}

// ledger is the log of accepted calls and what is counted over it.
type ledger struct {
	start      time.Time
	chunks     [][]record // full but the last; records are never changed
	calls      int        // records in chunks
	recipients int
	waiters    []waiter
	second     window // without a limit: the recipients of the last second
	peak       int
	seconds    []Window
	throttled  int
}

// waiter is somebody waiting for a number of accepted calls.
type waiter struct {
	calls int
	done  chan struct{}
}

// add takes a record in order of time and returns where it is kept.
func (l *ledger) add(r record) *record {
	if l.calls%logChunk == 0 {
		l.chunks = append(l.chunks, make([]record, 0, logChunk))
	}
	last := &l.chunks[len(l.chunks)-1]
	*last = append(*last, r)
	kept := &(*last)[len(*last)-1]
	l.calls++
	l.waiters = slices.DeleteFunc(l.waiters, func(w waiter) bool {
		if l.calls >= w.calls {
			close(w.done)
		}
		return l.calls >= w.calls
	})
	n := len(r.to)
	l.recipients += n
	l.second.span = time.Second
	l.second.expire(r.at)
	l.second.add(r.at, n)
	l.peak = max(l.peak, l.second.sum)
	sec := int(r.at.Sub(l.start) / time.Second)
	if k := len(l.seconds) - 1; k >= 0 && l.seconds[k].Second == sec {
		l.seconds[k].Recipients += n
		return kept
	}
	l.seconds = append(l.seconds, Window{sec, n})
	return kept
}

// find is the record of an id, nil if there is none.
func (l *ledger) find(id string) *record {
	for _, chunk := range slices.Backward(l.chunks) {
		for i := range chunk {
			if chunk[i].id == id {
				return &chunk[i]
			}
		}
	}
	return nil
}

func (r *record) accepted(start time.Time) Accepted {
	a := Accepted{
		ID: r.id, At: r.at, Since: r.at.Sub(start), Lane: r.lane, From: r.from, To: r.to,
		Bytes: r.bytes, XPabalID: r.xid, Suppressed: r.suppressed,
	}
	if r.hashed {
		a.BodyHash = hex.EncodeToString(r.hash[:])
	}
	if len(r.tags) > 0 {
		a.Tags = make(map[string]string, len(r.tags))
		for _, t := range r.tags {
			a.Tags[t.Name] = t.Value
		}
	}
	return a
}

// Log is every accepted call in order, as it stands when the walk begins. The
// slices inside are shared: do not change them.
func (s *Server) Log() iter.Seq[Accepted] {
	return func(yield func(Accepted) bool) {
		s.mu.Lock()
		chunks, start := slices.Clone(s.ledger.chunks), s.ledger.start
		s.mu.Unlock()
		for _, chunk := range chunks {
			for i := range chunk {
				if !yield(chunk[i].accepted(start)) {
					return
				}
			}
		}
	}
}

// Accepted is Log as a slice; those whose answer was lost are in it.
func (s *Server) Accepted() []Accepted {
	out := make([]Accepted, 0, s.Count())
	return slices.AppendSeq(out, s.Log())
}

// Count is the number of accepted calls.
func (s *Server) Count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ledger.calls
}

// WaitAccepted blocks until n calls were accepted since the start; it returns
// the context's error if that ends first.
func (s *Server) WaitAccepted(ctx context.Context, n int) error {
	w := waiter{n, make(chan struct{})}
	s.mu.Lock()
	if s.ledger.calls >= n {
		s.mu.Unlock()
		return nil
	}
	s.ledger.waiters = append(s.ledger.waiters, w)
	s.mu.Unlock()
	select {
	case <-w.done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// MaxPerSecond is the largest number of recipients accepted in any one second,
// wherever it begins; two a whole second apart are not in one.
func (s *Server) MaxPerSecond() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ledger.peak
}

// Windows is what was accepted in each whole second since the start that had
// anything.
func (s *Server) Windows() []Window {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]Window(nil), s.ledger.seconds...)
}

// Throttled is how many sends the rate rule refused; throttle faults are not
// counted.
func (s *Server) Throttled() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ledger.throttled
}
