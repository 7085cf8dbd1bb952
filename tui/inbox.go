package tui

import (
	"strings"

	tea "charm.land/bubbletea/v2"
)

// What a file of the inbox is for.
const (
	forSubscribers = iota
	forSuppression
)

// inbox is the file picker: what people copied to this host. It is the first
// step of an import.
type inbox struct {
	shown[Inbox]

	use  int
	age  int // ticks since it was read
	list list
}

func newInbox(use int) *inbox { return &inbox{use: use} }

func (s *inbox) title(a *app) string {
	if s.use == forSuppression {
		return a.t.Suppress.Import
	}
	return a.t.Import.Title
}

func (s *inbox) step() int {
	if s.use == forSuppression {
		return 0
	}
	return 1
}

func (s *inbox) steps(a *app) []string { return a.t.Import.Steps[:] }

func (s *inbox) start(a *app) tea.Cmd {
	s.age = 0
	return askTurn(a, &s.turn, callTimeout, a.back.Inbox)
}

func (s *inbox) update(a *app, msg tea.Msg) tea.Cmd {
	switch msg := msg.(type) {
	case tickMsg: // a file that is being copied appears by itself
		if s.age++; s.age >= 2 && !s.turn.busy {
			return s.start(a)
		}
	case answer[Inbox]:
		s.take(a, msg)
	case tea.KeyPressMsg:
		s.list.move(keyName(msg), len(s.now.Files))
	}
	return nil
}

func (s *inbox) keys(a *app) []binding {
	open := binding{keys: []string{"enter"}, show: "Enter", help: a.t.Next, do: func() tea.Cmd { return s.open(a) }}
	if len(s.now.Files) == 0 {
		open.off = a.t.Import.NoFiles
	}
	return []binding{open, {keys: []string{"r"}, help: a.t.Reload, do: func() tea.Cmd { return s.start(a) }}}
}

func (s *inbox) open(a *app) tea.Cmd {
	file := s.now.Files[min(s.list.at, len(s.now.Files)-1)]
	if s.use == forSuppression {
		t := &a.t.Suppress
		c := newConfirm(t.Import, []string{safe(file.Name), t.ImportWarn}, 1, "", nil)
		c.yes = func(a *app) tea.Cmd { return show(a, "", tabSuppressions, &suppressList{file: file}) }
		return push(a, c)
	}
	return push(a, newPreview(file))
}

func (s *inbox) view(a *app, w, h int) page {
	t := &a.t.Import
	if lines := a.instead(s.why, s.have, false, "", w); lines != nil {
		return page{lines: lines}
	}
	p := page{lines: []string{" " + a.look.bold.Render(t.ChooseFile), ""}}
	foot := s.how(a, w)
	if len(s.now.Files) == 0 {
		p.lines = append(p.lines, "  "+t.NoFiles, "")
		p.lines = append(p.lines, foot...)
		return p
	}
	name := w - 2 - 10 - 16 - 2
	p.lines = append(p.lines, a.look.dim.Render("  "+row(column{a.t.Name, name}, column{t.Size, -10}, column{t.Modified, 16})))
	from, to := s.list.window(len(s.now.Files), h-len(p.lines)-len(foot)-1)
	for i := from; i < to; i++ {
		f := s.now.Files[i]
		p.lines = append(p.lines, a.look.pickLine(row(column{safe(f.Name), name}, column{size(f.Size), -10}, column{a.moment(f.Modified), 16}), i == s.list.at, w))
	}
	p.lines = append(fill(p.lines, h-len(foot)), foot...)
	return p
}

// how says how a file gets here from a PC, with the line to type.
func (s *inbox) how(a *app, w int) []string {
	lines := []string{a.look.rule(a.t.Import.HowTo, w)}
	for _, l := range wrap(a.t.Import.HowPC, w-4) {
		lines = append(lines, "  "+l)
	}
	file := a.t.Import.File
	command := strings.Replace(safe(s.now.SCP), "FILE", file, 1)
	for _, l := range wrap(command, w-6) {
		lines = append(lines, "    "+a.look.bold.Render(l))
	}
	for _, l := range wrap(a.t.Import.HowAfter, w-4) {
		lines = append(lines, "  "+a.look.dim.Render(l))
	}
	return lines
}
