package eml

import (
	"errors"
	"mime"
	"regexp"
	"strings"
	"testing"

	"golang.org/x/text/unicode/norm"
	"pgregory.net/rapid"
)

// headerText draws NFC text without controls, rich in what breaks encoders.
func headerText() *rapid.Generator[string] {
	piece := rapid.OneOf(
		rapid.SampledFrom([]string{" ", "  ", "가", "한글 제목", "(광고)", "=?UTF-8?B?", "?=", "🎉", "a", ",", "\"", "\\", "e\u0301", "<", ">"}),
		rapid.StringN(0, 30, -1),
		rapid.StringMatching(`[ -~]{0,100}`),
		rapid.StringMatching(`[가-힣 ]{0,60}`),
		rapid.StringMatching(`[!-~]{900,999}`),
	)
	return rapid.Map(rapid.SliceOfN(piece, 0, 8), func(pieces []string) string {
		text := strings.Map(func(r rune) rune {
			if isControl(r) {
				return -1
			}
			return r
		}, strings.Join(pieces, ""))
		return norm.NFC.String(strings.ToValidUTF8(text, ""))
	})
}

// unfolded is a written field's value as another reader sees it.
func unfolded(raw []byte) string { return Field{Raw: raw}.Value() }

func TestHeaderTextIsReadBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := headerText().Draw(t, "text")
		name := rapid.SampledFrom([]string{"Subject", "X-" + strings.Repeat("Long", 20)}).Draw(t, "name")
		raw := AppendHeader([]byte("x"), name, text)[1:]
		checkLines(t, raw, text)
		if got := DecodeHeader(unfolded(raw)); got != text {
			t.Fatalf("%q became %q and that %q", text, raw, got)
		}
		if std, err := new(mime.WordDecoder).DecodeHeader(unfolded(raw)); err != nil || norm.NFC.String(std) != text {
			t.Fatalf("the standard library reads %q as %q, %v; want %q", raw, std, err, text)
		}
	})
}

var encodedWord = regexp.MustCompile(`=\?UTF-8\?B\?[A-Za-z0-9+/=]*\?=`)

// checkLines holds every written field to RFC 5322 2.1.1 and RFC 2047 2.
func checkLines(t *rapid.T, raw []byte, text string) {
	field := string(raw)
	if !strings.HasSuffix(field, "\r\n") {
		t.Fatalf("no CRLF at the end of %q", field)
	}
	for i, line := range strings.Split(strings.TrimSuffix(field, "\r\n"), "\r\n") {
		if strings.TrimSpace(line) == "" || len(line) > maxLine || strings.ContainsAny(line, "\r\n") || !isASCII(line) {
			t.Fatalf("line %q of %q", line, field)
		}
		rest := line
		if i == 0 {
			_, rest, _ = strings.Cut(line, ":")
		}
		if len(line) > foldAt && strings.Contains(strings.TrimLeft(rest, " "), " ") {
			t.Fatalf("line %q has %d octets and could be folded", line, len(line))
		}
		for _, word := range encodedWord.FindAllString(line, -1) {
			part, err := new(mime.WordDecoder).Decode(word)
			if len(word) > 75 || err != nil || !strings.Contains(text, part) { // a cut rune would not be in it
				t.Fatalf("word %q of %d octets: %q, %v", word, len(word), part, err)
			}
		}
	}
}

func TestAppendHeaderGolden(t *testing.T) {
	for _, c := range []struct{ name, value, want string }{
		{"Subject", "", "Subject:\r\n"},
		{"Subject", "hello", "Subject: hello\r\n"},
		{"Subject", "(광고) 봄 신상", "Subject: =?UTF-8?B?KOq0keqzoCkg67SEIOyLoOyDgQ==?=\r\n"},
		{"Subject", "\u1112\u1161\u11ab", "Subject: =?UTF-8?B?7ZWc?=\r\n"}, // NFD
		{"Subject", " a ", "Subject: =?UTF-8?B?IGEg?=\r\n"},
		{"Subject", "=?x?=", "Subject: =?UTF-8?B?PT94Pz0=?=\r\n"},
		{
			"Subject", strings.TrimSpace(strings.Repeat("가나다 ", 9)),
			"Subject: =?UTF-8?B?6rCA64KY64ukIOqwgOuCmOuLpCDqsIDrgpjri6Qg6rCA64KY64uk?=\r\n" +
				" =?UTF-8?B?IOqwgOuCmOuLpCDqsIDrgpjri6Qg6rCA64KY64ukIOqwgOuCmOuLpCDqsIA=?=\r\n" +
				" =?UTF-8?B?64KY64uk?=\r\n",
		},
		{
			"X-Text", strings.Repeat("abcdefg ", 12) + "z",
			"X-Text: abcdefg abcdefg abcdefg abcdefg abcdefg abcdefg abcdefg abcdefg\r\n abcdefg abcdefg abcdefg abcdefg z\r\n",
		},
	} {
		if got := string(AppendHeader(nil, c.name, c.value)); got != c.want {
			t.Errorf("AppendHeader(%q, %q) =\n%q, want\n%q", c.name, c.value, got, c.want)
		}
	}
}

func TestAppendRawHeaderNeverBreaksAURL(t *testing.T) {
	url := "<https://mail.example.com/u/" + strings.Repeat("token", 60) + ">"
	for _, value := range []string{url, "<mailto:x@example.com>, " + url, url + ", <mailto:x@example.com>"} {
		raw := string(AppendRawHeader(nil, "List-Unsubscribe", value))
		if !strings.Contains(raw, url) {
			t.Errorf("the URL was broken: %q", raw)
		}
		if got := unfolded([]byte(raw)); got != value {
			t.Errorf("%q was read back as %q", value, got)
		}
	}
	if got, want := string(AppendRawHeader(nil, "List-Unsubscribe", url)), "List-Unsubscribe: "+url+"\r\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestLineBreaksNeverReachAHeader(t *testing.T) {
	for _, value := range []string{"a\r\nBcc: x", "a\nb", "a\rb", "a\x00b", "a\tb", "a\x1bb", "a\x7fb", "a\u0085b", "a\u009bb", "a\u009fb", "a\xffb", "가\x9b"} {
		err := CheckHeader(value)
		var p *Problem
		if !errors.As(err, &p) || p.Hint == "" {
			t.Errorf("CheckHeader(%q) = %v, want a problem with a hint", value, err)
		}
	}
	for _, value := range []string{"", "a", "한글 제목", "🎉", "a\u202eb", "\ufffd"} {
		if err := CheckHeader(value); err != nil {
			t.Errorf("CheckHeader(%q) = %v", value, err)
		}
	}
	for _, value := range []string{"a\r\nb", "a\nb", "a\rb", "a\x00", "가\n"} {
		for _, appender := range []func([]byte, string, string) []byte{AppendHeader, AppendRawHeader} {
			func() {
				defer func() {
					if recover() == nil {
						t.Errorf("%q was written", value)
					}
				}()
				appender(nil, "X", value)
			}()
		}
	}
}
