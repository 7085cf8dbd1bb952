package tui

import (
	"slices"
	"strings"

	tea "charm.land/bubbletea/v2"
	"golang.org/x/text/unicode/norm"
)

// Limits of a field of many lines.
const (
	maxArea = 1 << 20 // bytes: what a part of a template may have
	maxUndo = 200     // steps that can be taken back
)

// area is a text field of many lines that is right for Hangul, as input is:
// lines are kept in NFC, one key takes a whole letter as one sees it, and the
// cursor is counted in cells. Long lines are folded, never slid.
type area struct {
	lines []string // never empty
	row   int
	col   int // byte of lines[row], at the beginning of a letter
	bytes int // of all lines with their newlines

	w, h int   // as last shown, for the keys that go by what is seen
	top  place // first folded line shown
	want int   // cell column that up and down keep; -1: the cursor's own
	past []snapshot
	kind string // of the last edit: those of one kind are taken back together

	folded string // the line that was folded last, at which width, and its folds
	atW    int
	folds  []int
}

// place is a folded line: the n-th fold of a line.
type place struct{ row, fold int }

type snapshot struct {
	lines    []string
	row, col int
}

func newArea(text string) area {
	text = strings.ToValidUTF8(strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(text), "\ufffd")
	f := area{lines: strings.Split(norm.NFC.String(text), "\n"), w: 80, h: 20, want: -1}
	f.bytes = len(text)
	return f
}

func (f *area) value() string { return strings.Join(f.lines, "\n") }

// key edits or moves, and reports whether the key was one of this field.
func (f *area) key(k tea.KeyPressMsg) bool {
	if f.move(k.String()) {
		f.kind = ""
		return true
	}
	line := f.lines[f.row]
	switch k.String() {
	case "enter", "ctrl+j", "alt+enter":
		f.insert("\n")
	case "backspace", "ctrl+h":
		f.erase("back", f.row, f.col-len(lastLetter(line[:f.col])))
	case "delete", "ctrl+d":
		f.eraseOn(f.col + len(firstLetter(line[f.col:])))
	case "ctrl+k":
		f.keep("cut")
		f.replace(f.row, line[:f.col])
	case "ctrl+u":
		f.keep("cut")
		f.replace(f.row, line[f.col:])
		f.col = 0
	case "ctrl+z":
		f.undo()
	default:
		if k.Text == "" || k.Mod&^tea.ModShift != 0 {
			return false
		}
		f.insert(k.Text)
	}
	f.want = -1
	return true
}

// move follows a key of moving.
func (f *area) move(key string) bool {
	line := f.lines[f.row]
	up := 0
	switch key {
	case "left", "ctrl+b":
		if f.col == 0 && f.row > 0 {
			f.row--
			f.col = len(f.lines[f.row])
		} else {
			f.col -= len(lastLetter(line[:f.col]))
		}
	case "right", "ctrl+f":
		if f.col == len(line) && f.row < len(f.lines)-1 {
			f.row, f.col = f.row+1, 0
		} else {
			f.col += len(firstLetter(line[f.col:]))
		}
	case "home", "ctrl+a":
		f.col = 0
	case "end", "ctrl+e":
		f.col = len(line)
	case "ctrl+home":
		f.row, f.col = 0, 0
	case "ctrl+end":
		f.row = len(f.lines) - 1
		f.col = len(f.lines[f.row])
	case "up":
		up = 1
	case "down":
		up = -1
	case "pgup":
		up = max(1, f.h-1)
	case "pgdown":
		up = -max(1, f.h-1)
	default:
		return false
	}
	if up == 0 {
		f.want = -1
		return true
	}
	f.rise(up)
	return true
}

// rise goes up by folded lines, down where n is below 0, and keeps the column.
func (f *area) rise(n int) {
	folds := f.fold(f.row)
	at := foldOf(folds, f.col)
	if f.want < 0 {
		f.want = shownCells(f.lines[f.row][folds[at]:f.col])
	}
	for ; n > 0; n-- {
		if at--; at < 0 {
			if f.row == 0 {
				at = 0
				break
			}
			f.row--
			folds = f.fold(f.row)
			at = len(folds) - 1
		}
	}
	for ; n < 0; n++ {
		if at++; at == len(folds) {
			if f.row == len(f.lines)-1 {
				at--
				break
			}
			f.row++
			folds, at = f.fold(f.row), 0
		}
	}
	f.col = columnAt(f.lines[f.row], folds, at, f.want)
}

// insert puts typed or pasted text at the cursor; what is too much is left out
// as a whole.
func (f *area) insert(s string) {
	s = strings.ToValidUTF8(strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(s), "\ufffd")
	if f.bytes+len(s) > maxArea {
		return
	}
	if strings.Contains(s, "\n") {
		f.keep("lines")
	} else {
		f.keep("type")
	}
	line := f.lines[f.row]
	before, after := norm.NFC.String(line[:f.col]+s), line[f.col:]
	parts := strings.Split(before, "\n")
	f.bytes += len(before) + len(after) - len(line)
	last := len(parts) - 1
	f.col = len(parts[last])
	parts[last] += after
	if whole := norm.NFC.String(parts[last]); whole != parts[last] { // a jamo met the one behind it
		f.bytes += len(whole) - len(parts[last])
		parts[last] = whole
		f.col = letterAt(whole, f.col)
	}
	f.lines = slices.Replace(f.lines, f.row, f.row+1, parts...)
	f.row += last
	f.want = -1
}

// erase takes away what lies between a place of this line and the cursor; at the
// beginning of the line, the newline before it.
func (f *area) erase(kind string, row, col int) {
	if f.col > 0 {
		f.keep(kind)
		line := f.lines[row]
		f.replace(row, line[:col]+line[f.col:])
		f.col = col
		return
	}
	if row > 0 {
		f.join(row - 1)
	}
}

// eraseOn takes away what lies behind the cursor up to a column, or the newline.
func (f *area) eraseOn(to int) {
	line := f.lines[f.row]
	switch {
	case f.col < len(line):
		f.keep("on")
		f.replace(f.row, line[:f.col]+line[to:])
	case f.row < len(f.lines)-1:
		f.join(f.row)
	}
}

// join makes one line of a line and the next; the cursor stands where they met.
func (f *area) join(row int) {
	f.keep("lines")
	first := f.lines[row]
	whole := norm.NFC.String(first + f.lines[row+1])
	f.bytes += len(whole) - len(first) - len(f.lines[row+1]) - 1
	f.lines = slices.Replace(f.lines, row, row+2, whole)
	f.row, f.col = row, letterAt(whole, len(first))
}

func (f *area) replace(row int, line string) {
	line = norm.NFC.String(line)
	f.bytes += len(line) - len(f.lines[row])
	f.lines[row] = line
	f.col = letterAt(line, min(f.col, len(line)))
}

// keep remembers how it was before an edit of another kind than the last one.
func (f *area) keep(kind string) {
	if kind == f.kind && kind != "lines" {
		return
	}
	f.kind = kind
	if len(f.past) == maxUndo {
		f.past = f.past[1:]
	}
	f.past = append(f.past, snapshot{slices.Clone(f.lines), f.row, f.col})
}

func (f *area) undo() {
	n := len(f.past)
	if n == 0 {
		return
	}
	was := f.past[n-1]
	f.past, f.kind = f.past[:n-1], ""
	f.lines, f.row, f.col = was.lines, was.row, was.col
	f.bytes = len(f.lines) - 1
	for _, l := range f.lines {
		f.bytes += len(l)
	}
}

// fold is fold of a line; that of the line one is on is kept.
func (f *area) fold(row int) []int {
	if line := f.lines[row]; f.folds == nil || f.atW != f.w || f.folded != line {
		f.folded, f.atW, f.folds = line, f.w, fold(line, f.w)
	}
	return f.folds
}

// view shows h lines of w cells with the cursor among them, and where it is.
func (f *area) view(w, h int) (shown []string, x, y int) {
	f.w, f.h = max(2, w), max(1, h)
	folds := f.fold(f.row)
	at := place{f.row, foldOf(folds, f.col)}
	f.scroll(at)
	x = shownCells(f.lines[f.row][folds[at.fold]:f.col])
	for row, first := f.top.row, f.top.fold; row < len(f.lines) && len(shown) < f.h; row, first = row+1, 0 {
		line := f.lines[row]
		folds := f.fold(row)
		for i := min(first, len(folds)-1); i < len(folds) && len(shown) < f.h; i++ {
			if (place{row, i}) == at {
				y = len(shown)
			}
			end := len(line)
			if i+1 < len(folds) {
				end = folds[i+1]
			}
			shown = append(shown, shownText(line[folds[i]:end]))
		}
	}
	return shown, min(x, f.w-1), y
}

// scroll brings a folded line among those shown.
func (f *area) scroll(at place) {
	if f.top.row >= len(f.lines) || at.row < f.top.row || at.row == f.top.row && at.fold < f.top.fold {
		f.top = at
		return
	}
	f.top.fold = min(f.top.fold, len(f.fold(f.top.row))-1) // the line may be shorter now
	rows := -f.top.fold
	for row := f.top.row; row < at.row && rows < f.h+at.fold; row++ {
		rows += len(f.fold(row))
	}
	if rows+at.fold < f.h {
		return
	}
	f.top = at
	for left := f.h - 1; left > 0; left-- {
		if f.top.fold--; f.top.fold < 0 {
			f.top.row--
			f.top.fold = len(f.fold(f.top.row)) - 1
		}
	}
}
