package tui

import (
	"context"
	"slices"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"

	"pabal/campaign"
	"pabal/spool"
)

// wallFormat is how a date and a time are typed.
const wallFormat = "2006-01-02 15:04"

// maxAhead is how far off the daemon lets a start be.
const maxAhead = 400 * 24 * time.Hour

// The fields of the schedule's form.
const (
	atDate = iota
	atTime
	inZone
	inHours
	onDays
	lateBy
)

// schedule asks for when a campaign is to start by itself.
func (s *wizardStart) schedule(a *app) screen {
	t := &a.t.Plan
	day, clock, zone, late := a.now().In(a.zone).AddDate(0, 0, 1).Format(time.DateOnly), "10:00", a.zone.String(), ""
	hours, days := windowOf(s.d.c.Window)
	if sc := s.d.c.Schedule; sc != nil {
		if d, c, ok := strings.Cut(sc.Wall, " "); ok {
			day, clock, zone = d, c, sc.Zone
		}
	}
	if zone == "Local" {
		zone = ""
	}
	f := &form{head: t.Schedule, help: a.t.Next, lines: []string{a.look.bold.Render(safe(s.d.c.Name)), t.ScheduleText},
		fields: []field{{label: t.Date, hint: "2026-12-01", in: newInput(day)}, {label: t.Time, hint: "10:00", in: newInput(clock)}, {label: t.Zone, hint: t.ZoneHint, in: newInput(zone)},
			{label: t.Hours, hint: t.HoursHint, in: newInput(hours)}, {label: t.Days, in: newInput(days), choices: a.dayChoices(days)}, {label: t.Late, in: newInput(late), choices: choose(lateValues(), t.LateWords[:])}}}
	f.off = func(v []string) string {
		if _, why := a.scheduled(v); why != "" {
			return t.NotRead
		}
		return ""
	}
	f.note = func(v []string) []string {
		said, why := a.scheduled(v)
		if why != "" {
			return []string{a.look.warn.Render("! " + why)}
		}
		return said
	}
	var plan campaign.Plan
	id := s.d.c.ID
	f.do = func(ctx context.Context, v []string) (err error) {
		plan, err = a.back.PlanSchedule(ctx, id, s.order(v))
		return err
	}
	f.then = func(a *app, v []string) tea.Cmd {
		if plan.Recipients == 0 {
			return func() tea.Msg { return flashMsg{a.t.NobodySelected, true} }
		}
		return push(a, s.confirmSchedule(a, v, plan))
	}
	return f
}

// order is what the form asks of the daemon, but for the number of recipients.
func (s *wizardStart) order(v []string) campaign.ScheduleOrder {
	late, _ := time.ParseDuration(v[lateBy]) // one of our own choices
	o := campaign.ScheduleOrder{At: v[atDate] + " " + v[atTime], Zone: v[inZone], LateSeconds: int64(late / time.Second), Hours: v[inHours], Overrides: s.d.overrides}
	if o.Hours != "" {
		o.Days = v[onDays]
	}
	return o
}

// dayValues and lateValues are what the words for days and lateness stand for.
func dayValues() []string  { return []string{"", "mon-fri", "sat,sun"} }
func lateValues() []string { return []string{"", "10m", "1h", "3h", "24h"} }

// choose pairs values with their words.
func choose(values, words []string) []option {
	out := make([]option, len(values))
	for i := range out {
		out[i] = option{value: values[i], label: words[i]}
	}
	return out
}

// dayChoices are the days of a window; what it has now stays one of them.
func (a *app) dayChoices(now string) []option {
	values, words := dayValues(), a.t.Plan.DayWords[:]
	if !slices.Contains(values, now) {
		values, words = append(values, now), append(slices.Clone(words), safe(now))
	}
	return choose(values, words)
}

func windowOf(w *spool.Window) (hours, days string) {
	if w == nil {
		return "", ""
	}
	return w.Hours, w.Days
}

// scheduled reads the form: when it starts, in words, or what is wrong.
func (a *app) scheduled(v []string) (said []string, why string) {
	t := &a.t.Plan
	wall, err := time.Parse(wallFormat, v[atDate]+" "+v[atTime])
	if err != nil {
		return nil, t.BadTime
	}
	zone := a.zone
	if v[inZone] != "" && v[inZone] != zone.String() {
		if zone, err = spool.LoadZone(v[inZone]); err != nil {
			return nil, t.BadZone
		}
	}
	if v[inHours] != "" {
		if _, err := spool.ParseWindow(v[inHours], v[onDays], "UTC"); err != nil {
			return nil, t.BadHours
		}
	}
	at, clock := spool.Instant(wall, zone)
	ahead := at.Sub(a.now())
	switch {
	case ahead <= 0:
		return nil, t.Past
	case ahead > maxAhead:
		return nil, t.Far
	}
	said = []string{t.When(at.In(zone), a.t.Duration(ahead.Truncate(time.Minute)))}
	switch clock {
	case spool.ClockGap:
		said = append(said, a.look.warn.Render("! "+t.Gap))
	case spool.ClockTwice:
		said = append(said, a.look.warn.Render("! "+t.Twice))
	}
	return said, ""
}

// confirmSchedule asks once more, with the number of recipients and the plan that
// a start at that time has.
func (s *wizardStart) confirmSchedule(a *app, v []string, plan campaign.Plan) screen {
	t := &a.t.Plan
	id, n := s.d.c.ID, plan.Recipients
	order := s.order(v)
	order.Expect = n
	said, _ := a.scheduled(v)
	lines := append([]string{a.look.bold.Render(safe(s.d.c.Name)), t.ScheduleAsk(comma(n))}, said...)
	lines = append(lines, a.ends(&plan))
	lines = slices.Concat(lines, a.notesOf(&plan), s.passed(a), []string{t.Growth})
	var made campaign.Campaign
	c := newConfirm(t.Schedule, lines, n, "", func(ctx context.Context) (err error) {
		made, err = a.back.Schedule(ctx, id, order)
		return err
	})
	c.then = func(a *app) tea.Cmd { return show(a, t.Scheduled, tabCampaigns, newDetail(made)) }
	return c
}

// window asks for the hours in which a campaign may send, and sets them at once.
func (a *app) window(c campaign.Campaign, then func(*app, campaign.Campaign) tea.Cmd) screen {
	t := &a.t.Plan
	hours, days := windowOf(c.Window)
	zone := a.zone.String()
	if c.Window != nil {
		zone = c.Window.Zone
	}
	var made campaign.Campaign
	f := &form{head: t.Window, help: a.t.Person.Save, lines: []string{a.look.bold.Render(safe(c.Name)), t.WindowText},
		fields: []field{{label: t.Hours, hint: t.HoursHint, in: newInput(hours)}, {label: t.Days, in: newInput(days), choices: a.dayChoices(days)}}}
	read := func(v []string) (*spool.Window, error) {
		if v[0] == "" {
			return nil, nil
		}
		w, err := spool.ParseWindow(v[0], v[1], zone)
		return &w, err
	}
	f.off = func(v []string) string {
		if _, err := spool.ParseWindow(orWord(v[0], "00-24"), v[1], "UTC"); err != nil {
			return t.BadHours
		}
		return ""
	}
	f.do = func(ctx context.Context, v []string) error {
		w, err := read(v)
		if err != nil {
			return err
		}
		made, err = a.back.SetWindow(ctx, c.ID, w)
		return err
	}
	f.then = func(a *app, _ []string) tea.Cmd {
		pop(a)
		return then(a, made)
	}
	return f
}
