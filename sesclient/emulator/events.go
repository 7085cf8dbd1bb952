package emulator

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// EventOptions say what is reported of accepted mails, and how it travels. The
// zero value reports nothing until a configuration set gets a destination.
type EventOptions struct {
	Sets          []string      // configuration sets made with a destination: every kind, to the queue of the same name
	Delay         time.Duration // between an acceptance and its events
	Raw           bool          // without SNS's envelope
	Notifications bool          // as identity notifications: notificationType, no tags, with headers
	Bare          bool          // of a notification: without headers
	Duplicate     int           // each n-th event comes twice; zero means never
	Shuffle       bool          // received in any order
	FailDelete    int           // each n-th entry of a DeleteMessageBatch fails once; zero means never
	Visibility    time.Duration // of what is received, whatever the receiver asks for; zero: what it asks for, or 30 s
}

// Kinds of events, as SES names them. SoftBounce, MachineOpen and NotSpam are
// spellings of ours for a transient bounce, an open by a program, and a
// complaint that says a mail is no spam.
func eventKinds() []string {
	return []string{"Send", "Delivery", "DeliveryDelay", "Bounce", "SoftBounce", "Complaint", "NotSpam", "Reject",
		"Rendering Failure", "Open", "MachineOpen", "Click", "Subscription"}
}

// destination of events: where a configuration set reports what.
type eventDestination struct {
	name    string
	enabled bool
	kinds   []string // as the API spells them: SEND, RENDERING_FAILURE; nil: all
	topic   string   // its last part is the queue's name
}

func (d *eventDestination) wants(kind string) bool {
	return d.enabled && (d.kinds == nil || slices.Contains(d.kinds, apiKind(kind)))
}

// apiKind is a kind as MatchingEventTypes spells it.
func apiKind(kind string) string {
	switch kind {
	case "SoftBounce":
		return "BOUNCE"
	case "NotSpam":
		return "COMPLAINT"
	case "MachineOpen":
		return "OPEN"
	case "Rendering Failure":
		return "RENDERING_FAILURE"
	case "DeliveryDelay":
		return "DELIVERY_DELAY"
	}
	return strings.ToUpper(kind)
}

// event is one thing to report, until it is written as JSON.
type event struct {
	kind string
	rec  *record
	to   string
	at   time.Time
}

// Fate is what becomes of mails to addresses that contain Match.
type Fate struct {
	Match  string   `json:"match"`
	Events []string `json:"events"` // after Send; kinds as SES names them, and SoftBounce, MachineOpen, NotSpam
}

// SetFate says what becomes of later mails to addresses that contain f.Match;
// the newest fate that matches counts. It returns an error for a kind that
// there is not.
func (s *Server) SetFate(f Fate) error {
	for _, kind := range f.Events {
		if !slices.Contains(eventKinds(), kind) {
			return fmt.Errorf("there is no event %q; there are %s", kind, strings.Join(eventKinds(), ", "))
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fates = append([]Fate{{strings.ToLower(f.Match), f.Events}}, s.fates...)
	return nil
}

// Report publishes a further event of an accepted mail, such as an open; at
// zero means now.
func (s *Server) Report(id, kind string, at time.Time) error {
	if !slices.Contains(eventKinds(), kind) {
		return fmt.Errorf("there is no event %q; there are %s", kind, strings.Join(eventKinds(), ", "))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	rec := s.ledger.find(id)
	if rec == nil {
		return errors.New("no accepted mail has the id " + id)
	}
	if at.IsZero() {
		at = s.now()
	}
	for _, to := range rec.to {
		s.publish(event{kind, rec, to, at})
	}
	return nil
}

// report publishes what becomes of a mail. The caller holds the lock.
func (s *Server) report(rec *record) {
	if len(s.destinations[rec.set]) == 0 && len(s.fates) == 0 {
		return
	}
	at := rec.at.Add(s.o.Events.Delay)
	for _, to := range rec.to {
		s.publish(event{"Send", rec, to, rec.at})
		for _, kind := range s.fate(rec, to) {
			if (kind == "Bounce" || kind == "Complaint") && !simulator(to) {
				s.suppressed[strings.ToLower(to)] = suppression{apiKind(kind), rec.at, rec.id, "feedback-" + rec.id}
			}
			s.publish(event{kind, rec, to, at})
		}
	}
}

// fate is what becomes of a mail to one address.
func (s *Server) fate(rec *record, to string) []string {
	if slices.Contains(rec.suppressed, to) {
		return []string{"Bounce"}
	}
	to = strings.ToLower(to)
	if simulator(to) {
		local, _, _ := strings.Cut(to, "@")
		local, _, _ = strings.Cut(local, "+")
		switch local {
		case "bounce", "suppressionlist":
			return []string{"Bounce"}
		case "complaint":
			return []string{"Delivery", "Complaint"}
		}
		return []string{"Delivery"} // success, and ooto, whose answer SES forwards
	}
	for _, f := range s.fates {
		if strings.Contains(to, f.Match) {
			return f.Events
		}
	}
	return []string{"Delivery"}
}

// publish puts an event into the queues of its set. The caller holds the lock.
func (s *Server) publish(e event) {
	for _, d := range s.destinations[e.rec.set] {
		if !d.wants(e.kind) || s.o.Events.Notifications && !slices.Contains([]string{"BOUNCE", "COMPLAINT", "DELIVERY"}, apiKind(e.kind)) {
			continue
		}
		q := s.queue(d.topic)
		q.put(item{event: e, set: e.rec.set, from: s.now().Add(s.o.Events.Delay)})
		s.published++
		if n := s.o.Events.Duplicate; n > 0 && s.published%n == 0 {
			q.put(item{event: e, set: e.rec.set, from: s.now().Add(s.o.Events.Delay)})
		}
	}
}

// body is an event as SES and SNS write it.
func (s *Server) body(e event, topic string) []byte {
	o := &s.o.Events
	b, err := json.Marshal(e.report(o))
	if err != nil {
		return nil // maps of texts always marshal
	}
	if o.Raw {
		return b
	}
	b, err = json.Marshal(map[string]any{
		"Type": "Notification", "MessageId": formatUUID(e.rec.id + e.kind + e.to), "TopicArn": "arn:aws:sns:ap-northeast-2:000000000000:" + topic,
		"Subject": "Amazon SES Email Event Notification", "Message": string(b), "Timestamp": stamp(e.at),
		"SignatureVersion": "1", "Signature": "not signed by the emulator", "SigningCertURL": "https://sns.invalid/cert.pem",
		"UnsubscribeURL": "https://sns.invalid/unsubscribe",
	})
	if err != nil {
		return nil
	}
	return b
}

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }

// report is the JSON of one event.
func (e event) report(o *EventOptions) map[string]any {
	kind := map[string]string{"SoftBounce": "Bounce", "NotSpam": "Complaint", "MachineOpen": "Open"}[e.kind]
	if kind == "" {
		kind = e.kind
	}
	out := map[string]any{"mail": e.mail(o)}
	if o.Notifications {
		out["notificationType"] = kind
	} else {
		out["eventType"] = kind
	}
	part := map[string]string{"Rendering Failure": "failure", "DeliveryDelay": "deliveryDelay"}[kind]
	if part == "" {
		part = strings.ToLower(kind)
	}
	out[part] = e.part(kind)
	return out
}

func (e event) mail(o *EventOptions) map[string]any {
	r := e.rec
	tags := map[string][]string{"ses:configuration-set": {r.set}, "ses:from-domain": {after(r.from, "@")}, "ses:source-ip": {"127.0.0.1"},
		"ses:caller-identity": {"emulator"}, "ses:operation": {"SendEmail"}}
	for _, t := range r.tags {
		tags[t.Name] = []string{t.Value}
	}
	headers := []map[string]string{{"name": "From", "value": r.from}, {"name": "To", "value": e.to}, {"name": "MIME-Version", "value": "1.0"},
		{"name": "Content-Type", "value": `multipart/alternative; boundary="=_0123456789abcdef0123456789abcdef"`}}
	if r.xid != "" {
		headers = append(headers, map[string]string{"name": "X-Pabal-Id", "value": r.xid})
	}
	m := map[string]any{
		"timestamp": stamp(r.at), "messageId": r.id, "source": r.from, "sourceArn": "arn:aws:ses:ap-northeast-2:000000000000:identity/" + after(r.from, "@"),
		"sendingAccountId": "000000000000", "destination": r.to,
	}
	if !o.Notifications || !o.Bare {
		m["headersTruncated"], m["headers"] = false, headers
		m["commonHeaders"] = map[string]any{"from": []string{r.from}, "to": []string{e.to}, "messageId": r.id}
	}
	if !o.Notifications {
		m["tags"] = tags
	}
	return m
}

func after(s, sep string) string {
	_, rest, _ := strings.Cut(s, sep)
	return rest
}

// part is what an event says besides the mail.
func (e event) part(kind string) map[string]any {
	at := stamp(e.at)
	switch kind {
	case "Delivery":
		return map[string]any{"timestamp": at, "processingTimeMillis": 546, "recipients": []string{e.to}, "smtpResponse": "250 ok:  Message accepted",
			"reportingMTA": "mta.emulator.invalid", "remoteMtaIp": "127.0.0.1"}
	case "DeliveryDelay":
		return map[string]any{"timestamp": at, "delayType": "TransientCommunicationFailure", "expirationTime": stamp(e.at.Add(14 * time.Hour)),
			"delayedRecipients": []any{map[string]string{"emailAddress": e.to, "status": "4.4.1", "diagnosticCode": "smtp; 421 4.4.1 Unable to connect to remote host"}}}
	case "Bounce":
		return e.bounce(at)
	case "Complaint":
		about := "abuse"
		if e.kind == "NotSpam" {
			about = "not-spam"
		}
		return map[string]any{"timestamp": at, "feedbackId": "complaint-" + e.rec.id, "complaintSubType": nil, "complaintFeedbackType": about,
			"complainedRecipients": []any{map[string]string{"emailAddress": e.to}}, "userAgent": "emulator", "arrivalDate": at}
	case "Reject":
		return map[string]any{"reason": "Bad content"}
	case "Rendering Failure":
		return map[string]any{"templateName": "none", "errorMessage": "Attribute 'name' is not present in the rendering data."}
	case "Open", "Click":
		return e.look(at, kind)
	case "Subscription":
		return map[string]any{"timestamp": at, "contactList": "none", "source": "UnsubscribeHeader"}
	}
	return map[string]any{}
}

func (e event) look(at, kind string) map[string]any {
	agent := "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0 Safari/537.36"
	if e.kind == "MachineOpen" {
		agent = "Mozilla/5.0"
	}
	out := map[string]any{"timestamp": at, "ipAddress": "127.0.0.1", "userAgent": agent}
	if kind == "Click" {
		out["link"], out["linkTags"] = "https://shop.example.com/", nil
	}
	return out
}

func (e event) bounce(at string) map[string]any {
	kind, sub, status, said := "Permanent", "General", "5.1.1", "smtp; 550 5.1.1 <"+e.to+">: Recipient address rejected: User unknown"
	switch {
	case e.kind == "SoftBounce":
		kind, sub, status, said = "Transient", "MailboxFull", "4.2.2", "smtp; 452 4.2.2 The email account that you tried to reach is over quota"
	case slices.Contains(e.rec.suppressed, e.to):
		sub, status, said = "OnAccountSuppressionList", "", "Amazon SES did not send the message to this address because it is on the suppression list for your account."
	case strings.HasPrefix(e.to, "suppressionlist"):
		sub, said = "Suppressed", "Amazon SES has suppressed sending to this address because it has a recent history of bouncing as an invalid address."
	}
	one := map[string]string{"emailAddress": e.to, "action": "failed", "diagnosticCode": said}
	if status != "" {
		one["status"] = status
	}
	return map[string]any{"bounceType": kind, "bounceSubType": sub, "timestamp": at, "feedbackId": "bounce-" + e.rec.id,
		"reportingMTA": "dsn; mta.emulator.invalid", "bouncedRecipients": []any{one}}
}
