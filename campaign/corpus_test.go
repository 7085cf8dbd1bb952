package campaign

import (
	"bytes"
	"encoding/base64"
	"flag"
	"io"
	"mime"
	"net/mail"
	"net/textproto"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"pabal/audience"
	"pabal/eml"
)

// The corpus is the letters of ../testdata/letters, as retailers lay them out,
// to people and from senders that are hard to write in a header. What stands in
// a finished mail is compared with what went in by Go's reader here and by
// Python's in corpus_host_test.go.

var update = flag.Bool("update", false, "write the golden text parts anew")

// corpusMail is a finished mail and what must be read in it.
type corpusMail struct {
	name    string
	raw     []byte
	headers map[string]string // decoded
	parts   []corpusPart      // leaves in order
}

type corpusPart struct {
	Kind string `json:"kind"`
	Name string `json:"name"`
	ID   string `json:"id"`
	Data string `json:"data"` // text with CRLF; of files the bytes
}

func letterSources(t testing.TB) map[string]string {
	t.Helper()
	files, err := filepath.Glob("../testdata/letters/*.html")
	if err != nil || len(files) < 4 {
		t.Fatalf("found %v, %v", files, err)
	}
	all := map[string]string{}
	for _, f := range files {
		all[strings.TrimSuffix(filepath.Base(f), ".html")] = readFile(t, f)
	}
	long := strings.Repeat("가나다라마바사", 300) + " https://shop.example.com/" + strings.Repeat("long", 250)
	all["long"] = "<p>" + long + `</p><a href="https://x.example/` + strings.Repeat("u", 1200) + `">끝</a> {{Name}} {{UnsubscribeURL}}`
	all["emoji"] = "<p>🎉 {{Name}} 👨‍👩‍👧‍👦 𠮷野家 ｈａｌｆ ½ \u2028 한글\u1112\u1161\u11ab</p>.\n.\nFrom here\n--=_x\n{{UnsubscribeURL}}"
	return all
}

// corpus composes every letter for every person, with and without files.
func corpus(t testing.TB) []corpusMail {
	t.Helper()
	people := []audience.Subscriber{minji,
		{ID: 1 << 40, Email: "o'brien+tag@example.co.kr", Name: `"따옴표", 쉼표 <태그> (괄호)`, Attributes: map[string]string{"Points": "<b>0</b>"}},
		{ID: 2, Email: "a@example.com", Name: strings.Repeat("아주 긴 이름", 30), Gender: "male"},
		{ID: 3, Email: "ascii@example.com", Name: "Plain Name"}}
	files := [][]eml.Part{nil, {
		{Name: "2026년 봄 신상품 안내와 할인 행사 계획서 (최종) — 수정본 “3”.pdf", ContentType: "application/pdf", Coded: eml.AppendBase64(nil, bytes.Repeat([]byte("%PDF\x00\xff\r\n"), 999))},
		{Name: `plain "name"; 100%.txt`, ContentType: "text/plain; charset=utf-8", Coded: eml.AppendBase64(nil, []byte("쿠폰\n"))}}}
	pictures := []eml.Part{{Name: "로고.png", ContentType: "image/png", ContentID: "logo@pabal", Coded: eml.AppendBase64(nil, []byte("\x89PNG"))}}
	var all []corpusMail
	for name, source := range letterSources(t) {
		for i := range people {
			for j, attached := range files {
				m := definition(t, Template{Subject: "(광고) {{Name}}님 🎉 " + strings.Repeat("가을 신상 ", i*8), HTML: source}, map[string]string{"Body": "첫 줄\n둘째 줄 & <b>"})
				m.from = eml.Mailbox{Name: `(주)예제, "상점"`, Address: "shop@example.com"}
				m.replyTo = "고객 센터 <help@example.com>"
				m.attach = attached
				if j == 1 {
					m.inline = pictures
				}
				all = append(all, m.corpusMail(t, name, &people[i]))
			}
		}
	}
	return all
}

// corpusMail composes one, and says what was meant.
func (m *mailing) corpusMail(t testing.TB, name string, sub *audience.Subscriber) corpusMail {
	t.Helper()
	p := m.person(sub, sub.Email, "TOKEN")
	raw, err := m.compose(nil, p, "abc123-7-42-1", testDate)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	c, err := m.letter.fill(p)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	out := corpusMail{name: name, raw: raw, headers: map[string]string{
		"Subject": c.subject, "From": m.from.String(), "To": eml.Mailbox{Name: sub.Name, Address: sub.Email}.String(), "Reply-To": m.replyTo,
		"Date": "Sun, 22 Nov 2026 05:00:00 +0000", "Message-ID": "<abc123-7-42-1@example.com>", "List-ID": "<sale.example.com>",
		"List-Unsubscribe": "<https://mail.example.com/u/TOKEN>", "List-Unsubscribe-Post": "List-Unsubscribe=One-Click", "Feedback-ID": "7:sale:campaign:abc123"}}
	out.parts = []corpusPart{{"text/plain", "", "", string(crlf(nil, []byte(c.text)))}, {"text/html", "", "", string(crlf(nil, []byte(c.html)))}}
	for _, parts := range [][]eml.Part{m.inline, m.attach} {
		for _, p := range parts {
			kind, _, _ := strings.Cut(p.ContentType, ";")
			id := ""
			if p.ContentID != "" {
				id = "<" + p.ContentID + ">"
			}
			out.parts = append(out.parts, corpusPart{kind, p.Name, id, decoded(t, p.Coded)})
		}
	}
	return out
}

func TestGoReadsTheCorpusAsItWasMeant(t *testing.T) {
	for _, m := range corpus(t) {
		for line := range bytes.SplitSeq(m.raw, []byte("\r\n")) {
			if len(line) > 998 || bytes.ContainsAny(line, "\r\n") || bytes.ContainsFunc(line, func(r rune) bool { return r > '~' }) { // RFC 5322 2.1.1; SES takes no 8 bit
				t.Fatalf("%s: line %.200q", m.name, line)
			}
		}
		got := readTree(t, m.raw)
		for name, want := range m.headers {
			if list := got.header[textproto.CanonicalMIMEHeaderKey(name)]; len(list) != 1 {
				t.Errorf("%s: %s stands there %d times", m.name, name, len(list))
			}
			value, err := new(mime.WordDecoder).DecodeHeader(got.header.Get(name))
			switch name {
			case "From", "To", "Reply-To":
				value, err = sameMailbox(got.header.Get(name), want)
			}
			if err != nil || value != want {
				t.Errorf("%s: %s is %q, %v, want %q", m.name, name, value, err, want)
			}
		}
		var leaves []corpusPart
		for _, p := range got.parts {
			if !strings.HasPrefix(p.kind, "multipart/") {
				leaves = append(leaves, corpusPart{p.kind, p.name, p.id, string(p.data)})
			}
		}
		compareParts(t, m, leaves)
	}
}

// sameMailbox is want when a header's value reads as the same name and address.
func sameMailbox(value, want string) (string, error) {
	got, err := mail.ParseAddress(value)
	if err != nil {
		return "", err
	}
	meant, err := eml.ParseMailbox(want)
	if err != nil {
		return "", err
	}
	if *got != (mail.Address{Name: meant.Name, Address: meant.Address}) {
		return got.String(), nil
	}
	return want, nil
}

func compareParts(t *testing.T, m corpusMail, got []corpusPart) {
	t.Helper()
	if len(got) != len(m.parts) {
		t.Errorf("%s: %d parts, want %d", m.name, len(got), len(m.parts))
		return
	}
	for i, want := range m.parts {
		if got[i] != want {
			t.Errorf("%s: part %d is\n%.600q, want\n%.600q", m.name, i, got[i], want)
		}
	}
}

// The text part is what somebody reads who sees no HTML: golden, so that a
// change is looked at.
func TestTextPartsOfTheCorpus(t *testing.T) {
	for name, source := range letterSources(t) {
		file := "../testdata/letters/" + name + ".txt"
		if _, err := os.Stat(strings.TrimSuffix(file, ".txt") + ".html"); err != nil {
			continue // made here, not to be read by people
		}
		m := definition(t, Template{Subject: "s", HTML: source}, map[string]string{"Body": "첫 줄\n둘째 줄"})
		c, err := m.letter.fill(m.person(&minji, minji.Email, "TOKEN"))
		if err != nil {
			t.Fatal(err)
		}
		if *update {
			if err := os.WriteFile(file, []byte(c.text+"\n"), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if want := readFile(t, file); c.text+"\n" != want {
			t.Errorf("%s: got\n%s\nwant\n%s", name, c.text, want)
		}
	}
}

func decoded(t testing.TB, coded []byte) string {
	t.Helper()
	data, err := io.ReadAll(base64.NewDecoder(base64.StdEncoding, bytes.NewReader(coded)))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}
