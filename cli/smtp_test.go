package cli

import (
	"crypto/tls"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"pabal/sesclient/emulator"
	"pabal/smtpd"
)

// TestHangupReloadsTheCertificate is a certificate that is renewed under a
// running daemon: HUP shows it, a bad one is not taken, and no client is cut.
func TestHangupReloadsTheCertificate(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "cert.pem")
	made := func(name string) []byte {
		other := filepath.Join(dir, name)
		if _, err := smtpd.SelfSigned(other, name); err != nil {
			t.Fatal(err)
		}
		text, err := os.ReadFile(other)
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	put := func(text []byte) {
		if err := os.WriteFile(file, text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	put(made("one.test"))
	h := newHost(t, emulator.Options{Rate: 100, Keep: -1}, "PABAL_SMTP_TLS_LISTEN=127.0.0.1:0", "PABAL_SMTP_TLS_CERTIFICATE="+file, "PABAL_SMTP_TLS_KEY="+file)
	p, err := h.start("setsid") // no terminal, as under systemd
	if err != nil {
		t.Fatalf("%v\n%s", err, h.log())
	}
	shown := func() string {
		conn, err := tls.Dial("tcp", p.where.SMTP[1], &tls.Config{InsecureSkipVerify: true})
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		return conn.ConnectionState().PeerCertificates[0].Subject.CommonName
	}
	hangUp := func(want string) {
		if err := p.Process.Signal(syscall.SIGHUP); err != nil {
			t.Fatal(err)
		}
		deadline := time.After(10 * time.Second)
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		for !strings.Contains(h.log(), want) {
			select {
			case <-tick.C:
			case <-deadline:
				t.Fatalf("the log does not say %q:\n%s", want, h.log())
			}
		}
	}
	if got := shown(); got != "one.test" {
		t.Errorf("shown %s", got)
	}
	put([]byte("half a file"))
	hangUp("smtp certificate not reloaded")
	if got := shown(); got != "one.test" {
		t.Errorf("after a bad file: shown %s", got)
	}
	put(made("two.test"))
	hangUp("smtp certificate reloaded")
	if got := shown(); got != "two.test" {
		t.Errorf("after the reload: shown %s", got)
	}
	h.stop(p)
}
