package control

import (
	"context"
	"iter"
	"net/http"
	"net/url"

	"pabal/eml"
	"pabal/sesclient"
	"pabal/spool"
)

// feedbackStatus is GET /v0/status/feedback: null where none is read.
func (s *Server) feedbackStatus(*http.Request) (any, error) {
	if s.Feedback == nil {
		return nil, nil
	}
	return s.Feedback(), nil
}

// FeedbackStatus is where feedback comes from and how, nil where none is read.
func (c *Client) FeedbackStatus(ctx context.Context) (*sesclient.FeedbackStatus, error) {
	return get[*sesclient.FeedbackStatus](ctx, c, "/v0/status/feedback", nil)
}

// feedbackOf is the feedback asked for; nil means any and none.
func feedbackOf(r *http.Request) (*spool.FeedbackKind, error) {
	name := r.URL.Query().Get("feedback")
	if name == "" {
		return nil, nil
	}
	k, err := spool.ParseFeedbackKind(name)
	if err != nil {
		return nil, invalid("there is no feedback "+eml.Visible(name), "one of delivered, delayed, bounced, complained, rejected, opened, machine_opened, clicked, sent")
	}
	return &k, nil
}

// heard leaves those of whom SES said something; all when kind is nil.
func heard(all iter.Seq2[spool.Message, error], kind *spool.FeedbackKind) iter.Seq2[spool.Message, error] {
	if kind == nil {
		return all
	}
	return func(yield func(spool.Message, error) bool) {
		for m, err := range all {
			if (err != nil || m.Heard(*kind)) && !yield(m, err) {
				return
			}
		}
	}
}

// Heard is Recipients, but only those of whom SES said something: a
// spool.FeedbackKind's name.
func (c *Client) Heard(ctx context.Context, id uint64, outcome, feedback string) iter.Seq2[spool.Message, error] {
	return list[spool.Message](ctx, c, http.MethodGet, campaignPath(id, "/recipients"), url.Values{"outcome": {outcome}, "feedback": {feedback}}, nil)
}
