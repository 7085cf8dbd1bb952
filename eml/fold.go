package eml

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

const (
	foldAt  = 76  // octets of a line without its CRLF where it can be: RFC 2047 2
	maxLine = 998 // octets of a line without its CRLF: RFC 5322 2.1.1; SES takes no longer ones
)

// AppendHeader appends one header field with its CRLF: value, in NFC, in
// RFC 2047 B-words where it is not printable ASCII (a Korean space between two
// words survives), folded so that no line passes 76 octets where it can be,
// 998 never. The value must have passed CheckHeader; a CR, LF or NUL in it is a
// broken invariant and panics.
func AppendHeader(dst []byte, name, value string) []byte {
	if plainText(value) {
		return AppendRawHeader(dst, name, value)
	}
	mustBeOneLine(name, value)
	if !utf8.ValidString(value) {
		value = strings.ToValidUTF8(value, "\uFFFD")
	}
	value = norm.NFC.String(value)
	dst = append(append(dst, name...), ':')
	column := len(name) + 1
	if wordRoom(column) < utf8.UTFMax {
		dst, column = append(dst, "\r\n"...), 0
	}
	for value != "" {
		n := runesWithin(value, wordRoom(column))
		dst = appendWord(append(dst, ' '), value[:n])
		dst = append(dst, "\r\n"...)
		value, column = value[n:], 0
	}
	return dst
}

// AppendRawHeader appends a field whose value is ASCII and already encoded
// (addresses from Mailbox.Header, ids, URLs), folding at its spaces only: a URL
// is never broken, however long it is. The first line is not left empty where
// that keeps within 998 octets: Python's reader would take the fold as part of
// the value. A CR, LF or NUL in the value is a broken invariant and panics.
func AppendRawHeader(dst []byte, name, value string) []byte {
	mustBeOneLine(name, value)
	dst = append(append(dst, name...), ':')
	column := len(name) + 1
	value = strings.Trim(value, " \t")
	if value != "" {
		value = " " + value
	}
	for limit := maxLine; value != ""; limit = foldAt {
		n := stretch(value)
		if column+n > limit && column > 0 {
			dst, column = append(dst, "\r\n"...), 0
		}
		dst = append(dst, value[:n]...)
		value, column = value[n:], column+n
	}
	return append(dst, "\r\n"...)
}

// CheckHeader refuses a value that must never reach a header: CR, LF, NUL,
// other C0, DEL and C1 controls, invalid UTF-8. The error is a *Problem.
func CheckHeader(value string) error {
	for i := 0; i < len(value); {
		r, n := rune(value[i]), 1
		if r >= utf8.RuneSelf {
			r, n = utf8.DecodeRuneInString(value[i:])
		}
		if r == utf8.RuneError && n == 1 {
			return &Problem{
				What: fmt.Sprintf("the header value is not valid UTF-8 at byte %d", i+1),
				Hint: "save the text as UTF-8",
			}
		}
		if isControl(r) {
			return &Problem{
				What: fmt.Sprintf("the header value has %s at byte %d", controlName(r), i+1),
				Hint: "take it out: a header is one line of text",
			}
		}
		i += n
	}
	return nil
}

func controlName(r rune) string {
	switch r {
	case '\r', '\n':
		return "a line break"
	case '\t':
		return "a tab"
	}
	return fmt.Sprintf("a control character (U+%04X)", r)
}

// mustBeOneLine holds the invariant against header injection at the last door.
func mustBeOneLine(name, value string) {
	if strings.ContainsAny(value, "\r\n\x00") {
		panic("eml: the value of header " + name + " has a line break or NUL: it never passed CheckHeader")
	}
}

// maxStretch is the longest unbroken ASCII that goes into a header as it is;
// longer text goes into words, so that no line passes maxLine.
const maxStretch = 800

// plainText reports whether a value is its own encoding: printable ASCII with
// nothing that looks like a word, no space lost at its ends, no endless stretch.
func plainText(value string) bool {
	if strings.Trim(value, " ") != value || strings.Contains(value, "=?") {
		return false
	}
	last := 0 // where the stretch began
	for i := 0; i < len(value); i++ {
		c := value[i]
		if c < ' ' || c > '~' || i-last > maxStretch {
			return false
		}
		if c == ' ' && value[i-1] != ' ' {
			last = i
		}
	}
	return true
}

// stretch is the length of the white space value begins with and of what
// follows up to the next white space: what one line must hold together.
func stretch(value string) int {
	n := 0
	for n < len(value) && (value[n] == ' ' || value[n] == '\t') {
		n++
	}
	for n < len(value) && value[n] != ' ' && value[n] != '\t' {
		n++
	}
	return n
}

// wordRoom is how many octets of text fit into a word that begins behind a
// space at the column.
func wordRoom(column int) int {
	return (foldAt - column - len(" ") - len(wordOpen) - len(wordClose)) / 4 * 3
}

// runesWithin is the length of the longest prefix of whole runes within limit
// octets, at least one rune.
func runesWithin(s string, limit int) int {
	if len(s) <= limit {
		return len(s)
	}
	n := limit
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	if n == 0 {
		_, n = utf8.DecodeRuneInString(s)
	}
	return n
}
