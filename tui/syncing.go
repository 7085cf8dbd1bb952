package tui

import (
	"context"
	"strings"

	tea "charm.land/bubbletea/v2"

	"pabal/syncer"
)

// syncing is how the audience keeps in step with the customers' table.
type syncing struct {
	shown[*syncer.Status] // nil: there is no table

	pass turn // a sync asked for here, waited for; it goes on without the screen
}

func (s *syncing) title(a *app) string { return a.t.Tabs[tabSync] }

func (s *syncing) start(a *app) tea.Cmd { return askTurn(a, &s.turn, callTimeout, a.back.SyncStatus) }

func (s *syncing) update(a *app, msg tea.Msg) tea.Cmd {
	switch msg := msg.(type) {
	case tickMsg:
		if !s.turn.busy {
			return s.start(a)
		}
	case answer[*syncer.Status]:
		s.take(a, msg)
	case answer[syncer.Result]:
		if msg.mine(&s.pass) {
			return tea.Batch(s.start(a), s.tell(a, msg))
		}
	}
	return nil
}

// tell says what came of a pass that was asked for here. What went wrong
// stands on the screen, with what to do.
func (s *syncing) tell(a *app, m answer[syncer.Result]) tea.Cmd {
	if m.err != nil {
		text := a.t.Sync.Failed
		if offline(m.err) {
			text = a.problem(m.err)
		}
		return func() tea.Msg { return flashMsg{text, true} }
	}
	return func() tea.Msg {
		return flashMsg{text: a.t.Sync.Ended(comma(m.v.Read), comma(m.v.Created), comma(m.v.Updated), comma(m.v.Removed))}
	}
}

func (s *syncing) keys(a *app) []binding {
	t := &a.t.Sync
	pass := func(full bool) func() tea.Cmd {
		return func() tea.Cmd {
			return askTurn(a, &s.pass, startTimeout, func(ctx context.Context) (syncer.Result, error) {
				return a.back.Sync(ctx, syncer.Order{Full: full})
			})
		}
	}
	keys := []binding{
		{keys: []string{"s"}, help: t.Now, do: pass(false)},
		{keys: []string{"f"}, help: t.Full, do: pass(true)},
	}
	for i := range keys {
		switch {
		case !s.have:
			keys[i].off = a.t.Loading
		case s.now == nil:
			keys[i].off = t.NoTable
		case s.now.State == "reading" || s.pass.busy:
			keys[i].off = t.Reading
		}
	}
	return keys
}

func (s *syncing) view(a *app, w, h int) page {
	t := &a.t.Sync
	if lines := a.instead(s.why, s.have, s.now == nil, t.NoTable+". "+t.NoTableHint, w); lines != nil {
		return page{lines: lines}
	}
	st := s.now
	lines := []string{
		"",
		a.labelled(t.Table, safe(strings.TrimPrefix(strings.TrimPrefix(st.Source, "the "), "table ")), w),
		a.labelled(a.t.State, s.state(a), w),
	}
	if bar := s.bar(a, w); bar != "" {
		lines = append(lines, bar)
	}
	lines = append(lines, "")
	lines = append(lines,
		a.labelled(t.LastGood, a.ago(st.LastGood, t.Never), w),
		a.labelled(t.LastFull, a.ago(st.LastFull, t.Never), w),
		a.labelled(t.Next, a.moment(st.Next), w))
	lines = append(lines, s.trouble(a, w)...)
	lines = append(lines, s.result(a, w)...)
	return page{lines: lines}
}

func (s *syncing) state(a *app) string {
	t := &a.t.Sync
	switch s.now.State {
	case "reading":
		return a.look.good.Render("▶ " + t.Reading)
	case "failing":
		return a.look.bad.Render("! " + t.Failing)
	}
	return a.look.good.Render("✓ " + t.Idle)
}

// bar is how far the pass is; "" while none runs.
func (s *syncing) bar(a *app, w int) string {
	st := s.now
	if st.State != "reading" {
		return ""
	}
	if st.Total <= 0 {
		return a.labelled(a.t.Progress, a.t.Rows(comma(st.Done)), w)
	}
	count := " " + comma(st.Done) + "/" + comma(st.Total) + padLeft(percent(st.Done, st.Total), 7)
	return a.labelled(a.t.Progress, a.look.bar(share(st.Done, st.Total), max(4, w-20-cells(count)))+count, w)
}

// troubleText is a code of the syncer in the reader's language; in English the
// daemon's own words are the text.
func (a *app) troubleText(code string) (troubleText, bool) {
	if a.lang != "ko" {
		return troubleText{}, false
	}
	text, known := koreanTroubles()[code]
	return text, known
}

// trouble is the last error and what to do, in the reader's language where its
// code is known; detail is then what the daemon itself said.
func (a *app) trouble(st *syncer.Status) (what, how, detail string) {
	if said, known := a.troubleText(st.Code); known {
		return said.What, said.How, st.Error
	}
	return st.Error, st.Hint, ""
}

// warning is the i-th of the warnings.
func (a *app) warning(st *syncer.Status, i int) string {
	if i < len(st.WarnOf) {
		if said, known := a.troubleText(st.WarnOf[i]); known {
			return said.What
		}
	}
	return st.Warnings[i]
}

// trouble is the last error with what to do, and what else to look at.
func (s *syncing) trouble(a *app, w int) []string {
	st := s.now
	var lines []string
	if st.Error != "" {
		lines = append(lines, "")
		what, how, detail := a.trouble(st)
		for i, l := range wrap(safe(what), w-6) {
			lines = append(lines, "  "+a.look.bad.Render([]string{"! ", "  "}[min(i, 1)]+l))
		}
		for i, l := range wrap(safe(how), w-6) {
			lines = append(lines, "  "+[]string{"→ ", "  "}[min(i, 1)]+l)
		}
		if detail != "" {
			said := wrap(safe(detail), w-6)
			for _, l := range said[:min(2, len(said))] {
				lines = append(lines, "    "+a.look.dim.Render(l))
			}
		}
		if st.Failures > 1 {
			lines = append(lines, "    "+a.look.dim.Render(a.t.Sync.InARow(comma(int64(st.Failures)))))
		}
	}
	for n := range min(2, len(st.Warnings)) {
		for i, l := range wrap(safe(a.warning(st, n)), w-6) {
			lines = append(lines, "  "+a.look.warn.Render([]string{"! ", "  "}[min(i, 1)]+l))
		}
	}
	return lines
}

// result is what the last good pass found.
func (s *syncing) result(a *app, w int) []string {
	t, r := &a.t.Sync, s.now.Last
	if s.now.LastGood.IsZero() {
		return nil
	}
	kind := t.Changes
	if r.Full {
		kind = t.All
	}
	lines := []string{"", a.look.rule(t.Result+": "+kind+", "+a.t.Duration(r.Took), w)}
	counts := []struct {
		word string
		n    int64
		bad  bool
	}{{t.Read, r.Read, false}, {t.Created, r.Created, false}, {t.Updated, r.Updated, false}, {t.Removed, r.Removed, false},
		{t.Yes, r.Subscribed, false}, {t.Refused, r.Refused, false}, {t.KeptOut, r.KeptOut, false}, {t.Unclear, r.Unclear, true}, {t.Invalid, r.Invalid, true}}
	half := (w - 4) / 2
	var line string
	for i, c := range counts {
		text := comma(c.n)
		if c.bad && c.n > 0 {
			text = "! " + text
		}
		cell := row(column{c.word, half - 14}, column{text, -10})
		if i%2 == 0 {
			line = "  " + pad(cell, half)
			if i == len(counts)-1 {
				lines = append(lines, line)
			}
			continue
		}
		lines = append(lines, line+cell)
	}
	for _, reject := range r.Rejects[:min(2, len(r.Rejects))] {
		lines = append(lines, "  "+a.look.dim.Render(cut(safe(reject.ID)+"  "+safe(reject.Reason), w-4)))
	}
	return lines
}
