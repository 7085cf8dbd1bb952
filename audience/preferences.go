package audience

import (
	"context"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strings"

	bolt "go.etcd.io/bbolt"

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
// with one line of history, and in optouts.log before it returns. Subscribed
// false is the end of all commercial mail, as by Unsubscribe, true their return by
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
	e := Edit{Email: before.Email, Preferences: p, Subscribed: subscribed, Source: Person, Detail: detail}
	err = s.commit(ctx, &e, before.Consent, id, func(u *update) error {
		who, err := u.get(id)
		if err != nil {
			return fmt.Errorf("subscriber %d: %w", id, err)
		}
		if err := u.change(who, s.hash(who.email), &e, false); err != nil {
			return err
		}
		return s.decode(id, u.people.Get(key64(id)), &sub)
	})
	if err != nil {
		return Subscriber{}, err
	}
	return sub, nil
}

// commit runs do, which applies an edit, in a commit; what the edit refuses or
// chooses is in optouts.log before. now is the consent that stands.
func (s *Store) commit(ctx context.Context, e *Edit, now Consent, id uint64, do func(*update) error) error {
	h, at := s.hash(e.Email), s.now()
	line := optOutLine{ID: id, Address: hex.EncodeToString(h[:]), Detail: eml.Cut(e.Detail, maxDetail)}
	if e.Source.strength() < Operator.strength() { // files and tables say it again
		return s.update(ctx, do)
	}
	if e.Subscribed != nil && !*e.Subscribed && !now.saysSame(e.Source, at) {
		line.Source = e.Source
		if at.Before(now.At) {
			at = now.At
		}
	}
	last, err := s.chooses(e, h, &line)
	if err != nil {
		return err
	}
	if line.Source == "" && line.By == "" {
		return s.update(ctx, do)
	}
	if line.At = at.UTC(); line.By != "" && at.UnixMilli() < last {
		line.At = fromMillis(last) // a clock set back
	}
	e.at = line.At.UnixMilli()
	return s.logged(ctx, []optOutLine{line}, do)
}

// chooses notes in a line what an edit chooses anew, and gives the time of the
// newest choice there is. The error is what prefer would say.
func (s *Store) chooses(e *Edit, h addressHash, line *optOutLine) (last int64, err error) {
	if e.Topics == nil && e.Frequency == nil {
		return 0, nil
	}
	var list choices
	if err = s.db.View(func(tx *bolt.Tx) error { list, err = readChoices(tx.Bucket(bucketChoices).Get(h[:])); return err }); err != nil {
		return 0, err
	}
	for topic, wanted := range e.Topics {
		if now, own := s.stands(list, topic); now == wanted {
			continue
		} else if wanted && own && e.Source != Person {
			return 0, ownTopic(e.Email, topic)
		}
		if line.Topics == nil {
			line.Topics = map[string]bool{}
		}
		line.Topics[topic], line.By = wanted, e.Source
	}
	if code, own := frequencyOf(list); e.Frequency != nil && *e.Frequency != frequencyWords()[code] {
		if own && e.Source != Person && slices.Index(frequencyWords(), *e.Frequency) < int(code) {
			return 0, ownFrequency(e.Email, code)
		}
		line.Frequency, line.By = e.Frequency, e.Source
	}
	for _, one := range list {
		last = max(last, one.at)
	}
	return last, nil
}

// stands is whether a topic is wanted, and whether the person chose that.
func (s *Store) stands(list choices, topic string) (wanted, own bool) {
	if id := s.names.lookup(topicName, topic); id != 0 {
		if one := list.of(id); one.source != "" {
			return one.value == 0, one.source == Person
		}
	}
	def, known := s.definition(topic)
	return !known || def.Default, false
}

// frequencyOf is how often mail is wanted, and whether the person chose that.
func frequencyOf(list choices) (code byte, own bool) {
	one := list.of(0)
	return one.value, one.source == Person
}

// prefer sets a person's preferences and says in words what changed. An error
// is an operator's wish that stands against the person's own.
func (u *update) prefer(p *person, h addressHash, e *Edit) ([]string, error) {
	if e.Topics == nil && e.Frequency == nil && e.Language == nil {
		return nil, nil
	}
	before, err := u.choices(h)
	if err != nil {
		return nil, err
	}
	list := before
	var changed []string
	for _, topic := range slices.Sorted(maps.Keys(e.Topics)) {
		word, err := u.choose(p, &list, topic, e)
		if err != nil {
			return nil, err
		}
		changed = append(changed, word...)
	}
	if e.Frequency != nil {
		word, err := u.often(p, &list, e)
		if err != nil {
			return nil, err
		}
		changed = append(changed, word...)
	}
	if !slices.Equal(list, before) {
		if err := u.keepChoices(h, list); err != nil {
			return nil, err
		}
		u.hold(p, list)
	}
	if e.Language != nil {
		if code := byte(slices.Index(languageWords(), *e.Language)); code != p.language {
			p.language = code
			changed = append(changed, strings.TrimSpace("language "+*e.Language))
		}
	}
	return changed, nil
}

// chosen puts a choice into the list, never as older than the one before it.
func (u *update) chosen(list *choices, one choice, e *Edit) {
	at := e.at // as optouts.log has it
	if at == 0 {
		at = u.now.UnixMilli()
	}
	one.source, one.at = e.Source, max(at, list.of(one.topic).at)
	*list = list.set(one)
}

// often sets how often a person wants mail.
func (u *update) often(p *person, list *choices, e *Edit) ([]string, error) {
	code := byte(slices.Index(frequencyWords(), *e.Frequency))
	now, own := frequencyOf(*list)
	if code == now {
		return nil, nil
	}
	if code < now && e.Source != Person && own {
		return nil, ownFrequency(p.email, now)
	}
	u.chosen(list, choice{value: code}, e)
	return []string{wordFrequency + shownFrequency(*e.Frequency)}, nil
}

// choose switches one topic. Nothing is kept for what is the default anyway and
// was never chosen otherwise.
func (u *update) choose(p *person, list *choices, topic string, e *Edit) ([]string, error) {
	wanted := e.Topics[topic]
	now, own := u.s.stands(*list, topic)
	if now == wanted {
		return nil, nil
	}
	if wanted && e.Source != Person && own {
		return nil, ownTopic(p.email, topic)
	}
	id, err := u.s.names.need(topicName, topic)
	if err != nil {
		return nil, err
	}
	one, word := choice{topic: id, value: 1}, wordOff
	if wanted {
		one.value, word = 0, wordOn
	}
	u.chosen(list, one, e)
	return []string{wordTopic + topic + word}, nil
}

// choseLanguage reports whether the newest word in the history about the
// language is that one, and the person's own.
func (u *update) choseLanguage(id uint64, word string) bool {
	c := lastChosen(u.tx, id, "language")
	return c != nil && c.Source == Person && slices.Contains(c.Changed, "language "+word)
}

func ownTopic(email, topic string) error { return ownChoice(email, "switched the topic "+topic+" off") }

func ownFrequency(email string, code byte) error {
	return ownChoice(email, "asked for "+wordFrequency+shownFrequency(frequencyWords()[code]))
}

func ownChoice(email, what string) error {
	return &eml.Problem{Code: CodeOwnChoice, What: eml.Visible(email) + " " + what + " themselves", Hint: "only they can take that back, on the preference page that their mail links to"}
}
