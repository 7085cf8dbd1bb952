package tui

import (
	"strings"

	tea "charm.land/bubbletea/v2"

	"pabal/campaign"
)

// reasonAsk takes the reason for which a block of preflight is let pass. It is
// checked here as the daemon will check it, and kept with the campaign.
type reasonAsk struct {
	d     *draft
	of    campaign.Finding
	field input
	why   string
}

func newReason(d *draft, f campaign.Finding) *reasonAsk { return &reasonAsk{d: d, of: f} }

func (s *reasonAsk) title(a *app) string { return a.t.Check.Override }
func (s *reasonAsk) start(*app) tea.Cmd  { return nil }
func (s *reasonAsk) typing() bool        { return true }
func (s *reasonAsk) keys(a *app) []binding {
	return []binding{{keys: []string{"enter"}, show: "Enter", help: a.t.Check.Let, do: func() tea.Cmd { return s.take(a) }}}
}

func (s *reasonAsk) update(a *app, msg tea.Msg) tea.Cmd {
	switch msg := msg.(type) {
	case tea.PasteMsg:
		s.field.insert(msg.Content)
		s.why = ""
	case tea.KeyPressMsg:
		s.field.key(msg)
		s.why = ""
	}
	return nil
}

func (s *reasonAsk) take(a *app) tea.Cmd {
	own := campaign.Override{Rule: s.of.Rule, Reason: strings.TrimSpace(s.field.value())}
	if _, err := campaign.CheckOverrides([]campaign.Override{own}); err != nil {
		s.why = a.t.Check.NoReason
		return nil
	}
	s.d.overrides = append(s.d.overrides, own)
	if s.d.passed == nil {
		s.d.passed = map[string]string{}
	}
	s.d.passed[own.Rule] = s.of.What
	return pop(a)
}

func (s *reasonAsk) view(a *app, w, h int) page {
	inner := min(w-4, 70)
	var lines []string
	for _, l := range wrap(safe(s.of.What), inner-4) {
		lines = append(lines, a.look.bold.Render(l))
	}
	if s.of.Why != "" {
		lines = append(lines, wrap(safe(s.of.Why), inner-4)...)
	}
	lines = append(append(lines, ""), wrap(a.t.Check.ReasonText, inner-4)...)
	label := a.t.Check.Reason + " "
	shown, x := s.field.view(inner - 4 - cells(label))
	lines = append(lines, "", label+a.look.bold.Render(shown))
	y := len(lines) + 1
	if s.why != "" {
		for _, l := range wrap("! "+s.why, inner-4) {
			lines = append(lines, a.look.bad.Render(l))
		}
	}
	p := page{lines: []string{""}, cursor: &tea.Position{X: 4 + cells(label) + x, Y: y}}
	for _, l := range a.look.panel(a.t.Check.Override, lines, inner) {
		p.lines = append(p.lines, "  "+l)
	}
	return p
}
