package cli

import (
	"fmt"
	"regexp"

	"github.com/BurntSushi/toml"

	"pabal/audience"
	"pabal/eml"
)

// TopicConfig is a kind of mail that people can switch off on their own: a
// [[topic]] of the file. In the environment PABAL_TOPIC holds all of them as
// the same list in one line: [{id = "sale", title_ko = "세일", title_en = "Sale"}]
type TopicConfig struct {
	ID         string `toml:"id" json:"id"`                 // what campaigns and segments name it by
	TitleKo    string `toml:"title_ko" json:"title_ko"`     // on the preference page
	TitleEn    string `toml:"title_en" json:"title_en"`     // the same in English
	Commercial *bool  `toml:"commercial" json:"commercial"` // nil means true: bound by how often people want mail
	DefaultOn  *bool  `toml:"default_on" json:"default_on"` // nil means true: who has not chosen gets it
}

// Topics is [[topic]].
type Topics []TopicConfig

// Limits of [[topic]]: what fits on a page a person reads on a phone.
const (
	maxTopics     = 30
	maxTopicTitle = 100 // bytes
)

// topicID is what can stand in a List-ID and is typed without quotes.
var topicID = regexp.MustCompile(`^[a-z0-9][a-z0-9_-]{0,31}$`)

// setTopics reads the list as it stands in the environment.
func (t *Topics) setTopics(text string) error {
	var in struct {
		Topic Topics `toml:"topic"`
	}
	meta, err := toml.Decode("topic = "+text, &in)
	if err != nil {
		return err
	}
	if left := meta.Undecoded(); len(left) > 0 {
		return fmt.Errorf("there is no setting %s", left[0])
	}
	*t = in.Topic
	return nil
}

// fillTopics puts the defaults in.
func (c *Config) fillTopics() {
	for i := range c.Topics {
		for _, b := range []**bool{&c.Topics[i].Commercial, &c.Topics[i].DefaultOn} {
			if *b == nil {
				yes := true
				*b = &yes
			}
		}
	}
}

func (c *Config) topicRules() []rule {
	rules := []rule{{"topic", len(c.Topics) <= maxTopics, fmt.Sprintf("stands there %d times", len(c.Topics)), fmt.Sprintf("at most %d: people have to choose among them", maxTopics)}}
	seen := map[string]bool{}
	for i, t := range c.Topics {
		nth := fmt.Sprintf("of topic %d ", i+1)
		rules = append(rules,
			rule{"topic.id", topicID.MatchString(t.ID), nth + fmt.Sprintf("is %q", t.ID), `lower-case letters, digits, - and _, at most 32: id = "sale"`},
			rule{"topic.id", !seen[t.ID], nth + fmt.Sprintf("is %q, as another one's", t.ID), "give every topic an id of its own"},
			rule{"topic.title_ko", isTitle(t.TitleKo), nth + "is empty, too long or has control characters", `what people read: title_ko = "세일 소식"`},
			rule{"topic.title_en", isTitle(t.TitleEn), nth + "is empty, too long or has control characters", `what people read: title_en = "Sales"`})
		seen[t.ID] = true
	}
	return rules
}

func isTitle(title string) bool {
	return title != "" && len(title) <= maxTopicTitle && eml.CheckHeader(title) == nil
}

// topics are those of the configuration as the audience knows them.
func (c *Config) topics() []audience.Topic {
	out := make([]audience.Topic, len(c.Topics))
	for i, t := range c.Topics {
		out[i] = audience.Topic{ID: t.ID, Korean: t.TitleKo, English: t.TitleEn, Commercial: *t.Commercial, Default: *t.DefaultOn}
	}
	return out
}
