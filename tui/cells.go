package tui

import (
	"strings"

	"github.com/charmbracelet/x/ansi"

	"pabal/eml"
)

// safe is the edge: every string somebody else wrote (names, subjects, reasons,
// errors) passes it before it is laid out.
func safe(s string) string { return eml.Visible(s) }

// cells is how many terminal cells s takes; styles take none.
func cells(s string) int { return ansi.StringWidth(s) }

// cut shortens s to at most w cells, with an ellipsis when something is lost.
func cut(s string, w int) string {
	if w <= 0 {
		return ""
	}
	return ansi.Truncate(s, w, "…")
}

// pad makes s exactly w cells wide, text at the left.
func pad(s string, w int) string {
	s = cut(s, w)
	return s + strings.Repeat(" ", max(0, w-cells(s)))
}

// padLeft makes s exactly w cells wide, text at the right.
func padLeft(s string, w int) string {
	s = cut(s, w)
	return strings.Repeat(" ", max(0, w-cells(s))) + s
}

// wrap breaks s into lines of at most w cells, at spaces where there are some.
func wrap(s string, w int) []string {
	return strings.Split(ansi.Wrap(s, max(1, w), ""), "\n")
}

// hanging is a line of a list that may be long: indented, more so from its
// second line on.
func hanging(s string, w int) []string {
	lines := wrap(s, w-6)
	for i := range lines {
		lines[i] = []string{"  ", "    "}[min(i, 1)] + lines[i]
	}
	return lines
}

// wrapText is wrap for a text of many lines somebody else wrote.
func wrapText(s string, w int) []string {
	var lines []string
	for line := range strings.SplitSeq(strings.ReplaceAll(s, "\r\n", "\n"), "\n") {
		lines = append(lines, wrap(safe(line), w)...)
	}
	return lines
}

// column is one cell of a table row: w cells, right-aligned when w is below 0.
type column struct {
	text string
	w    int
}

// row lays columns side by side with one space between them.
func row(columns ...column) string {
	parts := make([]string, 0, len(columns))
	for _, c := range columns {
		switch {
		case c.w < 0:
			parts = append(parts, padLeft(c.text, -c.w))
		case c.w > 0:
			parts = append(parts, pad(c.text, c.w))
		}
	}
	return strings.Join(parts, " ")
}

// fill makes exactly n lines.
func fill(lines []string, n int) []string {
	if len(lines) > n {
		return lines[:max(0, n)]
	}
	return append(lines, make([]string, n-len(lines))...)
}

// sides puts left and right at the two ends of w cells; left gives way.
func sides(left, right string, w int) string {
	room := max(0, w-cells(right))
	return pad(left, room) + cut(right, w)
}
