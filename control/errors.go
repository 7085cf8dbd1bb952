package control

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"syscall"

	"pabal/audience"
	"pabal/campaign"
	"pabal/eml"
	"pabal/spool"
)

// ErrNoDaemon is wrapped by every client error that means nobody answers on
// the socket.
var ErrNoDaemon = errors.New("no daemon")

// maxEcho is how much of a wrong address an answer repeats, in bytes.
const maxEcho = 120

// Failure is how an error crosses the socket.
type Failure struct {
	Error string `json:"error"`
	Hint  string `json:"hint,omitempty"`
	Code  string `json:"code"`

	Reason string   `json:"reason,omitempty"` // eml.Problem's Code: what exactly, for a text in another language
	Args   []string `json:"args,omitempty"`   // and what it is about
}

// kind ties a code on the wire to an HTTP status and to the errors it stands for.
type kind struct {
	code   string
	status int
	errs   []error
}

// kinds is in order of precedence.
func kinds() []kind {
	return []kind{
		{"not_found", http.StatusNotFound, []error{audience.ErrNotFound, campaign.ErrNotFound, spool.ErrNotFound}},
		{"blocked", http.StatusConflict, []error{campaign.ErrBlocked}},
		{"state", http.StatusConflict, []error{campaign.ErrState, spool.ErrState}},
		{"full", http.StatusInsufficientStorage, []error{spool.ErrFull}},
		{"refused", http.StatusConflict, []error{audience.ErrSuppressed, audience.ErrAsked, audience.ErrErased}},
		{"broken", http.StatusServiceUnavailable, []error{spool.ErrBroken}},
		{"stopping", http.StatusServiceUnavailable, []error{context.Canceled, audience.ErrClosed}},
		{"invalid", http.StatusBadRequest, []error{errInvalid}},
		{"too_large", http.StatusRequestEntityTooLarge, []error{errTooLarge}},
	}
}

var (
	errInvalid  = errors.New("invalid")
	errTooLarge = errors.New("too large")
)

// invalid is a request that cannot be understood or fulfilled as it stands.
func invalid(what, hint string) error {
	return &eml.Problem{What: what, Hint: hint, Err: errInvalid}
}

// failure turns any error into its wire form and HTTP status.
func failure(err error) (Failure, int) {
	f := Failure{Error: err.Error(), Hint: hintOf(err), Code: "internal"}
	f.Reason, f.Args = reasonOf(err)
	var tooLarge *http.MaxBytesError
	if errors.As(err, &tooLarge) {
		return Failure{Error: "the request is too large", Hint: "send less at once", Code: "too_large"},
			http.StatusRequestEntityTooLarge
	}
	if errors.Is(err, syscall.ENOSPC) {
		err = errors.Join(err, spool.ErrFull)
		f.Hint = "make room on the disk that holds the data folder, then do it again"
	}
	if outsideInput(err) {
		err = errors.Join(err, errInvalid)
	}
	for _, k := range kinds() {
		if slices.ContainsFunc(k.errs, func(e error) bool { return errors.Is(err, e) }) {
			f.Code = k.code
			return f, k.status
		}
	}
	var problem *eml.Problem
	if errors.As(err, &problem) { // something a person is told to do otherwise
		f.Code = "invalid"
		return f, http.StatusBadRequest
	}
	return f, http.StatusInternalServerError
}

// outsideInput reports whether the error is about something a person wrote.
func outsideInput(err error) bool {
	var (
		segment  *audience.SegmentError
		file     *audience.ImportError
		template *campaign.TemplateError
		address  *eml.AddressError
	)
	return errors.As(err, &segment) || errors.As(err, &file) || errors.As(err, &template) || errors.As(err, &address)
}

// hintOf finds what to do in whichever error carries it.
func hintOf(err error) string {
	var (
		problem  *eml.Problem
		segment  *audience.SegmentError
		file     *audience.ImportError
		template *campaign.TemplateError
		address  *eml.AddressError
	)
	switch {
	case errors.As(err, &problem):
		return problem.Hint
	case errors.As(err, &segment):
		return segment.Hint
	case errors.As(err, &file):
		return file.Hint
	case errors.As(err, &template):
		return template.Hint
	case errors.As(err, &address):
		return "write it as name@example.com"
	}
	return ""
}

// reasonOf is the stable word for what happened, where its owner has one.
func reasonOf(err error) (code string, args []string) {
	var (
		problem *eml.Problem
		file    *audience.ImportError
		segment *audience.SegmentError
		address *eml.AddressError
	)
	switch {
	case errors.As(err, &problem) && problem.Code != "":
		return problem.Code, problem.Args
	case errors.As(err, &file):
		return file.Code, file.Args
	case errors.As(err, &segment):
		return audience.CodeSegment, []string{strconv.Itoa(segment.Line), strconv.Itoa(segment.Column)}
	case errors.As(err, &address):
		return "address_" + address.Code, []string{eml.Visible(eml.Cut(address.Input, maxEcho))}
	}
	return "", nil
}

// codeError is what is left of the cause on the client's side: errors.Is finds
// every sentinel error its code stands for.
type codeError string

func (c codeError) Error() string { return string(c) }

func (c codeError) Is(target error) bool {
	return slices.ContainsFunc(kinds(), func(k kind) bool {
		return k.code == string(c) && slices.Contains(k.errs, target)
	})
}

// problemOf is a wire failure as the error a caller gets.
func problemOf(body []byte, status int) error {
	var f Failure
	if json.Unmarshal(body, &f) != nil || f.Error == "" {
		f.Error = "the daemon answered " + http.StatusText(status)
	}
	return &eml.Problem{What: f.Error, Hint: f.Hint, Code: f.Reason, Args: f.Args, Err: codeError(cmp.Or(f.Code, "internal"))}
}
