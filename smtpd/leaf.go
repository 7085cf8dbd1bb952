package smtpd

import (
	"bytes"
	"mime/quotedprintable"
	"strings"
	"unicode/utf8"

	"pabal/eml"
)

// leaf codes a single part anew. What is coded already stays so, its lines cut
// and its 8-bit octets coded; of the rest mostly ASCII text goes into
// quoted-printable, all else into base64, which is smaller for Korean.
func leaf(header *eml.Header, body []byte) []byte {
	kind, params := parseParams(header.Get("Content-Type"))
	if !strings.Contains(kind, "/") { // RFC 2045 5.2
		kind = ""
	}
	text := kind == "" || strings.HasPrefix(kind, "text/")
	switch coding(header) {
	case "base64":
		if !text || isBase64(body) {
			return rewrap(body)
		}
	case "quoted-printable":
		return softBreaks(body)
	}
	if text && !ascii(body) && unsaid(charsetOf(params)) {
		body = nameCharset(header, body, kind, params)
	}
	if text && high(body) < len(body)/6 {
		setCoding(header, "quoted-printable")
		var out bytes.Buffer
		w := quotedprintable.NewWriter(&out)
		w.Write(body) // a bytes.Buffer takes everything
		w.Close()
		return out.Bytes()
	}
	setCoding(header, "base64")
	return eml.AppendBase64(nil, body)
}

// coding is the transfer coding of a body, in lower case.
func coding(header *eml.Header) string { return codingName(header.Get("Content-Transfer-Encoding")) }

func codingName(value string) string {
	value, _, _ = strings.Cut(value, "(") // a comment
	return strings.ToLower(strings.Trim(value, " \t;\""))
}

func identity(header *eml.Header) bool { return identityName(coding(header)) }

// identityName reports whether a coding leaves the content as it is.
func identityName(coding string) bool {
	switch coding {
	case "base64", "quoted-printable":
		return false
	}
	return true
}

func setCoding(header *eml.Header, coding string) {
	header.Remove("Content-Transfer-Encoding")
	header.Prepend([]byte("Content-Transfer-Encoding: " + coding + "\r\n"))
}

// isBase64 reports whether a text that is called base64 is. What some programs
// call so is 8-bit text as it is, of which nothing would be left. Of base64 the
// first line is; what follows may be a footer that somebody put there.
func isBase64(body []byte) bool {
	line, _, _ := bytes.Cut(bytes.TrimLeft(body, " \t\r\n"), []byte("\n"))
	others := len(bytes.TrimSpace(line))
	for _, c := range line {
		if inBase64(c) {
			others--
		}
	}
	return others*10 <= len(line) && high(body) <= len(body)/2
}

func inBase64(c byte) bool {
	return c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '+' || c == '/' || c == '='
}

// base64Line is the longest line of base64, RFC 2045 6.8.
const base64Line = 76

// rewrap lays base64 out in lines of 76. Octets that are not of its alphabet,
// which readers skip, are left out; nothing is decoded, so that what is broken
// is to every reader as broken as before.
func rewrap(body []byte) []byte {
	out := make([]byte, 0, len(body)+len(body)/32+2)
	column := 0
	for _, c := range body {
		if !inBase64(c) {
			continue
		}
		if column == base64Line {
			out = append(out, "\r\n"...)
			column = 0
		}
		out = append(out, c)
		column++
	}
	return append(out, "\r\n"...)
}

// softBreaks cuts the lines of quoted-printable that are too long, and codes the
// 8-bit octets in it.
func softBreaks(body []byte) []byte {
	const digits = "0123456789ABCDEF"
	const most = 75 // before the = of a soft break, RFC 2045 6.7
	out := make([]byte, 0, len(body)+len(body)/4)
	column := 0
	for i := 0; i < len(body); i++ {
		token := body[i : i+1]
		switch c := body[i]; {
		case c == '\n':
			out, column = append(out, c), 0
			continue
		case c == '\r', c == '=' && lineEndAt(body, i+1):
			out = append(out, c)
			continue
		case (c == ' ' || c == '\t') && lineEndAt(body, i): // readers must take it away
			continue
		case c == '=' && i+2 < len(body) && isHex(body[i+1]) && isHex(body[i+2]):
			token = body[i : i+3]
			i += 2
		case c >= utf8.RuneSelf:
			token = []byte{'=', digits[c>>4], digits[c&15]}
		}
		if column+len(token) > most && !lineEndAt(body, i+1) {
			out, column = append(out, "=\r\n"...), 0
		}
		out = append(out, token...)
		column += len(token)
	}
	return out
}

// lineEndAt reports whether nothing but blanks stands between i and the end of
// the line.
func lineEndAt(body []byte, i int) bool {
	for i < len(body) && (body[i] == ' ' || body[i] == '\t') {
		i++
	}
	return i >= len(body) || body[i] == '\r' || body[i] == '\n'
}

func isHex(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'A' && c <= 'F' || c >= 'a' && c <= 'f'
}

// unsaid reports whether a charset says nothing about 8-bit text.
func unsaid(charset string) bool {
	return charset == "" || charset == "us-ascii" || charset == "ascii"
}

// nameCharset says what 8-bit text without a charset is: UTF-8 if it can be,
// EUC-KR, as Korean systems wrote before, if it is; else it is not known
// (RFC 1428). The syllables that CP949 has beyond EUC-KR have no charset with a
// name that all readers know: such text is made UTF-8.
func nameCharset(header *eml.Header, text []byte, kind string, params []param) []byte {
	charset := unknownCharset
	switch plain, ok := fromCP949(string(text)); {
	case utf8.Valid(text):
		charset = "utf-8"
	case ok && isEUCKR(text):
		charset = "euc-kr"
	case ok:
		charset, text = "utf-8", []byte(plain)
	}
	value := "text/plain"
	if kind != "" {
		value = kind
	}
	value += "; charset=" + charset
	for _, p := range params {
		if p.name != "charset" && p.name != "charset*" {
			value += "; " + p.text
		}
	}
	header.Remove("Content-Type")
	header.Prepend(eml.AppendRawHeader(nil, "Content-Type", value))
	return text
}

// isEUCKR reports whether text that is CP949 is EUC-KR too: both octets of a
// character are above 0xA0.
func isEUCKR(text []byte) bool {
	for i := 0; i < len(text); i++ {
		if text[i] < utf8.RuneSelf {
			continue
		}
		if i+1 == len(text) || text[i] <= 0xa0 || text[i+1] <= 0xa0 {
			return false
		}
		i++
	}
	return true
}

func high(b []byte) int {
	n := 0
	for _, c := range b {
		if c >= utf8.RuneSelf {
			n++
		}
	}
	return n
}
