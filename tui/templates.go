package tui

import (
	"slices"

	tea "charm.land/bubbletea/v2"

	"pabal/campaign"
)

// templates lists the templates: a tab, or the wizard's first step when pick
// is set.
type templates struct {
	pick   *draft
	all    []campaign.Template
	have   bool
	busy   bool
	list   list
	filter filter
}

type templatesMsg struct {
	all []campaign.Template
	err error
}

func (s *templates) title(a *app) string {
	if s.pick != nil {
		return a.t.NewCampaign
	}
	return a.t.Tabs[tabTemplates]
}

func (s *templates) typing() bool { return s.filter.on }

func (s *templates) step() int {
	if s.pick == nil {
		return 0
	}
	return 1
}

func (s *templates) start(a *app) tea.Cmd {
	if s.busy {
		return nil
	}
	s.busy = true
	return call(a, callTimeout, a.back.Templates, func(all []campaign.Template, err error) tea.Msg {
		return templatesMsg{all, err}
	})
}

func (s *templates) update(a *app, msg tea.Msg) tea.Cmd {
	switch msg := msg.(type) {
	case tickMsg:
		if !s.have {
			return s.start(a)
		}
	case templateSavedMsg:
		if msg.err == nil {
			return s.start(a)
		}
	case templatesMsg:
		s.busy = false
		if msg.err != nil {
			return nil
		}
		if s.all = msg.all; !s.have && s.pick != nil { // of a draft, its own is the one chosen
			s.list.at = max(0, slices.IndexFunc(s.all, func(t campaign.Template) bool { return t.Name == s.pick.c.Template }))
		}
		s.have = true
	case tea.PasteMsg:
		s.filter.update(msg)
	case tea.KeyPressMsg:
		if s.filter.on {
			s.filter.update(msg)
			return nil
		}
		s.list.move(keyName(msg), len(s.shown()))
	}
	return nil
}

func (s *templates) shown() []campaign.Template {
	var out []campaign.Template
	for _, t := range s.all {
		if s.filter.matches(t.Name, t.Subject, t.Purpose) {
			out = append(out, t)
		}
	}
	return out
}

func (s *templates) keys(a *app) []binding {
	filter := s.filter.keys(a, func() tea.Cmd { return nil })
	if s.filter.on {
		return filter
	}
	off := ""
	if len(s.shown()) == 0 {
		off = a.t.NothingHere
	}
	take := binding{keys: []string{"enter"}, show: "Enter", help: a.t.Next, off: off, do: func() tea.Cmd { return s.take(a, s.pick) }}
	look := binding{keys: []string{"v"}, help: a.t.Look, off: off, do: func() tea.Cmd { return push(a, newTemplateShow(s.chosen().Name, 0)) }}
	if s.pick == nil {
		look.keys, look.show = []string{"enter", "v"}, "Enter"
		take = binding{keys: []string{"n"}, help: a.t.NewCampaign, off: off, do: func() tea.Cmd { return s.take(a, &draft{}) }}
	}
	bring := []binding{
		{keys: []string{"i"}, help: a.t.Template.FromFile, do: func() tea.Cmd { return push(a, newInbox(forTemplate)) }},
		{keys: []string{"s"}, help: a.t.Template.FromSES, do: func() tea.Cmd { return push(a, newTemplatePull(a)) }},
	}
	return append(append([]binding{look, take}, bring...), filter...)
}

func (s *templates) chosen() campaign.Template {
	shown := s.shown()
	return shown[min(s.list.at, len(shown)-1)]
}

// take goes on to the audience with the chosen template.
func (s *templates) take(a *app, d *draft) tea.Cmd {
	d.template = s.chosen()
	if d.c.Template != d.template.Name {
		d.c.Template, d.c.TemplateVersion = d.template.Name, 0
	}
	return push(a, newBuilder(a, d, true))
}

func (s *templates) view(a *app, w, h int) page {
	if !s.have {
		return page{lines: []string{"", "  " + a.t.Loading}}
	}
	p := page{}
	if s.pick != nil {
		p.lines = append(p.lines, " "+a.look.bold.Render(a.t.ChooseTemplate))
	}
	if line, x := s.filter.line(a, w); line != "" {
		if x >= 0 {
			p.cursor = &tea.Position{X: x, Y: len(p.lines)}
		}
		p.lines = append(p.lines, line)
	}
	shown := s.shown()
	if len(shown) == 0 {
		p.lines = append(p.lines, "", "  "+a.t.NoTemplates)
		return p
	}
	name := (w - 24) / 2
	subject := w - 2 - name - 5 - 11 - 3
	p.lines = append(p.lines, a.look.dim.Render("  "+row(column{a.t.Name, name}, column{a.t.Version, -5}, column{a.t.Made, 11}, column{a.t.Subject, subject})))
	const below = 4
	from, to := s.list.window(len(shown), h-len(p.lines)-below)
	for i := from; i < to; i++ {
		t := shown[i]
		p.lines = append(p.lines, a.look.pickLine(row(column{safe(t.Name), name}, column{comma(int64(t.Version)), -5},
			column{a.moment(t.CreatedAt), 11}, column{safe(t.Subject), subject}), i == s.list.at, w))
	}
	p.lines = append(fill(p.lines, h-below), templateFoot(a, s.chosen(), w)...)
	return p
}

// templateFoot is the chosen template in full: subject, purpose, merge fields.
func templateFoot(a *app, t campaign.Template, w int) []string {
	lines := []string{a.look.rule(safe(t.Name), w), "  " + a.t.Subject + " " + safe(t.Subject)}
	if t.Purpose != "" {
		lines = append(lines, "  "+a.t.Purpose+" "+safe(t.Purpose))
	}
	fields := a.t.MergeFields
	for _, f := range t.Fields {
		fields += " " + safe(f)
	}
	return append(lines, "  "+a.look.dim.Render(cut(fields, w-2)))
}
