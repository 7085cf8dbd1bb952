package sesclient

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/aws/smithy-go"

	"pabal/eml"
	"pabal/spool"
)

// Where feedback comes from, as status says it.
const (
	SourceSQS         = "sqs"              // everything SES says
	SourceSuppression = "suppression_list" // bounces and complaints only: unknown never settles by itself
	SourceNone        = "none"
)

const (
	backoffMin = time.Second
	backoffMax = time.Minute
)

// Taker takes events and returns when what they say is on disk. The same event
// may come again, in any order.
type Taker interface {
	TakeEvents(ctx context.Context, events []Event) (spool.FeedbackResult, error)
	// SaveFeedback and LoadFeedback keep how far the suppression list was read.
	SaveFeedback(mark []byte) error
	LoadFeedback() ([]byte, error)
}

// FeedbackOptions say where SES's feedback is read.
type FeedbackOptions struct {
	QueueURL        string        // of SQS; "" for none. Its host is called, its region is signed for
	SuppressionPoll time.Duration // between two looks at the account's suppression list; 0 for never
	Logger          *slog.Logger  // nil means discard
}

// Feedback reads what SES says after it took a mail: events from an SQS queue,
// and the account's suppression list. Both give each event at least once; what
// was taken is deleted from the queue, and the list's mark is moved, only when
// Taker has it on disk.
type Feedback struct {
	client *Client
	taker  Taker
	o      FeedbackOptions
	log    *slog.Logger
	queue  *queue // nil: none
	calls  apiTurn

	mu     sync.Mutex
	status FeedbackStatus
	errors [4]error // by what they are of; nil while it works
}

// FeedbackStatus is the `feedback` part of status --json.
type FeedbackStatus struct {
	Source      string    `json:"source"`              // sqs, suppression_list or none
	LastEvent   time.Time `json:"last_event,omitzero"` // when the newest thing taken happened
	LagSeconds  float64   `json:"lag_seconds"`         // between happening and being on disk, of the queue's last batch
	CheckedAt   time.Time `json:"checked_at,omitzero"` // the source answered last
	Waiting     int64     `json:"waiting"`             // messages in the queue, about; -1: not known
	Events      int64     `json:"events"`              // taken since the start, copies included
	Foreign     int64     `json:"foreign"`             // of other applications on the account
	Other       int64     `json:"other"`               // test messages and kinds that are of no use here
	Garbage     int64     `json:"garbage"`             // messages that are no events of SES: left in the queue
	Settled     int64     `json:"settled"`             // messages that were unknown, failed or waiting and are accepted
	Dropped     int64     `json:"dropped"`             // no room to keep them until their mail is known
	Orphans     int64     `json:"orphans"`             // kept of mails not known yet; the owner fills it in
	Error       string    `json:"error,omitempty"`     // why nothing comes
	Hint        string    `json:"hint,omitempty"`      // what to do
	BadNewsOnly bool      `json:"bad_news_only"`       // unknown never settles by itself
}

// Source is what status says of these options.
func (o FeedbackOptions) Source() string {
	switch {
	case o.QueueURL != "":
		return SourceSQS
	case o.SuppressionPoll > 0:
		return SourceSuppression
	}
	return SourceNone
}

// NewFeedback makes a reader of feedback; it makes no call. It returns an error
// when the queue's URL is none.
func (c *Client) NewFeedback(o FeedbackOptions, taker Taker) (*Feedback, error) {
	log := o.Logger
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	f := &Feedback{client: c, taker: taker, o: o, log: log}
	f.status = FeedbackStatus{Source: o.Source(), Waiting: -1, BadNewsOnly: o.QueueURL == ""}
	if o.QueueURL == "" {
		return f, nil
	}
	var err error
	f.queue, err = c.newQueue(o.QueueURL)
	return f, err
}

// Run reads until ctx ends and returns nil then. Whatever the source does, it
// goes on: it waits longer and says so in Status.
func (f *Feedback) Run(ctx context.Context) error {
	var all sync.WaitGroup
	if f.queue != nil {
		all.Go(func() { f.pull(ctx) })
		all.Go(func() { f.measure(ctx) })
	}
	if f.o.SuppressionPoll > 0 {
		all.Go(func() { f.poll(ctx) })
	}
	all.Wait()
	return nil
}

// Status is how it stands. It asks nobody.
func (f *Feedback) Status() FeedbackStatus {
	f.mu.Lock()
	defer f.mu.Unlock()
	s := f.status
	for _, err := range f.errors {
		if err == nil {
			continue
		}
		s.Error = err.Error()
		var p *eml.Problem
		if errors.As(err, &p) {
			s.Error, s.Hint = p.What, p.Hint
		}
		break
	}
	return s
}

// took counts a batch that is on disk, of the queue or the list.
func (f *Feedback) took(from int, events []Event, r spool.FeedbackResult) {
	now := time.Now()
	f.mu.Lock()
	defer f.mu.Unlock()
	s := &f.status
	s.Events += int64(len(events))
	s.Foreign, s.Settled, s.Dropped = s.Foreign+r.Foreign, s.Settled+r.Settled, s.Dropped+r.Dropped
	for _, e := range events {
		if e.At.After(s.LastEvent) && !e.At.After(now.Add(time.Hour)) {
			s.LastEvent = e.At
		}
	}
	if newest := latest(events); from == ofQueue && !newest.IsZero() {
		s.LagSeconds = math.Max(0, math.Round(now.Sub(newest).Seconds()*1000)/1000)
	}
}

func latest(events []Event) (at time.Time) {
	for _, e := range events {
		if e.At.After(at) {
			at = e.At
		}
	}
	return at
}

// what an error is about, the worst first.
const (
	ofStore = iota
	ofQueue
	ofDeletes
	ofList
)

// answered notes that something worked, or why it did not.
func (f *Feedback) answered(which int, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	was := f.errors[which]
	f.errors[which] = err
	if err == nil {
		if which != ofStore {
			f.status.CheckedAt = time.Now().UTC()
		}
		if was != nil {
			f.log.Info("feedback is read again", "source", f.status.Source)
		}
		return
	}
	if was == nil || was.Error() != err.Error() {
		f.log.Warn("feedback not read", "err", err)
	}
}

// backoff waits longer with each failure; false when ctx ended.
type backoff struct{ last time.Duration }

func (b *backoff) wait(ctx context.Context) bool {
	b.last = min(max(2*b.last, backoffMin), backoffMax)
	return pause(ctx, time.Now().Add(b.last)) == nil
}

func (b *backoff) reset() { b.last = 0 }

// apiTurn keeps a second between two calls of an API that allows one a second.
type apiTurn struct{ last time.Time }

func (t *apiTurn) wait(ctx context.Context) error {
	err := pause(ctx, t.last.Add(apiPause))
	t.last = time.Now()
	return err
}

// listMark is how far the suppression list was read.
type listMark struct {
	Newest time.Time `json:"suppression_list"` // SES's time of the newest entry taken
}

func (f *Feedback) loadMark() (m listMark, err error) {
	b, err := f.taker.LoadFeedback()
	if err != nil || b == nil {
		return m, err
	}
	return m, json.Unmarshal(b, &m)
}

func (f *Feedback) saveMark(m listMark) error {
	b, err := json.Marshal(m)
	if err != nil {
		return err
	}
	return f.taker.SaveFeedback(b)
}

// sourceProblem is an answer of SQS or the suppression list for people.
func sourceProblem(what string, err error) *eml.Problem {
	var api smithy.APIError
	code, text := "", err.Error()
	var call *url.Error
	if errors.As(err, &call) {
		text = call.Err.Error() // without the SDK's words around it
	}
	if errors.As(err, &api) {
		code, text = api.ErrorCode(), api.ErrorCode()+": "+api.ErrorMessage()
	}
	hint := "it is tried again by itself; if this stays, look at the network and the proxy"
	switch {
	case strings.Contains(code, "NonExistentQueue"), strings.Contains(code, "QueueDoesNotExist"):
		hint = "there is no such queue: compare feedback.sqs_queue_url with the queue's URL in the AWS console, its region too"
	case strings.Contains(code, "AccessDenied"), strings.Contains(code, "AuthorizationError"), code == "KMS.AccessDeniedException":
		hint = "the credentials lack a permission: see the policy in `pabal feedback setup`"
	case strings.Contains(code, "InvalidClientTokenId"), strings.Contains(code, "UnrecognizedClient"), strings.Contains(code, "SignatureDoesNotMatch"),
		strings.Contains(code, "ExpiredToken"), strings.Contains(code, "InvalidAccessKeyId"), strings.Contains(code, "MissingAuthentication"), strings.Contains(code, "InvalidSecurity"):
		hint = "the AWS credentials are wrong or have expired, or the clock of this host is: see them with `aws sts get-caller-identity`"
	case errors.As(err, new(*credentialsError)):
		hint = "no AWS credentials were found: give the host a role, or set them as for sending"
	}
	return &eml.Problem{What: eml.Visible(eml.Cut(what+": "+text, 300)), Hint: hint, Err: err}
}

// credentialsError is a failure to get credentials, before any call.
type credentialsError struct{ err error }

func (e *credentialsError) Error() string { return "no credentials: " + e.err.Error() }

// Unwrap returns the cause.
func (e *credentialsError) Unwrap() error { return e.err }

// QueueRegion is the region a queue's URL names, "" when it names none. It
// returns an *eml.Problem for what is not the URL of a queue.
func QueueRegion(queueURL string) (string, error) {
	_, region, err := queuePlace(queueURL)
	return region, err
}

// queuePlace takes a queue's URL apart: the endpoint to call and the region to
// sign for, "" when the host does not say.
func queuePlace(queueURL string) (endpoint, region string, err error) {
	u, err := url.Parse(queueURL)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || strings.Trim(u.Path, "/") == "" {
		return "", "", &eml.Problem{What: fmt.Sprintf("feedback.sqs_queue_url %q is not the URL of a queue", queueURL),
			Hint: "it looks like https://sqs.ap-northeast-2.amazonaws.com/123456789012/pabal-feedback", Err: err}
	}
	host := strings.Split(u.Hostname(), ".")
	for i, part := range host {
		switch {
		case (part == "sqs" || part == "sqs-fips") && i+1 < len(host) && strings.Count(host[i+1], "-") >= 2:
			region = host[i+1]
		case part == "queue" && i > 0 && strings.Count(host[i-1], "-") >= 2:
			region = host[i-1]
		}
	}
	return u.Scheme + "://" + u.Host, region, nil
}
