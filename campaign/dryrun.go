package campaign

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"pabal/audience"
	"pabal/eml"
)

// dryPage is how many subscribers a dry run reads at a time, so that no read
// of the store lasts as long as its slowest reader.
const dryPage = 200

// DryLetter is what a dry run made for one of the audience: a mail, or why
// there is none.
type DryLetter struct {
	Subscriber uint64 `json:"subscriber"`
	Email      string `json:"email"`
	Skip       string `json:"skip,omitempty"`    // why they may not be mailed
	Problem    string `json:"problem,omitempty"` // why the letter cannot be made
	Hint       string `json:"hint,omitempty"`    // what to do about it
	Mail       []byte `json:"mail,omitempty"`    // the finished mail, its links dead
}

// DryRun makes the letter of everyone the campaign's segment selects now, in
// the order of their ids, as it would be sent, but for its links, which lead to
// a page saying that it is a test: what it makes may lie about in a folder.
// Nothing is sent or kept. limit is how many mails it makes, 0 all. It ends with
// fn's error, ErrNotFound, or ctx's error.
func (s *Store) DryRun(ctx context.Context, id uint64, limit int64, fn func(*DryLetter) error) error {
	c, err := s.record(id)
	if err != nil {
		return err
	}
	def, err := s.prepare(c)
	if err != nil {
		return err
	}
	segment, err := audience.ParseSegment(c.Segment, s.Settings.zone())
	if err != nil {
		return err
	}
	newest, err := s.people.MaxID()
	if err != nil {
		return err
	}
	made := int64(0)
	for after := uint64(0); ; {
		page, err := s.dryPage(ctx, segment, c.Topic, after, newest)
		if err != nil || len(page) == 0 {
			return err
		}
		for i := range page {
			if limit > 0 && made == limit {
				return nil
			}
			l := def.dry(&page[i])
			if l.Mail != nil {
				made++
			}
			if err := errors.Join(ctx.Err(), fn(&l)); err != nil {
				return err
			}
		}
		after = page[len(page)-1].sub.ID
	}
}

// drySubscriber is one of the audience, and why they would be left out.
type drySubscriber struct {
	sub  audience.Subscriber
	skip string
}

func (s *Store) dryPage(ctx context.Context, segment *audience.Segment, topic string, after, newest uint64) ([]drySubscriber, error) {
	page := make([]drySubscriber, 0, dryPage)
	err := s.people.Walk(ctx, segment, topic, after, newest, func(sub *audience.Subscriber, skip string) error {
		page = append(page, drySubscriber{copyOf(sub), skip})
		if len(page) == cap(page) {
			return errFound
		}
		return nil
	})
	if errors.Is(err, errFound) {
		err = nil
	}
	return page, err
}

// dry makes one letter.
func (m *mailing) dry(d *drySubscriber) DryLetter {
	l := DryLetter{Subscriber: d.sub.ID, Email: d.sub.Email, Skip: d.skip}
	if d.skip != "" {
		return l
	}
	tag := m.storeID + "-" + strconv.FormatUint(m.id, 10) + "-" + strconv.FormatUint(d.sub.ID, 10) + "-1"
	mail, err := m.compose(nil, m.person(&d.sub, d.sub.Email, testToken), tag, now())
	switch problem := (*eml.Problem)(nil); {
	case errors.As(err, &problem):
		l.Problem, l.Hint = problem.What, problem.Hint
	case err != nil:
		l.Problem = err.Error()
	case len(mail) > maxMail:
		l.Problem, l.Hint = fmt.Sprintf("the mail has more than %d MB", maxMail>>20), "make the template or its files smaller"
	default:
		l.Mail = mail
	}
	return l
}
