package tui

import (
	"context"
	"slices"
	"strings"

	tea "charm.land/bubbletea/v2"
)

// option is one line of a picker: what it stands for, in words, and a note.
type option struct{ value, label, note string }

// picker is a list to choose from; typing narrows it, and where free is set
// what was typed can be chosen itself.
type picker struct {
	head, hint string
	begin      string // the value the cursor stands on at first
	free       bool   // what is typed is a choice too
	many       bool   // several, marked by Tab
	options    []option
	load       func(context.Context) ([]option, error) // nil: options are all
	then       func(a *app, chosen []string) tea.Cmd   // after this screen has gone

	shown[[]option] // what load brought

	marks []string
	field input
	list  list
}

func (s *picker) title(*app) string { return s.head }
func (s *picker) typing() bool      { return true }

func (s *picker) start(a *app) tea.Cmd {
	s.list.at = max(0, slices.IndexFunc(s.options, func(o option) bool { return o.value == s.begin }))
	if s.have = s.load == nil; s.have {
		return nil
	}
	return askTurn(a, &s.turn, callTimeout, s.load)
}

func (s *picker) update(a *app, msg tea.Msg) tea.Cmd {
	switch msg := msg.(type) {
	case tickMsg:
		if s.lost() {
			return s.start(a)
		}
	case answer[[]option]:
		s.take(a, msg)
	case tea.PasteMsg:
		s.field.insert(msg.Content)
		s.list = list{}
	case tea.KeyPressMsg:
		switch msg.String() {
		case "up", "down", "pgup", "pgdown":
			s.list.move(msg.String(), len(s.matching()))
		default:
			before := s.field.value()
			if s.field.key(msg); s.field.value() != before {
				s.list = list{}
			}
		}
	}
	return nil
}

// matching are the options that match what is typed; the typed text itself comes
// last unless it is one of them.
func (s *picker) matching() []option {
	typed := strings.TrimSpace(s.field.value())
	f := filter{field: newInput(typed)}
	var out []option
	same := false
	for _, o := range slices.Concat(s.options, s.now) {
		if f.matches(o.label, o.value, o.note) {
			out = append(out, o)
			same = same || o.value == typed
		}
	}
	if s.free && typed != "" && !same {
		out = append(out, option{value: typed, label: "“" + safe(typed) + "”"})
	}
	return out
}

func (s *picker) keys(a *app) []binding {
	choose := binding{keys: []string{"enter"}, show: "Enter", help: a.t.Pick.Choose, do: func() tea.Cmd { return s.choose(a) }}
	mark := binding{keys: []string{"tab"}, show: "Tab", help: a.t.Pick.Mark, do: s.mark}
	if len(s.matching()) == 0 {
		choose.off, mark.off = a.t.NothingHere, a.t.NothingHere
		if len(s.marks) > 0 {
			choose.off = ""
		}
	}
	keys := []binding{choose}
	if s.many {
		keys = append(keys, mark)
	}
	return append(keys, binding{show: "↑↓", help: a.t.Pick.Move}, binding{show: "a-z", help: a.t.Pick.Narrow})
}

func (s *picker) chosen() string {
	shown := s.matching()
	return shown[min(s.list.at, len(shown)-1)].value
}

// mark takes the line at the cursor among those chosen, or out again.
func (s *picker) mark() tea.Cmd {
	v := s.chosen()
	if i := slices.Index(s.marks, v); i >= 0 {
		s.marks = slices.Delete(s.marks, i, i+1)
	} else {
		s.marks = append(s.marks, v)
	}
	s.field.set("")
	return nil
}

func (s *picker) choose(a *app) tea.Cmd {
	chosen := s.marks
	if len(chosen) == 0 {
		chosen = []string{s.chosen()}
	}
	pop(a)
	a.moves = append(a.moves, func(*model) tea.Cmd { return s.then(a, chosen) })
	return nil
}

func (s *picker) view(a *app, w, h int) page {
	label := " › "
	shown, x := s.field.view(w - cells(label) - 2)
	p := page{lines: []string{" " + a.look.bold.Render(cut(s.hint, w-2)), a.look.key.Render(label) + shown},
		cursor: &tea.Position{X: cells(label) + x, Y: 1}}
	options := s.matching()
	none := a.t.NothingHere
	if s.free {
		none = a.t.Pick.TypeIt
	}
	if lines := a.instead(s.why, s.have, len(options) == 0, none, w); lines != nil && !(s.free && len(options) > 0) {
		p.lines = append(p.lines, lines...)
		return p
	}
	wide := 0
	for _, o := range options {
		wide = min(max(wide, cells(o.label)), w-24)
	}
	from, to := s.list.window(len(options), h-len(p.lines)-1)
	if to-from < len(options) { // some do not fit
		count := comma(int64(s.list.at+1)) + "/" + comma(int64(len(options)))
		p.lines[0] = sides(p.lines[0], a.look.dim.Render(count)+" ", w)
	}
	for i := from; i < to; i++ {
		o := options[i]
		mark := ""
		if s.many {
			mark = "[ ] "
			if slices.Contains(s.marks, o.value) {
				mark = "[v] "
			}
		}
		p.lines = append(p.lines, a.look.pickLine(mark+pad(o.label, wide)+"  "+a.look.dim.Render(o.note), i == s.list.at, w))
	}
	return p
}
