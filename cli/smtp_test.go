package cli

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"log/slog"
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
		if _, err := smtpd.SelfSigned("smtp", other, name); err != nil {
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
	h := newHost(t, emulator.Options{Rate: 100, Keep: -1}, "PABAL_SMTP_TLS_LISTEN=127.0.0.1:0", "PABAL_SMTP_TLS_CERTIFICATE="+file, "PABAL_SMTP_TLS_KEY="+file,
		"PABAL_WEB_TLS_CERTIFICATE="+file, "PABAL_WEB_TLS_KEY="+file)
	p, err := h.start("setsid") // no terminal, as under systemd
	if err != nil {
		t.Fatalf("%v\n%s", err, h.log())
	}
	shownAt := func(address string) string {
		conn, err := tls.Dial("tcp", address, &tls.Config{InsecureSkipVerify: true})
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		return conn.ConnectionState().PeerCertificates[0].Subject.CommonName
	}
	shown := func() string {
		smtp, web := shownAt(p.where.SMTP[1]), shownAt(p.where.Web)
		if smtp != web {
			t.Errorf("SMTP shows %s, web %s", smtp, web)
		}
		return smtp
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
	hangUp(`"certificate not reloaded","setting":"smtp.tls_certificate"`)
	if got := shown(); got != "one.test" {
		t.Errorf("after a bad file: shown %s", got)
	}
	put(made("two.test"))
	hangUp(`"certificate reloaded","setting":"web.tls_certificate"`)
	hangUp(`"certificate reloaded","setting":"smtp.tls_certificate"`)
	if got := shown(); got != "two.test" {
		t.Errorf("after the reload: shown %s", got)
	}
	h.stop(p)
}

// Who renews a certificate need not tell the daemon: it looks at the files. What
// cannot be used is said once, and tried again when it changes.
func TestRenewedFilesAreSeen(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "cert.pem")
	renewed := func(name string) {
		t.Helper()
		if err := errors.Join(os.RemoveAll(file), func() error { _, err := smtpd.SelfSigned("web", file, name); return err }()); err != nil {
			t.Fatal(err)
		}
	}
	renewed("one.test")
	var log bytes.Buffer
	d := &daemon{cfg: defaults(), logger: slog.New(slog.NewTextHandler(&log, nil))}
	var err error
	if d.webCert, err = d.certificate("web", file, file); err != nil {
		t.Fatal(err)
	}
	step := func(want string) {
		t.Helper()
		log.Reset()
		d.renew()
		if got := log.String(); !strings.Contains(got, want) || want == "" && got != "" {
			t.Errorf("the log says %q, want %q", got, want)
		}
	}
	step("")
	if err := os.WriteFile(file, []byte("half"), 0o600); err != nil {
		t.Fatal(err)
	}
	step(`"certificate not reloaded" setting=web.tls_certificate`)
	step("")
	if got := d.webCert.Leaf().Subject.CommonName; got != "one.test" {
		t.Errorf("shown %s", got)
	}
	renewed("two.test")
	step(`"certificate reloaded" setting=web.tls_certificate`)
	if got := d.webCert.Leaf().Subject.CommonName; got != "two.test" {
		t.Errorf("shown %s", got)
	}
}

func TestEndOfACertificateIsJudgedByItsLife(t *testing.T) {
	const day = 24 * time.Hour
	for _, tt := range []struct {
		life, left time.Duration
		want       string
	}{{365 * day, 40 * day, checkPass}, {365 * day, 29 * day, checkWarn}, {365 * day, 6 * day, checkFail}, {365 * day, -time.Hour, checkFail}, {365 * day, 366 * day, checkFail},
		{6 * day, 3 * day, checkPass}, {6 * day, 36 * time.Hour, checkWarn}, {6 * day, time.Hour, checkFail}} {
		now := time.Now()
		leaf := &x509.Certificate{NotBefore: now.Add(tt.left - tt.life), NotAfter: now.Add(tt.left)}
		if got, what := ending(leaf, now); got != tt.want {
			t.Errorf("%v of %v left: %s (%s), want %s", tt.left, tt.life, got, what, tt.want)
		}
	}
}
