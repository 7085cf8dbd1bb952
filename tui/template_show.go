package tui

import (
	"context"

	tea "charm.land/bubbletea/v2"

	"pabal/campaign"
)

// templateShow is one version of a template: what it is, its pictures, what was
// changed in it when it came, and its text.
type templateShow struct {
	name    string
	version int // 0: the newest
	t       shown[campaign.Template]
	scroll  scroll
	lines   int
}

func newTemplateShow(name string, version int) *templateShow {
	return &templateShow{name: name, version: version}
}

func (s *templateShow) title(a *app) string { return safe(s.name) }
func (s *templateShow) leave()              { s.t.leave() }

func (s *templateShow) start(a *app) tea.Cmd {
	name, version := s.name, s.version
	return askTurn(a, &s.t.turn, callTimeout, func(ctx context.Context) (campaign.Template, error) {
		return a.back.Template(ctx, name, version)
	})
}

func (s *templateShow) update(a *app, msg tea.Msg) tea.Cmd {
	switch msg := msg.(type) {
	case tickMsg:
		if s.t.lost() && s.t.why == "" {
			return s.start(a)
		}
	case answer[campaign.Template]:
		s.t.take(a, msg)
	case templateSavedMsg:
		if msg.err == nil && msg.t.Name == s.name { // what is shown now is what was saved
			s.version = 0
			return s.start(a)
		}
	case tea.KeyPressMsg:
		s.scroll.move(keyName(msg), s.lines)
	}
	return nil
}

func (s *templateShow) keys(a *app) []binding {
	edit := binding{keys: []string{"e"}, help: a.t.Template.Edit, do: func() tea.Cmd { return push(a, newTemplateEdit(s.t.now)) }}
	old := binding{keys: []string{"h"}, help: a.t.Template.Versions, do: func() tea.Cmd { return push(a, s.versions(a)) }}
	gone := binding{keys: []string{"x"}, help: a.t.Template.Remove, do: func() tea.Cmd { return push(a, s.remove(a)) }}
	if !s.t.have {
		edit.off, old.off, gone.off = a.t.Loading, a.t.Loading, a.t.Loading
	}
	return []binding{edit, old, gone, {show: "↑↓", help: a.t.Scroll}}
}

func (s *templateShow) view(a *app, w, h int) page {
	if lines := a.instead(s.t.why, s.t.have, false, "", w); lines != nil {
		return page{lines: lines}
	}
	lines := s.facts(a, w)
	t := &s.t.now
	head, text := a.t.Template.TextPart, t.Text
	if text == "" {
		head, text = a.t.Template.HTMLPart, t.HTML
	}
	lines = append(lines, a.look.rule(head, w))
	for _, l := range wrapText(text, w-4) {
		lines = append(lines, "  "+l)
	}
	s.lines = len(lines)
	return page{lines: s.scroll.window(lines, h)}
}

// facts are all but the text.
func (s *templateShow) facts(a *app, w int) []string {
	t, x := &s.t.now, &a.t.Template
	fields := ""
	for i, f := range t.Fields {
		if i > 0 {
			fields += ", "
		}
		fields += safe(f)
	}
	about := [][2]string{{a.t.Version, comma(int64(t.Version)) + "  (" + a.moment(t.CreatedAt) + ")"}, {a.t.Subject, safe(t.Subject)}}
	if t.Purpose != "" {
		about = append(about, [2]string{a.t.Purpose, safe(t.Purpose)})
	}
	about = append(about, [2]string{a.t.MergeFields, orWord(fields, "-")}, [2]string{x.Bytes, x.BytesOf(size(int64(len(t.HTML))), size(int64(len(t.Text))))})
	if !t.PulledAt.IsZero() {
		about = append(about, [2]string{"SES", x.Pulled(a.moment(t.PulledAt))})
	}
	lines := append([]string{""}, a.block(about, w)...)
	return append(append(lines, s.images(a, w)...), a.templateChanges(t.Changes, w)...)
}

// images are the pictures, those that are missing marked.
func (s *templateShow) images(a *app, w int) []string {
	x := &a.t.Template
	if len(s.t.now.Images) == 0 {
		return nil
	}
	lines := []string{a.look.rule(x.Images(comma(int64(len(s.t.now.Images)))), w)}
	for _, i := range s.t.now.Images {
		right := padLeft(size(i.Bytes), 10)
		if i.Missing {
			right = a.look.bad.Render(padLeft("! "+x.Missing, 10))
		}
		lines = append(lines, "  "+sides(safe(i.Name), "  "+right, w-4))
	}
	return lines
}

// templateChanges says what was changed in a template when it came from SES.
func (a *app) templateChanges(all []campaign.TemplateChange, w int) []string {
	if len(all) == 0 {
		return nil
	}
	x := &a.t.Template
	lines := []string{a.look.rule(x.Changed, w)}
	for _, c := range all {
		part := map[string]string{"subject": x.Subject, "html": x.HTMLPart, "text": x.TextPart}[c.Part]
		text := x.ChangedAt(orWord(part, safe(c.Part)), comma(int64(c.Line))) + " " + safe(c.Was) + " → " + safe(c.Is)
		lines = append(lines, hanging(text, w)...)
	}
	return lines
}
