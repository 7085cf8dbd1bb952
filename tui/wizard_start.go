package tui

import (
	"context"
	"time"

	tea "charm.land/bubbletea/v2"

	"pabal/campaign"
)

// wizardStart is step 6: the flight plan, from which the campaign is started
// after one more question.
type wizardStart struct {
	d    *draft
	plan shown[campaign.Plan]
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
	}
	return nil
}

func (s *wizardStart) keys(a *app) []binding {
	begin := binding{keys: []string{"enter"}, show: "Enter", help: a.t.Plan.StartNow, do: func() tea.Cmd { return push(a, s.question(a)) }}
	again := binding{keys: []string{"r"}, help: a.t.PlanAgain, do: func() tea.Cmd { return s.start(a) }}
	if s.plan.turn.busy {
		again.off = a.t.Working
	}
	begin.off = s.off(a)
	return []binding{begin, again}
}

// off is why nothing can be sent by this plan.
func (s *wizardStart) off(a *app) string {
	switch {
	case !s.plan.have || s.plan.why != "":
		return a.t.Loading
	case s.plan.now.Recipients == 0:
		return a.t.NobodySelected
	}
	return ""
}

// question asks once more, with the number, and starts for exactly the number
// that was shown.
func (s *wizardStart) question(a *app) screen {
	d, n := s.d, s.plan.now.Recipients
	id, overrides := d.c.ID, d.overrides
	var started campaign.Campaign
	lines := []string{a.look.bold.Render(safe(d.c.Name)), a.t.StartAsk(comma(n))}
	for _, o := range overrides {
		lines = append(lines, a.look.warn.Render("! "+a.t.Check.Passed+": "+safe(o.Rule)+" ("+safe(o.Reason)+")"))
	}
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
	p.lines = append(p.lines, s.planLines(a, w)...)
	if s.plan.now.Recipients == 0 {
		p.lines = append(p.lines, "  "+a.look.bad.Render("! "+a.t.NobodySelected))
	}
	return p
}

// planLines is the plan in sentences.
func (s *wizardStart) planLines(a *app, w int) []string {
	pl := s.plan.now
	lines := []string{
		"  " + pad(a.t.Name, 12) + " " + cut(safe(s.d.c.Name), w-18),
		"  " + pad(a.t.Recipients, 12) + " " + a.look.bold.Render(comma(pl.Recipients)),
		"  " + pad(a.t.Takes, 12) + " " + a.t.TakesAt(a.t.Duration(time.Duration(pl.Seconds*float64(time.Second)).Round(time.Second)), rate(pl.Rate)),
		"  " + pad(a.t.Ends, 12) + " " + a.moment(pl.End),
	}
	promise := a.look.good.Render("✓ " + a.t.FiveYes)
	if !pl.FiveMinutes {
		promise = a.look.warn.Render("! " + a.t.FiveNo)
	}
	lines = append(lines, "  "+pad(a.t.FiveMinutes, 12)+" "+promise)
	if !pl.QuotaAt.IsZero() || pl.Waits > 0 {
		lines = append(lines, "  "+pad(a.t.Quota, 12)+" "+a.look.warn.Render("! "+a.t.QuotaWait(a.moment(pl.QuotaAt), comma(pl.Waits), a.moment(pl.ResumesAt))))
	}
	if pl.Sandbox {
		lines = append(lines, "  "+pad("SES", 12)+" "+a.look.warn.Render("! "+a.t.Sandbox))
	}
	if pl.Rate > 0 {
		return append(lines, "")
	}
	for _, l := range wrap("· "+a.t.NoPlan, w-4) {
		lines = append(lines, "  "+a.look.dim.Render(l))
	}
	return append(lines, "")
}
