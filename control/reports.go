package control

import (
	"context"
	"net/http"
	"net/url"
	"time"

	"pabal/campaign"
	"pabal/eml"
)

// ReportMail asks for a report by mail.
type ReportMail struct {
	To   string `json:"to"`
	Lang string `json:"lang,omitempty"` // ko, else English
}

func (s *Server) report(r *http.Request) (any, error) {
	return on(r, func(id uint64) (campaign.Report, error) { return s.Campaigns.Report(r.Context(), id) })
}

func (s *Server) reportLink(r *http.Request) (any, error) {
	return on(r, func(id uint64) (campaign.Link, error) { return s.Campaigns.ReportLink(r.Context(), id) })
}

func (s *Server) mailReport(r *http.Request) (any, error) {
	return on(r, func(id uint64) (campaign.TestMail, error) {
		q, err := read[ReportMail](r, MaxRequestBytes)
		if err != nil {
			return campaign.TestMail{}, err
		}
		message, err := s.Campaigns.MailReport(r.Context(), id, q.To, q.Lang)
		return campaign.TestMail{To: q.To, Message: message}, err
	})
}

// reports is a list of campaigns since a time, newest first.
func (s *Server) reports(l *lines, r *http.Request) error {
	var since time.Time
	if text := r.URL.Query().Get("since"); text != "" {
		var err error
		if since, err = time.Parse(time.RFC3339, text); err != nil {
			return invalid("since is no time: "+eml.Visible(text), "for example 2026-11-02T00:00:00+09:00")
		}
	}
	all, err := s.Campaigns.Reports(r.Context(), since)
	if err != nil {
		return err
	}
	return writeSlice(l, all)
}

// Report is what became of a campaign: counters, series, tables, speed, cost.
// Its methods make text, pages and CSV of it. campaign.ErrNotFound, as all that
// follow; campaign.ErrState for one that was not sent.
func (c *Client) Report(ctx context.Context, id uint64) (campaign.Report, error) {
	return get[campaign.Report](ctx, c, campaignPath(id, "/report"), nil)
}

// ReportLink is an address that shows the report in a browser for 15 minutes.
func (c *Client) ReportLink(ctx context.Context, id uint64) (campaign.Link, error) {
	return get[campaign.Link](ctx, c, campaignPath(id, "/report/link"), nil)
}

// MailReport sends the report to an address, in ko or en, and returns the
// message's id.
func (c *Client) MailReport(ctx context.Context, id uint64, to, lang string) (string, error) {
	sent, err := call[campaign.TestMail](ctx, c, http.MethodPost, campaignPath(id, "/report/mail"), nil, ReportMail{To: to, Lang: lang})
	return sent.Message, err
}

// Reports are the campaigns started at a time or later with their rates, newest
// first; the zero time means all.
func (c *Client) Reports(ctx context.Context, since time.Time) ([]campaign.ReportLine, error) {
	q := url.Values{}
	if !since.IsZero() {
		q.Set("since", since.Format(time.RFC3339))
	}
	return collect(list[campaign.ReportLine](ctx, c, http.MethodGet, "/v0/reports", q, nil))
}
