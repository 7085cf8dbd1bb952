package tui

import (
	"context"
	"slices"
	"strings"

	tea "charm.land/bubbletea/v2"

	"pabal/audience"
)

// edit asks for a condition's field, how it is compared, and with what, one
// screen after the other; the row changes when all of it is known.
func (s *builder) edit(a *app, c audience.Condition) tea.Cmd {
	t := &a.t.Build
	fields := map[string]audience.Field{} // by the option's value
	p := &picker{head: a.t.Segment, hint: t.WhichField}
	p.load = func(ctx context.Context) ([]option, error) {
		all, err := a.back.SegmentFields(ctx)
		if err != nil {
			return nil, err
		}
		var options []option
		for _, f := range all {
			key := f.Name + " " + f.Attribute
			fields[key] = f
			options = append(options, option{value: key, label: a.fieldWord(f.Name, f.Attribute), note: orWord(a.t.Build.Kinds[f.Kind], safe(string(f.Kind)))})
		}
		return options, nil
	}
	p.then = func(a *app, chosen []string) tea.Cmd {
		f, ok := fields[chosen[0]]
		if !ok {
			return nil
		}
		return s.compare(a, f, c)
	}
	return push(a, p)
}

// compare asks how; where a field has only one way, it is taken.
func (s *builder) compare(a *app, f audience.Field, c audience.Condition) tea.Cmd {
	name := a.fieldWord(f.Name, f.Attribute)
	p := &picker{head: a.t.Segment, hint: a.t.Build.How(name)}
	for _, how := range f.Comparisons {
		p.options = append(p.options, option{value: string(how), label: orWord(a.t.Build.Comparisons[how], safe(string(how)))})
	}
	p.then = func(a *app, chosen []string) tea.Cmd {
		next := audience.Condition{Field: f.Name, Attribute: f.Attribute, Comparison: audience.Comparison(chosen[0])}
		if next.Field == c.Field && next.Attribute == c.Attribute {
			next.Values = c.Values
		}
		return s.values(a, f, next)
	}
	return push(a, p)
}

// values asks with what, unless there is nothing to ask.
func (s *builder) values(a *app, f audience.Field, c audience.Condition) tea.Cmd {
	if valueless(f.Kind, c.Comparison) {
		c.Values = nil
		return s.put(a, c)
	}
	name := a.fieldWord(f.Name, f.Attribute) + " " + a.t.Build.Comparisons[c.Comparison]
	p := &picker{head: a.t.Segment, hint: a.t.Build.What(name), free: true, many: c.Comparison == audience.OneOf || c.Comparison == audience.Of || c.Comparison == audience.NotOf}
	switch {
	case c.Comparison == audience.OfLast || c.Comparison == audience.NotOfLast || c.Comparison == audience.OfDays || c.Comparison == audience.NotOfDays:
		for _, n := range []string{"1", "3", "7", "14", "30", "90", "365"} {
			p.options = append(p.options, option{value: n, label: n})
		}
	case f.Kind == audience.KindDate:
		p.hint += " (" + a.t.Build.DateHint + ")"
		for _, d := range a.t.Build.Dates {
			p.options = append(p.options, option{value: d, label: d})
		}
	case len(f.Choices) > 0:
		p.free = false
		for _, v := range f.Choices {
			p.options = append(p.options, option{value: v, label: a.valueWord(f.Name, v)})
		}
	case f.Listed:
		p.load = func(ctx context.Context) ([]option, error) { return a.existing(ctx, f) }
	}
	if !p.many && len(c.Values) == 1 && p.free {
		p.field.set(c.Values[0])
	}
	p.then = func(a *app, chosen []string) tea.Cmd {
		c.Values = chosen
		return s.put(a, c)
	}
	return push(a, p)
}

// valueless reports whether a comparison needs nothing to compare with.
func valueless(kind audience.Kind, c audience.Comparison) bool {
	none := []audience.Comparison{audience.Empty, audience.NotEmpty, audience.Ever, audience.Never}
	return slices.Contains(none, c) || kind == audience.KindFlag
}

// existing are the values a field has, with how many have each.
func (a *app) existing(ctx context.Context, f audience.Field) ([]option, error) {
	values, err := a.back.SegmentValues(ctx, f.Name, f.Attribute, 0)
	if err != nil {
		return nil, err
	}
	var options []option
	for _, v := range values.Values {
		o := option{value: v.Value, label: orWord(safe(v.Label), a.valueWord(f.Name, v.Value))}
		if v.Count > 0 {
			o.note = a.t.People(comma(v.Count))
		}
		options = append(options, o)
	}
	return options, nil
}

// put makes the condition the row at the cursor, or a new one.
func (s *builder) put(a *app, c audience.Condition) tea.Cmd {
	rows := slices.Clone(s.rows.Rows)
	if s.onRow() {
		rows[s.at] = c
	} else {
		rows = append(rows, c)
	}
	s.rows.Rows = rows
	s.at = min(s.at+1, len(rows))
	return s.changed(a)
}

// fieldWord is a field in words; an attribute is called what it is called.
func (a *app) fieldWord(field, attribute string) string {
	if field == audience.AttributeField {
		return safe(attribute)
	}
	return orWord(a.t.Build.Fields[field], safe(field))
}

// valueWord is a value of a field in words.
func (a *app) valueWord(field, v string) string {
	word := ""
	switch field {
	case "gender":
		word = a.t.Genders[v]
	case "language":
		word = a.t.Person.Languages[v]
	case "frequency":
		word = a.t.Person.Frequencies[v]
	case "consent_source":
		word = a.t.Sources[audience.Source(v)]
	}
	return orWord(word, safe(v))
}

func (a *app) valueWords(c audience.Condition) string {
	words := make([]string, len(c.Values))
	for i, v := range c.Values {
		words[i] = a.valueWord(c.Field, v)
	}
	return strings.Join(words, ", ")
}
