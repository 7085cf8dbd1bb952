package tui

import (
	"context"
	"slices"
	"strings"

	tea "charm.land/bubbletea/v2"
)

// form is a screen with a few fields, after which something is done.
type form struct {
	head   string
	lines  []string // what it is for
	fields []field
	help   string                                      // of the key that does it
	off    func(values []string) string                // why it cannot be done so; "" when it can. nil: always
	note   func(values []string) []string              // said below the fields as they are now; nil: nothing
	do     func(ctx context.Context, v []string) error // nil: then alone
	then   func(a *app, v []string) tea.Cmd            // after do went well

	at   int
	busy bool
	why  string
}

type formMsg struct {
	of     *form
	values []string
	err    error
}

func (s *form) title(*app) string  { return s.head }
func (s *form) start(*app) tea.Cmd { return nil }
func (s *form) typing() bool       { return !s.busy }

// values are what stands in the fields, without spaces around.
func (s *form) values() []string {
	out := make([]string, len(s.fields))
	for i := range s.fields {
		out[i] = strings.TrimSpace(s.fields[i].in.value())
	}
	return out
}

func (s *form) update(a *app, msg tea.Msg) tea.Cmd {
	switch msg := msg.(type) {
	case formMsg:
		if msg.of == s {
			return s.ended(a, msg)
		}
	case tea.PasteMsg:
		if f := &s.fields[s.at]; f.choices == nil && !s.busy {
			f.in.insert(msg.Content)
		}
	case tea.KeyPressMsg:
		if !s.busy {
			s.key(msg)
		}
	}
	return nil
}

func (s *form) key(k tea.KeyPressMsg) {
	s.why = ""
	switch k.String() {
	case "up", "shift+tab":
		s.at = max(0, s.at-1)
	case "down", "tab":
		s.at = min(len(s.fields)-1, s.at+1)
	default:
		if f := &s.fields[s.at]; f.choices == nil {
			f.in.key(k)
		} else if by := map[string]int{"right": 1, "space": 1, "left": -1}[k.String()]; by != 0 {
			f.turn(by)
		}
	}
}

func (s *form) ended(a *app, m formMsg) tea.Cmd {
	s.busy = false
	if m.err != nil {
		s.why = a.problem(m.err)
		return nil
	}
	return s.then(a, m.values)
}

func (s *form) keys(a *app) []binding {
	next := binding{keys: []string{"enter"}, show: "Enter", help: a.t.NextField, do: func() tea.Cmd { s.at++; return nil }}
	act := binding{keys: []string{"ctrl+s"}, show: "Ctrl+S", help: s.help, do: func() tea.Cmd { return s.act(a) }}
	if s.at == len(s.fields)-1 {
		act.keys, act.show = []string{"enter", "ctrl+s"}, "Enter"
	}
	switch {
	case s.busy:
		act.off = a.t.Working
	case s.off != nil:
		act.off = s.off(s.values())
	}
	keys := []binding{act}
	if s.at < len(s.fields)-1 {
		keys = []binding{next, act}
	}
	if s.fields[s.at].choices != nil {
		keys = append(keys, binding{show: "← →", help: a.t.Pick.Choose})
	}
	if len(s.fields) > 1 {
		keys = append(keys, binding{show: "↑↓", help: a.t.Fields})
	}
	return keys
}

func (s *form) act(a *app) tea.Cmd {
	v := s.values()
	if s.do == nil {
		return s.then(a, v)
	}
	s.busy, s.why = true, ""
	return call(a, startTimeout, func(ctx context.Context) (struct{}, error) { return struct{}{}, s.do(ctx, v) },
		func(_ struct{}, err error) tea.Msg { return formMsg{s, v, err} })
}

func (s *form) view(a *app, w, h int) page {
	inner := min(w-4, 74) - 4
	var lines []string
	for _, l := range s.lines {
		lines = append(lines, wrap(l, inner)...)
	}
	label := 0
	for _, f := range s.fields {
		label = max(label, cells(f.label)+2)
	}
	lines = append(lines, "")
	p := page{lines: []string{""}}
	for i := range s.fields {
		line, x := s.fields[i].line(a, label, inner-2, i == s.at)
		if i == s.at && !s.busy {
			p.cursor = &tea.Position{X: 6 + x, Y: len(p.lines) + 1 + len(lines)}
		}
		lines = append(lines, line)
	}
	if s.note != nil {
		if said := s.note(s.values()); len(said) > 0 {
			lines = append(lines, "")
			for _, l := range said {
				lines = append(lines, wrap(l, inner)...)
			}
		}
	}
	if s.why != "" {
		lines = append(lines, "")
		for _, l := range wrap("! "+s.why, inner) {
			lines = append(lines, a.look.bad.Render(l))
		}
	}
	if s.busy {
		lines = append(lines, "", a.t.Working)
	}
	for _, l := range a.look.panel(s.head, lines, inner+4) {
		p.lines = append(p.lines, "  "+l)
	}
	return p
}

// line is a field in w cells behind its label; x is the cursor's place.
func (f *field) line(a *app, label, w int, on bool) (line string, x int) {
	mark := "  "
	if on {
		mark = a.look.key.Render("› ")
	}
	shown, x := f.in.view(w - label)
	switch {
	case f.choices != nil:
		at := slices.IndexFunc(f.choices, func(o option) bool { return o.value == f.in.value() })
		shown, x = "‹ "+cut(f.choices[max(0, at)].label, w-label-12)+" ›", 0
	case f.in.value() == "":
		shown = a.look.dim.Render(pad(f.hint, w-label))
	}
	return mark + pad(f.label, label) + shown, label + x
}
