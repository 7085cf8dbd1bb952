package tui

import (
	"context"

	tea "charm.land/bubbletea/v2"

	"pabal/campaign"
)

// wizardStart is step 6: the flight plan, from which the campaign is started or
// scheduled after one more question.
type wizardStart struct {
	d      *draft
	plan   shown[campaign.Plan]
	scroll scroll
	lines  int
}

func newWizardStart(d *draft) *wizardStart { return &wizardStart{d: d} }

func (s *wizardStart) title(a *app) string { return a.t.NewCampaign }
func (s *wizardStart) step() int           { return 6 }
func (s *wizardStart) leave()              { s.plan.leave() }

func (s *wizardStart) start(a *app) tea.Cmd {
	id := s.d.c.ID
	s.plan.why = ""
	return askTurn(a, &s.plan.turn, callTimeout, func(ctx context.Context) (campaign.Plan, error) { return a.back.Plan(ctx, id) })
}

func (s *wizardStart) update(a *app, msg tea.Msg) tea.Cmd {
	switch msg := msg.(type) {
	case tickMsg:
		if s.plan.lost() && s.plan.why == "" {
			return s.start(a)
		}
	case answer[campaign.Plan]:
		s.plan.take(a, msg)
	case tea.KeyPressMsg:
		s.scroll.move(keyName(msg), s.lines)
	}
	return nil
}

func (s *wizardStart) keys(a *app) []binding {
	off := s.off(a)
	again := binding{keys: []string{"r"}, help: a.t.PlanAgain, do: func() tea.Cmd { return s.start(a) }}
	if s.plan.turn.busy {
		again.off = a.t.Working
	}
	return []binding{
		{keys: []string{"enter"}, show: "Enter", help: a.t.Plan.StartNow, off: off, do: func() tea.Cmd { return push(a, s.question(a)) }},
		{keys: []string{"s"}, help: a.t.Plan.ScheduleKey, off: off, do: func() tea.Cmd { return push(a, s.schedule(a)) }},
		{keys: []string{"w"}, help: a.t.Plan.WindowKey, off: off, do: func() tea.Cmd {
			return push(a, a.window(s.d.c, func(a *app, c campaign.Campaign) tea.Cmd { s.d.c = c; return s.start(a) }))
		}},
		{keys: []string{"b"}, help: a.t.Brake.Key, off: off, do: func() tea.Cmd {
			return push(a, a.brake(s.d.c, func(a *app, c campaign.Campaign) tea.Cmd { s.d.c = c; return s.start(a) }))
		}},
		again,
	}
}

// off is why nothing can be sent by this plan.
func (s *wizardStart) off(a *app) string {
	switch {
	case s.plan.why != "":
		return a.t.NothingHere
	case !s.plan.have:
		return a.t.Loading
	case s.plan.now.Recipients == 0:
		return a.t.NobodySelected
	}
	return ""
}

// passed are the blocks that are let pass, with their reasons, and that nothing
// stops it by itself.
func (s *wizardStart) passed(a *app) []string {
	var lines []string
	for _, o := range s.d.overrides {
		lines = append(lines, a.look.warn.Render("! "+a.t.Check.Passed+": "+orWord(safe(s.d.passed[o.Rule]), safe(o.Rule))+" ("+safe(o.Reason)+")"))
	}
	if b := s.d.c.Brake; b != nil && b.Off() {
		lines = append(lines, a.look.warn.Render("! "+a.t.Brake.OffWarn))
	}
	return lines
}

// question asks once more, with the number, and starts for exactly the number
// that was shown.
func (s *wizardStart) question(a *app) screen {
	d, n := s.d, s.plan.now.Recipients
	id, overrides := d.c.ID, d.overrides
	var started campaign.Campaign
	lines := append([]string{a.look.bold.Render(safe(d.c.Name)), a.t.StartAsk(comma(n))}, s.passed(a)...)
	c := newConfirm(a.t.Start, lines, n, "", func(ctx context.Context) (err error) {
		started, err = a.back.StartOver(ctx, id, n, overrides)
		return err
	})
	c.then = func(a *app) tea.Cmd { return show(a, a.t.Started(comma(n)), tabCampaigns, newDetail(started)) }
	return c
}

func (s *wizardStart) view(a *app, w, h int) page {
	p := page{lines: []string{" " + a.look.bold.Render(a.t.ChooseStart), ""}}
	if lines := a.instead(s.plan.why, s.plan.have, false, "", w); lines != nil {
		p.lines = append(p.lines, lines[1:]...)
		return p
	}
	lines := a.block([][2]string{{a.t.Name, safe(s.d.c.Name)}}, w)
	lines = append(lines, a.planLines(&s.plan.now, w)...)
	if win := s.d.c.Window; win != nil {
		lines = append(lines, a.block([][2]string{{a.t.Plan.Hours, a.hours(win)}}, w)...)
	}
	if b := s.d.c.Brake; b != nil {
		lines = append(lines, a.block([][2]string{{a.t.Brake.Key, a.brakeWords(b)}}, w)...)
	}
	if s.plan.now.Recipients == 0 {
		lines = append(lines, "  "+a.look.bad.Render("! "+a.t.NobodySelected))
	}
	s.lines = len(lines)
	p.lines = append(p.lines, s.scroll.window(lines, h-len(p.lines))...)
	return p
}
