package spool

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Lane is one of the two ways mail takes. Transactional mail goes first.
type Lane uint8

// The lanes: transactional (SMTP, sendmail) and bulk (campaigns, and mail of
// applications that a rule put there).
const (
	Transactional Lane = iota
	Bulk
)

var laneNames = []string{"transactional", "bulk"}

func (l Lane) String() string { return laneNames[l] }

// MarshalText gives the lane's name.
func (l Lane) MarshalText() ([]byte, error) { return []byte(l.String()), nil }

// UnmarshalText reads the lane's name.
func (l *Lane) UnmarshalText(b []byte) error {
	i, err := named(laneNames, string(b), "lane")
	*l = Lane(i)
	return err
}

// Outcome is what became of a message so far: pending and sending are open,
// the others final (but unknown, which feedback or a person may settle).
type Outcome uint8

// The outcomes, in the order of a ledger's counters.
const (
	Pending Outcome = iota
	Sending
	Accepted
	Failed
	Skipped
	Unknown
)

var outcomeNames = []string{"pending", "sending", "accepted", "failed", "skipped", "unknown"}

func (o Outcome) String() string {
	if int(o) < len(outcomeNames) {
		return outcomeNames[o]
	}
	return "outcome " + strconv.Itoa(int(o))
}

// MarshalText gives the outcome's name.
func (o Outcome) MarshalText() ([]byte, error) { return []byte(o.String()), nil }

// UnmarshalText reads the outcome's name.
func (o *Outcome) UnmarshalText(b []byte) error {
	i, err := named(outcomeNames, string(b), "outcome")
	*o = Outcome(i)
	return err
}

// ParseOutcome reads an outcome's name.
func ParseOutcome(name string) (Outcome, error) {
	i, err := named(outcomeNames, name, "outcome")
	return Outcome(i), err
}

func (o Outcome) open() bool { return o == Pending || o == Sending }

func named(names []string, name, what string) (int, error) {
	for i, n := range names {
		if n == name {
			return i, nil
		}
	}
	return 0, fmt.Errorf("%s %q: it is one of %s", what, name, strings.Join(names, ", "))
}

// Skip reasons: why somebody in the audience is not mailed.
const (
	SkipUnsubscribed = "unsubscribed"
	SkipTopicOff     = "topic_off"
	SkipFrequency    = "frequency"
	SkipSuppressed   = "suppressed"
	SkipErased       = "erased"
	SkipInvalid      = "invalid"
	SkipCancelled    = "cancelled"
)

// Message is one mail to one recipient, waiting in the spool or done. The same
// struct is the record, the wire form and the screen row.
type Message struct {
	ID         string    `json:"id"`                   // "q17" in the queue, "c3-1234" in campaign 3 to subscriber 1234
	Lane       Lane      `json:"lane"`                 //
	Campaign   uint64    `json:"campaign,omitempty"`   // 0 for mail of the queue
	Subscriber uint64    `json:"subscriber,omitempty"` // 0 for mail of the queue
	From       string    `json:"from,omitempty"`       // envelope sender, "" for the null sender
	FromDomain string    `json:"from_domain,omitempty"`
	To         string    `json:"email"`                // in the bulk lane the address at the lease, "" before it
	Subject    string    `json:"subject,omitempty"`    // transactional only, decoded
	MessageID  string    `json:"message_id,omitempty"` // transactional only: the application's own, without brackets
	Outcome    Outcome   `json:"outcome"`
	Reason     string    `json:"reason"`   // why failed, skipped or unknown; while pending, the last refusal
	Attempts   int       `json:"attempts"` // calls to SES made or begun
	Tries      int       `json:"tries"`    // attempts that used up one of the 1 + 3
	SESID      string    `json:"ses_message_id"`
	At         time.Time `json:"at,omitzero"`           // last change of outcome
	Received   time.Time `json:"received,omitzero"`     // when it was acknowledged; transactional only
	NextTry    time.Time `json:"next_try,omitzero"`     // not before; pending only
	MaybeTwice bool      `json:"maybe_twice,omitempty"` // it went again although it may have been sent; Also proves it
	Delivered  bool      `json:"delivered,omitempty"`
	Bounced    bool      `json:"bounced,omitempty"`
	Complained bool      `json:"complained,omitempty"`

	HardBounced   bool     `json:"hard_bounced,omitempty"`   // Bounced for good: there is no such address
	Delayed       bool     `json:"delayed,omitempty"`        // SES could not deliver at once, whatever came of it
	Rejected      bool     `json:"rejected,omitempty"`       // accepted, then refused by SES: a virus, or a letter it could not render
	Opened        bool     `json:"opened,omitempty"`         // by a person, as far as can be told
	MachineOpened bool     `json:"machine_opened,omitempty"` // opened or clicked by a program: a scanner, a proxy that loads ahead
	Clicked       bool     `json:"clicked,omitempty"`        // by a person, as far as can be told
	News          string   `json:"news,omitempty"`           // what SES said of a bounce, complaint or rejection
	Also          []string `json:"also,omitempty"`           // further SES ids of it: it was sent more than once

	Erased bool `json:"erased,omitempty"` // the person was erased: who it was for and what was said of it are gone

	Size   int    `json:"size,omitempty"`   // bytes of the stored body; transactional only
	Report string `json:"report,omitempty"` // a mail of our own that tells of failures: digest (to the operator) or sender
	Acts   []Act  `json:"acts,omitempty"`   // what people did to it, oldest first; of one message that is asked for only

	Route            string            `json:"route,omitempty"`             // queue only: the rule that matched, "" if none did
	Topic            string            `json:"topic,omitempty"`             // queue only: it goes to nobody who does not want mail about it
	ConfigurationSet string            `json:"configuration_set,omitempty"` // queue only: in place of the configured one
	Tags             map[string]string `json:"tags,omitempty"`              // queue only: SES message tags

	Data []byte `json:"-"` // the finished mail, for the call to SES; never kept
	Head []byte `json:"-"` // header lines with their CRLFs that go in front of Data; never kept
	Tag  string `json:"-"` // STOREID-CAMPAIGN-SUBSCRIBER-ATTEMPT of this attempt; in the queue campaign is 0 and subscriber the sequence number

	seq       uint64    // key in the queue
	body      uint64    // key of the body, 0 when it is no longer kept
	heardAt   time.Time // when what it hears now happened; zero means now
	ambiguous bool      // an earlier attempt's answer was lost
	scopes    []Scope   // of the holds that can stop this attempt
	probing   claimed   // half-open holds this attempt tests
}

// queued reports whether it is of the queue, in whichever lane; else it is a
// row of a campaign.
func (m *Message) queued() bool { return m.Campaign == 0 }

// key is the message's number within its store.
func (m *Message) key() uint64 {
	if m.queued() {
		return m.seq
	}
	return m.Subscriber
}

// Number is the one behind the q of a queue mail's ID, 0 for others.
func (m *Message) Number() uint64 {
	if !m.queued() {
		return 0
	}
	return m.seq
}

func queueID(seq uint64) string { return "q" + strconv.FormatUint(seq, 10) }

func rowID(campaign, subscriber uint64) string {
	return "c" + strconv.FormatUint(campaign, 10) + "-" + strconv.FormatUint(subscriber, 10)
}

// parseID takes apart what queueID and rowID make.
func parseID(id string) (l Lane, campaign, key uint64, ok bool) {
	if n, found := strings.CutPrefix(id, "q"); found {
		key, err := strconv.ParseUint(n, 10, 64)
		return Transactional, 0, key, err == nil
	}
	if n, found := strings.CutPrefix(id, "c"); found {
		left, right, _ := strings.Cut(n, "-")
		c, err1 := strconv.ParseUint(left, 10, 64)
		sub, err2 := strconv.ParseUint(right, 10, 64)
		return Bulk, c, sub, err1 == nil && err2 == nil
	}
	return 0, 0, 0, false
}

// Envelope is what Put takes: one legacy mail to one or more recipients.
type Envelope struct {
	From       string             // envelope sender as given, "" for the null sender
	FromDomain string             // domain of the From header: the scope of an identity hold
	To         []string           // canonical addresses, at most MaxBatch
	Subject    string             // decoded, for people; cut at 200 bytes
	MessageID  string             // without brackets
	Skip       map[string]string  // recipient -> skip reason, for those not to be mailed
	Report     string             // a mail of our own: ReportDigest or ReportSender; nobody is told when it fails
	Once       string             // a name, at most 64 bytes, under which it is stored once until Forget; "" for none
	Routing    map[string]Routing // recipient -> what is asked of their mail; nil: nothing
}

// Row is one recipient as frozen into a campaign's ledger.
type Row struct {
	Subscriber uint64
	Skip       string // skip reason, "" to be mailed
}

// Mark is how far a freeze got: the last subscriber walked. Done ends it.
type Mark struct {
	Subscriber uint64
	Done       bool
	Hold       string // with Done: it is held for this reason instead of running; "" lets it run
}
