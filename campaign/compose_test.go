package campaign

import (
	"bytes"
	"encoding/base64"
	"io"
	"mime"
	"mime/multipart"
	"net/mail"
	"os"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"pabal/audience"
	"pabal/eml"
)

var testDate = time.Date(2026, 11, 22, 5, 0, 0, 0, time.UTC)

// definition is a mailing without a store.
func definition(t testing.TB, tpl Template, values map[string]string) *mailing {
	t.Helper()
	l, err := compile(tpl)
	if err != nil {
		t.Fatal(err)
	}
	m := &mailing{id: 7, topic: "Sale", letter: l, base: "https://mail.example.com", storeID: "abc123",
		common: newCommon(values, &Settings{Company: "예제상점", Address: "서울시 중구 1", Phone: "02-123-4567"}),
		from:   eml.Mailbox{Name: "예제 상점", Address: "shop@example.com"}, replyTo: "help@example.com"}
	if l.plain() && l.html != nil {
		m.coded = newCodedLetter(l)
	}
	return m
}

func welcome(t testing.TB) *mailing {
	t.Helper()
	return definition(t, Template{Subject: "{{Name}}님, 환영합니다", HTML: readFile(t, "../testdata/welcome.html")}, map[string]string{"Body": "가입해 주셔서 고맙습니다.\n첫 구매에 쿠폰을 쓰세요."})
}

func readFile(t testing.TB, name string) string {
	t.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

var minji = audience.Subscriber{ID: 42, Email: "minji@example.com", Name: "김민지", Gender: "female",
	CreatedAt: time.Date(2026, 1, 1, 20, 0, 0, 0, time.UTC), Attributes: map[string]string{"Points": "12,300"}}

// parsed is a mail read back by the standard library.
type parsed struct {
	header     mail.Header
	text, html string
}

func readMail(t interface{ Fatalf(string, ...any) }, raw []byte) parsed {
	for _, line := range bytes.Split(raw, []byte("\r\n")) {
		if len(line) > 998 || bytes.ContainsAny(line, "\r\n") {
			t.Fatalf("bad line %q", line)
		}
	}
	msg, err := mail.ReadMessage(bytes.NewReader(raw))
	if err != nil {
		t.Fatalf("read mail: %v", err)
	}
	_, params, err := mime.ParseMediaType(msg.Header.Get("Content-Type"))
	if err != nil {
		t.Fatalf("content type: %v", err)
	}
	out := parsed{header: msg.Header}
	parts := multipart.NewReader(msg.Body, params["boundary"])
	for {
		part, err := parts.NextRawPart()
		if err == io.EOF {
			return out
		}
		if err != nil {
			t.Fatalf("next part: %v", err)
		}
		body, err := io.ReadAll(base64.NewDecoder(base64.StdEncoding, part))
		if err != nil {
			t.Fatalf("decode part: %v", err)
		}
		if strings.Contains(part.Header.Get("Content-Type"), "html") {
			out.html = string(body)
		} else {
			out.text = string(body)
		}
	}
}

func TestComposedMailHasItsHeaders(t *testing.T) {
	m := welcome(t)
	raw, err := m.compose(nil, m.person(&minji, minji.Email, "TOKEN"), "abc123-7-42-1", testDate)
	if err != nil {
		t.Fatal(err)
	}
	got := readMail(t, raw)
	for name, want := range map[string]string{
		"Subject":               "김민지님, 환영합니다",
		"List-Unsubscribe":      "<https://mail.example.com/u/TOKEN>",
		"List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
		"List-Id":               "<sale.example.com>",
		"Feedback-Id":           "7:sale:campaign:abc123",
		"Message-Id":            "<abc123-7-42-1@example.com>",
		"Date":                  "Sun, 22 Nov 2026 05:00:00 +0000",
		"X-Pabal-Id":            "",
	} {
		value := got.header.Get(name)
		if decoded, err := new(mime.WordDecoder).DecodeHeader(value); err != nil || decoded != want {
			t.Errorf("%s: got %q, %v, want %q", name, decoded, err, want)
		}
	}
	for name, want := range map[string]mail.Address{"From": {Name: "예제 상점", Address: "shop@example.com"},
		"To": {Name: "김민지", Address: "minji@example.com"}, "Reply-To": {Address: "help@example.com"}} {
		if list, err := got.header.AddressList(name); err != nil || len(list) != 1 || *list[0] != want {
			t.Errorf("%s: got %v, %v, want %v", name, list, err, want)
		}
	}
	for _, want := range []string{"안녕하세요, 김민지님.", "고맙습니다.<br>", "WELCOME10", "12,300점", `href="https://mail.example.com/u/TOKEN"`, "예제상점", "02-123-4567"} {
		if !strings.Contains(got.html, want) {
			t.Errorf("the HTML has no %q", want)
		}
	}
	for _, want := range []string{"안녕하세요, 김민지님.\r\n회원이", "고맙습니다.\r\n첫 구매에", "수신거부 (https://mail.example.com/u/TOKEN)", "쇼핑하러 가기 (https://shop.example.com/welcome)"} {
		if !strings.Contains(got.text, want) {
			t.Errorf("the text has no %q in\n%.1500s", want, got.text)
		}
	}
	if strings.Contains(got.html+got.text, "{{") || len(raw) < 95_000 || len(raw) > 105_000 {
		t.Errorf("the welcome mail has %d bytes, want about 100 KB; braces left: %v", len(raw), strings.Contains(got.html+got.text, "{{"))
	}
}

// Without https there is no promise of one-click, but the link stays.
func TestOneClickNeedsHTTPS(t *testing.T) {
	m := welcome(t)
	m.base = localURL
	raw, err := m.compose(nil, m.person(&minji, minji.Email, "T"), "x", testDate)
	if err != nil {
		t.Fatal(err)
	}
	h := readMail(t, raw).header
	if h.Get("List-Unsubscribe") != "<http://localhost:8080/u/T>" || h.Get("List-Unsubscribe-Post") != "" {
		t.Errorf("got %q and %q", h.Get("List-Unsubscribe"), h.Get("List-Unsubscribe-Post"))
	}
}

func TestComposeRefusesWhatWouldHarm(t *testing.T) {
	tpl := Template{Subject: "{{Name}}: {{Greeting}}", HTML: "<p>{{Name}} {{City}} {{UnsubscribeURL}}</p>"}
	for name, c := range map[string]struct {
		sub    audience.Subscriber
		values map[string]string
		want   string
	}{
		"line break in subject": {audience.Subscriber{Name: "a", Attributes: map[string]string{"City": "x"}}, map[string]string{"greeting": "hi\r\nBcc: x@example.com"}, "line break"},
		"NUL in name":           {audience.Subscriber{Name: "a\x00b", Attributes: map[string]string{"City": "x"}}, map[string]string{"greeting": "hi"}, "control character"},
		"no value":              {audience.Subscriber{Name: "a"}, map[string]string{"greeting": "hi"}, "no value for City"},
	} {
		for _, coded := range []bool{true, false} {
			m := definition(t, tpl, c.values)
			if !coded {
				m.coded = nil
			}
			raw, err := m.compose([]byte("before"), m.person(&c.sub, "a@example.com", "T"), "x", testDate)
			if err == nil || !strings.Contains(err.Error(), c.want) || string(raw) != "before" {
				t.Errorf("%s, coded %v: got %d bytes and %v, want %q", name, coded, len(raw), err, c.want)
			}
		}
	}
}

// The composer that keeps fixed text coded makes the mail that eml makes.
func TestCodedLetterAgreesWithPlainMail(t *testing.T) {
	piece := rapid.SampledFrom([]string{"{{a}}", "{{{b}}}", "{{default a \"x\"}}", "<p>", "한", "ab", "c", "\n", "", "긴 글이 여기 있습니다. ",
		strings.Repeat("0123456789", 12), "{{b}}{{a}}"})
	value := rapid.SampledFrom([]string{"", "x", "xy", "한글\n줄", "a\r\nb", "<&>", strings.Repeat("긴", 70)})
	rapid.Check(t, func(t *rapid.T) {
		tpl := Template{Subject: "s {{default a \"n\"}}", HTML: "x" + strings.Join(rapid.SliceOfN(piece, 0, 12).Draw(t, "html"), ""),
			Text: strings.Join(rapid.SliceOfN(piece, 1, 8).Draw(t, "text"), "") + "."}
		l, err := compile(tpl)
		if err != nil {
			t.Fatal(err)
		}
		m := &mailing{id: 1, letter: l, common: newCommon(map[string]string{"a": value.Draw(t, "a"), "b": value.Draw(t, "b")}, &Settings{}),
			from: eml.Mailbox{Address: "a@example.com"}, base: "https://x.example", storeID: "s"}
		sub := audience.Subscriber{Name: "이름"}
		p := m.person(&sub, "b@example.com", "T")
		want, plainErr := m.compose(nil, p, "tag", testDate)
		m.coded = newCodedLetter(l)
		got, err := m.compose(nil, p, "tag", testDate)
		if (err == nil) != (plainErr == nil) {
			t.Fatalf("%+v: got %v, want %v", tpl, err, plainErr)
		}
		if err != nil {
			return // a line break in the subject
		}
		a, b := readMail(t, got), readMail(t, want)
		a.header["Content-Type"], b.header["Content-Type"] = nil, nil
		if a.text != b.text || a.html != b.html || !sameHeader(a.header, b.header) {
			t.Fatalf("%+v:\n got %q %q %v\nwant %q %q %v", tpl, a.text, a.html, a.header, b.text, b.html, b.header)
		}
	})
}

func sameHeader(a, b mail.Header) bool {
	if len(a) != len(b) {
		return false
	}
	for k, v := range a {
		if strings.Join(v, "|") != strings.Join(b[k], "|") {
			return false
		}
	}
	return true
}
