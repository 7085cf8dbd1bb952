package sesclient

import (
	"fmt"
	"strings"
	"testing"
)

// What each host wants: the name with the zone or without, a dot at the end,
// quotation marks, the priority apart.
func TestRecordsInTheFormOfEachHost(t *testing.T) {
	records := []Record{{Name: "t._domainkey.shop.example.co.kr", Type: "CNAME", Value: "t.dkim.amazonses.com"}, {Name: "bounce.example.co.kr", Type: "MX", Value: "10 feedback-smtp.ap-northeast-2.amazonses.com"},
		{Name: "example.co.kr", Type: "TXT", Value: "v=spf1 ~all"}, {Name: "elsewhere.example.net", Type: "TXT", Value: "x"}}
	want := map[string]string{
		"table":      "t._domainkey.shop.example.co.kr|t.dkim.amazonses.com|; bounce.example.co.kr|feedback-smtp.ap-northeast-2.amazonses.com|10; example.co.kr|v=spf1 ~all|; elsewhere.example.net|x|; ",
		"gabia":      "t._domainkey.shop|t.dkim.amazonses.com.|; bounce|feedback-smtp.ap-northeast-2.amazonses.com.|10; @|v=spf1 ~all|; elsewhere.example.net|x|; ",
		"cafe24":     "t._domainkey.shop|t.dkim.amazonses.com|; bounce|feedback-smtp.ap-northeast-2.amazonses.com|10; @|v=spf1 ~all|; elsewhere.example.net|x|; ",
		"ncloud":     `t._domainkey.shop|t.dkim.amazonses.com.|; bounce|10 feedback-smtp.ap-northeast-2.amazonses.com.|; @|"v=spf1 ~all"|; elsewhere.example.net|"x"|; `,
		"route53":    `t._domainkey.shop|t.dkim.amazonses.com|; bounce|10 feedback-smtp.ap-northeast-2.amazonses.com|; @|"v=spf1 ~all"|; elsewhere.example.net|"x"|; `,
		"cloudflare": "t._domainkey.shop|t.dkim.amazonses.com|; bounce|feedback-smtp.ap-northeast-2.amazonses.com|10; @|v=spf1 ~all|; elsewhere.example.net|x|; ",
	}
	want["whois"] = want["cafe24"]
	d := Domain{Name: "shop.example.co.kr"}
	for _, h := range DNSHosts() {
		got := ""
		for _, r := range records {
			p := h.Paste(r, d.Zone())
			got += p.Host + "|" + p.Value + "|" + p.Priority + "; "
		}
		if got != want[h.ID] {
			t.Errorf("%s:\n got %s\nwant %s", h.ID, got, want[h.ID])
		}
	}
}

func TestRecordsAsBINDLines(t *testing.T) {
	long := strings.Repeat("x", 300)
	for _, tt := range []struct {
		r    Record
		want string
	}{
		{Record{Name: "t._domainkey.example.com", Type: "CNAME", Value: "t.dkim.amazonses.com"}, "t._domainkey.example.com. 3600 IN CNAME t.dkim.amazonses.com."},
		{Record{Name: "bounce.example.com", Type: "MX", Value: "10 mx.example.com"}, "bounce.example.com. 3600 IN MX 10 mx.example.com."},
		{Record{Name: "a.example.com", Type: "TXT", Value: `say "hi" \`}, `a.example.com. 3600 IN TXT "say \"hi\" \\"`},
		{Record{Name: "a.example.com", Type: "TXT", Value: long}, fmt.Sprintf(`a.example.com. 3600 IN TXT "%s" "%s"`, long[:255], long[255:])},
	} {
		if got := tt.r.BIND(); got != tt.want {
			t.Errorf("got %s, want %s", got, tt.want)
		}
	}
}
