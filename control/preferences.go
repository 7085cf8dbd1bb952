package control

import (
	"context"
	"net/http"
	"net/url"

	"pabal/audience"
)

// TopicChoice is a topic with what one person chose.
type TopicChoice struct {
	audience.Topic
	Wanted bool `json:"wanted"`
}

// PersonPreferences is what one person gets, as their preference page shows it.
type PersonPreferences struct {
	Email      string        `json:"email"`
	Subscribed bool          `json:"subscribed"` // false: no commercial mail at all
	Topics     []TopicChoice `json:"topics"`     // those defined, in the order of the configuration
	Frequency  string        `json:"frequency"`  // "" all, weekly, monthly: at most
	Language   string        `json:"language"`   // ko, en, "" not known
}

// PreferencesRequest is an operator's change of one person's preferences.
type PreferencesRequest struct {
	Email string `json:"email"`
	audience.Preferences
}

func (s *Server) topics(*http.Request) (any, error) {
	return append([]audience.Topic{}, s.People.Topics...), nil
}

func (s *Server) preferences(r *http.Request) (any, error) {
	email := r.URL.Query().Get("email")
	sub, err := s.People.ByEmail(email)
	if err != nil {
		return nil, noSuchPerson(email, err)
	}
	return s.preferencesOf(&sub), nil
}

func (s *Server) preferencesOf(sub *audience.Subscriber) PersonPreferences {
	p := PersonPreferences{Email: sub.Email, Subscribed: sub.Consent.Subscribed, Topics: []TopicChoice{}, Frequency: sub.Frequency, Language: sub.Language}
	for _, t := range s.People.Topics {
		p.Topics = append(p.Topics, TopicChoice{t, t.Wants(sub)})
	}
	return p
}

func (s *Server) setPreferences(r *http.Request) (any, error) {
	q, err := read[PreferencesRequest](r, MaxRequestBytes)
	if err != nil {
		return nil, err
	}
	if err := s.knownTopics(q.Preferences); err != nil {
		return nil, err
	}
	sub, err := s.People.Set(r.Context(), audience.Edit{Email: q.Email, Preferences: q.Preferences, Source: audience.Operator, Detail: userName(r.Context())})
	if err != nil {
		return nil, noSuchPerson(q.Email, err)
	}
	return s.preferencesOf(&sub), nil
}

// knownTopics refuses a topic that is not defined: nobody would ever see it.
func (s *Server) knownTopics(p audience.Preferences) error {
	for id := range p.Topics {
		if err := s.People.CheckTopic(id); err != nil {
			return err
		}
	}
	return nil
}

// Topics are those people can switch, in the order of the configuration.
func (c *Client) Topics(ctx context.Context) ([]audience.Topic, error) {
	return get[[]audience.Topic](ctx, c, "/v0/topics", nil)
}

// Preferences is what one person gets. audience.ErrNotFound.
func (c *Client) Preferences(ctx context.Context, email string) (PersonPreferences, error) {
	return get[PersonPreferences](ctx, c, "/v0/subscriber/preferences", url.Values{"email": {email}})
}

// SetPreferences changes them by the operator's word, which does not loosen
// what the person chose themselves. audience.ErrNotFound.
func (c *Client) SetPreferences(ctx context.Context, email string, p audience.Preferences) (PersonPreferences, error) {
	return call[PersonPreferences](ctx, c, http.MethodPost, "/v0/subscriber/preferences", nil, PreferencesRequest{email, p})
}
