package audience

import (
	"bytes"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

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
	subscribedSlot
	createdSlot // from <= created_at < to
	tagSlot
	textSlot   // an attribute
	numberSlot // an attribute as a number, NaN if it is none
)

// The widest range of created_at.
const (
	minMillis = math.MinInt64
	maxMillis = math.MaxInt64
)

// slot is one question; key is its name in the rewritten expression.
type slot struct {
	kind     slotKind
	name     string
	from, to int64
	key      string
	id       uint32 // of the name in this store; 0 if nobody has it
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
	case subscribedSlot:
		return sub.Consent.Subscribed
	case createdSlot:
		return s.within(millis(sub.CreatedAt))
	case tagSlot:
		return slices.Contains(sub.Tags, s.name)
	case textSlot:
		return s.attribute(sub)
	default:
		return toNumber(s.attribute(sub))
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
	case subscribedSlot:
		return r.subscribed()
	case createdSlot:
		return s.within(r.created())
	case tagSlot:
		return s.id != 0 && hasID(r.tagIDs, s.id)
	case textSlot:
		return string(r.value(s.id))
	default:
		return toNumber(string(r.value(s.id)))
	}
}

func (s *slot) within(ms int64) bool { return ms != 0 && s.from <= ms && ms < s.to }

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
}

// matcher is nil for everyone. names is nil for Match.
func (g *Segment) matcher(names *names) *matcher {
	if g == nil {
		return nil
	}
	m := &matcher{segment: g, slots: slices.Clone(g.slots), env: make(map[string]any, len(g.slots))}
	for i := range m.slots {
		s := &m.slots[i]
		switch {
		case names == nil:
		case s.kind == tagSlot:
			s.id = names.lookup(tagName, s.name)
		case s.kind == textSlot || s.kind == numberSlot:
			s.id = names.lookup(attributeName, s.name)
		}
	}
	return m
}

// row reports whether the segment selects a row.
func (m *matcher) row(r *row) (bool, error) {
	if m == nil {
		return true, nil
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
