package campaign

import (
	"context"

	"pabal/audience"
	"pabal/eml"
)

// Letter is a rendered mail, for a preview.
type Letter struct {
	From       string   `json:"from"`
	To         string   `json:"to"`
	Subject    string   `json:"subject"`
	HTML       string   `json:"html"`
	Text       string   `json:"text"`
	Missing    []string `json:"missing,omitempty"`    // fields without a value and without a default
	Bytes      int64    `json:"bytes"`                // of the finished mail; 0 when it cannot be made
	Subscriber uint64   `json:"subscriber,omitempty"` // whose it is; 0: nobody's
	Email      string   `json:"email,omitempty"`      // the same, their address
	Nth        int64    `json:"nth,omitempty"`        // their place among those who may be mailed, when they were asked for by it
	Skip       string   `json:"skip,omitempty"`       // why they would not be mailed

	Attachments []Attachment `json:"attachments,omitempty"`

	inline []eml.Part // images that the mail carries itself
}

// Render shows a template as the subscriber would get it, with dead links.
// Version 0 means the newest. ErrNotFound.
func (s *Store) Render(ctx context.Context, name string, version int, sub audience.Subscriber, values map[string]string) (Letter, error) {
	values, err := checkValues(values)
	if err != nil {
		return Letter{}, err
	}
	return s.show(ctx, Campaign{Template: name, TemplateVersion: version, Values: values}, sub)
}

// Preview is PreviewAs of the subscriber with an address, "" the first of the
// audience.
func (s *Store) Preview(ctx context.Context, id uint64, email string) (Letter, error) {
	return s.PreviewAs(ctx, id, Whom{Email: email})
}

// PreviewAs shows the letter as one of the audience would get it, with the
// campaign's template, values and sender, and dead links. It changes nothing.
// ErrNotFound.
func (s *Store) PreviewAs(ctx context.Context, id uint64, whom Whom) (Letter, error) {
	c, err := s.record(id)
	if err != nil {
		return Letter{}, err
	}
	sub, err := s.someone(ctx, c, whom)
	if err != nil {
		return Letter{}, err
	}
	l, err := s.show(ctx, c, sub)
	if whom.Email == "" {
		l.Nth = whom.Nth
		if whom == (Whom{}) {
			l.Nth = 1
		}
	}
	return l, err
}

// show is the letter of one person, for the eye.
func (s *Store) show(ctx context.Context, c Campaign, sub audience.Subscriber) (Letter, error) {
	def, err := s.prepare(c)
	if err != nil {
		return Letter{}, err
	}
	p := def.person(&sub, sub.Email, testToken)
	l, err := def.open(ctx, p)
	if err != nil {
		return Letter{}, err
	}
	mail := def.head(p, l.Subject, "preview", now())
	mail.Text, mail.HTML = l.Text, l.HTML
	if data, err := mail.AppendTo(nil); err == nil {
		l.Bytes = int64(len(data))
	}
	l.Attachments = c.Attachments
	if sub.ID == 0 {
		return l, nil // nobody's: a template's
	}
	if _, l.Skip, err = s.people.Check(sub.ID, c.Topic); err != nil {
		return Letter{}, err
	}
	return l, nil
}
