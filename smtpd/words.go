package smtpd

import (
	"encoding/base64"
	"regexp"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding/korean"

	"pabal/eml"
)

const (
	wordText = 45 // octets in an RFC 2047 word: the word has 72 of the 75 allowed
	// longToken is how much of a value without a blank goes out as it is: more
	// goes into words, so that no line passes maxTextLine.
	longToken = 800
	// unknownCharset is what RFC 1428 has for octets of which nobody said what
	// they are.
	unknownCharset = "unknown-8bit"
)

// knownWord is an RFC 2047 word, which stays as it is whatever its charset.
var knownWord = regexp.MustCompile(`=\?[!->@-~]+\?[bBqQ]\?[!->@-~]*\?=`)

// readable is a raw header value as UTF-8, and the charset its words are given:
// UTF-8 as it is, CP949 (EUC-KR with it) as Korean programs write it turned into
// UTF-8, any other octets as they are.
func readable(value string) (text, charset string) {
	if utf8.ValidString(value) {
		return value, "UTF-8"
	}
	if text, ok := fromCP949(value); ok {
		return text, "UTF-8"
	}
	return value, unknownCharset
}

func fromCP949(value string) (string, bool) {
	text, err := korean.EUCKR.NewDecoder().String(value)
	return text, err == nil && !strings.ContainsRune(text, utf8.RuneError)
}

// word is a stretch of a value without blanks, with the blanks in front.
type word struct {
	blank, text string
	known       bool // an RFC 2047 word already
	coded       bool // must become one
}

// cutWords cuts a value at its blanks and around the RFC 2047 words in it.
func cutWords(value string, must func(string) bool) []word {
	var out []word
	for value != "" {
		text := strings.TrimLeft(value, " \t")
		blank := value[:len(value)-len(text)]
		end := strings.IndexAny(text, " \t")
		if end < 0 {
			end = len(text)
		}
		value = text[end:]
		for text = text[:end]; text != "" || blank != ""; blank = "" {
			at := knownWord.FindStringIndex(text)
			if at == nil {
				out = append(out, word{blank: blank, text: text, coded: must(text)})
				break
			}
			if at[0] > 0 {
				out = append(out, word{blank: blank, text: text[:at[0]], coded: must(text[:at[0]])})
				blank = ""
			}
			out = append(out, word{blank: blank, text: text[at[0]:at[1]], known: true})
			text = text[at[1]:]
			if text == "" {
				break
			}
		}
	}
	return out
}

// encodeText is a value with what must puts into RFC 2047 words, which decode
// to the same text. Blanks between two words are lost to readers (RFC 2047 6.2),
// so those that must stay go into the words.
func encodeText(value, charset string, must func(string) bool) string {
	words := cutWords(value, must)
	var b strings.Builder
	for i := 0; i < len(words); {
		w := words[i]
		if !w.coded {
			b.WriteString(w.blank + w.text)
			i++
			continue
		}
		var text strings.Builder
		if i > 0 && words[i-1].known {
			text.WriteString(w.blank)
		}
		text.WriteString(w.text)
		for i++; i < len(words) && words[i].coded; i++ {
			text.WriteString(words[i].blank + words[i].text)
		}
		if i < len(words) && words[i].known {
			text.WriteString(words[i].blank)
			words[i].blank = " "
		}
		blank := w.blank
		if blank == "" && b.Len() > 0 {
			blank = " "
		}
		b.WriteString(blank)
		writeWords(&b, charset, text.String())
	}
	return b.String()
}

// writeWords writes text as RFC 2047 words, cut between characters.
func writeWords(b *strings.Builder, charset, text string) {
	room := wordText
	if charset == unknownCharset {
		room -= 3 // its name is longer
	}
	for first := true; text != ""; first = false {
		n := min(len(text), room)
		for charset == "UTF-8" && n < len(text) && n > 1 && !utf8.RuneStart(text[n]) {
			n--
		}
		if !first {
			b.WriteByte(' ')
		}
		b.WriteString("=?" + charset + "?B?" + base64.StdEncoding.EncodeToString([]byte(text[:n])) + "?=")
		text = text[n:]
	}
}

// notPlain reports whether a token of free text cannot go out as it is, beside
// words at least: what begins as one would be read together with them.
func notPlain(token string) bool {
	return len(token) > longToken || !isASCII(token) || strings.Contains(token, "=?")
}

// notAtom reports whether a token of a display name needs coding once one of
// them does: quotes and words do not go together (RFC 2047 5).
func notAtom(token string) bool {
	return notPlain(token) || strings.ContainsAny(token, "()<>[]:;@\\,.\"=?_")
}

// phrase is a display name as a header may have it: as written if that is right
// (RFC 5322 3.2.5), in quotes if it is ASCII, else in RFC 2047 words.
func phrase(name string) string {
	plain := isASCII(name) && len(name) <= longToken
	if plain && isPhrase(name) {
		return name
	}
	if plain && !knownWord.MatchString(name) {
		return `"` + strings.NewReplacer(`"`, `\"`, `\`, `\\`).Replace(strings.Trim(unquote(name), " \t")) + `"`
	}
	text, charset := readable(name)
	return encodeText(strings.Trim(unquote(text), " \t"), charset, notAtom)
}

// isPhrase reports whether ASCII is atoms, dots, blanks and whole quoted
// strings.
func isPhrase(name string) bool {
	for i := 0; i < len(name); i++ {
		switch c := name[i]; {
		case c == '"':
			end := quotedEnd(name, i)
			if end == i+1 {
				return false
			}
			i = end - 1
		case strings.IndexByte(`()<>[]:;@\,`, c) >= 0:
			return false
		}
	}
	return name != ""
}

// unquote takes the quotes off quoted strings.
func unquote(s string) string {
	var b strings.Builder
	quoted := false
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '"':
			quoted = !quoted
		case s[i] == '\\' && quoted && i+1 < len(s):
			i++
			b.WriteByte(s[i])
		default:
			b.WriteByte(s[i])
		}
	}
	return b.String()
}

// appendText appends a field of free text whose value may hold anything but
// line ends.
func appendText(dst []byte, name, value string) []byte {
	text, charset := readable(value)
	return eml.AppendRawHeader(dst, name, encodeText(text, charset, notPlain))
}
