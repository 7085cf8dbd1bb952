package sesclient

import (
	"maps"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sesv2"
	"github.com/aws/aws-sdk-go-v2/service/sesv2/types"
	"golang.org/x/net/dns/dnsmessage"

	"pabal/sesclient/emulator"
)

// zone is a DNS server on loopback: records by "TYPE name".
type zone struct {
	address string
	mu      sync.Mutex
	records map[string][]string
	asked   int
	mute    bool // it takes questions and says nothing
	fails   bool // it answers SERVFAIL
}

func newZone(t *testing.T) *zone {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	z := &zone{address: conn.LocalAddr().String(), records: map[string][]string{}}
	done := make(chan struct{})
	go func() {
		defer close(done)
		buf := make([]byte, 4096)
		for {
			n, from, err := conn.ReadFrom(buf)
			if err != nil {
				return
			}
			if answer := z.answer(buf[:n]); answer != nil {
				_, _ = conn.WriteTo(answer, from)
			}
		}
	}()
	t.Cleanup(func() {
		_ = conn.Close()
		<-done
	})
	return z
}

func (z *zone) answer(packet []byte) []byte {
	z.mu.Lock()
	defer z.mu.Unlock()
	z.asked++
	var m dnsmessage.Message
	if z.mute || m.Unpack(packet) != nil || len(m.Questions) != 1 {
		return nil
	}
	q := m.Questions[0]
	name := strings.ToLower(strings.TrimSuffix(q.Name.String(), "."))
	m.Response, m.Additionals = true, nil
	z.put(&m, q, name)
	if len(m.Answers) == 0 && !z.has(name) {
		m.RCode = dnsmessage.RCodeNameError
	}
	if z.fails {
		m.RCode, m.Answers = dnsmessage.RCodeServerFailure, nil
	}
	out, err := m.Pack()
	if err != nil {
		return nil
	}
	return out
}

func (z *zone) has(name string) bool {
	for key := range z.records {
		if _, known, _ := strings.Cut(key, " "); known == name {
			return true
		}
	}
	return false
}

func (z *zone) put(m *dnsmessage.Message, q dnsmessage.Question, name string) {
	head := func() dnsmessage.ResourceHeader {
		return dnsmessage.ResourceHeader{Name: dnsmessage.MustNewName(name + "."), Class: dnsmessage.ClassINET, TTL: 60}
	}
	for _, to := range z.records["CNAME "+name] {
		m.Answers = append(m.Answers, dnsmessage.Resource{Header: head(), Body: &dnsmessage.CNAMEResource{CNAME: dnsmessage.MustNewName(to + ".")}})
		name = to
	}
	switch q.Type {
	case dnsmessage.TypeTXT:
		for _, text := range z.records["TXT "+name] {
			m.Answers = append(m.Answers, dnsmessage.Resource{Header: head(), Body: &dnsmessage.TXTResource{TXT: []string{text}}})
		}
	case dnsmessage.TypeA:
		for range z.records["A "+name] {
			m.Answers = append(m.Answers, dnsmessage.Resource{Header: head(), Body: &dnsmessage.AResource{A: [4]byte{192, 0, 2, 1}}})
		}
	case dnsmessage.TypeMX:
		for _, host := range z.records["MX "+name] {
			m.Answers = append(m.Answers, dnsmessage.Resource{Header: head(), Body: &dnsmessage.MXResource{Pref: 10, MX: dnsmessage.MustNewName(host + ".")}})
		}
	}
}

func (z *zone) set(kind, name string, values ...string) {
	z.mu.Lock()
	defer z.mu.Unlock()
	z.records[kind+" "+name] = values
}

func (z *zone) get(key string) []string {
	z.mu.Lock()
	defer z.mu.Unlock()
	return z.records[key]
}

func (z *zone) remove(key string) {
	z.mu.Lock()
	defer z.mu.Unlock()
	delete(z.records, key)
}

func (z *zone) keys() []string {
	z.mu.Lock()
	defer z.mu.Unlock()
	return slices.Collect(maps.Keys(z.records))
}

// count is how many questions came.
func (z *zone) count() int {
	z.mu.Lock()
	defer z.mu.Unlock()
	return z.asked
}

// setUp publishes all that SES wants for a domain and its MAIL FROM domain.
func (z *zone) setUp(t *testing.T, c *Client, domain string) {
	t.Helper()
	out, err := c.getIdentity(t.Context(), domain)
	if err != nil || out == nil {
		t.Fatal(out, err)
	}
	for _, token := range out.DkimAttributes.Tokens {
		target := token + "." + *out.DkimAttributes.SigningHostedZone
		z.set("CNAME", token+"._domainkey."+domain, target)
		z.set("TXT", target, "p=MIGfMA0GCSq")
	}
	z.set("MX", "bounce."+domain, "feedback-smtp.ap-northeast-2.amazonses.com")
	z.set("TXT", "bounce."+domain, "v=spf1 include:amazonses.com ~all")
	z.set("TXT", "amazonses.com", "v=spf1 ip4:199.255.192.0/22 -all")
	z.set("TXT", "_dmarc."+domain, "v=DMARC1; p=reject; rua=mailto:d@"+domain)
}

// town is a client of an emulator with shop.example.com set up wholly, and a DNS.
func newTown(t *testing.T) (*Client, *zone, *emulator.Server, func(mailFrom, onFail string, works bool)) {
	t.Helper()
	c, server := onEmulator(t, emulator.Options{Verified: []string{"shop.example.com"}})
	z := newZone(t)
	c.resolver = resolver(z.address)
	mailFrom := func(name, onFail string, works bool) {
		t.Helper()
		in := &sesv2.PutEmailIdentityMailFromAttributesInput{EmailIdentity: aws.String("shop.example.com"), BehaviorOnMxFailure: types.BehaviorOnMxFailure(onFail)}
		if name != "" {
			in.MailFromDomain = aws.String(name)
		}
		if _, err := c.api.PutEmailIdentityMailFromAttributes(t.Context(), in); err != nil {
			t.Fatal(err)
		}
		if works {
			server.Verify("shop.example.com", true)
		}
	}
	mailFrom("bounce.shop.example.com", "USE_DEFAULT_VALUE", true)
	z.setUp(t, c, "shop.example.com")
	return c, z, server, mailFrom
}

func faultsOf(d Domain) string {
	var all []string
	for _, f := range d.Faults {
		all = append(all, f.Level+" "+f.Part+"/"+f.Case)
	}
	slices.Sort(all)
	return strings.Join(all, ", ")
}
