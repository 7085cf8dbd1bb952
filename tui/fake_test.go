package tui

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"sync"
	"time"

	"pabal/alarm"
	"pabal/audience"
	"pabal/campaign"
	"pabal/sesclient"
	"pabal/spool"
	"pabal/syncer"
)

// fakeBackend is a daemon with sample data that remembers what it was asked to do.
type fakeBackend struct {
	sync      *syncer.Status
	mu        sync.Mutex
	calls     []string
	down      error // every call fails with it
	now       time.Time
	status    spool.Status
	ses       sesclient.Status
	events    []spool.Event
	campaigns []campaign.Campaign
	templates []campaign.Template
	people    []audience.Subscriber
	count     audience.Count
	preflight campaign.Preflight
	plan      campaign.Plan
	letter    campaign.Letter
	link      campaign.Link
	report    campaign.Report
	rows      []spool.Message

	heard      *sesclient.FeedbackStatus
	topics     []audience.Topic
	mails      []spool.Message
	history    []audience.Change
	blocked    map[string]*audience.Suppression
	suppressed []audience.Suppression

	fields []audience.Field
	values []audience.FieldValue
	slow   bool // a count says how far it is
	inbox  Inbox
	seen   audience.ImportPreview
	result audience.ImportResult
	listed audience.SuppressResult

	queued  []spool.Message // of the queue
	senders []SenderDomain
	amiss   []alarm.Domain
	untold  alarm.Facts // SetAside, Folder and Untold of it

	live chan struct{} // Watch goes on with each; nil: it ends after one state
}

// did keeps a call; its arguments are part of it.
func (f *fakeBackend) did(format string, args ...any) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls = append(f.calls, fmt.Sprintf(format, args...))
	return f.down
}

// asked returns the calls that begin with a word.
func (f *fakeBackend) asked(word string) []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	var out []string
	for _, c := range f.calls {
		if strings.HasPrefix(c, word) {
			out = append(out, c)
		}
	}
	return out
}

func (f *fakeBackend) find(id uint64) (*campaign.Campaign, error) {
	for i := range f.campaigns {
		if f.campaigns[i].ID == id {
			return &f.campaigns[i], nil
		}
	}
	return nil, campaign.ErrNotFound
}

func (f *fakeBackend) SpoolStatus(context.Context) (spool.Status, error) {
	return f.status, f.did("SpoolStatus")
}
func (f *fakeBackend) SESStatus(context.Context) (sesclient.Status, error) {
	return f.ses, f.did("SESStatus")
}
func (f *fakeBackend) SyncStatus(context.Context) (*syncer.Status, error) {
	return f.sync, f.did("SyncStatus")
}
func (f *fakeBackend) FeedbackStatus(context.Context) (*sesclient.FeedbackStatus, error) {
	return f.heard, f.did("FeedbackStatus")
}
func (f *fakeBackend) Heard(ctx context.Context, id uint64, outcome, feedback string) iter.Seq2[spool.Message, error] {
	return func(yield func(spool.Message, error) bool) {
		if err := f.did("Heard %d %s %s", id, outcome, feedback); err != nil {
			yield(spool.Message{}, err)
			return
		}
		for _, m := range f.rows {
			if m.Delivered && feedback == "delivered" && !yield(m, nil) {
				return
			}
		}
	}
}
func (f *fakeBackend) Events(context.Context) ([]spool.Event, error) {
	return f.events, f.did("Events")
}
func (f *fakeBackend) Release(_ context.Context, s spool.Scope) error { return f.did("Release %s", s) }
func (f *fakeBackend) Messages(_ context.Context, outcome string) iter.Seq2[spool.Message, error] {
	err := f.did("Messages %s", outcome)
	return func(yield func(spool.Message, error) bool) {
		if err != nil {
			yield(spool.Message{}, err)
			return
		}
		for _, m := range f.queued {
			if (outcome == "" || outcomeWord[m.Outcome] == outcome || outcome == outcomeDead && m.Dead()) && !yield(m, nil) {
				return
			}
		}
	}
}
func (f *fakeBackend) Message(_ context.Context, id string) (spool.Message, error) {
	err := f.did("Message %s", id)
	for _, rows := range [][]spool.Message{f.queued, f.mails, f.rows} {
		for _, m := range rows {
			if m.ID == id {
				return m, err
			}
		}
	}
	return spool.Message{}, errors.Join(err, spool.ErrNotFound)
}
func (f *fakeBackend) Retry(_ context.Context, id string) (spool.Message, error) {
	return spool.Message{}, f.did("Retry %s", id)
}
func (f *fakeBackend) Discard(_ context.Context, id string) (spool.Message, error) {
	return spool.Message{}, f.did("Discard %s", id)
}
func (f *fakeBackend) Edit(_ context.Context, id, to string) (spool.Message, error) {
	return spool.Message{}, f.did("Edit %s %s", id, to)
}
func (f *fakeBackend) Hold(_ context.Context, scope spool.Scope, reason string) (spool.Hold, error) {
	return spool.Hold{}, f.did("Hold %s %s", scope, reason)
}

// Alarms are those of the sample data, as the daemon finds them.
func (f *fakeBackend) Alarms(context.Context) ([]alarm.Alarm, error) {
	facts := f.untold
	facts.At, facts.Holds, facts.Disk, facts.SES, facts.Sync, facts.Feedback, facts.Domains, facts.Campaigns = f.now, f.status.Held, f.status.Store, f.ses, f.sync, f.heard, f.amiss, f.campaigns
	facts.Oldest = time.Duration(f.status.OldestSeconds) * time.Second
	if f.sync != nil {
		facts.SyncKo.What, facts.SyncKo.Hint, _ = KoreanTrouble(f.sync.Code, nil)
	}
	return alarm.Look(&facts, func(string, string) bool { return false }), f.did("Alarms")
}
func (f *fakeBackend) Domains(_ context.Context, name, lang string) ([]SenderDomain, error) {
	out := slices.DeleteFunc(slices.Clone(f.senders), func(d SenderDomain) bool { return name != "" && d.Name != name })
	for i := range out {
		out[i].Findings = slices.Clone(out[i].Findings)
		for j := range out[i].Findings {
			out[i].Findings[j] = out[i].Findings[j].In(lang)
		}
	}
	return out, f.did("Domains %s %s", name, lang)
}
