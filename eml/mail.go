package eml

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Mail is one message to compose: multipart/alternative when it has both a
// text and an HTML part, UTF-8 in base64 (smaller than quoted-printable for
// Korean, and a third of its CPU).
//
//	multipart/mixed              with Attach
//	  multipart/alternative      with Text and HTML
//	    text/plain
//	    multipart/related        with HTML and Inline
//	      text/html
//	      image/…
//	  attachments
//
// A level that would hold one part is left out. Line ends of Text and HTML
// become CRLF (RFC 2046 4.1.1).
type Mail struct {
	From      Mailbox
	To        Mailbox // without an address the field is left out
	ReplyTo   string  // an address or mailbox; "" leaves the field out
	Subject   string
	Text      string
	HTML      string
	Date      time.Time   // zero leaves the field out
	MessageID string      // without the angle brackets; "" leaves the field out
	Headers   [][2]string // further fields: name, value; values are checked; ASCII goes as it is
	Inline    []Part      // cid: images of the HTML part (multipart/related); without HTML they are attachments
	Attach    []Part      // attachments (multipart/mixed)
}

// Part is an inline image or an attachment.
type Part struct {
	Name        string // file name, may be Korean (RFC 2231); "" gives none
	ContentType string // "" means application/octet-stream
	ContentID   string // without the angle brackets; "" for an attachment
	Data        []byte
	Coded       []byte // Data as AppendBase64 makes it, to code a file once for many mails; Data is not looked at then
}

// AppendPart appends a part of a multipart as it stands between two
// boundaries: its header, an empty line, its content. disposition is "inline"
// or "attachment". Errors are those of Mail.AppendTo for parts; then dst is
// returned as it was.
func AppendPart(dst []byte, p Part, disposition string) ([]byte, error) {
	if err := checkParts([]Part{p}); err != nil {
		return dst, err
	}
	w := writer{dst: dst}
	w.part(&p, disposition)
	return w.dst, nil
}

// AppendTo appends the whole message with CRLF line ends. It returns a
// *Problem or an *AddressError when an address, an id or a value cannot stand
// in a header (CheckHeader), or a further header is one that Mail writes by
// itself (SES refuses doubles); then dst is returned as it was.
// Boundaries are derived from MessageID, so one Mail always gives the same bytes.
func (m *Mail) AppendTo(dst []byte) ([]byte, error) {
	before := len(dst)
	dst, err := m.appendHeaders(slices.Grow(dst, m.sizeAbout()))
	if err != nil {
		return dst[:before], err
	}
	w := writer{dst: dst, seed: m.boundarySeed()}
	inline, attach := m.Inline, m.Attach
	if m.HTML == "" && len(inline) > 0 {
		inline, attach = nil, slices.Concat(inline, attach)
	}
	if err := checkParts(inline, attach); err != nil {
		return dst[:before], err
	}
	w.mixed(m, inline, attach)
	return w.dst, nil
}

// sizeAbout is enough room for the finished message, so that composing it
// moves it once at most.
func (m *Mail) sizeAbout() int {
	const headers, perPart = 2 << 10, 512
	size := headers + coded(len(m.Text)) + len(m.Text) + coded(len(m.HTML)) + len(m.HTML)
	for _, parts := range [][]Part{m.Inline, m.Attach} {
		for _, p := range parts {
			size += perPart + coded(len(p.Data)) + len(p.Coded)
		}
	}
	for _, h := range m.Headers {
		size += 2 * (len(h[0]) + len(h[1]))
	}
	return size
}

// appendHeaders appends the fields of the message itself in the order people
// are used to, the MIME ones follow with the first part.
func (m *Mail) appendHeaders(dst []byte) ([]byte, error) {
	dst, err := m.appendAddresses(dst)
	if err != nil {
		return dst, err
	}
	if err := CheckHeader(m.Subject); err != nil {
		return dst, about("the subject", err)
	}
	dst = AppendHeader(dst, "Subject", m.Subject)
	if !m.Date.IsZero() {
		dst = append(dst, "Date: "...)
		dst = m.Date.AppendFormat(dst, time.RFC1123Z)
		dst = append(dst, "\r\n"...)
	}
	if m.MessageID != "" {
		if !validID(m.MessageID) {
			return dst, badID("message id", m.MessageID)
		}
		dst = AppendRawHeader(dst, "Message-ID", "<"+m.MessageID+">")
	}
	for _, h := range m.Headers {
		if err := m.checkFurther(h[0], h[1]); err != nil {
			return dst, err
		}
		if isASCII(h[1]) {
			dst = AppendRawHeader(dst, h[0], h[1])
		} else {
			dst = AppendHeader(dst, h[0], h[1])
		}
	}
	return append(dst, "MIME-Version: 1.0\r\n"...), nil
}

func (m *Mail) appendAddresses(dst []byte) ([]byte, error) {
	dst, err := appendMailbox(dst, "From", m.From)
	if err != nil {
		return dst, err
	}
	if m.To != (Mailbox{}) {
		if dst, err = appendMailbox(dst, "To", m.To); err != nil {
			return dst, err
		}
	}
	if m.ReplyTo == "" {
		return dst, nil
	}
	reply, err := ParseMailbox(m.ReplyTo)
	if err != nil {
		return dst, err
	}
	return appendMailbox(dst, "Reply-To", reply)
}

func appendMailbox(dst []byte, field string, box Mailbox) ([]byte, error) {
	if err := CheckHeader(box.Name); err != nil {
		return dst, about("the name in "+field, err)
	}
	address, err := ParseAddress(box.Address)
	if err != nil {
		return dst, err
	}
	return AppendRawHeader(dst, field, Mailbox{Name: box.Name, Address: address}.Header()), nil
}

// checkFurther checks one of Headers.
func (m *Mail) checkFurther(name, value string) error {
	if !validName(name) || len(name) > maxName {
		return &Problem{
			What: fmt.Sprintf("%q cannot be the name of a header", Visible(name)),
			Hint: fmt.Sprintf("use up to %d letters, digits and hyphens", maxName),
		}
	}
	if m.writes(name) {
		return &Problem{
			What: "header " + name + " is written by itself",
			Hint: "take it out of the further headers: SES refuses a mail that has it twice",
		}
	}
	if err := CheckHeader(value); err != nil {
		return about("header "+name, err)
	}
	if isASCII(value) && longestStretch(value) > maxLine-len(" ") {
		return &Problem{
			What: fmt.Sprintf("header %s has more than %d characters without a space", name, maxLine),
			Hint: "shorten it: no line of a mail may be longer (RFC 5322 2.1.1)",
		}
	}
	return nil
}

// maxName is the longest name of a header SES takes (SES API, MessageHeader).
const maxName = 126

// writes reports whether Mail itself writes the field.
func (m *Mail) writes(name string) bool {
	switch lower := strings.ToLower(name); lower {
	case "from", "to", "subject", "mime-version":
		return true
	case "reply-to":
		return m.ReplyTo != ""
	case "date":
		return !m.Date.IsZero()
	case "message-id":
		return m.MessageID != ""
	default:
		return strings.HasPrefix(lower, "content-")
	}
}

// about puts the place before what CheckHeader said.
func about(place string, err error) error {
	p := err.(*Problem) // CheckHeader returns nothing else
	return &Problem{What: place + ": " + p.What, Hint: p.Hint, Err: p}
}

// validID reports whether s can stand between the brackets of a Message-ID or
// Content-ID: printable ASCII without blanks and brackets.
func validID(s string) bool {
	for i := 0; i < len(s); i++ {
		if c := s[i]; c <= ' ' || c > '~' || c == '<' || c == '>' {
			return false
		}
	}
	return s != "" && len(s) <= maxID
}

const maxID = 900 // leaves room for the name in a line of maxLine

func badID(kind, id string) error {
	return &Problem{
		What: fmt.Sprintf("%s %q cannot stand in a header", kind, Visible(id)),
		Hint: fmt.Sprintf("use up to %d ASCII characters without spaces and angle brackets", maxID),
	}
}

// boundarySeed is what all boundaries of this message share.
func (m *Mail) boundarySeed() string {
	sum := sha256.Sum256([]byte(m.MessageID))
	return hex.EncodeToString(sum[:12])
}

func isASCII(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] >= 0x80 {
			return false
		}
	}
	return true
}

// longestStretch is the most AppendRawHeader must put on one line.
func longestStretch(value string) int {
	longest := 0
	for value != "" {
		n := stretch(value)
		longest, value = max(longest, n), value[n:]
	}
	return longest
}
