package emulator

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
)

// Fault is what the next calls meet. Kinds:
//
//	throttle      429 TooManyRequestsException, sending rate
//	throttling    400 Throttling, sending rate (the older form)
//	api_throttle  429 TooManyRequestsException "Rate exceeded"
//	quota         LimitExceededException, daily quota
//	error500      500 InternalServiceErrorException
//	unavailable   503 ServiceUnavailable, JSON
//	bare502       502 with neither body nor error code
//	html503       503 with a proxy's page
//	refuse        nobody listens; with a Count, that many connections are reset as they open
//	reset         the connection is reset after the request was read
//	lost          accepted, then closed without an answer
//	hang          accepted, then no answer until the client goes
//	garbage       accepted, then 200 with a body that is not JSON
//	slow          accepted, answered after Delay
//	paused        SendingPausedException
//	suspended     AccountSuspendedException
//	unverified    MailFromDomainNotVerifiedException
//	unverified_identity  MessageRejected "Email address is not verified. …"
//	bad_request   BadRequestException
//	rejected      MessageRejected
//	too_large     413 RequestEntityTooLargeException
//	access_denied 403 AccessDeniedException
//	expired_token 403 ExpiredTokenException
//	clock_skew    403 SignatureDoesNotMatch
//	not_found     404 NotFoundException
//	custom        Status, Code, Text as given; 500 when Status is zero
//
// Delay is waited before any of these answers.
type Fault struct {
	Kind  string        `json:"kind"`
	Op    string        `json:"op"`              // "" or SendEmail: sends only; "*": every call
	Count int           `json:"count"`           // calls it strikes; 0: until cleared
	Every int           `json:"every"`           // strikes each n-th call; 0 or 1: each
	Match string        `json:"match,omitempty"` // only mails to an address that contains it
	Delay time.Duration `json:"delay,omitempty"`

	Status int    `json:"status,omitempty"` // of custom
	Code   string `json:"code,omitempty"`
	Text   string `json:"text,omitempty"` // of custom; else replaces the usual message
}

// FaultKinds are the kinds SetFault knows.
func FaultKinds() []string {
	return []string{"throttle", "throttling", "api_throttle", "quota", "error500", "unavailable", "bare502",
		"html503", "refuse", "reset", "lost", "hang", "garbage", "slow", "paused", "suspended", "unverified",
		"unverified_identity", "bad_request", "rejected", "too_large", "access_denied", "expired_token",
		"clock_skew", "not_found", "custom"}
}

// Check says what is wrong with a fault that came from outside.
func (f Fault) Check() error {
	switch {
	case !slices.Contains(FaultKinds(), f.Kind):
		return fmt.Errorf("no fault is called %q; there are %s", f.Kind, strings.Join(FaultKinds(), ", "))
	case f.Count < 0 || f.Every < 0 || f.Delay < 0:
		return errors.New("count, every and delay must not be negative")
	case f.Status != 0 && (f.Status < 200 || f.Status > 599):
		return fmt.Errorf("status %d is not one of an answer", f.Status)
	}
	return nil
}

// fault is a Fault at work.
type fault struct {
	Fault
	seen, struck int
}

// afterwards reports whether a kind strikes calls that were accepted.
func (f *fault) afterwards() bool {
	return slices.Contains([]string{"lost", "hang", "garbage", "slow"}, f.Kind)
}

func (f *fault) meets(op string, rcpts []string) bool {
	if f.Op != "*" && op != f.Op && (f.Op != "" || op != "SendEmail") {
		return false
	}
	return f.Match == "" || slices.ContainsFunc(rcpts, func(to string) bool {
		return strings.Contains(strings.ToLower(to), strings.ToLower(f.Match))
	})
}

// strikes counts a call that meets the fault and says whether it is hit.
func (f *fault) strikes() bool {
	f.seen++
	if f.Every > 1 && f.seen%f.Every != 0 {
		return false
	}
	f.struck++
	return true
}

func (f *fault) spent() bool { return f.Count > 0 && f.struck >= f.Count }

// SetFault adds a fault; several may be set, and the first that strikes a call
// wins. It panics on a fault that Check refuses: check what came from outside.
func (s *Server) SetFault(f Fault) {
	if err := f.Check(); err != nil {
		panic("emulator: " + err.Error())
	}
	s.mu.Lock()
	s.faults = append(s.faults, &fault{Fault: f})
	s.mu.Unlock()
	if f.Kind == "refuse" {
		s.ends.refuse(f.Count == 0)
	}
}

// ClearFaults ends all faults. Listeners closed by refuse are open again when
// it returns.
func (s *Server) ClearFaults() {
	s.mu.Lock()
	s.faults = nil
	s.mu.Unlock()
	s.ends.reopen()
}

// strike finds the first fault of a phase that hits the call.
func (s *Server) strike(op string, rcpts []string, phase func(*fault) bool) (Fault, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, f := range s.faults {
		if !phase(f) || !f.meets(op, rcpts) || !f.strikes() {
			continue
		}
		if f.spent() {
			s.faults = slices.Delete(s.faults, i, i+1)
		}
		return f.Fault, true
	}
	return Fault{}, false
}

// strikeBefore is the answer of a fault that keeps the call from its work.
func (s *Server) strikeBefore(op string, rcpts []string) (answer, bool) {
	f, struck := s.strike(op, rcpts, func(f *fault) bool { return !f.afterwards() && f.Kind != "refuse" })
	if !struck {
		return answer{drop: dropReset}, s.refuses() // it came over a connection opened before
	}
	a := f.answer()
	a.delay = f.Delay
	return a, true
}

// strikeAfter changes the answer of a call that did its work.
func (s *Server) strikeAfter(op string, rcpts []string, a *answer) {
	f, struck := s.strike(op, rcpts, (*fault).afterwards)
	if !struck {
		return
	}
	a.delay += f.Delay
	switch f.Kind {
	case "lost":
		a.drop = dropClose
	case "hang":
		a.drop = dropHang
	case "garbage":
		a.status, a.code, a.body = http.StatusOK, "", []byte(`{"MessageId": <truncated`)
	}
}
