package cli

import (
	"context"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"pabal/campaign"
	"pabal/control"
	"pabal/eml"
	"pabal/spool"
)

// reportFlags are where a report goes and how it looks.
type reportFlags struct {
	csv, html, mailTo, since string
	link, ascii, bom         bool
}

func (a *app) campaignReport() *cobra.Command {
	var f reportFlags
	cmd := a.asking("report [ID]", "Say what became of a campaign, or of all since a day",
		"pabal campaign report 7\npabal campaign report 7 --html report.html --lang ko\npabal campaign report 7 --mail-to me@example.com\npabal campaign report --since 30d --csv month.csv",
		func(ctx context.Context, c *control.Client, args []string) error {
			if err := f.check(len(args), a.json); err != nil {
				return err
			}
			if len(args) == 0 {
				return a.reportAll(ctx, c, f)
			}
			id, err := strconv.ParseUint(args[0], 10, 64)
			if err != nil {
				return usage("a campaign's id is a number, not "+eml.Visible(args[0]), "see the ids with: pabal campaign list")
			}
			return a.reportOne(ctx, c, id, f)
		})
	flags := cmd.Flags()
	flags.StringVar(&f.csv, "csv", "", "write it as CSV to `FILE`, - for here")
	flags.StringVar(&f.html, "html", "", "write it as one page with charts to `FILE`, - for here")
	flags.BoolVar(&f.link, "link", false, "make a link that shows it in a browser for 15 minutes")
	flags.StringVar(&f.mailTo, "mail-to", "", "mail it to `ADDRESS`")
	flags.StringVar(&f.since, "since", "", "a table of all campaigns started since `DAY`: 2026-11-01, or 30d")
	flags.BoolVar(&f.ascii, "ascii", false, "draw without block characters")
	flags.BoolVar(&f.bom, "bom", true, "begin CSV with the mark by which Excel knows UTF-8; --bom=false for programs")
	return cmd
}

// check refuses what does not go together.
func (f *reportFlags) check(ids int, asJSON bool) error {
	ways := 0
	for _, on := range []bool{f.csv != "", f.html != "", f.link, f.mailTo != ""} {
		if on {
			ways++
		}
	}
	switch {
	case ways > 1, asJSON && (f.csv != "" || f.html != ""):
		return usage("--csv, --html, --link, --mail-to and --json are different ways to get a report", "choose one of them")
	case ids > 0 && f.since != "":
		return usage("--since is about all campaigns", "leave out the id, or --since")
	case ids == 0 && (f.html != "" || f.link || f.mailTo != ""):
		return usage("which campaign is to be reported?", "for example: pabal campaign report 7")
	}
	return nil
}

// screenLanguage is the language of what people read, which --lang chooses.
func (a *app) screenLanguage() string {
	if cfg, err := a.config(); err == nil {
		return a.language(cfg)
	}
	return a.language(&Config{Language: "auto"})
}

func (a *app) reportOne(ctx context.Context, c *control.Client, id uint64, f reportFlags) error {
	lang := a.screenLanguage()
	switch {
	case f.link:
		link, err := c.ReportLink(ctx, id)
		if err != nil {
			return err
		}
		return one(a, map[string]any{"url": link.URL, "until": link.Until}, func(r *report) {
			r.line("%s", link.URL)
			r.line(campaign.ReportTextsIn(lang).GoodUntil, r.when(link.Until))
		})
	case f.mailTo != "":
		message, err := c.MailReport(ctx, id, f.mailTo, lang)
		if err != nil {
			return err
		}
		return one(a, map[string]string{"message": message}, func(r *report) {
			r.line(campaign.ReportTextsIn(lang).OnItsWay, message, message)
		})
	}
	rep, err := c.Report(ctx, id)
	if err != nil {
		return err
	}
	switch {
	case f.csv != "":
		return a.writeReport(f.csv, func(w io.Writer) error { return rep.WriteCSV(w, f.bom) })
	case f.html != "":
		return a.writeReport(f.html, func(w io.Writer) error { return rep.WriteHTML(w, lang, a.zone()) })
	}
	return one(a, rep, func(r *report) { describeReport(r, &rep, lang, f.ascii) })
}

// writeReport writes to a file, whole or not at all, or for - to stdout.
func (a *app) writeReport(path string, write func(io.Writer) error) error {
	if path != "-" {
		return writeWhole(path, write)
	}
	out := a.foreign()
	if err := write(out); err != nil {
		return err
	}
	return out.Close()
}

// reportAll is the table of several campaigns.
func (a *app) reportAll(ctx context.Context, c *control.Client, f reportFlags) error {
	if _, err := c.Reports(ctx, time.Now()); err != nil { // the daemon's zone, before a day is read in it
		return err
	}
	since, err := sinceTime(f.since, time.Now(), a.zone())
	if err != nil {
		return err
	}
	all, err := c.Reports(ctx, since)
	if err != nil {
		return err
	}
	if f.csv != "" {
		return a.writeReport(f.csv, func(w io.Writer) error { return campaign.WriteReportsCSV(w, all, f.bom) })
	}
	head := reportsHead(a.screenLanguage())
	return show(a, each(all, nil), func() *table { return newTable(head...).numbers(0, 3, 4, 5, 6, 7, 8, 9, 10) }, func(l campaign.ReportLine) []string {
		row := []string{fmt.Sprint(l.ID), clip(l.Name, 24), l.Started.In(a.zone()).Format("2006-01-02 15:04")}
		for _, n := range []int64{l.Audience, l.Accepted, l.Failed} {
			row = append(row, commas(n))
		}
		for _, f := range []float64{l.Rates.Delivered, l.Rates.Bounced, l.Rates.Complained, l.Rates.Opened, l.Rates.Clicked} {
			row = append(row, strconv.FormatFloat(f, 'f', 2, 64)+"%")
		}
		return row
	})
}

// reportsHead are the columns of the table of campaigns.
func reportsHead(lang string) []string {
	t := campaign.ReportTextsIn(lang)
	head := []string{"ID", t.Name, t.Started, t.Audience, t.Outs[spool.Accepted], t.Outs[spool.Failed]}
	for _, k := range []spool.FeedbackKind{spool.Delivered, spool.Bounced, spool.Complained, spool.Opened, spool.Clicked} {
		head = append(head, t.Kinds[k])
	}
	for i := range head {
		head[i] = strings.ToUpper(head[i])
	}
	return head
}

// sinceTime reads a day, or a number of days before now; "" is the zero time.
func sinceTime(text string, now time.Time, zone *time.Location) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	if n, ok := strings.CutSuffix(text, "d"); ok {
		if days, err := strconv.Atoi(n); err == nil && days >= 0 && days < 100_000 {
			return now.AddDate(0, 0, -days), nil
		}
	}
	day, err := time.ParseInLocation(time.DateOnly, text, zone)
	if err != nil {
		return day, usage("--since takes a day, not "+eml.Visible(text), "for example 2026-11-01, or 30d for the last thirty days")
	}
	return day, nil
}

const (
	reportWidth = 80 // cells
	plotWidth   = 60 // characters of a plot
	plotHeight  = 6  // lines
)

// describeReport writes a report for a terminal of 80 columns.
func describeReport(r *report, rep *campaign.Report, lang string, ascii bool) {
	t := campaign.ReportTextsIn(lang)
	r.line("%s %d: %s", t.Title, rep.Campaign.ID, clip(eml.Visible(rep.Campaign.Name), reportWidth-30))
	if !rep.Final {
		r.line("! %s %s", t.Running, r.when(rep.Made))
	}
	for _, p := range rep.Head(lang, r.zone) {
		r.pair(p[0], clip(p[1], reportWidth-20))
	}
	for _, s := range rep.Sections(lang, r.zone) {
		r.line("")
		r.line("%s", heading(s.Title, ascii))
		switch s.ID {
		case campaign.SectionFeedback:
			drawFeedback(r, rep, t, ascii)
		case campaign.SectionSpeed:
			drawSpeed(r, rep, t, ascii)
		}
		writeSection(r, s, lang)
	}
}

func heading(title string, ascii bool) string {
	mark := "■ "
	if ascii {
		mark = "# "
	}
	return mark + title
}

// writeSection writes a table as far as it fits, and its note.
func writeSection(r *report, s campaign.Section, lang string) {
	columns, left := len(s.Head), 0
	for _, row := range s.Rows {
		columns = max(columns, len(row))
	}
	widths := make([]int, columns)
	for _, row := range append([][]string{s.Head}, s.Rows...) {
		for i, cell := range row {
			widths[i] = max(widths[i], min(cells(eml.Visible(cell)), 60))
		}
	}
	room := reportWidth
	for left < columns && (left == 0 || room >= widths[left]) {
		room -= widths[left] + 2
		left++
	}
	for i, row := range append([][]string{s.Head}, s.Rows...) {
		if i > 0 || len(s.Head) > 0 {
			r.line("%s", alignedRow(row[:min(left, len(row))], widths, s.Left, len(s.Head) > 0))
		}
	}
	if left < columns {
		r.line("%s", map[bool]string{true: "(나머지 열: --csv, --html, --json)", false: "(further columns: --csv, --html, --json)"}[lang == "ko"])
	}
	for _, line := range wrapped(s.Note, reportWidth) {
		r.line("%s", line)
	}
}

// alignedRow is a line of a table: text to the left, numbers to the right.
func alignedRow(row []string, widths []int, text int, numbers bool) string {
	line := ""
	for i, cell := range row {
		cell = clip(eml.Visible(cell), widths[i])
		pad := strings.Repeat(" ", widths[i]-cells(cell))
		if numbers && i >= text {
			line += pad + cell + "  "
		} else {
			line += cell + pad + "  "
		}
	}
	return strings.TrimRight(line, " ")
}

// wrapped breaks a text into lines at spaces.
func wrapped(text string, width int) (lines []string) {
	line := ""
	for _, word := range strings.Fields(text) {
		if line != "" && cells(line)+1+cells(word) > width {
			lines, line = append(lines, line), ""
		}
		line = strings.TrimSpace(line + " " + word)
	}
	if line != "" {
		lines = append(lines, line)
	}
	return lines
}

// drawFeedback draws how each kind grew to its total.
func drawFeedback(r *report, rep *campaign.Report, t *campaign.ReportTexts, ascii bool) {
	if rep.Series.Start.IsZero() {
		return
	}
	label, sum := 0, rep.Series.Sum()
	for _, k := range rep.Kinds() {
		label = max(label, cells(t.Kinds[k]))
	}
	for _, k := range rep.Kinds() {
		name := t.Kinds[k]
		r.line("%s%s |%s| %s", name, strings.Repeat(" ", label-cells(name)), widened(rep.Sparkline(k, plotWidth-label, ascii), plotWidth-label), commas(sum.Of(k)))
	}
	p := campaign.PlotOf(&rep.Series, plotWidth-label)
	r.line("%s  %s", strings.Repeat(" ", label), timeAxis(&p, t, plotWidth-label))
}

// drawSpeed draws how many were handed to SES a minute.
func drawSpeed(r *report, rep *campaign.Report, t *campaign.ReportTexts, ascii bool) {
	p, top := rep.SpeedPlot(plotWidth), 0.0
	values := make([]float64, len(p.New))
	for i := range p.New {
		values[i] = p.PerMinute(i)
		top = max(top, values[i])
	}
	scale := commas(int64(top+0.5)) + t.PerMinute
	for i, line := range campaign.Bars(values, plotHeight, ascii) {
		r.line("%s", strings.TrimRight(widened(line, plotWidth)+" "+map[bool]string{true: scale}[i == 0], " "))
	}
	r.line("%s", timeAxis(&p, t, plotWidth))
}

// widened draws each column of a short plot several characters wide.
func widened(line string, width int) string {
	columns := []rune(line)
	var b strings.Builder
	for _, c := range columns {
		b.WriteString(strings.Repeat(string(c), max(1, width/len(columns))))
	}
	return b.String()
}

// timeAxis is the line below a plot: when its first column begins, its middle,
// and its last column ends.
func timeAxis(p *campaign.Plot, t *campaign.ReportTexts, width int) string {
	n := len(p.New)
	width = n * max(1, width/n)
	half, _ := spool.SlotAfter(p.Slot[n/2])
	end, _ := spool.SlotAfter(p.Slot[n])
	middle, right := t.Span(half), t.Span(end)
	line := "0" + strings.Repeat(" ", max(1, width*(n/2)/n-1)) + middle
	return line + strings.Repeat(" ", max(1, width-cells(line)-cells(right))) + right
}
