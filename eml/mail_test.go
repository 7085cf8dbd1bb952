package eml

import (
	"bytes"
	"encoding/base64"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"net/mail"
	"net/url"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

func sample() Mail {
	return Mail{
		From:      Mailbox{Name: "무신사", Address: "shop@example.com"},
		To:        Mailbox{Name: "홍길동", Address: "hong@example.kr"},
		ReplyTo:   "고객센터 <help@example.com>",
		Subject:   "(광고) 봄 신상 50% sale",
		Text:      "안녕하세요\n홍길동 님\r\n",
		HTML:      "<p>안녕하세요</p>\n<img src=\"cid:logo\">",
		Date:      time.Date(2026, 11, 22, 9, 30, 0, 0, time.FixedZone("KST", 9*3600)),
		MessageID: "1-2-3-4@pabal.example.com",
		Headers: [][2]string{
			{"List-Unsubscribe", "<https://mail.example.com/u/" + strings.Repeat("t", 100) + ">"},
			{"List-Unsubscribe-Post", "List-Unsubscribe=One-Click"},
			{"X-Campaign", "봄 세일"},
			{"X-Encoded", "=?UTF-8?B?67SE?="},
		},
	}
}

// leaf is one part as Go's own reader sees it.
type leaf struct{ path, name, id, disposition, data string }

// leaves reads a message back with the standard library.
func leaves(t *testing.T, header mail.Header, body io.Reader) []leaf {
	t.Helper()
	kind, params, err := mime.ParseMediaType(header.Get("Content-Type"))
	if err != nil {
		t.Fatalf("Content-Type %q: %v", header.Get("Content-Type"), err)
	}
	var all []leaf
	if strings.HasPrefix(kind, "multipart/") {
		for r := multipart.NewReader(body, params["boundary"]); ; {
			p, err := r.NextRawPart()
			if err == io.EOF {
				return all
			}
			if err != nil {
				t.Fatal(err)
			}
			for _, l := range leaves(t, mail.Header(p.Header), p) {
				l.path = kind + ">" + l.path
				all = append(all, l)
			}
		}
	}
	if coding := header.Get("Content-Transfer-Encoding"); coding != "base64" {
		t.Fatalf("transfer encoding %q", coding)
	}
	data, err := io.ReadAll(base64.NewDecoder(base64.StdEncoding, body))
	if err != nil {
		t.Fatal(err)
	}
	disposition, dparams, _ := mime.ParseMediaType(header.Get("Content-Disposition"))
	short, err := new(mime.WordDecoder).DecodeHeader(params["name"])
	if err != nil || short != dparams["filename"] {
		t.Errorf("name %q (%v), file name %q", short, err, dparams["filename"])
	}
	return []leaf{{kind, dparams["filename"], header.Get("Content-Id"), disposition, string(data)}}
}

func compose(t *testing.T, m *Mail) (*mail.Message, []leaf) {
	t.Helper()
	raw, err := m.AppendTo([]byte("before"))
	if err != nil {
		t.Fatal(err)
	}
	raw, ok := bytes.CutPrefix(raw, []byte("before"))
	if !ok {
		t.Fatal("what stood in dst is gone")
	}
	for _, line := range strings.Split(string(raw), "\r\n") {
		if len(line) > maxLine || strings.ContainsAny(line, "\r\n") || !isASCII(line) {
			t.Errorf("line %q", line)
		}
		if len(line) > foldAt && !strings.Contains(line, "List-Unsubscribe: ") {
			t.Errorf("line %q has %d octets", line, len(line))
		}
	}
	if again, err := m.AppendTo(nil); err != nil || !bytes.Equal(again, raw) {
		t.Errorf("a second time gives other bytes, %v", err)
	}
	message, err := mail.ReadMessage(bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	return message, leaves(t, message.Header, message.Body)
}

func TestMailHeadersStandInOrder(t *testing.T) {
	m := sample()
	raw, err := m.AppendTo(nil)
	if err != nil {
		t.Fatal(err)
	}
	h, _, err := Split(raw)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, f := range h.Fields() {
		names = append(names, f.Name)
	}
	want := "From To Reply-To Subject Date Message-ID List-Unsubscribe List-Unsubscribe-Post X-Campaign X-Encoded MIME-Version Content-Type"
	if got := strings.Join(names, " "); got != want {
		t.Errorf("fields %s, want %s", got, want)
	}
	for name, want := range map[string]string{
		"From": "무신사 <shop@example.com>", "To": "홍길동 <hong@example.kr>", "Reply-To": "고객센터 <help@example.com>",
		"Subject": m.Subject, "Date": "Sun, 22 Nov 2026 09:30:00 +0900", "Message-ID": "<" + m.MessageID + ">",
		"List-Unsubscribe": m.Headers[0][1], "X-Campaign": "봄 세일",
	} {
		if got := DecodeHeader(h.Get(name)); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	for _, i := range []int{0, 3} {
		if want := m.Headers[i][0] + ": " + m.Headers[i][1] + "\r\n"; !bytes.Contains(raw, []byte(want)) {
			t.Errorf("header %d does not stand there as given", i)
		}
	}
}

func TestMailTree(t *testing.T) {
	logo := Part{Name: "로고.png", ContentType: "image/png", ContentID: "logo", Data: []byte("\x89PNG")}
	plan := Part{Name: "2026년 봄 신상품 안내와 할인 행사 계획서 (최종).pdf", ContentType: "application/pdf", Data: bytes.Repeat([]byte("0123456789"), 50)}
	data := Part{Data: []byte{}}
	odd := Part{Name: `a "b" \ c's 100%.txt`, ContentType: "text/plain; charset=utf-8", Data: []byte("x")}
	const text, html = "안녕\r\n", "<p>안녕</p>\r\n"
	textLeaf, htmlLeaf := leaf{path: "text/plain", data: text}, leaf{path: "text/html", data: html}
	in := func(path string, l leaf) leaf { l.path = path + ">" + l.path; return l }
	logoLeaf := leaf{"image/png", logo.Name, "<logo>", "inline", string(logo.Data)}
	planLeaf := leaf{"application/pdf", plan.Name, "", "attachment", string(plan.Data)}
	dataLeaf := leaf{"application/octet-stream", "", "", "attachment", ""}
	oddLeaf := leaf{"text/plain", odd.Name, "", "attachment", "x"}
	long := Part{Name: strings.Repeat("long name ", 100) + ".txt", ContentType: "text/plain", Data: []byte("x")}
	longLeaf := leaf{"text/plain", long.Name, "", "attachment", "x"}
	attached := logoLeaf
	attached.disposition = "attachment"
	const mixed, alternative, related = "multipart/mixed", "multipart/alternative", "multipart/related"
	for _, c := range []struct {
		what           string
		text, html     string
		inline, attach []Part
		want           []leaf
	}{
		{"nothing", "", "", nil, nil, []leaf{{path: "text/plain"}}},
		{"text", text, "", nil, nil, []leaf{textLeaf}},
		{"text with LF", "안녕\n", "", nil, nil, []leaf{textLeaf}},
		{"HTML", "", html, nil, nil, []leaf{htmlLeaf}},
		{"both", text, html, nil, nil, []leaf{in(alternative, textLeaf), in(alternative, htmlLeaf)}},
		{"HTML with an image", "", html, []Part{logo}, nil, []leaf{in(related, htmlLeaf), in(related, logoLeaf)}},
		{"text with an image", text, "", []Part{logo}, nil, []leaf{in(mixed, textLeaf), in(mixed, attached)}},
		{"text with files", text, "", nil, []Part{plan, data, odd, long}, []leaf{in(mixed, textLeaf), in(mixed, planLeaf), in(mixed, dataLeaf), in(mixed, oddLeaf), in(mixed, longLeaf)}},
		{"everything", text, html, []Part{logo}, []Part{plan}, []leaf{
			in(mixed, in(alternative, textLeaf)), in(mixed, in(alternative, in(related, htmlLeaf))),
			in(mixed, in(alternative, in(related, logoLeaf))), in(mixed, planLeaf),
		}},
	} {
		m := sample()
		m.Text, m.HTML, m.Inline, m.Attach = c.text, c.html, c.inline, c.attach
		_, got := compose(t, &m)
		if len(got) != len(c.want) {
			t.Errorf("%s: %d parts %q, want %d", c.what, len(got), got, len(c.want))
			continue
		}
		for i := range got {
			if got[i] != c.want[i] {
				t.Errorf("%s: part %d is\n%q, want\n%q", c.what, i, got[i], c.want[i])
			}
		}
	}
}

func TestMailLeavesOutWhatIsEmpty(t *testing.T) {
	m := Mail{From: Mailbox{Address: "a@example.com"}, Text: "x"}
	raw, err := m.AppendTo(nil)
	want := "From: a@example.com\r\nSubject:\r\nMIME-Version: 1.0\r\n" +
		"Content-Type: text/plain; charset=UTF-8\r\nContent-Transfer-Encoding: base64\r\n\r\neA==\r\n"
	if err != nil || string(raw) != want {
		t.Errorf("got %q, %v; want %q", raw, err, want)
	}
}

func TestBoundariesComeFromTheMessageID(t *testing.T) {
	one, two := sample(), sample()
	two.MessageID = "other@pabal.example.com"
	boundary := func(m *Mail) string {
		message, _ := compose(t, m)
		_, params, err := mime.ParseMediaType(message.Header.Get("Content-Type"))
		if err != nil {
			t.Fatal(err)
		}
		return params["boundary"]
	}
	if a, b := boundary(&one), boundary(&two); a == b || len(a) > 70 { // RFC 2046 5.1.1
		t.Errorf("boundaries %q and %q", a, b)
	}
}

func TestMailRefusesWhatCannotStandInAHeader(t *testing.T) {
	for _, c := range []struct {
		what string
		set  func(*Mail)
		want string
	}{
		{"no From", func(m *Mail) { m.From = Mailbox{} }, "empty"},
		{"From name", func(m *Mail) { m.From.Name = "a\r\nBcc: x@example.com" }, "name in From: the header value has a line break"},
		{"To name", func(m *Mail) { m.To.Name = "a\x00" }, "name in To"},
		{"To", func(m *Mail) { m.To.Address = "a@example.com>\r\nBcc: <x@example.com" }, "angle brackets"},
		{"Reply-To", func(m *Mail) { m.ReplyTo = "a@example.com\r\nBcc: x@example.com" }, "address"},
		{"Subject", func(m *Mail) { m.Subject = "a\nb" }, "the subject: the header value has a line break"},
		{"message id", func(m *Mail) { m.MessageID = "a>\r\nBcc: x" }, "message id"},
		{"header value", func(m *Mail) { m.Headers = [][2]string{{"X", "a\rb"}} }, "header X: the header value has a line break"},
		{"header name", func(m *Mail) { m.Headers = [][2]string{{"X: a\r\nBcc", "x"}} }, "cannot be the name"},
		{"long name", func(m *Mail) { m.Headers = [][2]string{{strings.Repeat("X", 127), "x"}} }, "cannot be the name"},
		{"double header", func(m *Mail) { m.Headers = [][2]string{{"SUBJECT", "x"}} }, "written by itself"},
		{"content header", func(m *Mail) { m.Headers = [][2]string{{"content-type", "x"}} }, "written by itself"},
		{"long URL", func(m *Mail) { m.Headers = [][2]string{{"X", strings.Repeat("x", 998)}} }, "998 characters"},
		{"content id", func(m *Mail) { m.Inline = []Part{{ContentID: "a b"}} }, "content id"},
		{"content type", func(m *Mail) { m.Attach = []Part{{ContentType: "image/png\r\nX: y"}} }, "content type"},
		{"file name", func(m *Mail) { m.Attach = []Part{{Name: "a\r\nb"}} }, "name of a file"},
		{"long file name", func(m *Mail) { m.Attach = []Part{{Name: strings.Repeat("가", 400)}} }, "longer than"},
	} {
		m := sample()
		c.set(&m)
		got, err := m.AppendTo([]byte("before"))
		if err == nil || !strings.Contains(err.Error(), c.want) || string(got) != "before" {
			t.Errorf("%s: %v, want %q; dst %d bytes", c.what, err, c.want, len(got))
			continue
		}
		var p *Problem
		var a *AddressError
		if !errors.As(err, &a) && (!errors.As(err, &p) || p.Hint == "") {
			t.Errorf("%s: %#v has no hint", c.what, err)
		}
	}
}

func TestFileNameSegmentsHoldWholeCharacters(t *testing.T) {
	const name = "a한글 이름이 긴 파일 abc 그리고 더 긴 이름.pdf"
	for _, line := range strings.Split(string(appendFileName(nil, name)), "\r\n")[1:] {
		_, value, _ := strings.Cut(line, "=")
		text, err := url.PathUnescape(strings.TrimSuffix(strings.TrimPrefix(value, "UTF-8''"), ";"))
		if err != nil || text == "" || !utf8.ValidString(text) || !strings.Contains(name, text) {
			t.Errorf("segment %q is %q, %v", line, text, err)
		}
	}
}

func TestMailTakesALongURLToTheLimit(t *testing.T) {
	m := sample()
	m.From.Name = strings.Repeat("긴이름", 20)
	m.Headers = [][2]string{{"List-Unsubscribe", strings.Repeat("x", 997)}}
	raw, err := m.AppendTo(nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range strings.Split(string(raw), "\r\n") {
		if len(line) > maxLine {
			t.Errorf("line of %d octets", len(line))
		}
	}
}

func TestAppendBase64(t *testing.T) {
	for _, n := range []int{0, 1, 2, 3, 56, 57, 58, 113, 114, 115, 1000} {
		data := make([]byte, n)
		for i := range data {
			data[i] = byte(i*7 + n)
		}
		got := AppendBase64([]byte("x"), data)[1:]
		for _, line := range strings.SplitAfter(strings.TrimSuffix(string(got), "\r\n"), "\r\n") {
			if l := len(strings.TrimSuffix(line, "\r\n")); l > 76 || l != 76 && strings.HasSuffix(line, "\n") {
				t.Errorf("%d bytes: line %q", n, line)
			}
		}
		back, err := base64.StdEncoding.DecodeString(string(got))
		if err != nil || !bytes.Equal(back, data) || n > 0 && !bytes.HasSuffix(got, []byte("\r\n")) {
			t.Errorf("%d bytes became %q", n, got)
		}
	}
}

func TestAppendingIntoAUsedBufferAllocatesLittle(t *testing.T) {
	m := sample()
	m.HTML = strings.Repeat("<td style=\"color:#333\">봄 신상</td>\n", 2500)
	dst, err := m.AppendTo(nil)
	if err != nil {
		t.Fatal(err)
	}
	if n := testing.AllocsPerRun(20, func() { dst, _ = m.AppendTo(dst[:0]) }); n > 40 {
		t.Errorf("%v allocations for a mail, want no more than 40: none may depend on the number of lines", n)
	}
}

func BenchmarkMail(b *testing.B) {
	m := sample()
	m.HTML = strings.Repeat("<td style=\"color:#333\">봄 신상</td>\n", 2700)[:100<<10]
	dst, err := m.AppendTo(nil)
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(dst)))
	b.ReportAllocs()
	for b.Loop() {
		if dst, err = m.AppendTo(dst[:0]); err != nil {
			b.Fatal(err)
		}
	}
}
