//go:build host

package cli

import (
	"net"
	"net/smtp"
	"strings"
	"testing"

	"golang.org/x/net/dns/dnsmessage"

	"pabal/audience"
	"pabal/campaign"
	"pabal/sesclient/emulator"
)

// operatorWords is what the screens of whoever looks after the sending say.
type operatorWords struct{ home, oldest, failed, retry, retried, trace, held, holdEnds, domain, one, mend, records string }

// TestTheOperatorAtTheDesk looks after a day's sending on the screens: what is
// wrong is on the first one, a mail that failed is looked at and sent again, all
// mail to an address is traced, a domain is held, and the domain's records are
// read. The window is made small at the end.
func TestTheOperatorAtTheDesk(t *testing.T) {
	for lang, w := range map[string]operatorWords{
		"ko": {home: "파발 › 홈", oldest: "가장 오래된 대기", failed: "일반 메일: 실패", retry: "이 메일 1통을 다시 보냅니다", retried: "다시 보내기로 했습니다", trace: "파발 › 추적",
			held: "보류했습니다", holdEnds: "사람이 풀어야 함", domain: "보내는 도메인", one: "› 도메인 example.com", mend: "등록하세요:", records: "DNS에 등록할 레코드"},
		"en": {home: "pabal › Home", oldest: "Oldest", failed: "transactional: failed", retry: "This one mail is sent again", retried: "It will be sent again", trace: "pabal › trace",
			held: "Held.", holdEnds: "waits for a person", domain: "Domains of senders", one: "› Domain example.com", mend: "Publish:", records: "Records for the DNS"},
	} {
		t.Run(lang, func(t *testing.T) { operatorAtTheDesk(t, lang, w) })
	}
}

func operatorAtTheDesk(t *testing.T, lang string, w operatorWords) {
	h := newHost(t, emulator.Options{Rate: 14}, "PABAL_DNS_RESOLVER="+emptyZone(t))
	h.ses.SetFault(emulator.Fault{Kind: "rejected", Match: "old@"})
	p := h.serve()
	c := h.client()
	if _, err := c.Import(t.Context(), strings.NewReader(string(customersUTF8(300))), audience.ImportOptions{Name: "people.csv"}); err != nil {
		t.Fatal(err)
	}
	if _, err := c.PutTemplate(t.Context(), campaign.Template{Name: "sale", Subject: "{{Name}}님, 가을 세일", HTML: `<p>{{Name}}님</p><a href="{{UnsubscribeURL}}">수신거부</a>`}); err != nil {
		t.Fatal(err)
	}
	made, err := c.CreateCampaign(t.Context(), campaign.Campaign{Name: "가을 정기 세일", Template: "sale"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Start(t.Context(), made.ID, 300); err != nil {
		t.Fatal(err)
	}
	for _, to := range []string{"minji@example.net", "old@example.net", "chul@example.net"} {
		letter := "From: Shop <erp@example.com>\r\nTo: " + to + "\r\nSubject: =?utf-8?B?7KO866y4IO2ZleyduA==?=\r\n\r\nThank you.\r\n"
		if err := smtp.SendMail(p.where.SMTP[0], nil, "erp@example.com", []string{to}, []byte(letter)); err != nil {
			t.Fatal(err)
		}
	}
	m := newTerminal(t, h, "80", "24", lang)
	shot := func(name string) { m.picture("screen-" + name + "-" + lang) }
	m.see(w.home, "가을 정기 세일", w.oldest)
	m.workSpool(h, w, shot)
	m.press("1")
	m.see("example.org", "가을 정기 세일")
	shot("home")
	m.press("?")
	m.see("Home End")
	shot("help")
	m.press("Escape")
	m.see("example.org", "가을 정기 세일")
	m.press("8")
	m.see(w.domain, "example.com", w.mend)
	shot("domains")
	m.press("Enter")
	m.see(w.one, "_dmarc.example.com TXT")
	shot("domain")
	m.press("End")
	m.see("_domainkey.example.com", w.records)
	shot("domain-records")
	m.press("Escape")
	m.see(w.domain)
	m.press("1")
	m.tmux("resize-window", "-x", "60", "-y", "20")
	m.see("example.org", w.oldest)
	shot("home-narrow")
	m.press("q")
}

// workSpool sends a failed mail again, traces its address, and holds a domain.
func (m *terminal) workSpool(h *host, w operatorWords, shot func(string)) {
	m.t.Helper()
	m.press("7", "o", "o")
	m.see(w.failed, "old@example.net", "주문 확인")
	shot("spool")
	m.press("Enter")
	m.see("old@example.net", "erp@example.com", "MessageRejected")
	shot("mail")
	h.ses.ClearFaults()
	m.press("r")
	m.see(w.retry)
	m.press("y")
	m.see(w.retried)
	m.press("t")
	m.see(w.trace, "old@example.net", "주문 확인")
	shot("trace")
	m.press("Escape")
	m.see("erp@example.com")
	m.press("Escape")
	m.see(w.failed)
	m.press("h", "n")
	m.write("example.org")
	m.press("Enter")
	m.write("도메인 이전")
	m.press("Enter", "y")
	m.see(w.held, "example.org", "도메인 이전", w.holdEnds)
	shot("holds")
	m.press("Escape")
	m.see(w.failed)
}

// customersUTF8 is n people who get mail.
func customersUTF8(n int) []byte {
	var out strings.Builder
	out.WriteString("email,name,subscribed\n")
	names := []string{"김하나", "이서준", "박지우", "최민서", "정도윤", "강하은"}
	for i := range n {
		out.WriteString("shopper" + string(rune('0'+i/100)) + string(rune('0'+i/10%10)) + string(rune('0'+i%10)) + "@example.net," + names[i%len(names)] + ",yes\n")
	}
	return []byte(out.String())
}

// emptyZone is a DNS server that knows no name.
func emptyZone(t *testing.T) (address string) {
	t.Helper()
	socket, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { socket.Close() })
	go func() {
		packet := make([]byte, 1500)
		for {
			n, from, err := socket.ReadFrom(packet)
			if err != nil {
				return // closed
			}
			var q dnsmessage.Message
			if q.Unpack(packet[:n]) != nil {
				continue
			}
			q.Response, q.Additionals, q.RCode = true, nil, dnsmessage.RCodeNameError
			if answer, err := q.Pack(); err == nil {
				_, _ = socket.WriteTo(answer, from) // a lost answer is asked for again
			}
		}
	}()
	return socket.LocalAddr().String()
}
