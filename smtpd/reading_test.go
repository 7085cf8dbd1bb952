package smtpd

import (
	"encoding/base64"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net/mail"
	"strings"
	"testing"

	"golang.org/x/text/encoding/korean"
)

// read is what a reader that knows only the standards makes of a mail: Go's
// own packages, and EUC-KR. It is nil where they cannot read it.
type reading struct {
	subject, from string
	texts, files  []string // decoded; a file with its name in front
}

// read reads a mail in 7 bits.
func read(t testing.TB, raw string) *reading {
	t.Helper()
	m, err := mail.ReadMessage(strings.NewReader(raw))
	if err != nil {
		t.Fatalf("%v in %q", err, raw)
	}
	words := mime.WordDecoder{CharsetReader: charsetReader}
	r := &reading{}
	if r.subject, err = words.DecodeHeader(m.Header.Get("Subject")); err != nil {
		t.Fatalf("subject: %v in %q", err, raw)
	}
	parser := mail.AddressParser{WordDecoder: &words}
	from, err := parser.Parse(m.Header.Get("From"))
	if err != nil {
		t.Fatalf("From: %v in %q", err, raw)
	}
	r.from = from.Name + " <" + from.Address + ">"
	r.part(t, m.Header, m.Body)
	return r
}

func charsetReader(charset string, in io.Reader) (io.Reader, error) {
	switch strings.ToLower(charset) {
	case "euc-kr", "ks_c_5601-1987":
		return korean.EUCKR.NewDecoder().Reader(in), nil
	case "utf-8", "us-ascii", "", "unknown-8bit":
		return in, nil
	}
	return nil, fmt.Errorf("charset %s", charset)
}

func (r *reading) part(t testing.TB, header mail.Header, body io.Reader) {
	t.Helper()
	kind, params, err := mime.ParseMediaType(header.Get("Content-Type"))
	if err != nil && header.Get("Content-Type") != "" {
		t.Fatalf("Content-Type %q: %v", header.Get("Content-Type"), err)
	}
	_, more, err := mime.ParseMediaType(header.Get("Content-Disposition"))
	if err != nil && header.Get("Content-Disposition") != "" {
		t.Fatalf("Content-Disposition %q: %v", header.Get("Content-Disposition"), err)
	}
	switch strings.ToLower(header.Get("Content-Transfer-Encoding")) {
	case "base64":
		body = base64.NewDecoder(base64.StdEncoding, body)
	case "quoted-printable":
		body = quotedprintable.NewReader(body)
	}
	switch {
	case strings.HasPrefix(kind, "multipart/"):
		parts := multipart.NewReader(body, params["boundary"])
		for {
			p, err := parts.NextRawPart()
			if err == io.EOF {
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			r.part(t, mail.Header(p.Header), p)
		}
	case kind == "message/rfc822":
		m, err := mail.ReadMessage(body)
		if err != nil {
			t.Fatal(err)
		}
		r.part(t, m.Header, m.Body)
	default:
		name := more["filename"]
		if name == "" {
			name = params["name"]
		}
		if name == "" {
			if body, err = charsetReader(params["charset"], body); err != nil {
				t.Fatal(err)
			}
		}
		content, err := io.ReadAll(body)
		if err != nil {
			t.Fatal(err)
		}
		if name != "" {
			r.files = append(r.files, name+": "+string(content))
			return
		}
		r.texts = append(r.texts, strings.TrimSuffix(string(content), "\r\n"))
	}
}

// cp949 is text as Korean Windows writes it.
func cp949(s string) string {
	out, err := korean.EUCKR.NewEncoder().String(s)
	if err != nil {
		panic(err)
	}
	return out
}

const (
	head    = "From: =?utf-8?B?7IOB7KCQ?= <a@shop.example>\r\nSubject: =?utf-8?B?7KO866y4?= 1\r\nMIME-Version: 1.0\r\n"
	rawHead = "From: 상점 <a@shop.example>\r\nSubject: 주문 1\r\n"
)

// corpus are mails as programs write them, and what their readers must see.
// Each has From 상점 and Subject 주문 1.
func corpus() map[string]struct {
	raw          string
	texts, files []string
} {
	type mails = map[string]struct {
		raw          string
		texts, files []string
	}
	binary := "\x89PNG\r\n\x1a\n\xff\xfe\x80"
	oneLine := base64.StdEncoding.EncodeToString([]byte(strings.Repeat("a,b\nc,d\n", 2000)))
	return mails{
		"UTF-8, nothing said":       {rawHead + "\r\n안녕\r\n", []string{"안녕"}, nil},
		"EUC-KR, nothing said":      {cp949(rawHead + "\r\n안녕\r\n"), []string{"안녕"}, nil},
		"CP949, nothing said":       {cp949(rawHead + "\r\n똠방각하\r\n"), []string{"똠방각하"}, nil},
		"US-ASCII, which it is not": {rawHead + "Content-Type: text/plain; charset=us-ascii; format=flowed\r\n\r\n안녕\r\n", []string{"안녕"}, nil},
		"EUC-KR, said":              {cp949(rawHead + "Content-Type: text/plain; charset=EUC-KR\r\nContent-Transfer-Encoding: 8bit\r\n\r\n안녕\r\n"), []string{"안녕"}, nil},
		"type without a slash":      {rawHead + "Content-Type: text\r\n\r\n안녕\r\n", []string{"안녕"}, nil},
		"coding misspelt":           {rawHead + "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8-bits\r\n\r\n안녕\r\n", []string{"안녕"}, nil},
		"a line of 20 KB":           {head + "\r\n" + strings.Repeat("x", 20_000) + "\r\ny\r\n", []string{strings.Repeat("x", 20_000) + "\r\ny"}, nil},
		"a line of 20 KB, Korean":   {head + "Content-Type: text/html; charset=utf-8\r\n\r\n" + strings.Repeat("<p>가</p>", 2000) + "\r\n", []string{strings.Repeat("<p>가</p>", 2000)}, nil},
		"8-bit quoted-printable":    {head + "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n가=EB=82=98 =\r\n다=3D   \r\n" + strings.Repeat("=EB=9D=BC", 300) + "\r\n", []string{"가나 다=\r\n" + strings.Repeat("라", 300)}, nil},
		"multipart with raw names": {rawHead + "Content-Type: multipart/mixed; boundary=----=_x\r\n\r\n머리말\r\n------=_x\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n본문\r\n" +
			"------=_x\r\nContent-Type: image/png; name=\"그림 1.png\"\r\nContent-Disposition: attachment; filename=\"그림 1.png\"; size=11\r\nContent-Transfer-Encoding: base64\r\n\r\n" +
			base64.StdEncoding.EncodeToString([]byte(binary)) + "\r\n------=_x--\r\n꼬리말\r\n", []string{"본문"}, []string{"그림 1.png: " + binary}},
		"raw names in CP949": {cp949(rawHead+"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\n본문\r\n--b\r\nContent-Disposition: attachment; filename="+strings.Repeat("보고서", 20)+".pdf\r\n\r\nx") + "\r\n--b--\r\n",
			[]string{"본문"}, []string{strings.Repeat("보고서", 20) + ".pdf: x"}},
		"both kinds of names": {rawHead + "Content-Type: application/x; name=\"가.pdf\"\r\nContent-Disposition: attachment; filename=\"가.pdf\"; filename*=utf-8''%EA%B0%80.pdf\r\n\r\nx\r\n",
			nil, []string{"가.pdf: x\r\n"}},
		"a text file with LFs in one line of base64": {head + "Content-Type: text/csv; name=a.csv\r\nContent-Transfer-Encoding: base64\r\n\r\n" + oneLine + "\r\n",
			nil, []string{"a.csv: " + strings.Repeat("a,b\nc,d\n", 2000)}},
		"base64 with noise in it": {head + "Content-Type: image/png; name=a.png\r\nContent-Transfer-Encoding: base64\r\n\r\n" +
			strings.Join(strings.Split(base64.StdEncoding.EncodeToString([]byte(strings.Repeat(binary, 3))), ""), "가 ") + "\r\n", nil, []string{"a.png: " + strings.Repeat(binary, 3)}},
		"binary in 8 bits":                 {head + "Content-Type: application/octet-stream; name=a.bin\r\nContent-Transfer-Encoding: binary\r\n\r\n\x80\xff\r\n\xfe\r\n", nil, []string{"a.bin: \x80\xff\r\n\xfe\r\n"}},
		"a multipart without its boundary": {rawHead + "Content-Type: multipart/alternative; boundary=gone\r\n\r\n안녕\r\n", []string{"안녕"}, nil},
		"a message in 8 bits": {rawHead + "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: message/rfc822\r\nContent-Transfer-Encoding: 8bit\r\n\r\nFrom: 안쪽 <b@x.kr>\r\nSubject: 안\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n안녕\r\n--b--\r\n",
			[]string{"안녕"}, nil},
		"everything twice": {"From: 상점 <a@shop.example>\r\nFrom: x@shop.example\r\nSubject: 주문 1\r\nSubject: x\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Type: text/html\r\nMIME-Version: 1.0\r\nMime-Version: 1.0\r\n" +
			"Content-Transfer-Encoding: 8bit\r\nContent-Transfer-Encoding: base64\r\n\r\n안녕\r\n", []string{"안녕"}, nil},
	}
}
