package tui

import (
	"context"

	tea "charm.land/bubbletea/v2"

	"pabal/audience"
)

// suppressList takes an operator's list out of the inbox onto the suppression
// list, and says what came of it. The daemon ends what it began.
type suppressList struct {
	file InboxFile
	now  audience.SuppressResult
	over bool
	why  string
	turn turn
	list scroll
	n    int // lines of rejects
}

func (s *suppressList) title(a *app) string { return a.t.Suppress.Import }

func (s *suppressList) start(a *app) tea.Cmd {
	name := s.file.Name
	return askTurn(a, &s.turn, startTimeout, func(ctx context.Context) (audience.SuppressResult, error) { return a.back.SuppressInbox(ctx, name) })
}

func (s *suppressList) update(a *app, msg tea.Msg) tea.Cmd {
	switch msg := msg.(type) {
	case answer[audience.SuppressResult]:
		if !msg.mine(&s.turn) {
			return nil
		}
		if s.now, s.over = msg.v, true; msg.err != nil {
			s.why = a.problem(msg.err)
		}
	case tea.KeyPressMsg:
		s.list.move(keyName(msg), s.n)
	}
	return nil
}

func (s *suppressList) keys(a *app) []binding {
	back := binding{keys: []string{"enter"}, show: "Enter", help: a.t.Tabs[tabSuppressions], do: func() tea.Cmd { return show(a, "", tabSuppressions) }}
	return []binding{back, {show: "↑↓", help: a.t.Scroll}}
}

func (s *suppressList) view(a *app, w, h int) page {
	state := a.look.good.Render("▶ " + a.t.Working)
	if s.over {
		state = a.look.good.Render("✓ " + a.t.States["done"])
	}
	p := page{lines: []string{" " + sides(a.look.bold.Render(cut(safe(s.file.Name), w-20)), state+" ", w-1), ""}}
	if s.why != "" {
		return page{lines: append(p.lines[:1], a.instead(s.why, true, true, "", w)...)}
	}
	t := &a.t.Suppress
	p.lines = append(p.lines, a.block([][2]string{
		{a.t.Import.Rows, padLeft(comma(s.now.Lines), 12)}, {t.NewOnes, padLeft(comma(s.now.Added), 12)},
		{t.Known, padLeft(comma(s.now.Known), 12)}, {a.t.Import.Rejected, padLeft(comma(s.now.Rejected), 12)}}, w)...)
	if len(s.now.Rejects) == 0 {
		return p
	}
	p.lines = append(p.lines, "", a.look.rule(a.t.Import.RejectsHead(comma(int64(len(s.now.Rejects))), comma(s.now.Rejected)), w))
	var all []string
	for _, r := range s.now.Rejects {
		all = append(all, hanging(a.rejected(r), w)...)
	}
	s.n = len(all)
	p.lines = append(p.lines, s.list.window(all, h-len(p.lines))...)
	return p
}
