package campaign

import (
	"strconv"
	"strings"
)

// spaces is how far apart the next word has to stand from the last.
type spaces struct {
	space   bool
	lines   int
	started bool
}

// mark writes a template tag. A field stands for a word. The tags of a block
// print nothing: line ends before one count for what is in it, so that a block
// that is left out leaves no hole, and its other branch begins as the first did.
func (w *textWriter) mark(s string) {
	switch w.kind(s) {
	case tagOpen, tagInverse:
		w.flushSpace()
		w.blocks = append(w.blocks, spaces{w.space, w.lines, w.started})
	case tagElse, tagChain:
		if n := len(w.blocks); n > 0 {
			w.space, w.lines, w.started = w.blocks[n-1].space, w.blocks[n-1].lines, w.blocks[n-1].started
		}
	case tagClose:
		w.flushSpace()
		if n := len(w.blocks); n > 0 {
			w.blocks = w.blocks[:n-1]
		}
	case tagComment:
	default:
		w.word(s)
		return
	}
	w.b.WriteString(s)
}

// flushSpace writes a space that is due.
func (w *textWriter) flushSpace() {
	if w.space && w.started && w.lines == 0 {
		w.b.WriteByte(' ')
	}
	w.space = false
}

// kind is that of the tag a mark stands for; a field's where there is none.
func (w *textWriter) kind(mark string) tagKind {
	number := strings.TrimSuffix(strings.TrimPrefix(mark, string(markOpen)), string(markClose))
	n, err := strconv.Atoi(number)
	if err != nil || n < 0 || n >= len(w.tags) {
		return tagField
	}
	return w.tags[n].kind
}
