package tui

import (
	"context"
	"maps"
	"slices"
	"strings"

	tea "charm.land/bubbletea/v2"

	"pabal/audience"
)

// importFields are what a column may be, in the order they are offered.
var importFields = [...]string{"email", "name", "gender", "created_at", "external_id", "subscribed", "consent_at", "language", "tags"}

// skipColumn is the choice to take nothing of a column.
const skipColumn = "-"

// preview is the second step: how the file would be read, which column is
// what, and its first rows.
type preview struct {
	shown[audience.ImportPreview]

	file InboxFile
	o    audience.ImportOptions
	list list
}

func newPreview(file InboxFile) *preview {
	return &preview{file: file, o: audience.ImportOptions{Name: file.Name, Map: map[string]string{}}}
}

func (s *preview) title(a *app) string   { return a.t.Import.Title }
func (s *preview) step() int             { return 2 }
func (s *preview) steps(a *app) []string { return a.t.Import.Steps[:] }

func (s *preview) start(a *app) tea.Cmd {
	o, name := s.o, s.file.Name
	o.Map, o.Skip = maps.Clone(o.Map), slices.Clone(o.Skip)
	return askTurn(a, &s.turn, startTimeout, func(ctx context.Context) (audience.ImportPreview, error) {
		return a.back.PreviewInbox(ctx, name, o)
	})
}

func (s *preview) update(a *app, msg tea.Msg) tea.Cmd {
	switch msg := msg.(type) {
	case tickMsg:
		if s.lost() && s.why == "" { // what cannot be read stays so
			return s.start(a)
		}
	case answer[audience.ImportPreview]:
		s.take(a, msg)
	case tea.KeyPressMsg:
		s.list.move(keyName(msg), len(s.now.Columns))
	}
	return nil
}

func (s *preview) keys(a *app) []binding {
	t := &a.t.Import
	begin := binding{keys: []string{"n", "ctrl+s"}, help: t.Key, do: func() tea.Cmd { return s.ask(a) }}
	edit := binding{keys: []string{"enter"}, show: "Enter", help: t.Column, do: func() tea.Cmd { return s.column(a) }}
	encoding := binding{keys: []string{"e"}, help: t.Encoding, do: func() tea.Cmd { return s.encoding(a) }}
	tag := binding{keys: []string{"t"}, help: t.Tag, do: func() tea.Cmd { return s.tag(a) }}
	keys := []*binding{&edit, &begin, &encoding, &tag}
	if len(s.now.Sheets) > 1 {
		encoding = binding{keys: []string{"e"}, help: t.Sheet, do: func() tea.Cmd { return s.sheet(a) }}
	} else if s.now.Encoding == "xlsx" {
		encoding.off = t.NoEncoding
	}
	switch {
	case s.why != "":
		edit.off, begin.off, tag.off = t.Unreadable, t.Unreadable, t.Unreadable
	case !s.have || s.turn.busy:
		for _, k := range keys {
			k.off = t.ReadingFile
		}
	case s.now.Problem != "":
		begin.off = t.MendFirst
	case s.now.Rows == 0:
		begin.off = t.NoRows
	}
	return []binding{edit, begin, encoding, tag}
}

// column asks what the chosen column is.
func (s *preview) column(a *app) tea.Cmd {
	if len(s.now.Columns) == 0 {
		return nil
	}
	c := s.now.Columns[min(s.list.at, len(s.now.Columns)-1)]
	p := &picker{head: a.t.Import.Title, hint: a.t.Import.WhatIs(safe(c.Header))}
	for _, f := range importFields {
		p.options = append(p.options, option{value: f, label: a.fieldWord(f, "")})
	}
	p.options = append(p.options, option{value: "", label: a.t.Import.Attribute(safe(c.Header))}, option{value: skipColumn, label: a.t.Import.LeftOut})
	switch p.begin = c.Field; {
	case slices.Contains(s.o.Skip, c.Header):
		p.begin = skipColumn
	case c.Field == "" && c.As == "" && s.now.Problem != "": // not known yet
		p.begin = importFields[0]
	}
	p.then = func(a *app, chosen []string) tea.Cmd {
		s.assign(c, chosen[0])
		return s.start(a)
	}
	return push(a, p)
}

// assign makes a column a field, "" an attribute of its own name, or skips it.
func (s *preview) assign(c audience.PreviewColumn, field string) {
	for ours, header := range s.o.Map {
		if header == c.Header {
			delete(s.o.Map, ours)
		}
	}
	s.o.Skip = slices.DeleteFunc(s.o.Skip, func(header string) bool { return header == c.Header })
	switch field {
	case skipColumn:
		s.o.Skip = append(s.o.Skip, c.Header)
		return
	case "":
		if field = c.Header; c.Field == field {
			field += "_" // the header is the very name of a field
		}
	}
	s.o.Map[field] = c.Header
}

func (s *preview) encoding(a *app) tea.Cmd {
	p := &picker{head: a.t.Import.Title, hint: a.t.Import.WhichEncoding}
	for _, e := range []string{"", "utf-8", "cp949", "utf-16", "utf-16be"} {
		p.options = append(p.options, option{value: e, label: orWord(e, a.t.Import.FindOut), note: a.t.Import.Encodings[e]})
	}
	p.then = func(a *app, chosen []string) tea.Cmd {
		s.o.Encoding, s.why = chosen[0], ""
		return s.start(a)
	}
	return push(a, p)
}

func (s *preview) sheet(a *app) tea.Cmd {
	p := &picker{head: a.t.Import.Title, hint: a.t.Import.Sheet}
	for _, name := range s.now.Sheets {
		p.options = append(p.options, option{value: name, label: safe(name)})
	}
	p.then = func(a *app, chosen []string) tea.Cmd {
		s.o.Sheet, s.o.Map, s.o.Skip = chosen[0], map[string]string{}, nil
		return s.start(a)
	}
	return push(a, p)
}

// tag asks for a tag that everyone in the file gets.
func (s *preview) tag(a *app) tea.Cmd {
	p := &picker{head: a.t.Import.Title, hint: a.t.Import.WhichTag, free: true}
	p.options = []option{{value: "", label: a.t.Import.NoTag}}
	p.load = func(ctx context.Context) ([]option, error) {
		return a.existing(ctx, audience.Field{Name: "tag", Kind: audience.KindTag})
	}
	p.then = func(a *app, chosen []string) tea.Cmd {
		s.o.Tags = nil
		if chosen[0] != "" {
			s.o.Tags = chosen[:1]
		}
		return nil
	}
	return push(a, p)
}

// ask says what will happen before it does.
func (s *preview) ask(a *app) tea.Cmd {
	t := &a.t.Import
	lines := []string{safe(s.file.Name), t.Will(comma(s.now.Rows-s.now.Duplicate-s.now.Rejected), comma(s.now.Duplicate), comma(s.now.Rejected))}
	if !s.now.Consent {
		lines = append(lines, "! "+t.NoConsent)
	}
	if len(s.o.Tags) > 0 {
		lines = append(lines, a.t.Tags+": "+safe(strings.Join(s.o.Tags, ", ")))
	}
	o, file := s.o, s.file
	o.Map, o.Skip = maps.Clone(o.Map), slices.Clone(o.Skip)
	run := newImporting(file, o)
	c := newConfirm(t.Title, append(lines, t.StaysOut), 1, "", nil)
	c.yes = func(a *app) tea.Cmd { return show(a, "", tabSubscribers, run) }
	return push(a, c)
}

func (s *preview) view(a *app, w, h int) page {
	p := page{lines: []string{" " + sides(a.look.bold.Render(cut(safe(s.file.Name), w-14)), size(s.file.Size)+" ", w-1)}}
	busy := ""
	if s.turn.busy {
		busy = a.t.Import.ReadingFile
	}
	if !s.have || s.why != "" {
		p.lines = append(p.lines, a.instead(s.why, s.have || s.why != "", true, busy, w)...)
		if !s.have && s.why == "" {
			p.lines = []string{p.lines[0], "", "  " + a.t.Import.ReadingFile}
		}
		return p
	}
	p.lines = append(p.lines, "  "+cut(s.about(a), w-4))
	p.lines = append(p.lines, s.troubles(a, w)...)
	below := s.first(a, w)
	p.lines = append(p.lines, s.columns(a, w, h-len(p.lines)-len(below))...)
	p.lines = append(fill(p.lines, h-len(below)), below...)
	return p
}

// about is how the file was read, and what is in it.
func (s *preview) about(a *app) string {
	t, n := &a.t.Import, &s.now
	how := orWord(t.Encodings[n.Encoding], strings.ToUpper(safe(n.Encoding)))
	if n.Sheet != "" {
		how += ", " + t.Sheet + " " + safe(n.Sheet)
	}
	text := how + "  " + t.Counts(comma(n.Rows), comma(n.Duplicate), comma(n.Rejected))
	if len(s.o.Tags) > 0 {
		text += "  " + a.t.Tags + " " + safe(s.o.Tags[0])
	}
	return text
}

// troubles are why it cannot be imported so, and what to know.
func (s *preview) troubles(a *app, w int) []string {
	n := &s.now
	text, style := "", a.look.bad
	switch {
	case s.turn.busy:
		text, style = a.t.Import.ReadingFile, a.look.dim
	case n.Problem != "" && !slices.ContainsFunc(n.Columns, func(c audience.PreviewColumn) bool { return c.Field == "email" }):
		text = "! " + a.t.Import.NoEmail
	case n.Problem != "":
		text = "! " + a.said(n.Code, n.Args, n.Problem+": "+n.Hint)
	case len(n.Rejects) > 0:
		text, style = "! "+a.rejected(n.Rejects[0]), a.look.warn
	case !n.Consent:
		text, style = "! "+a.t.Import.NoConsent, a.look.warn
	default:
		return nil
	}
	var lines []string
	for _, l := range wrap(text, w-4) {
		lines = append(lines, "  "+style.Render(l))
	}
	return lines[:min(len(lines), 2)]
}

// rejected is a row that is not taken, in the person's language.
func (a *app) rejected(r audience.Reject) string {
	reason := r.Reason
	if a.lang == "ko" && r.ReasonKo != "" {
		reason = r.ReasonKo
	}
	return a.t.Import.Line(comma(int64(r.Line))) + " " + safe(r.Email) + "  " + safe(reason)
}

// columns are the columns of the file: what each is taken for, and its first value.
func (s *preview) columns(a *app, w, h int) []string {
	header := (w - 6) / 3
	is := (w - 6) / 3
	value := w - 2 - header - is - 2
	lines := []string{a.look.dim.Render("  " + row(column{a.t.Import.InFile, header}, column{a.t.Import.TakenAs, is}, column{a.t.Import.First, value}))}
	from, to := s.list.window(len(s.now.Columns), max(1, h-1))
	for i := from; i < to; i++ {
		c := s.now.Columns[i]
		lines = append(lines, a.look.pickLine(row(column{safe(c.Header), header}, column{s.takenAs(a, c), is}, column{s.cell(0, i), value}), i == s.list.at, w))
	}
	return lines
}

// takenAs is what becomes of a column, in words.
func (s *preview) takenAs(a *app, c audience.PreviewColumn) string {
	switch {
	case c.Field != "":
		return a.fieldWord(c.Field, "")
	case c.As != "":
		return a.t.Import.Attribute(safe(c.As))
	case s.now.Problem != "" && !slices.Contains(s.o.Skip, c.Header):
		return "?" // not known before the problem is mended
	}
	return "- " + a.t.Import.LeftOut
}

func (s *preview) cell(line, column int) string {
	if line >= len(s.now.First) || column >= len(s.now.First[line]) {
		return ""
	}
	return safe(s.now.First[line][column])
}

// widest is how wide a column of the first rows may be, in cells.
const widest = 28

// first are the first rows of the file, each column as wide as what is in it;
// the columns begin so that the chosen one is among them.
func (s *preview) first(a *app, w int) []string {
	wide := make([]int, len(s.now.Columns))
	for i, c := range s.now.Columns {
		wide[i] = cells(safe(c.Header))
		for line := range s.now.First {
			wide[i] = max(wide[i], cells(s.cell(line, i)))
		}
		wide[i] = min(max(wide[i], 4), widest)
	}
	from, room := min(s.list.at, max(0, len(wide)-1)), w-2
	for i := from; i >= 0 && i < len(wide) && room >= wide[i]; i-- {
		from, room = i, room-wide[i]-1
	}
	cells := func(cell func(int) string) string {
		var columns []column
		room := w - 2
		for i := from; i < len(wide) && room >= 4; i++ {
			columns = append(columns, column{cell(i), min(wide[i], room)})
			room -= wide[i] + 1
		}
		return "  " + row(columns...)
	}
	lines := []string{a.look.rule(a.t.Import.FirstRows(comma(int64(len(s.now.First)))), w)}
	lines = append(lines, a.look.dim.Render(cells(func(i int) string { return safe(s.now.Columns[i].Header) })))
	for line := range s.now.First {
		lines = append(lines, cells(func(i int) string { return s.cell(line, i) }))
	}
	return lines
}
