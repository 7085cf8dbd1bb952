package tui

// instead is what stands where a list or record would: why it cannot be shown,
// that it is on its way, or none when there is nothing. nil: show it.
func (a *app) instead(why string, have, empty bool, none string, w int) []string {
	switch {
	case why != "":
		lines := []string{""}
		for i, l := range wrap(why, w-6) {
			lines = append(lines, "  "+a.look.bad.Render([]string{"! ", "  "}[min(i, 1)]+l))
		}
		return lines
	case !have:
		return []string{"", "  " + a.t.Loading}
	case empty:
		lines := []string{""}
		for _, l := range wrap(none, w-4) {
			lines = append(lines, "  "+l)
		}
		return lines
	}
	return nil
}

// labelled is a line of a record: the label in at least 14 cells, then the text.
func (a *app) labelled(label, text string, w int) string {
	const labels = 14
	n := max(labels, cells(label)+1)
	return "  " + a.look.dim.Render(pad(label, n)) + cut(text, w-n-3)
}
