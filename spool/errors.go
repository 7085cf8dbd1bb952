package spool

import (
	"errors"
	"strconv"
)

// Scope names what a hold or an error concerns. It is stored and printed as it is.
type Scope string

// ScopeAll is everything.
const ScopeAll Scope = "all"

// LaneScope is one lane: "lane:bulk".
func LaneScope(l Lane) Scope { return Scope("lane:" + l.String()) }

// FromScope is one From domain: "from:example.com".
func FromScope(domain string) Scope { return Scope("from:" + domain) }

// CampaignScope is one campaign: "campaign:7".
func CampaignScope(id uint64) Scope { return Scope("campaign:" + strconv.FormatUint(id, 10)) }

// ConfigurationSetScope is one configuration set: "configuration_set:main".
func ConfigurationSetScope(name string) Scope { return Scope("configuration_set:" + name) }

// Class is what an answer of SES means for the spool.
type Class string

// The classes. Only Temporary and Ambiguous use up a try; Permanent ends the
// message; Rate puts it back; the rest hold a scope.
const (
	Temporary     Class = "temporary"     // refused for now, surely not sent
	Permanent     Class = "permanent"     // this message will never go
	Ambiguous     Class = "ambiguous"     // it may have been sent
	Rate          Class = "rate"          // too fast: put back, slow down
	Quota         Class = "quota"         // the 24-hour quota is used up
	Account       Class = "account"       // the account is suspended or paused
	Identity      Class = "identity"      // the From domain is not verified
	Configuration Class = "configuration" // configuration set or template missing
	Credentials   Class = "credentials"   // no, wrong or expired credentials; clock wrong
	Storage       Class = "storage"       // our own files cannot be read
	Network       Class = "network"       // nothing was written: DNS, connect, TLS
	Outage        Class = "outage"        // of a hold: several refusals in a row
	Operator      Class = "operator"      // of a hold: a person's doing
	OutsideWindow Class = "window"        // of a hold: a campaign waits for its send window
)

// Page is where the operator's handbook tells of a hold or an answer of this
// class, and what to do about it: "docs/handbook.md#hold-quota".
func (c Class) Page() string { return "docs/handbook.md#hold-" + string(c) }

// SendError is a refused or unclear attempt.
type SendError struct {
	Class  Class
	Scope  Scope  // what to hold, for the classes that hold; "" means ScopeAll
	Manual bool   // the hold waits for a person
	NoCall bool   // no call to SES was made: it uses up no try and says nothing of SES
	Code   string // SES error code, "" without one
	Text   string // SES's message or the cause, for people
	Hint   string // what to do, for people
	Err    error  // the cause, may be nil
}

func (e *SendError) Error() string {
	switch {
	case e.Code == "":
		return e.Text
	case e.Text == "":
		return e.Code
	}
	return e.Code + ": " + e.Text
}

// Unwrap returns the cause.
func (e *SendError) Unwrap() error { return e.Err }

// SkipError says that the last check before the call found that this person is
// not to be mailed: the message ends as skipped with Reason; no call was made.
type SkipError struct{ Reason string }

func (e *SkipError) Error() string { return "skipped: " + e.Reason }

// sendError is err as a *SendError. An error of another type or without a class
// is ambiguous: only a Sender can know that nothing was sent, and it says so.
func sendError(err error) *SendError {
	if e, ok := errors.AsType[*SendError](err); ok && e.Class != "" {
		return e
	}
	return &SendError{Class: Ambiguous, Text: err.Error(), Err: err}
}
