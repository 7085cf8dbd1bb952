package smtpd

import (
	"bytes"
	"strings"

	"pabal/eml"
)

// fields codes header fields with raw 8-bit text, folds overlong ones and takes
// blanks before the colon away, each in its place.
func (c *converter) fields(header *eml.Header) error {
	todo := false
	for _, f := range header.Fields() {
		todo = todo || !clean(f.Raw) || spaced(f)
	}
	if !todo {
		return nil
	}
	var raw []byte
	for _, f := range header.Fields() {
		switch {
		case !clean(f.Raw):
			raw = appendField(raw, f)
		case spaced(f):
			raw = append(append(raw, f.Name...), f.Raw[bytes.IndexByte(f.Raw, ':'):]...)
		default:
			raw = append(raw, f.Raw...)
		}
	}
	recoded, _, err := eml.Split(append(raw, "\r\n"...))
	if err != nil {
		return notConverted("a header field with 8-bit text cannot be read")
	}
	*header = recoded
	for _, f := range header.Fields() {
		if longLine(f.Raw) { // no blank to fold it at: SES would refuse it later
			return refusal(550, "5.6.0", "the header field "+eml.Visible(eml.Cut(f.Name, 50))+" has over 998 octets without a blank, where no line can end; shorten it")
		}
	}
	return nil
}

// spaced reports whether blanks stand before a field's colon, which was right
// before RFC 2822 and hides the field from many readers.
func spaced(f eml.Field) bool { return f.Raw[len(f.Name)] != ':' }

// appendField codes one field: display names, parameters by RFC 2231, anything
// else as text.
func appendField(dst []byte, f eml.Field) []byte {
	value := f.Value()
	plain := isASCII(value)
	switch strings.ToLower(f.Name) {
	case "subject", "comments", "keywords", "content-description", "organization", "thread-topic": // for people: words may hold what has no blanks
		plain = false
	case "from", "sender", "reply-to", "to", "cc", "resent-from", "resent-sender", "resent-to", "resent-cc",
		"disposition-notification-to", "return-receipt-to", "errors-to":
		return eml.AppendRawHeader(dst, f.Name, encodeList(value))
	case "references", "in-reply-to":
		value = strings.ReplaceAll(value, "><", "> <")
	case "content-type", "content-disposition":
		if coded, ok := encodeParams(value); ok && !plain {
			return eml.AppendRawHeader(dst, f.Name, coded)
		}
	}
	if plain {
		return eml.AppendRawHeader(dst, f.Name, value)
	}
	return appendText(dst, f.Name, value)
}

// encodeList is a list of addresses with its 8-bit entries coded, and with
// blanks between them, where it can be folded, if it is long.
func encodeList(value string) string {
	text, charset := readable(value)
	l := parseList(text)
	for i := range l.entries {
		e := &l.entries[i]
		address, err := eml.ParseAddress(e.address)
		switch {
		case isASCII(e.text):
		case e.group:
			e.text = phrase(e.name) + ":"
		case err == nil:
			e.text = e.named(address)
		case e.address != "" && isASCII(e.address):
			e.text = e.named(e.address)
		default:
			e.text = encodeText(e.text, charset, notAtom)
		}
		if len(value) > longToken && strings.TrimRight(e.lead, " \t") == e.lead {
			e.lead += " "
		}
	}
	return l.String()
}
