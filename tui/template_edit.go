package tui

import (
	"context"
	"strings"

	tea "charm.land/bubbletea/v2"

	"pabal/campaign"
)

// templateEdit edits a template's subject, text and HTML; saving makes a new
// version, and campaigns that were sent keep theirs.
type templateEdit struct {
	was     campaign.Template
	subject input
	text    area
	html    area
	at      int // which of the three
	busy    bool
	why     string
}

// The fields.
const (
	editSubject = iota
	editText
	editHTML
)

type templateSavedMsg struct {
	of  *templateEdit
	t   campaign.Template
	err error
}

func newTemplateEdit(t campaign.Template) *templateEdit {
	s := &templateEdit{was: t, subject: newInput(t.Subject), text: newArea(t.Text), html: newArea(t.HTML), at: editText}
	if t.Text == "" && t.HTML != "" {
		s.at = editHTML
	}
	return s
}

func (s *templateEdit) title(a *app) string { return safe(s.was.Name) }
func (s *templateEdit) start(*app) tea.Cmd  { return nil }
func (s *templateEdit) typing() bool        { return true }

func (s *templateEdit) update(a *app, msg tea.Msg) tea.Cmd {
	switch msg := msg.(type) {
	case templateSavedMsg:
		if msg.of == s {
			return s.saved(a, msg)
		}
	case editedMsg:
		if msg.of == s {
			s.take(a, msg)
		}
	case tea.PasteMsg:
		s.why = ""
		if s.at == editSubject {
			s.subject.insert(msg.Content)
		} else {
			s.part().insert(msg.Content)
		}
	case tea.KeyPressMsg:
		s.why = ""
		if s.at == editSubject {
			s.subject.key(msg)
		} else {
			s.part().key(msg)
		}
	}
	return nil
}

// part is the part that is edited or, with the subject, the one that is there.
func (s *templateEdit) part() *area {
	if s.inHTML() {
		return &s.html
	}
	return &s.text
}

func (s *templateEdit) inHTML() bool {
	return s.at == editHTML || s.at == editSubject && s.text.bytes == 0 && s.html.bytes > 0
}

func (s *templateEdit) changed() bool {
	return s.subject.value() != newSubject(s.was) || s.text.value() != newText(s.was.Text) || s.html.value() != newText(s.was.HTML)
}

// newSubject and newText are what was stored as the fields keep it, in NFC.
func newSubject(t campaign.Template) string { f := newInput(t.Subject); return f.value() }
func newText(text string) string            { f := newArea(text); return f.value() }

func (s *templateEdit) keys(a *app) []binding {
	t := &a.t.Template
	save := binding{keys: []string{"ctrl+s"}, show: "Ctrl+S", help: t.Save, do: func() tea.Cmd { return s.save(a) }}
	switch {
	case s.busy:
		save.off = a.t.Working
	case !s.changed():
		save.off = t.Unchanged
	}
	keys := []binding{save, {keys: []string{"tab"}, show: "Tab", help: t.OtherPart, do: func() tea.Cmd { s.at = (s.at + 1) % 3; return nil }}}
	if s.at == editSubject {
		keys = append(keys, binding{keys: []string{"enter", "down"}, show: "Enter", help: t.OtherPart, do: func() tea.Cmd { s.at = editText; return nil }})
	} else if a.editor != "" {
		keys = append(keys, binding{keys: []string{"ctrl+o"}, show: "Ctrl+O", help: t.Editor, do: func() tea.Cmd { return s.outside(a) }})
	}
	keys = append(keys, binding{keys: []string{"shift+tab"}, show: "Shift+Tab", help: t.OtherPart, do: func() tea.Cmd { s.at = (s.at + 2) % 3; return nil }})
	if s.changed() {
		keys = append(keys, binding{keys: []string{"esc"}, show: "Esc", help: a.t.Back, do: func() tea.Cmd { return push(a, s.leaveQuestion(a)) }})
	}
	return keys
}

// leaveQuestion asks before what was typed is lost.
func (s *templateEdit) leaveQuestion(a *app) screen {
	c := newConfirm(a.t.Template.Leave, []string{safe(s.was.Name), a.t.Template.LeaveAsk}, 1, "", nil)
	c.yes = func(a *app) tea.Cmd {
		pop(a)
		return pop(a)
	}
	return c
}

// save stores a new version.
func (s *templateEdit) save(a *app) tea.Cmd {
	s.busy, s.why = true, ""
	t := campaign.Template{Name: s.was.Name, Purpose: s.was.Purpose, Subject: strings.TrimSpace(s.subject.value()), Text: s.text.value(), HTML: s.html.value(), Images: s.was.Images}
	return call(a, callTimeout, func(ctx context.Context) (campaign.Template, error) { return a.back.PutTemplate(ctx, t) },
		func(t campaign.Template, err error) tea.Msg { return templateSavedMsg{s, t, err} })
}

func (s *templateEdit) saved(a *app, m templateSavedMsg) tea.Cmd {
	s.busy = false
	if m.err != nil {
		s.why = a.problem(m.err)
		return nil
	}
	pop(a)
	return func() tea.Msg { return doneMsg{from: s, text: a.t.Template.Saved} }
}

func (s *templateEdit) view(a *app, w, h int) page {
	t := &a.t.Template
	label := max(cells(t.Subject), cells(t.TextPart), cells(t.HTMLPart)) + 2
	mark := func(at int) string {
		if s.at == at {
			return a.look.key.Render("› ")
		}
		return "  "
	}
	shown, x := s.subject.view(w - 4 - label)
	p := page{lines: []string{mark(editSubject) + pad(t.Subject, label) + shown}}
	if s.at == editSubject {
		p.cursor = &tea.Position{X: 2 + label + x, Y: 0}
	}
	part, head := s.part(), t.TextPart
	if s.inHTML() {
		head = t.HTMLPart
	}
	right := size(int64(part.bytes)) + " "
	p.lines = append(p.lines, a.look.rule(head, w-cells(right)-1)+" "+a.look.dim.Render(right))
	below := []string{}
	if s.why != "" {
		below = a.alarm(s.why, w)
		below = below[:min(len(below), 4)]
	}
	room := h - len(p.lines) - len(below)
	lines, x, y := part.view(w-2, room)
	if hint := s.hint(a); hint != "" && part.bytes == 0 {
		lines[0] = a.look.dim.Render(cut(hint, w-2))
	}
	if s.at != editSubject {
		p.cursor = &tea.Position{X: 1 + x, Y: len(p.lines) + y}
	}
	for _, l := range lines {
		p.lines = append(p.lines, " "+l)
	}
	p.lines = append(fill(p.lines, h-len(below)), below...)
	if s.busy {
		p.cursor = nil
	}
	return p
}

// hint is what an empty part means.
func (s *templateEdit) hint(a *app) string {
	if s.inHTML() {
		return a.t.Template.NoHTML
	}
	return a.t.Template.TextMade
}
