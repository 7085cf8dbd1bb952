package audience

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/expr-lang/expr/ast"
)

// Explanation says why a segment, and what may not be mailed, leave one person
// in or out.
type Explanation struct {
	Subscriber  Subscriber   `json:"subscriber"`
	Selected    bool         `json:"selected"` // the segment takes them
	Mailable    bool         `json:"mailable"` // selected, and no reason stands against it
	Skip        string       `json:"skip,omitempty"`
	Topic       string       `json:"topic,omitempty"` // the topic asked for
	Conditions  []Answer     `json:"conditions"`      // of the expression, in its order
	Suppression *Suppression `json:"suppression,omitempty"`
}

// Answer is one condition of an expression, as it is for one person.
type Answer struct {
	Condition string        `json:"condition"`
	True      bool          `json:"true"`
	Decides   bool          `json:"decides"` // the whole expression is what it is because of it
	Values    []AnswerValue `json:"values,omitempty"`
	Error     string        `json:"error,omitempty"` // it cannot be worked out for this person
}

// AnswerValue is what a person has in a field.
type AnswerValue struct {
	Field     string         `json:"field"`
	Value     string         `json:"value"`
	Campaigns []PastCampaign `json:"campaigns,omitempty"` // of which a deed is true
}

// Explain looks at one subscriber as a walk of the segment would: the answers
// of all conditions, and the reason not to mail them, whether selected or not.
// ErrNotFound, or a *SegmentError.
func (s *Store) Explain(ctx context.Context, seg *Segment, topic string, id uint64) (Explanation, error) {
	x := Explanation{Topic: topic, Conditions: []Answer{}}
	found := false
	err := s.Walk(ctx, nil, topic, id-1, id, func(sub *Subscriber, skip string) error {
		x.Subscriber, x.Skip, found = *sub, skip, true
		return nil
	})
	if err == nil && !found {
		err = fmt.Errorf("subscriber %d: %w", id, ErrNotFound)
	}
	if err != nil {
		return Explanation{}, err
	}
	sup, suppressed, err := s.Suppressed(x.Subscriber.Email)
	if err != nil {
		return Explanation{}, err
	}
	if suppressed {
		x.Suppression = &sup
	}
	if x.Selected = seg == nil; !x.Selected {
		if err := s.explainConditions(ctx, seg, &x); err != nil {
			return Explanation{}, err
		}
	}
	x.Mailable = x.Selected && x.Skip == ""
	return x, nil
}

func (s *Store) explainConditions(ctx context.Context, seg *Segment, x *Explanation) error {
	err := s.scan(ctx, seg, x.Subscriber.ID-1, x.Subscriber.ID, func(*row) error {
		x.Selected = true
		return nil
	})
	if err != nil {
		return err
	}
	tree, err := parseTree(seg.Source, segmentConfig())
	if err != nil {
		return err
	}
	e := explainer{ctx: ctx, s: s, seg: seg, id: x.Subscriber.ID}
	root := e.answers(tree.Node)
	root.decide(e.list)
	x.Conditions = e.list
	return e.err
}

// explainer takes an expression apart into the conditions that and, or, not
// and ?: put together.
type explainer struct {
	ctx  context.Context
	s    *Store
	seg  *Segment
	id   uint64
	list []Answer
	err  error
}

// joint is a node of that tree; without parts it is the answer at index.
type joint struct {
	operator string // and, or, not, if
	parts    []joint
	index    int
	is       bool
}

func (e *explainer) answers(n ast.Node) joint {
	switch n := n.(type) {
	case *ast.BinaryNode:
		switch n.Operator {
		case "and", "&&":
			a, b := e.answers(n.Left), e.answers(n.Right)
			return joint{operator: "and", parts: []joint{a, b}, is: a.is && b.is}
		case "or", "||":
			a, b := e.answers(n.Left), e.answers(n.Right)
			return joint{operator: "or", parts: []joint{a, b}, is: a.is || b.is}
		}
	case *ast.UnaryNode:
		if n.Operator == "not" || n.Operator == "!" {
			a := e.answers(n.Node)
			return joint{operator: "not", parts: []joint{a}, is: !a.is}
		}
	case *ast.ConditionalNode:
		test, a, b := e.answers(n.Cond), e.answers(n.Exp1), e.answers(n.Exp2)
		if !test.is {
			a = b
		}
		return joint{operator: "if", parts: []joint{test, a}, is: a.is}
	}
	return e.answer(n)
}

// decide marks the conditions that make the whole what it is.
func (j *joint) decide(list []Answer) {
	if j.parts == nil {
		list[j.index].Decides = true
		return
	}
	for i := range j.parts {
		part := &j.parts[i]
		if j.operator == "and" && !j.is && part.is || j.operator == "or" && j.is && !part.is {
			continue
		}
		part.decide(list)
	}
}

// answer asks one condition on its own.
func (e *explainer) answer(n ast.Node) joint {
	a := Answer{Condition: n.String()}
	seg, err := ParseSegment(a.Condition, e.seg.zone)
	if err == nil {
		err = e.ask(seg.At(e.seg.at), &a)
	}
	if err != nil {
		if ended := e.ctx.Err(); ended != nil {
			e.err = ended
		}
		a.Error = err.Error()
	}
	e.list = append(e.list, a)
	return joint{index: len(e.list) - 1, is: a.True}
}

func (e *explainer) ask(seg *Segment, a *Answer) error {
	m, err := seg.bind(e.ctx, e.s)
	if err != nil {
		return err
	}
	return e.s.scan(e.ctx, nil, e.id-1, e.id, func(r *row) error {
		m.look(e.s)
		is, err := m.row(r)
		for i := range m.slots {
			a.Values = append(a.Values, m.value(&m.slots[i], r, e.s.zone()))
		}
		a.True = is
		return err
	})
}

// value is what a row has, for people.
func (m *matcher) value(s *slot, r *row, zone *time.Location) AnswerValue {
	v := AnswerValue{Field: s.shown()}
	switch s.kind {
	case dateSlot:
		if at := fromMillis(s.date.ofRow(r)); !at.IsZero() {
			v.Value = at.In(zone).Format("2006-01-02 15:04")
		}
	case numberSlot:
		v.Value = string(r.value(s.id))
	case deedSlot, deedsSlot:
		v.Value = strconv.Itoa(s.n)
		v.Campaigns = m.deeds.campaigns(s, r.id)
	default:
		v.Value = fmt.Sprint(s.ofRow(r))
	}
	return v
}

// shown is how an expression writes what a slot asks.
func (s *slot) shown() string {
	switch s.kind {
	case tagSlot:
		return "tag(" + quoted(s.name) + ")"
	case topicSlot:
		return "topic(" + quoted(s.name) + ")"
	case textSlot, numberSlot:
		return s.name
	case deedSlot, deedsSlot:
		return s.wish.shown()
	}
	for _, w := range words() {
		if w.slot.kind == s.kind && w.slot.date == s.date {
			return w.name
		}
	}
	return ""
}

// campaigns are those of which a deed is true for the subscriber sought last.
func (d *deedReader) campaigns(s *slot, id uint64) []PastCampaign {
	var list []PastCampaign
	for _, c := range d.cursors {
		row, err := c.seek(d, id)
		if err != nil || row == nil {
			continue // seek has told
		}
		for _, a := range c.asks {
			if a.slot == s && a.holds(row) {
				list = append(list, c.campaign)
			}
		}
	}
	return list
}
