package campaign

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"pabal/spool"
)

// The ids of a report's sections, in their order.
const (
	SectionOutcomes = "outcomes"
	SectionFeedback = "feedback"
	SectionTracking = "tracking"
	SectionSpeed    = "speed"
	SectionDomains  = "domains"
	SectionSkips    = "skips"
	SectionFailures = "failures"
	SectionUnknowns = "unknowns"
	SectionBounces  = "bounces"
	SectionTwice    = "twice"
	SectionCost     = "cost"
	SectionActs     = "acts"
)

// Section is one table of a report in words, for pages, terminals and screens.
// Texts of others (names, reasons) stand in it as they came: whoever shows them
// makes them safe for where they go.
type Section struct {
	ID    string
	Title string
	Note  string // below the table; "" for none
	Head  []string
	Rows  [][]string
	Left  int // columns of text, on the left; those after them are numbers
}

// Sections are the report's tables in a language (ko, else en), with times of
// the zone. One that has nothing to say is left out.
func (r *Report) Sections(lang string, zone *time.Location) []Section {
	b := sections{r: r, t: ReportTextsIn(lang), zone: zone}
	all := []Section{b.outcomes(), b.feedback(), b.tracking(), b.speed(), b.domains(), b.skips(),
		b.reasons(SectionFailures, b.t.Failures, r.Tables.Failed), b.reasons(SectionUnknowns, b.t.Unknowns, r.Tables.Unknown),
		b.reasons(SectionBounces, b.t.Bounces, r.Tables.Bounced), b.twice(), b.cost(), b.acts()}
	return slices.DeleteFunc(all, func(s Section) bool { return len(s.Rows) == 0 && s.Note == "" })
}

type sections struct {
	r    *Report
	t    *ReportTexts
	zone *time.Location
}

func (b *sections) when(at time.Time) string {
	if at.IsZero() {
		return ""
	}
	return at.In(b.zone).Format("2006-01-02 15:04:05")
}

// Head is what the report is about, as labels and values.
func (r *Report) Head(lang string, zone *time.Location) [][2]string {
	b, c := sections{r: r, t: ReportTextsIn(lang), zone: zone}, &r.Campaign
	head := [][2]string{{b.t.State, word(b.t.States, c.State)}, {b.t.Template, fmt.Sprintf("%s (%d)", c.Template, c.TemplateVersion)}, {b.t.From, c.From},
		{b.t.Audience, grouped(c.Audience)}, {b.t.Started, b.when(c.Started)}, {b.t.Ended, b.when(c.Ended)}, {b.t.Made, b.when(r.Made) + " " + r.Made.In(zone).Format("MST")}}
	return slices.DeleteFunc(head, func(p [2]string) bool { return p[1] == "" })
}

func (b *sections) outcomes() Section {
	c := &b.r.Campaign
	s := Section{ID: SectionOutcomes, Title: b.t.Outcomes, Head: []string{b.t.Outcome, b.t.Count, b.t.Share}, Left: 1}
	for _, o := range outcomesOf(c.Counts) {
		s.Rows = append(s.Rows, []string{b.t.Outs[o.outcome], grouped(o.n), shareOf(o.n, c.Audience)})
	}
	s.Rows = append(s.Rows, []string{b.t.Total, grouped(c.Audience), shareOf(c.Audience, c.Audience)})
	return s
}

type outcomeCount struct {
	outcome spool.Outcome
	n       int64
}

// outcomesOf are the outcomes in the order a reader wants them.
func outcomesOf(n spool.Counts) []outcomeCount {
	return []outcomeCount{{spool.Accepted, n.Accepted}, {spool.Failed, n.Failed}, {spool.Skipped, n.Skipped}, {spool.Unknown, n.Unknown},
		{spool.Pending, n.Pending}, {spool.Sending, n.Sending}}
}

func (b *sections) feedback() Section {
	s := Section{ID: SectionFeedback, Title: b.t.Feedback, Note: b.t.FeedbackLead, Head: []string{b.t.When}, Left: 1}
	if !b.r.Events {
		s.Note = b.t.NoFeedback
	}
	kinds, total := b.r.Kinds(), b.r.Series.Sum()
	for _, k := range kinds {
		s.Head = append(s.Head, b.t.Kinds[k])
	}
	row := func(label string, h spool.Happened) {
		cells := []string{label}
		for _, k := range kinds {
			cells = append(cells, grouped(h.Of(k)))
		}
		s.Rows = append(s.Rows, cells)
	}
	dated := b.r.Series
	dated.Undated = spool.Happened{}
	for _, d := range milestones() {
		if b.r.Series.Start.IsZero() || b.r.Made.Sub(b.r.Series.Start) < d { // not over yet: the total says it
			break
		}
		h := heardWithin(&b.r.Series, d)
		row(b.t.Span(d), h)
		if h == dated.Sum() { // nothing later
			break
		}
	}
	if b.r.Series.Undated != (spool.Happened{}) {
		row(b.t.Undated, b.r.Series.Undated)
	}
	row(b.t.Total, total)
	cells := []string{b.t.Share}
	for _, k := range kinds {
		cells = append(cells, shareOf(total.Of(k), b.r.Campaign.Accepted))
	}
	s.Rows = append(s.Rows, cells)
	return s
}

func (b *sections) tracking() Section {
	s, v := Section{ID: SectionTracking, Title: b.t.Tracking, Left: 1}, b.r.Tracking
	if v.Opens == TrackingOn || v.Clicks == TrackingOn {
		s.Note = b.t.TrackingBoth
	}
	for _, off := range []struct{ is, text string }{{v.Opens, b.t.OpensOff}, {v.Clicks, b.t.ClicksOff}} {
		if off.is == TrackingOff {
			s.Note = joined(s.Note, off.text+".")
		}
	}
	if v.Why != "" {
		s.Note = joined(s.Note, b.t.Whys[v.Why]+".")
	}
	return s
}

func joined(a, b string) string {
	if a == "" || a == b {
		return b
	}
	return strings.TrimSpace(a + " " + b)
}

func (b *sections) speed() Section {
	v, c := b.r.Speed, &b.r.Campaign
	s := Section{ID: SectionSpeed, Title: b.t.Speed, Left: 1}
	if c.First.IsZero() {
		return s
	}
	s.Rows = [][]string{{b.t.Lasted, b.seconds(v.Seconds)}, {b.t.Mean, number(v.PerSecond) + b.t.PerSecond}}
	if v.PeakMinute > 0 {
		s.Rows = append(s.Rows, []string{b.t.Peak + " (" + b.t.PeakNote + ")", grouped(v.PeakMinute) + ", " + b.when(v.PeakAt)})
	}
	if p := v.Planned; p != nil && !p.End.IsZero() {
		s.Rows = append(s.Rows, []string{b.t.Planned, b.seconds(p.Seconds) + ", " + number(p.Rate) + b.t.PerSecond + b.off(v)})
	}
	if v.Aim > 0 {
		s.Rows = append(s.Rows, []string{b.t.Aim, number(v.Aim) + b.t.PerSecond + " (" + b.seconds(v.AimSeconds) + ")"})
	}
	if b.r.Final {
		kept := map[bool]string{true: b.t.Yes, false: b.t.No}[v.FiveMinutes]
		if v.Planned != nil && !v.Planned.FiveMinutes && !v.FiveMinutes {
			kept += " (" + b.t.Foreseen + ")"
		}
		s.Rows = append(s.Rows, []string{b.t.InFive, kept})
	}
	return s
}

// off says how far from the plan it went; "" where that says nothing.
func (b *sections) off(v Speed) string {
	switch {
	case v.Off >= 1:
		return " (" + fmt.Sprintf(b.t.Longer, number(math.Round(v.Off))) + ")"
	case v.Off <= -1:
		return " (" + fmt.Sprintf(b.t.Shorter, number(-math.Round(v.Off))) + ")"
	}
	return ""
}

func (b *sections) seconds(n float64) string {
	d := time.Duration(n * float64(time.Second))
	switch {
	case d < 2*time.Minute:
		return number(n) + b.t.Gap + b.t.Seconds
	case d < 2*time.Hour:
		return fmt.Sprintf("%d%s%s %d%s%s", d/time.Minute, b.t.Gap, b.t.Minute, d%time.Minute/time.Second, b.t.Gap, b.t.Seconds)
	}
	return fmt.Sprintf("%d%s%s %d%s%s", d/time.Hour, b.t.Gap, b.t.Hour, d%time.Hour/time.Minute, b.t.Gap, b.t.Minute)
}

func (b *sections) domains() Section {
	t := b.t
	s := Section{ID: SectionDomains, Title: t.Domains, Left: 1, Head: []string{t.Domain, t.Outs[spool.Accepted], t.Kinds[spool.Delivered], t.Kinds[spool.Bounced],
		t.Kinds[spool.Complained], t.Kinds[spool.Opened], t.Outs[spool.Failed], t.Kinds[spool.Clicked], t.Sent}}
	for _, d := range b.r.Tables.Domains {
		name := d.Domain
		if name == "" {
			name = t.Others
		}
		row := []string{name}
		for _, n := range []int64{d.Accepted, b.heard(d.Delivered), d.Bounced, d.Complained, b.heard(d.Opened), d.Failed, b.heard(d.Clicked), d.Sent} {
			row = append(row, counted(n))
		}
		s.Rows = append(s.Rows, row)
	}
	return s
}

// heard is a count of what only SES's events tell; without them nobody knows.
func (b *sections) heard(n int64) int64 {
	if !b.r.Events && n == 0 {
		return unheard
	}
	return n
}

const unheard = -1

func counted(n int64) string {
	if n == unheard {
		return "-"
	}
	return grouped(n)
}

func (b *sections) skips() Section {
	s := Section{ID: SectionSkips, Title: b.t.Skips, Head: []string{b.t.Reason, b.t.Count}, Left: 1}
	skips := b.r.Campaign.Skips
	for _, reason := range slices.SortedFunc(maps.Keys(skips), func(x, y string) int { return int(skips[y] - skips[x]) }) {
		s.Rows = append(s.Rows, []string{word(b.t.Skip, reason), grouped(skips[reason])})
	}
	return s
}

func (b *sections) reasons(id, title string, list []spool.ReasonCount) Section {
	s := Section{ID: id, Title: title, Head: []string{b.t.Reason, b.t.Count}, Left: 1}
	for _, r := range list {
		reason := ReasonIn(b.t.Lang, r.Reason)
		if reason == "" {
			reason = b.t.Others
		}
		s.Rows = append(s.Rows, []string{reason, grouped(r.Count)})
	}
	return s
}

// twice says how many; who they are is no matter for a page behind a link.
func (b *sections) twice() Section {
	v := b.r.Tables
	if v.MaybeTwice+v.SentTwice == 0 {
		return Section{ID: SectionTwice, Title: b.t.Twice, Note: b.t.TwiceNone, Left: 1}
	}
	return Section{ID: SectionTwice, Title: b.t.Twice, Left: 1, Note: fmt.Sprintf(b.t.TwiceList, b.r.Campaign.ID),
		Rows: [][]string{{b.t.TwiceMaybe, grouped(v.MaybeTwice)}, {b.t.TwiceSure, grouped(v.SentTwice)}}}
}

func (b *sections) cost() Section {
	s := Section{ID: SectionCost, Title: b.t.Cost, Left: 1}
	if c := b.r.Cost; c != nil {
		s.Note = b.t.CostNote
		s.Rows = [][]string{{grouped(c.Mails) + " × " + strconv.FormatFloat(c.PricePer1000, 'f', -1, 64) + " USD / 1,000", strconv.FormatFloat(c.Total, 'f', 2, 64) + " USD"}}
	}
	return s
}

func (b *sections) acts() Section {
	s := Section{ID: SectionActs, Title: b.t.Acts, Left: 4}
	for _, a := range b.r.Campaign.Acts {
		by, count := a.By, ""
		if by == "" {
			by = b.t.Pabal
		}
		if a.Count > 0 {
			count = grouped(a.Count) + b.t.Gap + b.t.Recipients
		}
		what := word(b.t.Deeds, a.What)
		if rule, ok := strings.CutPrefix(a.What, overrideAct); ok {
			what = b.t.Override + ": " + rule
		}
		s.Rows = append(s.Rows, []string{b.when(a.At), by, joined(what, reasonOf(a)), count})
	}
	return s
}

// reasonOf is the reason a person typed, in quotation marks.
func reasonOf(a spool.Act) string {
	if a.Reason == "" {
		return ""
	}
	return "“" + a.Reason + "”"
}

func shareOf(part, all int64) string {
	if all == 0 {
		return "-"
	}
	share, digits := float64(part)/float64(all)*100, 1
	if share < 1 && part > 0 {
		digits = 2 // of complaints 0.1 % are many
	}
	return strconv.FormatFloat(share, 'f', digits, 64) + "%"
}
