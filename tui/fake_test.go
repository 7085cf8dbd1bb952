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

	"pabal/audience"
	"pabal/campaign"
	"pabal/eml"
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
	alarms  []DomainAlarm

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
func (f *fakeBackend) Campaigns(context.Context) ([]campaign.Campaign, error) {
	return f.campaigns, f.did("Campaigns")
}
func (f *fakeBackend) Campaign(_ context.Context, id uint64) (campaign.Campaign, error) {
	if err := f.did("Campaign %d", id); err != nil {
		return campaign.Campaign{}, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	c, err := f.find(id)
	if err != nil {
		return campaign.Campaign{}, err
	}
	return *c, nil
}

func (f *fakeBackend) CreateCampaign(_ context.Context, c campaign.Campaign) (campaign.Campaign, error) {
	err := f.did("CreateCampaign %s|%s|%s|%s|%s|%v", c.Name, c.Template, c.Segment, c.From, c.Topic, c.Values)
	c.ID, c.State = 9, spool.Draft
	f.campaigns = append(f.campaigns, c)
	return c, err
}
func (f *fakeBackend) EditCampaign(_ context.Context, c campaign.Campaign) (campaign.Campaign, error) {
	return c, f.did("EditCampaign %d %s %v", c.ID, c.Name, c.Values)
}
func (f *fakeBackend) PreflightTold(_ context.Context, id uint64, lang string, tell func(done, total int64)) (campaign.Preflight, error) {
	if f.slow {
		tell(42, 100)
	}
	return f.preflight.In(lang), f.did("Preflight %d", id)
}
func (f *fakeBackend) Plan(_ context.Context, id uint64) (campaign.Plan, error) {
	return f.plan, f.did("Plan %d", id)
}
func (f *fakeBackend) TestCampaigns(_ context.Context, id uint64, as string, to []string) ([]campaign.TestMail, error) {
	var sent []campaign.TestMail
	for _, t := range to {
		sent = append(sent, campaign.TestMail{To: t, Message: "q77"})
	}
	return sent, f.did("TestCampaigns %d %s %s", id, as, strings.Join(to, ","))
}

func (f *fakeBackend) change(what string, id uint64, to spool.State) (campaign.Campaign, error) {
	if err := f.did("%s %d", what, id); err != nil {
		return campaign.Campaign{}, err
	}
	c, err := f.find(id)
	if err != nil {
		return campaign.Campaign{}, err
	}
	c.State = to
	return *c, nil
}

func (f *fakeBackend) StartOver(_ context.Context, id uint64, expect int64, overrides []campaign.Override) (campaign.Campaign, error) {
	what := fmt.Sprintf("Start expect=%d", expect)
	for _, o := range overrides {
		what += " over " + o.Rule + ": " + o.Reason
	}
	return f.change(what, id, spool.Running)
}
func (f *fakeBackend) Schedule(_ context.Context, id uint64, o campaign.ScheduleOrder) (campaign.Campaign, error) {
	c, err := f.change(fmt.Sprintf("Schedule %s %s late=%d expect=%d %s %s", o.At, o.Zone, o.LateSeconds, o.Expect, o.Hours, o.Days), id, spool.Scheduled)
	if kept, no := f.find(id); no == nil {
		kept.Schedule = &campaign.Schedule{Wall: o.At, Zone: o.Zone, Due: f.now.Add(20 * time.Hour)}
		c = *kept
	}
	return c, err
}
func (f *fakeBackend) Unschedule(_ context.Context, id uint64) (campaign.Campaign, error) {
	c, err := f.change("Unschedule", id, spool.Draft)
	c.Schedule = nil
	return c, err
}
func (f *fakeBackend) SetWindow(_ context.Context, id uint64, w *spool.Window) (campaign.Campaign, error) {
	if err := f.did("SetWindow %d %v", id, w); err != nil {
		return campaign.Campaign{}, err
	}
	c, err := f.find(id)
	if err != nil {
		return campaign.Campaign{}, err
	}
	c.Window = w
	return *c, nil
}
func (f *fakeBackend) CopyCampaign(_ context.Context, id uint64, name string) (campaign.Copied, error) {
	c, err := f.find(id)
	if err != nil {
		return campaign.Copied{}, err
	}
	d := campaign.Campaign{ID: 9, Name: c.Name + " 2", State: spool.Draft, Template: c.Template}
	f.campaigns = append(f.campaigns, d)
	return campaign.Copied{Campaign: d, Changes: []campaign.Change{{Code: campaign.ChangedVersion, Was: "1", Is: "2"}, {Code: campaign.ChangedAudience, Was: "42820", Is: "44100"}}}, f.did("CopyCampaign %d %s", id, name)
}
func (f *fakeBackend) Pause(_ context.Context, id uint64) (campaign.Campaign, error) {
	return f.change("Pause", id, spool.Paused)
}
func (f *fakeBackend) Resume(_ context.Context, id uint64) (campaign.Campaign, error) {
	return f.change("Resume", id, spool.Running)
}
func (f *fakeBackend) Cancel(_ context.Context, id uint64) (campaign.Campaign, error) {
	return f.change("Cancel", id, spool.Cancelled)
}

func (f *fakeBackend) Resend(_ context.Context, id uint64, outcome string) (campaign.Campaign, int64, error) {
	c, err := f.change("Resend "+outcome, id, spool.Running)
	return c, c.Failed, err
}

func (f *fakeBackend) Watch(ctx context.Context, id uint64) iter.Seq2[campaign.Campaign, error] {
	return func(yield func(campaign.Campaign, error) bool) {
		if err := f.did("Watch %d", id); err != nil {
			yield(campaign.Campaign{}, err)
			return
		}
		for first := true; first || f.live != nil; first = false {
			c, err := f.Campaign(ctx, id)
			if !yield(c, err) || f.live == nil {
				return
			}
			select {
			case <-f.live:
			case <-ctx.Done():
				return
			}
		}
	}
}

func (f *fakeBackend) Recipients(_ context.Context, id uint64, outcome string) iter.Seq2[spool.Message, error] {
	return func(yield func(spool.Message, error) bool) {
		if err := f.did("Recipients %d %s", id, outcome); err != nil {
			yield(spool.Message{}, err)
			return
		}
		for _, m := range f.rows {
			if (outcome == "" || outcomeWord[m.Outcome] == outcome) && !yield(m, nil) {
				return
			}
		}
	}
}

var outcomeWord = [...]string{"pending", "sending", "accepted", "failed", "skipped", "unknown"}

func (f *fakeBackend) Templates(context.Context) ([]campaign.Template, error) {
	return f.templates, f.did("Templates")
}
func (f *fakeBackend) Template(_ context.Context, name string, version int) (campaign.Template, error) {
	err := f.did("Template %s %d", name, version)
	for _, t := range f.templates {
		if t.Name == name {
			return t, err
		}
	}
	return campaign.Template{}, errors.Join(err, campaign.ErrNotFound)
}
func (f *fakeBackend) PutTemplate(_ context.Context, t campaign.Template) (campaign.Template, error) {
	err := f.did("PutTemplate %s|%s|%s|%s", t.Name, t.Subject, t.Text, t.HTML)
	for i := range f.templates {
		if f.templates[i].Name == t.Name && err == nil {
			t.ID, t.Version, t.Fields, t.CreatedAt = f.templates[i].ID, f.templates[i].Version+1, f.templates[i].Fields, f.now
			f.templates[i] = t
		}
	}
	return t, err
}

func (f *fakeBackend) PutInboxFile(_ context.Context, file string) (campaign.Attachment, error) {
	return campaign.Attachment{Name: file, ContentType: "text/csv", Bytes: 88_100}, f.did("PutInboxFile %s", file)
}
func (f *fakeBackend) TemplateVersions(_ context.Context, name string) ([]campaign.Template, error) {
	var all []campaign.Template
	for _, t := range f.templates {
		for v := t.Version; t.Name == name && v > 0; v-- {
			all = append(all, campaign.Template{Name: name, Version: v, Subject: t.Subject, CreatedAt: t.CreatedAt.Add(time.Duration(v-t.Version) * 70 * time.Hour)})
		}
	}
	return all, f.did("TemplateVersions %s", name)
}
func (f *fakeBackend) PutInboxTemplate(_ context.Context, t campaign.Template, file string) (campaign.Template, error) {
	t.Version, t.HTML, t.CreatedAt = 1, "<p>{{Name}}</p>", f.now
	f.templates = append(f.templates, t)
	return t, f.did("PutInboxTemplate %s|%s|%s", t.Name, t.Subject, file)
}
func (f *fakeBackend) PullTemplate(_ context.Context, name string, o campaign.PullOptions) (campaign.PullResult, error) {
	return campaign.PullResult{Template: f.templates[0], Asked: true, New: true}, f.did("PullTemplate %s as %q again=%v", name, o.As, o.Refresh)
}
func (f *fakeBackend) RemoveTemplate(_ context.Context, name string) error {
	return f.did("RemoveTemplate %s", name)
}
func (f *fakeBackend) Report(_ context.Context, id uint64) (campaign.Report, error) {
	c, err := f.find(id)
	if err != nil {
		return campaign.Report{}, err
	}
	r := f.report
	r.Campaign, r.Final = *c, c.State.Final()
	return r, f.did("Report %d", id)
}
func (f *fakeBackend) ReportLink(_ context.Context, id uint64) (campaign.Link, error) {
	return f.link, f.did("ReportLink %d", id)
}
func (f *fakeBackend) MailReport(_ context.Context, id uint64, to, lang string) (string, error) {
	return "q78", f.did("MailReport %d %s %s", id, to, lang)
}

// PreviewAs steps through all people; it knows no segment.
func (f *fakeBackend) PreviewAs(_ context.Context, id uint64, w campaign.Whom) (campaign.Letter, error) {
	err := f.did("Preview %d %s%d>%d<%d", id, w.Email, w.Nth, w.After, w.Before)
	l := f.letter
	for i, p := range f.people {
		n := uint64(i + 1)
		if w.Email == p.Email || w.Email == "" && (w.After+1 == n && w.Before == 0 && w.Nth == 0 || w.Before == n+1 || w.Nth == int64(n)) {
			l.To, l.Email, l.Subscriber = p.Email, p.Email, n
			return l, err
		}
	}
	return l, errors.Join(err, &eml.Problem{What: "the audience ends here", Err: campaign.ErrNotFound})
}
func (f *fakeBackend) PreviewLink(_ context.Context, id uint64, w campaign.Whom) (campaign.Link, error) {
	return f.link, f.did("PreviewLink %d %s", id, w.Email)
}
func (f *fakeBackend) Subscribers(_ context.Context, prefix, segment string, limit int) ([]audience.Subscriber, error) {
	err := f.did("Subscribers %q %s %d", prefix, segment, limit)
	var out []audience.Subscriber
	for _, p := range f.people {
		if (strings.HasPrefix(p.Email, prefix) || strings.HasPrefix(p.Name, prefix)) && len(out) < limit {
			out = append(out, p)
		}
	}
	return out, err
}
func (f *fakeBackend) SearchAll(_ context.Context, text string) iter.Seq2[audience.Found, error] {
	err := f.did("SearchAll %s", text)
	return func(yield func(audience.Found, error) bool) {
		if err != nil {
			yield(audience.Found{}, err)
			return
		}
		for i, p := range f.people {
			found := audience.Found{Done: int64(i + 1), Total: int64(len(f.people))}
			if strings.Contains(p.Email, text) || strings.Contains(p.Name, text) {
				found.Subscriber = &p
			}
			if !yield(found, nil) {
				return
			}
		}
	}
}
func (f *fakeBackend) SegmentFields(context.Context) ([]audience.Field, error) {
	return f.fields, f.did("SegmentFields")
}
func (f *fakeBackend) SegmentValues(_ context.Context, field, attribute string, limit int) (audience.FieldValues, error) {
	return audience.FieldValues{Values: f.values}, f.did("SegmentValues %s %s %d", field, attribute, limit)
}
func (f *fakeBackend) CountTold(_ context.Context, segment, topic string, tell func(done, total int64)) (audience.Count, error) {
	if strings.Contains(segment, "==") && !strings.Contains(segment, `"`) {
		return audience.Count{}, errors.New("line 1, column 8: a value in quotes is missing")
	}
	if f.slow {
		tell(42, 100)
	}
	return f.count, f.did("Count %s %s", segment, topic)
}
func (f *fakeBackend) Inbox(context.Context) (Inbox, error) { return f.inbox, f.did("Inbox") }

// skipped are the columns nothing is taken of.
func skipped(o audience.ImportOptions) string {
	if len(o.Skip) == 0 {
		return ""
	}
	return " without " + strings.Join(o.Skip, ",")
}
func (f *fakeBackend) PreviewInbox(_ context.Context, name string, o audience.ImportOptions) (audience.ImportPreview, error) {
	return f.seen, f.did("PreviewInbox %s %v %s %s%s", name, o.Map, o.Encoding, o.Sheet, skipped(o))
}
func (f *fakeBackend) ImportInbox(_ context.Context, name string, o audience.ImportOptions) (audience.ImportResult, error) {
	err := f.did("ImportInbox %s %v %v%s", name, o.Map, o.Tags, skipped(o))
	half := f.result
	half.Rows, half.Created, half.Rejects = half.Total/2, half.Created/2, nil
	o.Progress(half)
	return f.result, err
}
func (f *fakeBackend) DiscardImport(_ context.Context, id uint32) error {
	return f.did("DiscardImport %d", id)
}
func (f *fakeBackend) Person(_ context.Context, email string) (Person, error) {
	err := f.did("Person %s", email)
	for _, p := range f.people {
		if p.Email == email {
			return Person{Subscriber: p, Suppression: f.blocked[email], History: f.history}, err
		}
	}
	return Person{}, errors.Join(err, audience.ErrNotFound)
}
func (f *fakeBackend) Topics(context.Context) ([]audience.Topic, error) {
	return f.topics, f.did("Topics")
}
func (f *fakeBackend) Trace(_ context.Context, query string) iter.Seq2[spool.Message, error] {
	err := f.did("Trace %s", query)
	return func(yield func(spool.Message, error) bool) {
		if err != nil {
			yield(spool.Message{}, err)
			return
		}
		for _, m := range f.mails {
			if !yield(m, nil) {
				return
			}
		}
	}
}
func (f *fakeBackend) Unsubscribe(_ context.Context, email string) error {
	return f.did("Unsubscribe %s", email)
}
func (f *fakeBackend) AskConfirm(_ context.Context, email string) error {
	return f.did("AskConfirm %s", email)
}
func (f *fakeBackend) Erase(_ context.Context, email string) error { return f.did("Erase %s", email) }
func (f *fakeBackend) SuppressInbox(_ context.Context, name string) (audience.SuppressResult, error) {
	return f.listed, f.did("SuppressInbox %s", name)
}
func (f *fakeBackend) Prefer(_ context.Context, email string, p audience.Preferences) error {
	text := fmt.Sprint(p.Topics)
	for _, v := range []*string{p.Frequency, p.Language} {
		if v == nil {
			v = new(string)
			*v = "-"
		}
		text += " " + *v
	}
	return f.did("Prefer %s %s", email, text)
}
func (f *fakeBackend) Suppressions(context.Context) iter.Seq2[audience.Suppression, error] {
	err := f.did("Suppressions")
	return func(yield func(audience.Suppression, error) bool) {
		if err != nil {
			yield(audience.Suppression{}, err)
			return
		}
		for _, s := range f.suppressed {
			if !yield(s, nil) {
				return
			}
		}
	}
}
func (f *fakeBackend) Suppress(_ context.Context, email, detail string) error {
	return f.did("Suppress %s %s", email, detail)
}
func (f *fakeBackend) Unsuppress(_ context.Context, email string) error {
	return f.did("Unsuppress %s", email)
}
func (f *fakeBackend) Sync(_ context.Context, o syncer.Order) (syncer.Result, error) {
	return syncer.Result{Read: 120, SyncResult: audience.SyncResult{Created: 3, Updated: 9, Removed: 1}}, f.did("Sync full=%v", o.Full)
}
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
func (f *fakeBackend) DomainAlarms(_ context.Context, lang string) ([]DomainAlarm, error) {
	out := slices.Clone(f.alarms)
	for i := range out {
		out[i].Findings = slices.Clone(out[i].Findings)
		for j := range out[i].Findings {
			out[i].Findings[j] = out[i].Findings[j].In(lang)
		}
	}
	return out, f.did("DomainAlarms %s", lang)
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
