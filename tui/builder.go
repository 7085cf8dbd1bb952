package tui

import (
	"context"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"

	"pabal/audience"
)

// countDelay is how long building rests before the audience is counted.
const countDelay = 300 * time.Millisecond

// builder makes a segment of rows of conditions, or as text where it has not
// that form, and counts while one builds. It is the wizard's second step, and
// stands alone behind the subscribers.
type builder struct {
	d      *draft
	wizard bool

	rows audience.Conditions
	at   int    // a row; len(rows) is the line that adds one
	why  string // why the rows make no expression, or the expression is no good
	text bool   // edited as text
	in   input  // the text

	example int // which example the arrow keys are at; 0 is none
	tally   tally
}

// Examples that the arrow keys put into the text; "" is everybody.
var segmentExamples = [...]string{
	"",
	`gender == "female"`,
	`created_at >= "2026-01-01"`,
	`tag("vip2026")`,
	`gender == "female" and created_at >= "30 days ago"`,
	`received(last(3)) and not opened(last(3))`,
}

type restMsg struct { // building has rested
	of    *builder
	asked int
}

func newBuilder(a *app, d *draft, wizard bool) *builder {
	s := &builder{d: d, wizard: wizard, in: newInput(d.c.Segment)}
	var ok bool
	if s.rows, ok = audience.ParseConditions(d.c.Segment); !ok {
		s.text, s.rows = true, audience.Conditions{}
	}
	return s
}

func (s *builder) title(a *app) string {
	if s.wizard {
		return a.t.NewCampaign
	}
	return a.t.Segment
}

func (s *builder) step() int {
	if s.wizard {
		return 2
	}
	return 0
}

func (s *builder) typing() bool            { return s.text }
func (s *builder) leave()                  { s.tally.stop() }
func (s *builder) start(a *app) tea.Cmd    { return s.count(a) }
func (s *builder) expression() string      { return strings.TrimSpace(s.in.value()) }
func (s *builder) count(a *app) tea.Cmd    { return s.tally.start(a, s.expression(), s.d.c.Topic) }
func (s *builder) onRow() bool             { return s.at < len(s.rows.Rows) }
func (s *builder) row() audience.Condition { return s.rows.Rows[s.at] }

// changed makes the expression of the rows and waits for building to rest.
func (s *builder) changed(a *app) tea.Cmd {
	s.why = ""
	if !s.text {
		expression, err := s.rows.Expression()
		if err != nil {
			s.why = a.problem(err)
		}
		s.in.set(expression)
	}
	s.tally.forget()
	if s.why != "" {
		return nil
	}
	return a.after(countDelay, restMsg{s, s.tally.asked})
}

func (s *builder) update(a *app, msg tea.Msg) tea.Cmd {
	switch msg := msg.(type) {
	case tickMsg:
		if s.tally.idle() && s.why == "" {
			return s.count(a)
		}
	case restMsg:
		if msg.of == s && msg.asked == s.tally.asked {
			return s.count(a)
		}
	case flowMsg[counted]:
		if msg.of == s.tally.flow {
			cmd := s.tally.take(a, msg)
			if s.wizard && s.tally.known && s.expression() == s.d.c.Segment {
				s.d.count = s.tally.count
			}
			return cmd
		}
	case tea.PasteMsg:
		if s.text {
			s.in.insert(msg.Content)
			return s.changed(a)
		}
	case tea.KeyPressMsg:
		return s.key(a, msg)
	}
	return nil
}

func (s *builder) key(a *app, k tea.KeyPressMsg) tea.Cmd {
	if !s.text {
		l := list{at: s.at, rows: len(s.rows.Rows) + 1}
		l.move(keyName(k), len(s.rows.Rows)+1)
		s.at = l.at
		return nil
	}
	before := s.in.value()
	switch k.String() {
	case "down":
		s.turn(1)
	case "up":
		s.turn(-1)
	default:
		s.in.key(k)
	}
	if s.in.value() == before {
		return nil
	}
	return s.changed(a)
}

// turn puts another example into the text.
func (s *builder) turn(by int) {
	n := len(segmentExamples)
	s.example = (s.example + by + n) % n
	s.in.set(segmentExamples[s.example])
}

func (s *builder) keys(a *app) []binding {
	next := binding{keys: []string{"n", "ctrl+s"}, help: a.t.Next, do: func() tea.Cmd { return s.next(a) }}
	if !s.wizard {
		next.help = a.t.NewCampaign
	}
	switch {
	case s.why != "" || s.tally.why != "":
		next.off = a.t.BadExpression
	case !s.tally.known:
		next.off = a.t.Counting
	case s.tally.count.Mailable == 0:
		next.off = a.t.NobodySelected
	}
	if s.text {
		next.keys, next.show = []string{"enter", "ctrl+s"}, "Enter"
		return []binding{next, {show: "↑↓", help: a.t.Examples}, s.rowsKey(a)}
	}
	return append(s.rowKeys(a), next, s.textKey(a))
}

// rowKeys edit the rows.
func (s *builder) rowKeys(a *app) []binding {
	t := &a.t.Build
	edit := binding{keys: []string{"enter"}, show: "Enter", help: t.Add, do: func() tea.Cmd { return s.edit(a, audience.Condition{}) }}
	remove := binding{keys: []string{"d", "delete"}, show: "d", help: t.Remove, do: func() tea.Cmd { return s.remove(a) }}
	if s.onRow() {
		edit.help, edit.do = t.Edit, func() tea.Cmd { return s.edit(a, s.row()) }
	} else {
		remove.off = t.NoRow
	}
	join := binding{keys: []string{"o"}, help: t.Join, do: func() tea.Cmd {
		s.rows.Any = !s.rows.Any
		return s.changed(a)
	}}
	if len(s.rows.Rows) < 2 {
		join.off = t.OneRow
	}
	return []binding{edit, remove, join}
}

// textKey goes over to the expression as text, rowsKey back.
func (s *builder) textKey(a *app) binding {
	return binding{keys: []string{"t"}, help: a.t.Build.AsText, do: func() tea.Cmd {
		s.text = true
		return s.changed(a)
	}}
}

func (s *builder) rowsKey(a *app) binding {
	b := binding{keys: []string{"ctrl+t"}, show: "Ctrl+T", help: a.t.Build.AsRows, do: func() tea.Cmd {
		s.rows, _ = audience.ParseConditions(s.expression())
		s.text, s.at = false, len(s.rows.Rows)
		return s.changed(a)
	}}
	if _, ok := audience.ParseConditions(s.expression()); !ok {
		b.off = a.t.Build.NoRows
	}
	return b
}

func (s *builder) remove(a *app) tea.Cmd {
	s.rows.Rows = append(s.rows.Rows[:s.at:s.at], s.rows.Rows[s.at+1:]...)
	return s.changed(a)
}

// next takes the segment along.
func (s *builder) next(a *app) tea.Cmd {
	s.d.c.Segment, s.d.count = s.expression(), s.tally.count
	if s.wizard {
		return push(a, newWizardContent(s.d))
	}
	return push(a, &templates{pick: s.d})
}

func (s *builder) view(a *app, w, h int) page {
	p := page{lines: []string{" " + a.look.bold.Render(a.t.ChooseAudience), ""}}
	if s.text {
		s.viewText(a, &p, w)
	} else {
		p.lines = append(p.lines, s.rowLines(a, w, max(3, h-13))...)
		p.lines = append(p.lines, "")
		for _, l := range wrap(orWord(safe(s.expression()), a.t.Everyone), w-4-cells(a.t.Build.Expression)-1)[:1] {
			p.lines = append(p.lines, "  "+a.look.dim.Render(a.t.Build.Expression+" "+l))
		}
	}
	p.lines = append(p.lines, a.look.line.Render(line(w)))
	if s.why != "" {
		p.lines = append(p.lines, a.alarm(s.why, w)...)
	} else {
		p.lines = append(p.lines, s.tally.view(a, w)...)
	}
	if s.text {
		p.lines = append(p.lines, s.examples(a, w)...)
	}
	return p
}

func (s *builder) viewText(a *app, p *page, w int) {
	label := " " + a.t.Segment + " "
	shown, x := s.in.view(w - cells(label) - 2)
	p.cursor = &tea.Position{X: cells(label) + x, Y: len(p.lines)}
	p.lines = append(p.lines, label+a.look.bold.Render(shown))
}

func (s *builder) examples(a *app, w int) []string {
	var lines []string
	if s.expression() == "" {
		lines = append(lines, "", "  "+a.look.dim.Render(a.t.EmptyIsAll))
	}
	lines = append(lines, "", "  "+a.look.dim.Render(a.t.ExamplesAre))
	for _, e := range segmentExamples[1:] {
		lines = append(lines, "    "+a.look.dim.Render(cut(e, w-6)))
	}
	return lines
}

// rowLines are the conditions and the line that adds one, h at most.
func (s *builder) rowLines(a *app, w, h int) []string {
	t := &a.t.Build
	join := []string{t.And, t.Or}[map[bool]int{false: 0, true: 1}[s.rows.Any]]
	field := (w - 8) * 2 / 5
	comparison := 16
	value := w - 2 - 8 - field - comparison - 3
	l := list{at: s.at}
	from, to := l.window(len(s.rows.Rows)+1, h)
	var lines []string
	for i := from; i < to; i++ {
		if i == len(s.rows.Rows) {
			add := "+ " + t.Add
			if i == 0 {
				add += "  (" + a.t.EmptyIsAll + ")"
			}
			lines = append(lines, a.look.pickLine(add, i == s.at, w))
			continue
		}
		c := s.rows.Rows[i]
		word := join
		if i == 0 {
			word = t.Where
		}
		lines = append(lines, a.look.pickLine(row(column{word, 8}, column{a.fieldWord(c.Field, c.Attribute), field},
			column{a.t.Build.Comparisons[c.Comparison], comparison}, column{a.valueWords(c), value}), i == s.at, w))
	}
	return lines
}

// counted is one piece of a count: how far it is, or the numbers.
type counted struct {
	done, total int64
	over        bool
	count       audience.Count
	people      []audience.Subscriber // the first few selected
}

// countFlow counts in pieces.
func countFlow(ctx context.Context, back Backend, segment, topic string, yield func(counted, error) bool) {
	listening := true
	count, err := back.CountTold(ctx, segment, topic, func(done, total int64) {
		listening = listening && yield(counted{done: done, total: total}, nil)
	})
	if !listening {
		return
	}
	if err != nil {
		yield(counted{}, err)
		return
	}
	if !yield(counted{over: true, count: count}, nil) { // the numbers do not wait for names
		return
	}
	people, err := back.Subscribers(ctx, "", segment, 5)
	yield(counted{over: true, count: count, people: people}, err)
}
