package tui

// instead is what stands where a list or record would: why it cannot be shown,
// that it is on its way, or none when there is nothing. nil: show it.
func (a *app) instead(why string, have, empty bool, none string, w int) []string {
	switch {
	case why != "":
		return append([]string{""}, a.alarm(why, w)...)
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

// alarm is what went wrong, marked on its first line.
func (a *app) alarm(text string, w int) []string {
	var lines []string
	for i, l := range wrap(text, w-6) {
		lines = append(lines, "  "+a.look.bad.Render([]string{"! ", "  "}[min(i, 1)]+l))
	}
	return lines
}

// labelled is a line of a record: the label in at least 14 cells, then the text.
func (a *app) labelled(label, text string, w int) string {
	return a.labelledAt(max(labelCells, cells(label)+1), label, text, w)
}

// labelCells is how wide a record's labels are.
const labelCells = 14

// labelledAt is labelled with a label of n cells.
func (a *app) labelledAt(n int, label, text string, w int) string {
	return "  " + a.look.dim.Render(pad(label, n)) + cut(text, w-n-3)
}

// block is a record's lines, all texts in one column.
func (a *app) block(lines [][2]string, w int) []string {
	n := labelCells
	for _, l := range lines {
		n = min(max(n, cells(l[0])+2), w/2)
	}
	out := make([]string, len(lines))
	for i, l := range lines {
		out[i] = a.labelledAt(n, l[0], l[1], w)
	}
	return out
}
