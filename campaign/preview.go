package campaign

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"pabal/audience"
	"pabal/eml"
	"pabal/spool"
)

const (
	testMark  = "[테스트] " // before the subject of a test mail
	testToken = "test"   // the unsubscribe link of one leads nowhere
)

// Letter is a rendered mail, for a preview.
type Letter struct {
	From    string   `json:"from"`
	To      string   `json:"to"`
	Subject string   `json:"subject"`
	HTML    string   `json:"html"`
	Text    string   `json:"text"`
	Missing []string `json:"missing,omitempty"` // fields without a value and without a default
	Bytes   int64    `json:"bytes"`             // of the finished mail; 0 when it cannot be made
}

// Render shows a template as the subscriber would get it, with a dead
// unsubscribe link. Version 0 means the newest. ErrNotFound.
func (s *Store) Render(ctx context.Context, name string, version int, sub audience.Subscriber, values map[string]string) (Letter, error) {
	values, err := checkValues(values)
	if err != nil {
		return Letter{}, err
	}
	return s.show(ctx, Campaign{Template: name, TemplateVersion: version, Values: values}, sub)
}

// Preview is Render with the campaign's template, values and sender. email ""
// means the first in the audience who may be mailed. ErrNotFound.
func (s *Store) Preview(ctx context.Context, id uint64, email string) (Letter, error) {
	c, err := s.record(id)
	if err != nil {
		return Letter{}, err
	}
	sub, err := s.someone(ctx, c, email)
	if err != nil {
		return Letter{}, err
	}
	return s.show(ctx, c, sub)
}

// errFound ends a walk at the first that will do.
var errFound = errors.New("found")

// someone is the subscriber called email, or the audience's first.
func (s *Store) someone(ctx context.Context, c Campaign, email string) (audience.Subscriber, error) {
	if email != "" {
		sub, err := s.people.ByEmail(email)
		if errors.Is(err, audience.ErrNotFound) {
			err = fmt.Errorf("subscriber %s: %w", email, ErrNotFound)
		}
		return sub, err
	}
	segment, err := audience.ParseSegment(c.Segment, s.Settings.zone())
	if err != nil {
		return audience.Subscriber{}, err
	}
	newest, err := s.people.MaxID()
	if err != nil {
		return audience.Subscriber{}, err
	}
	var first audience.Subscriber
	err = s.people.Walk(ctx, segment, c.Topic, 0, newest, func(sub *audience.Subscriber, skip string) error {
		if skip != "" {
			return nil
		}
		first = copyOf(sub)
		return errFound
	})
	if errors.Is(err, errFound) {
		return first, nil
	}
	if err == nil {
		err = &eml.Problem{What: "nobody in the audience may be mailed", Hint: "change the condition, or name a subscriber", Err: ErrNotFound}
	}
	return first, err
}

func (s *Store) show(ctx context.Context, c Campaign, sub audience.Subscriber) (Letter, error) {
	if err := ctx.Err(); err != nil {
		return Letter{}, err
	}
	def, err := s.prepare(c)
	if err != nil {
		return Letter{}, err
	}
	p := def.person(&sub, sub.Email, testToken)
	got, err := def.letter.fill(p)
	if err != nil {
		return Letter{}, err
	}
	l := Letter{From: def.from.String(), To: eml.Mailbox{Name: sub.Name, Address: sub.Email}.String(),
		Subject: got.subject, HTML: got.html, Text: got.text, Missing: got.missing}
	mail := def.head(p, got.subject, "preview", now())
	mail.Text, mail.HTML = got.text, got.html
	if data, err := mail.AppendTo(nil); err == nil {
		l.Bytes = int64(len(data))
	}
	return l, nil
}

// Test sends the letter as `as` would get it to the address `to` through the
// spool's transactional lane: subject marked [테스트], dead unsubscribe link,
// outside the ledger. as "" means the first of the audience. It returns the
// message id. A *eml.Problem says what keeps the letter from being made.
func (s *Store) Test(ctx context.Context, id uint64, as, to string) (string, error) {
	c, err := s.record(id)
	if err != nil {
		return "", err
	}
	to, err = eml.ParseAddress(to)
	if err != nil {
		return "", err
	}
	sub, err := s.someone(ctx, c, as)
	if err != nil {
		return "", err
	}
	def, err := s.prepare(c)
	if err != nil {
		return "", err
	}
	if def.from.Address == "" {
		return "", &eml.Problem{What: "the campaign has no sender", Hint: "give the campaign one, or set campaign.from in the configuration"}
	}
	p := def.person(&sub, sub.Email, testToken)
	got, err := def.letter.fill(p)
	if err != nil {
		return "", err
	}
	if len(got.missing) > 0 {
		return "", missingProblem(got.missing)
	}
	at := now()
	mail := def.head(p, testMark+got.subject, "test-"+strconv.FormatUint(id, 10)+"-"+strconv.FormatInt(time.Now().UnixNano(), 36), at)
	mail.To = eml.Mailbox{Address: to}
	mail.Text, mail.HTML = got.text, got.html
	body, err := mail.AppendTo(nil)
	if err != nil {
		return "", err
	}
	ids, err := s.spool.Put(ctx, spool.Envelope{From: def.from.Address, FromDomain: eml.Domain(def.from.Address), To: []string{to},
		Subject: mail.Subject, MessageID: mail.MessageID}, body)
	if err != nil {
		return "", fmt.Errorf("queue test mail: %w", err)
	}
	return ids[0], nil
}
