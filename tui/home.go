package tui

import (
	"context"
	"slices"

	tea "charm.land/bubbletea/v2"

	"pabal/alarm"
	"pabal/campaign"
	"pabal/sesclient"
	"pabal/spool"
	"pabal/syncer"
)

// home is how the daemon does, the most important first: what is wrong and
// what to do, rate and quota, the spool, running campaigns, where customers
// and feedback come from, and the last events.
type home struct {
	now  homeMsg
	have bool
	busy bool
	list list // of running campaigns
}

// homeMsg is one look at the daemon.
type homeMsg struct {
	spool     spool.Status
	ses       sesclient.Status
	sync      *syncer.Status
	heard     *sesclient.FeedbackStatus
	campaigns []campaign.Campaign // those that are neither draft nor over
	alarms    []alarm.Alarm
	events    []spool.Event // the newest first
	err       error
}

func (s *home) title(a *app) string { return a.t.Tabs[tabHome] }

func (s *home) start(a *app) tea.Cmd { return s.load(a) }

func (s *home) load(a *app) tea.Cmd {
	if s.busy {
		return nil
	}
	s.busy = true
	return call(a, callTimeout, func(ctx context.Context) (homeMsg, error) { return lookAround(ctx, a.back) }, func(m homeMsg, err error) tea.Msg {
		m.err = err
		return m
	})
}

// lookAround asks for everything the first screen shows.
func lookAround(ctx context.Context, back Backend) (m homeMsg, err error) {
	if m.spool, err = back.SpoolStatus(ctx); err != nil {
		return m, err
	}
	if m.ses, err = back.SESStatus(ctx); err != nil {
		return m, err
	}
	if m.sync, err = back.SyncStatus(ctx); err != nil {
		return m, err
	}
	if m.heard, err = back.FeedbackStatus(ctx); err != nil {
		return m, err
	}
	all, err := back.Campaigns(ctx)
	if err != nil {
		return m, err
	}
	m.campaigns = slices.DeleteFunc(slices.Clone(all), func(c campaign.Campaign) bool {
		return c.State == spool.Draft || c.State == spool.Done || c.State == spool.Cancelled
	})
	if m.alarms, err = back.Alarms(ctx); err != nil {
		return m, err
	}
	if m.events, err = back.Events(ctx); err != nil {
		return m, err
	}
	m.events = slices.Clone(m.events)
	slices.SortStableFunc(m.events, func(x, y spool.Event) int { return y.At.Compare(x.At) })
	return m, nil
}

func (s *home) update(a *app, msg tea.Msg) tea.Cmd {
	switch msg := msg.(type) {
	case tickMsg:
		return s.load(a)
	case homeMsg:
		s.busy = false
		if msg.err != nil {
			return nil
		}
		s.now, s.have = msg, true
		a.rates.add(a.now(), msg.spool.Recent)
	case tea.KeyPressMsg:
		s.list.move(keyName(msg), len(s.now.campaigns))
	}
	return nil
}

func (s *home) keys(a *app) []binding {
	held := s.now.spool.Held
	open := binding{keys: []string{"enter"}, show: "Enter", help: a.t.Dash.OpenCampaign, do: func() tea.Cmd { return push(a, newDetail(s.chosen())) }}
	if len(s.now.campaigns) == 0 {
		open.off = a.t.Dash.NothingRuns
	}
	release := binding{keys: []string{"r"}, help: a.t.Release, do: func() tea.Cmd {
		if len(held) > 1 {
			return push(a, &holds{})
		}
		return push(a, newRelease(a, s.now.spool, held[0]))
	}}
	if len(held) == 0 {
		release.off = a.t.NoHolds
	}
	return []binding{
		{keys: []string{"n"}, help: a.t.NewCampaign, do: func() tea.Cmd { return push(a, newWizard()) }},
		open, release,
		{keys: []string{"h"}, help: a.t.Mail.Holds, do: func() tea.Cmd { return push(a, &holds{}) }},
	}
}

func (s *home) chosen() campaign.Campaign {
	return s.now.campaigns[max(0, min(s.list.at, len(s.now.campaigns)-1))]
}

// wide is from how many cells on the first screen stands in two columns.
const wide = 76

// leastAlerts is how many lines alerts take before anything else.
const leastAlerts = 5

func (s *home) view(a *app, w, h int) page {
	if !s.have {
		return page{lines: []string{"", "  " + a.t.Loading}}
	}
	numbers := s.numbers(a, w)
	running := s.campaignLines(a, w)
	sources := append(s.syncLine(a, w), s.feedbackLine(a, w)...)
	lines := s.alertLines(a, w, max(leastAlerts, h-len(numbers)-len(running)-len(sources)))
	lines = slices.Concat(lines, numbers, running, sources)
	return page{lines: append(lines, s.eventLines(a, w, h-len(lines))...)}
}

// numbers are rate, quota and spool: side by side in frames where there is room.
func (s *home) numbers(a *app, w int) []string {
	if w < wide || a.look.linear {
		return append(s.sending(a, w-1), s.lanes(a, w-1)...)
	}
	left := w * 2 / 5
	return beside(a.look.panel(a.t.Sending, s.sending(a, left-4), left), a.look.panel(a.t.Spool, s.lanes(a, w-left-4), w-left))
}

// eventLines are the last events, the newest first.
func (s *home) eventLines(a *app, w, h int) []string {
	if h < 2 {
		return nil
	}
	lines := []string{a.look.rule(a.t.LastEvents, w)}
	if len(s.now.events) == 0 {
		return append(lines, "  "+a.look.dim.Render(a.t.NoEvents))
	}
	for _, e := range s.now.events[:min(len(s.now.events), max(0, h-1))] {
		kind := a.t.Events[e.Kind]
		if kind == "" {
			kind = safe(e.Kind)
		}
		lines = append(lines, "  "+row(column{a.clock(e.At), 8}, column{kind, 10}, column{a.scope(spool.Scope(e.ID)), 12}, column{a.eventText(e), w - 35}))
	}
	return lines
}

// eventText is what an event says besides: of a mail why, of a hold a person's
// own words.
func (a *app) eventText(e spool.Event) string {
	switch e.Kind {
	case "failed", "unknown", "retry":
		return a.why(e.Text)
	}
	return a.reason(e.Text)
}
