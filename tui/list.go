package tui

import "github.com/charmbracelet/x/ansi"

// list is the selected line of a list and the part of it on the screen.
type list struct{ at, top, rows int }

// move follows a key of moving; n is how many lines there are.
func (l *list) move(key string, n int) bool {
	page := max(1, l.rows-1)
	switch key {
	case "up", "k":
		l.at--
	case "down", "j":
		l.at++
	case "pgup", "ctrl+b":
		l.at -= page
	case "pgdown", "ctrl+f", "space":
		l.at += page
	case "home", "g":
		l.at = 0
	case "end", "G":
		l.at = n - 1
	default:
		return false
	}
	l.at = max(0, min(l.at, n-1))
	return true
}

// window is the part of n lines that shows when rows fit, the selected one in it.
func (l *list) window(n, rows int) (from, to int) {
	l.rows = rows
	l.at = max(0, min(l.at, n-1))
	l.top = max(0, min(l.top, l.at, n-rows))
	if l.at >= l.top+rows {
		l.top = l.at - rows + 1
	}
	return l.top, min(n, l.top+rows)
}

// pickLine marks the selected line by an arrow and by reversed colours; the
// line's own styles go, as each would end the reversal.
func (k look) pickLine(s string, selected bool, w int) string {
	if !selected {
		return "  " + pad(s, w-2)
	}
	return k.pick.Render(pad("› "+ansi.Strip(s), w))
}

// scroll is a text that is read, not picked from.
type scroll struct{ top, rows int }

func (s *scroll) move(key string, n int) bool {
	l := list{at: s.top, rows: s.rows}
	if !l.move(key, max(1, n-s.rows+1)) {
		return false
	}
	s.top = l.at
	return true
}

func (s *scroll) window(lines []string, rows int) []string {
	s.rows = rows
	s.top = max(0, min(s.top, len(lines)-rows))
	return lines[s.top:min(len(lines), s.top+rows)]
}
