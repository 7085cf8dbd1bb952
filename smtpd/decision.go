package smtpd

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"

	"github.com/emersion/go-smtp"

	"pabal/eml"
	"pabal/spool"
)

// Header fields by which an application says what a rule could say; never sent on.
const (
	topicField = "X-Pabal-Topic"
	tagField   = "X-Pabal-Tag"
	// bareTag is the name of a tag that X-Pabal-Tag gives without one.
	bareTag = "tag"
	// ownTag carries our own id to SES.
	ownTag = "pabal"
)

// Decision is what becomes of a mail to one recipient.
type Decision struct {
	To               string            `json:"to"`
	Rule             int               `json:"rule"` // place among the rules, from 1; 0: none matched
	Route            string            `json:"route,omitempty"`
	Denied           string            `json:"denied,omitempty"` // what the refusal says, "" for mail that is taken
	At               string            `json:"at,omitempty"`     // the command that is refused: RCPT or DATA
	Lane             spool.Lane        `json:"lane"`
	Topic            string            `json:"topic,omitempty"`
	ConfigurationSet string            `json:"configuration_set,omitempty"`
	Tags             map[string]string `json:"tags,omitempty"`
	From             string            `json:"from,omitempty"` // what the From header is rewritten to, "" if it stays

	rewrite eml.Mailbox
}

// routing is what the spool keeps of it.
func (d *Decision) routing() spool.Routing {
	return spool.Routing{Route: d.Route, Lane: d.Lane, Topic: d.Topic, ConfigurationSet: d.ConfigurationSet, Tags: d.Tags}
}

// Question is a mail to ask the rules about without sending it.
type Question struct {
	Sender string     // envelope sender, "" for the null sender
	From   string     // address of the From header
	Header []byte     // further header lines with CRLF ends; From need not be in it
	To     []string   // recipients, as they would be resolved by aliases
	Addr   netip.Addr // of the client; zero: not by TCP
	UID    *uint32    // of the user of this host; nil: not by socket or folder
	User   string     // who logged in, "" for nobody
}

// Ask says what would become of a mail, for each recipient. Nothing is kept. The
// error is a *Refusal for a header that is refused, else an *eml.Problem.
func (r *Routes) Ask(q Question) ([]Decision, error) {
	header, _, err := eml.Split(append(bytes.Clone(q.Header), "\r\n"...))
	if err != nil {
		return nil, err
	}
	f := facts{sender: orNull(q.Sender), addr: q.Addr.Unmap(), uid: q.UID, user: q.User}
	before := r.about(&f)
	f.from, f.header = q.From, &header
	all, err := r.decide(before, &f, q.To)
	if refused, ok := errors.AsType[*smtp.SMTPError](err); ok {
		return nil, &Refusal{refused.Message}
	}
	return all, err
}

// Refusal is what a client would be told.
type Refusal struct{ Text string }

func (r *Refusal) Error() string { return r.Text }

func orNull(sender string) string {
	if sender == "" {
		return nullSender
	}
	return sender
}

// decide is the decision for each recipient. before is what the rules said
// without the text, nil when nobody asks where a refusal comes.
func (r *Routes) decide(before []answer, f *facts, recipients []string) ([]Decision, error) {
	about := r.about(f)
	out := make([]Decision, len(recipients))
	var asked *wishes
	for i, to := range recipients {
		at, _ := r.first(about, to)
		d, heeds := r.decision(at, to)
		if d.Denied != "" {
			d.At = "DATA"
			if early, decided := r.first(before, to); before != nil && decided && early == at {
				d.At = "RCPT"
			}
		} else if heeds {
			if asked == nil {
				var err error
				if asked, err = r.wishes(f.header); err != nil {
					return nil, err
				}
			}
			asked.apply(&d)
		}
		out[i] = d
	}
	return out, nil
}

// decision is what a rule says of a mail; at -1 is no rule. heeds says whether
// the mail's own fields count.
func (r *Routes) decision(at int, to string) (d Decision, heeds bool) {
	d.To = to
	if at < 0 {
		return d, true
	}
	one := r.routes[at]
	d.Rule, d.Route = at+1, one.Name
	if one.Action == actionDeny {
		d.Denied = one.refusal(to)
		return d, false
	}
	d.Lane, d.Topic, d.ConfigurationSet, d.Tags = one.lane, one.Topic, one.ConfigurationSet, one.Tags
	if d.rewrite = one.rewrite; d.rewrite.Address != "" {
		d.From = d.rewrite.String()
	}
	return d, one.Headers == nil || *one.Headers
}

// refusal is what a denied client is told.
func (r *route) refusal(to string) string {
	if r.Text != "" {
		return r.Text
	}
	name := r.Name
	if !printable(name) {
		name = "a rule"
	}
	return fmt.Sprintf("mail to %s is not taken from here (%s in the configuration of pabal)", to, name)
}

// wishes are what a mail says of itself.
type wishes struct {
	topic string
	tags  map[string]string
}

// wishes reads the X-Pabal- fields.
func (r *Routes) wishes(header *eml.Header) (*wishes, error) {
	w := &wishes{}
	for _, f := range header.Fields() {
		switch {
		case strings.EqualFold(f.Name, topicField):
			topic := strings.TrimSpace(f.Value())
			if r != nil && r.NoTopics != "" {
				return nil, refusal(550, "5.6.0", topicField+" cannot be heeded: "+r.NoTopics)
			}
			if w.topic != "" && w.topic != topic {
				return nil, refusal(550, "5.6.0", "the mail has two "+topicField+" fields; give it one topic")
			}
			if !r.hasTopic(topic) {
				return nil, refusal(550, "5.6.0", fmt.Sprintf("there is no topic %+q in %s; %s", eml.Cut(topic, 40), topicField, topicHint(r.known())))
			}
			w.topic = topic
		case strings.EqualFold(f.Name, tagField):
			if err := w.addTags(f.Value()); err != nil {
				return nil, err
			}
		}
	}
	return w, nil
}

func (r *Routes) known() []string {
	if r == nil {
		return nil
	}
	return r.topics
}

func (r *Routes) hasTopic(id string) bool { return slices.Contains(r.known(), id) }

// addTags reads name=value, several with commas between; a value alone is the
// one of the name "tag".
func (w *wishes) addTags(text string) error {
	for one := range strings.SplitSeq(text, ",") {
		if one = strings.TrimSpace(one); one == "" {
			continue
		}
		name, value, found := strings.Cut(one, "=")
		if !found {
			name, value = bareTag, one
		}
		name, value = strings.TrimSpace(name), strings.TrimSpace(value)
		why := badTag(name, value)
		if had, twice := w.tags[name]; twice && had != value {
			why = "it is there with another value too"
		}
		if _, twice := w.tags[name]; !twice && len(w.tags) >= maxTags {
			why = fmt.Sprintf("a mail may have %d", maxTags)
		}
		if why != "" {
			return refusal(550, "5.6.0", fmt.Sprintf("%s has %+q: %s; write name=value", tagField, eml.Cut(one, 60), why))
		}
		if w.tags == nil {
			w.tags = map[string]string{}
		}
		w.tags[name] = value
	}
	return nil
}

// apply lets the mail add to what its rule says, never change that.
func (w *wishes) apply(d *Decision) {
	if d.Topic == "" {
		d.Topic = w.topic
	}
	if len(w.tags) == 0 {
		return
	}
	tags := maps.Clone(w.tags)
	maps.Copy(tags, d.Tags)
	d.Tags = tags
}

// badTag says why SES would not take a tag, "" if it would.
func badTag(name, value string) string {
	switch {
	case !isTagWord(name, maxTagWord) || !isTagWord(value, maxTagWord):
		return "SES takes letters, digits, - and _ in names and values, 1 to 256 of them"
	case name == ownTag:
		return "pabal uses that name itself"
	}
	return ""
}

func isTagWord(s string, most int) bool {
	return s != "" && len(s) <= most && strings.Trim(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_") == ""
}
