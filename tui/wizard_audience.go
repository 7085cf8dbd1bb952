package tui

import (
	"context"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"

	"pabal/audience"
)

// countDelay is how long typing rests before the audience is counted.
const countDelay = 300 * time.Millisecond

// wizardAudience is step 2: an expression over the subscribers, counted while
// one types.
type wizardAudience struct {
	d       *draft
	field   input
	example int // which example the arrow keys are at; 0 is none
	asked   int // edits so far; an answer to an older one is dropped
	known   bool
	count   audience.Count
	people  []audience.Subscriber // the first few selected
	why     string                // why the expression is no good
}

// Examples that the arrow keys put into the field; "" is everybody.
var segmentExamples = [...]string{
	"",
	`gender == "female"`,
	`created_at >= "2026-01-01"`,
	`tag("vip2026")`,
	`gender == "female" and created_at >= "2026-01-01"`,
}

type (
	restMsg  struct{ asked int } // typing has rested
	countMsg struct {
		of     *wizardAudience
		asked  int
		count  audience.Count
		people []audience.Subscriber
		err    error
	}
)

func newWizardAudience(d *draft) *wizardAudience {
	return &wizardAudience{d: d, field: newInput(d.c.Segment)}
}

func (s *wizardAudience) title(a *app) string  { return a.t.NewCampaign }
func (s *wizardAudience) step() int            { return 2 }
func (s *wizardAudience) typing() bool         { return true }
func (s *wizardAudience) start(a *app) tea.Cmd { return s.ask(a) }

// ask counts what the expression selects now.
func (s *wizardAudience) ask(a *app) tea.Cmd {
	segment, topic, asked := s.field.value(), s.d.c.Topic, s.asked
	return call(a, callTimeout, func(ctx context.Context) (countMsg, error) {
		m := countMsg{of: s, asked: asked}
		var err error
		if m.count, err = a.back.Count(ctx, segment, topic); err != nil {
			return m, err
		}
		m.people, err = a.back.Subscribers(ctx, "", segment, 5)
		return m, err
	}, func(m countMsg, err error) tea.Msg {
		m.err = err
		return m
	})
}

// changed waits for typing to rest.
func (s *wizardAudience) changed(a *app) tea.Cmd {
	s.asked++
	s.known, s.why = false, ""
	return a.after(countDelay, restMsg{s.asked})
}

func (s *wizardAudience) update(a *app, msg tea.Msg) tea.Cmd {
	before := s.field.value()
	switch msg := msg.(type) {
	case tickMsg:
		if !s.known && s.why == "" {
			return s.ask(a)
		}
	case restMsg:
		if msg.asked == s.asked {
			return s.ask(a)
		}
	case countMsg:
		s.take(msg)
	case tea.PasteMsg:
		s.field.insert(msg.Content)
	case tea.KeyPressMsg:
		switch msg.String() {
		case "down":
			s.turn(1)
		case "up":
			s.turn(-1)
		default:
			s.field.key(msg)
		}
	}
	if s.field.value() != before {
		return s.changed(a)
	}
	return nil
}

// turn puts another example into the field.
func (s *wizardAudience) turn(by int) {
	n := len(segmentExamples)
	s.example = (s.example + by + n) % n
	s.field.set(segmentExamples[s.example])
}

func (s *wizardAudience) take(m countMsg) {
	if m.of != s || m.asked != s.asked {
		return
	}
	switch {
	case m.err == nil:
		s.known, s.why = true, ""
		s.count, s.people = m.count, m.people
	case !offline(m.err):
		s.why = problem(m.err)
	}
}

func (s *wizardAudience) keys(a *app) []binding {
	next := binding{keys: []string{"enter"}, show: "Enter", help: a.t.Next, do: func() tea.Cmd {
		s.d.c.Segment, s.d.count = s.field.value(), s.count
		return push(a, newWizardContent(s.d))
	}}
	switch {
	case s.why != "":
		next.off = a.t.BadExpression
	case !s.known:
		next.off = a.t.Counting
	case s.count.Mailable == 0:
		next.off = a.t.NobodySelected
	}
	return []binding{next, {show: "↑↓", help: a.t.Examples}}
}

func (s *wizardAudience) view(a *app, w, h int) page {
	label := " " + a.t.Segment + " "
	shown, x := s.field.view(w - cells(label) - 2)
	p := page{lines: []string{
		" " + a.look.bold.Render(a.t.ChooseAudience), "",
		label + a.look.bold.Render(shown),
		pad("", cells(label)) + a.look.line.Render(pad(line(w-cells(label)-2), w-cells(label)-2)),
	}, cursor: &tea.Position{X: cells(label) + x, Y: 2}}
	switch {
	case s.why != "":
		for _, l := range wrap(s.why, w-6) {
			p.lines = append(p.lines, "  "+a.look.bad.Render("! "+l))
		}
	case !s.known:
		p.lines = append(p.lines, "  "+a.t.Counting)
	default:
		p.lines = append(p.lines, s.counts(a, w)...)
	}
	if s.field.value() == "" {
		p.lines = append(p.lines, "", "  "+a.look.dim.Render(a.t.EmptyIsAll))
	}
	p.lines = append(p.lines, "", "  "+a.look.dim.Render(a.t.ExamplesAre))
	for _, e := range segmentExamples[1:] {
		p.lines = append(p.lines, "    "+a.look.dim.Render(e))
	}
	return p
}

// counts is what the expression selects, who of them may be mailed, and the
// first few by name.
func (s *wizardAudience) counts(a *app, w int) []string {
	lines := []string{
		"  " + pad(a.t.Selected, 12) + padLeft(comma(s.count.Selected), 10),
		"  " + pad(a.t.Mailable, 12) + a.look.bold.Render(padLeft(comma(s.count.Mailable), 10)),
		"  " + pad(a.t.Outcomes[4], 12) + padLeft(comma(s.count.Selected-s.count.Mailable), 10) + "  " + cut(a.skipped(s.count.Skipped), w-28),
	}
	if len(s.count.Unknown) > 0 {
		lines = append(lines, "  "+a.look.warn.Render("! "+cut(a.t.NobodyHas(safe(strings.Join(s.count.Unknown, ", "))), w-6)))
	}
	names := a.t.Such
	for _, p := range s.people {
		names += " " + orWord(safe(p.Name), safe(p.Email)) + ","
	}
	if len(s.people) > 0 {
		lines = append(lines, "  "+cut(names[:len(names)-1], w-4))
	}
	return lines
}
