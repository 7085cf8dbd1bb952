package emulator

import (
	"encoding/hex"
	"time"
)

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
	suppressed []string
}

// ledger is the log of accepted calls and what is counted over it.
type ledger struct {
	start      time.Time
	records    []record // appended to, never changed: a copied slice stays valid
	recipients int
	second     window // without a limit: the recipients of the last second
	peak       int
	seconds    []Window
	throttled  int
}

// add takes a record in order of time.
func (l *ledger) add(r record) {
	l.records = append(l.records, r)
	n := len(r.to)
	l.recipients += n
	l.second.span = time.Second
	l.second.expire(r.at)
	l.second.add(r.at, n)
	l.peak = max(l.peak, l.second.sum)
	sec := int(r.at.Sub(l.start) / time.Second)
	if k := len(l.seconds) - 1; k >= 0 && l.seconds[k].Second == sec {
		l.seconds[k].Recipients += n
		return
	}
	l.seconds = append(l.seconds, Window{sec, n})
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

// snapshot is the log as it stands.
func (s *Server) snapshot() ([]record, time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ledger.records, s.ledger.start
}

// Accepted is every accepted call in order, those whose answer was lost
// included. The slices inside are shared: do not change them.
func (s *Server) Accepted() []Accepted {
	records, start := s.snapshot()
	out := make([]Accepted, len(records))
	for i := range records {
		out[i] = records[i].accepted(start)
	}
	return out
}

// Count is the number of accepted calls.
func (s *Server) Count() int {
	records, _ := s.snapshot()
	return len(records)
}

// MaxPerSecond is the largest number of recipients accepted in any one second,
// sliding, a whole second apart not included.
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
