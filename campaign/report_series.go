package campaign

import (
	"fmt"
	"time"

	"pabal/spool"
)

// reportKinds are the lines of a report's feedback, in its order.
func reportKinds() []spool.FeedbackKind {
	return []spool.FeedbackKind{spool.Sent, spool.Delivered, spool.Opened, spool.Clicked, spool.Bounced,
		spool.Complained, spool.Delayed, spool.Rejected, spool.MachineOpened}
}

// Kinds are those kinds of a report that happened, acceptances (Sent) first.
func (r *Report) Kinds() []spool.FeedbackKind {
	sum := r.Series.Sum()
	var out []spool.FeedbackKind
	for _, k := range reportKinds() {
		if k == spool.Sent || k == spool.Delivered && r.Events || sum.Of(k) > 0 {
			out = append(out, k)
		}
	}
	return out
}

// minSlots is the least width of a plot: ten minutes.
const minSlots = 10

// Plot is a series as columns over its slots: minutes, then hours, then days,
// so that the first hours are seen and months have room. Column i spans the
// slots from Slot[i] up to Slot[i+1].
type Plot struct {
	Slot  []int            // bounds of the columns, one more than there are
	New   []spool.Happened // in each column
	Total []spool.Happened // up to the end of each column
}

// PlotOf makes a plot of at most n columns.
func PlotOf(s *spool.Series, n int) Plot {
	slots := minSlots
	for i := range s.Points {
		slots = max(slots, s.Points[i].Slot()+1)
	}
	n = max(1, min(n, slots))
	p := Plot{New: make([]spool.Happened, n), Total: make([]spool.Happened, n)}
	for i := range n + 1 {
		p.Slot = append(p.Slot, i*slots/n)
	}
	next := 0
	var sum spool.Happened
	for c := range n {
		for ; next < len(s.Points) && s.Points[next].Slot() < p.Slot[c+1]; next++ {
			p.New[c] = p.New[c].Plus(s.Points[next].Happened)
		}
		sum = sum.Plus(p.New[c])
		p.Total[c] = sum
	}
	return p
}

// SpeedPlot is the acceptances alone, up to the last of them.
func (r *Report) SpeedPlot(n int) Plot {
	var s spool.Series
	for _, p := range r.Series.Points {
		if p.Accepted > 0 {
			s.Points = append(s.Points, p)
		}
	}
	return PlotOf(&s, n)
}

// PerMinute is how many were accepted a minute in column i.
func (p *Plot) PerMinute(i int) float64 {
	from, _ := spool.SlotAfter(p.Slot[i])
	to, _ := spool.SlotAfter(p.Slot[i+1])
	return float64(p.New[i].Accepted) / max((to-from).Minutes(), 1)
}

// milestones are the rows of the feedback table: ends of slots.
func milestones() []time.Duration {
	return []time.Duration{time.Minute, 5 * time.Minute, 10 * time.Minute, 30 * time.Minute, time.Hour, 2 * time.Hour, 6 * time.Hour,
		12 * time.Hour, 24 * time.Hour, 48 * time.Hour, 7 * 24 * time.Hour, 30 * 24 * time.Hour, 90 * 24 * time.Hour}
}

// heardWithin is what had happened by a time after the start.
func heardWithin(s *spool.Series, after time.Duration) (sum spool.Happened) {
	for i := range s.Points {
		if end := time.Duration(s.Points[i].After+s.Points[i].Span) * time.Second; s.Points[i].Span > 0 && end <= after {
			sum = sum.Plus(s.Points[i].Happened)
		}
	}
	return sum
}

// Span is a time after the start in words.
func (t *ReportTexts) Span(d time.Duration) string {
	switch {
	case d < time.Hour:
		return fmt.Sprintf("%d%s%s", d/time.Minute, t.Gap, t.Minute)
	case d < 48*time.Hour:
		return fmt.Sprintf("%d%s%s", d/time.Hour, t.Gap, t.Hour)
	}
	return fmt.Sprintf("%d%s%s", d/(24*time.Hour), t.Gap, t.Day)
}

// levels are the heights of a block plot, lowest first.
func levels(ascii bool) []rune {
	if ascii {
		return []rune(" .:-=+*#@")
	}
	return []rune(" ▁▂▃▄▅▆▇█")
}

// Sparkline draws how a kind grew to its total in n characters at most.
func (r *Report) Sparkline(k spool.FeedbackKind, n int, ascii bool) string {
	p := PlotOf(&r.Series, n)
	values := make([]float64, len(p.Total))
	for i := range p.Total {
		values[i] = float64(p.Total[i].Of(k))
	}
	return Bars(values, 1, ascii)[0]
}

// Bars draws values as columns, in lines from the highest to the lowest. What
// is more than nothing is never drawn as nothing.
func Bars(values []float64, height int, ascii bool) []string {
	marks, top := levels(ascii), 0.0
	for _, v := range values {
		top = max(top, v)
	}
	steps := len(marks) - 1
	lines := make([]string, height)
	for row := range lines {
		line := make([]rune, len(values))
		for i, v := range values {
			full := 0
			if v > 0 {
				full = max(1, int(v/top*float64(steps*height)+0.5))
			}
			line[i] = marks[max(0, min(steps, full-(height-1-row)*steps))]
		}
		lines[row] = string(line)
	}
	return lines
}
