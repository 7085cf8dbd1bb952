package sesclient

import (
	"bytes"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"
)

func TestNameserversOfResolvConf(t *testing.T) {
	for _, tt := range []struct {
		conf string
		want []string
	}{
		{"", []string{"127.0.0.1:53"}},
		{"search example.com\n# nameserver 192.0.2.9\nnameserver 192.0.2.1\nnameserver ::1 \nnameserver nonsense\n", []string{"192.0.2.1:53", "[::1]:53"}},
		{strings.Repeat("nameserver 192.0.2.1\n", 9), []string{"192.0.2.1:53", "192.0.2.1:53", "192.0.2.1:53"}},
	} {
		if got := nameservers(tt.conf); !slices.Equal(got, tt.want) {
			t.Errorf("%q: got %v, want %v", tt.conf, got, tt.want)
		}
	}
}

// An answer to another question, of somebody who guesses, is passed over.
func TestForgedAnswersArePassedOver(t *testing.T) {
	z := newZone(t)
	z.set("TXT", "a.example.com", "true")
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		buf := make([]byte, 4096)
		for {
			n, from, err := conn.ReadFrom(buf)
			if err != nil {
				return
			}
			answer := z.answer(buf[:n])
			for _, at := range []int{0, 14} { // the id, a letter of the name
				forged := bytes.Replace(answer, []byte("true"), []byte("fake"), 1)
				forged[at]++
				_, _ = conn.WriteTo(forged, from)
			}
			_, _ = conn.WriteTo([]byte("\x00"), from)
			_, _ = conn.WriteTo(answer, from)
		}
	}()
	t.Cleanup(func() {
		_ = conn.Close()
		<-done
	})
	l := lookups{resolver: resolver(conn.LocalAddr().String())}
	if got, known := l.txt(t.Context(), "a.example.com"); !known || !slices.Equal(got, []string{"true"}) {
		t.Errorf("got %v, %t, %v", got, known, l.silent)
	}
}

// A server that fails is no proof that a record is missing.
func TestServerFailureIsSilence(t *testing.T) {
	c, z, _, _ := newTown(t)
	z.mu.Lock()
	z.fails = true
	z.mu.Unlock()
	d, err := c.Domain(t.Context(), "news@shop.example.com")
	if err != nil || faultsOf(d) != "warn dns_silent/" || !strings.Contains(d.Faults[0].Data["error"], "ServerFailure") {
		t.Errorf("got %s, %+v, %v", faultsOf(d), d, err)
	}
	if slices.ContainsFunc(d.Records, func(r Record) bool { return r.State != RecordUnknown }) {
		t.Errorf("records %+v", d.Records)
	}
}

// What the DNS says is foreign text: made visible and cut before it goes on.
func TestForeignTextsAreMadeHarmless(t *testing.T) {
	c, z, _, _ := newTown(t)
	z.set("TXT", "_dmarc.shop.example.com", "v=DMARC1; p=\x1b[2J"+strings.Repeat("x", 200))
	z.set("TXT", "bounce.shop.example.com", "v=spf1 include:amazonses.com \x1b]0;x ~all")
	d, err := c.Domain(t.Context(), "news@shop.example.com")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range d.Faults {
		for _, text := range f.Data {
			if strings.ContainsRune(text, 0x1b) || len(text) > seenMax+8 {
				t.Errorf("%+v", f)
			}
		}
	}
	for _, text := range []string{d.DMARC.Record, d.MailFrom.SPF, d.Records[4].Seen, d.Records[5].Seen} {
		if strings.ContainsRune(text, 0x1b) {
			t.Errorf("%q", text)
		}
	}
}

func FuzzDNSAnswer(f *testing.F) {
	question, id, err := dnsQuestion("a.example.com", dnsmessage.TypeTXT)
	if err != nil {
		f.Fatal(err)
	}
	z := zone{records: map[string][]string{"TXT a.example.com": {"v=spf1 -all"}, "MX a.example.com": {"mx.example.com"}, "CNAME b.example.com": {"a.example.com"}}}
	f.Add(z.answer(question))
	f.Add(question)
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, packet []byte) {
		answers(packet, question, id)
		a, cut, err := readAnswer(packet)
		if len(a.texts) > dnsRecords || len(a.hosts) > dnsRecords || (err != nil || cut) && !a.empty() {
			t.Errorf("%+v, %t, %v", a, cut, err)
		}
	})
}

func TestDNSGivesUpInTime(t *testing.T) {
	c, z, _, _ := newTown(t)
	z.mu.Lock()
	z.mute = true
	z.mu.Unlock()
	c.dnsLimit = 50 * time.Millisecond
	if d, err := c.Domain(t.Context(), "news@shop.example.com"); err != nil || faultsOf(d) != "warn dns_silent/" {
		t.Errorf("got %s, %v", faultsOf(d), err)
	}
}
