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
	span := spanOf(pl)
	about := [][2]string{
		{a.t.Recipients, a.look.bold.Render(comma(pl.Recipients))},
		{t.Starts, a.startsAt(pl.Start)},
		{a.t.Takes, a.t.TakesAt(a.t.Duration(max(span.Round(time.Second), time.Second)), rate(pl.Rate))},
		{a.t.Ends, a.endOf(pl)},
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

func spanOf(pl *campaign.Plan) time.Duration { return time.Duration(pl.Seconds * float64(time.Second)) }

// endOf is when a flight ends, in words.
func (a *app) endOf(pl *campaign.Plan) string {
	switch at := a.moment(pl.End); {
	case pl.End.IsZero():
		return a.t.Plan.NeverEnds
	case pl.AtLatest:
		return a.t.Plan.AtLatest(at)
	default:
		return at
	}
}

// ends is a flight in one line: until when, how long, how fast.
func (a *app) ends(pl *campaign.Plan) string {
	return a.t.Ends + " " + a.endOf(pl) + ", " + a.t.TakesAt(a.t.Duration(max(spanOf(pl).Round(time.Second), time.Second)), rate(pl.Rate))
}

// startsAt is a time to come with how far off it is.
func (a *app) startsAt(at time.Time) string {
	if ahead := at.Sub(a.now()); ahead > time.Minute {
		return a.moment(at) + " (" + a.t.Plan.In(a.t.Duration(ahead.Truncate(time.Second))) + ")"
	}
	return a.t.Plan.AtOnce
}

// notesOf are what a person should know of a plan and its lines do not say.
func (a *app) notesOf(pl *campaign.Plan) []string {
	var notes []string
	for _, n := range pl.Notes {
		if text := a.planNote(n); text != "" && n.Code != campaign.NoteTakes && n.Code != campaign.NoteFiveMissed {
			notes = append(notes, "! "+text)
		}
	}
	return notes
}

// planNotes are notesOf as lines of at most w cells.
func (a *app) planNotes(pl *campaign.Plan, w int) []string {
	var lines []string
	for _, text := range a.notesOf(pl) {
		for i, l := range hanging(text, w) {
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
