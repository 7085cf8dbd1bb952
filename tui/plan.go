package tui

import (
	"strconv"
	"strings"
	"time"

	"pabal/campaign"
	"pabal/spool"
)

// tenthsFrom is from how long a flight on its tenths are worth a line.
const tenthsFrom = time.Minute

// planLines is a flight plan in words: what it is about, line by line, then what
// a person should know of it.
func (a *app) planLines(pl *campaign.Plan, w int) []string {
	t := &a.t.Plan
	span := time.Duration(pl.Seconds * float64(time.Second))
	ends := a.moment(pl.End)
	switch {
	case pl.End.IsZero():
		ends = t.NeverEnds
	case pl.AtLatest:
		ends = t.AtLatest(ends)
	}
	about := [][2]string{
		{a.t.Recipients, a.look.bold.Render(comma(pl.Recipients))},
		{t.Starts, a.startsAt(pl.Start)},
		{a.t.Takes, a.t.TakesAt(a.t.Duration(max(span.Round(time.Second), time.Second)), rate(pl.Rate))},
		{a.t.Ends, ends},
	}
	if len(pl.Tenths) == 10 && span >= tenthsFrom {
		about = append(about, [2]string{t.Tenths, "10% " + a.moment(pl.Tenths[0]) + "   50% " + a.moment(pl.Tenths[4]) + "   90% " + a.moment(pl.Tenths[8])})
	}
	promise := a.look.good.Render("✓ " + a.t.FiveYes)
	if !pl.FiveMinutes {
		promise = a.look.warn.Render("! " + t.FiveOf(comma(pl.WithinFive)))
	}
	about = append(about, [2]string{a.t.FiveMinutes, promise})
	if pl.PricePer > 0 {
		about = append(about, [2]string{t.Cost, t.CostOf(strconv.FormatFloat(pl.Cost, 'f', 2, 64)+" "+safe(pl.Currency), strconv.FormatFloat(pl.PricePer, 'f', 2, 64))})
	}
	return append(a.block(about, w), a.planNotes(pl, w)...)
}

// startsAt is a time to come with how far off it is.
func (a *app) startsAt(at time.Time) string {
	if ahead := at.Sub(a.now()); ahead > time.Minute {
		return a.moment(at) + " (" + a.t.Plan.In(a.t.Duration(ahead.Truncate(time.Second))) + ")"
	}
	return a.t.Plan.AtOnce
}

// planNotes are what a person should know of a plan and its lines do not say.
func (a *app) planNotes(pl *campaign.Plan, w int) []string {
	var lines []string
	for _, n := range pl.Notes {
		text := a.planNote(n)
		if text == "" || n.Code == campaign.NoteTakes || n.Code == campaign.NoteFiveMissed {
			continue
		}
		for i, l := range hanging("! "+text, w) {
			if i == 0 {
				l = strings.Replace(l, "! ", a.look.warn.Render("! "), 1)
			}
			lines = append(lines, l)
		}
	}
	return lines
}

// planNote is a note as a sentence; "" for one that this version does not know.
func (a *app) planNote(n campaign.PlanNote) string {
	name := safe(n.Name)
	if n.Code == campaign.NoteHold {
		name = orWord(a.t.Classes[spool.Class(n.Name)].What, name)
	} else if word := a.t.States[spool.State(n.Name)]; word != "" {
		name = word
	}
	span := time.Duration(n.Seconds * float64(time.Second)).Round(time.Second)
	return strings.NewReplacer("{n}", comma(n.Count), "{w}", comma(n.Waits), "{s}", a.t.Duration(span), "{r}", rate(n.Rate),
		"{l}", comma(int64(n.Limit)), "{L}", rate(n.Limit), "{a}", a.moment(n.At), "{t}", name).Replace(a.t.Plan.Notes[n.Code])
}
