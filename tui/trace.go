package tui

import (
	"cmp"
	"context"
	"slices"
	"strings"

	tea "charm.land/bubbletea/v2"

	"pabal/spool"
)

// traceRows bounds how many mails a trace keeps; the daemon finds no more.
const traceRows = 1000

// trace is every mail to an address, or the one that an id names: of both
// lanes, the newest first.
type trace struct {
	shown[traceMsg]

	field input
	asks  bool // a query is being typed
	list  list
}

type traceMsg struct {
	mails []spool.Message
	names map[uint64]string // of campaigns
	more  bool
}

// newTrace looks for an address or an id; with "" it asks for one first.
func newTrace(query string) *trace {
	return &trace{field: newInput(query), asks: query == ""}
}

// traceKey is the key that traces what a row is about; nothing to trace is why
// it cannot be used.
func (a *app) traceKey(query, none string) binding {
	b := binding{keys: []string{"t"}, help: a.t.Mail.Trace, do: func() tea.Cmd { return push(a, newTrace(query)) }}
	if query == "" {
		b.off = none
	}
	return b
}

// tracedBy is what a mail is traced by: its address if it has one.
func tracedBy(m spool.Message) string { return cmp.Or(m.To, m.ID) }

func (s *trace) title(a *app) string { return a.t.Mail.Trace }
func (s *trace) typing() bool        { return s.asks }
func (s *trace) query() string       { return strings.TrimSpace(s.field.value()) }

func (s *trace) start(a *app) tea.Cmd {
	query := s.query()
	if query == "" {
		return nil
	}
	return askTurn(a, &s.turn, callTimeout, func(ctx context.Context) (m traceMsg, err error) {
		for mail, err := range a.back.Trace(ctx, query) {
			if err != nil {
				return m, err
			}
			if m.more = len(m.mails) == traceRows; m.more {
				break
			}
			m.mails = append(m.mails, mail)
		}
		slices.SortStableFunc(m.mails, newestFirst)
		m.names, err = campaignNames(ctx, a.back)
		return m, err
	})
}

// newestFirst orders mails by the last that happened to them.
func newestFirst(x, y spool.Message) int {
	return cmp.Or(y.At.Compare(x.At), cmp.Compare(y.Campaign, x.Campaign))
}

// campaignNames are the names by id.
func campaignNames(ctx context.Context, back Backend) (map[uint64]string, error) {
	all, err := back.Campaigns(ctx)
	names := map[uint64]string{}
	for _, c := range all {
		names[c.ID] = c.Name
	}
	return names, err
}

func (s *trace) update(a *app, msg tea.Msg) tea.Cmd {
	switch msg := msg.(type) {
	case tickMsg:
		if s.query() != "" && !s.asks && s.lost() && s.why == "" {
			return s.start(a)
		}
	case doneMsg:
		return s.start(a)
	case answer[traceMsg]:
		s.take(a, msg)
	case tea.PasteMsg:
		if s.asks {
			s.field.insert(msg.Content)
		}
	case tea.KeyPressMsg:
		if s.asks {
			s.field.key(msg)
			return nil
		}
		s.list.move(keyName(msg), len(s.now.mails))
	}
	return nil
}

func (s *trace) keys(a *app) []binding {
	if s.asks {
		look := binding{keys: []string{"enter"}, show: "Enter", help: a.t.Search, do: func() tea.Cmd {
			s.asks, s.list, s.shown = false, list{}, shown[traceMsg]{turn: s.turn}
			return s.start(a)
		}}
		if s.query() == "" {
			look.off = a.t.Mail.TypeQuery
		}
		return []binding{look}
	}
	open := binding{keys: []string{"enter"}, show: "Enter", help: a.t.Open, do: func() tea.Cmd { return push(a, newMail(s.chosen())) }}
	if len(s.now.mails) == 0 {
		open.off = a.t.NothingHere
	}
	return []binding{open,
		{keys: []string{"/"}, help: a.t.Mail.Another, do: func() tea.Cmd { s.asks = true; s.field.set(""); return nil }},
		{keys: []string{"r"}, help: a.t.Reload, do: func() tea.Cmd { return s.start(a) }},
	}
}

func (s *trace) chosen() spool.Message { return s.now.mails[min(s.list.at, len(s.now.mails)-1)] }

func (s *trace) view(a *app, w, h int) page {
	t := &a.t.Mail
	label := " " + t.What + " "
	if s.asks {
		text, x := s.field.view(w - cells(label) - 2)
		p := page{lines: []string{"", a.look.key.Render(label) + text, ""}, cursor: &tea.Position{X: cells(label) + x, Y: 1}}
		for _, l := range wrap(t.QueryHint, w-4) {
			p.lines = append(p.lines, "  "+a.look.dim.Render(l))
		}
		return p
	}
	count := a.t.Loading
	switch {
	case s.now.more:
		count = a.t.FirstRows(comma(traceRows))
	case s.have:
		count = a.t.Rows(comma(int64(len(s.now.mails))))
	}
	p := page{lines: []string{" " + sides(a.look.bold.Render(cut(safe(s.query()), w-20)), count+" ", w-1)}}
	if lines := a.instead(s.why, s.have, len(s.now.mails) == 0, t.NoTrace, w); lines != nil {
		p.lines = append(p.lines, lines...)
		return p
	}
	what := (w - 2 - 11 - 10 - 4) / 2
	rest := w - 2 - 11 - what - 10 - 3
	p.lines = append(p.lines, a.look.dim.Render("  "+row(column{a.t.At, 11}, column{t.Of, what}, column{a.t.Outcome, 10}, column{a.t.Reason, rest})))
	const below = 3
	from, to := s.list.window(len(s.now.mails), h-len(p.lines)-below)
	for i := from; i < to; i++ {
		m := s.now.mails[i]
		p.lines = append(p.lines, a.look.pickLine(row(column{a.moment(m.At), 11}, column{a.mailName(m, s.now.names), what}, column{a.outcome(m), 10},
			column{strings.TrimSpace(a.marks(m) + "  " + a.why(m.Reason)), rest}), i == s.list.at, w))
	}
	p.lines = append(fill(p.lines, h-below), a.inFull(s.chosen(), w)...)
	return p
}

// mailName is what a mail is: its campaign, or the subject of an application's.
func (a *app) mailName(m spool.Message, names map[uint64]string) string {
	if m.Campaign == 0 {
		return orWord(safe(m.Subject), a.t.Mail.NoSubject)
	}
	return orWord(safe(names[m.Campaign]), a.t.Campaign+" "+comma(int64(m.Campaign)))
}

// outcome is a mail's outcome with a sign for what is not well.
func (a *app) outcome(m spool.Message) string {
	word := a.t.Outcomes[m.Outcome]
	if m.Outcome == spool.Failed || m.Outcome == spool.Unknown {
		return "! " + word
	}
	return word
}

// inFull is three lines on the selected mail of a list.
func (a *app) inFull(m spool.Message, w int) []string {
	return []string{
		a.look.rule(recipient(m), w),
		"  " + cut(strings.TrimSpace(a.t.Outcomes[m.Outcome]+"  "+a.marks(m)+"  "+a.why(m.Reason)), w-4),
		"  " + a.look.dim.Render(cut("SES "+orWord(safe(m.SESID), "-")+"  "+safe(m.ID), w-4)),
	}
}
