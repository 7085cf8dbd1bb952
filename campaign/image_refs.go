package campaign

import (
	"bytes"
	"html"
	"net/url"
	"path"
	"regexp"
	"slices"
	"strings"

	page "golang.org/x/net/html"
	"golang.org/x/text/unicode/norm"
)

// reference is a place in a template's HTML that names an image.
type reference struct {
	from, to int    // of the address in the source
	value    string // the address as the reader sees it
}

// hole takes the place of template tags while references are looked for: no
// HTML has it, and it is as long as what it stands for.
const hole = '\x01'

// imageReferences finds every image a part names, in order: src, srcset,
// background and poster, url() in style elements and attributes, the same in
// Outlook's conditional comments. Addresses that have merge fields in them are
// left out: what they name is not known before a mail is made.
func imageReferences(source string) []reference {
	masked := []byte(source)
	if tags, err := scanTags(partHTML, source); err == nil {
		for _, t := range tags {
			for i := t.pos; i < t.end; i++ {
				masked[i] = hole
			}
		}
	}
	f := &refFinder{}
	f.page(masked, 0)
	slices.SortFunc(f.found, func(a, b reference) int { return a.from - b.from })
	return f.found
}

// refFinder collects references.
type refFinder struct {
	found []reference
	style bool // inside <style>
}

// page looks through HTML that begins at base of the source.
func (f *refFinder) page(source []byte, base int) {
	z := page.NewTokenizer(bytes.NewReader(source))
	z.SetMaxBuf(0)
	for at := base; ; {
		kind := z.Next()
		raw := z.Raw()
		switch kind {
		case page.ErrorToken:
			return
		case page.StartTagToken, page.SelfClosingTagToken:
			f.tag(raw, at)
		case page.EndTagToken:
			f.style = false
		case page.TextToken:
			if f.style {
				f.css(raw, at)
			}
		case page.CommentToken:
			f.comment(raw, at)
		}
		at += len(raw)
	}
}

// comment looks into <!--[if mso]>…<![endif]-->, which Outlook reads.
func (f *refFinder) comment(raw []byte, at int) {
	const open, end = "<!--", "-->"
	if bytes.HasPrefix(raw, []byte(open+"[if")) && bytes.HasSuffix(raw, []byte(end)) && len(raw) > len(open)+len(end) {
		inner := &refFinder{}
		inner.page(raw[len(open):len(raw)-len(end)], at+len(open))
		f.found = append(f.found, inner.found...)
	}
}

// tag looks at the attributes of one start tag.
func (f *refFinder) tag(raw []byte, base int) {
	i := 1
	for i < len(raw) && !isTagSpace(raw[i]) && raw[i] != '/' && raw[i] != '>' {
		i++
	}
	name := strings.ToLower(strings.Trim(string(raw[1:i]), string(hole)))
	f.style = name == "style"
	for i < len(raw) {
		var a attributeSpan
		if a, i = nextAttribute(raw, i); a.name != "" {
			f.attribute(name, a, raw, base)
		}
	}
}

func isTagSpace(c byte) bool {
	return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f' || c == hole
}

// attributeSpan is an attribute with the place of its value in the tag.
type attributeSpan struct {
	name     string
	from, to int
}

// nextAttribute reads on from i as the HTML standard does; the name is "" when
// there is none.
func nextAttribute(raw []byte, i int) (a attributeSpan, next int) {
	for i < len(raw) && (isTagSpace(raw[i]) || raw[i] == '/' || raw[i] == '>') {
		i++
	}
	from := i
	for i < len(raw) && !isTagSpace(raw[i]) && raw[i] != '/' && raw[i] != '>' && (raw[i] != '=' || i == from) {
		i++
	}
	a.name = strings.ToLower(string(raw[from:i]))
	for i < len(raw) && isTagSpace(raw[i]) {
		i++
	}
	if i == len(raw) || raw[i] != '=' || a.name == "" {
		return a, i
	}
	for i++; i < len(raw) && isTagSpace(raw[i]) && raw[i] != hole; {
		i++
	}
	if i < len(raw) && (raw[i] == '"' || raw[i] == '\'') {
		quote := raw[i]
		a.from = i + 1
		for i++; i < len(raw) && raw[i] != quote; {
			i++
		}
		a.to = i
		return a, min(i+1, len(raw))
	}
	a.from = i
	for i < len(raw) && raw[i] != '>' && (!isTagSpace(raw[i]) || raw[i] == hole) {
		i++
	}
	a.to = i
	return a, i
}

func (f *refFinder) attribute(element string, a attributeSpan, raw []byte, base int) {
	value := raw[a.from:a.to]
	switch a.name {
	case "style":
		f.css(value, base+a.from)
	case "src":
		switch element {
		case "img", "input", "source", "image", "v:image", "v:imagedata", "v:fill", "v:shape", "v:rect", "v:background":
			f.add(value, base+a.from)
		}
	case "background":
		f.add(value, base+a.from)
	case "poster":
		if element == "video" {
			f.add(value, base+a.from)
		}
	case "srcset":
		f.srcset(value, base+a.from)
	case "href", "xlink:href":
		if element == "image" {
			f.add(value, base+a.from)
		}
	}
}

// srcset is a list of addresses, each with a width or density.
func (f *refFinder) srcset(value []byte, base int) {
	for i := 0; i < len(value); {
		for i < len(value) && (isTagSpace(value[i]) && value[i] != hole || value[i] == ',') {
			i++
		}
		from := i
		for i < len(value) && (!isTagSpace(value[i]) || value[i] == hole) {
			i++
		}
		address := bytes.TrimRight(value[from:i], ",")
		f.add(address, base+from)
		if len(address) < i-from {
			continue // the comma ended it
		}
		for i < len(value) && value[i] != ',' {
			i++
		}
	}
}

// cssURL is url() with or without quotation marks, which in an attribute may be
// written as entities.
var cssURL = regexp.MustCompile(`(?i)\burl\(\s*(?:"([^"]*)"|'([^']*)'|&quot;(.*?)&quot;|&#39;(.*?)&#39;|([^"'\s)]+))\s*\)`)

func (f *refFinder) css(value []byte, base int) {
	for _, m := range cssURL.FindAllSubmatchIndex(value, -1) {
		for g := 2; g < len(m); g += 2 {
			if m[g] >= 0 && !bytes.HasPrefix(value[m[g]:m[g+1]], []byte("&quot;")) {
				f.add(value[m[g]:m[g+1]], base+m[g])
				break
			}
		}
	}
}

// add notes an address without the blanks round it.
func (f *refFinder) add(value []byte, base int) {
	trimmed := bytes.TrimLeft(value, " \t\r\n\f")
	base += len(value) - len(trimmed)
	trimmed = bytes.TrimRight(trimmed, " \t\r\n\f")
	if len(trimmed) == 0 || bytes.IndexByte(trimmed, hole) >= 0 {
		return
	}
	f.found = append(f.found, reference{from: base, to: base + len(trimmed), value: html.UnescapeString(string(trimmed))})
}

// scheme is the beginning of an absolute address (RFC 3986 3.1).
var scheme = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9+.-]*:`)

// imageName is what an address in a template names among the template's own
// images, "" when it names something else: an address on the web, a part of
// the mail, a font.
func imageName(address string) string {
	address = strings.TrimSpace(strings.ReplaceAll(address, `\`, "/"))
	if address == "" || address[0] == '#' || strings.HasPrefix(address, "//") {
		return ""
	}
	if s := scheme.FindString(address); s != "" {
		onDisk := strings.EqualFold(s, "file:") || len(s) == len("C:")
		if !onDisk {
			return ""
		}
		address = path.Base(strings.TrimRight(address, "/"))
	}
	if i := strings.IndexAny(address, "?#"); i >= 0 {
		address = address[:i]
	}
	if plain, err := url.PathUnescape(address); err == nil {
		address = plain
	}
	name := strings.TrimPrefix(path.Clean("/"+norm.NFC.String(address)), "/")
	switch strings.ToLower(path.Ext(name)) {
	case ".css", ".js", ".htm", ".html", ".woff", ".woff2", ".ttf", ".otf", ".eot":
		return ""
	}
	return name
}

// imageNames are the images of its own that a part names, each once, in order.
func imageNames(source string) []string {
	names, seen := []string{}, map[string]bool{}
	for _, r := range imageReferences(source) {
		if name := imageName(r.value); name != "" && !seen[name] {
			seen[name] = true
			names = append(names, name)
		}
	}
	return names
}

// placeImages is a part with the addresses of its own images replaced. to
// says by what; "" leaves one as it is.
func placeImages(source string, to func(name string) string) string {
	var b strings.Builder
	at := 0
	for _, r := range imageReferences(source) {
		name := imageName(r.value)
		if name == "" || r.from < at {
			continue
		}
		if address := to(name); address != "" {
			b.WriteString(source[at:r.from])
			b.WriteString(html.EscapeString(address))
			at = r.to
		}
	}
	b.WriteString(source[at:])
	return b.String()
}
