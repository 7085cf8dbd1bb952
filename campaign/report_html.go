package campaign

import (
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"io"
	"time"

	"pabal/eml"
	"pabal/spool"
)

//go:embed report.css
var reportStyle string

//go:embed report.html
var reportPage string

// ReportPolicy is the Content-Security-Policy under which the page of a report
// is whole: its one style, nothing that runs, nothing from elsewhere.
func ReportPolicy() string {
	sum := sha256.Sum256([]byte(reportStyle))
	return "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'; base-uri 'none'; form-action 'none'"
}

// reportView is what report.html shows.
type reportView struct {
	T        *ReportTexts
	Policy   string
	Style    template.CSS
	Name     string
	ID       uint64
	Running  string // since when the numbers are; "" once nothing more is sent
	Head     [][2]string
	Sections []chartedSection
}

type chartedSection struct {
	Section
	Chart  template.HTML // SVG of our own making; "" for none
	Legend []legend
}

type legend struct {
	Mark template.HTML
	Name string
}

// WriteHTML writes the report as one page that needs nothing else: a table
// beside each chart, no scripts, light and dark, for screen and print. It names
// no recipient.
func (r *Report) WriteHTML(w io.Writer, lang string, zone *time.Location) error {
	page, err := template.New("report").Parse(reportPage)
	if err != nil {
		return fmt.Errorf("read the page of a report: %w", err)
	}
	t := ReportTextsIn(lang)
	v := reportView{T: t, Policy: ReportPolicy(), Style: template.CSS(reportStyle), Name: eml.Visible(r.Campaign.Name), ID: r.Campaign.ID, Head: r.Head(lang, zone)}
	if !r.Final {
		v.Running = (&sections{r: r, t: t, zone: zone}).when(r.Made)
	}
	for i := range v.Head {
		v.Head[i][1] = eml.Visible(v.Head[i][1])
	}
	for _, s := range r.Sections(lang, zone) {
		for _, row := range s.Rows {
			for i := range row {
				row[i] = eml.Visible(row[i])
			}
		}
		v.Sections = append(v.Sections, r.charted(s, t))
	}
	if err := page.Execute(w, v); err != nil {
		return fmt.Errorf("write the page of campaign %d: %w", r.Campaign.ID, err)
	}
	return nil
}

// charted adds a section's chart.
func (r *Report) charted(s Section, t *ReportTexts) chartedSection {
	c := chartedSection{Section: s}
	switch s.ID {
	case SectionOutcomes:
		c.Chart = outcomeBar(&r.Campaign, t)
		for i, o := range outcomesOf(r.Campaign.Counts) {
			if o.n > 0 {
				c.Legend = append(c.Legend, legend{swatch(`<rect class="f%d" width="30" height="12"/>`, i), t.Outs[o.outcome]})
			}
		}
	case SectionFeedback:
		if r.Series.Start.IsZero() {
			break
		}
		c.Chart = r.feedbackChart(t)
		for _, k := range r.Kinds() {
			c.Legend = append(c.Legend, legend{swatch(`<path class="line k%d" d="M0 6H30"/>`, int(k)), t.Kinds[k]})
		}
	case SectionSpeed:
		if !r.Series.Start.IsZero() {
			c.Chart = r.speedChart(t)
		}
	}
	return c
}

func swatch(shape string, class int) template.HTML {
	return template.HTML(`<svg viewBox="0 0 30 12" aria-hidden="true">` + fmt.Sprintf(shape, class) + `</svg>`)
}

// outcomeBar is the audience as one bar.
func outcomeBar(c *Campaign, t *ReportTexts) template.HTML {
	d := newDrawing(720, 44, t.Outcomes)
	x := 0.0
	for i, o := range outcomesOf(c.Counts) {
		if o.n == 0 || c.Audience == 0 {
			continue
		}
		width := max(float64(o.n)/float64(c.Audience)*d.width, 2) // what is there is seen
		d.add(`<rect class="f%d" x="%.1f" y="10" width="%.1f" height="24"/>`, i, min(x, d.width-2), width)
		x += width
	}
	return d.svg()
}

// feedbackChart is how each kind grew, over the slots of the series.
func (r *Report) feedbackChart(t *ReportTexts) template.HTML {
	p := PlotOf(&r.Series, spool.Slots)
	sum, top := r.Series.Sum(), int64(1)
	for _, k := range r.Kinds() {
		top = max(top, sum.Of(k)-r.Series.Undated.Of(k))
	}
	a := newAxes(t, t.Feedback, &p, float64(top))
	for _, k := range r.Kinds() {
		path := fmt.Sprintf("M%.1f %.1f", a.x(0), a.y(0))
		for i := range p.Total {
			path += fmt.Sprintf("L%.1f %.1f", a.x(p.Slot[i+1]), a.y(float64(p.Total[i].Of(k))))
		}
		a.add(`<path class="line k%d" d="%s"/>`, int(k), path)
	}
	return a.svg()
}

// speedChart is how many were handed to SES a minute.
func (r *Report) speedChart(t *ReportTexts) template.HTML {
	p, top := r.SpeedPlot(spool.Slots), 1.0
	for i := range p.New {
		top = max(top, p.PerMinute(i))
	}
	a := newAxes(t, t.Accepting+" ("+t.PerMinute+")", &p, top)
	a.text(a.x(a.slots), chartTop-4, "end", a.title)
	for i := range p.New {
		if n := p.PerMinute(i); n > 0 {
			height := max(a.y(0)-a.y(n), 1)
			a.add(`<rect class="f0" x="%.1f" y="%.1f" width="%.1f" height="%.1f"/>`, a.x(p.Slot[i]), a.y(0)-height, max(a.x(p.Slot[i+1])-a.x(p.Slot[i])-1, 1), height)
		}
	}
	return a.svg()
}
