package control

import (
	"context"
	"io"
	"net/http"
	"net/url"
	"time"

	"pabal/campaign"
	"pabal/eml"
)

// PreflightLine is one line of a preflight that is watched; exactly one field
// is set.
type PreflightLine struct {
	Progress *CountProgress      `json:"progress,omitempty"`
	Result   *campaign.Preflight `json:"result,omitempty"` // the last line
}

// language is that of the words in an answer: en unless ?lang=ko.
func language(r *http.Request) (string, error) {
	switch lang := r.URL.Query().Get("lang"); lang {
	case "", "en":
		return "en", nil
	case "ko":
		return lang, nil
	default:
		return "", invalid("there is no language "+eml.Visible(lang), "one of ko, en")
	}
}

func (s *Server) preflight(r *http.Request) (any, error) {
	lang, err := language(r)
	if err != nil {
		return nil, err
	}
	return on(r, func(id uint64) (campaign.Preflight, error) {
		p, err := s.Campaigns.Preflight(r.Context(), id)
		return p.In(lang), err
	})
}

// watchPreflight is preflight with its progress; it ends when the client has
// gone.
func (s *Server) watchPreflight(l *lines, r *http.Request) error {
	lang, err := language(r)
	if err != nil {
		return err
	}
	id, err := campaignID(r)
	if err != nil {
		return err
	}
	l.live = true
	last := time.Now()
	p, err := s.Campaigns.PreflightTold(r.Context(), id, func(done, total int64) {
		if time.Since(last) < progressEvery {
			return
		}
		last = time.Now()
		_ = l.write(PreflightLine{Progress: &CountProgress{done, total}}) // a client that has gone ends the request's context
	})
	if err != nil {
		return aboutCampaign(id, err)
	}
	p = p.In(lang)
	return l.write(PreflightLine{Result: &p})
}

// Preflight checks a campaign over its real audience. Its words are English;
// campaign.Preflight.In gives those of another language.
func (c *Client) Preflight(ctx context.Context, id uint64) (campaign.Preflight, error) {
	return get[campaign.Preflight](ctx, c, campaignPath(id, "/preflight"), nil)
}

// PreflightTold is Preflight in a language, ko or en, that says now and then how
// many subscribers were looked at. The daemon stops looking when ctx ends.
func (c *Client) PreflightTold(ctx context.Context, id uint64, lang string, tell func(done, total int64)) (campaign.Preflight, error) {
	for line, err := range list[PreflightLine](ctx, c, http.MethodGet, campaignPath(id, "/preflight/watch"), url.Values{"lang": {lang}}, nil) {
		switch {
		case err != nil:
			return campaign.Preflight{}, err
		case line.Result != nil:
			return *line.Result, nil
		case line.Progress != nil:
			tell(line.Progress.Done, line.Progress.Total)
		}
	}
	return campaign.Preflight{}, broken(io.ErrUnexpectedEOF)
}
