package audience

import (
	"cmp"
	"context"
	"encoding/binary"
	"slices"
	"strconv"

	bolt "go.etcd.io/bbolt"

	"pabal/eml"
)

// Field is something a segment builder can offer.
type Field struct {
	Name        string       `json:"name"` // as Condition has it
	Attribute   string       `json:"attribute,omitempty"`
	Kind        Kind         `json:"kind"`
	Comparisons []Comparison `json:"comparisons"`
	Choices     []string     `json:"choices,omitempty"` // all values it can have
	Listed      bool         `json:"listed,omitempty"`  // Values knows what exists
}

// Fields are all that a condition can be about: the built-in ones, tags,
// topics, the attributes in use and the deeds of campaigns.
func (s *Store) Fields() ([]Field, error) {
	var list []Field
	add := func(f Field) {
		f.Comparisons = slices.Clone(f.Kind.comparisons())
		if f.Name == "frequency" {
			f.Comparisons = []Comparison{Is, IsNot, OneOf}
		}
		list = append(list, f)
	}
	for _, w := range words() {
		add(Field{Name: w.name, Kind: w.kind, Choices: w.choices, Listed: w.kind == KindChoice || w.name == "domain"})
	}
	add(Field{Name: "tag", Kind: KindTag, Listed: true})
	add(Field{Name: "topic", Kind: KindTopic, Listed: true})
	attributes, err := s.Attributes()
	if err != nil {
		return nil, err
	}
	for _, name := range attributes {
		add(Field{Name: AttributeField, Attribute: name, Kind: KindValue, Listed: true})
	}
	if s.Past != nil {
		for _, deed := range deedWords() {
			add(Field{Name: deed, Kind: KindCampaign, Listed: true})
		}
	}
	return list, nil
}

// FieldValue is a value that exists.
type FieldValue struct {
	Value string `json:"value"`           // as a condition takes it
	Label string `json:"label,omitempty"` // for people, where that differs: a campaign's name, a topic's title
	Count int64  `json:"count"`           // of the subscribers who have it; of topics and campaigns 0
}

// FieldValues are the values of a field, the most frequent first.
type FieldValues struct {
	Values []FieldValue `json:"values"`
	More   bool         `json:"more,omitempty"` // there are others
}

// Limits of Values.
const (
	MaxValues   = 1000   // values of one answer
	maxDistinct = 10_000 // different values counted; rarer ones that come later are left out
	maxShown    = 256    // bytes of a value
)

// Values are what exists in a field: the first limit (zero is 100, at most
// MaxValues) of the values of an attribute, a choice or the domain, by
// frequency; tags, topics; campaigns for a deed, the newest first. Values over
// 256 bytes are left out. One walk of the audience for what is not counted
// already. An *eml.Problem for a field that has no list.
func (s *Store) Values(ctx context.Context, field, attribute string, limit int) (FieldValues, error) {
	if limit <= 0 {
		limit = 100
	}
	limit = min(limit, MaxValues)
	kind, ok := kindOf(field)
	switch {
	case !ok:
	case kind == KindTag:
		return s.counted(tagName, limit)
	case kind == KindTopic:
		return s.topicValues(limit)
	case kind == KindCampaign:
		return s.campaignValues(limit)
	case kind == KindChoice, field == "domain":
		w, _ := wordOf(field)
		return s.frequent(ctx, w.slot, limit)
	case kind == KindValue:
		return s.frequent(ctx, slot{kind: textSlot, name: attribute, id: s.names.lookup(attributeName, attribute)}, limit)
	}
	return FieldValues{}, &eml.Problem{What: "the values of " + strconv.Quote(field) + " are not listed", Hint: "ask for an attribute, a choice, domain, tag, topic or a deed"}
}

// counted are names whose use is counted as they change.
func (s *Store) counted(kind byte, limit int) (FieldValues, error) {
	var list []FieldValue
	err := s.db.View(func(tx *bolt.Tx) error {
		c := tx.Bucket(bucketNames).Cursor()
		for k, v := c.Seek([]byte{kind}); k != nil && k[0] == kind; k, v = c.Next() {
			if len(v) >= 8 && binary.BigEndian.Uint64(v) > 0 {
				list = append(list, FieldValue{Value: string(v[8:]), Count: int64(binary.BigEndian.Uint64(v))})
			}
		}
		return nil
	})
	return most(list, limit), err
}

// most are the most frequent, those as frequent in order of the alphabet.
func most(list []FieldValue, limit int) FieldValues {
	slices.SortFunc(list, func(a, b FieldValue) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Value, b.Value))
	})
	return firstOf(list, limit)
}

func firstOf(list []FieldValue, limit int) FieldValues {
	n := min(len(list), limit)
	return FieldValues{Values: append([]FieldValue{}, list[:n]...), More: n < len(list)}
}

// topicValues are the topics defined, and while there are none those that
// somebody chose about.
func (s *Store) topicValues(limit int) (FieldValues, error) {
	var list []FieldValue
	for _, t := range s.Topics {
		list = append(list, FieldValue{Value: t.ID, Label: t.Korean})
	}
	if list != nil {
		return firstOf(list, limit), nil
	}
	all, err := s.counted(topicName, limit)
	for i := range all.Values {
		all.Values[i].Count = 0
	}
	return all, err
}

func (s *Store) campaignValues(limit int) (FieldValues, error) {
	var list []FieldValue
	if s.Past != nil {
		all, err := s.Past.PastCampaigns()
		if err != nil {
			return FieldValues{}, err
		}
		for _, c := range slices.Backward(all) {
			if !c.Started.IsZero() {
				list = append(list, FieldValue{Value: strconv.FormatUint(c.ID, 10), Label: c.Name})
			}
		}
	}
	return firstOf(list, limit), nil
}

// frequent counts the values of a slot of text over all subscribers.
func (s *Store) frequent(ctx context.Context, ask slot, limit int) (FieldValues, error) {
	counts := map[string]*int64{}
	var others bool
	err := s.scan(ctx, nil, 0, everyone, func(r *row) error {
		var text []byte
		if ask.kind == textSlot {
			text = r.value(ask.id) // not copied
		} else if word, ok := ask.ofRow(r).(string); ok {
			text = []byte(word)
		}
		switch n := counts[string(text)]; {
		case n != nil:
			*n++
		case len(text) == 0:
		case len(text) > maxShown || len(counts) >= maxDistinct:
			others = true
		default:
			counts[string(text)] = new(int64)
			*counts[string(text)] = 1
		}
		return nil
	})
	list := make([]FieldValue, 0, len(counts))
	for value, n := range counts {
		list = append(list, FieldValue{Value: value, Count: *n})
	}
	values := most(list, limit)
	values.More = values.More || others
	return values, err
}
