package audience

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"pabal/eml"
)

// Topic is a kind of mail that people can switch on and off on their own.
type Topic struct {
	ID         string `json:"id"`         // what campaigns name it by
	Korean     string `json:"title_ko"`   // what people read
	English    string `json:"title_en"`   // the same in English
	Commercial bool   `json:"commercial"` // advertising: how often people want mail binds it, and it counts
	Default    bool   `json:"default_on"` // who has not chosen gets it
}

// Title is the topic's title in a language, ko or en.
func (t Topic) Title(language string) string {
	if language == "en" {
		return t.English
	}
	return t.Korean
}

// CheckTopic says that a campaign may have this topic: "" always, and any while
// none is defined (it names the List-ID then, and only the operator can switch
// somebody off it); else those that are. The error is an *eml.Problem.
func (s *Store) CheckTopic(id string) error {
	if _, known := s.definition(id); id == "" || known || len(s.Topics) == 0 {
		return nil
	}
	return &eml.Problem{What: fmt.Sprintf("there is no topic %q", id),
		Hint: "use one of " + strings.Join(s.topicIDs(), ", ") + ", or define it as [[topic]] in the configuration"}
}

func (s *Store) topicIDs() []string {
	ids := make([]string, len(s.Topics))
	for i, t := range s.Topics {
		ids[i] = t.ID
	}
	return ids
}

// Limited reports whether mail about a topic is bound by how often people want
// mail: all of it but what is defined as not commercial.
func (s *Store) Limited(topic string) bool {
	t, known := s.definition(topic)
	return !known || t.Commercial
}

func (s *Store) definition(id string) (Topic, bool) {
	if i := slices.IndexFunc(s.Topics, func(t Topic) bool { return t.ID == id }); i >= 0 {
		return s.Topics[i], true
	}
	return Topic{}, false
}

// subject is a campaign's topic as records know it.
type subject struct {
	id    uint32 // 0 for none and for one that nobody ever chose about
	asked bool   // only those get it who asked for it
}

func (s *Store) subject(topic string) subject {
	if topic == "" {
		return subject{}
	}
	t, known := s.definition(topic)
	return subject{s.names.lookup(topicName, topic), known && !t.Default}
}

// judge tells for many rows who may be mailed about a topic.
type judge struct {
	subject
	attempted func(id uint64, since time.Time) (bool, error) // nil: how often people want mail does not matter
	since     [3]time.Time                                   // by frequency code
}

func (s *Store) judge(topic string) *judge {
	j := &judge{subject: s.subject(topic)}
	if s.Attempted != nil && s.Limited(topic) {
		j.attempted = s.Attempted
		now := s.now()
		for code := range j.since {
			j.since[code] = s.since(byte(code), now)
		}
	}
	return j
}

// skip is the reason not to mail somebody now, "" if there is none.
func (j *judge) skip(r *row) (string, error) {
	reason := r.skip(j.subject)
	frequency := r.fixed[4]
	if reason != "" || frequency == 0 || j.attempted == nil {
		return reason, nil
	}
	recent, err := j.attempted(r.id, j.since[frequency])
	if recent {
		return skipFrequency, err
	}
	return "", err
}

// since is from when on a mail means that another one now would be too many, by
// the calendar in Zone: a mail on a Monday leaves room for the next one from
// the Monday after on, at whatever hour; one on the 31st from the last day of
// the next month on. A weekly or monthly letter so reaches everybody who wants
// one a week or a month. Zero for all mail.
func (s *Store) since(frequency byte, now time.Time) time.Time {
	zone := s.zone()
	y, m, d := now.In(zone).Date()
	midnight := func(y int, m time.Month, d int) time.Time { return time.Date(y, m, d, 0, 0, 0, 0, zone) }
	switch frequencyWords()[frequency] {
	case "weekly":
		return midnight(y, m, d-6)
	case "monthly":
		first := midnight(y, m, 1)
		if last := midnight(y, m+1, 0).Day() == d; last {
			return first // a mail on the 31st of the month before is a month ago on the 30th
		}
		if after := midnight(y, m-1, d+1); after.Before(first) {
			return after
		}
		return first
	}
	return time.Time{}
}
