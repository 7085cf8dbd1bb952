package campaign

import "strings"

// appendValue writes a value as its place in the letter demands.
func appendValue(dst []byte, s string, e *expr) []byte {
	if e.verbatim {
		return append(dst, strings.ReplaceAll(s, "\r", "")...)
	}
	if e.urlStart && !safeLink(s) {
		return append(dst, '#')
	}
	if e.bare {
		return append(dst, strings.NewReplacer(" ", "&#32;", "\t", "&#9;", "\f", "&#12;", "=", "&#61;", "`", "&#96;").Replace(string(appendEscaped(nil, s, true)))...)
	}
	return appendEscaped(dst, s, e.inTag)
}

// appendEscaped escapes for HTML. In running text a line end becomes <br>.
func appendEscaped(dst []byte, s string, inTag bool) []byte {
	from := 0
	for i := 0; i < len(s); i++ {
		var with string
		switch s[i] {
		case '&':
			with = "&amp;"
		case '<':
			with = "&lt;"
		case '>':
			with = "&gt;"
		case '"':
			with = "&quot;"
		case '\'':
			with = "&#39;"
		case '\r':
			with = ""
		case '\n':
			if with = "<br>\n"; inTag {
				with = " "
			}
		default:
			continue
		}
		dst = append(dst, s[from:i]...)
		dst = append(dst, with...)
		from = i + 1
	}
	return append(dst, s[from:]...)
}

// safeLink reports whether a value may begin a link: http, https, mailto, tel
// or no scheme at all. Anything else (javascript:, data:) becomes #.
func safeLink(s string) bool {
	i := strings.IndexAny(s, ":/?#")
	if i < 0 || s[i] != ':' {
		return !strings.ContainsAny(s, "\x00\t\r\n")
	}
	switch strings.ToLower(s[:i]) {
	case "http", "https", "mailto", "tel":
		return true
	}
	return false
}
