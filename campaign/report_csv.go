package campaign

import (
	"cmp"
	"encoding/csv"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"pabal/spool"
)

// csvMark is by what Excel knows UTF-8.
const csvMark = "\ufeff"

// WriteCSV writes the report as rows of section, name, measure and value: the
// same for a spreadsheet's pivot and a program. Times are RFC 3339 UTC. Cells
// that a spreadsheet would take for a formula begin with an apostrophe. bom puts
// the mark in front by which Excel knows UTF-8.
func (r *Report) WriteCSV(w io.Writer, bom bool) error {
	c := &r.Campaign
	t := csvRows{{"section", "name", "measure", "value"}}
	for _, row := range [...][2]string{{"id", strconv.FormatUint(c.ID, 10)}, {"name", c.Name}, {"state", string(c.State)}, {"template", c.Template},
		{"template_version", strconv.Itoa(c.TemplateVersion)}, {"from", c.From}, {"started", csvTime(c.Started)}, {"first", csvTime(c.First)}, {"ended", csvTime(c.Ended)},
		{"made", csvTime(r.Made)}, {"final", strconv.FormatBool(r.Final)}, {"opens_tracked", r.Tracking.Opens}, {"clicks_tracked", r.Tracking.Clicks}} {
		t.row("campaign", row[0], "", row[1])
	}
	t.count("outcomes", "audience", "", c.Audience)
	for _, o := range outcomesOf(c.Counts) {
		t.count("outcomes", o.outcome.String(), "", o.n)
	}
	for _, k := range reportKinds()[1:] {
		t.count("feedback", k.String(), "", c.Happened().Of(k))
	}
	t.tables(r)
	t.series(&r.Series)
	t.number("speed", "seconds", r.Speed.Seconds)
	t.number("speed", "per_second", r.Speed.PerSecond)
	t.count("speed", "peak_minute", "", r.Speed.PeakMinute)
	t.number("speed", "aim", r.Speed.Aim)
	if p := r.Speed.Planned; p != nil {
		t.number("speed", "planned_seconds", p.Seconds)
		t.number("speed", "planned_rate", p.Rate)
		t.number("speed", "off", r.Speed.Off)
	}
	if r.Cost != nil {
		t.row("cost", "price_per_1000", "", strconv.FormatFloat(r.Cost.PricePer1000, 'f', -1, 64))
		t.count("cost", "mails", "", r.Cost.Mails)
		t.row("cost", "total", "", strconv.FormatFloat(r.Cost.Total, 'f', -1, 64))
	}
	for _, a := range c.Acts {
		t.row("acts", csvTime(a.At)+" "+a.By, a.What, cmp.Or(a.Reason, strconv.FormatInt(a.Count, 10)))
	}
	return t.write(w, bom)
}

// WriteReportsCSV writes campaigns as a table, one a row.
func WriteReportsCSV(w io.Writer, all []ReportLine, bom bool) error {
	t := csvRows{{"id", "name", "state", "template", "started", "ended", "audience", "accepted", "failed", "skipped", "unknown", "delivered", "bounced", "complained",
		"opened", "clicked", "delivered_percent", "bounced_percent", "complained_percent", "opened_percent", "clicked_percent", "cost_usd"}}
	for _, l := range all {
		row := []string{strconv.FormatUint(l.ID, 10), l.Name, string(l.State), l.Template, csvTime(l.Started), csvTime(l.Ended)}
		for _, n := range []int64{l.Audience, l.Accepted, l.Failed, l.Skipped, l.Unknown, l.Delivered, l.Bounced, l.Complained, l.Opened, l.Clicked} {
			row = append(row, strconv.FormatInt(n, 10))
		}
		for _, f := range []float64{l.Rates.Delivered, l.Rates.Bounced, l.Rates.Complained, l.Rates.Opened, l.Rates.Clicked} {
			row = append(row, number(f))
		}
		cost := ""
		if l.Cost != nil {
			cost = strconv.FormatFloat(l.Cost.Total, 'f', -1, 64)
		}
		t = append(t, append(row, cost))
	}
	return t.write(w, bom)
}

// csvRows is the rows of a CSV file.
type csvRows [][]string

func (t *csvRows) row(cells ...string) { *t = append(*t, cells) }

func (t *csvRows) count(section, name, measure string, n int64) {
	t.row(section, name, measure, strconv.FormatInt(n, 10))
}

func (t *csvRows) number(section, name string, f float64) { t.row(section, name, "", number(f)) }

func (t *csvRows) tables(r *Report) {
	for _, reason := range slices.Sorted(maps.Keys(r.Campaign.Skips)) {
		t.count("skipped", reason, "", r.Campaign.Skips[reason])
	}
	for _, list := range []struct {
		section string
		rows    []spool.ReasonCount
	}{{"failed", r.Tables.Failed}, {"unknown", r.Tables.Unknown}, {"bounced", r.Tables.Bounced}} {
		for _, reason := range list.rows {
			t.count(list.section, others(reason.Reason), "", reason.Count)
		}
	}
	for _, d := range r.Tables.Domains {
		for _, m := range []struct {
			name string
			n    int64
		}{{"sent", d.Sent}, {"accepted", d.Accepted}, {"failed", d.Failed}, {"unknown", d.Unknown}, {"delivered", d.Delivered}, {"delayed", d.Delayed},
			{"bounced", d.Bounced}, {"complained", d.Complained}, {"opened", d.Opened}, {"clicked", d.Clicked}} {
			t.count("domains", others(d.Domain), m.name, m.n)
		}
	}
	t.count("twice", "maybe", "", r.Tables.MaybeTwice)
	t.count("twice", "proved", "", r.Tables.SentTwice)
}

func (t *csvRows) series(s *spool.Series) {
	span := func(name string, h spool.Happened) {
		for _, k := range reportKinds() {
			measure := k.String()
			if k == spool.Sent {
				measure = spool.Accepted.String()
			}
			if h.Of(k) > 0 {
				t.count("series", name, measure, h.Of(k))
			}
		}
	}
	for _, p := range s.Points {
		span(csvTime(s.Start.Add(time.Duration(p.After)*time.Second))+" +"+strconv.FormatInt(p.Span, 10)+"s", p.Happened)
	}
	span("undated", s.Undated)
}

// others is the name of what has none.
func others(name string) string {
	if name == "" {
		return "(others)"
	}
	return name
}

func csvTime(at time.Time) string {
	if at.IsZero() {
		return ""
	}
	return at.UTC().Format(time.RFC3339)
}

func (t csvRows) write(w io.Writer, bom bool) error {
	if bom {
		if _, err := io.WriteString(w, csvMark); err != nil {
			return fmt.Errorf("write report: %w", err)
		}
	}
	out := csv.NewWriter(w)
	for _, row := range t {
		for i := range row {
			row[i] = noFormula(row[i])
		}
		if err := out.Write(row); err != nil {
			return fmt.Errorf("write report: %w", err)
		}
	}
	if out.Flush(); out.Error() != nil {
		return fmt.Errorf("write report: %w", out.Error())
	}
	return nil
}

// noFormula keeps a spreadsheet from running a cell (OWASP: CSV injection).
func noFormula(cell string) string {
	if cell != "" && strings.ContainsRune("=+-@\t\r\n", rune(cell[0])) {
		return "'" + cell
	}
	return cell
}
