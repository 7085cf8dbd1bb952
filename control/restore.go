package control

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strconv"

	"pabal/campaign"
	"pabal/eml"
	"pabal/sesclient"
	"pabal/spool"
)

// Restored is a daemon whose data came from a backup and is not released: what
// the original may have done after the backup.
type Restored struct {
	spool.Restored
	Source    string              `json:"source"`    // of SES's feedback: sqs settles what was sent since
	Mails     int64               `json:"mails"`     // applications' mails that waited at the backup and wait still
	Campaigns []RestoredCampaign  `json:"campaigns"` // that waited then and wait still
	Overdue   []campaign.Campaign `json:"overdue"`   // scheduled for a time that has come: released, they are drafts again
	Drafts    []campaign.Campaign `json:"drafts"`    // of the backup, and those scheduled for later: started by a person since, they would be mailed twice
}

// RestoredCampaign is one of them.
type RestoredCampaign struct {
	spool.Waits
	Name string `json:"name"`
}

func (s *Server) restored(r *http.Request) (any, error) {
	waits, err := s.Spool.MaySendAgain()
	if err != nil {
		return nil, err
	}
	out := Restored{Campaigns: []RestoredCampaign{}, Overdue: []campaign.Campaign{}, Drafts: []campaign.Campaign{}, Source: sesclient.SourceNone}
	out.Restored, _ = s.Spool.Restored()
	if s.Feedback != nil {
		out.Source = s.Feedback().Source
	}
	for _, w := range waits {
		if w.Campaign == 0 {
			out.Mails = w.Pending
			continue
		}
		one := RestoredCampaign{Waits: w}
		if c, err := s.Campaigns.Campaign(w.Campaign); err == nil {
			one.Name = c.Name
		}
		out.Campaigns = append(out.Campaigns, one)
	}
	overdue, err := s.Campaigns.Overdue()
	if err != nil {
		return nil, err
	}
	drafts, err := s.Campaigns.DraftsBy(out.Restored.Campaign)
	out.Overdue, out.Drafts = append(out.Overdue, overdue...), append(out.Drafts, drafts...)
	return out, err
}

func (s *Server) listen(r *http.Request) (any, error) {
	if err := s.Spool.Listen(r.Context()); err != nil {
		return nil, err
	}
	now, _ := s.Spool.Restored()
	return now, nil
}

// GoLiveRequest says what becomes of what waits when a restored daemon is
// released.
type GoLiveRequest struct {
	Resend     []uint64 `json:"resend"`      // campaigns whose waiting recipients are mailed, maybe twice; those of others become unknown
	LeaveQueue bool     `json:"leave_queue"` // applications' mail becomes unknown too; else it is sent, maybe twice
	Unheard    bool     `json:"unheard"`     // although SES's events could be read and were not
}

// Released is what became of it.
type Released struct {
	Unscheduled []campaign.Campaign `json:"unscheduled"` // drafts again
}

// goLive releases a restored daemon. Campaigns whose time came while it was held
// are taken off their schedule first, and it sends last.
func (s *Server) goLive(r *http.Request) (any, error) {
	q, err := read[GoLiveRequest](r, MaxRequestBytes)
	if err != nil {
		return nil, err
	}
	if err := s.releasable(q); err != nil {
		return nil, err
	}
	off, err := s.Campaigns.UnscheduleOverdue(r.Context())
	if err != nil {
		return nil, err
	}
	return Released{Unscheduled: off}, s.Spool.GoLive(r.Context(), q.Resend, !q.LeaveQueue)
}

// releasable refuses what a person would regret.
func (s *Server) releasable(q GoLiveRequest) error {
	waits, err := s.Spool.MaySendAgain()
	if err != nil {
		return err
	}
	for _, id := range q.Resend {
		if !slices.ContainsFunc(waits, func(w spool.Waits) bool { return w.Campaign == id && id != 0 }) {
			return invalid("nobody of campaign "+strconv.FormatUint(id, 10)+" waits since the backup", "see who does with: pabal restore list")
		}
	}
	now, _ := s.Spool.Restored()
	if err := s.frozenBy(now.Campaign); err != nil {
		return err
	}
	if now.Listened.IsZero() && !q.Unheard && s.Feedback != nil && s.Feedback().Source == sesclient.SourceSQS {
		return &eml.Problem{What: "SES's queue of events was not read yet: it may say what was sent after the backup",
			Hint: "if no other pabal reads it: pabal restore listen, and a few minutes later release again; or release without it: --unheard", Err: spool.ErrState}
	}
	return nil
}

// frozenBy refuses while a campaign of the backup is sealed and has no ledger: the
// daemon is about to freeze it, and its audience would be mailed unlisted.
func (s *Server) frozenBy(last uint64) error {
	all, err := s.Campaigns.Campaigns()
	for _, c := range all {
		if c.ID <= last && c.State == spool.Freezing {
			return &eml.Problem{What: "the audience of campaign " + strconv.FormatUint(c.ID, 10) + " is being frozen: who is in it is not known yet",
				Hint: "try again when it is frozen (pabal campaign list), or cancel it", Err: spool.ErrState}
		}
	}
	return err
}

// Restored is what a daemon whose data came from a backup says of it. A problem
// when it is live.
func (c *Client) Restored(ctx context.Context) (Restored, error) {
	return get[Restored](ctx, c, "/v0/restore", nil)
}

// Listen has a restored daemon read SES's events.
func (c *Client) Listen(ctx context.Context) (spool.Restored, error) {
	return call[spool.Restored](ctx, c, http.MethodPost, "/v0/restore/listen", nil, nil)
}

// GoLive releases a restored daemon.
func (c *Client) GoLive(ctx context.Context, q GoLiveRequest) (Released, error) {
	return call[Released](ctx, c, http.MethodPost, "/v0/restore/release", url.Values{}, q)
}
