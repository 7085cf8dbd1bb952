package eml

import (
	"bufio"
	"encoding/base64"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"net/mail"
	"net/textproto"
	"strings"
	"testing"
	"time"
)

var reportDate = time.Date(2026, 11, 22, 14, 30, 5, 0, time.FixedZone("", 9*3600))

func sampleReport(t testing.TB) Report {
	t.Helper()
	returned, _, err := Split([]byte("From: app@example.com\r\nSubject: =?utf-8?b?7KO866y4?=\r\nX-Raw: \xed\x95\x9c\r\nX-Long: " + strings.Repeat("x", 1200) + "\r\nTo: kim@example.net\r\n\r\nbody"))
	if err != nil {
		t.Fatal(err)
	}
	return Report{
		Mail: Mail{From: Mailbox{Name: "파발", Address: "noreply@example.com"}, To: Mailbox{Address: "app@example.com"}, Subject: "메일을 보내지 못했습니다",
			Text: "보내지 못했습니다.\n.\nNot sent.", Date: reportDate, MessageID: "r1@web1", Headers: [][2]string{{"Auto-Submitted", "auto-replied"}}},
		MTA: "web1.example.com", Arrived: reportDate.Add(-time.Minute), Returned: returned,
		Deliveries: []Delivery{
			{Recipient: "kim@example.net", Action: "failed", Status: "5.7.1", MTA: "email.ap-northeast-2.amazonaws.com", Dialect: "X-SES",
				Said: "MessageRejected: 거부\r\nStatus: 2.0.0 \x1b[31m" + strings.Repeat(" word", 60), Last: reportDate, OurMessage: "q17"},
			{Recipient: "lee@example.net", Action: "failed", Status: "5.0.0"},
		},
	}
}

// parsedReport is what Go's own readers find in a report.
type parsedReport struct {
	header mail.Header
	kinds  []string
	text   string
	status []textproto.MIMEHeader
	raw    string // of the status
	back   string
}

func parseReport(t testing.TB, raw []byte) (p parsedReport) {
	t.Helper()
	m, err := mail.ReadMessage(strings.NewReader(string(raw)))
	if err != nil {
		t.Fatalf("%v\n%s", err, raw)
	}
	p.header = m.Header
	kind, params, err := mime.ParseMediaType(m.Header.Get("Content-Type"))
	if err != nil || kind != "multipart/report" || params["report-type"] != "delivery-status" {
		t.Fatalf("content type %s %v, %v", kind, params, err)
	}
	parts := multipart.NewReader(m.Body, params["boundary"])
	for {
		part, err := parts.NextPart()
		if errors.Is(err, io.EOF) {
			return p
		}
		if err != nil {
			t.Fatal(err)
		}
		kind, _, _ := mime.ParseMediaType(part.Header.Get("Content-Type"))
		p.kinds = append(p.kinds, kind)
		content, err := io.ReadAll(part)
		if err != nil {
			t.Fatal(err)
		}
		switch kind {
		case "text/plain":
			p.text = decoded(t, string(content))
		case "message/delivery-status":
			p.raw = string(content)
			r := textproto.NewReader(bufio.NewReader(strings.NewReader(p.raw + "\r\n\r\n")))
			for {
				h, err := r.ReadMIMEHeader()
				if len(h) == 0 || err != nil {
					break
				}
				p.status = append(p.status, h)
			}
		case "text/rfc822-headers":
			p.back = string(content)
		}
	}
}

func decoded(t testing.TB, s string) string {
	t.Helper()
	out, err := io.ReadAll(base64.NewDecoder(base64.StdEncoding, strings.NewReader(s)))
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

func TestReportIsReadBackByGo(t *testing.T) {
	r := sampleReport(t)
	raw, err := r.AppendTo(nil)
	if err != nil {
		t.Fatal(err)
	}
	p := parseReport(t, raw)
	if got := strings.Join(p.kinds, " "); got != "text/plain message/delivery-status text/rfc822-headers" {
		t.Errorf("parts: %s", got)
	}
	if p.text != "보내지 못했습니다.\r\n.\r\nNot sent." {
		t.Errorf("text %q", p.text)
	}
	if len(p.status) != 3 {
		t.Fatalf("%d blocks in\n%s", len(p.status), p.raw)
	}
	for _, c := range []struct {
		block       int
		field, want string
	}{
		{0, "Reporting-Mta", "dns; web1.example.com"}, {0, "Arrival-Date", "Sun, 22 Nov 2026 14:29:05 +0900"},
		{1, "Final-Recipient", "rfc822; kim@example.net"}, {1, "Action", "failed"}, {1, "Status", "5.7.1"},
		{1, "Remote-Mta", "dns; email.ap-northeast-2.amazonaws.com"}, {1, "Last-Attempt-Date", "Sun, 22 Nov 2026 14:30:05 +0900"}, {1, "X-Pabal-Message", "q17"},
		{2, "Final-Recipient", "rfc822; lee@example.net"}, {2, "Status", "5.0.0"}, {2, "Diagnostic-Code", ""}, {2, "Remote-Mta", ""},
	} {
		if got := p.status[c.block].Get(c.field); got != c.want {
			t.Errorf("block %d: %s %q, want %q", c.block, c.field, got, c.want)
		}
	}
	if got := p.status[1].Get("Diagnostic-Code"); !strings.HasPrefix(got, `X-SES; MessageRejected: ?? Status: 2.0.0 \x1b[31m word word`) {
		t.Errorf("diagnostic %q", got)
	}
	if want := "From: app@example.com\r\nSubject: =?utf-8?b?7KO866y4?=\r\nTo: kim@example.net\r\n"; p.back != want {
		t.Errorf("header %q, want %q: without what is not ASCII or too long", p.back, want)
	}
	for i, line := range strings.Split(string(raw), "\r\n") {
		if len(line) > maxLine || !isASCII(line) || strings.ContainsAny(line, "\r\n") {
			t.Errorf("line %d: %q", i+1, line)
		}
	}
}

func TestReportWithoutTheOriginalHasTwoParts(t *testing.T) {
	r := sampleReport(t)
	r.Returned = Header{}
	raw, err := r.AppendTo([]byte("before"))
	if err != nil || !strings.HasPrefix(string(raw), "beforeFrom: ") {
		t.Fatalf("%.40q, %v", raw, err)
	}
	if p := parseReport(t, raw[len("before"):]); len(p.kinds) != 2 {
		t.Errorf("parts %q", p.kinds)
	}
}

func TestReportRefusesWhatIsNoField(t *testing.T) {
	for name, spoil := range map[string]func(*Report){
		"no host":              func(r *Report) { r.MTA = "" },
		"recipient of 2 lines": func(r *Report) { r.Deliveries[0].Recipient = "a@b.c\r\nAction: delivered" },
		"Korean recipient":     func(r *Report) { r.Deliveries[0].Recipient = "김@example.net" },
		"no status":            func(r *Report) { r.Deliveries[1].Status = "" },
		"very long host":       func(r *Report) { r.Deliveries[0].MTA = strings.Repeat("x", 1000) },
		"sender":               func(r *Report) { r.From.Address = "nobody" },
	} {
		r := sampleReport(t)
		spoil(&r)
		if raw, err := r.AppendTo([]byte("x")); err == nil || string(raw) != "x" {
			t.Errorf("%s: %v, %d bytes", name, err, len(raw))
		}
	}
}

// FuzzReport: whatever a server says, the report has the blocks it should.
func FuzzReport(f *testing.F) {
	f.Add("MessageRejected: no", "kim@example.net")
	f.Add("a\r\n\r\nFinal-Recipient: rfc822; x@y.z", "x")
	f.Add(strings.Repeat("x", 2000)+"\x00\x1b", "a@b\r\n")
	f.Fuzz(func(t *testing.T, said, recipient string) {
		r := sampleReport(t)
		r.Deliveries[0].Said, r.Deliveries[1].Recipient = said, recipient
		raw, err := r.AppendTo(nil)
		if err != nil {
			return
		}
		if p := parseReport(t, raw); len(p.status) != 3 || p.status[1].Get("Action") != "failed" || p.status[2].Get("Action") != "failed" {
			t.Errorf("status\n%s", p.raw)
		}
	})
}
