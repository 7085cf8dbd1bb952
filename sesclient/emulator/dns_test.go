package emulator

import (
	"fmt"
	"testing"

	"golang.org/x/net/dns/dnsmessage"
)

func TestZoneLines(t *testing.T) {
	zone, err := readZone("; comment\n\nA.example.com. 60 IN cname b.example.com.\nb.example.com TXT \"v=spf1 \" \"a\\\"b\"\nb.example.com MX 10 mx.example.com.\n")
	want := `[{a.example.com CNAME b.example.com.} {b.example.com TXT v=spf1 a"b} {b.example.com MX 10 mx.example.com.}]`
	if err != nil || fmt.Sprint(zone) != want {
		t.Errorf("got %v, %v, want %s", zone, err, want)
	}
	if _, err := readZone("a.example.com. 60 IN\n"); err == nil {
		t.Error("half a line was taken")
	}
}

func FuzzZone(f *testing.F) {
	f.Add("a.example.com. 60 IN CNAME b.example.com.\nb.example.com TXT \"x\" \"y\"", "a.example.com.")
	f.Add("a TXT \"\\", "a.")
	f.Add("a CNAME a", "a.")
	f.Fuzz(func(t *testing.T, text, name string) {
		zone, err := readZone(text)
		if err != nil {
			return
		}
		n, err := dnsmessage.NewName(name)
		if err != nil {
			return
		}
		m := dnsmessage.Message{Header: dnsmessage.Header{ID: 7}, Questions: []dnsmessage.Question{{Name: n, Type: dnsmessage.TypeTXT, Class: dnsmessage.ClassINET}}}
		packet, err := m.Pack()
		if err != nil {
			return
		}
		if out := answerDNS(packet, zone, true); len(out) > plainUDP {
			t.Errorf("%d bytes", len(out))
		}
	})
}
