package campaign

import (
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
)

// maxTextDepth bounds the nesting of elements the converter follows.
const maxTextDepth = 512

// markOpen and markClose enclose the number of a template tag on its way
// through the HTML parser. They are private-use characters; a source that has
// them is read without them.
const (
	markOpen  = '\uE000'
	markClose = '\uE001'
)

// textTemplate makes the text part of a template from its HTML source: the
// tags are carried through as marks, in running text as comments, which a
// parser leaves where they are even between table rows, inside HTML tags as
// characters. It is done once per template version, never per mail.
func textTemplate(source string) (string, error) {
	whole, err := expand(partHTML, source)
	if err != nil {
		return "", err
	}
	source = whole.source
	tags, err := scanTags(partHTML, source)
	if err != nil {
		return "", err
	}
	var marked strings.Builder
	var state htmlState
	at := 0
	for i, t := range tags {
		stretch := dropMarks(source[at:t.pos])
		state.advance(stretch)
		marked.WriteString(stretch)
		if state.inTag() {
			fmt.Fprintf(&marked, "%c%d%c", markOpen, i, markClose)
		} else {
			fmt.Fprintf(&marked, "<!--%c%d%c-->", markOpen, i, markClose)
		}
		at = t.end
	}
	marked.WriteString(dropMarks(source[at:]))
	converted, err := htmlToText(strings.ReplaceAll(marked.String(), `\{{`, "{{"))
	if err != nil {
		return "", err
	}
	return putTagsBack(converted, source, tags), nil
}

func dropMarks(s string) string {
	if !strings.ContainsAny(s, "\uE000\uE001") {
		return s
	}
	return strings.Map(func(r rune) rune {
		if r == markOpen || r == markClose {
			return -1
		}
		return r
	}, s)
}

// putTagsBack writes each tag where its mark ended up. Braces that stand in
// the text itself are escaped again.
func putTagsBack(text, source string, tags []tag) string {
	var b strings.Builder
	text = strings.ReplaceAll(text, "{{", `\{{`)
	for {
		i := strings.IndexRune(text, markOpen)
		if i < 0 {
			break
		}
		j := strings.IndexRune(text[i:], markClose)
		if j < 0 {
			break
		}
		b.WriteString(text[:i])
		n, err := strconv.Atoi(text[i+len(string(markOpen)) : i+j])
		if err == nil && n < len(tags) && tags[n].kind != tagComment {
			b.WriteString(source[tags[n].pos:tags[n].end])
		}
		text = text[i+j+len(string(markClose)):]
	}
	b.WriteString(text)
	return b.String()
}

// htmlToText is a page as plain text: links as "text (url)", the cells of a
// table apart, images by their alternative text, lists with dashes; head,
// style, script and comments are left out.
func htmlToText(page string) (string, error) {
	root, err := html.Parse(strings.NewReader(page))
	if err != nil {
		return "", fmt.Errorf("read html: %w", err)
	}
	w := &textWriter{}
	w.node(root, 0)
	return strings.Trim(w.b.String(), " \n"), nil
}

// textWriter writes text with white space collapsed as a browser would.
type textWriter struct {
	b       strings.Builder
	space   bool // a space is due before the next word
	lines   int  // line ends at the end of b, before any text counts as 2
	started bool
	pre     int
}

func (w *textWriter) node(n *html.Node, depth int) {
	if depth > maxTextDepth {
		return
	}
	switch n.Type {
	case html.TextNode:
		w.text(n.Data)
		return
	case html.CommentNode:
		if strings.HasPrefix(n.Data, string(markOpen)) {
			w.mark(n.Data)
		}
		return
	case html.ElementNode:
		w.element(n, depth)
		return
	}
	w.children(n, depth)
}

func (w *textWriter) children(n *html.Node, depth int) {
	for c := n.FirstChild; c != nil; c = c.NextSibling {
		w.node(c, depth+1)
	}
}

func (w *textWriter) element(n *html.Node, depth int) {
	switch n.DataAtom {
	case atom.Head, atom.Style, atom.Script, atom.Title, atom.Template, atom.Noscript, atom.Iframe, atom.Object, atom.Svg, atom.Select:
		return
	case atom.Br:
		w.br()
		return
	case atom.Hr:
		w.breakLine(2)
		w.word("----------")
		w.breakLine(2)
		return
	case atom.Img:
		w.text(attribute(n, "alt"))
		return
	case atom.A:
		w.link(n, depth)
		return
	case atom.Td, atom.Th:
		w.space = true
		w.children(n, depth)
		w.space = true
		return
	case atom.Li:
		w.breakLine(1)
		w.word("-")
		w.space = true
		w.children(n, depth)
		w.breakLine(1)
		return
	case atom.Pre:
		w.pre++
		defer func() { w.pre-- }()
	}
	if hidden(n) {
		return
	}
	gap := lineGap(n.DataAtom)
	w.breakLine(gap)
	w.children(n, depth)
	w.breakLine(gap)
}

// hidden reports an element the reader of the HTML does not see either.
func hidden(n *html.Node) bool {
	style := strings.ReplaceAll(strings.ToLower(attribute(n, "style")), " ", "")
	return strings.Contains(style, "display:none")
}

// lineGap is how many line ends an element wants around it.
func lineGap(a atom.Atom) int {
	switch a {
	case atom.P, atom.H1, atom.H2, atom.H3, atom.H4, atom.H5, atom.H6, atom.Ul, atom.Ol, atom.Blockquote, atom.Pre, atom.Dl:
		return 2
	case atom.Div, atom.Tr, atom.Table, atom.Section, atom.Article, atom.Header, atom.Footer, atom.Main, atom.Nav, atom.Aside,
		atom.Center, atom.Dt, atom.Dd, atom.Address, atom.Figure, atom.Figcaption, atom.Form, atom.Fieldset, atom.Caption, atom.Body:
		return 1
	}
	return 0
}

func (w *textWriter) link(n *html.Node, depth int) {
	before := w.b.Len()
	w.children(n, depth)
	href := strings.TrimSpace(attribute(n, "href"))
	if href == "" || href[0] == '#' || strings.HasPrefix(strings.ToLower(href), "javascript:") {
		return
	}
	shown := strings.TrimSpace(w.b.String()[before:])
	address := strings.TrimPrefix(strings.TrimPrefix(href, "mailto:"), "tel:")
	switch {
	case shown == "":
		w.space = w.started && w.lines == 0
		w.word(address)
	case shown != address && shown != href:
		w.space = true
		w.word("(" + address + ")")
	}
}

func attribute(n *html.Node, name string) string {
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}

func (w *textWriter) text(s string) {
	if w.pre > 0 {
		for i, line := range strings.Split(s, "\n") {
			if i > 0 {
				w.br()
			}
			w.word(line)
		}
		return
	}
	for s != "" {
		i := strings.IndexFunc(s, isSpace)
		switch {
		case i < 0:
			w.word(s)
			return
		case i > 0:
			w.word(s[:i])
		}
		w.space = true
		s = strings.TrimLeftFunc(s[i:], isSpace)
	}
}

// isSpace is HTML's white space, and the no-break space that designers pad with.
func isSpace(r rune) bool {
	switch r {
	case ' ', '\t', '\n', '\r', '\f', '\u00a0':
		return true
	}
	return false
}

func (w *textWriter) word(s string) {
	if s == "" {
		return
	}
	if w.space && w.started && w.lines == 0 {
		w.b.WriteByte(' ')
	}
	w.space, w.lines, w.started = false, 0, true
	w.b.WriteString(s)
}

// mark writes a template tag. It takes a space that is due only if it will
// print something, which is not known here; so it keeps it.
func (w *textWriter) mark(s string) {
	if w.space && w.started && w.lines == 0 {
		w.b.WriteByte(' ')
	}
	w.space, w.lines, w.started = false, 0, true
	w.b.WriteString(s)
}

func (w *textWriter) br() {
	if w.started && w.lines < 2 {
		w.b.WriteByte('\n')
		w.lines++
	}
	w.space = false
}

// breakLine makes sure that at least n line ends stand before what follows.
func (w *textWriter) breakLine(n int) {
	if n == 0 {
		return
	}
	w.space = false
	for w.started && w.lines < n {
		w.b.WriteByte('\n')
		w.lines++
	}
}
