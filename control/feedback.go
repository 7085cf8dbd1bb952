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

// feedbackOf asks a message for the feedback that is wanted; nil means any and none.
func feedbackOf(r *http.Request) (func(*spool.Message) bool, error) {
	name := r.URL.Query().Get("feedback")
	switch name {
	case "":
		return nil, nil
	case "sent_twice":
		return func(m *spool.Message) bool { return len(m.Also) > 0 }, nil
	case "maybe_twice":
		return func(m *spool.Message) bool { return m.MaybeTwice }, nil
	}
	k, err := spool.ParseFeedbackKind(name)
	if err != nil {
		return nil, invalid("there is no feedback "+eml.Visible(name),
			"one of delivered, delayed, bounced, complained, rejected, opened, machine_opened, clicked, sent, sent_twice, maybe_twice")
	}
	return func(m *spool.Message) bool { return m.Heard(k) }, nil
}

// heard leaves those of whom something was said; all when said is nil.
func heard(all iter.Seq2[spool.Message, error], said func(*spool.Message) bool) iter.Seq2[spool.Message, error] {
	if said == nil {
		return all
	}
	return func(yield func(spool.Message, error) bool) {
		for m, err := range all {
			if (err != nil || said(&m)) && !yield(m, err) {
				return
			}
		}
	}
}

// Heard is Recipients, but only those of whom SES said something: a
// spool.FeedbackKind's name, sent_twice or maybe_twice.
func (c *Client) Heard(ctx context.Context, id uint64, outcome, feedback string) iter.Seq2[spool.Message, error] {
	return list[spool.Message](ctx, c, http.MethodGet, campaignPath(id, "/recipients"), url.Values{"outcome": {outcome}, "feedback": {feedback}}, nil)
}
