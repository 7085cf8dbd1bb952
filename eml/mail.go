package eml

import "time"

// Mail is one message to compose: multipart/alternative when it has both a
// text and an HTML part, UTF-8 in base64 (smaller than quoted-printable for
// Korean, and a third of its CPU).
type Mail struct {
	From      Mailbox
	To        Mailbox
	ReplyTo   string // an address or mailbox; "" leaves the field out
	Subject   string
	Text      string
	HTML      string
	Date      time.Time
	MessageID string      // without the angle brackets
	Headers   [][2]string // further fields: name, value; values are checked
	Inline    []Part      // cid: images of the HTML part (multipart/related)
	Attach    []Part      // attachments (multipart/mixed)
}

// Part is an inline image or an attachment.
type Part struct {
	Name        string // file name, may be Korean (RFC 2231)
	ContentType string
	ContentID   string // without the angle brackets; "" for an attachment
	Data        []byte
}

// AppendTo appends the whole message with CRLF line ends. It returns an error
// when a header value fails CheckHeader; then dst is returned as it was.
// Boundaries are derived from MessageID, so one Mail always gives the same bytes.
func (m *Mail) AppendTo(dst []byte) ([]byte, error) { panic("seam") }

// AppendBase64 appends data in base64 lines of 76 characters with CRLF.
func AppendBase64(dst, data []byte) []byte { panic("seam") }
