package sesclient

import (
	"encoding/json"
	"errors"
	"strings"
	"time"

	"pabal/eml"
	"pabal/spool"
)

const (
	maxEvent = 1 << 20 // bytes; SQS takes no more in one message
	// instantOpen: nobody reads a mail so soon after SES took it. What opens it
	// then is a scanner at the recipient's side (our bound).
	instantOpen = 3 * time.Second
	maxNews     = 200 // bytes of SES's words kept
)

// Event is one thing SES reported of one mail.
type Event struct {
	spool.Feedback           // SESID is "" in an entry of the suppression list whose mail is not known
	At             time.Time // when it happened; zero when SES did not say
	To             []string  // the addresses it is about, as SES spells them
	Soft           bool      // of a bounce: the address, not the letter, was refused for now
	ID             string    // the same for every copy of the event
	Foreign        bool      // it carries tags or headers, and none of ours: another application's
	Other          bool      // from SES or SNS, and of no use here: a test message, a kind nobody asked for
}

// errNotEvent is what every error of ParseEvent wraps.
var errNotEvent = errors.New("not an event of SES")

// report is the JSON of SES, event publishing (eventType) and feedback
// notifications (notificationType) alike.
type report struct {
	EventType        string `json:"eventType"`
	NotificationType string `json:"notificationType"`
	Mail             *struct {
		Timestamp   string   `json:"timestamp"`
		MessageID   string   `json:"messageId"`
		Destination []string `json:"destination"`
		Headers     []struct{ Name, Value string }
		Tags        map[string][]string `json:"tags"`
	} `json:"mail"`
	Bounce *struct {
		BounceType        string      `json:"bounceType"`
		BounceSubType     string      `json:"bounceSubType"`
		BouncedRecipients []recipient `json:"bouncedRecipients"`
		Timestamp         string      `json:"timestamp"`
		FeedbackID        string      `json:"feedbackId"`
	} `json:"bounce"`
	Complaint *struct {
		ComplainedRecipients  []recipient `json:"complainedRecipients"`
		Timestamp             string      `json:"timestamp"`
		FeedbackID            string      `json:"feedbackId"`
		ComplaintSubType      string      `json:"complaintSubType"`
		ComplaintFeedbackType string      `json:"complaintFeedbackType"`
	} `json:"complaint"`
	Delivery *struct {
		Timestamp  string   `json:"timestamp"`
		Recipients []string `json:"recipients"`
	} `json:"delivery"`
	DeliveryDelay *struct {
		Timestamp         string      `json:"timestamp"`
		DelayedRecipients []recipient `json:"delayedRecipients"`
	} `json:"deliveryDelay"`
	Reject  *struct{ Reason string }       `json:"reject"`
	Failure *struct{ ErrorMessage string } `json:"failure"`
	Open    map[string]json.RawMessage     `json:"open"`
	Click   map[string]json.RawMessage     `json:"click"`
}

type recipient struct {
	EmailAddress   string `json:"emailAddress"`
	Status         string `json:"status"`
	DiagnosticCode string `json:"diagnosticCode"`
}

// envelope is what SNS and EventBridge wrap around a report.
type envelope struct {
	Type    string          `json:"Type"`
	Message string          `json:"Message"`
	Source  string          `json:"source"`
	Detail  json.RawMessage `json:"detail"`
}

// ParseEvent reads one message of the queue: an event or a notification of SES,
// bare, in SNS's envelope or in EventBridge's. An error says that it is none of
// these; it never holds the message's text.
func ParseEvent(body []byte) (Event, error) {
	if len(body) > maxEvent {
		return Event{}, errNotEvent
	}
	var outer struct {
		envelope
		report
	}
	if err := json.Unmarshal(body, &outer); err != nil {
		return Event{}, errNotEvent
	}
	r := &outer.report
	switch {
	case r.Mail != nil:
	case outer.Type == "Notification":
		if r = new(report); json.Unmarshal([]byte(outer.Message), r) != nil || r.Mail == nil {
			return Event{Other: true}, nil // SES tries a topic with a line of text
		}
	case outer.Type == "SubscriptionConfirmation", outer.Type == "UnsubscribeConfirmation":
		return Event{Other: true}, nil
	case outer.Source == "aws.ses" && len(outer.Detail) > 0:
		if r = new(report); json.Unmarshal(outer.Detail, r) != nil || r.Mail == nil {
			return Event{Other: true}, nil // the account's own news
		}
	default:
		return Event{}, errNotEvent
	}
	return r.event()
}

func (r *report) event() (Event, error) {
	if r.Mail.MessageID == "" {
		return Event{}, errNotEvent
	}
	e := Event{Feedback: spool.Feedback{SESID: r.Mail.MessageID}, To: r.Mail.Destination}
	e.Tag, e.Foreign = r.tag()
	kind := r.EventType
	if kind == "" {
		kind = r.NotificationType
	}
	switch known := r.read(&e, kind); {
	case known:
	case kind == "":
		return Event{}, errNotEvent
	default:
		return Event{Other: true}, nil
	}
	if e.ID == "" {
		e.ID = e.Kind.String() + " " + e.SESID
	}
	return e, nil
}

// tag is our id in the mail's tags, or in the headers where the notification
// has them. A mail with either and without our id is not ours.
func (r *report) tag() (tag string, foreign bool) {
	if ours := r.Mail.Tags[tagName]; len(ours) > 0 {
		return ours[0], false
	}
	for _, h := range r.Mail.Headers {
		if strings.EqualFold(h.Name, strings.TrimSuffix(idHeader, ": ")) {
			return strings.TrimSpace(h.Value), false
		}
	}
	return "", len(r.Mail.Tags) > 0 || len(r.Mail.Headers) > 0
}

// read fills in what one kind says; false for a kind that nobody asked for, or
// one without its part.
func (r *report) read(e *Event, kind string) bool {
	switch {
	case kind == "Send":
		e.Kind, e.At = spool.Sent, when(r.Mail.Timestamp)
	case kind == "Delivery" && r.Delivery != nil:
		e.Kind, e.At = spool.Delivered, when(r.Delivery.Timestamp)
		e.To = some(r.Delivery.Recipients, e.To)
	case kind == "DeliveryDelay" && r.DeliveryDelay != nil:
		e.Kind, e.At = spool.Delayed, when(r.DeliveryDelay.Timestamp)
		e.To = some(addresses(r.DeliveryDelay.DelayedRecipients), e.To)
	case kind == "Bounce" && r.Bounce != nil:
		r.bounced(e)
	case kind == "Complaint" && r.Complaint != nil:
		r.complained(e)
	case kind == "Reject" && r.Reject != nil:
		e.Kind, e.At, e.News = spool.Rejected, when(r.Mail.Timestamp), news("rejected", r.Reject.Reason)
	case kind == "Rendering Failure" && r.Failure != nil:
		e.Kind, e.At, e.News = spool.Rejected, when(r.Mail.Timestamp), news("rejected rendering", r.Failure.ErrorMessage)
	case kind == "Open" && r.Open != nil:
		r.looked(e, spool.Opened, r.Open)
	case kind == "Click" && r.Click != nil:
		r.looked(e, spool.Clicked, r.Click)
	default:
		return false
	}
	return true
}

func (r *report) bounced(e *Event) {
	b := r.Bounce
	e.Kind, e.At, e.ID = spool.Bounced, when(b.Timestamp), b.FeedbackID
	e.To = some(addresses(b.BouncedRecipients), e.To)
	e.Hard = b.BounceType == "Permanent"
	letter := b.BounceSubType == "MessageTooLarge" || b.BounceSubType == "ContentRejected" || b.BounceSubType == "AttachmentRejected"
	e.Soft = !e.Hard && !letter
	what := "bounced " + b.BounceType + "/" + b.BounceSubType
	if len(b.BouncedRecipients) == 0 {
		e.News = news(what, "")
		return
	}
	first := b.BouncedRecipients[0]
	e.News = news(strings.TrimSpace(what+" "+first.Status), first.DiagnosticCode)
}

// complained reads a complaint. A report that a mail is no spam is none.
func (r *report) complained(e *Event) {
	c := r.Complaint
	e.Kind, e.At, e.ID = spool.Complained, when(c.Timestamp), c.FeedbackID
	e.To = some(addresses(c.ComplainedRecipients), e.To)
	if c.ComplaintFeedbackType == "not-spam" {
		e.Kind, e.ID = spool.Sent, ""
		return
	}
	about := c.ComplaintFeedbackType
	if about == "" {
		about = c.ComplaintSubType
	}
	e.News = news("complained", about)
}

// looked reads an open or a click and tells a person from a program: by SES's
// own mark, by the name of the program, by how soon it came.
func (r *report) looked(e *Event, kind spool.FeedbackKind, part map[string]json.RawMessage) {
	var agent, at string
	marked := false
	for key, raw := range part {
		switch name := strings.ToLower(key); {
		case name == "useragent":
			_ = json.Unmarshal(raw, &agent) // not a text: no name
		case name == "timestamp":
			_ = json.Unmarshal(raw, &at)
		case strings.Contains(name, "bot") || strings.Contains(name, "machine"):
			marked = marked || string(raw) == "true" || strings.EqualFold(string(raw), `"true"`)
		}
	}
	e.Kind, e.At = kind, when(at)
	sent := when(r.Mail.Timestamp)
	instant := !sent.IsZero() && !e.At.IsZero() && e.At.Sub(sent) < instantOpen
	if marked || instant || program(agent) {
		e.Kind = spool.MachineOpened
	}
}

// program reports whether a user agent is no person's: Apple Mail's privacy
// proxy, which loads every mail's images, calls itself Mozilla/5.0 and no more;
// scanners and libraries say their names. Gmail's and Yahoo's image proxies
// load when a person opens.
func program(agent string) bool {
	agent = strings.ToLower(strings.TrimSpace(agent))
	if agent == "" || agent == "mozilla/5.0" {
		return true
	}
	for _, word := range []string{"bot", "crawl", "spider", "scan", "preview", "curl/", "wget", "python", "go-http-client",
		"java/", "okhttp", "headless", "proofpoint", "mimecast", "barracuda", "safelinks", "microsoft office existence"} {
		if strings.Contains(agent, word) {
			return true
		}
	}
	return false
}

// news is what SES said, for people: one line, without addresses.
func news(what, said string) string {
	var words []string
	for _, w := range strings.Fields(said) {
		if !strings.Contains(w, "@") {
			words = append(words, w)
		}
	}
	if len(words) > 0 {
		what += ": " + strings.Join(words, " ")
	}
	return eml.Cut(eml.Visible(what), maxNews)
}

func addresses(list []recipient) (out []string) {
	for _, r := range list {
		if r.EmailAddress != "" {
			out = append(out, r.EmailAddress)
		}
	}
	return out
}

// some is list, or the other when it is empty.
func some(list, other []string) []string {
	if len(list) > 0 {
		return list
	}
	return other
}

// when reads SES's times; zero when it is none.
func when(text string) time.Time {
	t, err := time.Parse(time.RFC3339Nano, text)
	if err != nil || t.Year() < 2000 || t.Year() > 3000 {
		return time.Time{}
	}
	return t.UTC()
}
