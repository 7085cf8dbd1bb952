package smtpd

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net/mail"
	"slices"
	"strings"
	"testing"

	"github.com/emersion/go-smtp"

	"pabal/eml"
)

// recode runs sevenBit over a whole message.
func recode(t testing.TB, raw string) (string, error) {
	t.Helper()
	header, body, err := eml.Split([]byte(raw))
	if err != nil {
		t.Fatalf("split %q: %v", raw, err)
	}
	coded, err := sevenBit(&header, body)
	if err != nil {
		return "", err
	}
	if coded == nil {
		coded = body
	}
	return string(header.AppendTo(nil)) + "\r\n" + string(coded), nil
}

// leaves are the contents of all single parts, decoded.
func leaves(t testing.TB, header mail.Header, body io.Reader) []string {
	t.Helper()
	kind, params, _ := mime.ParseMediaType(header.Get("Content-Type"))
	switch strings.ToLower(header.Get("Content-Transfer-Encoding")) {
	case "base64":
		body = base64.NewDecoder(base64.StdEncoding, body)
	case "quoted-printable":
		body = quotedprintable.NewReader(body)
	}
	var all []string
	switch {
	case strings.HasPrefix(kind, "multipart/"):
		parts := multipart.NewReader(body, params["boundary"])
		for {
			p, err := parts.NextRawPart()
			if err == io.EOF {
				return all
			}
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, leaves(t, mail.Header(p.Header), p)...)
		}
	case kind == "message/rfc822":
		m, err := mail.ReadMessage(body)
		if err != nil {
			t.Fatal(err)
		}
		return leaves(t, m.Header, m.Body)
	}
	content, err := io.ReadAll(body)
	if err != nil {
		t.Fatal(err)
	}
	return []string{string(content)}
}

func parsed(t testing.TB, raw string) *mail.Message {
	t.Helper()
	m, err := mail.ReadMessage(strings.NewReader(raw))
	if err != nil {
		t.Fatalf("%v in %q", err, raw)
	}
	return m
}

const (
	hangul  = "안녕하세요, 고객님.\r\n두 번째 줄\r\n"
	eucKR   = "\xbe\xc8\xb3\xe7\xc7\xcf\xbc\xbc\xbf\xe4\r\n"
	binary8 = "\x89PNG\xff\xfe\x01\r\n\x80\x81\r\n"
)

var longText = strings.Repeat("long line without an end ", 60) + "\r\nshort = line\r\n"

// eightBit are messages SES would refuse, with the content of their parts.
var eightBit = map[string]struct {
	raw  string
	want []string
}{
	"plain text": {
		"From: a@b.c\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n" + hangul,
		[]string{hangul},
	},
	"no MIME at all":      {"From: a@b.c\r\n\r\n" + hangul, []string{hangul}},
	"EUC-KR without MIME": {"From: a@b.c\r\n\r\n" + eucKR, []string{eucKR}},
	"mostly ASCII": {
		"From: a@b.c\r\nContent-Type: text/html; charset=utf-8\r\n\r\n" + strings.Repeat("<p>ascii = ascii</p>\r\n", 20) + hangul,
		[]string{strings.Repeat("<p>ascii = ascii</p>\r\n", 20) + hangul},
	},
	"long lines": {"From: a@b.c\r\n\r\n" + longText, []string{longText}},
	"multipart": {
		"From: a@b.c\r\nContent-Type: multipart/mixed; boundary=\"b b\"\r\nContent-Transfer-Encoding: 8bit\r\n\r\n" +
			"앞\r\n--b b\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n" + hangul +
			"\r\n--b b  \r\n\r\nplain --b b text\r\n--b bc\r\n\r\n--b b\r\nContent-Type: image/png\r\nContent-Transfer-Encoding: binary\r\n\r\n" + binary8 +
			"\r\n--b b--\r\n뒤\r\n",
		[]string{hangul, "plain --b b text\r\n--b bc\r\n", binary8},
	},
	"nested": {
		"From: a@b.c\r\nContent-Type: multipart/mixed; boundary=o\r\n\r\n--o\r\nContent-Type: multipart/alternative; boundary=i\r\n\r\n" +
			"--i\r\nContent-Type: text/plain; charset=euc-kr\r\n\r\n" + eucKR + "\r\n--i\r\nContent-Type: text/html\r\n\r\nascii\r\n--i--\r\n" +
			"\r\n--o\r\nContent-Type: message/rfc822\r\nContent-Transfer-Encoding: 8bit\r\n\r\nFrom: x@y.z\r\nSubject: 제목\r\n\r\n" + hangul + "\r\n--o--\r\n",
		[]string{eucKR, "ascii", hangul},
	},
	"base64 in one line": {
		"From: a@b.c\r\nContent-Type: image/png\r\nContent-Transfer-Encoding: base64\r\n\r\n" +
			base64.StdEncoding.EncodeToString([]byte(strings.Repeat(binary8, 200))) + "\r\n",
		[]string{strings.Repeat(binary8, 200)},
	},
}

func TestEightBitMessagesAreCodedWithoutLoss(t *testing.T) {
	for name, c := range eightBit {
		t.Run(name, func(t *testing.T) {
			got, err := recode(t, c.raw)
			if err != nil {
				t.Fatal(err)
			}
			if !clean([]byte(got)) {
				t.Errorf("not clean: %q", got)
			}
			m := parsed(t, got)
			if m.Header.Get("MIME-Version") != "1.0" {
				t.Errorf("MIME-Version %q in %q", m.Header.Get("MIME-Version"), got)
			}
			if parts := leaves(t, m.Header, m.Body); !slices.Equal(parts, c.want) {
				t.Errorf("parts %q, want %q, in\n%s", parts, c.want, got)
			}
		})
	}
}

func TestCharsetIsNamedWhereThereWasNone(t *testing.T) {
	for raw, want := range map[string]string{
		"From: a@b.c\r\n\r\n" + hangul:                            "text/plain; charset=utf-8",
		"From: a@b.c\r\n\r\n" + eucKR:                             "text/plain; charset=euc-kr",
		"From: a@b.c\r\nContent-Type: text/html;\r\n\r\n" + eucKR: "text/html; charset=euc-kr",
	} {
		got, err := recode(t, raw)
		if err != nil {
			t.Fatal(err)
		}
		if kind := parsed(t, got).Header.Get("Content-Type"); kind != want {
			t.Errorf("content type %q, want %q, of %q", kind, want, raw)
		}
	}
}

func TestCleanPartsStayAsTheyAre(t *testing.T) {
	part := "--o\r\nContent-Type: text/plain\r\nX-Odd:  odd \r\n\r\nascii  \r\n\r\n"
	raw := "From: a@b.c\r\nContent-Type: multipart/mixed; boundary=o\r\n\r\n" + part +
		"--o\r\n\r\n" + hangul + "\r\n--o--\r\n"
	got, err := recode(t, raw)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(got, part) {
		t.Errorf("%q is not in %q", part, got)
	}
}

func TestEightBitHeadersBecomeWords(t *testing.T) {
	raw := "From: 무신사 <shop@b.c>\r\nTo: \"김, 철수\" <kim@example.com>, lee@example.com\r\n" +
		"Subject: \xbe\xc8\xb3\xe7 hello\r\nX-Plain:  as  it is\r\n" +
		"Content-Type: text/plain; name=\"보고서.txt\"\r\n\r\nx\r\n"
	got, err := recode(t, raw)
	if err != nil {
		t.Fatal(err)
	}
	if !ascii([]byte(got)) || !strings.Contains(got, "X-Plain:  as  it is\r\n") {
		t.Errorf("got %q", got)
	}
	m := parsed(t, got)
	from, err := m.Header.AddressList("From")
	if err != nil || from[0].Name != "무신사" || from[0].Address != "shop@b.c" {
		t.Errorf("From %v, %v", from, err)
	}
	to, err := m.Header.AddressList("To")
	if err != nil || len(to) != 2 || to[0].Name != "김, 철수" || to[1].Address != "lee@example.com" {
		t.Errorf("To %v, %v", to, err)
	}
	if subject := eml.DecodeHeader(m.Header.Get("Subject")); subject != "안녕 hello" {
		t.Errorf("Subject %q", subject)
	}
	if _, params, err := mime.ParseMediaType(m.Header.Get("Content-Type")); err != nil || params["name"] != "보고서.txt" {
		t.Errorf("Content-Type %q: %v, %v", m.Header.Get("Content-Type"), params, err)
	}
}

func TestLongHeaderIsFolded(t *testing.T) {
	list := strings.TrimSuffix(strings.Repeat("kim@example.com, ", 100), ", ")
	got, err := recode(t, "From: a@b.c\r\nTo: "+list+"\r\n\r\nx\r\n")
	if err != nil {
		t.Fatal(err)
	}
	if longLine([]byte(got)) {
		t.Errorf("still a long line in %q", got)
	}
	if to, err := parsed(t, got).Header.AddressList("To"); err != nil || len(to) != 100 {
		t.Errorf("%d addresses, %v", len(to), err)
	}
}

func TestWhatCannotBeConvertedIsRefused(t *testing.T) {
	deep := ""
	for i := range maxDepth + 2 {
		deep += fmt.Sprintf("Content-Type: multipart/mixed; boundary=x%d-\r\n\r\n--x%d-\r\n", i, i)
	}
	many := "Content-Type: multipart/mixed; boundary=x\r\n\r\n" + strings.Repeat("--x\r\n\r\nx\r\n", maxParts+1)
	for name, raw := range map[string]string{
		"depth":       deep + "\r\n" + hangul,
		"parts":       many + hangul,
		"part header": "Content-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\n한글 no field\r\n\r\nx\r\n--x--\r\n",
	} {
		_, err := recode(t, "From: a@b.c\r\n"+raw)
		var refused *smtp.SMTPError
		if !errors.As(err, &refused) || refused.Code != 554 {
			t.Errorf("%s: %v, want 554", name, err)
		}
	}
}

func TestLongLine(t *testing.T) {
	for _, n := range []int{997, 998, 999, 1000, 1001, 2500} {
		for _, around := range []string{"%", "%\r\n", "a\r\n%\r\nb\r\n", "a\r\n%", strings.Repeat("b\r\n", 700) + "%\r\nx"} {
			text := strings.Replace(around, "%", strings.Repeat("x", n), 1)
			if got, want := longLine([]byte(text)), n > maxTextLine; got != want {
				t.Errorf("%d octets in %.10q: %v, want %v", n, around, got, want)
			}
		}
	}
}

func TestASCII(t *testing.T) {
	for n := range 40 {
		b := bytes.Repeat([]byte{'a'}, n)
		if !ascii(b) {
			t.Errorf("%d bytes of ASCII are none", n)
		}
		for i := range b {
			b[i] = 0x80
			if ascii(b) {
				t.Errorf("byte %d of %d not seen", i, n)
			}
			b[i] = 'a'
		}
	}
}

func FuzzSevenBit(f *testing.F) {
	for _, c := range eightBit {
		f.Add([]byte(c.raw))
	}
	f.Add([]byte("From: \xb0\xa1\r\nContent-Type: multipart/x; boundary=\"\xb0\"\r\n\r\n--\xb0\r\n\r\n--\xb0--"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		// What gets here has passed tidy: CRLF only, no NUL.
		text, err := policy(string(raw))
		if err != nil {
			return
		}
		header, body, err := eml.Split([]byte(text))
		if err != nil {
			return
		}
		coded, err := sevenBit(&header, body)
		if err != nil {
			return
		}
		if coded == nil {
			coded = body
		}
		whole := append(append(header.AppendTo(nil), "\r\n"...), coded...)
		if !clean(coded) || !ascii(whole) {
			t.Errorf("not clean: %q, of %q", whole, text)
		}
		if _, _, err := eml.Split(whole); err != nil {
			t.Errorf("%v in %q, of %q", err, whole, text)
		}
	})
}
