package tui

import (
	"context"
	"slices"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"

	"pabal/audience"
	"pabal/spool"
)

// suppressionRows bounds how many entries the list keeps; the search narrows.
const suppressionRows = 1000

// searchDelay is how long typing rests before a long list is searched.
const searchDelay = 200 * time.Millisecond

// erasedReason is that of somebody who was erased: only a hash of the address
// is left.
const erasedReason = "erased"

// suppressions is the list of addresses never to be mailed again.
type suppressions struct {
	shown[suppressionsMsg]

	typed  int // letters so far
	list   list
	filter filter
}

type (
	suppressionsMsg struct {
		rows []audience.Suppression
		more bool
	}
	searchRest struct { // typing in a search has rested
		of screen
		n  int
	}
)

func (s *suppressions) title(a *app) string { return a.t.Tabs[tabSuppressions] }
func (s *suppressions) typing() bool        { return s.filter.on }

func (s *suppressions) start(a *app) tea.Cmd {
	want := s.filter
	return askTurn(a, &s.turn, callTimeout, func(ctx context.Context) (m suppressionsMsg, err error) {
		for row, err := range a.back.Suppressions(ctx) {
			if err != nil {
				return m, err
			}
			if !want.matches(row.Email, row.Detail, row.Reason, a.blockedBy(row)) {
				continue
			}
			if m.more = len(m.rows) == suppressionRows; m.more {
				break
			}
			m.rows = append(m.rows, row)
		}
		slices.SortStableFunc(m.rows, func(x, y audience.Suppression) int { return y.At.Compare(x.At) })
		return m, nil
	})
}

func (s *suppressions) update(a *app, msg tea.Msg) tea.Cmd {
	switch msg := msg.(type) {
	case tickMsg:
		if s.lost() {
			return s.start(a)
		}
	case doneMsg:
		return s.start(a)
	case searchRest:
		if msg.of == s && msg.n == s.typed {
			return s.start(a)
		}
	case answer[suppressionsMsg]:
		s.take(a, msg)
	case tea.PasteMsg:
		return s.letters(a, msg)
	case tea.KeyPressMsg:
		if s.filter.on {
			return s.letters(a, msg)
		}
		s.list.move(keyName(msg), len(s.now.rows))
	}
	return nil
}

// letters searches when typing rests.
func (s *suppressions) letters(a *app, msg tea.Msg) tea.Cmd {
	if !s.filter.update(msg) {
		return nil
	}
	s.typed++
	s.list = list{}
	return a.after(searchDelay, searchRest{s, s.typed})
}

func (s *suppressions) keys(a *app) []binding {
	keys := s.filter.keys(a, func() tea.Cmd { return s.start(a) })
	if s.filter.on {
		return keys
	}
	t := &a.t.Suppress
	remove := binding{keys: []string{"d", "delete"}, show: "d", help: t.Remove, do: func() tea.Cmd { return s.remove(a) }}
	switch {
	case len(s.now.rows) == 0:
		remove.off = a.t.NothingHere
	case s.chosen().Email == "":
		remove.off = a.t.Reasons[spool.SkipErased]
	}
	return append([]binding{
		{keys: []string{"n"}, help: t.Add, do: func() tea.Cmd { return push(a, &suppressAdd{}) }},
		remove,
		{keys: []string{"i"}, help: t.Import, do: func() tea.Cmd { return push(a, newInbox(forSuppression)) }},
		a.traceKey(s.traced(), remove.off),
	}, keys...)
}

func (s *suppressions) remove(a *app) tea.Cmd {
	return push(a, newUnsuppress(a, s.chosen()))
}

// traced is the address of the selected entry, "" where there is none.
func (s *suppressions) traced() string {
	if len(s.now.rows) == 0 {
		return ""
	}
	return s.chosen().Email
}

func (s *suppressions) chosen() audience.Suppression {
	return s.now.rows[min(s.list.at, len(s.now.rows)-1)]
}

// newUnsuppress asks before an address may be mailed again.
func newUnsuppress(a *app, row audience.Suppression) *confirm {
	t := &a.t.Suppress
	lines := []string{safe(row.Email), a.blockedBy(row) + ", " + a.moment(row.At), t.RemoveWarn}
	if row.Reason == string(audience.Bounce) || row.Reason == string(audience.Complaint) {
		lines = append(lines, t.RemoveStays)
	}
	return newConfirm(t.Remove, lines, 1, t.Removed, func(ctx context.Context) error { return a.back.Unsuppress(ctx, row.Email) })
}

// blockedBy is the reason of an entry in words.
func (a *app) blockedBy(row audience.Suppression) string {
	switch {
	case row.Soft:
		return a.t.Suppress.Soft
	case row.Reason == erasedReason:
		return a.t.Reasons[spool.SkipErased]
	}
	return orWord(a.t.Sources[audience.Source(row.Reason)], safe(row.Reason))
}

// detail is what a line of history or of the suppression list says besides: in
// the person's language what pabal wrote itself, else as it stands.
func (a *app) detail(source audience.Source, text string) string {
	base, campaign, linked := strings.Cut(text, audience.DetailOfCampaign)
	of := a.t.Campaign + " "
	if !linked {
		base, campaign, linked = strings.Cut(text, audience.DetailOfMail)
		of = "q"
	}
	word, known := a.t.Details[base]
	id, row := strings.CutPrefix(text, audience.DetailRow)
	n, soft := strings.CutSuffix(text, audience.DetailSoft)
	switch {
	case known && linked:
		return word + " (" + of + safe(campaign) + ")"
	case known:
		return word
	case soft && source == audience.Bounce:
		return a.t.SoftBounces(safe(n))
	case row && source == audience.MySQL:
		return a.t.RowID(safe(id))
	}
	return safe(text)
}

func (s *suppressions) view(a *app, w, h int) page {
	p := page{}
	if line, x := s.filter.line(a, w); line != "" {
		if p.lines = append(p.lines, line); x >= 0 {
			p.cursor = &tea.Position{X: x}
		}
	}
	none := a.t.Suppress.None
	if s.filter.field.value() != "" {
		none = a.t.Suppress.NotFound
	}
	if lines := a.instead(s.why, s.have, len(s.now.rows) == 0, none, w); lines != nil {
		p.lines = append(p.lines, lines...)
		return p
	}
	email := (w - 20) / 2
	detail := w - 2 - email - 12 - 16 - 3
	p.lines = append(p.lines, a.look.dim.Render("  "+row(column{a.t.Email, email}, column{a.t.Reason, 12}, column{a.t.At, 16}, column{a.t.Suppress.Detail, detail})))
	const below = 3
	from, to := s.list.window(len(s.now.rows), h-len(p.lines)-below)
	for i := from; i < to; i++ {
		r := s.now.rows[i]
		p.lines = append(p.lines, a.look.pickLine(row(column{orWord(safe(r.Email), "-"), email}, column{a.blockedBy(r), 12},
			column{a.moment(r.At), 16}, column{a.detail(audience.Source(r.Reason), r.Detail), detail}), i == s.list.at, w))
	}
	p.lines = append(fill(p.lines, h-below), s.one(a, w)...)
	return p
}

// one is the selected entry in full.
func (s *suppressions) one(a *app, w int) []string {
	r := s.chosen()
	count := a.t.Rows(comma(int64(len(s.now.rows))))
	if s.now.more {
		count = a.t.FirstRows(comma(suppressionRows))
	}
	return []string{
		a.look.rule(orWord(safe(r.Email), "-"), w),
		"  " + cut(a.blockedBy(r)+"  "+a.moment(r.At)+"  "+a.detail(audience.Source(r.Reason), r.Detail), w-4),
		"  " + a.look.dim.Render(count),
	}
}

// suppressAdd is the form that puts an address on the list.
type suppressAdd struct {
	email, detail input
	at            int
	asked         screen // the last question before it is done
}

func (s *suppressAdd) title(a *app) string { return a.t.Suppress.Add }
func (s *suppressAdd) start(*app) tea.Cmd  { return nil }
func (s *suppressAdd) typing() bool        { return true }

func (s *suppressAdd) field() *input { return []*input{&s.email, &s.detail}[s.at] }

func (s *suppressAdd) update(a *app, msg tea.Msg) tea.Cmd {
	switch msg := msg.(type) {
	case doneMsg:
		if msg.from == s.asked && msg.err == nil {
			return pop(a)
		}
	case tea.PasteMsg:
		s.field().insert(msg.Content)
	case tea.KeyPressMsg:
		switch msg.String() {
		case "up", "down", "tab", "shift+tab":
			s.at = 1 - s.at
		default:
			s.field().key(msg)
		}
	}
	return nil
}

func (s *suppressAdd) keys(a *app) []binding {
	next := binding{keys: []string{"enter"}, show: "Enter", help: a.t.NextField, do: func() tea.Cmd { s.at = 1; return nil }}
	if s.at == 1 {
		next.help, next.do = a.t.Next, func() tea.Cmd { return s.ask(a) }
		if !strings.Contains(s.email.value(), "@") {
			next.off = a.t.TypeAddress
		}
	}
	return []binding{next, {show: "Tab ↑↓", help: a.t.Fields}}
}

func (s *suppressAdd) ask(a *app) tea.Cmd {
	t := &a.t.Suppress
	email, detail := strings.TrimSpace(s.email.value()), strings.TrimSpace(s.detail.value())
	s.asked = newConfirm(t.Add, []string{safe(email), t.AddWarn}, 1, t.Added, func(ctx context.Context) error {
		return a.back.Suppress(ctx, email, detail)
	})
	return push(a, s.asked)
}

func (s *suppressAdd) view(a *app, w, h int) page {
	const label = 16
	p := page{lines: []string{" " + a.look.bold.Render(a.t.Suppress.AddHead), ""}}
	for i, f := range []struct {
		name, hint string
		in         *input
	}{{a.t.Email, "kim@example.com", &s.email}, {a.t.Suppress.Detail, a.t.Suppress.DetailHint, &s.detail}} {
		shown, x := f.in.view(w - label - 6)
		if f.in.value() == "" {
			shown = a.look.dim.Render(pad(f.hint, w-label-6))
		}
		mark := "  "
		if i == s.at {
			mark = a.look.key.Render("› ")
			p.cursor = &tea.Position{X: 2 + label + 2 + x, Y: len(p.lines)}
		}
		p.lines = append(p.lines, mark+pad(f.name, label)+a.look.line.Render("│")+" "+shown)
	}
	return p
}
