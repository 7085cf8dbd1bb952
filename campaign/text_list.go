package campaign

import (
	"strconv"
	"strings"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
)

// list is a list being written.
type list struct {
	number int  // of the next item; below zero: a dash
	indent bool // it stands in an item of another
}

// item writes one item of a list; what it holds is indented by its depth.
func (w *textWriter) item(n *html.Node, depth int) {
	mark := "-"
	if last := len(w.lists) - 1; last >= 0 && w.lists[last].number >= 0 {
		mark = strconv.Itoa(w.lists[last].number) + "."
		w.lists[last].number++
	}
	w.breakLine(1)
	if deep := len(w.lists) - 1; deep > 0 && w.lists[deep].indent {
		mark = strings.Repeat("  ", deep) + mark
	}
	w.word(mark)
	w.space = true
	w.children(n, depth)
	w.breakLine(1)
}

// openList begins a list; the function returned ends it. Items that a block of
// the template repeats cannot be numbered: how many there are is not known.
func (w *textWriter) openList(n *html.Node) (end func()) {
	l := list{number: -1, indent: len(w.lists) > 0}
	if n.DataAtom == atom.Ol && !hasMarks(n) {
		l.number = 1
		if start, err := strconv.Atoi(attribute(n, "start")); err == nil && start >= 0 {
			l.number = start
		}
	}
	w.lists = append(w.lists, l)
	return func() { w.lists = w.lists[:len(w.lists)-1] }
}

// hasMarks reports whether template tags stand between the items of a list.
func hasMarks(list *html.Node) bool {
	for c := list.FirstChild; c != nil; c = c.NextSibling {
		if c.Type == html.CommentNode && strings.HasPrefix(c.Data, string(markOpen)) {
			return true
		}
	}
	return false
}
