package eml

import (
	"encoding/base64"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding/korean"
	"golang.org/x/text/unicode/norm"
)

const (
	wordOpen  = "=?UTF-8?B?"
	wordClose = "?="
)

// DecodeHeader turns RFC 2047 words into text in NFC and unfolds. Charsets are
// UTF-8, US-ASCII, ISO-8859-1, EUC-KR with its extension CP949 and
// ISO-2022-KR; bytes that are in no charset we know become U+FFFD, so does what
// is broken in a word. Text outside words that is not UTF-8 is read as CP949,
// as Korean legacy programs send it. The result may hold control characters:
// CheckHeader it before it goes into a header, make it Visible before a screen.
func DecodeHeader(value string) string {
	if strings.ContainsAny(value, "\r\n") {
		value = strings.NewReplacer("\r", "", "\n", "").Replace(value)
	}
	if !utf8.ValidString(value) {
		value = decodeRaw(value)
	}
	if strings.Contains(value, "=?") {
		value = decodeWords(value)
	}
	return norm.NFC.String(value)
}

// decodeRaw reads bytes that are not UTF-8: as CP949 if all of them are, else
// what is broken becomes U+FFFD.
func decodeRaw(value string) string {
	if s := decodeEUCKR(value); !strings.ContainsRune(s, utf8.RuneError) {
		return s
	}
	return strings.ToValidUTF8(value, "\uFFFD")
}

// word is one RFC 2047 word, its transfer coding undone.
type word struct {
	charset string // lower case
	data    []byte
}

// decodeWords joins the bytes of neighbouring words of one charset before it
// decodes them: many mailers cut in the middle of a Korean character.
func decodeWords(value string) string {
	var b strings.Builder
	var open word // not yet written
	written := 0  // up to here value is in b or open
	last := strings.LastIndex(value, wordClose)
	for at := 0; at < last; {
		start := strings.Index(value[at:last], "=?")
		if start < 0 {
			break
		}
		start += at
		next, n := parseWord(value[start:])
		if n == 0 {
			at = start + len("=?")
			continue
		}
		gap := value[written:start]
		if open.charset != next.charset || strings.Trim(gap, " \t") != "" {
			b.WriteString(open.text())
			if open.charset == "" || strings.Trim(gap, " \t") != "" {
				b.WriteString(gap)
			}
			open = word{charset: next.charset}
		}
		open.data = append(open.data, next.data...)
		at, written = start+n, start+n
	}
	b.WriteString(open.text())
	b.WriteString(value[written:])
	return b.String()
}

// parseWord reads the word s begins with; n is its length, 0 if there is none.
func parseWord(s string) (w word, n int) {
	charset, rest, _ := strings.Cut(s[len("=?"):], "?")
	charset, _, _ = strings.Cut(charset, "*") // the language of RFC 2231 5
	if charset == "" || strings.ContainsAny(charset, " \t=\"<>") {
		return word{}, 0
	}
	coding, rest, _ := strings.Cut(rest, "?")
	decode := decodeB
	switch coding {
	case "B", "b":
	case "Q", "q":
		decode = decodeQ
	default:
		return word{}, 0
	}
	text, after, ok := strings.Cut(rest, wordClose)
	if !ok {
		return word{}, 0
	}
	return word{charset: strings.ToLower(charset), data: decode(text)}, len(s) - len(after)
}

// decodeB decodes base64 as far as it goes, with or without padding; what is
// broken ends in U+FFFD.
func decodeB(text string) []byte {
	text = strings.TrimRight(text, "= \t")
	data, err := base64.RawStdEncoding.AppendDecode(nil, []byte(text))
	if err != nil {
		return append(data, "\uFFFD"...)
	}
	return data
}

// decodeQ decodes the Q coding of RFC 2047 4.2; a = without two hex digits stays.
func decodeQ(text string) []byte {
	data := make([]byte, 0, len(text))
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == '_':
			data = append(data, ' ')
		case c == '=' && i+2 < len(text) && unhex(text[i+1]) >= 0 && unhex(text[i+2]) >= 0:
			data = append(data, byte(unhex(text[i+1])<<4|unhex(text[i+2])))
			i += 2
		default:
			data = append(data, c)
		}
	}
	return data
}

func unhex(c byte) int {
	return strings.IndexByte("0123456789ABCDEF", c&^lowerBit(c))
}

// lowerBit is what makes a letter lower case, 0 for others.
func lowerBit(c byte) byte {
	if 'a' <= c && c <= 'z' {
		return 'a' - 'A'
	}
	return 0
}

// text is the word in UTF-8.
func (w word) text() string {
	switch w.charset {
	case "":
		return ""
	case "utf-8", "utf8":
		return strings.ToValidUTF8(string(w.data), "\uFFFD")
	case "euc-kr", "euckr", "cp949", "ms949", "uhc", "windows-949", "x-windows-949",
		"ks_c_5601-1987", "ks_c_5601-1989", "ks_c_5601", "ksc5601", "ksc_5601", "iso-ir-149", "korean":
		return decodeEUCKR(string(w.data))
	case "iso-2022-kr", "csiso2022kr":
		return decodeEUCKR(shiftIn(w.data))
	case "iso-8859-1", "latin1":
		return decodeLatin1(w.data)
	}
	return asciiOnly(w.data)
}

// decodeEUCKR decodes EUC-KR and CP949; bytes outside become U+FFFD.
func decodeEUCKR(s string) string {
	text, err := korean.EUCKR.NewDecoder().String(s)
	if err != nil {
		return asciiOnly([]byte(s))
	}
	return text
}

// shiftIn turns ISO-2022-KR (RFC 1557) into EUC-KR: the announcer goes, and
// what stands between SO and SI gets its high bits.
func shiftIn(data []byte) string {
	const announcer, shiftOut, shiftIn = "\x1b$)C", 0x0e, 0x0f
	var b strings.Builder
	var high byte
	for _, c := range []byte(strings.ReplaceAll(string(data), announcer, "")) {
		switch {
		case c == shiftOut:
			high = 0x80
		case c == shiftIn:
			high = 0
		case c > ' ' && c < 0x7f:
			b.WriteByte(c | high)
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}

func decodeLatin1(data []byte) string {
	var b strings.Builder
	for _, c := range data {
		b.WriteRune(rune(c))
	}
	return b.String()
}

// asciiOnly keeps ASCII; every other byte becomes U+FFFD.
func asciiOnly(data []byte) string {
	var b strings.Builder
	for _, c := range data {
		if c < utf8.RuneSelf {
			b.WriteByte(c)
			continue
		}
		b.WriteRune(utf8.RuneError)
	}
	return b.String()
}
