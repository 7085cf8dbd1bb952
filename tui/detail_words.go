package tui

import (
	"context"
	"strconv"
	"strings"

	tea "charm.land/bubbletea/v2"

	"pabal/campaign"
	"pabal/spool"
)

// planEvery is how many ticks pass until a campaign under way is planned anew.
const planEvery = 5

// hours is a send window in words.
func (a *app) hours(w *spool.Window) string {
	days := w.Days
	for i, v := range dayValues() {
		if v == w.Days {
			days = a.t.Plan.DayWords[i]
		}
	}
	return safe(w.Hours) + ", " + safe(days) + " (" + safe(w.Zone) + ")"
}

// unsealed reports whether a campaign can still be edited and scheduled.
func unsealed(c campaign.Campaign) bool {
	return c.Sealed.IsZero() && c.Started.IsZero() && (c.State == spool.Draft || c.State == spool.Scheduled || c.State == spool.Held)
}

// stopped says why a campaign was paused by the brake, or was not started at its
// time, and what to do; "" when neither is so.
func (a *app) stopped(c *campaign.Campaign) (what, how string) {
	t := &a.t.Plan
	switch {
	case c.Braked != nil && c.State == spool.Paused:
		b := c.Braked
		kind := a.t.Bounced
		if b.Kind == spool.Complained {
			kind = a.t.Complained
		}
		return t.Braked(kind, comma(int64(b.Count)), comma(int64(b.Of)), strconv.FormatFloat(b.Percent, 'f', 1, 64), strconv.FormatFloat(b.Limit, 'g', 3, 64)), t.BrakedHow
	case c.HeldFor != "" && c.State == spool.Held:
		words := t.HeldFor[c.HeldFor]
		return orWord(words.What, safe(c.Reason)), words.How
	case c.State == spool.Scheduled && c.Schedule != nil:
		return t.Waits(a.startsAt(c.Schedule.Due), safe(c.Schedule.Zone)), ""
	}
	return "", ""
}

// copied opens the wizard with a copy and says what has changed since.
func (s *detail) copied(a *app) tea.Cmd {
	id := s.c.ID
	return call(a, callTimeout, func(ctx context.Context) (campaign.Copied, error) { return a.back.CopyCampaign(ctx, id, "") },
		func(c campaign.Copied, err error) tea.Msg { return copiedMsg{s, c, err} })
}

type copiedMsg struct {
	of  *detail
	c   campaign.Copied
	err error
}

func (s *detail) takeCopy(a *app, m copiedMsg) tea.Cmd {
	if m.err != nil {
		why := a.problem(m.err)
		return func() tea.Msg { return flashMsg{why, true} }
	}
	t := &a.t.Plan
	said := t.Copied(safe(m.c.Name))
	var changes []string
	for _, c := range m.c.Changes {
		was, is := safe(c.Was), safe(c.Is)
		if c.Code == campaign.ChangedAudience {
			was, is = grouped(c.Was), grouped(c.Is)
		}
		changes = append(changes, orWord(t.Changed[c.Code], safe(string(c.Code)))+" "+was+" → "+is)
	}
	if len(changes) > 0 {
		said += " " + t.Since + " " + strings.Join(changes, ", ")
	}
	return show(a, said, tabCampaigns, stepsTo(a, &draft{c: m.c.Campaign})...)
}

// grouped is a count that came as digits.
func grouped(digits string) string {
	n, err := strconv.ParseInt(digits, 10, 64)
	if err != nil {
		return safe(digits)
	}
	return comma(n)
}

// unschedule asks, and makes a draft of it again.
func (s *detail) unschedule(a *app) screen {
	id := s.c.ID
	var made campaign.Campaign
	c := newConfirm(a.t.Plan.Unschedule, []string{safe(s.c.Name), a.t.Plan.UnscheduleAsk}, 1, "", func(ctx context.Context) (err error) {
		made, err = a.back.Unschedule(ctx, id)
		return err
	})
	c.then = func(a *app) tea.Cmd { return show(a, a.t.Plan.Unscheduled, tabCampaigns, newDetail(made)) }
	return c
}

// flight asks for the plan of what is still to go.
func (s *detail) flight(a *app) tea.Cmd {
	id := s.c.ID
	s.planned = 0
	return askTurn(a, &s.plan.turn, callTimeout, func(ctx context.Context) (campaign.Plan, error) { return a.back.Plan(ctx, id) })
}

// underWay reports whether there is something to plan.
func (s *detail) underWay() bool {
	switch s.c.State {
	case spool.Running, spool.Paused, spool.Held, spool.Scheduled:
		return true
	}
	return false
}

// flightLines is the live plan, in at most n lines.
func (s *detail) flightLines(a *app, w, n int) []string {
	if !s.plan.have || !s.underWay() || n < 1 {
		return nil
	}
	pl := &s.plan.now
	ends := a.t.Plan.NeverEnds
	if !pl.End.IsZero() {
		ends = a.moment(pl.End)
	}
	lines := []string{" " + cut(a.t.Plan.Live(comma(pl.Recipients), rate(pl.Rate), ends), w-2)}
	for _, l := range a.planNotes(pl, w) {
		lines = append(lines, strings.TrimPrefix(l, " "))
	}
	return lines[:min(len(lines), n)]
}
