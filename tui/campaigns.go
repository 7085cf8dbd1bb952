package tui

import (
	tea "charm.land/bubbletea/v2"

	"pabal/campaign"
	"pabal/spool"
)

// campaigns is the list of all campaigns, newest first.
type campaigns struct {
	all    []campaign.Campaign
	have   bool
	busy   bool
	list   list
	filter filter
}

type campaignsMsg struct {
	all []campaign.Campaign
	err error
}

func (s *campaigns) title(a *app) string { return a.t.Tabs[tabCampaigns] }
func (s *campaigns) typing() bool        { return s.filter.on }

func (s *campaigns) start(a *app) tea.Cmd {
	if s.busy {
		return nil
	}
	s.busy = true
	return call(a, callTimeout, a.back.Campaigns, func(all []campaign.Campaign, err error) tea.Msg {
		return campaignsMsg{all, err}
	})
}

func (s *campaigns) update(a *app, msg tea.Msg) tea.Cmd {
	switch msg := msg.(type) {
	case tickMsg:
		return s.start(a)
	case campaignsMsg:
		s.busy = false
		if msg.err == nil {
			s.all, s.have = msg.all, true
		}
	case tea.PasteMsg:
		s.filter.update(msg)
	case tea.KeyPressMsg:
		if s.filter.on {
			s.filter.update(msg)
			return nil
		}
		s.list.move(keyName(msg), len(s.shown(a)))
	}
	return nil
}

func (s *campaigns) shown(a *app) []campaign.Campaign {
	var out []campaign.Campaign
	for _, c := range s.all {
		if s.filter.matches(c.Name, c.Template, a.t.States[c.State], string(c.State)) {
			out = append(out, c)
		}
	}
	return out
}

func (s *campaigns) keys(a *app) []binding {
	filter := s.filter.keys(a, func() tea.Cmd { return nil })
	if s.filter.on {
		return filter
	}
	open := binding{keys: []string{"enter"}, show: "Enter", help: a.t.Open, do: func() tea.Cmd { return s.open(a) }}
	if len(s.shown(a)) == 0 {
		open.off = a.t.NothingHere
	}
	return append([]binding{
		open,
		{keys: []string{"n"}, help: a.t.NewCampaign, do: func() tea.Cmd { return push(a, newWizard()) }},
	}, filter...)
}

// open goes to the campaign, or on with the wizard where it is a draft.
func (s *campaigns) open(a *app) tea.Cmd {
	shown := s.shown(a)
	c := shown[min(s.list.at, len(shown)-1)]
	if c.State == spool.Draft {
		return takeUp(a, &draft{c: c})
	}
	return push(a, newDetail(c))
}

func (s *campaigns) view(a *app, w, h int) page {
	if !s.have {
		return page{lines: []string{"", "  " + a.t.Loading}}
	}
	shown := s.shown(a)
	const numbers, bar = 17, 12
	text := w - bar - 2 // the bar stands outside of the selection
	name := text - 2 - 5 - 12 - numbers - 3
	head := "  " + row(column{"#", -5}, column{a.t.Name, name}, column{a.t.State, 12}, column{a.t.Progress, -numbers})
	lines := []string{a.look.dim.Render(head)}
	p := page{}
	if line, x := s.filter.line(a, w); line != "" {
		lines = append([]string{line}, lines...)
		if x >= 0 {
			p.cursor = &tea.Position{X: x}
		}
	}
	if len(shown) == 0 {
		p.lines = append(lines, "", "  "+a.t.NoCampaigns)
		return p
	}
	from, to := s.list.window(len(shown), h-len(lines))
	for i := from; i < to; i++ {
		c := shown[i]
		progress, count := "", a.t.NotStarted
		if c.Audience > 0 {
			progress = a.look.bar(share(done(c.Counts), c.Audience), bar)
			count = comma(done(c.Counts)) + "/" + comma(c.Audience)
		}
		cells := row(column{comma(int64(c.ID)), -5}, column{safe(c.Name), name}, column{a.state(c), 12}, column{count, -numbers})
		lines = append(lines, a.look.pickLine(cells, i == s.list.at, text)+" "+progress)
	}
	p.lines = lines
	return p
}
