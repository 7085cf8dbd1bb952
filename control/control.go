// Package control is how the commands and the terminal UI talk to the running
// daemon: HTTP and JSON over a Unix socket, both ends of it.
//
// Server answers under /v0/. A value is one JSON object; a list, or the
// progress of something long, is newline-delimited JSON, one object a line, and
// a list that breaks off is seen by the client as an error, never as a shorter
// list. A failure is {"error","hint","code"} with a fitting HTTP status; in the
// middle of a list it is the last line (no record has a first field "error").
// `curl --unix-socket /run/pabal/control.sock http://pabal/v0/status` works.
//
// Who may use it is decided by the file system: the socket is 0660 in a 0750
// directory. Every change is logged with the uid of the peer (SO_PEERCRED) and
// belongs to nobody's connection: a start, a cancel or an import that has been
// taken over is finished although the person who asked has gone.
//
// Client has one short method for each thing and is safe to use from many
// goroutines. Its errors are *eml.Problem, and errors.Is finds the sentinel
// errors of the packages behind the socket (spool.ErrNotFound,
// campaign.ErrBlocked and so on) by the code that came over the wire.
package control

import (
	"encoding/json"
	"slices"
	"time"

	"pabal/alarm"
	"pabal/audience"
	"pabal/campaign"
	"pabal/sesclient"
	"pabal/spool"
	"pabal/syncer"
)

// VersionHeader carries the version of the sender, in requests and answers.
const VersionHeader = "X-Pabal-Version"

// ZoneHeader carries the campaigns' time zone, in answers: times that people
// read are shown in it, wherever they sit.
const ZoneHeader = "X-Pabal-Zone"

// Limits on what the socket takes.
const (
	MaxRequestBytes  = 1 << 20  // of a JSON request that is not a template
	MaxTemplateBytes = 5 << 20  // of a template, HTML and text together
	MaxImportBytes   = 1 << 30  // of an imported file; about 10 million rows
	MaxLineBytes     = 16 << 20 // of one line of a list, as the client reads it: a mail of 10 MB in base64
)

// Status is what `pabal status` shows.
type Status struct {
	Version  string                    `json:"version"`
	PID      int                       `json:"pid"`
	Started  time.Time                 `json:"started"`
	Spool    spool.Status              `json:"spool"`
	SES      sesclient.Status          `json:"ses"`
	Sync     *syncer.Status            `json:"sync,omitempty"`     // nil: the audience has no source
	Feedback *sesclient.FeedbackStatus `json:"feedback,omitempty"` // nil: a daemon that reads none
	SMTP     json.RawMessage           `json:"smtp,omitempty"`     // smtpd.Stats, which this package may not know
	Failures json.RawMessage           `json:"failures,omitempty"` // smtpd.FailuresStatus
	Domains  []DomainAlarm             `json:"domains"`            // of senders, those that are amiss
	Alarms   []alarm.Alarm             `json:"alarms"`             // all that is wrong, the worst first

	Retention *RetentionState `json:"retention,omitempty"` // nil: a daemon that removes nothing
}

// Health says that the daemon answers, and whether it does its work.
type Health struct {
	Version string    `json:"version"`
	PID     int       `json:"pid"`
	Started time.Time `json:"started"`
	Alive   bool      `json:"alive"` // the loops that send go round; a hold does not stop them
}

// RetentionRun is what one run of retention removed, or would remove.
type RetentionRun struct {
	At      time.Time `json:"at"`
	Seconds float64   `json:"seconds"`
	DryRun  bool      `json:"dry_run"`
	spool.Removal
	Reports int64  `json:"import_reports"` // lists of rows that an import rejected
	Files   int64  `json:"files"`          // in the inbox, and set aside in the drop folder
	People  int64  `json:"people"`         // who refused all mail long ago
	Error   string `json:"error,omitempty"`
}

// StoreSize is one store's file.
type StoreSize struct {
	File   string `json:"file"`
	Bytes  int64  `json:"bytes"`
	Unused int64  `json:"unused_bytes"` // of them: what is removed leaves room for what comes
}

// RetentionState is how the removal of old data stands.
type RetentionState struct {
	Running bool           `json:"running"`
	Removed *spool.Removal `json:"removed,omitempty"` // by the run that goes on now, so far; nil: none does
	Last    *RetentionRun  `json:"last,omitempty"`    // nil: it has not run yet
	Next    time.Time      `json:"next"`
}

// RetentionStatus is how long what is settled is kept. Days of 0 are for ever.
type RetentionStatus struct {
	HistoryDays int    `json:"history_days"`
	TextsDays   int    `json:"texts_days"`
	FilesDays   int    `json:"files_days"`
	RefusedDays int    `json:"refused_days"`
	At          string `json:"daily_at"` // in the campaigns' time zone
	RetentionState
	Would  RetentionRun `json:"would"` // what it would remove now
	Stores []StoreSize  `json:"stores"`
}

// Person is one subscriber with all that is known of their consent.
type Person struct {
	audience.Subscriber
	Suppression *audience.Suppression `json:"suppression,omitempty"`
	History     []audience.Change     `json:"history,omitempty"`
}

// RenderRequest asks for a template as one subscriber would get it.
type RenderRequest struct {
	Version int               `json:"version,omitempty"` // zero means the newest
	Email   string            `json:"email,omitempty"`   // "" means nobody: only the values are filled in
	Values  map[string]string `json:"values,omitempty"`
}

// TestRequest asks for the letter, as somebody would get it, to an address, or
// to several with commas between.
type TestRequest struct {
	As string `json:"as"`
	To string `json:"to"`
}

// StartRequest confirms a start. Expect is the number of recipients the person
// saw; below zero means that no number was confirmed.
type StartRequest struct {
	Expect    int64               `json:"expect"`
	Overrides []campaign.Override `json:"overrides,omitempty"` // blocks to let pass, each with a reason
}

// Check is what `pabal check` found in all stores.
type Check struct {
	spool.CheckReport
	Audience []string `json:"audience_faults"`
	Campaign []string `json:"campaign_faults"`
}

// All is every fault, of whichever store.
func (c Check) All() []string { return slices.Concat(c.Faults, c.Audience, c.Campaign) }

// Clean reports whether every sum, index and reference holds.
func (c Check) Clean() bool { return len(c.All()) == 0 }
