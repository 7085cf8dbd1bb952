package control

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"pabal/audience"
	"pabal/campaign"
	"pabal/eml"
	"pabal/spool"
)

func (s *Server) templates(l *lines, _ *http.Request) error {
	all, err := s.Campaigns.Templates()
	if err != nil {
		return err
	}
	return writeSlice(l, all)
}

func writeSlice[T any](l *lines, all []T) error {
	for i := range all {
		if err := l.write(&all[i]); err != nil {
			return fmt.Errorf("write answer: %w", err)
		}
	}
	return nil
}

func (s *Server) template(r *http.Request) (any, error) {
	version, err := number(r, "version")
	if err != nil {
		return nil, err
	}
	t, err := s.Campaigns.Template(r.PathValue("name"), version)
	if err != nil {
		return nil, noSuchTemplate(r.PathValue("name"), version, err)
	}
	return t, nil
}

func noSuchTemplate(name string, version int, err error) error {
	if !errors.Is(err, campaign.ErrNotFound) {
		return err
	}
	what := "there is no template " + eml.Visible(name)
	if version > 0 {
		what += fmt.Sprintf(" in version %d", version)
	}
	return &eml.Problem{What: what, Hint: "see which there are with: pabal template list", Err: err}
}

func (s *Server) putTemplate(r *http.Request) (any, error) {
	t, err := read[campaign.Template](r, MaxTemplateBytes)
	if err != nil {
		return nil, err
	}
	return s.Campaigns.PutTemplate(r.Context(), t)
}

func (s *Server) render(r *http.Request) (any, error) {
	q, err := read[RenderRequest](r, MaxTemplateBytes)
	if err != nil {
		return nil, err
	}
	var sub audience.Subscriber
	if q.Email != "" {
		if sub, err = s.People.ByEmail(q.Email); err != nil {
			return nil, noSuchPerson(q.Email, err)
		}
	}
	letter, err := s.Campaigns.Render(r.Context(), r.PathValue("name"), q.Version, sub, q.Values)
	if err != nil {
		return nil, noSuchTemplate(r.PathValue("name"), q.Version, err)
	}
	return letter, nil
}

// aboutCampaign adds what to do to an error about a campaign, where the error
// does not say so itself.
func aboutCampaign(id uint64, err error) error {
	if err == nil || hintOf(err) != "" {
		return err
	}
	p := &eml.Problem{What: err.Error(), Err: err}
	switch {
	case errors.Is(err, campaign.ErrNotFound):
		p.What = fmt.Sprintf("there is no campaign %d", id)
		p.Hint = "see which there are with: pabal campaign list"
	case errors.Is(err, campaign.ErrBlocked):
		p.Hint = fmt.Sprintf("see all that stands in the way with: pabal campaign preflight %d", id)
	case errors.Is(err, campaign.ErrState), errors.Is(err, spool.ErrState):
		p.Hint = fmt.Sprintf("see its state with: pabal campaign show %d", id)
	default:
		return err
	}
	return p
}

func (s *Server) campaigns(l *lines, _ *http.Request) error {
	all, err := s.Campaigns.Campaigns()
	if err != nil {
		return err
	}
	return writeSlice(l, all)
}

// on asks one thing of the campaign that the path names.
func on[T any](r *http.Request, fn func(id uint64) (T, error)) (any, error) {
	id, err := campaignID(r)
	if err != nil {
		return nil, err
	}
	v, err := fn(id)
	if err != nil {
		return nil, aboutCampaign(id, err)
	}
	return v, nil
}

func (s *Server) campaign(r *http.Request) (any, error) { return on(r, s.Campaigns.Campaign) }

func (s *Server) createCampaign(r *http.Request) (any, error) {
	c, err := read[campaign.Campaign](r, MaxTemplateBytes)
	if err != nil {
		return nil, err
	}
	made, err := s.Campaigns.Create(r.Context(), c)
	if err != nil {
		return nil, noSuchTemplate(c.Template, c.TemplateVersion, err)
	}
	return made, nil
}

func (s *Server) editCampaign(r *http.Request) (any, error) {
	return on(r, func(id uint64) (campaign.Campaign, error) {
		c, err := read[campaign.Campaign](r, MaxTemplateBytes)
		if err != nil {
			return c, err
		}
		c.ID = id
		return s.Campaigns.Edit(r.Context(), c)
	})
}

func (s *Server) plan(r *http.Request) (any, error) {
	return on(r, func(id uint64) (campaign.Plan, error) { return s.Campaigns.Plan(r.Context(), id) })
}

// known refuses the address of a person who is not there; "" means anybody.
func (s *Server) known(email string) error {
	if email == "" {
		return nil
	}
	if _, err := s.People.ByEmail(email); err != nil {
		return noSuchPerson(email, err)
	}
	return nil
}

func (s *Server) startCampaign(r *http.Request) (any, error) {
	return on(r, func(id uint64) (campaign.Campaign, error) {
		q, err := read[StartRequest](r, MaxRequestBytes)
		if err != nil {
			return campaign.Campaign{}, err
		}
		return s.Campaigns.StartOver(r.Context(), id, q.Expect, q.Overrides)
	})
}

func (s *Server) onCampaign(act func(context.Context, uint64) (campaign.Campaign, error)) answer {
	return func(r *http.Request) (any, error) {
		return on(r, func(id uint64) (campaign.Campaign, error) { return act(r.Context(), id) })
	}
}

// ResendResult is a campaign and how many of its recipients were put back.
type ResendResult struct {
	campaign.Campaign
	Resent int64 `json:"resent"`
}

func (s *Server) resend(r *http.Request) (any, error) {
	outcome, err := outcomeOf(r)
	if err != nil {
		return nil, err
	}
	return on(r, func(id uint64) (out ResendResult, err error) {
		if outcome == nil {
			return out, &eml.Problem{What: "which outcome is to be sent again?", Hint: "add outcome=failed or outcome=unknown", Err: errInvalid}
		}
		out.Campaign, out.Resent, err = s.Campaigns.Resend(r.Context(), id, *outcome)
		return out, err
	})
}

func (s *Server) recipients(l *lines, r *http.Request) error {
	id, err := campaignID(r)
	if err != nil {
		return err
	}
	outcome, err := outcomeOf(r)
	if err != nil {
		return err
	}
	if _, err := s.Campaigns.Campaign(id); err != nil {
		return aboutCampaign(id, err)
	}
	said, err := feedbackOf(r)
	if err != nil {
		return err
	}
	return aboutCampaign(id, writeAll(l, heard(s.Campaigns.Recipients(r.Context(), id, outcome), said)))
}

// outcomeOf is the outcome asked for; nil means all.
func outcomeOf(r *http.Request) (*spool.Outcome, error) {
	name := r.URL.Query().Get("outcome")
	if name == "" {
		return nil, nil
	}
	o, err := spool.ParseOutcome(name)
	if err != nil {
		return nil, invalid("there is no outcome "+eml.Visible(name), "one of pending, sending, accepted, failed, skipped, unknown")
	}
	return &o, nil
}

func (s *Server) watch(l *lines, r *http.Request) error {
	id, err := campaignID(r)
	if err != nil {
		return err
	}
	if _, err := s.Campaigns.Campaign(id); err != nil {
		return aboutCampaign(id, err)
	}
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	defer context.AfterFunc(s.running, cancel)()
	l.live = true
	if err := writeAll(l, s.Campaigns.Watch(ctx, id)); err != nil {
		return err
	}
	if s.running.Err() != nil {
		return &eml.Problem{What: "the daemon is stopping", Hint: "campaigns go on when it is started again", Err: context.Canceled}
	}
	return nil
}
