package tui

import (
	"context"
	"strings"

	tea "charm.land/bubbletea/v2"

	"pabal/campaign"
)

// wizardCheck is step 5: preflight over the real audience.
type wizardCheck struct {
	d     *draft
	check campaign.Preflight
	known bool
	busy  bool
	why   string
	list  list
}

type checkMsg struct {
	of    *wizardCheck
	check campaign.Preflight
	err   error
}

func newWizardCheck(d *draft) *wizardCheck { return &wizardCheck{d: d} }

func (s *wizardCheck) title(a *app) string { return a.t.NewCampaign }
func (s *wizardCheck) step() int           { return 5 }

func (s *wizardCheck) start(a *app) tea.Cmd {
	if s.busy {
		return nil
	}
	s.busy, s.known, s.why = true, false, ""
	id := s.d.c.ID
	return call(a, startTimeout, func(ctx context.Context) (campaign.Preflight, error) {
		return a.back.Preflight(ctx, id)
	}, func(p campaign.Preflight, err error) tea.Msg { return checkMsg{s, p, err} })
}

func (s *wizardCheck) update(a *app, msg tea.Msg) tea.Cmd {
	switch msg := msg.(type) {
	case tickMsg:
		if !s.known && s.why == "" {
			return s.start(a)
		}
	case checkMsg:
		if msg.of != s {
			return nil
		}
		s.busy = false
		switch {
		case msg.err == nil:
			s.check, s.known = msg.check, true
		case !offline(msg.err):
			s.why = a.problem(msg.err)
		}
	case tea.KeyPressMsg:
		s.list.move(keyName(msg), len(s.check.Findings))
	}
	return nil
}

func (s *wizardCheck) keys(a *app) []binding {
	next := binding{keys: []string{"enter"}, show: "Enter", help: a.t.Next, do: func() tea.Cmd { return push(a, newWizardStart(s.d)) }}
	switch {
	case !s.known:
		next.off = a.t.Checking
	case s.check.Blocked:
		next.off = a.t.BlockedOff
	}
	again := binding{keys: []string{"r"}, help: a.t.CheckAgain, do: func() tea.Cmd { return s.start(a) }}
	if s.busy {
		again.off = a.t.Checking
	}
	return []binding{next, again}
}

func (s *wizardCheck) view(a *app, w, h int) page {
	p := page{lines: []string{" " + a.look.bold.Render(a.t.ChooseCheck)}}
	switch {
	case s.why != "":
		p.lines = append(p.lines, "")
		p.lines = append(p.lines, a.alarm(s.why, w)...)
		return p
	case !s.known:
		p.lines = append(p.lines, "", "  "+a.t.Checking)
		return p
	}
	p.lines = append(p.lines, " "+s.summary(a), "")
	if len(s.check.Findings) == 0 {
		p.lines = append(p.lines, "  "+a.look.good.Render("✓ "+a.t.NoFindings))
		return p
	}
	const below = 8
	from, to := s.list.window(len(s.check.Findings), h-len(p.lines)-below)
	for i := from; i < to; i++ {
		f := s.check.Findings[i]
		text := pad(a.level(f.Level), 8) + " " + a.finding(f).What
		if f.Count > 0 && !strings.Contains(text, comma(f.Count)) {
			text += " (" + comma(f.Count) + ")"
		}
		p.lines = append(p.lines, a.look.pickLine(text, i == s.list.at, w))
	}
	p.lines = append(fill(p.lines, h-below), s.one(a, w, below)...)
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

// finding is a finding in the person's language if its rule is known, else in
// its own words.
func (a *app) finding(f campaign.Finding) ruleText {
	f = f.In(a.lang)
	return ruleText{What: safe(f.What), Why: safe(f.Why), How: safe(f.How)}
}

// one is the selected finding in full: what exactly, what to do, whom it concerns.
func (s *wizardCheck) one(a *app, w, h int) []string {
	f := s.check.Findings[min(s.list.at, len(s.check.Findings)-1)]
	words := a.finding(f)
	lines := []string{a.look.rule(safe(f.Rule), w)}
	add := func(label, text string) {
		for _, l := range wrap(label+text, w-4) {
			if text != "" {
				lines = append(lines, "  "+l)
			}
		}
	}
	add("", words.What)
	add("→ ", words.How)
	if len(f.Examples) > 0 {
		add(a.t.Such+" ", cut(safe(strings.Join(f.Examples, ", ")), 2*(w-8)))
	}
	add("", words.Why)
	return fill(lines, h)
}
