// Package emulator is a fake SES v2 endpoint with SES's rules and faults, for
// the demo, dry runs and tests.
package emulator

import (
	"context"
	"net"
	"net/http"
	"time"
)

// Options. The zero value is a production account: 14/s, 50,000 a day, no latency.
type Options struct {
	Rate        float64       // MaxSendRate; zero means 14; -1 unlimited
	Quota       float64       // Max24HourSend; zero means 50,000; -1 unlimited
	QuotaWindow time.Duration // zero means 24 h
	Sandbox     bool          // verified recipients only; Rate and Quota default to 1 and 200
	Verified    []string      // verified addresses and domains; nil: every From is (production only)
	Latency     time.Duration
	RandomIDs   bool
	Dir         string // mails as .eml and index.html; "" keeps none
	Keep        int    // mails kept in Dir; zero means all
}

// Accepted is one line of the log of accepted calls.
type Accepted struct {
	ID       string            `json:"id"`
	At       time.Time         `json:"at"`
	Lane     string            `json:"lane,omitempty"`
	To       []string          `json:"to"`
	BodyHash string            `json:"body_sha256"` // of Raw.Data as received
	Bytes    int               `json:"bytes"`
	Tags     map[string]string `json:"tags,omitempty"`
	XPabalID string            `json:"x_pabal_id,omitempty"`
}

// Fault is what the next calls meet.
type Fault struct {
	Kind  string        `json:"kind"`            // throttle, quota, error500, bare502, html503, refuse (listener closed), reset, lost (accepted, never answered), paused, suspended, unverified, bad_request, access_denied, not_found, slow
	Op    string        `json:"op"`              // "" or SendEmail: sends only; "*": every call
	Count int           `json:"count"`           // calls it strikes; 0: until cleared
	Every int           `json:"every"`           // strikes each n-th call; 0 or 1: each
	Match string        `json:"match,omitempty"` // only mails to an address that contains it
	Delay time.Duration `json:"delay,omitempty"`
}

// Server is the emulator; an http.Handler.
type Server struct{}

func New(o Options) (*Server, error)                               { panic("seam") }
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { panic("seam") }

// Listen serves on addr until ctx ends and returns the base URL at once.
func (s *Server) Listen(ctx context.Context, addr string) (url string, wait func() error, err error) {
	panic("seam")
}
func (s *Server) Serve(ctx context.Context, l net.Listener) error { panic("seam") }
func (s *Server) SetFault(f Fault)                                { panic("seam") }
func (s *Server) ClearFaults()                                    { panic("seam") }
func (s *Server) Accepted() []Accepted                            { panic("seam") }
func (s *Server) Raw(id string) ([]byte, bool)                    { panic("seam") }
func (s *Server) Calls(op string) int                             { panic("seam") } // how many calls of an operation came
