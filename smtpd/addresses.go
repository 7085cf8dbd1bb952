package smtpd

import "strings"

// addressesIn are the addresses of a header field's value (RFC 5322 3.4, read
// leniently): display names, comments and group names left out. What cannot be
// an address comes out as it is, for the reader of addresses to refuse.
func addressesIn(value string) []string {
	var out []string
	c := addressCutter{text: value}
	for c.more() {
		if part := c.next(); part != "" {
			out = append(out, part)
		}
	}
	return out
}

// addressCutter walks a list of addresses.
type addressCutter struct {
	text string
	at   int
}

func (c *addressCutter) more() bool { return c.at < len(c.text) }

// next is one address, or "" between two commas. Angle brackets, where there
// are any, hold it.
func (c *addressCutter) next() string {
	var plain, angle strings.Builder
	bracketed, inside := false, false
	for ; c.more(); c.at++ {
		b := &plain
		if inside {
			b = &angle
		}
		switch ch := c.text[c.at]; {
		case ch == '(':
			c.comment()
		case ch == '"':
			c.quoted(b)
		case ch == '\\' && c.at+1 < len(c.text):
			b.WriteByte(ch)
			c.at++
			b.WriteByte(c.text[c.at])
		case ch == '<' && !inside:
			bracketed, inside = true, true
			angle.Reset()
		case ch == '>' && inside:
			inside = false
		case ch == ':' && !inside && strings.TrimSpace(plain.String()) != "":
			plain.Reset() // what came before is a group's name
		case (ch == ',' || ch == ';') && !inside:
			c.at++
			return pick(plain.String(), angle.String(), bracketed)
		default:
			b.WriteByte(ch)
		}
	}
	return pick(plain.String(), angle.String(), bracketed)
}

func pick(plain, angle string, bracketed bool) string {
	if !bracketed {
		return strings.TrimSpace(plain)
	}
	angle = strings.TrimSpace(angle)
	if strings.HasPrefix(angle, "@") { // a source route, RFC 5321 4.1.1.3
		if _, after, ok := strings.Cut(angle, ":"); ok {
			return after
		}
	}
	return angle
}

// comment skips one, with those inside it; at stays on its last byte.
func (c *addressCutter) comment() {
	depth := 0
	for ; c.more(); c.at++ {
		switch c.text[c.at] {
		case '\\':
			c.at++
		case '(':
			depth++
		case ')':
			if depth--; depth == 0 {
				return
			}
		}
	}
}

// quoted copies a quoted string with its quotes; at stays on its last byte.
func (c *addressCutter) quoted(b *strings.Builder) {
	b.WriteByte('"')
	for c.at++; c.more(); c.at++ {
		ch := c.text[c.at]
		b.WriteByte(ch)
		switch {
		case ch == '"':
			return
		case ch == '\\' && c.at+1 < len(c.text):
			c.at++
			b.WriteByte(c.text[c.at])
		}
	}
}
