package tui

import "slices"

// helpLines are the keys of the screen below, each with what it does or why
// it does nothing now, and a few words about the program.
func (m *model) helpLines(w int) []string {
	out := []string{"", m.look.rule(m.t.HelpKeys(m.top().title(m.app)), w), ""}
	for _, b := range slices.Concat(m.top().keys(m.app), m.general(), m.tabs()) {
		text := b.help
		if b.off != "" {
			text += " (" + m.t.Unavailable + ": " + b.off + ")"
		}
		for i, line := range wrap(text, w-16) {
			name := ""
			if i == 0 {
				name = b.name()
			}
			out = append(out, "  "+m.look.key.Render(pad(name, 12))+"  "+line)
		}
	}
	out = append(out, "  "+m.look.key.Render(pad("↑↓", 12))+"  "+m.t.Moves)
	out = append(out, "", m.look.rule(m.t.HelpWords, w), "")
	for _, s := range m.t.HelpText {
		for _, line := range wrap(s, w-4) {
			out = append(out, "  "+line)
		}
	}
	return out
}
