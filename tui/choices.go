package tui

import (
	"context"
	"strings"

	tea "charm.land/bubbletea/v2"

	"pabal/audience"
)

// choices is the form of one person's preferences: topics, frequency, language.
type choices struct {
	p     personMsg
	rows  []choice
	at    int
	asked screen // the last question before it is done
}

// choice is one line: one of a few words.
type choice struct {
	label    string
	words    []string
	was, now int
	set      func(*audience.Preferences, int)
}

func newChoices(a *app, p personMsg) *choices {
	t := &a.t.Person
	s := &choices{p: p}
	for _, topic := range p.topics {
		now := 1
		if topic.Wants(&p.Subscriber) {
			now = 0
		}
		s.rows = append(s.rows, choice{label: safe(a.topicTitle(topic)), words: []string{t.On, t.Off}, was: now, now: now,
			set: func(to *audience.Preferences, i int) {
				if to.Topics == nil {
					to.Topics = map[string]bool{}
				}
				to.Topics[topic.ID] = i == 0
			}})
	}
	frequencies, languages := []string{"all", "weekly", "monthly"}, []string{"", "ko", "en"}
	s.rows = append(s.rows,
		choiceOf(t.Frequency, frequencies, orWord(p.Frequency, "all"), a.frequency, func(to *audience.Preferences, v *string) { to.Frequency = v }),
		choiceOf(t.Language, languages, p.Language, a.language, func(to *audience.Preferences, v *string) { to.Language = v }))
	return s
}

// choiceOf is a line over stored words.
func choiceOf(label string, values []string, now string, word func(string) string, set func(*audience.Preferences, *string)) choice {
	c := choice{label: label, set: func(to *audience.Preferences, i int) { set(to, &values[i]) }}
	for i, v := range values {
		c.words = append(c.words, word(v))
		if v == now {
			c.was, c.now = i, i
		}
	}
	return c
}

func (s *choices) title(a *app) string { return a.t.Person.Preferences }
func (s *choices) start(*app) tea.Cmd  { return nil }

func (s *choices) update(a *app, msg tea.Msg) tea.Cmd {
	switch msg := msg.(type) {
	case doneMsg:
		if msg.from == s.asked && msg.err == nil {
			return pop(a)
		}
	case tea.KeyPressMsg:
		l := list{at: s.at, rows: len(s.rows)}
		l.move(keyName(msg), len(s.rows))
		s.at = l.at
	}
	return nil
}

func (s *choices) keys(a *app) []binding {
	turn := func(by int) func() tea.Cmd {
		return func() tea.Cmd {
			r := &s.rows[s.at]
			r.now = (r.now + by + len(r.words)) % len(r.words)
			return nil
		}
	}
	save := binding{keys: []string{"enter", "ctrl+s"}, show: "Enter", help: a.t.Person.Save, do: func() tea.Cmd { return s.save(a) }}
	if len(s.changes()) == 0 {
		save.off = a.t.Person.Unchanged
	}
	return []binding{
		{keys: []string{"space", "right", "l"}, show: "Space →", help: a.t.Person.Change, do: turn(1)},
		save,
		{show: "↑↓", help: a.t.Fields},
		{keys: []string{"left", "h"}, show: "←", help: a.t.Person.Change, do: turn(-1)},
	}
}

// changes are the lines that differ, in words.
func (s *choices) changes() []string {
	var out []string
	for _, r := range s.rows {
		if r.now != r.was {
			out = append(out, r.label+": "+r.words[r.was]+" → "+r.words[r.now])
		}
	}
	return out
}

func (s *choices) save(a *app) tea.Cmd {
	var p audience.Preferences
	for _, r := range s.rows {
		if r.now != r.was {
			r.set(&p, r.now)
		}
	}
	email := s.p.Email
	lines := append([]string{safe(email)}, s.changes()...)
	s.asked = newConfirm(a.t.Person.Preferences, lines, 1, a.t.Done, func(ctx context.Context) error { return a.back.Prefer(ctx, email, p) })
	return push(a, s.asked)
}

func (s *choices) view(a *app, w, h int) page {
	label := 14
	for _, r := range s.rows {
		label = min(max(label, cells(r.label)), w/2)
	}
	p := page{lines: []string{" " + a.look.bold.Render(cut(safe(s.p.Email), w-2)), ""}}
	from := max(0, s.at-(h-6))
	for i := from; i < min(len(s.rows), from+h-5); i++ {
		r := s.rows[i]
		mark := "  "
		if r.now != r.was {
			mark = "* "
		}
		words := make([]string, len(r.words))
		for j, word := range r.words {
			words[j] = "( ) " + word
			if j == r.now {
				words[j] = "(●) " + word
			}
		}
		p.lines = append(p.lines, a.look.pickLine(mark+pad(r.label, label)+"  "+strings.Join(words, "  "), i == s.at, w))
	}
	if len(s.p.topics) == 0 {
		p.lines = append(p.lines, "", "  "+a.look.dim.Render(a.t.Person.NoTopics))
	}
	p.lines = append(p.lines, "")
	for _, l := range wrap(a.t.Person.ChooseHint, w-4) {
		p.lines = append(p.lines, "  "+a.look.dim.Render(l))
	}
	return p
}
