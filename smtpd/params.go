package smtpd

import (
	"fmt"
	"mime"
	"slices"
	"strconv"
	"strings"

	"pabal/eml"
)

// param is one parameter of Content-Type or Content-Disposition.
type param struct {
	name  string // in lower case, with the stars of RFC 2231
	value string // without its quotes
	text  string // as written, from the name on
}

// parseParams reads `type; name=value; …` as it comes from programs that never
// read RFC 2045: unquoted values with blanks, doubled and raw 8-bit ones.
func parseParams(value string) (kind string, params []param) {
	end := strings.IndexByte(value, ';')
	if end < 0 {
		end = len(value)
	}
	kind = strings.ToLower(strings.TrimSpace(value[:end]))
	for rest := value[end:]; rest != ""; {
		rest = strings.TrimLeft(rest, "; \t")
		var p param
		p, rest = cutParam(rest)
		if p.name != "" {
			params = append(params, p)
		}
	}
	return kind, params
}

func cutParam(s string) (p param, rest string) {
	at := strings.IndexAny(s, "=;")
	if at < 0 || s[at] == ';' {
		if at < 0 {
			at = len(s)
		}
		return param{text: strings.TrimSpace(s[:at])}, s[at:]
	}
	p.name = strings.ToLower(strings.TrimSpace(s[:at]))
	value := strings.TrimLeft(s[at+1:], " \t")
	if strings.HasPrefix(value, `"`) {
		if end := quotedEnd(value, 0); end > 1 {
			p.value = unquote(value[:end])
			p.text = s[:len(s)-len(value)+end]
			rest = value[end:]
			if at = strings.IndexByte(rest, ';'); at < 0 {
				at = len(rest)
			}
			return p, rest[at:] // a comment is all that may stand between
		}
	}
	end := strings.IndexByte(value, ';')
	if end < 0 {
		end = len(value)
	}
	p.value = strings.TrimSpace(value[:end])
	p.text = strings.TrimSpace(s[:len(s)-len(value)+end])
	return p, value[end:]
}

// boundaryOf is the boundary in a Content-Type with these parameters, "" for
// none.
func boundaryOf(contentType string, params []param) string {
	for _, p := range params {
		if p.name == "boundary" {
			value := p.value
			if !strings.HasSuffix(p.text, `"`) { // unquoted: a comment may follow
				value, _, _ = strings.Cut(value, " ")
			}
			return strings.TrimRight(value, " \t")
		}
	}
	if _, known, err := mime.ParseMediaType(contentType); err == nil {
		return known["boundary"] // in pieces, RFC 2231
	}
	return ""
}

// charsetOf is the charset a text says it has, in lower case.
func charsetOf(params []param) string {
	for _, p := range params {
		if p.name == "charset" || p.name == "charset*" {
			return strings.ToLower(p.value)
		}
	}
	return ""
}

const maxPieces = 1000 // of one file name, RFC 2231 3

// fileNames are all the names parameters may give a file: plain, in RFC 2047
// words as old Outlook writes them, and as RFC 2231 has them, in pieces too.
func fileNames(params []param) []string {
	var out []string
	pieces := map[string]map[int]string{}
	for _, p := range params {
		base, star, _ := strings.Cut(p.name, "*")
		if base != "name" && base != "filename" {
			continue
		}
		text, _ := readable(p.value)
		if strings.HasSuffix(p.name, "*") {
			text = percentDecoded(text)
		}
		out = append(out, text, eml.DecodeHeader(text))
		n, err := strconv.Atoi(strings.TrimSuffix(star, "*"))
		if err != nil || n < 0 || n > maxPieces {
			continue
		}
		if pieces[base] == nil {
			pieces[base] = map[int]string{}
		}
		pieces[base][n] = text
	}
	for _, byNumber := range pieces {
		name := ""
		for i := 0; i <= maxPieces && len(byNumber) > 0; i++ {
			name += byNumber[i]
			delete(byNumber, i)
		}
		out = append(out, name)
	}
	return out
}

// percentDecoded undoes the coding of RFC 2231 4, and leaves charset and
// language out where they stand in front.
func percentDecoded(s string) string {
	if parts := strings.SplitN(s, "'", 3); len(parts) == 3 {
		s = parts[2]
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '%' && i+2 < len(s) {
			if c, err := strconv.ParseUint(s[i+1:i+3], 16, 8); err == nil {
				b.WriteByte(byte(c))
				i += 2
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// encodeParams is a value of Content-Type or Content-Disposition with its 8-bit
// parameters coded by RFC 2231, the others as they are. ok is false where more
// than parameters is not ASCII.
func encodeParams(value string) (coded string, ok bool) {
	text, charset := readable(value)
	if charset == unknownCharset {
		charset = "" // RFC 2231 4: not known
	}
	kind, params := parseParams(text)
	if !isASCII(kind) || len(params) > maxParams {
		return "", false
	}
	out, _, _ := strings.Cut(text, ";")
	out = strings.TrimSpace(out)
	for _, p := range params {
		switch {
		case isASCII(p.text):
			out += "; " + p.text
		case !isASCII(p.name):
			return "", false
		case strings.Contains(p.name, "*"): // raw where it must be coded already
			out += "; " + p.name + "=" + percentEncoded(p.value, "*'%")
		case slices.ContainsFunc(params, func(q param) bool { return strings.HasPrefix(q.name, p.name+"*") }):
			// said better already
		default:
			out += segments(p.name, charset, p.value)
		}
	}
	return out, true
}

const maxParams = 1000 // of one field that are coded one by one; each is compared with all

const segmentText = 54 // octets of a coded value on one line

// segments is a parameter coded by RFC 2231 4, in pieces (3) where it is long.
func segments(name, charset, value string) string {
	coded := percentEncoded(value, "")
	if len(coded) <= segmentText {
		return "; " + name + "*=" + charset + "''" + coded
	}
	var out strings.Builder
	first := charset + "''"
	for i := 0; value != ""; i++ {
		n := min(len(value), segmentText/len("%XX"))
		for charset == "UTF-8" && n < len(value) && n > 1 && value[n]&0xc0 == 0x80 {
			n-- // a piece holds whole characters: some readers decode each
		}
		fmt.Fprintf(&out, "; %s*%d*=%s%s", name, i, first, percentEncoded(value[:n], ""))
		value, first = value[n:], ""
	}
	return out.String()
}

// percentEncoded codes all but letters, digits, - . _ and what is kept.
func percentEncoded(s, keep string) string {
	var b strings.Builder
	for i := range len(s) {
		c := s[i]
		switch {
		case c >= '0' && c <= '9', c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c == '-', c == '.', c == '_', strings.IndexByte(keep, c) >= 0:
			b.WriteByte(c)
		default:
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String()
}
