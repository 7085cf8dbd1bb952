package tui

import (
	"context"
	"time"

	tea "charm.land/bubbletea/v2"

	"pabal/campaign"
	"pabal/spool"
)

// reportEvery is how many ticks pass until the report of a running campaign is
// asked for anew: it walks all rows.
const reportEvery = 10

// report is what became of one campaign: its tables, and how feedback came in
// over time.
type report struct {
	c      campaign.Campaign
	r      shown[campaign.Report]
	age    int
	scroll scroll
	lines  int
}

func newReport(c campaign.Campaign) *report { return &report{c: c} }

func (s *report) title(a *app) string { return a.t.Report.Title + " " + comma(int64(s.c.ID)) }
func (s *report) leave()              { s.r.leave() }

func (s *report) start(a *app) tea.Cmd {
	id := s.c.ID
	s.age, s.r.why = 0, ""
	return askTurn(a, &s.r.turn, startTimeout, func(ctx context.Context) (campaign.Report, error) { return a.back.Report(ctx, id) })
}

func (s *report) update(a *app, msg tea.Msg) tea.Cmd {
	switch msg := msg.(type) {
	case tickMsg:
		s.age++
		if old := s.r.have && !s.r.now.Final && s.age >= reportEvery && !s.r.turn.busy; old || s.r.lost() && s.r.why == "" {
			return s.start(a)
		}
	case answer[campaign.Report]:
		s.r.take(a, msg)
	case tea.KeyPressMsg:
		s.scroll.move(keyName(msg), s.lines)
	}
	return nil
}

func (s *report) keys(a *app) []binding {
	t := &a.t.Report
	keys := []binding{
		{keys: []string{"e"}, help: t.Export, do: func() tea.Cmd { return push(a, s.export(a)) }},
		{keys: []string{"l"}, help: a.t.Letter.Link, do: func() tea.Cmd { return push(a, s.link(a)) }},
		{keys: []string{"m"}, help: t.Mail, do: func() tea.Cmd { return push(a, s.mail(a)) }},
		{keys: []string{"r"}, help: a.t.Reload, do: func() tea.Cmd { return s.start(a) }},
	}
	for i := range keys[:3] {
		if !s.r.have {
			keys[i].off = a.t.Loading
		}
	}
	return append(keys, binding{show: "↑↓", help: a.t.Scroll})
}

func (s *report) link(a *app) screen {
	id := s.c.ID
	return &linkShown{head: a.t.Letter.LinkHead, text: a.t.Report.LinkText, ask: func(ctx context.Context) (campaign.Link, error) { return a.back.ReportLink(ctx, id) }}
}

// mail asks where to send the report to.
func (s *report) mail(a *app) screen {
	t, id, lang := &a.t.Report, s.c.ID, a.lang
	f := &form{head: t.MailHead, help: a.t.SendOne, lines: []string{safe(s.c.Name), t.MailText}, fields: []field{{label: a.t.To, hint: "me@example.com"}},
		do: func(ctx context.Context, v []string) error {
			_, err := a.back.MailReport(ctx, id, v[0], lang)
			return err
		},
		then: func(a *app, v []string) tea.Cmd {
			pop(a)
			return func() tea.Msg { return doneMsg{text: t.Mailed(safe(v[0]))} }
		}}
	f.off = func(v []string) string {
		if len(v[0]) < 3 {
			return a.t.TypeAddress
		}
		return ""
	}
	return f
}

func (s *report) view(a *app, w, h int) page {
	if lines := a.instead(s.r.why, s.r.have, false, "", w); lines != nil {
		return page{lines: lines}
	}
	r := &s.r.now
	lines := []string{"", " " + sides(a.look.bold.Render(safe(r.Campaign.Name)), a.state(r.Campaign), w-2)}
	if !r.Final {
		lines = append(lines, hanging(a.look.warn.Render("! "+a.t.Report.Running), w)...)
	}
	var head [][2]string
	for _, p := range r.Head(a.lang, a.zone) {
		head = append(head, [2]string{safe(p[0]), safe(p[1])})
	}
	lines = append(lines, a.block(head, w)...)
	for _, part := range r.Sections(a.lang, a.zone) {
		lines = append(lines, a.look.rule(safe(part.Title), w))
		if part.ID == campaign.SectionFeedback {
			lines = append(lines, a.plot(r, w)...)
		}
		lines = append(lines, a.section(part, w)...)
	}
	s.lines = len(lines)
	return page{lines: s.scroll.window(lines, h)}
}

// plot draws how each sort of feedback grew to its sum, all over one time axis:
// minutes, then hours, then days.
func (a *app) plot(r *campaign.Report, w int) []string {
	if r.Series.Start.IsZero() || a.look.linear { // the table below has the numbers
		return nil
	}
	words := campaign.ReportTextsIn(a.lang)
	label, count := 0, 0
	kinds := r.Kinds()
	total := r.Series.Sum()
	for _, k := range kinds {
		label, count = max(label, cells(words.Kinds[k])), max(count, cells(comma(total.Of(k))))
	}
	room := w - 4 - label - count - 2
	p := campaign.PlotOf(&r.Series, room)
	var lines []string
	for _, k := range kinds {
		values := make([]float64, len(p.Total))
		for i := range p.Total {
			values[i] = float64(p.Total[i].Of(k))
		}
		lines = append(lines, "  "+pad(words.Kinds[k], label)+" "+a.look.fill.Render(campaign.Bars(values, 1, a.look.ascii)[0])+" "+padLeft(comma(total.Of(k)), count))
	}
	return append(lines, "  "+pad("", label)+" "+a.look.dim.Render(axis(words, &p)), "")
}

// axis names the times at the beginning, the middle and the end of a plot.
func axis(words *campaign.ReportTexts, p *campaign.Plot) string {
	n := len(p.New)
	at := func(i int) string {
		from, _ := spool.SlotAfter(p.Slot[i])
		return words.Span(max(from, 0).Round(time.Minute))
	}
	line := at(0)
	for _, i := range []int{n / 2, n} {
		text := at(i)
		gap := i - cells(line)
		if i == n {
			gap -= cells(text)
		}
		if gap > 0 {
			line += pad("", gap) + text
		}
	}
	return line
}
