package campaign

import (
	"fmt"
	"slices"
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
	first := map[string]int{} // of the same field, so that a link whose text is its address is seen to be
	for i, t := range tags {
		stretch := dropMarks(textBefore(source, tags, i))
		state.advance(stretch)
		marked.WriteString(stretch)
		written := untrimmed(source[t.pos:t.end])
		if same, seen := first[written]; seen && t.kind == tagField {
			i = same
		} else {
			first[written] = i
		}
		if state.inTag() {
			fmt.Fprintf(&marked, "%c%d%c", markOpen, i, markClose)
		} else {
			fmt.Fprintf(&marked, "<!--%c%d%c-->", markOpen, i, markClose)
		}
	}
	marked.WriteString(dropMarks(textBefore(source, tags, len(tags))))
	converted, err := textOf(strings.ReplaceAll(marked.String(), `\{{`, "{{"), tags)
	if err != nil {
		return "", err
	}
	return putTagsBack(converted, source, tags), nil
}

// textBefore is what stands between the tag before number i and that one,
// without the white space that a ~ of either takes from the HTML.
func textBefore(source string, tags []tag, i int) string {
	at, end := 0, len(source)
	if i > 0 {
		at = tags[i-1].end
	}
	if i < len(tags) {
		end = tags[i].pos
	}
	stretch := source[at:end]
	if strings.HasSuffix(source[:at], "~}}") {
		stretch = strings.TrimLeft(stretch, " \t\r\n")
	}
	if strings.HasPrefix(source[end:], "{{~") {
		stretch = strings.TrimRight(stretch, " \t\r\n")
	}
	return stretch
}

// untrimmed is a tag without its ~: in the text that is made they would take
// the line ends that stand for paragraphs.
func untrimmed(tag string) string {
	if rest, ok := strings.CutPrefix(tag, "{{~"); ok {
		tag = "{{" + rest
	}
	if rest, ok := strings.CutSuffix(tag, "~}}"); ok {
		tag = rest + "}}"
	}
	return tag
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
			b.WriteString(untrimmed(source[tags[n].pos:tags[n].end]))
		}
		text = text[i+j+len(string(markClose)):]
	}
	b.WriteString(text)
	return b.String()
}

// htmlToText is a page as plain text: links as "text (url)", also those of an
// image map, the cells of a table apart, images by their alternative text,
// lists with dashes or their numbers, headings and paragraphs with an empty line
// round them; head, style, script, comments and what is hidden (a preheader and
// the invisible characters it is padded with) are left out.
func htmlToText(page string) (string, error) { return textOf(page, nil) }

// textOf is htmlToText of a page with marks for tags.
func textOf(page string, tags []tag) (string, error) {
	root, err := html.Parse(strings.NewReader(page))
	if err != nil {
		return "", fmt.Errorf("read html: %w", err)
	}
	w := &textWriter{tags: tags}
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
	lists   []list // those that are open, the innermost last

	tags   []tag    // what the marks stand for
	blocks []spaces // how it stood where the open blocks of the template began
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
	if hidden(n) {
		return
	}
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
	case atom.A, atom.Area:
		w.link(n, depth)
		return
	case atom.Td, atom.Th:
		w.space = true
		w.children(n, depth)
		w.space = true
		return
	case atom.Li:
		w.item(n, depth)
		return
	case atom.Ul, atom.Ol:
		defer w.openList(n)()
	case atom.Pre:
		w.pre++
		defer func() { w.pre-- }()
	}
	gap := lineGap(n.DataAtom)
	if gap == 2 && len(w.lists) > 1 && w.lists[len(w.lists)-1].indent {
		gap = 1 // a list in a list
	}
	w.breakLine(gap)
	w.children(n, depth)
	w.breakLine(gap)
}

// hidden reports an element the reader of the HTML does not see either. A font
// of no size does not hide: designers give it to cells whose blocks set their own.
func hidden(n *html.Node) bool {
	style := strings.ToLower(attribute(n, "style"))
	if style == "" {
		return hasAttribute(n, "hidden")
	}
	for declaration := range strings.SplitSeq(style, ";") {
		name, value, _ := strings.Cut(declaration, ":")
		value = strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(value), "!important"))
		switch strings.TrimSpace(name) {
		case "display":
			if value == "none" {
				return true
			}
		case "visibility":
			if value == "hidden" || value == "collapse" {
				return true
			}
		case "opacity", "max-height":
			if value == "0" || value == "0px" || value == "0%" {
				return true
			}
		}
	}
	return hasAttribute(n, "hidden")
}

func hasAttribute(n *html.Node, name string) bool {
	return slices.ContainsFunc(n.Attr, func(a html.Attribute) bool { return a.Key == name })
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
	if n.DataAtom == atom.Area {
		w.breakLine(1)
		w.text(attribute(n, "alt"))
	}
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
	s = strings.Map(visible, s)
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

// isSpace is HTML's white space, and the spaces that designers pad with.
func isSpace(r rune) bool {
	switch r {
	case ' ', '\t', '\n', '\r', '\f', '\u00a0', '\u2000', '\u2001', '\u2002', '\u2003', '\u2007', '\u2009', '\u200a', '\u202f':
		return true
	}
	return false
}

// visible drops what takes no room and pads preheaders: soft hyphens, joiners
// and spaces of no width. U+200D stays, which holds emoji together.
func visible(r rune) rune {
	switch r {
	case '\u00ad', '\u034f', '\u200b', '\u200c', '\u2060', '\ufeff':
		return -1
	}
	return r
}

func (w *textWriter) word(s string) {
	if s == "" {
		return
	}
	w.flushSpace()
	w.lines, w.started = 0, true
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
