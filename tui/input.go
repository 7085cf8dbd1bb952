package tui

import (
	"strings"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"
	"golang.org/x/text/unicode/norm"
)

// maxInput bounds a field, in bytes: a pasted file is not a campaign's name.
const maxInput = 8 << 10

// input is a one-line text field that is right for Hangul: text is kept in
// NFC, Backspace takes a whole letter as one sees it, and the cursor's column
// is counted in cells (bubbles' textinput counts runes, charmbracelet/bubbles
// #906, and composes at the wrong place). Text stands in two halves, before
// and after the cursor.
type input struct {
	left, right string
	lines       bool // newlines are kept and shown as a mark
}

func newInput(value string) input { return input{left: norm.NFC.String(value)} }

func (f *input) value() string { return norm.NFC.String(f.left + f.right) }

func (f *input) set(value string) { f.left, f.right = norm.NFC.String(value), "" }

// key edits and reports whether the key was one of editing.
func (f *input) key(k tea.KeyPressMsg) bool {
	switch k.String() {
	case "left", "ctrl+b":
		f.back()
	case "right", "ctrl+f":
		first := firstLetter(f.right)
		f.left, f.right = f.left+first, f.right[len(first):]
	case "home", "ctrl+a":
		f.left, f.right = "", f.value()
	case "end", "ctrl+e":
		f.set(f.value())
	case "backspace", "ctrl+h":
		f.left = f.left[:len(f.left)-len(lastLetter(f.left))]
	case "delete", "ctrl+d":
		f.right = f.right[len(firstLetter(f.right)):]
	case "ctrl+u":
		f.left = ""
	case "ctrl+k":
		f.right = ""
	case "ctrl+w":
		f.left = f.left[:strings.LastIndexByte(strings.TrimRight(f.left, " "), ' ')+1]
	case "alt+enter", "ctrl+j":
		f.insert("\n")
	default:
		if k.Text == "" || k.Mod&^tea.ModShift != 0 {
			return false
		}
		f.insert(k.Text)
	}
	return true
}

// insert puts typed or pasted text before the cursor.
func (f *input) insert(s string) {
	s = strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(s)
	if !f.lines {
		s = strings.ReplaceAll(strings.TrimRight(s, "\n"), "\n", " ")
	}
	s = strings.ToValidUTF8(s, "\ufffd")
	if len(f.left)+len(f.right)+len(s) > maxInput {
		return
	}
	f.left = norm.NFC.String(f.left + s)
}

func (f *input) back() {
	last := lastLetter(f.left)
	f.left, f.right = f.left[:len(f.left)-len(last)], last+f.right
}

// view shows the field in w cells and says at which column the cursor is; the
// text slides so that the cursor is always inside.
func (f *input) view(w int) (shown string, x int) {
	left := f.shown(f.left)
	for cells(left) > w-1 && left != "" {
		left = left[len(firstLetter(left)):]
	}
	x = cells(left)
	return pad(left+ansi.Truncate(f.shown(f.right), max(0, w-x), ""), w), x
}

func (f *input) shown(s string) string {
	parts := strings.Split(s, "\n")
	for i := range parts {
		parts[i] = safe(parts[i])
	}
	return strings.Join(parts, "↵")
}

// firstLetter and lastLetter are grapheme clusters: what a reader takes for
// one letter.
func firstLetter(s string) string {
	if s == "" {
		return ""
	}
	letter, _ := ansi.FirstGraphemeCluster(s, ansi.GraphemeWidth)
	return letter
}

func lastLetter(s string) string {
	last := ""
	for s != "" {
		last = firstLetter(s)
		s = s[len(last):]
	}
	return last
}
