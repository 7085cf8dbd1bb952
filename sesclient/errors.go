package sesclient

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/mail"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"pabal/spool"
)

// callError is an SES call's error together with what only the connection
// knows: whether any byte of the request was written.
type callError struct {
	err   error
	got   Got // GotCredentials, GotUnsent or GotNothing; an HTTP answer inside err overrules the last two
	after time.Duration
}

func (e *callError) Error() string { return e.err.Error() }
func (e *callError) Unwrap() error { return e.err }

// Classify turns any error of an SES call into a *spool.SendError; nil for
// nil. An error that did not come from a Client's call and carries no HTTP
// answer counts as ambiguous: its type alone does not prove that nothing was
// written.
func Classify(err error) *spool.SendError { return classify(err, nil, "") }

// classify is Classify for the call that carried m (nil: no mail) and named a
// configuration set.
func classify(err error, m *spool.Message, set string) *spool.SendError {
	if err == nil {
		return nil
	}
	var known *spool.SendError
	if errors.As(err, &known) {
		return known
	}
	e := examine(err, m)
	row := e.row()
	hint := row.Hint
	if hint == "" {
		hint = Hint(row.Class)
	}
	return &spool.SendError{Class: row.Class, Scope: e.scope(row.Scope, m, set), Manual: row.Manual, Code: e.code, Text: e.text(), Hint: hint, Err: err}
}

// refusal is an error that no call's answer stands behind.
func refusal(class spool.Class, scope spool.Scope, text string) *spool.SendError {
	return &spool.SendError{Class: class, Scope: scope, Text: text, Hint: Hint(class)}
}

// ending is how a call ended, taken apart.
type ending struct {
	got       Got
	status    int
	code      string
	message   string
	recipient bool // the only identities that failed are recipients
	failing   []string
	skew      time.Duration // SES's clock less ours, if the answer was about the signature
	cause     error
	after     time.Duration
}

func examine(err error, m *spool.Message) ending {
	e := ending{got: GotNothing, cause: err}
	var call *callError
	if errors.As(err, &call) {
		e.got, e.after = call.got, call.after
	}
	var answer *smithyhttp.ResponseError
	if e.got == GotCredentials || !errors.As(err, &answer) || answer.HTTPStatusCode() == 0 {
		return e
	}
	e.got, e.status = GotHTTP, answer.HTTPStatusCode()
	var api smithy.APIError
	if !errors.As(err, &api) {
		return e
	}
	e.message = api.ErrorMessage()
	if code := api.ErrorCode(); code != "" && code != "UnknownError" { // the SDK's word for JSON without a code
		e.got, e.code = GotError, code
	}
	e.failing = failingIdentities(e.message)
	e.recipient = m != nil && onlyRecipientFails(e.failing, m)
	if slices.Contains(clockCodes(), strings.TrimSuffix(e.code, "Exception")) {
		e.skew = clockSkew(answer.HTTPResponse())
	}
	return e
}

// row finds the first row of the table that fits.
func (e ending) row() Answer {
	for _, a := range Answers() {
		if a.fits(e) {
			return a
		}
	}
	return Answer{Class: spool.Ambiguous} // not reached: the table ends with a row for every Got
}

func (a Answer) fits(e ending) bool {
	return a.Got == e.got &&
		(a.Status == nil || slices.Contains(a.Status, e.status)) &&
		(a.Codes == nil || slices.Contains(a.Codes, strings.TrimSuffix(e.code, "Exception"))) &&
		(a.Pattern == nil || a.Pattern.MatchString(e.message)) &&
		(!a.Recipient || e.recipient)
}

// scope puts the call's own domain or set in the place of a placeholder.
func (e ending) scope(scope spool.Scope, m *spool.Message, set string) spool.Scope {
	switch scope {
	case ScopeFrom:
		domain := ""
		if m != nil {
			domain = m.FromDomain
		}
		if domain == "" && len(e.failing) > 0 {
			domain = domainOf(e.failing[0])
		}
		if domain == "" {
			return spool.ScopeAll
		}
		return spool.FromScope(strings.ToLower(domain))
	case ScopeSet:
		if set == "" {
			set = namedSet(e.message)
		}
		if set == "" {
			return spool.ScopeAll
		}
		return spool.ConfigurationSetScope(set)
	}
	return scope
}

// text is what happened, for people.
func (e ending) text() string {
	switch e.got {
	case GotError:
		if e.message == "" || e.message == "UnknownError" {
			return "SES answered " + e.code
		}
		if e.recipient {
			return "the account is in the SES sandbox, where recipients must be verified too: " + e.message
		}
		if e.skew.Abs() >= time.Minute {
			return fmt.Sprintf("%s (this computer's clock is %s %s)", e.message, e.skew.Abs(), map[bool]string{true: "slow", false: "fast"}[e.skew > 0])
		}
		return e.message
	case GotHTTP:
		text := fmt.Sprintf("HTTP %d %s without an SES error", e.status, http.StatusText(e.status))
		if e.status < 300 {
			text = fmt.Sprintf("HTTP %d with an unreadable body", e.status)
		}
		if e.message != "" && e.message != "UnknownError" {
			text += ": " + e.message
		}
		return text
	case GotUnsent:
		return "nothing was sent: " + cause(e.cause)
	case GotCredentials:
		return "no AWS credentials: " + cause(e.cause)
	default:
		return fmt.Sprintf("no answer after %s: %s", e.after.Round(time.Millisecond), cause(e.cause))
	}
}

// cause is the inner reason of an SDK error, without its many layers of
// wrapping, on one line.
func cause(err error) string {
	var call *callError
	if errors.As(err, &call) {
		err = call.err
	}
	var request *url.Error
	if errors.As(err, &request) {
		err = request.Err
	}
	var canceled *smithy.CanceledError
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return "the time limit was reached"
	case errors.As(err, &canceled), errors.Is(err, context.Canceled):
		return "the call was cut off"
	}
	return strings.Join(strings.Fields(err.Error()), " ")
}

var (
	patternFailing = regexp.MustCompile(`(?is)identities failed the check in region [a-z0-9-]+:\s*(.*)$`)
	patternSetName = regexp.MustCompile(`(?i)configuration set <?([A-Za-z0-9_-]{1,64})>? (?:does not exist|is paused)`)
)

// failingIdentities are the addresses or domains a MessageRejected names.
func failingIdentities(message string) []string {
	found := patternFailing.FindStringSubmatch(message)
	if found == nil {
		return nil
	}
	var names []string
	for name := range strings.SplitSeq(found[1], ",") {
		if _, inside, ok := strings.Cut(name, "<"); ok {
			name, _, _ = strings.Cut(inside, ">")
		}
		if name = strings.TrimSpace(name); name != "" {
			names = append(names, name)
		}
	}
	return names
}

// onlyRecipientFails reports whether SES complains of m's recipient and not
// (also) of its sender: what happens in the sandbox.
func onlyRecipientFails(failing []string, m *spool.Message) bool {
	if len(failing) == 0 {
		return false
	}
	senders := senders(m.Data)
	for _, name := range failing {
		if slices.ContainsFunc(senders, func(s string) bool { return strings.EqualFold(s, name) }) {
			return false
		}
		if !strings.EqualFold(name, m.To) {
			return false
		}
	}
	return true
}

// senders are the addresses in the From and Sender headers of a mail. It is
// read only when SES has refused the mail.
func senders(data []byte) []string {
	message, err := mail.ReadMessage(bytes.NewReader(data))
	if err != nil {
		return nil
	}
	var found []string
	for _, header := range []string{"From", "Sender"} {
		list, err := message.Header.AddressList(header)
		if err != nil {
			continue
		}
		for _, a := range list {
			found = append(found, a.Address)
		}
	}
	return found
}

func namedSet(message string) string {
	found := patternSetName.FindStringSubmatch(message)
	if found == nil {
		return ""
	}
	return found[1]
}

func domainOf(identity string) string { return identity[strings.LastIndexByte(identity, '@')+1:] }

// clockSkew is how far SES's clock is ahead of ours, by the Date of its answer.
func clockSkew(answer *smithyhttp.Response) time.Duration {
	at, err := http.ParseTime(answer.Header.Get("Date"))
	if err != nil {
		return 0
	}
	return time.Until(at).Round(time.Second)
}
