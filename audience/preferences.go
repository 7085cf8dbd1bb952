package audience

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"pabal/eml"
)

// Preferences is what a person may choose about the mail they get; what is left
// out stays as it is.
type Preferences struct {
	Topics    map[string]bool `json:"topics,omitempty"`    // topic id: wanted or not
	Frequency *string         `json:"frequency,omitempty"` // "" or all, weekly, monthly: at most
	Language  *string         `json:"language,omitempty"`  // ko, en, "" for none
}

// maxChosen is how many topics one change may name.
const maxChosen = 100

// check refuses what cannot be chosen, and spells "all" as it is stored.
func (p *Preferences) check() error {
	if len(p.Topics) > maxChosen {
		return fmt.Errorf("%d topics are too many for one change", len(p.Topics))
	}
	for id := range p.Topics {
		if reason := badLabel(id); reason != "" {
			return fmt.Errorf("topic %q %s", id, reason)
		}
	}
	if p.Frequency != nil {
		if *p.Frequency == "all" {
			p.Frequency = new(string)
		}
		if !slices.Contains(frequencyWords(), *p.Frequency) {
			return &eml.Problem{What: fmt.Sprintf("there is no frequency %q", *p.Frequency), Hint: "use all, weekly or monthly"}
		}
	}
	if p.Language != nil && !slices.Contains(languageWords(), *p.Language) {
		return &eml.Problem{What: fmt.Sprintf("there is no language %q", *p.Language), Hint: "use ko, en or nothing"}
	}
	return nil
}

// Wants reports whether somebody gets mail about a topic, as far as topics go:
// what they chose, else the topic's default.
func (t Topic) Wants(sub *Subscriber) bool {
	if slices.Contains(sub.TopicsOff, t.ID) {
		return false
	}
	return t.Default || slices.Contains(sub.TopicsOn, t.ID)
}

// Prefer records what a person chose by the link in their mail, in one commit
// with one line of history. Subscribed false is the end of all commercial mail
// (in optouts.log before it returns, as by Unsubscribe), true their return by
// their own act. What is so already changes nothing. It returns the subscriber as
// they then are. ErrNotFound.
func (s *Store) Prefer(ctx context.Context, id uint64, p Preferences, subscribed *bool, detail string) (Subscriber, error) {
	if err := p.check(); err != nil {
		return Subscriber{}, fmt.Errorf("preferences of subscriber %d: %w", id, err)
	}
	before, err := s.Get(id)
	if err != nil {
		return Subscriber{}, err
	}
	var sub Subscriber
	do := func(u *update) error {
		who, err := u.get(id)
		if err != nil {
			return fmt.Errorf("subscriber %d: %w", id, err)
		}
		e := Edit{Preferences: p, Subscribed: subscribed, Source: Person, Detail: detail}
		if err := u.change(who, s.hash(who.email), &e, false); err != nil {
			return err
		}
		return s.decode(id, u.people.Get(key64(id)), &sub)
	}
	if subscribed == nil || *subscribed || before.Consent.saysSame(Person, s.now()) {
		err = s.update(ctx, do)
	} else {
		at, h := s.now(), s.hash(before.Email)
		if at.Before(before.Consent.At) {
			at = before.Consent.At
		}
		err = s.logged(ctx, []optOutLine{{At: at.UTC(), ID: id, Address: hex.EncodeToString(h[:]), Source: Person, Detail: eml.Cut(detail, maxDetail)}}, do)
	}
	if err != nil {
		return Subscriber{}, err
	}
	return sub, nil
}

// prefer sets a person's preferences and says in words what changed. An error
// is an operator's wish that stands against the person's own.
func (u *update) prefer(p *person, e *Edit) ([]string, error) {
	var changed []string
	for _, topic := range slices.Sorted(maps.Keys(e.Topics)) {
		words, err := u.choose(p, topic, e)
		if err != nil {
			return nil, err
		}
		changed = append(changed, words...)
	}
	if e.Frequency != nil {
		word, err := u.often(p, e)
		if err != nil {
			return nil, err
		}
		changed = append(changed, word...)
	}
	if e.Language != nil {
		if code := byte(slices.Index(languageWords(), *e.Language)); code != p.language {
			p.language = code
			changed = append(changed, strings.TrimSpace("language "+*e.Language))
		}
	}
	return changed, nil
}

// often sets how often a person wants mail.
func (u *update) often(p *person, e *Edit) ([]string, error) {
	code := byte(slices.Index(frequencyWords(), *e.Frequency))
	if code == p.freq {
		return nil, nil
	}
	if now := "frequency " + shownFrequency(frequencyWords()[p.freq]); code < p.freq && e.Source != Person && u.chose(p.id, "frequency ", now) {
		return nil, ownChoice(p.email, "asked for "+now)
	}
	p.freq = code
	return []string{"frequency " + shownFrequency(*e.Frequency)}, nil
}

// choose switches one topic. Nothing is kept for what is the default anyway and
// was never chosen otherwise.
func (u *update) choose(p *person, topic string, e *Edit) ([]string, error) {
	wanted := e.Topics[topic]
	def, known := u.s.definition(topic)
	id := u.s.names.lookup(topicName, topic)
	now := !slices.Contains(p.topics, id) && (!known || def.Default || slices.Contains(p.on, id))
	if now == wanted {
		return nil, nil
	}
	if wanted && e.Source != Person && u.chose(p.id, "topic "+topic+" ", "topic "+topic+" off") {
		return nil, ownChoice(p.email, "switched the topic "+topic+" off")
	}
	id, err := u.s.names.need(topicName, topic)
	if err != nil {
		return nil, err
	}
	into, from, word := &p.topics, &p.on, " off"
	if wanted {
		into, from, word = &p.on, &p.topics, " on"
	}
	if i := slices.Index(*from, id); i >= 0 {
		*from = slices.Delete(*from, i, i+1)
		u.s.names.count(topicName, id, -1)
	}
	if !slices.Contains(*into, id) {
		*into = append(*into, id)
		u.s.names.count(topicName, id, 1)
	}
	return []string{"topic " + topic + word}, nil
}

// chose reports whether the newest word in the history that begins with about
// is that one, and the person's own.
func (u *update) chose(id uint64, about, word string) bool {
	mine := false
	b, prefix := u.tx.Bucket(bucketHistory), key64(id)
	c := b.Cursor()
	for k, v := c.Seek(prefix); bytes.HasPrefix(k, prefix); k, v = c.Next() {
		var change Change
		if json.Unmarshal(v, &change) != nil { // Check tells of it
			continue
		}
		for _, w := range change.Changed {
			if strings.HasPrefix(w, about) {
				mine = w == word && change.Source == Person
			}
		}
	}
	return mine
}

func ownChoice(email, what string) error {
	return &eml.Problem{Code: CodeOwnChoice, What: eml.Visible(email) + " " + what + " themselves", Hint: "only they can take that back, on the preference page that their mail links to"}
}
