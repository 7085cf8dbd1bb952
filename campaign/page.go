package campaign

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
)

// filler stands behind a mark in place of the rest of a template tag, so that
// every byte keeps its place. A source that has it is read without it.
const filler = "\x7f"

// sheet is what preflight looks at in a template's HTML, both sides of every
// condition: its links, images and what a mailbox would not run.
type sheet struct {
	source  string
	tags    []tag // those that print, in the order of their marks
	links   []pageLink
	images  []pageImage
	active  []spot
	ids     map[string]bool // where a link inside the page may point
	visible int             // letters of text
	value   string          // the campaign's value that this HTML came in, "" for the template
}

// spot is a place in the source and what stands there.
type spot struct {
	at   int // byte offset
	what string
}

// pageLink is one <a> or <area>.
type pageLink struct {
	spot           // the address as written
	marks   []int  // tags in it
	marked  string // the address with its marks
	text    string // what the reader sees of it
	picture bool   // has an image that says what it is
	image   bool   // has an image
}

// pageImage is one <img>.
type pageImage struct {
	spot
	marks                 []int  // tags in the address
	marked                string // the address with its marks
	hasAlt, linked, empty bool
}

// readPage reads a template's HTML with its tags as marks. The error is a
// *TemplateError.
func readPage(source string) (*sheet, error) {
	tags, err := scanTags(partHTML, source)
	if err != nil {
		return nil, err
	}
	p := &sheet{source: source, ids: map[string]bool{}}
	r := pageReader{sheet: p, z: html.NewTokenizer(strings.NewReader(p.mark(tags)))}
	r.z.SetMaxBuf(maxSource)
	r.read()
	return p, nil
}

// mark is the source with every printing tag and block tag as a mark and
// filler, comments as spaces: as long as the source.
func (p *sheet) mark(tags []tag) string {
	out := []byte(dropped(p.source))
	for _, t := range tags {
		if t.kind == tagComment {
			copy(out[t.pos:t.end], bytes.Repeat([]byte(" "), t.end-t.pos))
			continue
		}
		p.tags = append(p.tags, t)
		n := copy(out[t.pos:t.end], string(markOpen))
		copy(out[t.pos+n:t.end], strings.Repeat(filler, t.end-t.pos-n))
	}
	return string(out)
}

// dropped is a source with what marks are made of replaced, as long as before.
func dropped(s string) string {
	return strings.NewReplacer(string(markOpen), "???", filler, "?").Replace(s)
}

// pageReader walks the tokens and keeps count of bytes and marks.
type pageReader struct {
	*sheet
	z      *html.Tokenizer
	at     int // of the token
	marks  int // before the token
	skip   atom.Atom
	anchor int // index of the open link + 1
}

func (r *pageReader) read() {
	for {
		kind := r.z.Next()
		raw := r.z.Raw()
		size, marks := len(raw), bytes.Count(raw, []byte(string(markOpen)))
		if kind == html.ErrorToken {
			return
		}
		r.token(kind)
		r.at, r.marks = r.at+size, r.marks+marks
	}
}

func (r *pageReader) token(kind html.TokenType) {
	t := r.z.Token()
	switch {
	case kind == html.EndTagToken:
		if t.DataAtom == r.skip {
			r.skip = 0
		}
		if t.DataAtom == atom.A {
			r.anchor = 0
		}
	case r.skip != 0:
	case kind == html.TextToken:
		r.text(t.Data)
	case kind == html.StartTagToken || kind == html.SelfClosingTagToken:
		r.element(&t, kind == html.StartTagToken)
	}
}

func (r *pageReader) text(s string) {
	s = strings.NewReplacer(string(markOpen), "…", filler, "").Replace(s)
	r.visible += len([]rune(strings.Join(strings.Fields(s), "")))
	if r.anchor > 0 {
		l := &r.links[r.anchor-1]
		l.text = strings.Join(strings.Fields(l.text+" "+s), " ")
	}
}

func (r *pageReader) element(t *html.Token, opens bool) {
	marks := r.marks
	values := map[string]string{}
	var inside []int // marks of the address
	for _, a := range t.Attr {
		n := strings.Count(a.Val, string(markOpen)) + strings.Count(a.Key, string(markOpen))
		if _, again := values[a.Key]; !again {
			if values[a.Key] = a.Val; a.Key == "href" || a.Key == "src" && t.DataAtom == atom.Img {
				inside = nil
				for i := range n {
					inside = append(inside, marks+i)
				}
			}
		}
		if marks += n; strings.HasPrefix(a.Key, "on") && len(a.Key) > 3 {
			r.active = append(r.active, spot{r.at, a.Key})
		}
	}
	for _, key := range []string{"id", "name"} {
		if values[key] != "" {
			r.ids[values[key]] = true
		}
	}
	r.visit(t, values, inside, opens)
}

func (r *pageReader) visit(t *html.Token, values map[string]string, inside []int, opens bool) {
	switch t.DataAtom {
	case atom.Style, atom.Title:
		if opens {
			r.skip = t.DataAtom
		}
	case atom.Script:
		r.active = append(r.active, spot{r.at, "<script>"})
		if opens {
			r.skip = t.DataAtom
		}
	case atom.Form, atom.Iframe, atom.Object, atom.Embed, atom.Video, atom.Audio:
		r.active = append(r.active, spot{r.at, "<" + t.Data + ">"})
	case atom.A, atom.Area:
		href, has := values["href"]
		if !has {
			return // a target: <a name>
		}
		r.links = append(r.links, pageLink{spot: spot{r.at, r.written(href, inside)}, marks: inside, marked: href, picture: t.DataAtom == atom.Area})
		if t.DataAtom == atom.A {
			r.anchor = len(r.links)
		}
	case atom.Img:
		r.image(values, inside)
	}
}

func (r *pageReader) image(values map[string]string, inside []int) {
	alt, has := values["alt"]
	i := pageImage{marks: inside, marked: values["src"], spot: spot{r.at, strings.NewReplacer(string(markOpen), "{{…}}", filler, "").Replace(values["src"])}, hasAlt: has, linked: r.anchor > 0, empty: strings.TrimSpace(alt) == ""}
	r.images = append(r.images, i)
	if r.anchor > 0 {
		l := &r.links[r.anchor-1]
		l.image, l.picture = true, l.picture || !i.empty
	}
}

// written is an address with its tags as in the source.
func (p *sheet) written(marked string, marks []int) string {
	for _, m := range marks {
		if m < len(p.tags) {
			marked = strings.Replace(marked, string(markOpen), p.source[p.tags[m].pos:p.tags[m].end], 1)
		}
	}
	return strings.ReplaceAll(marked, filler, "")
}

// place is where something stands, for a person: "12:5", line and column.
func (p *sheet) place(at int) string {
	if p.value != "" {
		return p.value
	}
	line, column := lineColumn(p.source, at)
	return fmt.Sprintf("%d:%d", line, column)
}

// uses reports whether an address prints one of some fields, by folded name.
func (p *sheet) uses(l *pageLink, keys ...string) bool {
	return slices.ContainsFunc(l.marks, func(m int) bool {
		name, _, ok := p.field(m)
		return ok && slices.Contains(keys, fold(name))
	})
}

// field is the field that a mark prints, and its default. ok is false for
// blocks and whatever is not a single field.
func (p *sheet) field(mark int) (name, orElse string, ok bool) {
	if mark >= len(p.tags) || p.tags[mark].kind != tagField {
		return "", "", false
	}
	t := p.tags[mark]
	inside := strings.TrimSpace(strings.Trim(p.source[t.pos:t.end], "{}~&"))
	if rest, isDefault := strings.CutPrefix(inside, "default "); isDefault {
		name, literal, _ := strings.Cut(strings.TrimSpace(rest), " ")
		return name, strings.Trim(strings.TrimSpace(literal), `"'`), true
	}
	return inside, "", !strings.ContainsAny(inside, " ./()@[")
}
