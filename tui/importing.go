package tui

import (
	"context"
	"iter"

	tea "charm.land/bubbletea/v2"

	"pabal/audience"
)

// importing is the third step: the import while it runs, then what came of it.
// It belongs to the daemon: leaving the screen does not end it.
type importing struct {
	file InboxFile
	o    audience.ImportOptions
	now  audience.ImportResult
	flow *flow[imported]
	over bool
	why  string // why it stopped
	lost bool   // the connection broke; the daemon goes on
	list scroll
	n    int // lines of rejects
}

// imported is one piece of an import: how far it is, or what came of it.
type imported struct {
	result audience.ImportResult
	over   bool
}

func newImporting(file InboxFile, o audience.ImportOptions) *importing {
	return &importing{file: file, o: o}
}

func (s *importing) title(a *app) string   { return a.t.Import.Title }
func (s *importing) step() int             { return 3 }
func (s *importing) steps(a *app) []string { return a.t.Import.Steps[:] }
func (s *importing) leave()                { s.flow.stop() }

func (s *importing) start(a *app) tea.Cmd {
	s.flow = openFlow(a, func(ctx context.Context) iter.Seq2[imported, error] {
		return func(yield func(imported, error) bool) {
			o, listening := s.o, true
			o.Progress = func(sofar audience.ImportResult) { listening = listening && yield(imported{result: sofar}, nil) }
			result, err := a.back.ImportInbox(ctx, s.file.Name, o)
			if listening {
				yield(imported{result, err == nil}, err)
			}
		}
	})
	return s.flow.next()
}

func (s *importing) update(a *app, msg tea.Msg) tea.Cmd {
	switch msg := msg.(type) {
	case flowMsg[imported]:
		if msg.of != s.flow {
			return nil
		}
		return s.take(a, msg)
	case tea.KeyPressMsg:
		s.list.move(keyName(msg), s.n)
	}
	return nil
}

func (s *importing) take(a *app, m flowMsg[imported]) tea.Cmd {
	switch {
	case m.end:
		s.flow = nil
		return nil
	case m.err != nil:
		s.why, s.lost = a.problem(m.err), offline(m.err)
	default:
		s.now, s.over = m.piece.result, m.piece.over
	}
	return s.flow.next()
}

func (s *importing) keys(a *app) []binding {
	t := &a.t.Import
	stop := binding{keys: []string{"x"}, help: t.Stop, do: func() tea.Cmd { return s.discard(a) }}
	switch {
	case s.over || s.why != "":
		stop.off = t.IsOver
	case s.now.Import == 0:
		stop.off = t.ReadingFile
	}
	people := binding{keys: []string{"enter"}, show: "Enter", help: a.t.Tabs[tabSubscribers], do: func() tea.Cmd { return show(a, "", tabSubscribers) }}
	return []binding{people, stop, {show: "↑↓", help: a.t.Scroll}}
}

// discard gives the import up; what was stored stays.
func (s *importing) discard(a *app) tea.Cmd {
	id := s.now.Import
	return push(a, newConfirm(a.t.Import.Stop, []string{safe(s.file.Name), a.t.Import.StopWarn(comma(s.now.Accepted))}, 1, a.t.Done,
		func(ctx context.Context) error { return a.back.DiscardImport(ctx, id) }))
}

func (s *importing) view(a *app, w, h int) page {
	t := &a.t.Import
	p := page{lines: []string{" " + sides(a.look.bold.Render(cut(safe(s.file.Name), w-20)), s.state(a)+" ", w-1), ""}}
	n := s.now
	switch {
	case !s.over && n.Total > 0:
		count := " " + comma(n.Rows) + "/" + comma(n.Total) + padLeft(percent(n.Rows, n.Total), 7)
		p.lines = append(p.lines, "  "+a.look.bar(share(n.Rows, n.Total), w-4-cells(count))+count, "")
	case !s.over && s.why == "":
		p.lines = append(p.lines, "  "+t.ReadingFile, "")
	}
	if s.why != "" {
		for i, l := range wrap(s.why, w-6) {
			p.lines = append(p.lines, "  "+a.look.bad.Render([]string{"! ", "  "}[min(i, 1)]+l))
		}
		p.lines = append(p.lines, "")
	}
	for _, c := range []struct {
		word string
		n    int64
	}{{t.Rows, n.Rows}, {t.Created, n.Created}, {t.Updated, n.Updated}, {t.Unchanged, n.Unchanged}, {t.Duplicate, n.Duplicate}, {t.Rejected, n.Rejected}, {t.OptedOut, n.OptedOut}} {
		text := padLeft(comma(c.n), 12)
		if c.word == t.Rejected && c.n > 0 {
			text = a.look.warn.Render(text + " !")
		}
		p.lines = append(p.lines, "  "+pad(c.word, 22)+text)
	}
	return page{lines: append(p.lines, s.rejects(a, w, h-len(p.lines))...)}
}

func (s *importing) state(a *app) string {
	t := &a.t.Import
	switch {
	case s.over:
		return a.look.good.Render("✓ " + a.t.States["done"])
	case s.lost:
		return a.look.warn.Render("! " + t.GoesOn)
	case s.why != "":
		return a.look.bad.Render("! " + t.Stopped)
	}
	return a.look.good.Render("▶ " + t.Running)
}

// rejects are the first rows that were not taken, with why.
func (s *importing) rejects(a *app, w, h int) []string {
	s.n = 0
	if len(s.now.Rejects) == 0 || h < 3 {
		return nil
	}
	lines := []string{"", a.look.rule(a.t.Import.RejectsHead(comma(int64(len(s.now.Rejects))), comma(s.now.Rejected)), w)}
	var all []string
	for _, r := range s.now.Rejects {
		all = append(all, hanging(a.rejected(r), w)...)
	}
	s.n = len(all)
	return append(lines, s.list.window(all, h-2)...)
}
