package tui

import (
	"context"
	"strings"

	tea "charm.land/bubbletea/v2"
)

// typeFrom is the number of recipients from which the number itself is typed:
// one key is too little between somebody and 200,000 letters.
const typeFrom = 1000

// ask is the last question before n people's mail is touched.
type ask struct {
	n     int64
	word  string // typed instead of the number; "" for none
	field input
	busy  bool
	wrong bool // the number typed was not n
}

func (q *ask) typed() bool { return q.word != "" || q.n >= typeFrom }

// key reports whether the answer is yes, and whether it was no.
func (q *ask) key(k tea.KeyPressMsg) (yes, no bool) {
	q.wrong = false
	if !q.typed() {
		switch keyName(k) {
		case "y", "Y":
			return true, false
		case "n", "N":
			return false, true
		}
		return false, false
	}
	if k.String() != "enter" {
		q.field.key(k)
		return false, false
	}
	yes = q.right(q.field.value())
	q.wrong = !yes
	return yes, false
}

// right reports whether what was typed is the number, or the word.
func (q *ask) right(typed string) bool {
	if q.word != "" {
		return strings.TrimSpace(typed) == q.word
	}
	return strings.NewReplacer(",", "", " ", "").Replace(typed) == strings.ReplaceAll(comma(q.n), ",", "")
}

// view is the question; x is the cursor's column, below 0 when there is none.
func (q *ask) view(a *app) (line string, x int) {
	switch {
	case q.busy:
		return a.t.Working, -1
	case !q.typed():
		return a.t.PressYes, -1
	case q.word != "": // what to type stands above it
		shown, x := q.field.view(50)
		return a.look.bold.Render("[" + shown + "]"), 1 + x
	}
	label := a.t.TypeNumber(comma(q.n)) + " "
	shown, x := q.field.view(12)
	return label + a.look.bold.Render("["+shown+"]"), cells(label) + 1 + x
}

// confirm is a screen that asks once more and then does it.
type confirm struct {
	head  string
	lines []string
	ask   ask
	done  string // said afterwards
	do    func(context.Context) error
	yes   func(*app) tea.Cmd // instead of do, where the answer leads to another screen
	then  func(*app) tea.Cmd // after do went well, instead of going back
	why   string             // what do failed with, where then is set: the question stays
}

func newConfirm(head string, lines []string, n int64, done string, do func(context.Context) error) *confirm {
	return &confirm{head: head, lines: lines, ask: ask{n: n}, done: done, do: do}
}

func (s *confirm) title(*app) string   { return s.head }
func (s *confirm) start(*app) tea.Cmd  { return nil }
func (s *confirm) typing() bool        { return s.ask.typed() && !s.ask.busy }
func (s *confirm) keys(*app) []binding { return nil }

func (s *confirm) update(a *app, msg tea.Msg) tea.Cmd {
	switch msg := msg.(type) {
	case doneMsg:
		if msg.from == s {
			return pop(a)
		}
	case answeredMsg:
		if msg.of == s {
			return s.ended(a, msg.err)
		}
	case tea.PasteMsg:
		s.ask.field.insert(msg.Content)
	case tea.KeyPressMsg:
		if s.ask.busy {
			return nil
		}
		s.why = ""
		yes, no := s.ask.key(msg)
		switch {
		case no:
			return pop(a)
		case yes && s.yes != nil:
			return s.yes(a)
		case yes:
			s.ask.busy = true
			return s.run(a)
		}
	}
	return nil
}

// ended goes on; what failed can be tried again.
func (s *confirm) ended(a *app, err error) tea.Cmd {
	if err == nil {
		return s.then(a)
	}
	s.ask.busy, s.why = false, a.problem(err)
	return nil
}

func (s *confirm) run(a *app) tea.Cmd {
	return call(a, startTimeout, func(ctx context.Context) (struct{}, error) { return struct{}{}, s.do(ctx) },
		func(_ struct{}, err error) tea.Msg {
			if s.then != nil {
				return answeredMsg{s, err}
			}
			return doneMsg{from: s, text: s.done, err: err}
		})
}

// answeredMsg is doneMsg of a question that itself says what went wrong.
type answeredMsg struct {
	of  *confirm
	err error
}

func (s *confirm) wrong(a *app) string {
	if s.ask.word != "" {
		return a.t.WrongWord
	}
	return a.t.WrongNumber
}

// frameLines are those of a panel besides its text, and the empty one above it.
const frameLines = 3

func (s *confirm) view(a *app, w, h int) page {
	inner := min(w-4, 70)
	var lines []string
	for _, l := range s.lines {
		lines = append(lines, wrap(l, inner-4)...)
	}
	asked, at, x := s.question(a, inner-4)
	if room := max(1, h-frameLines-len(asked)); len(lines) > room && !a.look.linear { // the question is always seen
		lines = append(lines[:room-1:room-1], "…")
	}
	p := page{lines: []string{""}}
	if x >= 0 {
		p.cursor = &tea.Position{X: 4 + x, Y: frameLines - 1 + len(lines) + at}
	}
	for _, l := range a.look.panel(s.head, append(lines, asked...), inner) {
		p.lines = append(p.lines, "  "+l)
	}
	return p
}

// question are the last lines, from the empty one on; at is the one the cursor
// is in, and x its column, below 0 for none.
func (s *confirm) question(a *app, w int) (lines []string, at, x int) {
	text, x := s.ask.view(a)
	lines = []string{""}
	if s.ask.word != "" && !s.ask.busy {
		lines = append(lines, wrap(a.t.TypeWord(safe(s.ask.word)), w)...)
	}
	at = len(lines)
	lines = append(lines, text)
	if s.ask.wrong {
		lines = append(lines, a.look.bad.Render("! "+s.wrong(a)))
	}
	if s.why != "" {
		for _, l := range wrap("! "+s.why, w) {
			lines = append(lines, a.look.bad.Render(l))
		}
	}
	return lines, at, x
}
