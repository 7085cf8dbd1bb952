package tui

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"

	"pabal/campaign"
	"pabal/spool"
)

// ledgerRows bounds how many recipients a screen keeps; the filter narrows a
// longer ledger, the command line lists all of it.
const ledgerRows = 1000

// ledger lists the recipients of a campaign with one outcome.
type ledger struct {
	c      campaign.Campaign
	at     int // index of outcomes; len(outcomes) is all
	heard  int // index of heardKinds
	rows   []spool.Message
	more   bool
	asked  int // the newest question; older answers are dropped
	busy   bool
	list   list
	filter filter
}

// heardKinds are what a ledger can be narrowed to: those of whom SES said so.
// The first is everyone.
var heardKinds = [...]string{"", spool.Delivered.String(), spool.Bounced.String(), spool.Complained.String(), spool.Opened.String(), spool.Clicked.String()}

type ledgerMsg struct {
	of    *ledger
	asked int
	rows  []spool.Message
	more  bool
	err   error
}

func newLedger(c campaign.Campaign, o spool.Outcome) *ledger {
	return &ledger{c: c, at: slices.Index(outcomes[:], o)}
}

func (s *ledger) title(a *app) string {
	return a.t.Campaign + " " + comma(int64(s.c.ID)) + " " + a.t.Ledger
}
func (s *ledger) typing() bool { return s.filter.on }

func (s *ledger) start(a *app) tea.Cmd {
	s.asked++
	s.busy = true
	outcome, want, asked := s.outcome(), s.filter, s.asked
	id, heard := s.c.ID, heardKinds[s.heard]
	return call(a, callTimeout, func(ctx context.Context) (ledgerMsg, error) {
		m := ledgerMsg{of: s, asked: asked}
		rows := a.back.Recipients(ctx, id, outcome)
		if heard != "" {
			rows = a.back.Heard(ctx, id, outcome, heard)
		}
		for row, err := range rows {
			if err != nil {
				return m, err
			}
			if !want.matches(row.To, row.Reason, row.SESID) {
				continue
			}
			if m.more = len(m.rows) == ledgerRows; m.more {
				break
			}
			m.rows = append(m.rows, row)
		}
		return m, nil
	}, func(m ledgerMsg, err error) tea.Msg {
		m.err = err
		return m
	})
}

// outcome is the one asked for, in the words of the interface; "" means all.
func (s *ledger) outcome() string {
	if s.at == len(outcomes) {
		return ""
	}
	return outcomeName(outcomes[s.at])
}

// outcomeName is an outcome as commands and JSON have it.
func outcomeName(o spool.Outcome) string {
	return [...]string{"pending", "sending", "accepted", "failed", "skipped", "unknown"}[o]
}

func (s *ledger) update(a *app, msg tea.Msg) tea.Cmd {
	switch msg := msg.(type) {
	case ledgerMsg:
		if msg.of != s || msg.asked != s.asked {
			return nil
		}
		s.busy = false
		if msg.err != nil {
			return func() tea.Msg { return flashMsg{a.problem(msg.err), true} }
		}
		s.rows, s.more = msg.rows, msg.more
	case tea.PasteMsg:
		s.filter.update(msg)
	case tea.KeyPressMsg:
		if s.filter.on {
			s.filter.update(msg)
			return nil
		}
		s.list.move(keyName(msg), len(s.rows))
	}
	return nil
}

func (s *ledger) keys(a *app) []binding {
	filter := s.filter.keys(a, func() tea.Cmd { return s.start(a) })
	if s.filter.on {
		return filter
	}
	turn := func(by int) func() tea.Cmd {
		return func() tea.Cmd {
			s.at = (s.at + by + len(outcomes) + 1) % (len(outcomes) + 1)
			s.list = list{}
			return s.start(a)
		}
	}
	own := []binding{
		{keys: []string{"tab", "right"}, show: "Tab", help: a.t.NextOutcome, do: turn(1)},
		s.resendKey(a),
		{keys: []string{"f"}, help: a.t.Heard.Next, do: func() tea.Cmd {
			s.heard = (s.heard + 1) % len(heardKinds)
			s.list = list{}
			return s.start(a)
		}},
		{keys: []string{"r"}, help: a.t.Reload, do: func() tea.Cmd { return s.start(a) }},
		a.traceKey(s.traced(), a.t.NothingHere),
	}
	// Last, where a narrow footer cuts: the other direction of Tab.
	return append(append(own, filter...), binding{keys: []string{"shift+tab"}, show: "Shift+Tab", help: a.t.PrevOutcome, do: turn(-1)})
}

// traced is what the selected recipient is traced by, "" where there is none.
func (s *ledger) traced() string {
	if len(s.rows) == 0 {
		return ""
	}
	return tracedBy(s.rows[min(s.list.at, len(s.rows)-1)])
}

// resendKey sends again to all that failed, or whose outcome is unknown.
func (s *ledger) resendKey(a *app) binding {
	n := map[string]int64{"failed": s.c.Failed, "unknown": s.c.Unknown}[s.outcome()]
	if gone := s.c.Removed; gone != nil { // who is not kept any more cannot be mailed
		n -= map[string]int64{"failed": gone.Failed, "unknown": gone.Unknown}[s.outcome()]
	}
	b := binding{keys: []string{"s"}, help: a.t.Resend, do: func() tea.Cmd {
		question := a.t.ResendAsk(comma(n))
		if s.outcome() == "unknown" {
			question += " " + a.t.ResendTwice
		}
		id, outcome := s.c.ID, s.outcome()
		return push(a, newConfirm(a.t.Resend, []string{safe(s.c.Name), question}, n, a.t.Done, func(ctx context.Context) error {
			_, _, err := a.back.Resend(ctx, id, outcome)
			return err
		}))
	}}
	if n == 0 {
		b.off = a.t.ResendOff
	}
	return b
}

func (s *ledger) view(a *app, w, h int) page {
	name := a.t.All
	if s.at < len(outcomes) {
		name = a.t.Outcomes[outcomes[s.at]]
	}
	if s.heard > 0 {
		name += ", " + []string{"", a.t.Delivered, a.t.Bounced, a.t.Complained, a.t.Opened, a.t.Clicked}[s.heard]
	}
	count := a.t.Rows(comma(int64(len(s.rows))))
	if s.more {
		count = a.t.FirstRows(comma(ledgerRows))
	}
	if s.busy {
		count = a.t.Loading
	}
	p := page{lines: []string{" " + sides(a.look.bold.Render(name)+"  "+count, safe(s.c.Name)+" ", w-1)}}
	if gone := s.c.Removed; gone != nil {
		p.lines = append(p.lines, " "+a.look.dim.Render(cut(a.t.RowsRemoved(comma(gone.Audience), comma(s.c.Audience), gone.Before.In(a.zone).Format(time.DateOnly)), w-1)))
	}
	if line, x := s.filter.line(a, w); line != "" {
		if p.lines = append(p.lines, line); x >= 0 {
			p.cursor = &tea.Position{X: x, Y: len(p.lines) - 1}
		}
	}
	if len(s.rows) == 0 {
		if !s.busy {
			p.lines = append(p.lines, "", "  "+a.t.NothingHere)
		}
		return p
	}
	email := max(20, w-50)
	reason := w - 2 - email - 10 - 4 - 11 - 4
	p.lines = append(p.lines, a.look.dim.Render("  "+row(column{a.t.Email, email}, column{a.t.Outcome, 10}, column{a.t.Tries, -4}, column{a.t.At, 11}, column{a.t.Reason, reason})))
	const below = 3
	from, to := s.list.window(len(s.rows), h-len(p.lines)-below)
	for i := from; i < to; i++ {
		m := s.rows[i]
		p.lines = append(p.lines, a.look.pickLine(row(column{recipient(m), email}, column{a.t.Outcomes[m.Outcome], 10},
			column{strconv.Itoa(m.Attempts), -4}, column{a.moment(m.At), 11}, column{orWord(a.why(m.Reason), a.marks(m)), reason}), i == s.list.at, w))
	}
	p.lines = append(fill(p.lines, h-below), s.one(a, w)...)
	return p
}

// one is the selected recipient in full.
func (s *ledger) one(a *app, w int) []string {
	m := s.rows[min(s.list.at, len(s.rows)-1)]
	return []string{
		a.look.rule(recipient(m), w),
		"  " + cut(a.t.Outcomes[m.Outcome]+"  "+a.marks(m)+"  "+a.why(m.Reason)+"  "+safe(m.News), w-2),
		"  " + a.look.dim.Render(cut("SES "+orWord(safe(m.SESID), "-")+"  "+safe(m.ID), w-2)),
	}
}

// marks are what was heard of a mail, in words.
func (a *app) marks(m spool.Message) string {
	var words []string
	for _, mark := range []struct {
		on   bool
		word string
	}{{len(m.Also) > 0, a.t.SentTwice}, {m.MaybeTwice && len(m.Also) == 0, a.t.MaybeTwice}, {m.Delivered, a.t.Delivered}, {m.Bounced, a.t.Bounced}, {m.Complained, a.t.Complained},
		{m.Rejected, a.t.Rejected}, {m.Delayed && !m.Delivered && !m.Bounced, a.t.Delayed}, {m.Opened, a.t.Opened}, {m.Clicked, a.t.Clicked},
		{m.MachineOpened && !m.Opened, a.t.MachineOpened}} {
		if mark.on {
			words = append(words, mark.word)
		}
	}
	if m.News != "" {
		words = append(words, safe(m.News))
	}
	return strings.Join(words, ", ")
}

// recipient is the address, or the number while the row has none yet.
func recipient(m spool.Message) string {
	if m.To == "" {
		return "#" + strconv.FormatUint(m.Subscriber, 10)
	}
	return safe(m.To)
}

// skipped lists counts by reason, the largest first.
func (a *app) skipped(by map[string]int64) string {
	keys := slices.SortedFunc(maps.Keys(by), func(x, y string) int {
		return cmp.Or(cmp.Compare(by[y], by[x]), strings.Compare(x, y))
	})
	var parts []string
	for _, k := range keys {
		if by[k] > 0 {
			parts = append(parts, a.reason(k)+" "+comma(by[k]))
		}
	}
	return strings.Join(parts, ", ")
}

func sortedKeys(m map[string]string) []string { return slices.Sorted(maps.Keys(m)) }
