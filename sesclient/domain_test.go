package sesclient

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"pabal/sesclient/emulator"
)

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
