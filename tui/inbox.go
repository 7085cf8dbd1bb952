package tui

import (
	"slices"
	"strings"

	tea "charm.land/bubbletea/v2"
)

// What a file of the inbox is for.
const (
	forSubscribers = iota
	forSuppression
	forTemplate
	forAttachment
)

// inbox is the file picker: what people copied to this host. It is the first
// step of an import.
type inbox struct {
	shown[Inbox]

	use  int
	d    *draft // the file is for; nil but forAttachment
	age  int    // ticks since it was read
	list list
}

func newInbox(use int) *inbox { return &inbox{use: use} }

func (s *inbox) title(a *app) string {
	switch s.use {
	case forSuppression:
		return a.t.Suppress.Import
	case forTemplate:
		return a.t.Template.FileHead
	case forAttachment:
		return a.t.Attach.Title
	}
	return a.t.Import.Title
}

func (s *inbox) step() int {
	if s.use == forSubscribers {
		return 1
	}
	return 0
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
	case attachedMsg:
		if msg.of == s {
			return s.attached(a, msg)
		}
	case answer[Inbox]:
		s.take(a, msg)
	case tea.KeyPressMsg:
		s.list.move(keyName(msg), len(s.files()))
	}
	return nil
}

// files are those that can be taken here.
func (s *inbox) files() []InboxFile {
	if s.use != forTemplate {
		return s.now.Files
	}
	return slices.DeleteFunc(slices.Clone(s.now.Files), func(f InboxFile) bool { return !isTemplateFile(f.Name) })
}

func (s *inbox) keys(a *app) []binding {
	open := binding{keys: []string{"enter"}, show: "Enter", help: a.t.Next, do: func() tea.Cmd { return s.open(a) }}
	if len(s.files()) == 0 {
		open.off = a.t.Import.NoFiles
	}
	return []binding{open, {keys: []string{"r"}, help: a.t.Reload, do: func() tea.Cmd { return s.start(a) }}}
}

func (s *inbox) open(a *app) tea.Cmd {
	file := s.files()[min(s.list.at, len(s.files())-1)]
	if s.use == forSuppression {
		t := &a.t.Suppress
		c := newConfirm(t.Import, []string{safe(file.Name), t.ImportWarn}, 1, "", nil)
		c.yes = func(a *app) tea.Cmd { return show(a, "", tabSuppressions, &suppressList{file: file}) }
		return push(a, c)
	}
	switch s.use {
	case forTemplate:
		return push(a, newTemplateFile(a, file))
	case forAttachment:
		return s.attach(a, file)
	}
	return push(a, newPreview(file))
}

func (s *inbox) view(a *app, w, h int) page {
	t := &a.t.Import
	if lines := a.instead(s.why, s.have, false, "", w); lines != nil {
		return page{lines: lines}
	}
	head, none := t.ChooseFile, t.NoFiles
	switch s.use {
	case forTemplate:
		head, none = a.t.Template.ChooseFile, a.t.Template.NoFiles
	case forAttachment:
		head = a.t.Attach.Choose
	}
	p := page{lines: []string{" " + a.look.bold.Render(head), ""}}
	foot := s.how(a, w)
	if len(s.files()) == 0 {
		p.lines = append(p.lines, "  "+none, "")
		p.lines = append(p.lines, foot...)
		return p
	}
	name := w - 2 - 10 - 16 - 2
	p.lines = append(p.lines, a.look.dim.Render("  "+row(column{a.t.Name, name}, column{t.Size, -10}, column{t.Modified, 16})))
	from, to := s.list.window(len(s.files()), h-len(p.lines)-len(foot)-1)
	for i := from; i < to; i++ {
		f := s.files()[i]
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
