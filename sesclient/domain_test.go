package sesclient

import (
	"context"
	"maps"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

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

func TestDomainThatIsSetUpHasNoFaults(t *testing.T) {
	c, z, _, _ := newTown(t)
	d, err := c.Domain(t.Context(), "news@shop.example.com")
	if err != nil || len(d.Faults) != 0 || d.Identity != "shop.example.com" || d.DMARC.Policy != "reject" || !d.DKIM.Aligned || !d.MailFrom.Aligned {
		t.Errorf("got %+v, %v", d, err)
	}
	if len(d.Records) != 6 || slices.ContainsFunc(d.Records, func(r Record) bool { return !r.Found }) {
		t.Errorf("records %+v", d.Records)
	}
	asked := z.count()
	if again, err := c.Domain(t.Context(), "NEWS@shop.example.com"); err != nil || z.count() != asked || !again.At.Equal(d.At) {
		t.Errorf("asked the DNS again: %d, %v", z.count()-asked, err)
	}
}

func TestFaultsOfADomain(t *testing.T) {
	const domain = "shop.example.com"
	many := "v=spf1 include:amazonses.com a mx exists:x.example.com include:a.example.com include:b.example.com ~all"
	there := func(z *zone) { // what many names
		z.set("A", "bounce."+domain, "x")
		z.set("A", "x.example.com", "x")
		z.set("A", "a.example.com", "x")
		z.set("A", "b.example.com", "x")
		z.set("MX", "a.example.com", "mx.example.com")
		z.set("MX", "b.example.com", "mx.example.com")
	}
	move := func(z *zone, kind, from, to string) {
		z.set(kind, to, z.get(kind+" "+from)...)
		z.remove(kind + " " + from)
	}
	key := func(z *zone) string { // a DKIM record's name
		var names []string
		for _, k := range z.keys() {
			if name, ok := strings.CutPrefix(k, "CNAME "); ok {
				names = append(names, name)
			}
		}
		return slices.Min(names)
	}
	for _, tt := range []struct {
		name, want string
		spoil      func(z *zone, s *emulator.Server, mailFrom func(string, string, bool))
	}{
		{"a key is not published", "warn dkim/dns", func(z *zone, _ *emulator.Server, _ func(string, string, bool)) {
			for _, key := range z.keys() {
				if strings.Contains(key, "_domainkey") {
					z.remove(key)
					return
				}
			}
		}},
		{"MX of somebody else", "warn mail_from/mx", func(z *zone, _ *emulator.Server, _ func(string, string, bool)) {
			z.set("MX", "bounce."+domain, "mx.other.example.com")
		}},
		{"no MX", "warn mail_from/missing", func(z *zone, _ *emulator.Server, _ func(string, string, bool)) { z.set("MX", "bounce."+domain) }},
		{"two MX", "warn mail_from/mx", func(z *zone, _ *emulator.Server, _ func(string, string, bool)) {
			z.set("MX", "bounce."+domain, "feedback-smtp.ap-northeast-2.amazonses.com", "mx.other.example.com")
		}},
		{"no SPF", "warn spf/missing", func(z *zone, _ *emulator.Server, _ func(string, string, bool)) {
			z.set("TXT", "bounce."+domain, "hello")
		}},
		{"two SPF", "warn spf/two", func(z *zone, _ *emulator.Server, _ func(string, string, bool)) {
			z.set("TXT", "bounce."+domain, "v=spf1 include:amazonses.com ~all", "v=spf1 -all")
		}},
		{"SPF without SES", "warn spf/ses", func(z *zone, _ *emulator.Server, _ func(string, string, bool)) {
			z.set("TXT", "bounce."+domain, "v=spf1 ip4:192.0.2.1 ~all")
		}},
		{"SPF on the From domain is not looked at", "warn spf/missing", func(z *zone, _ *emulator.Server, _ func(string, string, bool)) {
			z.set("TXT", "bounce."+domain)
			z.set("TXT", domain, "v=spf1 include:amazonses.com ~all")
		}},
		{"too many look-ups", "warn spf/lookups", func(z *zone, _ *emulator.Server, _ func(string, string, bool)) {
			there(z)
			z.set("TXT", "bounce."+domain, many)
			z.set("TXT", "a.example.com", "v=spf1 a mx ptr ~all")
			z.set("TXT", "b.example.com", "v=spf1 a mx ~all")
		}},
		{"ten look-ups are allowed", "", func(z *zone, _ *emulator.Server, _ func(string, string, bool)) {
			there(z)
			z.set("TXT", "bounce."+domain, many)
			z.set("TXT", "a.example.com", "v=spf1 a mx ~all")
			z.set("TXT", "b.example.com", "v=spf1 a mx ~all")
		}},
		{"an SPF that includes itself", "warn spf/loop", func(z *zone, _ *emulator.Server, _ func(string, string, bool)) {
			z.set("TXT", "bounce."+domain, "v=spf1 include:amazonses.com include:bounce."+domain+" ~all")
		}},
		{"a circle of two", "warn spf/loop", func(z *zone, _ *emulator.Server, _ func(string, string, bool)) {
			z.set("TXT", "bounce."+domain, "v=spf1 include:amazonses.com include:a.example.com ~all")
			z.set("TXT", "a.example.com", "v=spf1 redirect=bounce."+domain)
		}},
		{"an include without a record", "warn spf/broken", func(z *zone, _ *emulator.Server, _ func(string, string, bool)) {
			z.set("TXT", "bounce."+domain, "v=spf1 include:amazonses.com include:gone.example.com ~all")
		}},
		{"an include with two records", "warn spf/broken", func(z *zone, _ *emulator.Server, _ func(string, string, bool)) {
			z.set("TXT", "bounce."+domain, "v=spf1 include:amazonses.com include:a.example.com ~all")
			z.set("TXT", "a.example.com", "v=spf1 -all", "v=spf1 ~all")
		}},
		{"three look-ups that find nothing", "warn spf/void", func(z *zone, _ *emulator.Server, _ func(string, string, bool)) {
			z.set("TXT", "bounce."+domain, "v=spf1 include:amazonses.com a:x.example.com exists:y.example.com mx:z.example.com ~all")
		}},
		{"two look-ups that find nothing are allowed", "", func(z *zone, _ *emulator.Server, _ func(string, string, bool)) {
			z.set("TXT", "bounce."+domain, "v=spf1 include:amazonses.com a:x.example.com exists:y.example.com ~all")
		}},
		{"a typing mistake in SPF", "warn spf/ses, warn spf/syntax", func(z *zone, _ *emulator.Server, _ func(string, string, bool)) {
			z.set("TXT", "bounce."+domain, "v=spf1 inclued:amazonses.com ~all")
		}},
		{"SES behind the end of SPF", "warn spf/ses", func(z *zone, _ *emulator.Server, _ func(string, string, bool)) {
			z.set("TXT", "bounce."+domain, "v=spf1 ~all include:amazonses.com")
		}},
		{"SPF that refuses SES", "warn spf/ses", func(z *zone, _ *emulator.Server, _ func(string, string, bool)) {
			z.set("TXT", "bounce."+domain, "v=spf1 -include:amazonses.com ~all")
		}},
		{"SES by way of another record", "", func(z *zone, _ *emulator.Server, _ func(string, string, bool)) {
			z.set("TXT", "bounce."+domain, "v=spf1 redirect=a.example.com")
			z.set("TXT", "a.example.com", "v=spf1 include:amazonses.com -all")
		}},
		{"a DKIM record leads elsewhere", "warn dkim/wrong", func(z *zone, _ *emulator.Server, _ func(string, string, bool)) {
			z.set("CNAME", key(z), "other.dkim.amazonses.com")
		}},
		{"a DKIM record is a text", "warn dkim/wrong", func(z *zone, _ *emulator.Server, _ func(string, string, bool)) {
			name := key(z)
			z.remove("CNAME " + name)
			z.set("TXT", name, "token.dkim.amazonses.com")
		}},
		{"the key itself in place of the CNAME", "", func(z *zone, _ *emulator.Server, _ func(string, string, bool)) {
			name := key(z)
			z.remove("CNAME " + name)
			z.set("TXT", name, "k=rsa; p=MIGfMA0GCSq")
		}},
		{"the zone twice in a DKIM name", "warn dkim/doubled", func(z *zone, _ *emulator.Server, _ func(string, string, bool)) {
			name := key(z)
			move(z, "CNAME", name, name+".example.com")
		}},
		{"the identity twice in a DKIM name", "warn dkim/doubled", func(z *zone, _ *emulator.Server, _ func(string, string, bool)) {
			name := key(z)
			move(z, "CNAME", name, name+"."+domain)
		}},
		{"the zone behind a DKIM value", "warn dkim/value", func(z *zone, _ *emulator.Server, _ func(string, string, bool)) {
			name := key(z)
			z.set("CNAME", name, z.get("CNAME " + name)[0]+".example.com")
		}},
		{"the zone twice in the MX name", "warn mail_from/doubled", func(z *zone, _ *emulator.Server, _ func(string, string, bool)) {
			move(z, "MX", "bounce."+domain, "bounce."+domain+".example.com")
		}},
		{"the zone behind the MX value", "warn mail_from/value", func(z *zone, _ *emulator.Server, _ func(string, string, bool)) {
			z.set("MX", "bounce."+domain, "feedback-smtp.ap-northeast-2.amazonses.com.example.com")
		}},
		{"the zone twice in the SPF name", "warn spf/doubled", func(z *zone, _ *emulator.Server, _ func(string, string, bool)) {
			move(z, "TXT", "bounce."+domain, "bounce."+domain+".example.com")
		}},
		{"the zone twice in the DMARC name", "warn dmarc/doubled", func(z *zone, _ *emulator.Server, _ func(string, string, bool)) {
			move(z, "TXT", "_dmarc."+domain, "_dmarc."+domain+".example.com")
		}},
		{"no DMARC", "warn dmarc/missing", func(z *zone, _ *emulator.Server, _ func(string, string, bool)) { z.set("TXT", "_dmarc."+domain) }},
		{"two DMARC", "warn dmarc/two", func(z *zone, _ *emulator.Server, _ func(string, string, bool)) {
			z.set("TXT", "_dmarc."+domain, "v=DMARC1; p=none", "v=DMARC1; p=reject")
		}},
		{"DMARC without a policy", "warn dmarc/syntax", func(z *zone, _ *emulator.Server, _ func(string, string, bool)) {
			z.set("TXT", "_dmarc."+domain, "v=DMARC1; pct=50")
		}},
		{"no MAIL FROM", "note mail_from/none", func(_ *zone, _ *emulator.Server, mailFrom func(string, string, bool)) {
			mailFrom("", "USE_DEFAULT_VALUE", true)
		}},
		{"MAIL FROM does not work", "warn mail_from/failed", func(_ *zone, _ *emulator.Server, mailFrom func(string, string, bool)) {
			mailFrom("bounce."+domain, "USE_DEFAULT_VALUE", false)
		}},
		{"MAIL FROM does not work and SES refuses", "block mail_from/reject", func(_ *zone, _ *emulator.Server, mailFrom func(string, string, bool)) {
			mailFrom("bounce."+domain, "REJECT_MESSAGE", false)
		}},
		{"nothing is signed nor aligned", "block dkim/off, block dmarc/fails, note mail_from/none", func(_ *zone, s *emulator.Server, mailFrom func(string, string, bool)) {
			mailFrom("", "USE_DEFAULT_VALUE", false)
			s.Verify(domain, false)
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c, z, s, mailFrom := newTown(t)
			tt.spoil(z, s, mailFrom)
			d, err := c.Domain(t.Context(), "news@"+domain)
			if got := faultsOf(d); err != nil || got != tt.want {
				t.Errorf("got %q, want %q: %+v, %v", got, tt.want, d, err)
			}
		})
	}
}

// A policy above counts for the domains below it, its sp before its p.
func TestDMARCOfTheDomainAbove(t *testing.T) {
	c, z, _, _ := newTown(t)
	z.set("TXT", "_dmarc.shop.example.com")
	z.set("TXT", "_dmarc.example.com", "v=DMARC1; p=none; sp=quarantine; adkim=s")
	d, err := c.Domain(t.Context(), "news@shop.example.com")
	if err != nil || d.DMARC.Policy != "quarantine" || len(d.Faults) != 0 {
		t.Errorf("got %+v, %v", d, err)
	}
	z.set("TXT", "_dmarc.eu.shop.example.com", "v=DMARC1; p=reject; adkim=s; aspf=s")
	d, err = c.Domain(t.Context(), "news@eu.shop.example.com")
	if err != nil || d.Identity != "shop.example.com" || faultsOf(d) != "block dmarc/fails" {
		t.Errorf("strict: got %s, %+v, %v", faultsOf(d), d, err)
	}
}

func TestAddressAloneHasNoDomain(t *testing.T) {
	c, _ := onEmulator(t, emulator.Options{Verified: []string{"me@other.example.com"}})
	d, err := c.Domain(t.Context(), "me@other.example.com")
	if err != nil || d.Identity != "me@other.example.com" || !strings.Contains(faultsOf(d), "warn dkim/address") {
		t.Errorf("got %s, %+v, %v", faultsOf(d), d, err)
	}
}

// No answer is a warning, within seconds, and is asked for again soon.
func TestSilentDNSIsAWarning(t *testing.T) {
	c, z, _, _ := newTown(t)
	z.mu.Lock()
	z.mute, c.dnsLimit = true, 300*time.Millisecond
	z.mu.Unlock()
	began := time.Now()
	d, err := c.Domain(t.Context(), "news@shop.example.com")
	if err != nil || faultsOf(d) != "warn dns_silent/" || d.lasts() != domainSilent {
		t.Errorf("got %s, %+v, %v", faultsOf(d), d, err)
	}
	if took := time.Since(began); took > dnsLimit {
		t.Errorf("took %v", took)
	}
}

func FuzzDMARC(f *testing.F) {
	for _, s := range []string{"v=DMARC1; p=none", "v=DMARC1;p=reject;sp=none;adkim=s", "v=DMARC1", ";;=;", "p=p=p"} {
		f.Add(s, true)
	}
	f.Fuzz(func(t *testing.T, record string, inherited bool) {
		var m DMARC
		if ok := m.read(record, inherited); ok != (m.Policy != "") {
			t.Errorf("%q: %v, policy %q", record, ok, m.Policy)
		}
	})
}

func FuzzSPF(f *testing.F) {
	for _, s := range []string{"v=spf1 -all", "v=spf1 a:x/24 mx/0 include:y redirect=z", "v=spf1 +include: exists:%{i}", "v=spf1"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, record string) {
		c := spfCount{lookups: &lookups{silent: context.Canceled}}
		if len(strings.Fields(record)) == 0 {
			return
		}
		if c.follow(t.Context(), record, "a.example.com"); c.n > spfFollowed+1 {
			t.Errorf("%q: counted %d", record, c.n)
		}
	})
}
