package eml

import (
	"strings"
	"unicode/utf8"
)

// Mask is a text in which every e-mail address has only the first letter of its
// local part left: kim@example.com becomes k***@example.com. It errs on the
// side of hiding: whatever stands before an @ counts as a local part, up to the
// blank or bracket before it.
func Mask(text string) string {
	if strings.IndexByte(text, '@') < 0 {
		return text
	}
	var out strings.Builder
	for {
		at := strings.IndexByte(text, '@')
		if at < 0 {
			out.WriteString(text)
			return out.String()
		}
		start := localStart(text[:at])
		out.WriteString(text[:start])
		if start < at {
			_, size := utf8.DecodeRuneInString(text[start:at])
			out.WriteString(text[start:start+size] + "***")
		}
		out.WriteByte('@')
		text = text[at+1:]
	}
}

// localStart is where the local part begins that a text ends with.
func localStart(text string) int {
	if whole, quoted := strings.CutSuffix(text, `"`); quoted {
		if open := strings.LastIndexByte(whole, '"'); open >= 0 {
			return open
		}
	}
	return strings.LastIndexAny(text, " \t\r\n<>()[]{},;:\"") + 1 // what ends one that is not quoted: one byte each
}
