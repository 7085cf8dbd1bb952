package smtpd

import (
	"bytes"
	"encoding/binary"
	"slices"
	"strings"
	"unicode/utf8"

	"pabal/eml"
)

const (
	maxTextLine = 998 // octets without CRLF, RFC 5322 2.1.1; SES takes 1,000 with it
	maxDepth    = 100 // of parts within parts
	maxParts    = 1000
)

// sevenBit makes a message what SES takes: SES refuses 8-bit bodies and long
// lines. Only the parts that need it are coded anew, so that their content
// stays the same byte for byte; nil means that nothing had to be done to the
// body. Header fields with raw 8-bit text get RFC 2047 words.
func sevenBit(header *eml.Header, body []byte) ([]byte, error) {
	c := converter{}
	if err := c.fields(header); err != nil {
		return nil, err
	}
	if clean(body) {
		return nil, nil
	}
	coded, err := c.entity(header, body, 0)
	if err != nil {
		return nil, err
	}
	if !header.Has("MIME-Version") {
		header.Prepend([]byte("MIME-Version: 1.0\r\n"))
	}
	if !clean(coded) {
		return nil, notConverted("a boundary is not ASCII, or a line is too long")
	}
	return coded, nil
}

func notConverted(why string) error {
	return refusal(554, "5.6.3", "the message has 8-bit text or lines over 998 octets and cannot be converted: "+why)
}

// converter walks the parts of one message.
type converter struct{ parts int }

// entity returns the body of a message or part in 7-bit form and changes the
// header to say so. A body that needs nothing is returned as it is.
func (c *converter) entity(header *eml.Header, body []byte, depth int) ([]byte, error) {
	if clean(body) {
		return body, nil
	}
	if depth > maxDepth {
		return nil, notConverted("parts within parts go too deep")
	}
	contentType := header.Get("Content-Type")
	kind, params := parseParams(contentType)
	boundary := boundaryOf(contentType, params)
	var err error
	switch {
	case !isASCII(boundary):
		err = notConverted("a boundary is not ASCII")
	case strings.HasPrefix(kind, "multipart/") && hasPart(body, boundary):
		body, err = c.multipart(body, boundary, depth)
	case strings.HasPrefix(kind, "multipart/"): // no reader would find a part in it
		header.Remove("Content-Type")
		if coding(header) == "base64" { // RFC 2045 6.4: of its parts, if at all
			header.Remove("Content-Transfer-Encoding")
		}
		return leaf(header, body), nil
	case kind == "message/rfc822" && identity(header):
		body, err = c.part(body, depth)
	default:
		return leaf(header, body), nil
	}
	if err == nil && header.Has("Content-Transfer-Encoding") {
		setCoding(header, "7bit")
	}
	return body, err
}

// hasPart reports whether a delimiter line is in a body.
func hasPart(body []byte, boundary string) bool {
	if boundary == "" {
		return false
	}
	_, line, _ := cutAtDelimiter(body, []byte("--"+boundary))
	return line != nil && !closes(line, boundary)
}

// closes reports whether a delimiter line is the last one.
func closes(line []byte, boundary string) bool {
	return bytes.HasPrefix(bytes.TrimSpace(line)[len("--")+len(boundary):], []byte("--"))
}

// multipart codes the parts between the delimiter lines. What lies before the
// first and behind the last is not part of the message, and left out where it
// would have to be coded.
func (c *converter) multipart(body []byte, boundary string, depth int) ([]byte, error) {
	var out []byte // nothing is kept for it while the parts within are coded: they may go deep
	delimiter := []byte("--" + boundary)
	inside := false
	for len(body) > 0 {
		content, line, rest := cutAtDelimiter(body, delimiter)
		if inside {
			coded, err := c.part(content, depth)
			if err != nil {
				return nil, err
			}
			out = append(slices.Grow(out, len(coded)+len(line)+len(rest)), coded...)
		} else if clean(content) {
			out = append(out, content...)
		} // else it is left out: no reader shows it
		out = append(out, line...)
		inside = len(line) > 0 && !closes(line, boundary)
		body = rest
	}
	return out, nil
}

// cutAtDelimiter finds the next delimiter line. The CRLF in front belongs to
// it, RFC 2046 5.1.1; line is empty when there is none.
func cutAtDelimiter(body, delimiter []byte) (content, line, rest []byte) {
	for from := 0; ; {
		i := bytes.Index(body[from:], delimiter)
		if i < 0 {
			return body, nil, nil
		}
		start := from + i
		if start == 0 || body[start-1] == '\n' {
			end := len(body)
			if n := bytes.IndexByte(body[start:], '\n'); n >= 0 {
				end = start + n + 1
			}
			tail := bytes.TrimPrefix(body[start+len(delimiter):end], []byte("--"))
			if len(bytes.TrimSpace(tail)) == 0 {
				before := len(bytes.TrimSuffix(body[:start], []byte("\r\n")))
				return body[:before], body[before:end], body[end:]
			}
		}
		from = start + len(delimiter)
	}
}

// part codes one part, or the message inside a message/rfc822 part.
func (c *converter) part(raw []byte, depth int) ([]byte, error) {
	if c.parts++; c.parts > maxParts {
		return nil, notConverted("it has more than 1,000 parts")
	}
	if clean(raw) {
		return raw, nil
	}
	header, body, err := eml.Split(raw)
	if err != nil {
		return nil, notConverted("the header of a part cannot be read")
	}
	if err := c.fields(&header); err != nil {
		return nil, err
	}
	if body, err = c.entity(&header, body, depth+1); err != nil {
		return nil, err
	}
	return append(append(header.AppendTo(nil), "\r\n"...), body...), nil
}

// clean reports whether a body can go to SES as it is.
func clean(body []byte) bool { return ascii(body) && !longLine(body) }

// ascii looks at eight bytes at a time: it sees every message.
func ascii(b []byte) bool {
	for len(b) >= 8 {
		if binary.NativeEndian.Uint64(b)&0x8080808080808080 != 0 {
			return false
		}
		b = b[8:]
	}
	for _, c := range b {
		if c >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// longLine jumps from line end to line end, looking for the last one in reach.
func longLine(b []byte) bool {
	const reach = maxTextLine + 2
	for len(b) > reach {
		end := bytes.LastIndexByte(b[:reach], '\n')
		if end < 0 {
			return true
		}
		b = b[end+1:]
	}
	return len(b)-(bytes.LastIndexByte(b, '\n')+1) > maxTextLine
}
