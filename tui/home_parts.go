package tui

import (
	"slices"
	"strings"
	"time"

	"pabal/alarm"
	"pabal/audience"
	"pabal/campaign"
	"pabal/sesclient"
	"pabal/spool"
)

// homeCampaigns is how many running campaigns the first screen lists.
const homeCampaigns = 3

// leastGauge is the narrowest bar that tells something.
const leastGauge = 3

// labelDash is how wide the labels of the first screen's numbers are.
const labelDash = 10

// sending is four lines: rate, its last minutes, quota, the account.
func (s *home) sending(a *app, w int) []string {
	ses, room := s.now.ses, w-labelDash-1
	used, quota := int64(ses.Sent24h), int64(ses.Quota24h)
	gauge := a.t.Unlimited(comma(used))
	switch {
	case ses.CheckedAt.IsZero():
		gauge = "-"
	case quota >= 0:
		text := " " + brief(used, 9) + "/" + brief(quota, 9)
		gauge = strings.TrimSpace(text)
		if n := min(room, 40) - cells(text); n >= leastGauge {
			gauge = a.look.bar(share(used, quota), n) + text
		}
	}
	account, indent := a.t.AimOnly(rate(ses.Aim)), ""
	if w >= wide/2 { // no frame around
		account, indent = a.t.Aim(rate(ses.Aim), rate(ses.Rate)), "  "
		room -= len(indent)
	}
	if ses.CheckedAt.IsZero() {
		account = "-"
	}
	label := func(word, text string) string { return indent + pad(word, labelDash) + " " + text }
	return []string{
		label(a.t.RateNow, a.look.bold.Render(rate(s.now.spool.PerSecond)+a.t.PerSecond)),
		label(a.t.Dash.LastMinutes(comma(a.rates.minutes())), s.curve(a, room)),
		label(a.t.Quota, gauge),
		label("SES", account),
	}
}

// curve is the rate of the last minutes; in words where nothing is drawn.
func (s *home) curve(a *app, w int) string {
	columns := a.rates.columns(w)
	if !a.look.linear || len(columns) == 0 {
		return a.look.spark(columns, w)
	}
	return a.t.Dash.Curve(rate(slices.Min(columns)), rate(slices.Max(columns)))
}

// lanes is four lines: the spool by lane and outcome, and the oldest mail.
func (s *home) lanes(a *app, w int) []string {
	order := []spool.Outcome{spool.Pending, spool.Sending, spool.Failed, spool.Unknown}
	indent := ""
	if w >= wide/2+10 && w < wide { // no frame around
		indent = "  "
	}
	columns := func(first string, cell func(o spool.Outcome, w int) string) string {
		cols, rest := []column{{}}, w
		for i, o := range order {
			n := max(cells(a.t.Outcomes[o]), []int{7, 5, 5, 5}[i])
			cols = append(cols, column{cell(o, n), -n})
			rest -= n + 1
		}
		cols[0] = column{indent + first, rest}
		return row(cols...)
	}
	lines := []string{a.look.dim.Render(columns("", func(o spool.Outcome, _ int) string { return a.t.Outcomes[o] }))}
	for _, lane := range []spool.Lane{spool.Transactional, spool.Bulk} {
		c := s.now.spool.Lanes[lane.String()]
		lines = append(lines, columns(a.t.Lanes[lane], func(o spool.Outcome, n int) string { return brief(countOf(c, o), n) }))
	}
	age := time.Duration(s.now.spool.OldestSeconds) * time.Second
	oldest := a.t.Oldest + " " + a.t.Duration(age)
	if age > alarm.OldestMost {
		oldest = a.look.bad.Render("! " + oldest + " (" + a.t.TooOld + ")")
	}
	return append(lines, indent+oldest)
}

// campaignLines are those on their way, how far and until when.
func (s *home) campaignLines(a *app, w int) []string {
	all := s.now.campaigns
	title := a.t.Tabs[tabCampaigns]
	if len(all) > homeCampaigns {
		title += " " + comma(int64(s.list.at+1)) + "/" + comma(int64(len(all)))
	}
	lines := []string{a.look.rule(title, w)}
	if len(all) == 0 {
		return append(lines, "  "+a.look.dim.Render(a.t.Dash.NothingRuns))
	}
	from, to := s.list.window(len(all), homeCampaigns)
	for i := from; i < to; i++ {
		lines = append(lines, s.campaignLine(a, all[i], i == s.list.at, w))
	}
	return lines
}

func (s *home) campaignLine(a *app, c campaign.Campaign, selected bool, w int) string {
	bar := 0
	if w >= wide {
		bar = 14
	}
	const state, part, rest = 11, 6, 14
	name := w - 2 - state - part - rest - bar - 4
	ends := ""
	switch {
	case c.Hold != nil || c.State == spool.Held || c.State == spool.Paused:
		ends = comma(left(c.Counts)) + " " + a.t.Outcomes[spool.Pending]
	case !c.ETA.IsZero():
		ends = a.t.Dash.Left(a.t.Duration(max(0, c.ETA.Sub(a.now()).Round(time.Second))))
	}
	cols := []column{{a.state(c), state}, {safe(c.Name), name}}
	progress := percent(done(c.Counts), c.Audience)
	if bar == 0 {
		return a.look.pickLine(row(append(cols, column{progress, -part}, column{ends, -rest})...), selected, w)
	}
	text := a.look.pickLine(row(cols...), selected, 2+state+1+name)
	return text + " " + a.look.bar(share(done(c.Counts), c.Audience), bar) + " " + row(column{progress, -part}, column{ends, -rest})
}

// syncLine is one line on the table of customers, none without one.
func (s *home) syncLine(a *app, w int) []string {
	st := s.now.sync
	if st == nil {
		return nil
	}
	text := a.t.InStep(a.moment(st.LastGood))
	switch {
	case st.State == "reading" && st.Total > 0:
		text = a.look.bar(share(st.Done, st.Total), 16) + " " + comma(st.Done) + "/" + comma(st.Total)
	case st.LastGood.IsZero():
		text = a.t.NeverInStep
	}
	return []string{cut("  "+a.look.dim.Render(a.t.Sources[audience.MySQL]+":")+" "+text, w)}
}

// feedbackLine is one line on what SES says of mails it took.
func (s *home) feedbackLine(a *app, w int) []string {
	if s.now.heard == nil {
		return nil
	}
	return []string{cut("  "+a.look.dim.Render(a.t.Heard.Label+":")+" "+a.heardFrom(s.now.heard), w)}
}

// heardFrom is where word of mails comes from, and what therefore is not known.
func (a *app) heardFrom(f *sesclient.FeedbackStatus) string {
	switch {
	case f.Source == sesclient.SourceNone:
		return a.look.warn.Render(a.t.Heard.None)
	case f.BadNewsOnly:
		return a.t.Heard.BadNews
	case f.LastEvent.IsZero():
		return a.t.Heard.Waiting
	}
	return a.t.Heard.Last(a.moment(f.LastEvent))
}
