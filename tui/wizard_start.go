package tui

import (
	"context"
	"time"

	tea "charm.land/bubbletea/v2"

	"pabal/campaign"
)

// wizardStart is step 6: the flight plan, the number of recipients, and the
// question whose answer starts the campaign.
type wizardStart struct {
	d     *draft
	plan  campaign.Plan
	known bool
	busy  bool
	why   string
	ask   ask
}

type (
	planMsg struct {
		of   *wizardStart
		plan campaign.Plan
		err  error
	}
	startedMsg struct {
		of  *wizardStart
		c   campaign.Campaign
		err error
	}
)

func newWizardStart(d *draft) *wizardStart { return &wizardStart{d: d} }

func (s *wizardStart) title(a *app) string { return a.t.NewCampaign }
func (s *wizardStart) step() int           { return 6 }
func (s *wizardStart) typing() bool        { return s.known && s.ask.typed() && !s.ask.busy }

func (s *wizardStart) start(a *app) tea.Cmd {
	if s.busy {
		return nil
	}
	s.busy, s.why = true, ""
	id := s.d.c.ID
	return call(a, callTimeout, func(ctx context.Context) (campaign.Plan, error) {
		return a.back.Plan(ctx, id)
	}, func(p campaign.Plan, err error) tea.Msg { return planMsg{s, p, err} })
}

func (s *wizardStart) update(a *app, msg tea.Msg) tea.Cmd {
	switch msg := msg.(type) {
	case tickMsg:
		if !s.known && s.why == "" {
			return s.start(a)
		}
	case planMsg:
		if msg.of == s {
			s.take(a, msg)
		}
	case startedMsg:
		if msg.of == s {
			return s.started(a, msg)
		}
	case tea.PasteMsg:
		if s.typing() {
			s.ask.field.insert(msg.Content)
		}
	case tea.KeyPressMsg:
		if !s.known || s.ask.busy || s.plan.Recipients == 0 {
			return nil
		}
		switch yes, no := s.ask.key(msg); {
		case yes:
			return s.launch(a)
		case no:
			return pop(a)
		}
	}
	return nil
}

func (s *wizardStart) take(a *app, m planMsg) {
	s.busy = false
	switch {
	case m.err == nil:
		s.plan, s.known = m.plan, true
		s.ask = ask{n: m.plan.Recipients}
	case !offline(m.err):
		s.why = a.problem(m.err)
	}
}

// launch starts it, for exactly the number the person saw.
func (s *wizardStart) launch(a *app) tea.Cmd {
	s.ask.busy, s.why = true, ""
	id, expect := s.d.c.ID, s.plan.Recipients
	return call(a, startTimeout, func(ctx context.Context) (campaign.Campaign, error) {
		return a.back.Start(ctx, id, expect)
	}, func(c campaign.Campaign, err error) tea.Msg { return startedMsg{s, c, err} })
}

func (s *wizardStart) started(a *app, m startedMsg) tea.Cmd {
	s.ask = ask{n: s.plan.Recipients}
	if m.err != nil {
		s.why = a.problem(m.err)
		return nil
	}
	return show(a, a.t.Started(comma(s.plan.Recipients)), tabCampaigns, newDetail(m.c))
}

func (s *wizardStart) keys(a *app) []binding {
	again := binding{keys: []string{"ctrl+r"}, show: "Ctrl+R", help: a.t.PlanAgain, do: func() tea.Cmd { return s.start(a) }}
	if s.busy || s.ask.busy {
		again.off = a.t.Working
	}
	return []binding{again}
}

func (s *wizardStart) view(a *app, w, h int) page {
	p := page{lines: []string{" " + a.look.bold.Render(a.t.ChooseStart), ""}}
	if !s.known {
		text := a.t.Loading
		if s.why != "" {
			text = a.look.bad.Render("! " + cut(s.why, w-6))
		}
		p.lines = append(p.lines, "  "+text)
		return p
	}
	p.lines = append(p.lines, s.planLines(a, w)...)
	box, x, y := s.box(a, min(w-2, 76))
	p.lines = fill(p.lines, min(len(p.lines), h-len(box)))
	if x >= 0 {
		p.cursor = &tea.Position{X: 1 + x, Y: len(p.lines) + y}
	}
	for _, l := range box {
		p.lines = append(p.lines, " "+l)
	}
	return p
}

// planLines is the plan in sentences.
func (s *wizardStart) planLines(a *app, w int) []string {
	pl := s.plan
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
		return append(lines, "") // the notes say the same in English
	}
	for _, n := range pl.Notes { // why there is no plan
		for _, l := range wrap("· "+safe(n), w-4) {
			lines = append(lines, "  "+a.look.dim.Render(l))
		}
	}
	return append(lines, "")
}

// box is the question; x, y are the cursor's place in it, x below 0 for none.
func (s *wizardStart) box(a *app, w int) (lines []string, x, y int) {
	inner := []string{a.look.bold.Render(a.t.StartAsk(comma(s.plan.Recipients)))}
	if s.plan.Recipients == 0 {
		return a.look.panel(a.t.Start, []string{"! " + a.t.NobodySelected}, w), -1, 0
	}
	question, x := s.ask.view(a)
	inner = append(inner, question)
	y = len(inner)
	switch {
	case s.ask.wrong:
		inner = append(inner, a.look.bad.Render("! "+a.t.WrongNumber))
	case s.why != "":
		for _, l := range wrap("! "+s.why, w-4) {
			inner = append(inner, a.look.bad.Render(l))
		}
	}
	if x >= 0 {
		x += 2
	}
	return a.look.panel(a.t.Start, inner, w), x, y
}
