package emulator

import (
	"bytes"
	"net/mail"
	"slices"
	"strings"
	"time"
)

const (
	maxRecipients  = 50               // To, Cc and Bcc; SES Developer Guide, "Service quotas"
	maxMessage     = 40 << 20         // after base64, the same page
	maxLine        = 1000             // octets with the line end; API reference, RawMessage
	maxSendBody    = maxMessage + 2e6 // the JSON round it
	maxHeaderField = 1_000            // fields; our bound
)

// message is a raw mail with its header found.
type message struct {
	raw    []byte
	fields []field
	body   int // where the empty line ends
}

// field is a header field: raw[start:end] are all its lines.
type field struct {
	name              string // in lower case
	start, colon, end int
}

// parseMessage finds the header and checks what SES checks of raw content.
func parseMessage(raw []byte) (*message, *apiError) {
	m := &message{raw: raw}
	if err := m.scan(); err != nil {
		return nil, err
	}
	if at := longLine(raw); at > 0 {
		return nil, badRequest("Line %d is longer than %d octets.", at, maxLine)
	}
	if bytes.IndexByte(raw, 0) >= 0 {
		return nil, badRequest("The message contains a NUL octet.")
	}
	if name := m.duplicate(); name != "" {
		return nil, badRequest("Duplicate header '%s'.", name)
	}
	return m, nil
}

func (m *message) scan() *apiError {
	for at := 0; at < len(m.raw); {
		end := lineEnd(m.raw, at)
		line := bytes.TrimRight(m.raw[at:end], "\r\n")
		switch {
		case len(line) == 0:
			m.body = end
			return nil
		case line[0] == ' ' || line[0] == '\t':
			if len(m.fields) == 0 {
				return badRequest("The first header line is a continuation.")
			}
			m.fields[len(m.fields)-1].end = end
		default:
			colon := bytes.IndexByte(line, ':')
			if colon <= 0 || !fieldName(line[:colon]) {
				return badRequest("Header line %d is not a header field.", len(m.fields)+1)
			}
			if len(m.fields) == maxHeaderField {
				return badRequest("The message has too many header fields.")
			}
			m.fields = append(m.fields, field{strings.ToLower(string(line[:colon])), at, at + colon, end})
		}
		at = end
	}
	return badRequest("The message has no body: an empty line must end the header.")
}

func lineEnd(raw []byte, at int) int {
	if n := bytes.IndexByte(raw[at:], '\n'); n >= 0 {
		return at + n + 1
	}
	return len(raw)
}

// fieldName allows white space before the colon, as SES does not mind it.
func fieldName(name []byte) bool {
	for _, c := range bytes.TrimRight(name, " \t") {
		if c <= ' ' || c > '~' {
			return false
		}
	}
	return true
}

// longLine is the number of the first line over the limit, 0 if there is none.
func longLine(raw []byte) int {
	for at, n := 0, 1; at < len(raw); n++ {
		end := lineEnd(raw, at)
		if end-at > maxLine {
			return n
		}
		at = end
	}
	return 0
}

// value is a field's value, unfolded.
func (m *message) value(f field) string {
	v := string(bytes.TrimSpace(m.raw[f.colon+1 : f.end]))
	if strings.ContainsAny(v, "\r\n") {
		v = strings.NewReplacer("\r\n", "", "\n", "").Replace(v)
	}
	return v
}

// get is the first value of a name given in lower case.
func (m *message) get(name string) string {
	for _, f := range m.fields {
		if f.name == name {
			return m.value(f)
		}
	}
	return ""
}

// duplicate is the name, as written, of a field that may stand once but stands
// twice.
func (m *message) duplicate() string {
	for i, f := range m.fields {
		for _, g := range m.fields[:i] {
			if g.name == f.name && once(f.name) {
				return string(m.raw[f.start:f.colon])
			}
		}
	}
	return ""
}

// once reports whether a field may stand only once (SES Developer Guide,
// "Header fields").
func once(name string) bool {
	switch name {
	case "accept-language", "acceptlanguage", "archived-at", "auto-submitted", "bounces-to", "comments",
		"content-alternative", "content-base", "content-class", "content-description", "content-disposition",
		"content-duration", "content-id", "content-language", "content-length", "content-location",
		"content-md5", "content-transfer-encoding", "content-type", "date", "delivered-to",
		"disposition-notification-options", "disposition-notification-to", "dkim-signature",
		"domainkey-signature", "errors-to", "from", "importance", "in-reply-to", "keywords", "list-archive",
		"list-help", "list-id", "list-owner", "list-post", "list-subscribe", "list-unsubscribe",
		"list-unsubscribe-post", "message-context", "message-id", "mime-version", "organization",
		"original-from", "original-message-id", "original-recipient", "original-subject", "precedence",
		"priority", "references", "reply-to", "return-path", "return-receipt-to", "sender", "sensitivity",
		"solicitation", "subject", "thread-index", "thread-topic", "user-agent", "vbr-info":
		return true
	}
	return false
}

// addresses are the bare addresses of a header's lists, in order.
func (m *message) addresses(names ...string) []string {
	var out []string
	for _, f := range m.fields {
		if slices.Contains(names, f.name) {
			out = append(out, addressList(m.value(f))...)
		}
	}
	return out
}

// addressList reads a list; what net/mail cannot read (raw 8-bit names) is
// split at commas and taken from the angle brackets.
func addressList(v string) []string {
	var out []string
	if list, err := mail.ParseAddressList(v); err == nil {
		for _, a := range list {
			out = append(out, a.Address)
		}
		return out
	}
	for _, one := range strings.Split(v, ",") {
		if a := bare(one); a != "" {
			out = append(out, a)
		}
	}
	return out
}

// bare is the address of `Name <addr>` or `addr`.
func bare(s string) string {
	if i := strings.LastIndexByte(s, '<'); i >= 0 {
		s, _, _ = strings.Cut(s[i+1:], ">")
	}
	return strings.TrimSpace(s)
}

// stored is the mail as SES hands it on: its own Return-Path, Message-ID and
// Date, the From of the call if there was one, no Bcc, none of its own
// X-SES- fields; all else byte for byte.
func (m *message) stored(id, from string, at time.Time) []byte {
	out := make([]byte, 0, len(m.raw)+512)
	out = append(out, "Return-Path: <"+id+"@amazonses.com>\r\n"...)
	for _, f := range m.fields {
		switch {
		case f.name == "from" && from != "":
			out = append(out, "From: "+from+"\r\n"...)
		case f.name == "message-id", f.name == "date", f.name == "bcc", f.name == "return-path",
			strings.HasPrefix(f.name, "x-ses-"):
		default:
			out = append(out, m.raw[f.start:f.end]...)
		}
	}
	out = append(out, "Date: "+at.UTC().Format(time.RFC1123Z)+"\r\n"...)
	out = append(out, "Message-ID: <"+id+"@email.amazonses.com>\r\n\r\n"...)
	return append(out, m.raw[m.body:]...)
}
