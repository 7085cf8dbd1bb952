package smtpd

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"mime"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"pabal/eml"
	"pabal/sesclient/emulator"
)

func TestReadersSeeWhatProgramsWrote(t *testing.T) {
	for name, c := range corpus() {
		t.Run(name, func(t *testing.T) {
			q := &memory{}
			if got := deliver(t, start(t, testServer(q)), strings.ReplaceAll(c.raw, "\r\n.", "\r\n.."), "kim@example.com"); !strings.HasPrefix(got, "250") {
				t.Fatalf("reply %q", got)
			}
			body := q.all()[0].body
			if !clean([]byte(body)) {
				t.Errorf("SES would refuse %q", body)
			}
			r := read(t, strings.Replace(body, "boundary=----=_x", `boundary="----=_x"`, 1)) // Go's reader wants the quotes
			if r.subject != "주문 1" || r.from != "상점 <a@shop.example>" || !slices.Equal(r.texts, c.texts) || !slices.Equal(r.files, c.files) {
				t.Errorf("read %q, want texts %q and files %q, in\n%s", *r, c.texts, c.files, body)
			}
		})
	}
}

func TestHeadersKeepTheirOctets(t *testing.T) {
	for value, want := range map[string]string{
		"plain  as it   is":                              "plain  as it   is",
		"주문 123 접수  두 칸":                                 "주문 123 접수  두 칸",
		"=?utf-8?B?7KO866y4?= 접수":                        "주문 접수",
		"접수 =?utf-8?B?7KO866y4?= =?utf-8?B?7KO866y4?= x": "접수 주문주문 x",
		"접수=?utf-8?B?7KO866y4?=abc":                      "접수주문abc",
		"=?iso-2022-jp?B?GyRCJCIbKEI=?= 가":               "=?iso-2022-jp?B?GyRCJCIbKEI=?= 가",
		"a \x1b[31m 빨강":                                  "a \x1b[31m 빨강",
		strings.Repeat("가나다라", 100):                      strings.Repeat("가나다라", 100),
		strings.Repeat("x", 2000):                        strings.Repeat("x", 2000),
		strings.Repeat("word ", 400) + "끝":               strings.Repeat("word ", 400) + "끝",
	} {
		got, err := recode(t, "From: a@b.c\r\nSubject: "+value+"\r\n\r\nx\r\n")
		if err != nil {
			t.Errorf("%q: %v", value, err)
			continue
		}
		m := parsed(t, got)
		words := mime.WordDecoder{CharsetReader: func(charset string, in io.Reader) (io.Reader, error) { return nil, fmt.Errorf("charset %s", charset) }}
		coded := m.Header.Get("Subject")
		text := coded
		if !strings.Contains(coded, "iso-2022") {
			if text, err = words.DecodeHeader(coded); err != nil {
				t.Errorf("%q: %v in %q", value, err, coded)
			}
		} else if text = "=?iso-2022-jp?B?GyRCJCIbKEI=?= 가"; !strings.HasPrefix(coded, "=?iso-2022-jp?B?GyRCJCIbKEI=?= =?UTF-8?B?"+base64.StdEncoding.EncodeToString([]byte(" 가"))) {
			t.Errorf("%q became %q", value, coded)
		}
		if text != want {
			t.Errorf("%q is read as %q, want %q, in %q", value, text, want, coded)
		}
	}
}

// Octets of no charset we know are kept for whoever knows it.
func TestUnknownOctetsAreKept(t *testing.T) {
	got, err := recode(t, "From: \x80\xff\x81 <a@b.c>\r\nSubject: x \x80\xff\x81\x20\xfe y\r\nContent-Disposition: attachment; filename=\"\x80\xff.txt\"\r\n\r\n\x80\xff\x81 x\r\n")
	if err != nil {
		t.Fatal(err)
	}
	m := parsed(t, got)
	var octets []byte
	words := mime.WordDecoder{CharsetReader: func(charset string, in io.Reader) (io.Reader, error) {
		if charset != "unknown-8bit" {
			t.Errorf("charset %s", charset)
		}
		b, err := io.ReadAll(in)
		octets = append(octets, b...)
		return bytes.NewReader(nil), err
	}}
	words.DecodeHeader(m.Header.Get("Subject"))
	words.DecodeHeader(m.Header.Get("From"))
	if string(octets) != "\x80\xff\x81 \xfe\x80\xff\x81" {
		t.Errorf("octets %q in %q", octets, got)
	}
	if !strings.HasSuffix(m.Header.Get("From"), " <a@b.c>") || !strings.Contains(got, "filename*=''%80%FF.txt") || !strings.Contains(got, "charset=unknown-8bit") {
		t.Errorf("got %q", got)
	}
	if parts := leaves(t, m.Header, m.Body); !slices.Equal(parts, []string{"\x80\xff\x81 x\r\n"}) {
		t.Errorf("text %q", parts)
	}
}

// asItIs are mails that SES takes as they are.
func asItIs() map[string]string {
	b64 := strings.TrimSuffix(string(eml.AppendBase64(nil, bytes.Repeat([]byte{0, 200}, 500))), "\r\n")
	return map[string]string{
		"plain":             plain,
		"Date says nothing": "from:a@shop.example\r\nDATE: yesterday\r\nmessage-id: <x>\r\n\r\n",
		"alternative":       head + "To: =?euc-kr?B?waY=?=\r\n <kim@example.com>,\r\n\t\"Lee, J\" <lee@example.com>\r\nContent-Type: multipart/alternative;\r\n boundary=\"=_b\"\r\n\r\npreamble\r\n--=_b\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n=EA=B0=80  \r\n--=_b\r\nContent-Type: text/html\r\n\r\n<p>x</p>\r\n--=_b--\r\nepilogue",
		"attachments":       head + "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nx\r\n--b\r\nContent-Type: application/pdf; name=\"=?utf-8?B?6rCALnBkZg==?=\"\r\nContent-Transfer-Encoding: base64\r\nContent-Disposition: attachment;\r\n filename*0*=UTF-8''%EA%B0%80;\r\n filename*1*=.pdf\r\n\r\n" + b64 + "\r\n--b--\r\n",
		"group":             "From: a@shop.example\r\nTo: undisclosed-recipients:;\r\nCc: Team: b@x.kr, C <c@x.kr>;, d@x.kr\r\nReply-To: \"R\" <r@x.kr>,\r\n s@x.kr\r\n\r\nx",
		"odd fields":        "Received: from x\r\n\tby y; z\r\nX-Empty:\r\nX-Blank:   \r\n  \r\nFrom: \"A\" <a@shop.example> (Comment)\r\nSender: a@shop.example\r\nReferences: <1@x>\r\n <2@x>\r\nX-A: 1\r\nX-A: 2\r\nReceived: twice\r\nReceived: thrice\r\n\r\n\r\n\r\n",
		"signed":            head + "Content-Type: multipart/signed; micalg=pgp-sha256; protocol=\"application/pgp-signature\"; boundary=s\r\n\r\n--s\r\nContent-Type: text/plain\r\n\r\ntrailing \t \r\n- dash\r\n--s\r\nContent-Type: application/pgp-signature; name=signature.asc\r\n\r\n-----BEGIN PGP SIGNATURE-----\r\n--s--\r\n",
		"report":            head + "Content-Type: multipart/report; report-type=delivery-status; boundary=r\r\n\r\n--r\r\n\r\nfailed\r\n--r\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; x\r\n\r\nFinal-Recipient: rfc822; a@x.kr\r\n--r\r\nContent-Type: message/rfc822\r\n\r\nFrom: root\r\nTo: nobody\r\n\r\nx\r\n--r--\r\n",
		"broken multipart":  head + "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nno field\r\n\r\nx\r\n--b\r\n--b\r\n",
		"lines of 998":      head + "X-Long: " + strings.Repeat("y", 990) + "\r\n\r\n" + strings.Repeat("x", 998) + "\r\n" + strings.Repeat("z", 998),
		"8bit, but ASCII":   head + "Content-Type: text/plain; charset=euc-kr\r\nContent-Transfer-Encoding: 8BIT\r\n\r\nx\r\n",
		"only dots":         head + "\r\n.\r\n..\r\n",
	}
}

// withDates gives a mail the two fields that are added where they are missing.
func withDates(raw string) string {
	fields, _, _ := strings.Cut(strings.ToLower(raw), "\r\n\r\n")
	for name, field := range map[string]string{"date": "Date: Sun, 22 Nov 2026 10:00:00 +0900\r\n", "message-id": "Message-ID: <1@app>\r\n"} {
		if !strings.HasPrefix(fields, name+":") && !strings.Contains(fields, "\r\n"+name+":") {
			raw = field + raw
		}
	}
	return raw
}

func TestWhatSESTakesGoesByteForByte(t *testing.T) {
	for name, raw := range asItIs() {
		q := &memory{}
		raw = withDates(raw)
		if !strings.HasSuffix(raw, "\r\n") {
			raw += "\r\n" // the final dot's
		}
		if got := deliver(t, start(t, testServer(q)), strings.ReplaceAll(raw, "\r\n.", "\r\n.."), "kim@example.com"); !strings.HasPrefix(got, "250") {
			t.Errorf("%s: %q", name, got)
			continue
		}
		trace, ok := strings.CutSuffix(q.all()[0].body, raw)
		if !ok || strings.Count(trace, "\r\n") != strings.Count(trace, "\r\n ")+1 || !strings.HasPrefix(trace, "Received: from ") {
			t.Errorf("%s: stored\n%q\nwant behind one Received\n%q", name, q.all()[0].body, raw)
		}
	}
}

// TestPiecesOfCleanMailsGoByteForByte puts mails together from pieces that SES
// takes, in any order and number.
func TestPiecesOfCleanMailsGoByteForByte(t *testing.T) {
	seed := rand.Uint64()
	r := rand.New(rand.NewPCG(seed, 1))
	pick := func(from ...string) string { return from[r.IntN(len(from))] }
	fields := []string{"X-A: 1\r\n", "x-a:\r\n\tfolded\r\n", "Received: by x\r\n", "List-Id: <l.x.kr>\r\n", "User-Agent: t\r\n", "To: =?utf-8?Q?=EA=B0=80?= <k@x.kr>\r\n", "Cc: a@x.kr,\r\n b@x.kr\r\n", "Subject: =?euc-kr?Q?=B0=A1?=\r\n", "Reply-To: r@x.kr\r\n"}
	var body func(depth int) string
	body = func(depth int) string {
		text := strings.Repeat(pick("a line\r\n", "\r\n", " \t\r\n", "--\r\n", "=\r\n", "From x\r\n"), r.IntN(4))
		if depth > 3 || r.IntN(2) == 0 {
			return pick("", "Content-Type: text/plain; charset="+pick("utf-8", "euc-kr", `"x"`)+"\r\n") + pick("", "Content-Transfer-Encoding: "+pick("7bit", "8bit", "quoted-printable", "base64")+"\r\n") + "\r\n" + text
		}
		boundary := fmt.Sprintf("%s%d", pick("b", "=_", "--"), depth)
		out := "Content-Type: multipart/" + pick("mixed", "alternative", "related") + `; boundary="` + boundary + "\"\r\n\r\n" + pick("", text)
		for range 1 + r.IntN(3) {
			out += "--" + boundary + "\r\n" + body(depth+1) + "\r\n"
		}
		return out + pick("--"+boundary+"--\r\n", "", "--"+boundary+"--")
	}
	for range 500 {
		raw := pick("From: a@shop.example\r\n", "FROM: \"A, B\" <a@shop.example>\r\n")
		for i, f := range r.Perm(len(fields)) {
			if i < r.IntN(len(fields)) {
				raw += fields[f]
			}
		}
		raw += body(0)
		if sent := sendableOf(t, raw); sent != raw {
			t.Fatalf("seed %d: %q became %q", seed, raw, sent)
		}
	}
}

// sendableOf makes a mail sendable, "" where it is refused.
func sendableOf(t testing.TB, raw string) string {
	t.Helper()
	header, body, err := eml.Split([]byte(raw))
	if err != nil {
		return ""
	}
	server := testServer(nil)
	server.UnverifiedFrom, server.DefaultFrom = RewriteFrom, eml.Mailbox{Address: "noreply@shop.example"}
	s := &session{ctx: t.Context(), server: server, from: "bounce@shop.example", log: slog.New(slog.DiscardHandler)}
	_, coded, err := s.sendable(&header, body)
	if err != nil {
		return ""
	}
	if coded == nil {
		coded = body
	}
	return string(header.AppendTo(nil)) + "\r\n" + string(coded)
}

// FuzzSendable: whatever comes in, what goes out is in 7 bits with short lines,
// has each field once, and needs no change a second time.
func FuzzSendable(f *testing.F) {
	for _, c := range corpus() {
		f.Add([]byte(c.raw))
	}
	for _, raw := range asItIs() {
		f.Add([]byte(raw))
	}
	for _, c := range eightBit {
		f.Add([]byte(c.raw))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		text, err := policy(string(raw))
		if err != nil {
			return
		}
		sent := sendableOf(t, text)
		if sent == "" {
			return
		}
		if !clean([]byte(sent)) {
			t.Errorf("not clean: %q, of %q", sent, text)
		}
		header, _, err := eml.Split([]byte(sent))
		if err != nil {
			t.Fatalf("%v in %q, of %q", err, sent, text)
		}
		seen := map[string]bool{}
		for _, f := range header.Fields() {
			name := strings.ToLower(f.Name)
			if seen[name] && single(name) {
				t.Errorf("%s twice in %q, of %q", f.Name, sent, text)
			}
			seen[name] = true
		}
		if again := sendableOf(t, sent); again != sent {
			t.Errorf("%q became %q, then %q", text, sent, again)
		}
		before, after := eml.DecodeHeader(firstValue(text, "Subject")), eml.DecodeHeader(header.Get("Subject"))
		if before != after && !strings.ContainsRune(before, '\uFFFD') {
			t.Errorf("subject %q became %q, of %q", before, after, text)
		}
	})
}

// firstValue is the first value of a field that says something.
func firstValue(raw, name string) string {
	header, _, err := eml.Split([]byte(raw))
	if err != nil {
		return ""
	}
	for _, f := range header.Fields() {
		if strings.EqualFold(f.Name, name) && f.Value() != "" {
			return f.Value()
		}
	}
	return ""
}

// TestSESTakesWhatIsSendable hands all mails of the corpora to the emulator of
// SES, whose rules are written apart from ours.
func TestSESTakesWhatIsSendable(t *testing.T) {
	ses, err := emulator.New(emulator.Options{Verified: []string{"shop.example", "b.c"}, Rate: 1000})
	if err != nil {
		t.Fatal(err)
	}
	mails := asItIs()
	for name, c := range corpus() {
		mails[name] = c.raw
	}
	for name, c := range eightBit {
		mails[name] = c.raw
	}
	mails["many addresses"] = "From: a@shop.example\r\nTo: " + strings.Repeat("김 <kim@example.com>; root, nobody at all, ", 100) + "\r\nSender: root\r\n\r\nx\r\n"
	mails["blanks before colons"] = "From : a@shop.example\r\nX-A\t: 1\r\nX-A: 2\r\nSubject : 가\r\n\r\nx\r\n"
	for name, raw := range mails {
		sent := sendableOf(t, raw)
		if sent == "" {
			t.Errorf("%s: refused", name)
			continue
		}
		body := `{"Destination":{"ToAddresses":["kim@example.com"]},"Content":{"Raw":{"Data":"` + base64.StdEncoding.EncodeToString([]byte(sent)) + `"}}}`
		r := httptest.NewRequest("POST", "/v2/email/outbound-emails", strings.NewReader(body))
		r.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=A/20260101/ap-northeast-2/ses/aws4_request, Signature=0")
		w := httptest.NewRecorder()
		ses.ServeHTTP(w, r)
		if w.Code != 200 {
			t.Errorf("%s: SES says %d %s to\n%s", name, w.Code, w.Body, sent)
		}
	}
}

// BenchmarkSendable is what a mail that needs nothing costs.
func BenchmarkSendable(b *testing.B) {
	s := &session{ctx: b.Context(), server: testServer(nil), log: slog.New(slog.DiscardHandler)}
	for _, size := range []int{1 << 10, 100 << 10} {
		text := string(eml.AppendBase64(nil, bytes.Repeat([]byte{0, 200}, size*3/8)))
		for kind, raw := range map[string]string{
			"text":      head + "To: kim@example.com\r\n\r\n" + text,
			"multipart": head + "To: kim@example.com\r\nContent-Type: multipart/mixed; boundary=\"=_b\"\r\n\r\n--=_b\r\n\r\nx\r\n--=_b\r\nContent-Type: application/pdf; name=a.pdf\r\n\r\n" + text + "\r\n--=_b--\r\n",
		} {
			b.Run(fmt.Sprintf("%s-%dKB", kind, size>>10), func(b *testing.B) {
				for b.Loop() {
					header, body, err := eml.Split([]byte(raw))
					if err != nil {
						b.Fatal(err)
					}
					if _, coded, err := s.sendable(&header, body); err != nil || coded != nil {
						b.Fatal(err, coded)
					}
				}
			})
		}
	}
}
