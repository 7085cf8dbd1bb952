package tui

import (
	"strings"

	tea "charm.land/bubbletea/v2"
)

// filter is the field behind the / key.
type filter struct {
	field input
	on    bool // letters go into it now
}

// keys are those of an open filter; closed, the one that opens it and, where
// something is left out, the one that clears it.
func (f *filter) keys(a *app, changed func() tea.Cmd) []binding {
	empty := binding{keys: []string{"esc"}, show: "Esc", help: a.t.ClearFilter, do: func() tea.Cmd {
		f.on = false
		f.field.set("")
		return changed()
	}}
	if f.on {
		return []binding{{keys: []string{"enter"}, show: "Enter", help: a.t.Apply, do: func() tea.Cmd { f.on = false; return changed() }}, empty}
	}
	keys := []binding{{keys: []string{"/"}, help: a.t.Filter, do: func() tea.Cmd { f.on = true; return nil }}}
	if f.field.value() != "" {
		keys = append(keys, empty)
	}
	return keys
}

// update takes what is typed and reports whether the filter changed.
func (f *filter) update(msg tea.Msg) (changed bool) {
	before := f.field.value()
	switch msg := msg.(type) {
	case tea.KeyPressMsg:
		f.field.key(msg)
	case tea.PasteMsg:
		f.field.insert(msg.Content)
	}
	return f.field.value() != before
}

// line shows it when it is open or set; x is the cursor's column, below 0 for none.
func (f *filter) line(a *app, w int) (line string, x int) {
	if !f.on && f.field.value() == "" {
		return "", -1
	}
	label := " / "
	shown, x := f.field.view(w - cells(label) - 1)
	if !f.on {
		return a.look.dim.Render(label + shown), -1
	}
	return a.look.key.Render(label) + shown, cells(label) + x
}

// matches reports whether any of the texts contains the filter, in any case.
func (f *filter) matches(texts ...string) bool {
	want := strings.ToLower(f.field.value())
	for _, t := range texts {
		if strings.Contains(strings.ToLower(t), want) {
			return true
		}
	}
	return want == ""
}
