package sesclient

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"pabal/eml"
	"pabal/sesclient/emulator"
)

// An order done twice changes nothing the second time; what is set stays.
func TestSetUpMakesWhatIsNotThere(t *testing.T) {
	c, server := onEmulator(t, emulator.Options{Verified: []string{}})
	got, err := c.SetUp(t.Context(), SetUpOrder{Domain: "Shop.Example.com."})
	if err != nil || !got.Created || !got.MailFromSet || got.Identity != "shop.example.com" || got.MailFrom.Domain != "bounce.shop.example.com" || got.DKIM.Status != "PENDING" {
		t.Fatalf("got %+v, %v", got, err)
	}
	kinds := ""
	for _, r := range got.Records {
		if kinds += r.Type + " "; r.State != RecordUnknown { // no DNS to look in
			t.Errorf("%+v", r)
		}
	}
	if kinds != "CNAME CNAME CNAME MX TXT TXT " || !strings.HasSuffix(got.Records[0].Value, ".dkim.ap-northeast-2.amazonses.com") {
		t.Errorf("records %s: %+v", kinds, got.Records)
	}
	for _, o := range []SetUpOrder{{Domain: "shop.example.com"}, {Domain: "shop.example.com", MailFrom: "bounce.shop.example.com"}, {Domain: "shop.example.com", NoMailFrom: true}} {
		again, err := c.SetUp(t.Context(), o)
		if err != nil || again.Created || again.MailFromSet || again.MailFrom.Domain != "bounce.shop.example.com" {
			t.Errorf("%+v: got %+v, %v", o, again, err)
		}
	}
	if n := server.Calls("CreateEmailIdentity"); n != 1 {
		t.Errorf("created %d times", n)
	}
	if n := server.Calls("PutEmailIdentityMailFromAttributes"); n != 1 {
		t.Errorf("MAIL FROM set %d times", n)
	}
}

func TestSetUpOverwritesOnlyWhenTold(t *testing.T) {
	c, server := onEmulator(t, emulator.Options{Verified: []string{}})
	if _, err := c.SetUp(t.Context(), SetUpOrder{Domain: "example.com", MailFrom: "mail.example.com"}); err != nil {
		t.Fatal(err)
	}
	_, err := c.SetUp(t.Context(), SetUpOrder{Domain: "example.com", MailFrom: "other.example.com"})
	var problem *eml.Problem
	if !errors.As(err, &problem) || problem.Code != "mail_from_set" || !slices.Equal(problem.Args, []string{"mail.example.com"}) || server.Calls("PutEmailIdentityMailFromAttributes") != 1 {
		t.Fatalf("got %v", err)
	}
	got, err := c.SetUp(t.Context(), SetUpOrder{Domain: "example.com", MailFrom: "other.example.com", Replace: true})
	if err != nil || !got.MailFromSet || got.MailFrom.Domain != "other.example.com" {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestSetUpRefusesWhatWouldHarm(t *testing.T) {
	c, server := onEmulator(t, emulator.Options{Verified: []string{"example.com"}})
	z := newZone(t)
	c.resolver = resolver(z.address)
	z.set("MX", "mail.example.com", "mx.company.example")
	for _, tt := range []struct {
		name, want string
		order      SetUpOrder
	}{
		{"no domain", "is no domain", SetUpOrder{Domain: "shop@example.com"}},
		{"no dot", "is no domain", SetUpOrder{Domain: "example"}},
		{"controls", "is no domain", SetUpOrder{Domain: "ex\x1bample.com"}},
		{"covered by one above", "example.com is verified and covers it", SetUpOrder{Domain: "shop.example.com"}},
		{"MAIL FROM elsewhere", "is not below example.com", SetUpOrder{Domain: "example.com", MailFrom: "bounce.example.net"}},
		{"MAIL FROM is the domain", "is not below example.com", SetUpOrder{Domain: "example.com", MailFrom: "example.com"}},
		{"MAIL FROM in use", "takes mail already: its MX is 10 mx.company.example", SetUpOrder{Domain: "example.com", MailFrom: "mail.example.com"}},
	} {
		var problem *eml.Problem
		if _, err := c.SetUp(t.Context(), tt.order); !errors.As(err, &problem) || !strings.Contains(problem.What, tt.want) || problem.Hint == "" {
			t.Errorf("%s: got %v", tt.name, err)
		}
	}
	if server.Calls("CreateEmailIdentity")+server.Calls("PutEmailIdentityMailFromAttributes") != 0 {
		t.Error("something was changed")
	}
	got, err := c.SetUp(t.Context(), SetUpOrder{Domain: "shop.example.com", Own: true})
	if err != nil || !got.Created || got.Identity != "shop.example.com" {
		t.Errorf("own: got %+v, %v", got, err)
	}
}

// SES looks 72 hours for the records of a MAIL FROM domain and then no more: set
// again, it looks anew. What it still looks for is left alone.
func TestSetUpHasSESLookAnew(t *testing.T) {
	c, server := onEmulator(t, emulator.Options{Verified: []string{}})
	for _, o := range []SetUpOrder{{Domain: "example.com"}, {Domain: "example.com"}, {Domain: "example.com", NoMailFrom: true}} {
		if _, err := c.SetUp(t.Context(), o); err != nil {
			t.Fatal(err)
		}
		server.GiveUp("example.com")
	}
	z := newZone(t)
	c.resolver = resolver(z.address)
	z.set("MX", "bounce.example.com", "mx.company.example") // why SES gave up; the records are shown all the same
	got, err := c.SetUp(t.Context(), SetUpOrder{Domain: "example.com", MailFrom: "bounce.example.com"})
	if err != nil || !got.MailFromSet || got.MailFrom.Status != "PENDING" || server.Calls("PutEmailIdentityMailFromAttributes") != 3 {
		t.Errorf("got %+v, %v after %d calls", got, err, server.Calls("PutEmailIdentityMailFromAttributes"))
	}
	if faults := faultsOf(got.Domain); !strings.Contains(faults, "block dkim/failed") || !strings.Contains(faults, "warn mail_from/mx") {
		t.Errorf("faults %s", faults)
	}
}

// SES takes one such call a second; an answer that it came too fast is waited out.
func TestSetUpWaitsForSES(t *testing.T) {
	c, server := onEmulator(t, emulator.Options{Verified: []string{}})
	server.SetFault(emulator.Fault{Kind: "throttle", Count: 1})
	if got, err := c.SetUp(t.Context(), SetUpOrder{Domain: "example.com"}); err != nil || !got.Created {
		t.Errorf("got %+v, %v", got, err)
	}
}

// The whole way against the emulator and its DNS: set up, published by pasting
// the lines of BIND, verified, found right.
func TestPublishedRecordsVerifyTheDomain(t *testing.T) {
	zone := filepath.Join(t.TempDir(), "zone")
	c, server := onEmulator(t, emulator.Options{Verified: []string{}, Zone: zone})
	at, wait, err := server.ListenDNS(t.Context(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(wait) // the test's context has ended by then
	c.resolver = resolver(at)
	got, err := c.SetUp(t.Context(), SetUpOrder{Domain: "example.com"})
	if err != nil || faultsOf(got.Domain) != "block dkim/off, warn dkim/dns, warn dmarc/missing, warn dmarc/unaligned, warn mail_from/failed, warn mail_from/missing, warn spf/missing" {
		t.Fatalf("got %s, %v", faultsOf(got.Domain), err)
	}
	lines := "; records of example.com\n"
	for _, r := range got.Records {
		if r.State != RecordMissing {
			t.Errorf("%+v", r)
		}
		lines += r.BIND() + "\n"
	}
	if err := os.WriteFile(zone, []byte(lines), 0o600); err != nil {
		t.Fatal(err)
	}
	d, err := c.Domain(t.Context(), "shop@example.com")
	if err != nil || len(d.Faults) != 0 || !d.DKIM.Aligned || !d.MailFrom.Aligned {
		t.Errorf("got %s, %+v, %v", faultsOf(d), d, err)
	}
}

// A longer answer than a packet holds comes by TCP.
func TestLongAnswersComeByTCP(t *testing.T) {
	zone := filepath.Join(t.TempDir(), "zone")
	text := strings.Repeat("v=spf1 include:amazonses.com ", 100)
	long := Record{Name: "long.example.com", Type: "TXT", Value: text}
	if err := os.WriteFile(zone, []byte(long.BIND()+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, server := onEmulator(t, emulator.Options{Zone: zone})
	at, wait, err := server.ListenDNS(t.Context(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(wait)
	l := lookups{resolver: resolver(at)}
	if got, known := l.txt(t.Context(), "long.example.com"); !known || len(got) != 1 || got[0] != text {
		t.Errorf("got %d texts, %t, %v", len(got), known, l.silent)
	}
}

func TestVerifyAddress(t *testing.T) {
	c, server := onEmulator(t, emulator.Options{Sandbox: true, Verified: []string{"example.com"}})
	ask := func(address string, verified bool, created int) {
		t.Helper()
		got, err := c.VerifyAddress(t.Context(), address)
		if err != nil || got.Verified != verified || got.Type != "address" || server.Calls("CreateEmailIdentity") != created {
			t.Errorf("%s: got %+v, %v after %d", address, got, err, server.Calls("CreateEmailIdentity"))
		}
	}
	ask("kim@Example.net", false, 1)
	ask("kim@example.net", false, 1) // it waits
	server.Verify("kim@example.net", true)
	c.forgetIdentities()
	ask("kim@example.net", true, 1)
	ask("anyone@example.com", true, 1) // by its domain
	var wrong *eml.AddressError
	if _, err := c.VerifyAddress(t.Context(), "kim@@example.net"); !errors.As(err, &wrong) {
		t.Errorf("got %v", err)
	}
}

// What to type in at the host is the name without the zone that the host added,
// whichever that is.
func TestDoubledNameSaysWhatToTypeIn(t *testing.T) {
	for zone, want := range map[string]string{"example.com": "_dmarc.shop", "shop.example.com": "_dmarc"} {
		c, z, _, _ := newTown(t)
		z.set("TXT", "_dmarc.shop.example.com."+zone, z.get("TXT _dmarc.shop.example.com")...)
		z.remove("TXT _dmarc.shop.example.com")
		d, err := c.Domain(t.Context(), "news@shop.example.com")
		if err != nil || faultsOf(d) != "warn dmarc/doubled" || d.Faults[0].Data["host"] != want {
			t.Errorf("%s: got %+v, %v; want %s", zone, d.Faults, err, want)
		}
	}
}
