package eml

import (
	"encoding/base64"
	"strings"

	"golang.org/x/text/unicode/norm"
)

// Mailbox is a display name and an address: "무신사 <shop@example.com>".
type Mailbox struct {
	Name    string `json:"name,omitempty"`
	Address string `json:"address"`
}

// ParseMailbox reads `Name <addr>`, `"Name" <addr>`, `<addr>`, a bare address
// or `addr (Name)`, as old Unix programs write it. RFC 2047 words in the name
// are decoded, quoted ones too, as many mailers write them; a name with a comma
// must be quoted, since it is a list otherwise. A tab, at which fields may be
// folded, is a blank. It returns an *AddressError.
func ParseMailbox(s string) (Mailbox, error) {
	phrase, rest, fault := cutPhrase(s)
	if fault != "" {
		return Mailbox{}, &AddressError{Input: s, Reason: fault}
	}
	inner := ""
	if rest == "" {
		inner, phrase = cutComment(phrase)
	} else if inner, fault = cutBrackets(rest); fault != "" {
		return Mailbox{}, &AddressError{Input: s, Reason: fault}
	}
	address, err := ParseAddress(inner)
	if err != nil {
		bad := err.(*AddressError)
		return Mailbox{}, &AddressError{Input: s, Reason: bad.Reason, Code: bad.Code}
	}
	name := strings.TrimSpace(strings.ReplaceAll(DecodeHeader(phrase), "\t", " "))
	if CheckHeader(name) != nil {
		return Mailbox{}, &AddressError{Input: s, Reason: "the name has a control character"}
	}
	return Mailbox{Name: name, Address: address}, nil
}

// cutComment parts `addr (Name)`.
func cutComment(s string) (address, name string) {
	at := max(strings.IndexByte(s, '('), 0)
	comment := strings.TrimSpace(s[at:])
	if !isComment(comment) || strings.TrimSpace(s[:at]) == "" {
		return s, ""
	}
	return s[:at], comment[1 : len(comment)-1]
}

// isComment reports whether s is one comment, without others inside.
func isComment(s string) bool {
	return len(s) >= 2 && s[0] == '(' && strings.IndexAny(s[1:], "()") == len(s)-2 && s[len(s)-1] == ')'
}

// cutBrackets takes the address out of `<addr>`; a comment may follow.
func cutBrackets(s string) (address, fault string) {
	address, after, found := strings.Cut(s[len("<"):], ">")
	if !found {
		return "", "the > after the address is missing"
	}
	if after = strings.TrimSpace(after); after != "" && !isComment(after) {
		return "", "something follows the >, where only one address goes"
	}
	return address, ""
}

// cutPhrase takes the quotes off what stands before the < that opens the
// address; rest begins with that <, or is "" if there is none, and then phrase
// is s itself.
func cutPhrase(s string) (phrase, rest, fault string) {
	var b strings.Builder
	quoted, comma := false, false
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '"':
			quoted = !quoted
		case quoted && c == '\\' && i+1 < len(s):
			i++
			b.WriteByte(s[i])
		case quoted:
			b.WriteByte(c)
		case c == '<' && comma:
			return "", "", "it has a comma outside quotation marks, where only one address goes"
		case c == '<':
			return b.String(), s[i:], ""
		default:
			comma = comma || c == ','
			b.WriteByte(c)
		}
	}
	if quoted && strings.Contains(s, "<") {
		return "", "", "the closing quotation mark of the name is missing"
	}
	return s, "", ""
}

// String is how people write it, not encoded: 무신사 <shop@example.com>.
// ParseMailbox reads it back.
func (m Mailbox) String() string {
	name := cleanName(m.Name)
	if name == "" {
		return m.Address
	}
	if strings.ContainsAny(name, `"\,<>`) {
		name = quote(name)
	}
	return name + " <" + m.Address + ">"
}

// maxPlainName is how many octets of an ASCII name go out as they are: quoted,
// each may take two, and all may stand on one line.
const maxPlainName = 200

// maxNameWord is how many octets of a name go into one RFC 2047 word, so that
// it fits behind "Reply-To: " in 76 columns.
const maxNameWord = 39

// Header is the mailbox as a header field's value: the name quoted or in
// RFC 2047 words where it must be. Control characters in the name, which
// CheckHeader refuses, are left out.
func (m Mailbox) Header() string {
	name := cleanName(m.Name)
	switch {
	case name == "":
		return m.Address
	case !plainText(name) || len(name) > maxPlainName:
		return nameWords(name) + " <" + m.Address + ">"
	case !isPhrase(name):
		return quote(name) + " <" + m.Address + ">"
	}
	return name + " <" + m.Address + ">"
}

// cleanName is the name in NFC without control characters and broken bytes.
func cleanName(name string) string {
	if CheckHeader(name) != nil {
		name = strings.Map(func(r rune) rune {
			if isControl(r) {
				return -1
			}
			return r
		}, strings.ToValidUTF8(name, "\uFFFD"))
	}
	return norm.NFC.String(strings.TrimSpace(name))
}

// isPhrase reports whether ASCII text is atoms with single spaces between
// (RFC 5322 3.2.5), so that it needs no quotes.
func isPhrase(name string) bool {
	for i := 0; i < len(name); i++ {
		if !isAtext(name[i]) && (name[i] != ' ' || name[i-1] == ' ') {
			return false
		}
	}
	return true
}

func quote(name string) string {
	return `"` + strings.NewReplacer(`"`, `\"`, `\`, `\\`).Replace(name) + `"`
}

// nameWords is the name in RFC 2047 words with a space between them, where the
// field can be folded.
func nameWords(name string) string {
	var b []byte
	for name != "" {
		n := runesWithin(name, maxNameWord)
		if len(b) > 0 {
			b = append(b, ' ')
		}
		b = appendWord(b, name[:n])
		name = name[n:]
	}
	return string(b)
}

// appendWord appends one RFC 2047 B-word.
func appendWord(dst []byte, text string) []byte {
	dst = append(dst, wordOpen...)
	dst = base64.StdEncoding.AppendEncode(dst, []byte(text))
	return append(dst, wordClose...)
}
