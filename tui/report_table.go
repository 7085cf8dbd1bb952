package tui

import "pabal/campaign"

// textCells is the least a column of text gets.
const textCells = 12

// section is one table of a report, in columns that are in line. Columns of
// numbers that do not fit are left out from the right: they are ordered by what
// matters.
func (a *app) section(s campaign.Section, w int) []string {
	rows := s.Rows
	if len(s.Head) > 0 {
		rows = append([][]string{s.Head}, rows...)
	}
	var lines []string
	widths := a.columns(rows, s.Left, w-4)
	texts := s.Left
	if len(s.Head) == 0 { // facts, not numbers
		texts = len(widths)
	}
	for i, r := range rows {
		for _, line := range tableRow(r, widths, texts) {
			if i == 0 && len(s.Head) > 0 {
				line = a.look.dim.Render(line)
			}
			lines = append(lines, "  "+line)
		}
	}
	if s.Note != "" {
		for _, l := range wrap(safe(s.Note), w-4) {
			lines = append(lines, "  "+a.look.dim.Render(l))
		}
	}
	return lines
}

// tableRow lays out a row; a text that is too long goes on in the next line.
func tableRow(row []string, widths []int, texts int) []string {
	parts, height := make([][]string, min(len(row), len(widths))), 1
	for c := range parts {
		parts[c] = []string{safe(row[c])}
		if c < texts {
			parts[c] = wrap(safe(row[c]), widths[c])
			height = max(height, len(parts[c]))
		}
	}
	lines := make([]string, height)
	for i := range lines {
		for c, part := range parts {
			text, put := "", padLeft
			if i < len(part) {
				text = part[i]
			}
			if c < texts {
				put = pad
			}
			if c > 0 {
				lines[i] += "  "
			}
			lines[i] += put(text, widths[c])
		}
	}
	return lines
}

// columns are the widths of a table's columns in w cells, two between them.
func (a *app) columns(rows [][]string, left, w int) []int {
	var widths []int
	for _, r := range rows {
		for c, text := range r {
			if c == len(widths) {
				widths = append(widths, 0)
			}
			widths[c] = max(widths[c], cells(safe(text)))
		}
	}
	used := func() int {
		sum := -2
		for _, n := range widths {
			sum += n + 2
		}
		return sum
	}
	for over := used() - w; over > 0; over = used() - w {
		widest := 0
		for c := range min(left, len(widths)) {
			if widths[c] > widths[widest] {
				widest = c
			}
		}
		switch room := widths[widest] - textCells; {
		case room > 0:
			widths[widest] -= min(over, room)
		case len(widths) > left:
			widths = widths[:len(widths)-1]
		default:
			return widths // cut by the window
		}
	}
	return widths
}
