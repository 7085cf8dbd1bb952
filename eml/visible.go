package eml

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Visible is the one sanitiser foreign text passes before a terminal, a log
// line or an error message: C0, DEL and C1 controls (as runes and as bare
// bytes), bidi controls (U+200E/F, U+202A-E, U+2066-9), zero-width, blank and
// unassigned format characters and invalid UTF-8 become visible escapes such as \x1b or
// \u202e; a newline (LF or CRLF) and a tab become one space. Text without them
// is returned as it is. The result holds no control character and is valid UTF-8.
func Visible(s string) string {
	clean := cleanPrefix(s)
	if clean == len(s) {
		return s
	}
	var b strings.Builder
	b.Grow(len(s) + 16)
	b.WriteString(s[:clean])
	for i := clean; i < len(s); {
		r, n := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == '\n' || r == '\t':
			b.WriteByte(' ')
		case r == '\r' && strings.HasPrefix(s[i+1:], "\n"): // the newline makes the space
		case r == utf8.RuneError && n == 1, r < utf8.RuneSelf && isControl(r):
			fmt.Fprintf(&b, `\x%02x`, s[i])
		case r > 0xffff && unsafeRune(r):
			fmt.Fprintf(&b, `\U%08x`, r)
		case unsafeRune(r):
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			b.WriteString(s[i : i+n])
		}
		i += n
	}
	return b.String()
}

// Cut shortens a text to at most n bytes without splitting a letter.
func Cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}

// cleanPrefix is how many bytes of s can be shown as they are.
func cleanPrefix(s string) int {
	for i := 0; i < len(s); {
		if c := s[i]; c < utf8.RuneSelf {
			if c < ' ' || c == 0x7f {
				return i
			}
			i++
			continue
		}
		r, n := utf8.DecodeRuneInString(s[i:])
		if r == utf8.RuneError && n == 1 || unsafeRune(r) {
			return i
		}
		i += n
	}
	return len(s)
}

// unsafeRune reports whether a rune moves, hides or reorders text on a terminal.
func unsafeRune(r rune) bool {
	if '가' <= r && r <= '힣' { // nearly all we ever see
		return false
	}
	return isControl(r) || hidden(r)
}

// isControl reports C0, DEL and C1.
func isControl(r rune) bool { return r < ' ' || 0x7f <= r && r <= 0x9f }

// hidden reports what takes no place or shows nothing: format characters (bidi
// controls, joiners, the byte order mark, tags), line and paragraph separators,
// Hangul fillers, variation selectors but the emoji one, private and
// unassigned code points.
func hidden(r rune) bool {
	switch {
	case r == 0xfe0f || r == utf8.RuneError: // ❤ in colour; the replacement character itself
		return false
	case r == 0x115f, r == 0x1160, r == 0x3164, r == 0xffa0, // Hangul fillers
		r == 0x034f, r == 0x2800, // grapheme joiner, blank Braille
		r == 0x17b4, r == 0x17b5, // invisible Khmer vowels
		0x180b <= r && r <= 0x180f, 0xfe00 <= r && r <= 0xfe0e, 0xe0100 <= r && r <= 0xe01ef:
		return true
	}
	return !unicode.IsPrint(r) && !unicode.Is(unicode.Zs, r)
}
