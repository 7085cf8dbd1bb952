package audience

import (
	"bytes"
	"errors"
	"io"
	"strconv"
	"unicode/utf8"
)

// xmlReader reads the XML of a worksheet: tags, attributes and text, in
// constant memory. encoding/xml does it in some ten times the time and makes
// an object of every tag. There are no entities but the five of XML and
// numbers; a document type, the door to all attacks by entities, is refused.
type xmlReader struct {
	in       io.Reader
	buf      []byte
	pos, end int
	err      error // of in

	name   []byte // local name of the tag
	attrs  []byte // its attributes as written
	depth  int
	closed bool // an end tag is owed for <tag/>
}

// xmlToken is what next found.
type xmlToken uint8

const (
	startTag xmlToken = iota
	endTag
	textRun // a piece of text is at hand: text appends it
)

// xmlWindow is bytes: the longest tag with its attributes.
const xmlWindow = 64 << 10

var (
	errXML     = errors.New("its XML is broken")
	errXMLType = errors.New("its XML has a document type")
)

func newXMLReader(in io.Reader) *xmlReader {
	return &xmlReader{in: in, buf: make([]byte, xmlWindow)}
}

// fill reads on, keeping what is not read yet. It reports false where there is
// no more, or no room for it.
func (x *xmlReader) fill() bool {
	if x.pos > 0 {
		x.end = copy(x.buf, x.buf[x.pos:x.end])
		x.pos = 0
	}
	if x.end == len(x.buf) || x.err != nil {
		return false
	}
	n, err := x.in.Read(x.buf[x.end:])
	x.end += n
	x.err = err
	return n > 0 || err == nil
}

// need waits for n bytes.
func (x *xmlReader) need(n int) bool {
	for x.end-x.pos < n {
		if !x.fill() {
			return x.end-x.pos >= n
		}
	}
	return true
}

// next is the next tag or run of text; io.EOF after the last end tag.
func (x *xmlReader) next() (xmlToken, error) {
	if x.closed {
		x.closed = false
		x.depth--
		return endTag, nil
	}
	for {
		if !x.need(1) {
			return 0, x.ended()
		}
		if x.buf[x.pos] != '<' {
			return textRun, nil
		}
		token, ok, err := x.markup()
		if err != nil || ok {
			return token, err
		}
	}
}

// ended is why there is no more.
func (x *xmlReader) ended() error {
	if x.err != nil && x.err != io.EOF {
		return x.err
	}
	if x.depth != 0 || x.pos != x.end {
		return errXML
	}
	return io.EOF
}

// markup reads what begins with <. It is not ok for what is skipped.
func (x *xmlReader) markup() (token xmlToken, ok bool, err error) {
	if !x.need(2) {
		return 0, false, x.broken()
	}
	switch x.buf[x.pos+1] {
	case '?':
		return 0, false, x.skip("?>")
	case '!':
		if x.need(4) && string(x.buf[x.pos:x.pos+4]) == "<!--" {
			x.pos += 4
			return 0, false, x.skip("-->")
		}
		if x.need(9) && string(x.buf[x.pos:x.pos+9]) == "<![CDATA[" {
			return textRun, true, nil
		}
		return 0, false, errXMLType
	}
	tag, err := x.tag()
	if err != nil {
		return 0, false, err
	}
	if tag[0] == '/' {
		x.name, x.attrs = localName(bytes.TrimRight(tag[1:], " \t\r\n")), nil
		if x.depth--; x.depth < 0 {
			return 0, false, errXML
		}
		return endTag, true, nil
	}
	if tag[len(tag)-1] == '/' {
		x.closed, tag = true, tag[:len(tag)-1]
	}
	name := tag
	if i := bytes.IndexAny(tag, " \t\r\n"); i >= 0 {
		name, x.attrs = tag[:i], tag[i:]
	} else {
		x.attrs = nil
	}
	x.name = localName(name)
	x.depth++
	return startTag, true, nil
}

// tag is what stands between < and >, which a quoted value may hold too.
func (x *xmlReader) tag() ([]byte, error) {
	if i := bytes.IndexByte(x.buf[x.pos:x.end], '>'); i > 1 { // nearly always: no > < or ' inside
		tag := x.buf[x.pos+1 : x.pos+i]
		if bytes.Count(tag, []byte{'"'})%2 == 0 && bytes.IndexByte(tag, '\'') < 0 && bytes.IndexByte(tag, '<') < 0 && string(tag) != "/" {
			x.pos += i + 1
			return tag, nil
		}
	}
	var quote byte
	for i := 1; ; i++ {
		if !x.need(i + 1) {
			return nil, x.broken()
		}
		switch c := x.buf[x.pos+i]; {
		case quote != 0:
			if c == quote {
				quote = 0
			}
		case c == '"' || c == '\'':
			quote = c
		case c == '<':
			return nil, errXML
		case c == '>':
			tag := x.buf[x.pos+1 : x.pos+i]
			x.pos += i + 1
			if len(tag) == 0 || string(tag) == "/" {
				return nil, errXML
			}
			return tag, nil
		}
	}
}

func (x *xmlReader) broken() error {
	if x.err != nil && x.err != io.EOF {
		return x.err
	}
	return errXML
}

// skip passes everything up to and with a mark.
func (x *xmlReader) skip(mark string) error {
	for {
		if i := bytes.Index(x.buf[x.pos:x.end], []byte(mark)); i >= 0 {
			x.pos += i + len(mark)
			return nil
		}
		x.pos = max(x.pos, x.end-len(mark)+1)
		if !x.fill() {
			return x.broken()
		}
	}
}

// drop passes a run of text.
func (x *xmlReader) drop() error {
	_, err := x.run(nil, false)
	return err
}

// text appends a run of text to dst, at most up to limit bytes in dst.
func (x *xmlReader) text(dst []byte, limit int) ([]byte, error) {
	dst, err := x.run(dst, true)
	if err == nil && len(dst) > limit {
		return dst, errRowTooLong
	}
	return dst, err
}

func (x *xmlReader) run(dst []byte, want bool) ([]byte, error) {
	if x.need(9) && string(x.buf[x.pos:x.pos+9]) == "<![CDATA[" {
		return x.cdata(dst, want)
	}
	for {
		b := x.buf[x.pos:x.end]
		if i := bytes.IndexByte(b, '<'); i >= 0 {
			b = b[:i]
		} else if len(b) < len(x.buf) && x.fill() {
			continue // the whole of it, if it fits
		} else {
			b = x.buf[x.pos:x.end] // fill has moved it
			if amp := bytes.LastIndexByte(b, '&'); amp > 0 && len(b)-amp < 16 {
				b = b[:amp] // an entity may be cut
			}
		}
		if len(b) == 0 {
			return dst, nil
		}
		x.pos += len(b)
		if !want {
			continue
		}
		var err error
		if dst, err = unescape(dst, b); err != nil || len(dst) > maxRowBytes {
			return dst, errors.Join(err, tooLongIf(len(dst) > maxRowBytes))
		}
	}
}

func tooLongIf(is bool) error {
	if is {
		return errRowTooLong
	}
	return nil
}

func (x *xmlReader) cdata(dst []byte, want bool) ([]byte, error) {
	x.pos += len("<![CDATA[")
	for {
		b := x.buf[x.pos:x.end]
		i := bytes.Index(b, []byte("]]>"))
		n := i
		if i < 0 {
			n = max(0, len(b)-2)
		}
		if want {
			if dst = append(dst, b[:n]...); len(dst) > maxRowBytes {
				return dst, errRowTooLong
			}
		}
		x.pos += n
		if i >= 0 {
			x.pos += 3
			return dst, nil
		}
		if !x.fill() {
			return dst, x.broken()
		}
	}
}

// attr is an attribute's value as written, nil if the tag has none.
func (x *xmlReader) attr(want string) []byte {
	for b := x.attrs; ; {
		b = bytes.TrimLeft(b, " \t\r\n")
		eq := bytes.IndexByte(b, '=')
		if eq < 0 {
			return nil
		}
		name := bytes.TrimRight(b[:eq], " \t\r\n")
		b = bytes.TrimLeft(b[eq+1:], " \t\r\n")
		if len(b) == 0 || b[0] != '"' && b[0] != '\'' {
			return nil
		}
		end := bytes.IndexByte(b[1:], b[0])
		if end < 0 {
			return nil
		}
		if string(localName(name)) == want {
			return b[1 : 1+end]
		}
		b = b[end+2:]
	}
}

func localName(name []byte) []byte {
	if i := bytes.IndexByte(name, ':'); i >= 0 {
		return name[i+1:]
	}
	return name
}

// unescape appends text with its entities as what they stand for.
func unescape(dst, b []byte) ([]byte, error) {
	for {
		i := bytes.IndexByte(b, '&')
		if i < 0 {
			return append(dst, b...), nil
		}
		dst, b = append(dst, b[:i]...), b[i+1:]
		end := bytes.IndexByte(b, ';')
		if end < 1 || end > 12 {
			return dst, errXML
		}
		r, ok := entity(b[:end])
		if !ok {
			return dst, errXML
		}
		dst, b = utf8.AppendRune(dst, r), b[end+1:]
	}
}

func entity(name []byte) (rune, bool) {
	switch string(name) {
	case "lt":
		return '<', true
	case "gt":
		return '>', true
	case "amp":
		return '&', true
	case "quot":
		return '"', true
	case "apos":
		return '\'', true
	}
	if len(name) < 2 || name[0] != '#' {
		return 0, false
	}
	digits, base := string(name[1:]), 10
	if digits[0] == 'x' {
		digits, base = digits[1:], 16
	}
	n, err := strconv.ParseUint(digits, base, 32)
	return rune(n), err == nil && n <= utf8.MaxRune && utf8.ValidRune(rune(n))
}
