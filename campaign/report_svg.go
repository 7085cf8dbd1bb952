package campaign

import (
	"fmt"
	"html"
	"html/template"
	"math"
	"strings"

	"pabal/spool"
)

// drawing is an SVG with a name. What is added is of our own making: numbers,
// class names, texts of ours. It has no style attributes, which a
// Content-Security-Policy would have to allow.
type drawing struct {
	width, height float64
	title         string
	body          strings.Builder
}

func newDrawing(width, height float64, title string) *drawing {
	return &drawing{width: width, height: height, title: title}
}

func (d *drawing) add(format string, args ...any) { fmt.Fprintf(&d.body, format, args...) }

func (d *drawing) text(x, y float64, anchor, text string) {
	d.add(`<text x="%.1f" y="%.1f" text-anchor="%s">%s</text>`, x, y, anchor, html.EscapeString(text))
}

func (d *drawing) svg() template.HTML {
	return template.HTML(fmt.Sprintf(`<svg viewBox="0 0 %.0f %.0f" role="img" aria-label="%s">%s</svg>`, d.width, d.height, html.EscapeString(d.title), d.body.String()))
}

// axes is a drawing with time across and numbers up.
type axes struct {
	*drawing
	slots int
	top   float64
}

const (
	chartLeft, chartRight = 64, 20
	chartTop, chartBottom = 16, 28
	chartTicks            = 4
)

func newAxes(t *ReportTexts, title string, p *Plot, top float64) *axes {
	a := &axes{drawing: newDrawing(720, 260, title), slots: p.Slot[len(p.Slot)-1], top: nice(top)}
	for i := range chartTicks + 1 {
		v := a.top * float64(i) / chartTicks
		a.add(`<path class="grid" d="M%.1f %.1fH%.1f"/>`, a.x(0), a.y(v), a.x(a.slots))
		a.text(a.x(0)-6, a.y(v)+4, "end", short(v))
	}
	last := a.x(0) - 40
	for _, d := range milestones() {
		slot := slotOfMilestone(d.Seconds())
		if slot > a.slots || a.x(slot)-last < 44 {
			continue
		}
		last = a.x(slot)
		a.add(`<path class="grid" d="M%.1f %.1fv5"/>`, last, a.y(0))
		a.text(last, a.y(0)+19, "middle", t.Span(d))
	}
	return a
}

// slotOfMilestone is the slot that begins at a time after the start.
func slotOfMilestone(seconds float64) int {
	p := spool.Point{After: int64(seconds)}
	return p.Slot()
}

func (a *axes) x(slot int) float64 {
	return chartLeft + float64(slot)/float64(a.slots)*(a.width-chartLeft-chartRight)
}

func (a *axes) y(v float64) float64 {
	return chartTop + (1-v/a.top)*(a.height-chartTop-chartBottom)
}

// nice is the round number at or above v whose quarters are round enough.
func nice(v float64) float64 {
	unit := math.Pow(10, math.Floor(math.Log10(max(v, 4))))
	for _, m := range []float64{1, 2, 4, 8} {
		if m*unit >= v {
			return m * unit
		}
	}
	return 10 * unit
}

// short is a number for an axis.
func short(v float64) string {
	switch {
	case v >= 1e6:
		return number(v/1e6) + "M"
	case v >= 1e4:
		return number(v/1e3) + "k"
	}
	return number(v)
}
