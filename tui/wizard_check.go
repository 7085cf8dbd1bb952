package tui

import (
	"context"
	"slices"
	"strings"

	tea "charm.land/bubbletea/v2"

	"pabal/campaign"
)

// wizardCheck is step 5: preflight over the real audience. What blocks is mended
// or, where the rule allows it, overridden with a typed reason.
type wizardCheck struct {
	d     *draft
	check campaign.Preflight
	known bool
	flow  *flow[told[campaign.Preflight]] // nil: none under way
	done  int64                           // how far it is
	total int64
	why   string
	list  list
}

func newWizardCheck(d *draft) *wizardCheck { return &wizardCheck{d: d} }

func (s *wizardCheck) title(a *app) string { return a.t.NewCampaign }
func (s *wizardCheck) step() int           { return 5 }
func (s *wizardCheck) leave()              { s.flow.stop() }

func (s *wizardCheck) start(a *app) tea.Cmd {
	s.flow.stop()
	s.known, s.why, s.done, s.total = false, "", 0, 0
	id := s.d.c.ID
	s.flow = tellFlow(a, func(ctx context.Context, tell func(done, total int64)) (campaign.Preflight, error) {
		return a.back.PreflightTold(ctx, id, a.lang, tell)
	})
	return s.flow.next()
}

func (s *wizardCheck) update(a *app, msg tea.Msg) tea.Cmd {
	switch msg := msg.(type) {
	case tickMsg:
		if s.flow == nil && !s.known && s.why == "" {
			return s.start(a)
		}
	case flowMsg[told[campaign.Preflight]]:
		if msg.of == s.flow {
			return s.take(a, msg)
		}
	case tea.KeyPressMsg:
		s.list.move(keyName(msg), len(s.check.Findings))
	}
	return nil
}

func (s *wizardCheck) take(a *app, m flowMsg[told[campaign.Preflight]]) tea.Cmd {
	switch {
	case m.end:
		s.flow = nil
		return nil
	case m.err != nil:
		if !offline(m.err) {
			s.why = a.problem(m.err)
		}
	case m.piece.over:
		s.check, s.known = m.piece.v, true
	default:
		s.done, s.total = m.piece.done, m.piece.total
	}
	return s.flow.next()
}

// override is the reason typed for a rule that blocks; -1: none.
func (s *wizardCheck) override(f campaign.Finding) int {
	if f.Level != campaign.Block || f.Final {
		return -1
	}
	return slices.IndexFunc(s.d.overrides, func(o campaign.Override) bool { return o.Rule == f.Rule })
}

// blocked reports whether something still keeps the campaign from starting.
func (s *wizardCheck) blocked() bool {
	return slices.ContainsFunc(s.check.Findings, func(f campaign.Finding) bool { return f.Level == campaign.Block && s.override(f) < 0 })
}

func (s *wizardCheck) keys(a *app) []binding {
	next := binding{keys: []string{"enter"}, show: "Enter", help: a.t.Next, do: func() tea.Cmd { return push(a, newWizardStart(s.d)) }}
	switch {
	case s.why != "":
		next.off = a.t.NothingHere
	case !s.known:
		next.off = a.t.Checking
	case s.blocked():
		next.off = a.t.BlockedOff
	}
	again := binding{keys: []string{"r"}, help: a.t.CheckAgain, do: func() tea.Cmd { return s.start(a) }}
	if s.flow != nil {
		again.off = a.t.Checking
	}
	return []binding{next, s.overrideKey(a), again}
}

// overrideKey lets the selected block pass, or takes that back.
func (s *wizardCheck) overrideKey(a *app) binding {
	b := binding{keys: []string{"o"}, help: a.t.Check.Override}
	if !s.known || len(s.check.Findings) == 0 {
		b.off, b.do = a.t.NothingHere, func() tea.Cmd { return nil }
		return b
	}
	f := s.one()
	i := s.override(f)
	switch {
	case f.Level != campaign.Block:
		b.off = a.t.Check.NoBlock
	case f.Final:
		b.off = a.t.Check.Final
	case i >= 0:
		b.help = a.t.Check.TakeBack
	}
	b.do = func() tea.Cmd {
		if i >= 0 {
			s.d.overrides = slices.Delete(s.d.overrides, i, i+1)
			return nil
		}
		return push(a, newReason(s.d, f))
	}
	return b
}

func (s *wizardCheck) one() campaign.Finding {
	return s.check.Findings[min(s.list.at, len(s.check.Findings)-1)]
}

func (s *wizardCheck) view(a *app, w, h int) page {
	p := page{lines: []string{" " + a.look.bold.Render(a.t.ChooseCheck)}}
	switch {
	case s.why != "":
		p.lines = append(append(p.lines, ""), a.alarm(s.why, w)...)
		return p
	case !s.known:
		line := "  " + a.t.Checking
		if s.total > 0 {
			line += " " + a.look.bar(share(s.done, s.total), 20) + " " + percent(s.done, s.total)
		}
		p.lines = append(p.lines, "", line)
		return p
	}
	p.lines = append(p.lines, " "+s.summary(a), "")
	if len(s.check.Findings) == 0 {
		p.lines = append(p.lines, "  "+a.look.good.Render("✓ "+a.t.NoFindings))
		return p
	}
	below := min(9, h-len(p.lines)-3)
	from, to := s.list.window(len(s.check.Findings), h-len(p.lines)-below)
	for i := from; i < to; i++ {
		f := s.check.Findings[i]
		level := a.level(f.Level)
		if s.override(f) >= 0 {
			level = a.look.warn.Render("! " + a.t.Check.Passed)
		}
		text := pad(level, 8) + " " + safe(f.What)
		if f.Count > 0 && !strings.Contains(text, comma(f.Count)) {
			text += " (" + comma(f.Count) + ")"
		}
		p.lines = append(p.lines, a.look.pickLine(text, i == s.list.at, w))
	}
	p.lines = append(fill(p.lines, h-below), s.detail(a, w, below)...)
	return p
}

func (s *wizardCheck) summary(a *app) string {
	n := map[campaign.Level]int64{}
	for _, f := range s.check.Findings {
		n[f.Level]++
	}
	var parts []string
	for _, l := range []campaign.Level{campaign.Block, campaign.Warn, campaign.Note} {
		parts = append(parts, a.level(l)+" "+comma(n[l]))
	}
	c := s.check.Audience
	return strings.Join(parts, "  ") + "   " + a.t.CheckedOver(comma(c.Mailable), comma(c.Selected), size(s.check.MailBytes))
}

// level is a finding's weight as a word and a sign.
func (a *app) level(l campaign.Level) string {
	switch l {
	case campaign.Block:
		return a.look.bad.Render("× " + a.t.Levels[l])
	case campaign.Warn:
		return a.look.warn.Render("! " + a.t.Levels[l])
	}
	return a.look.dim.Render("· " + orWord(a.t.Levels[l], safe(string(l))))
}

// detail is the selected finding in full: what, how to mend it, whom it
// concerns, why, and the reason it may go all the same.
func (s *wizardCheck) detail(a *app, w, h int) []string {
	f := s.one()
	lines := []string{a.look.rule(safe(f.Rule), w)}
	add := func(label, text string) {
		if text == "" {
			return
		}
		for _, l := range wrap(label+text, w-4) {
			lines = append(lines, "  "+l)
		}
	}
	if i := s.override(f); i >= 0 {
		add(a.t.Check.Reason+" ", safe(s.d.overrides[i].Reason))
	}
	add("", safe(f.What))
	add("→ ", safe(f.How))
	if len(f.Examples) > 0 {
		add(a.t.Such+" ", cut(safe(strings.Join(f.Examples, ", ")), 2*(w-8)))
	}
	add("", safe(f.Why))
	return fill(lines, h)
}
