package audience

import (
	"bytes"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/expr-lang/expr/vm"
)

// slotKind is what an expression asks of a row.
type slotKind uint8

const (
	emailSlot slotKind = iota
	nameSlot
	genderSlot
	externalSlot
	languageSlot
	domainSlot
	frequencySlot
	sourceSlot // of the consent
	subscribedSlot
	dateSlot // span.from <= the date < span.to
	tagSlot
	textSlot   // an attribute
	numberSlot // an attribute as a number, NaN if it is none

	// From here on the record alone does not tell.
	suppressedSlot
	topicSlot // they get mail about it
	deedSlot  // of earlier campaigns: whether
	deedsSlot // of how many
)

// slot is one question; key is its name in the rewritten expression.
type slot struct {
	kind   slotKind
	name   string // of the attribute, tag or topic
	date   dateField
	span   span
	wish   wish   // of deedSlot and deedsSlot
	key    string // its name in the rewritten expression
	offset int    // in the source, in runes
	id     uint32 // of the name in this store; 0 if nobody has it
	topic  subject
	n      int // campaigns for which wish is true of this row
}

// fault is an error at the place where the slot stands.
func (s *slot) fault(source, message, hint string) error {
	line, column := lineColumn(source, s.offset)
	return &SegmentError{source, line, column, message, hint}
}

// of is the answer for a subscriber.
func (s *slot) of(sub *Subscriber) any {
	switch s.kind {
	case emailSlot:
		return sub.Email
	case nameSlot:
		return sub.Name
	case genderSlot:
		return sub.Gender
	case externalSlot:
		return sub.ExternalID
	case languageSlot:
		return sub.Language
	case domainSlot:
		return sub.Email[strings.LastIndexByte(sub.Email, '@')+1:]
	case frequencySlot:
		return shownFrequency(sub.Frequency)
	case sourceSlot:
		return string(sub.Consent.Source)
	case subscribedSlot:
		return sub.Consent.Subscribed
	case dateSlot:
		return s.span.holds(millis(s.date.of(sub)))
	case tagSlot:
		return slices.Contains(sub.Tags, s.name)
	case textSlot:
		return s.attribute(sub)
	case numberSlot:
		return toNumber(s.attribute(sub))
	case deedsSlot:
		return s.n
	default:
		return s.n > 0
	}
}

func (s *slot) attribute(sub *Subscriber) string {
	if v, ok := sub.Attributes[s.name]; ok {
		return v
	}
	for name, v := range sub.Attributes {
		if fold(attributeName, name) == fold(attributeName, s.name) {
			return v
		}
	}
	return ""
}

// ofRow is of for a row that is still packed; it copies only what is asked for.
func (s *slot) ofRow(r *row) any {
	switch s.kind {
	case emailSlot:
		return string(r.email)
	case nameSlot:
		return string(r.name)
	case genderSlot:
		return genderWords()[r.fixed[2]]
	case externalSlot:
		return string(r.external)
	case languageSlot:
		return languageWords()[r.fixed[5]]
	case domainSlot:
		return string(r.email[bytes.LastIndexByte(r.email, '@')+1:])
	case frequencySlot:
		return shownFrequency(frequencyWords()[r.fixed[4]])
	case sourceSlot:
		return string(sourceWords()[r.fixed[3]])
	case subscribedSlot:
		return r.subscribed()
	case suppressedSlot:
		return r.suppressed()
	case dateSlot:
		return s.span.holds(s.date.ofRow(r))
	case tagSlot:
		return s.id != 0 && hasID(r.tagIDs, s.id)
	case topicSlot:
		return r.wants(s.topic)
	case textSlot:
		return string(r.value(s.id))
	case numberSlot:
		return toNumber(string(r.value(s.id)))
	case deedsSlot:
		return s.n
	default:
		return s.n > 0
	}
}

// everyMail is the frequency of those who set none, in expressions.
const everyMail = "all"

func shownFrequency(stored string) string {
	if stored == "" {
		return everyMail
	}
	return stored
}

// toNumber reads "12,500" and " 3.5 "; NaN, which no comparison but != is true
// of, for what is no number.
func toNumber(text string) float64 {
	text = strings.TrimSpace(text)
	if strings.Contains(text, ",") {
		text = strings.ReplaceAll(text, ",", "")
	}
	v, err := strconv.ParseFloat(text, 64)
	if err != nil || math.IsInf(v, 0) {
		return math.NaN()
	}
	return v
}

// matcher runs a segment over the rows of one store, by one goroutine. A map
// as the environment takes 152 ns for two conditions, a pointer to a struct
// 1,339 (measured).
type matcher struct {
	segment *Segment
	slots   []slot
	env     map[string]any
	vm      vm.VM
	deeds   *deedReader // nil: earlier campaigns are not asked for
}

// matcher has copies of the slots, counted back from now.
func (g *Segment) matcher(now time.Time) *matcher {
	m := &matcher{segment: g, slots: slices.Clone(g.slots), env: make(map[string]any, len(g.slots))}
	for i := range m.slots {
		m.slots[i].span.settle(now, g.zone)
	}
	return m
}

// look finds the numbers of the names, once the transaction whose rows are
// matched has begun: it knows no later ones.
func (m *matcher) look(store *Store) {
	if m == nil {
		return
	}
	for i := range m.slots {
		switch s := &m.slots[i]; s.kind {
		case tagSlot:
			s.id = store.names.lookup(tagName, s.name)
		case topicSlot:
			s.topic = store.subject(s.name)
		case textSlot, numberSlot:
			s.id = store.names.lookup(attributeName, s.name)
		}
	}
}

// row reports whether the segment selects a row; rows come in rising order of id.
func (m *matcher) row(r *row) (bool, error) {
	if m == nil {
		return true, nil
	}
	if m.deeds != nil {
		if err := m.deeds.seek(r.id); err != nil {
			return false, err
		}
	}
	for i := range m.slots {
		m.env[m.slots[i].key] = m.slots[i].ofRow(r)
	}
	return m.run()
}

func (m *matcher) run() (bool, error) {
	out, err := m.vm.Run(m.segment.program, m.env)
	if err != nil {
		return false, &SegmentError{m.segment.Source, 1, 1, fmt.Sprintf("it cannot be worked out: %v", err), "divide by no zero; compare like with like"}
	}
	yes, _ := out.(bool)
	return yes, nil
}
