package tui

import (
	"context"
	"iter"
	"time"

	"pabal/alarm"
	"pabal/audience"
	"pabal/campaign"
	"pabal/sesclient"
	"pabal/spool"
	"pabal/syncer"
)

// Backend is the daemon as the screens see it; control.Client implements it.
// Every method may be called at the same time and returns errors in two parts
// (what happened, what to do) where a person must act.
type Backend interface {
	Home
	Campaigns
	Letters
	Mails
	Reports
	Senders
	People
	Consents
	Table
	Segments
	Files
}

// Home feeds the first screen.
type Home interface {
	SpoolStatus(ctx context.Context) (spool.Status, error)
	SESStatus(ctx context.Context) (sesclient.Status, error)
	FeedbackStatus(ctx context.Context) (*sesclient.FeedbackStatus, error) // nil: a daemon that reads none
	Alarms(ctx context.Context) ([]alarm.Alarm, error)                     // what is wrong, the worst first
	Events(ctx context.Context) ([]spool.Event, error)
	Release(ctx context.Context, scope spool.Scope) error
}

// Campaigns are made, checked, started and watched.
type Campaigns interface {
	Campaigns(ctx context.Context) ([]campaign.Campaign, error)
	Campaign(ctx context.Context, id uint64) (campaign.Campaign, error)
	CreateCampaign(ctx context.Context, c campaign.Campaign) (campaign.Campaign, error)
	EditCampaign(ctx context.Context, c campaign.Campaign) (campaign.Campaign, error)
	PreflightTold(ctx context.Context, id uint64, lang string, tell func(done, total int64)) (campaign.Preflight, error)
	Plan(ctx context.Context, id uint64) (campaign.Plan, error)
	TestCampaigns(ctx context.Context, id uint64, as string, to []string) ([]campaign.TestMail, error)
	StartOver(ctx context.Context, id uint64, expect int64, overrides []campaign.Override) (campaign.Campaign, error)
	PlanSchedule(ctx context.Context, id uint64, o campaign.ScheduleOrder) (campaign.Plan, error) // of an order that is not given yet
	Schedule(ctx context.Context, id uint64, o campaign.ScheduleOrder) (campaign.Campaign, error)
	Unschedule(ctx context.Context, id uint64) (campaign.Campaign, error)
	SetWindow(ctx context.Context, id uint64, w *spool.Window) (campaign.Campaign, error)
	SetBrake(ctx context.Context, id uint64, b *spool.Brake) (campaign.Campaign, error) // nil: the configured one
	CopyCampaign(ctx context.Context, id uint64, name string) (campaign.Copied, error)
	Pause(ctx context.Context, id uint64) (campaign.Campaign, error)
	Resume(ctx context.Context, id uint64) (campaign.Campaign, error)
	Cancel(ctx context.Context, id uint64) (campaign.Campaign, error)
	Resend(ctx context.Context, id uint64, outcome string) (after campaign.Campaign, resent int64, err error) // outcome failed or unknown
	Watch(ctx context.Context, id uint64) iter.Seq2[campaign.Campaign, error]
	Recipients(ctx context.Context, id uint64, outcome string) iter.Seq2[spool.Message, error]      // outcome "" means all
	Heard(ctx context.Context, id uint64, outcome, feedback string) iter.Seq2[spool.Message, error] // those of whom SES said so
}

// Letters are templates and previews.
type Letters interface {
	Templates(ctx context.Context) ([]campaign.Template, error)
	Template(ctx context.Context, name string, version int) (campaign.Template, error)
	TemplateVersions(ctx context.Context, name string) ([]campaign.Template, error)                     // newest first
	PutTemplate(ctx context.Context, t campaign.Template) (campaign.Template, error)                    // a new version
	PutInboxTemplate(ctx context.Context, t campaign.Template, file string) (campaign.Template, error)  // of a zip or a page
	PullTemplate(ctx context.Context, name string, o campaign.PullOptions) (campaign.PullResult, error) // of SES
	RemoveTemplate(ctx context.Context, name string) error                                              // with all versions, unless a campaign is made of it
	PutInboxFile(ctx context.Context, file string) (campaign.Attachment, error)                         // of the inbox, to be attached
	PreviewAs(ctx context.Context, id uint64, whom campaign.Whom) (campaign.Letter, error)
	PreviewLink(ctx context.Context, id uint64, whom campaign.Whom) (campaign.Link, error)
}

// Mails are the messages of applications, and what is held of all mail.
type Mails interface {
	Messages(ctx context.Context, outcome string) iter.Seq2[spool.Message, error] // oldest first; outcome "" means all, outcomeDead dead letters
	Message(ctx context.Context, id string) (spool.Message, error)                // of either lane; spool.ErrNotFound
	Retry(ctx context.Context, id string) (spool.Message, error)                  // spool.ErrState
	Discard(ctx context.Context, id string) (spool.Message, error)                // spool.ErrState
	Edit(ctx context.Context, id, to string) (spool.Message, error)               // to another address, as a new message; spool.ErrState
	Hold(ctx context.Context, scope spool.Scope, reason string) (spool.Hold, error)
}

// Reports say what became of a campaign.
type Reports interface {
	Report(ctx context.Context, id uint64) (campaign.Report, error)
	ReportLink(ctx context.Context, id uint64) (campaign.Link, error)
	MailReport(ctx context.Context, id uint64, to, lang string) (messageID string, err error)
}

// Senders are the domains mail is sent from.
type Senders interface {
	// Domains are all of the account, the configured one first; name asks for
	// one. Findings are in a language, ko or en.
	Domains(ctx context.Context, name, lang string) ([]SenderDomain, error)
}

// People is the audience.
type People interface {
	// Subscribers are the first whose e-mail or name begins with prefix and
	// whom the segment selects.
	Subscribers(ctx context.Context, prefix, segment string, limit int) ([]audience.Subscriber, error)
	SearchAll(ctx context.Context, text string) iter.Seq2[audience.Found, error] // text anywhere in e-mail or name
	Person(ctx context.Context, email string) (Person, error)                    // audience.ErrNotFound
	Topics(ctx context.Context) ([]audience.Topic, error)
	Trace(ctx context.Context, query string) iter.Seq2[spool.Message, error] // every mail to an address
}

// Person is one subscriber with all that is kept of their consent.
type Person struct {
	audience.Subscriber
	Suppression *audience.Suppression // nil: not on the list
	History     []audience.Change     // oldest first
}

// Consents change what one person gets.
type Consents interface {
	Unsubscribe(ctx context.Context, email string) error
	AskConfirm(ctx context.Context, email string) error // by mail, whether they want mail
	Erase(ctx context.Context, email string) error
	Prefer(ctx context.Context, email string, p audience.Preferences) error
	Suppressions(ctx context.Context) iter.Seq2[audience.Suppression, error]
	Suppress(ctx context.Context, email, detail string) error
	Unsuppress(ctx context.Context, email string) error
}

// Table is the customers' table that the audience follows.
type Table interface {
	SyncStatus(ctx context.Context) (*syncer.Status, error) // nil: the audience has no source
	Sync(ctx context.Context, o syncer.Order) (syncer.Result, error)
}

// Segments build conditions over the audience and count them.
type Segments interface {
	SegmentFields(ctx context.Context) ([]audience.Field, error)
	SegmentValues(ctx context.Context, field, attribute string, limit int) (audience.FieldValues, error) // limit 0: 100
	CountTold(ctx context.Context, segment, topic string, tell func(done, total int64)) (audience.Count, error)
}

// Files are those that people put into the inbox, and their imports.
type Files interface {
	Inbox(ctx context.Context) (Inbox, error)
	PreviewInbox(ctx context.Context, name string, o audience.ImportOptions) (audience.ImportPreview, error)
	ImportInbox(ctx context.Context, name string, o audience.ImportOptions) (audience.ImportResult, error) // tells o.Progress
	DiscardImport(ctx context.Context, id uint32) error
	SuppressInbox(ctx context.Context, name string) (audience.SuppressResult, error) // an operator's list
}

// Inbox is the folder on the daemon's host that people copy files to.
type Inbox struct {
	SCP   string // the command for a terminal on their PC, FILE being the file's name
	Files []InboxFile
}

// InboxFile is a file that can be imported.
type InboxFile struct {
	Name     string
	Size     int64 // bytes
	Modified time.Time
}
