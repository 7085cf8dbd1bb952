// Package alarm is the one list of conditions that a person should know of:
// what is wrong, since when, and what to do, in English and Korean.
//
// Look says from facts alone which conditions there are now. Watch remembers
// them: a condition that lasts is told once when it began, again every so
// often, and once when it has ended; one that comes and goes is told once. The
// journal, a webhook and mail to the operator are told the same events. Status,
// the first screen, /readyz and the metrics show the same list.
//
// What it promises: an event is told at least once to each place that is
// configured, over restarts too; the memory (what was told, and what still has
// to be) is one value of a Keeper, written whenever it changes. A crash in the
// instant between telling and writing tells again with the same id. A place
// that does not answer is tried again for three days, and never holds up
// anything else; past 100 waiting events the oldest is dropped, with a line in
// the journal. Mail goes only while SES takes it: the events meanwhile are
// gathered into one.
//
// What it does not do: it changes nothing and holds nothing. It is told facts
// and asks nobody.
package alarm

import (
	"strings"
	"time"
)

// Level is how bad an alarm is.
type Level string

// The levels, the worst first. Notes are shown and told to nobody.
const (
	Grave Level = "grave" // mail does not go, or will stop going
	Warn  Level = "warn"  // mail goes, and somebody has to do something
	Note  Level = "note"  // good to know
)

// Alarm is a condition that a person should know of, as it is now.
type Alarm struct {
	Name    string    `json:"name"`              // one of Names
	Subject string    `json:"subject,omitempty"` // what it is of: a hold's scope, a domain, a campaign's id
	Level   Level     `json:"level"`
	Since   time.Time `json:"since"`
	Told    time.Time `json:"told,omitzero"` // when people were told; zero: not yet, or a note
	What    string    `json:"what"`
	WhatKo  string    `json:"what_ko"`
	Hint    string    `json:"hint"`
	HintKo  string    `json:"hint_ko"`
	Page    string    `json:"page"` // of the documentation
}

// In is what is wrong and what to do in a language, "ko" or "en".
func (a *Alarm) In(lang string) (what, hint string) {
	if lang == "ko" {
		return a.WhatKo, a.HintKo
	}
	return a.What, a.Hint
}

// key is what makes it this alarm and no other.
func (a *Alarm) key() string {
	if a.Subject == "" {
		return a.Name
	}
	return a.Name + " " + a.Subject
}

// The names of alarms. A name is never given another meaning.
const (
	Held          = "held"
	QuotaUsedUp   = "quota_used_up"
	QuotaNear     = "quota_near"
	Credentials   = "credentials"
	SendingOff    = "sending_off"
	SESUnknown    = "ses_unknown"
	Damaged       = "damaged"
	DiskFull      = "disk_full"
	DiskUnused    = "disk_unused"
	Oldest        = "oldest"
	Braked        = "braked"
	CampaignHeld  = "campaign_held"
	DomainAmiss   = "domain_amiss"
	DomainSilent  = "domain_silent"
	SyncFailing   = "sync_failing"
	SyncOld       = "sync_old"
	FeedbackFails = "feedback_failing"
	FeedbackLate  = "feedback_late"
	Certificate   = "certificate"
	Clock         = "clock"
	AuditFailing  = "audit_failing"
	RemovalFails  = "retention_failing"
	Undelivered   = "undelivered"
	Untold        = "untold"
	SetAside      = "set_aside"
	NoFeedback    = "no_feedback"
	Sandbox       = "sandbox"
)

// Kind is what all alarms of a name have in common.
type Kind struct {
	Name  string
	Level Level // the worst that one of them may be
	// Patience is how many times as long as [alert] after it has to last before
	// people are told, 0 at once: what mends itself within minutes is told to nobody.
	Patience int
	Unready  bool // /readyz answers 503 while people know of one
}

// Kinds are all there are, in the order of lists: what keeps most mail from
// going first.
func Kinds() []Kind {
	return []Kind{
		{SendingOff, Grave, 1, true},
		{Held, Grave, 1, true},
		{Credentials, Grave, 1, true},
		{QuotaUsedUp, Grave, 1, true},
		{Damaged, Grave, 0, true},
		{DiskFull, Grave, 0, true},
		{Braked, Grave, 0, true},
		{CampaignHeld, Grave, 0, true},
		{Oldest, Grave, 0, true},
		{DomainAmiss, Grave, 0, true},
		{Clock, Grave, 0, true},
		{Certificate, Grave, 0, false},
		{SESUnknown, Warn, 10, true},
		{QuotaNear, Warn, 5, true},
		{DiskUnused, Warn, 10, false},
		{SyncFailing, Warn, 15, true},
		{SyncOld, Warn, 0, true},
		{FeedbackFails, Warn, 10, true},
		{FeedbackLate, Warn, 10, false},
		{DomainSilent, Warn, 0, false},
		{AuditFailing, Warn, 0, false},
		{RemovalFails, Warn, 0, false},
		{Undelivered, Warn, 10, false},
		{SetAside, Warn, 0, false},
		{Untold, Note, 0, false},
		{NoFeedback, Note, 0, false},
		{Sandbox, Note, 0, false},
	}
}

// kindOf is the kind of a name and its place in the order; of a name that this
// version does not know (a memory of a newer one) a warning, the last.
func kindOf(name string) (Kind, int) {
	for i, k := range Kinds() {
		if k.Name == name {
			return k, i
		}
	}
	return Kind{Name: name, Level: Warn, Patience: 1}, len(Kinds())
}

// Unready are those among alarms for which /readyz answers 503.
func Unready(all []Alarm) (out []Alarm) {
	for _, a := range all {
		if k, _ := kindOf(a.Name); k.Unready && a.Level != Note {
			out = append(out, a)
		}
	}
	return out
}

// page is where the documentation says more of a name.
func page(name string) string { return "docs/alarms.md#" + strings.ReplaceAll(name, "_", "-") }

// order is that of lists.
func order(a, b Alarm) int {
	_, x := kindOf(a.Name)
	_, y := kindOf(b.Name)
	if d := rank(a.Level) - rank(b.Level); d != 0 {
		return d
	}
	if x != y {
		return x - y
	}
	return strings.Compare(a.Subject, b.Subject)
}

func rank(l Level) int { return strings.Index(string(Grave+" "+Warn+" "+Note), string(l)) }
