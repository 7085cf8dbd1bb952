package tui

import (
	"strings"

	"charm.land/lipgloss/v2"
	"golang.org/x/text/width"
)

// look is how things are drawn. Colours are the terminal's own sixteen, so
// that they fit its background; no state is told by a colour alone.
type look struct {
	ascii  bool
	linear bool // read out line by line: nothing is drawn

	head lipgloss.Style // header bar
	tab  lipgloss.Style // the tab or step one is on
	bold lipgloss.Style
	dim  lipgloss.Style
	pick lipgloss.Style // the selected line
	key  lipgloss.Style // a key in the footer
	good lipgloss.Style
	warn lipgloss.Style
	bad  lipgloss.Style
	line lipgloss.Style // frames and rules
	fill lipgloss.Style // the full part of a bar
}

func newLook(ascii, color bool) look {
	plain := lipgloss.NewStyle()
	l := look{
		ascii: ascii,
		head:  plain.Reverse(true).Bold(true),
		tab:   plain.Bold(true).Underline(true),
		bold:  plain.Bold(true),
		dim:   plain.Faint(true),
		pick:  plain.Reverse(true),
		key:   plain.Bold(true),
		good:  plain,
		warn:  plain.Bold(true),
		bad:   plain.Bold(true),
		line:  plain.Faint(true),
		fill:  plain,
	}
	if color {
		l.head = l.head.Foreground(lipgloss.Cyan)
		l.tab = l.tab.Foreground(lipgloss.Cyan)
		l.key = l.key.Foreground(lipgloss.Cyan)
		l.good = l.good.Foreground(lipgloss.Green)
		l.warn = l.warn.Foreground(lipgloss.Yellow)
		l.bad = l.bad.Foreground(lipgloss.Red)
		l.fill = l.fill.Foreground(lipgloss.Cyan)
	}
	return l
}

// The one table of drawing characters and what stands for each where a
// terminal has only ASCII or draws ambiguous characters two cells wide. Each
// is one cell on both sides, so that a layout holds.
const (
	drawn = "━─│╭╮╰╯█▁▂▃▄▅▆▇●○▶▲…·‹›×→↑↓←↵✓‖—’“”"
	ascii = "#-|++++#_..--=+*o>!~-<>x>^v<$v=-'\"\""
)

// plain turns a finished screen into ASCII and plainly wide characters.
func plain(s string) string {
	from, to := []rune(drawn), []rune(ascii)
	table := make(map[rune]rune, len(from))
	for i, r := range from {
		table[r] = to[i]
	}
	return strings.Map(func(r rune) rune {
		if r < 0x80 {
			return r
		}
		if p, ok := table[r]; ok {
			return p
		}
		if width.LookupRune(r).Kind() == width.EastAsianAmbiguous {
			return '?'
		}
		return r
	}, s)
}

// bar draws share (0 to 1) of w cells.
func (l look) bar(share float64, w int) string {
	if l.linear {
		return ""
	}
	share = min(1, max(0, share))
	n := int(share*float64(w) + 0.5)
	if share > 0 && n == 0 {
		n = 1
	}
	if share < 1 && n == w && w > 0 {
		n = w - 1 // full means done
	}
	return l.fill.Render(strings.Repeat("━", n)) + l.dim.Render(strings.Repeat("─", w-n))
}

// spark draws the last w values as columns, the highest one full.
func (l look) spark(values []float64, w int) string {
	if l.linear {
		return ""
	}
	steps := []rune("▁▂▃▄▅▆▇█")
	values = values[max(0, len(values)-w):]
	top := 0.0
	for _, v := range values {
		top = max(top, v)
	}
	out := strings.Repeat(" ", w-len(values))
	for _, v := range values {
		i := 0
		if top > 0 {
			i = int(v / top * float64(len(steps)-1))
		}
		out += string(steps[i])
	}
	return l.fill.Render(out)
}

// panel frames lines, exactly w cells wide and len(lines)+2 high.
func (l look) panel(title string, lines []string, w int) []string {
	if l.linear {
		return append([]string{title + ":"}, lines...)
	}
	title = cut(" "+title+" ", w-4)
	rest := max(0, w-3-cells(title))
	out := []string{l.line.Render("╭─") + l.bold.Render(title) + l.line.Render(strings.Repeat("─", rest)+"╮")}
	for _, s := range lines {
		out = append(out, l.line.Render("│")+" "+pad(s, w-4)+" "+l.line.Render("│"))
	}
	return append(out, l.line.Render("╰"+strings.Repeat("─", max(0, w-2))+"╯"))
}

// rule is a heading with a line to the right edge.
func (l look) rule(title string, w int) string {
	if l.linear {
		return title + ":"
	}
	title = cut("─ "+title+" ", w)
	return l.line.Render("─") + l.bold.Render(strings.TrimPrefix(title, "─")) +
		l.line.Render(strings.Repeat("─", max(0, w-cells(title))))
}

// beside joins two blocks of the same height.
func beside(left, right []string) []string {
	out := make([]string, min(len(left), len(right)))
	for i := range out {
		out[i] = left[i] + right[i]
	}
	return out
}

// line is a rule of w cells.
func line(w int) string { return strings.Repeat("─", max(0, w)) }
