package campaign

import (
	"context"
	"errors"
	"fmt"

	"pabal/audience"
	"pabal/eml"
)

// Whom names the one of a campaign's audience whose letter is shown. The zero
// value is the first who may be mailed; of several fields the first that is set
// counts.
type Whom struct {
	Email  string `json:"email,omitempty"`  // anybody, in the audience or not
	Nth    int64  `json:"nth,omitempty"`    // from 1, of those who may be mailed
	After  uint64 `json:"after,omitempty"`  // the next behind the subscriber with this id
	Before uint64 `json:"before,omitempty"` // the last ahead of the subscriber with this id
}

// errFound ends a walk at the first that will do.
var errFound = errors.New("found")

// someone is the subscriber whom w names. ErrNotFound, in a *eml.Problem where
// the audience has nobody there.
func (s *Store) someone(ctx context.Context, c Campaign, w Whom) (audience.Subscriber, error) {
	if w.Email != "" {
		sub, err := s.people.ByEmail(w.Email)
		if errors.Is(err, audience.ErrNotFound) {
			err = fmt.Errorf("subscriber %s: %w", w.Email, ErrNotFound)
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
	if w.Nth == 0 && w.Before > 0 {
		newest = min(newest, w.Before-1)
	}
	after := uint64(0)
	if w.Nth == 0 {
		after = w.After
	}
	var found, met = uint64(0), int64(0)
	err = s.people.Walk(ctx, segment, c.Topic, after, newest, func(sub *audience.Subscriber, skip string) error {
		if skip != "" {
			return nil
		}
		met++
		if found = sub.ID; w.ends(met) {
			return errFound
		}
		return nil
	})
	if err != nil && !errors.Is(err, errFound) {
		return audience.Subscriber{}, err
	}
	if met == 0 || met < w.Nth {
		return audience.Subscriber{}, w.nobody(met)
	}
	return s.people.Get(found)
}

// ends reports whether the walk is at its goal, having met so many.
func (w Whom) ends(met int64) bool {
	switch {
	case w.Nth > 0:
		return met == w.Nth
	case w.Before > 0 && w.After == 0:
		return false // to the end: the last one met
	}
	return true
}

func (w Whom) nobody(met int64) error {
	p := &eml.Problem{What: "nobody in the audience may be mailed", Hint: "change the condition, or name a subscriber", Err: ErrNotFound}
	switch {
	case w.Nth > 0 && met > 0:
		p.What, p.Hint = fmt.Sprintf("the audience has only %d who may be mailed", met), "choose a number up to that"
	case w.Nth == 0 && w.After > 0:
		p.What, p.Hint = "this was the last of the audience", "go back, or name a subscriber"
	case w.Nth == 0 && w.Before > 0:
		p.What, p.Hint = "this was the first of the audience", "go on, or name a subscriber"
	}
	return p
}
