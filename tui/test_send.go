package tui

import (
	"context"
	"strings"

	tea "charm.land/bubbletea/v2"

	"pabal/campaign"
)

// testSend asks for one address or several and sends the previewed letter there,
// once, outside the ledger.
type testSend struct {
	d    *draft
	as   string
	to   input
	busy bool
}

func (s *testSend) title(a *app) string  { return a.t.TestSend }
func (s *testSend) start(a *app) tea.Cmd { return nil }
func (s *testSend) typing() bool         { return true }

func (s *testSend) update(a *app, msg tea.Msg) tea.Cmd {
	switch msg := msg.(type) {
	case doneMsg:
		if msg.from == s {
			s.busy = false
			if msg.err == nil {
				return pop(a)
			}
		}
	case tea.PasteMsg:
		s.to.insert(msg.Content)
	case tea.KeyPressMsg:
		s.to.key(msg)
	}
	return nil
}

func (s *testSend) keys(a *app) []binding {
	send := binding{keys: []string{"enter"}, show: "Enter", help: a.t.SendOne, do: func() tea.Cmd { return s.send(a) }}
	switch {
	case s.busy:
		send.off = a.t.Working
	case !strings.Contains(s.to.value(), "@"):
		send.off = a.t.TypeAddress
	}
	return []binding{send}
}

// addresses are those typed, with commas or spaces between.
func (s *testSend) addresses() []string {
	return strings.FieldsFunc(s.to.value(), func(r rune) bool { return r == ',' || r == ';' || r == ' ' })
}

func (s *testSend) send(a *app) tea.Cmd {
	s.busy = true
	id, as, to := s.d.c.ID, s.as, s.addresses()
	return call(a, callTimeout, func(ctx context.Context) ([]campaign.TestMail, error) {
		return a.back.TestCampaigns(ctx, id, as, to)
	}, func(sent []campaign.TestMail, err error) tea.Msg {
		return doneMsg{from: s, text: a.t.TestSent(comma(int64(len(sent)))), err: err}
	})
}

func (s *testSend) view(a *app, w, h int) page {
	label := a.t.To + " "
	inner := min(w-4, 70)
	shown, x := s.to.view(inner - 4 - cells(label))
	lines := append(wrap(a.t.TestExplain(safe(s.as)), inner-4), "", label+a.look.bold.Render(shown))
	p := page{lines: []string{""}, cursor: &tea.Position{X: 4 + cells(label) + x, Y: 1 + len(lines)}}
	if n := len(s.addresses()); n > 1 {
		lines = append(lines, "", a.t.TestMany(comma(int64(n))))
	}
	for _, l := range a.look.panel(a.t.TestSend, lines, inner) {
		p.lines = append(p.lines, "  "+l)
	}
	return p
}
