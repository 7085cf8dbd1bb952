package tui

import (
	"context"
	"slices"
	"strings"

	tea "charm.land/bubbletea/v2"

	"pabal/spool"
)

// queueRows bounds how much of the queue the screen keeps; the filter narrows.
const queueRows = 1000

// queueEvery is how many ticks lie between two looks at a list that changes.
const queueEvery = 3

// queueOrder is the order of the outcomes under Tab: what waits, then what is
// not well, then the rest; "" is all.
var queueOrder = [...]string{"pending", "sending", "failed", "unknown", "skipped", "accepted", "", outcomeDead}

// queueTurns of them are turned over; the rest have a key of their own.
const queueTurns = len(queueOrder) - 1

// queue is the spool: both lanes in numbers, what is held, and the mail of
// applications by outcome.
type queue struct {
	shown[queueMsg]

	at     int // index of queueOrder
	ticks  int
	list   list
	filter filter
}

type queueMsg struct {
	status spool.Status
	rows   []spool.Message
	more   bool
	of     int // the outcome the rows are of
}

func (s *queue) title(a *app) string { return a.t.Tabs[tabQueue] }
func (s *queue) typing() bool        { return s.filter.on }

func (s *queue) start(a *app) tea.Cmd {
	want, at := s.filter, s.at
	return askTurn(a, &s.turn, callTimeout, func(ctx context.Context) (m queueMsg, err error) {
		m.of = at
		if m.status, err = a.back.SpoolStatus(ctx); err != nil {
			return m, err
		}
		waits := queueOrder[at] == "pending" || queueOrder[at] == "sending"
		for row, err := range a.back.Messages(ctx, queueOrder[at]) {
			if err != nil {
				return m, err
			}
			if !want.matches(row.To, row.From, row.Subject, row.Reason, row.ID, row.SESID, row.MessageID) {
				continue
			}
			if len(m.rows) == queueRows { // what waits longest, else what is newest
				if m.more = true; waits {
					break
				}
				m.rows = slices.Delete(m.rows, 0, queueRows/2)
			}
			m.rows = append(m.rows, row)
		}
		if !waits {
			slices.SortStableFunc(m.rows, newestFirst)
		}
		return m, nil
	})
}

func (s *queue) update(a *app, msg tea.Msg) tea.Cmd {
	switch msg := msg.(type) {
	case tickMsg:
		return s.tick(a)
	case doneMsg:
		return s.start(a)
	case answer[queueMsg]:
		s.keep(a, msg)
	case tea.PasteMsg:
		s.filter.update(msg)
	case tea.KeyPressMsg:
		if s.filter.on {
			s.filter.update(msg)
			return nil
		}
		s.list.move(keyName(msg), len(s.now.rows))
	}
	return nil
}

// tick looks anew now and then; a long list is not read again and again.
func (s *queue) tick(a *app) tea.Cmd {
	s.ticks++
	if s.turn.busy || s.filter.on || s.now.more && s.have || s.ticks%queueEvery != 0 && !s.lost() {
		return nil
	}
	return s.start(a)
}

// keep takes an answer; the selection stays on its mail where that is still there.
func (s *queue) keep(a *app, m answer[queueMsg]) {
	chosen := ""
	if s.have && len(s.now.rows) > 0 && m.v.of == s.now.of {
		chosen = s.chosen().ID
	}
	if !s.take(a, m) {
		return
	}
	if i := slices.IndexFunc(s.now.rows, func(r spool.Message) bool { return r.ID == chosen }); i >= 0 {
		s.list.at = i
	}
}

// chosen is the selected mail, empty where there is none.
func (s *queue) chosen() spool.Message {
	if len(s.now.rows) == 0 {
		return spool.Message{}
	}
	return s.now.rows[max(0, min(s.list.at, len(s.now.rows)-1))]
}

func (s *queue) keys(a *app) []binding {
	filter := s.filter.keys(a, func() tea.Cmd { return s.start(a) })
	if s.filter.on {
		return filter
	}
	t, have, m := &a.t.Mail, len(s.now.rows) > 0, s.chosen()
	turn := func(to int) func() tea.Cmd { return func() tea.Cmd { return s.turnTo(a, to) } }
	open := binding{keys: []string{"enter"}, show: "Enter", help: a.t.Open, do: func() tea.Cmd { return push(a, newMail(m)) }}
	if !have {
		open.off = a.t.NothingHere
	}
	out := []binding{
		{keys: []string{"o"}, help: a.t.NextOutcome, do: turn((s.at + 1) % queueTurns)}, open,
		a.retryKey(m, have), a.discardKey(m, have),
		{keys: []string{"h"}, help: t.Holds, do: func() tea.Cmd { return push(a, &holds{}) }},
		{keys: []string{"l"}, help: t.DeadLetters, do: turn(queueTurns)},
		a.editKey(m, have),
		a.traceKey(tracedBy(m), a.t.NothingHere),
		{keys: []string{"f"}, help: t.Find, do: func() tea.Cmd { return push(a, newTrace("")) }},
	}
	out = append(out, filter...)
	return append(out, s.retryAll(a), s.discardAll(a), binding{keys: []string{"O"}, help: a.t.PrevOutcome, do: turn((s.at - 1 + queueTurns) % queueTurns)})
}

// turnTo lists other mail.
func (s *queue) turnTo(a *app, at int) tea.Cmd {
	s.at = at
	s.list, s.now.rows, s.now.more = list{}, nil, false
	return s.start(a)
}

// retryAll sends all again that the list shows and that can be.
func (s *queue) retryAll(a *app) binding {
	n, unknown := int64(0), false
	for i := range s.now.rows {
		if m := &s.now.rows[i]; m.Dead() {
			n, unknown = n+1, unknown || m.Outcome == spool.Unknown
		}
	}
	t := &a.t.Mail
	b := binding{keys: []string{"a"}, help: t.RetryAll, do: func() tea.Cmd {
		lines := []string{t.RetryAllAsk(comma(n))}
		if unknown {
			lines = append(lines, a.t.ResendTwice)
		}
		rows := slices.Clone(s.now.rows) // those that are asked about, whatever comes
		return push(a, newConfirm(t.RetryAll, lines, n, t.Retried, func(ctx context.Context) error { return retryEach(ctx, a.back, rows) }))
	}}
	if n == 0 {
		b.off = a.t.ResendOff
	}
	return b
}

// retryEach sends again those that can be, until one is refused.
func retryEach(ctx context.Context, back Backend, rows []spool.Message) error {
	for i := range rows {
		if !rows[i].Dead() {
			continue
		}
		if _, err := back.Retry(ctx, rows[i].ID); err != nil {
			return err
		}
	}
	return nil
}

func (s *queue) view(a *app, w, h int) page {
	if lines := a.instead(s.why, s.have, false, "", w); lines != nil {
		return page{lines: lines}
	}
	p := page{lines: append(s.numbers(a, w), s.holdLine(a, w)...)}
	count := a.t.Rows(comma(int64(len(s.now.rows))))
	switch {
	case s.turn.busy && s.now.rows == nil:
		count = a.t.Loading
	case s.now.more:
		count = a.t.FirstRows(comma(int64(len(s.now.rows))))
	}
	p.lines = append(p.lines, a.look.rule(s.outcomeName(a)+"  "+count, w))
	if line, x := s.filter.line(a, w); line != "" {
		if p.lines = append(p.lines, line); x >= 0 {
			p.cursor = &tea.Position{X: x, Y: len(p.lines) - 1}
		}
	}
	if len(s.now.rows) == 0 {
		p.lines = append(p.lines, "", "  "+a.t.Mail.NoMails)
		return p
	}
	p.lines = append(p.lines, s.rowLines(a, w, h-len(p.lines)-3)...)
	p.lines = append(fill(p.lines, h-3), a.inFull(s.chosen(), w)...)
	return p
}

// outcomeName says which mail is listed.
func (s *queue) outcomeName(a *app) string {
	switch queueOrder[s.at] {
	case "":
		return a.t.Lanes[spool.Transactional] + ": " + a.t.All
	case outcomeDead:
		return a.t.Lanes[spool.Transactional] + ": " + a.t.Mail.DeadLetters
	}
	for o := range a.t.Outcomes {
		if outcomeName(spool.Outcome(o)) == queueOrder[s.at] {
			return a.t.Lanes[spool.Transactional] + ": " + a.t.Outcomes[o]
		}
	}
	return ""
}

// numbers are both lanes by outcome: three lines.
func (s *queue) numbers(a *app, w int) []string {
	order := []spool.Outcome{spool.Pending, spool.Sending, spool.Failed, spool.Unknown, spool.Skipped, spool.Accepted}
	label := 10
	if w >= 76 {
		label = 14
	}
	each := (w - 4 - label) / len(order)
	head, lines := []column{{"", label}}, []string{}
	for _, o := range order {
		head = append(head, column{a.t.Outcomes[o], -(each - 1)})
	}
	lines = append(lines, a.look.dim.Render("  "+row(head...)))
	for _, lane := range []spool.Lane{spool.Transactional, spool.Bulk} {
		cols := []column{{a.t.Lanes[lane], label}}
		for _, o := range order {
			cols = append(cols, column{brief(countOf(s.now.status.Lanes[lane.String()], o), each-1), -(each - 1)})
		}
		lines = append(lines, "  "+row(cols...))
	}
	return lines
}

// holdLine is one line where something is held.
func (s *queue) holdLine(a *app, w int) []string {
	held := s.now.status.Held
	if len(held) == 0 {
		return nil
	}
	what, _ := a.hold(held[0])
	return []string{"  " + a.look.bad.Render(cut("‖ "+a.t.Holds(len(held))+"  "+what, w-4))}
}

func (s *queue) rowLines(a *app, w, rows int) []string {
	to := max(22, (w-24)/3)
	subject := (w - 2 - 11 - to - 4) / 2
	rest := w - 2 - 11 - to - subject - 4 - 4
	lines := []string{a.look.dim.Render("  " + row(column{a.t.At, 11}, column{a.t.To, to}, column{a.t.Subject, subject}, column{a.t.Tries, -4}, column{a.t.Reason, rest}))}
	from, end := s.list.window(len(s.now.rows), rows-1)
	for i := from; i < end; i++ {
		m := s.now.rows[i]
		text := a.why(m.Reason)
		if queueOrder[s.at] == "" || queueOrder[s.at] == outcomeDead {
			text = strings.TrimSpace(a.outcome(m) + "  " + text)
		} else if text == "" {
			text = a.marks(m)
		}
		lines = append(lines, a.look.pickLine(row(column{a.moment(m.At), 11}, column{recipient(m), to}, column{orWord(safe(m.Subject), a.t.Mail.NoSubject), subject},
			column{comma(int64(m.Attempts)), -4}, column{text, rest}), i == s.list.at, w))
	}
	return lines
}

// countOf is a lane's count of an outcome.
func countOf(c spool.Counts, o spool.Outcome) int64 {
	return [...]int64{spool.Pending: c.Pending, spool.Sending: c.Sending, spool.Accepted: c.Accepted,
		spool.Failed: c.Failed, spool.Skipped: c.Skipped, spool.Unknown: c.Unknown}[o]
}
