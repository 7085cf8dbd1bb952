package smtpd

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"io"
	"mime"
	"mime/quotedprintable"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding/korean"

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
	kind, params, err := mime.ParseMediaType(header.Get("Content-Type"))
	switch {
	case err == nil && strings.HasPrefix(kind, "multipart/") && params["boundary"] != "":
		body, err = c.multipart(body, params["boundary"], depth)
	case err == nil && kind == "message/rfc822" && identity(header):
		body, err = c.part(body, depth)
	default:
		return leaf(header, body, kind, params), nil
	}
	if err == nil && header.Has("Content-Transfer-Encoding") {
		setCoding(header, "7bit")
	}
	return body, err
}

// multipart codes the parts between the delimiter lines. What lies before the
// first and behind the last is not part of the message and only made ASCII.
func (c *converter) multipart(body []byte, boundary string, depth int) ([]byte, error) {
	out := make([]byte, 0, len(body)+len(body)/2)
	delimiter := []byte("--" + boundary)
	inside := false
	for len(body) > 0 {
		content, line, rest := cutAtDelimiter(body, delimiter)
		if inside {
			coded, err := c.part(content, depth)
			if err != nil {
				return nil, err
			}
			out = append(out, coded...)
		} else {
			out = appendASCII(out, content)
		}
		out = append(out, line...)
		after := bytes.TrimSpace(line)
		inside = len(after) > 0 && !bytes.HasSuffix(after[len(delimiter):], []byte("--"))
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

// leaf codes a single part: mostly ASCII text in quoted-printable, all else in
// base64, which is smaller for Korean. What was coded before is decoded first.
func leaf(header *eml.Header, body []byte, kind string, params map[string]string) []byte {
	plain := decode(header, body)
	text := kind == "" || strings.HasPrefix(kind, "text/")
	if text && params["charset"] == "" && !ascii(plain) {
		nameCharset(header, plain, kind)
	}
	if text && high(plain) < len(plain)/6 {
		setCoding(header, "quoted-printable")
		var out bytes.Buffer
		w := quotedprintable.NewWriter(&out)
		w.Write(plain) // a bytes.Buffer takes everything
		w.Close()
		return out.Bytes()
	}
	setCoding(header, "base64")
	return eml.AppendBase64(nil, plain)
}

// decode undoes the coding a body has already. One that is not what its header
// says is taken as it stands.
func decode(header *eml.Header, body []byte) []byte {
	var r io.Reader
	switch coding(header) {
	case "base64":
		r = base64.NewDecoder(base64.StdEncoding, bytes.NewReader(body))
	case "quoted-printable":
		r = quotedprintable.NewReader(bytes.NewReader(body))
	default:
		return body
	}
	plain, err := io.ReadAll(r)
	if err != nil {
		return body
	}
	return plain
}

func coding(header *eml.Header) string {
	return strings.ToLower(strings.TrimSpace(header.Get("Content-Transfer-Encoding")))
}

func identity(header *eml.Header) bool {
	switch coding(header) {
	case "base64", "quoted-printable":
		return false
	}
	return true
}

func setCoding(header *eml.Header, coding string) {
	header.Remove("Content-Transfer-Encoding")
	header.Prepend([]byte("Content-Transfer-Encoding: " + coding + "\r\n"))
}

// nameCharset says what 8-bit text without a charset is: UTF-8 if it can be,
// else what Korean systems wrote before.
func nameCharset(header *eml.Header, text []byte, kind string) {
	charset := "utf-8"
	if !utf8.Valid(text) {
		charset = "euc-kr"
	}
	value := "text/plain; charset=" + charset
	if kind != "" {
		value = strings.TrimRight(header.Get("Content-Type"), "; \t") + "; charset=" + charset
	}
	header.Remove("Content-Type")
	header.Prepend(eml.AppendRawHeader(nil, "Content-Type", value))
}

// fields codes header fields with raw 8-bit text and folds overlong ones, each
// in its place.
func (c *converter) fields(header *eml.Header) error {
	todo := false
	for _, f := range header.Fields() {
		todo = todo || !clean(f.Raw)
	}
	if !todo {
		return nil
	}
	var raw []byte
	for _, f := range header.Fields() {
		switch {
		case clean(f.Raw):
			raw = append(raw, f.Raw...)
		case ascii(f.Raw):
			raw = eml.AppendRawHeader(raw, f.Name, f.Value())
		default:
			raw = appendField(raw, f)
		}
	}
	recoded, _, err := eml.Split(append(raw, "\r\n"...))
	if err != nil {
		return notConverted("a header field with 8-bit text cannot be read")
	}
	*header = recoded
	for _, f := range header.Fields() {
		if longLine(f.Raw) { // no blank to fold it at: SES would refuse it later
			return refusal(550, "5.6.0", "the header field "+eml.Visible(eml.Cut(f.Name, 50))+" has over 998 octets without a blank, where no line can end")
		}
	}
	return nil
}

// appendField codes one field: addresses by mailbox, parameters by RFC 2231,
// anything else as text.
func appendField(dst []byte, f eml.Field) []byte {
	value := clearText(f.Value())
	switch strings.ToLower(f.Name) {
	case "from", "sender", "reply-to", "to", "cc", "resent-from", "resent-to", "resent-cc":
		if list, ok := mailboxes(value); ok {
			return eml.AppendRawHeader(dst, f.Name, list)
		}
	case "content-type", "content-disposition":
		if kind, params, err := mime.ParseMediaType(value); err == nil {
			if coded := mime.FormatMediaType(kind, params); coded != "" {
				return eml.AppendRawHeader(dst, f.Name, coded)
			}
		}
	}
	return eml.AppendHeader(dst, f.Name, eml.DecodeHeader(value))
}

// clearText is a raw value as UTF-8 without controls.
func clearText(value string) string {
	if !utf8.ValidString(value) {
		if s, err := korean.EUCKR.NewDecoder().String(value); err == nil {
			value = s
		}
	}
	return strings.Map(func(r rune) rune {
		if r < ' ' || r >= 0x7f && r <= 0x9f {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(value, "\uFFFD"))
}

// mailboxes codes a list of addresses; ok is false when one is none.
func mailboxes(list string) (coded string, ok bool) {
	var out []string
	for _, item := range splitList(list) {
		m, err := eml.ParseMailbox(item)
		if err != nil {
			return "", false
		}
		out = append(out, m.Header())
	}
	return strings.Join(out, ", "), true
}

// splitList cuts at the commas that stand outside of quotes.
func splitList(list string) []string {
	var items []string
	quoted, escaped, start := false, false, 0
	for i := range len(list) {
		switch {
		case escaped:
			escaped = false
		case list[i] == '\\':
			escaped = quoted
		case list[i] == '"':
			quoted = !quoted
		case list[i] == ',' && !quoted:
			items = append(items, list[start:i])
			start = i + 1
		}
	}
	return append(items, list[start:])
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

func high(b []byte) int {
	n := 0
	for _, c := range b {
		if c >= utf8.RuneSelf {
			n++
		}
	}
	return n
}

func appendASCII(dst, b []byte) []byte {
	for _, c := range b {
		if c >= utf8.RuneSelf {
			c = '?'
		}
		dst = append(dst, c)
	}
	return dst
}
