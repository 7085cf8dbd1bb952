package smtpd

import (
	"bufio"
	"crypto/tls"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// certificate is a self-signed one.
func certificate(t testing.TB) *Certificate {
	t.Helper()
	c, err := SelfSigned("smtp", filepath.Join(t.TempDir(), "tls.pem"), "mail.test")
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// users are app with the password correct-horse.
func users(t testing.TB) *Users {
	t.Helper()
	u := OpenUsers(filepath.Join(t.TempDir(), "users"))
	if err := u.Set("app", "correct-horse"); err != nil {
		t.Fatal(err)
	}
	return u
}

// secure puts TLS over a conversation.
func (c *talker) secure() {
	c.t.Helper()
	conn := tls.Client(c.conn, &tls.Config{InsecureSkipVerify: true})
	if err := conn.Handshake(); err != nil {
		c.t.Fatalf("handshake: %v", err)
	}
	c.conn, c.r = conn, bufio.NewReader(conn)
}

// ways are how a client gets to the point where it has said EHLO.
var ways = map[string]func(c *talker){
	"plain": func(c *talker) { c.play("< 220 mail.test\n> EHLO client\n< 250-Hello client") },
	"starttls": func(c *talker) {
		c.play("< 220 mail.test\n> EHLO client\n< 250-Hello client\n> STARTTLS\n< 220 2.0.0")
		c.secure()
		c.play("> EHLO client\n< 250-Hello client")
	},
	"tls": func(c *talker) {
		c.secure()
		c.play("< 220 mail.test\n> EHLO client\n< 250-Hello client")
	},
}

// startTLS runs a server that takes STARTTLS at plain and TLS at implicit.
func startTLS(t *testing.T, s *Server) (plain, implicit string) {
	t.Helper()
	s.TLS = certificate(t).Config()
	s.TLSListen = []string{"127.0.0.1:0"}
	plain = start(t, s)
	return plain, s.listeners[1].Addr().String()
}

// TestConversations plays every script in the clear, after STARTTLS and over
// TLS from the start: what holds in one holds in all.
func TestConversations(t *testing.T) {
	s := testServer(&memory{})
	s.Users, s.authDelay = users(t), 0
	s.MaxConnections = 10_000
	clear, implicit := startTLS(t, s)
	for way, begin := range ways {
		address := clear
		if way == "tls" {
			address = implicit
		}
		for name, script := range scripts {
			t.Run(way+"/"+name, func(t *testing.T) {
				t.Parallel()
				c := dial(t, address)
				begin(c)
				c.play(script)
			})
		}
	}
}

func TestEHLOOffersSTARTTLSUntilItIsThere(t *testing.T) {
	s := testServer(&memory{})
	s.Users = users(t)
	address, implicit := startTLS(t, s)
	offers := func(c *talker) string {
		c.send("EHLO client\r\n")
		return c.reply()
	}
	c := dial(t, address)
	c.reply()
	if got := offers(c); !strings.Contains(got, "250-STARTTLS\r\n") || strings.Contains(got, "CHUNKING") {
		t.Errorf("in the clear: %q", got)
	}
	c.play("> STARTTLS\n< 220")
	c.secure()
	if got := offers(c); strings.Contains(got, "STARTTLS") || !strings.Contains(got, "250-AUTH PLAIN LOGIN\r\n") {
		t.Errorf("after STARTTLS: %q", got)
	}
	c.play("> STARTTLS\n< 503 5.5.1")
	c = dial(t, implicit)
	c.secure()
	c.reply()
	if got := offers(c); strings.Contains(got, "STARTTLS") {
		t.Errorf("over TLS: %q", got)
	}
}

// RFC 3207 4.2: what a client said in the clear is forgotten.
func TestNothingFromTheClearCountsAfterSTARTTLS(t *testing.T) {
	q := &memory{}
	address, _ := startTLS(t, testServer(q))
	c := dial(t, address)
	c.play("< 220\n> EHLO c\n< 250\n> MAIL FROM:<evil@shop.example>\n< 250\n> RCPT TO:<victim@example.com>\n< 250\n> STARTTLS\n< 220")
	c.secure()
	c.play("> RCPT TO:<kim@example.com>\n< 503\n> DATA\n< 503\n> MAIL FROM:<a@b.c>\n< 503\n> AUTH PLAIN\n< 503\n> EHLO\n< 501\n> MAIL FROM:<a@b.c>\n< 503")
	c.play("> EHLO c\n< 250\n> RCPT TO:<kim@example.com>\n< 502\n> MAIL FROM:<a@b.c>\n< 250\n> RCPT TO:<kim@example.com>\n< 250\n> DATA\n< 354")
	c.send("From: a@shop.example\r\n\r\nhi\r\n.\r\n")
	c.play("< 250")
	if got := q.all(); len(got) != 1 || len(got[0].env.To) != 1 || got[0].env.To[0] != "kim@example.com" {
		t.Errorf("stored %+v", got)
	}
	if got := q.all()[0].body; !strings.Contains(strings.ReplaceAll(got, "\r\n ", " "), "with ESMTPS id") {
		t.Errorf("trace of %q does not say ESMTPS", got)
	}
}

// CVE-2011-0411: commands behind STARTTLS in one segment are not run inside TLS.
func TestCommandsBehindSTARTTLSAreRefused(t *testing.T) {
	address, _ := startTLS(t, testServer(&memory{}))
	c := dial(t, address)
	c.play("< 220\n> EHLO c\n< 250")
	c.send("STARTTLS\r\nMAIL FROM:<evil@shop.example>\r\n")
	c.play("< 421 4.7.0 nothing may follow STARTTLS\n< END")
}

func TestSTARTTLSStandsAlone(t *testing.T) {
	address, _ := startTLS(t, testServer(&memory{}))
	c := dial(t, address)
	c.play("< 220\n> EHLO c\n< 250\n> STARTTLS now\n< 501 5.5.4\n> STARTTLSX\n< 502\n> NOOP\n< 250")
	dial(t, start(t, testServer(&memory{}))).play("< 220\n> EHLO c\n< 250\n> STARTTLS\n< 502\n> NOOP\n< 250")
}

// A handshake that fails is not followed by a word in the clear.
func TestFailedHandshakeEndsInSilence(t *testing.T) {
	address, implicit := startTLS(t, testServer(&memory{}))
	c := dial(t, address)
	c.play("< 220\n> EHLO c\n< 250\n> STARTTLS\n< 220")
	c.send("EHLO c\r\nMAIL FROM:<a@b.c>\r\n")
	rest, _ := c.r.ReadString(0)
	if strings.Contains(rest, "250") || strings.Contains(rest, "421") {
		t.Errorf("after a failed handshake: %q", rest)
	}
	c = dial(t, implicit)
	c.send("EHLO c\r\n")
	if rest, _ := c.r.ReadString(0); strings.Contains(rest, "220") {
		t.Errorf("in the clear on the TLS port: %q", rest)
	}
}

func TestOldTLSIsRefused(t *testing.T) {
	_, implicit := startTLS(t, testServer(&memory{}))
	for version, good := range map[uint16]bool{tls.VersionTLS10: false, tls.VersionTLS11: false, tls.VersionTLS12: true, tls.VersionTLS13: true} {
		conn, err := tls.Dial("tcp", implicit, &tls.Config{InsecureSkipVerify: true, MinVersion: version, MaxVersion: version})
		if (err == nil) != good {
			t.Errorf("%s: %v", tls.VersionName(version), err)
		}
		if err == nil {
			conn.Close()
		}
	}
}

func TestStopWakesTLSClients(t *testing.T) {
	s := newServer(&memory{})
	s.TLS = certificate(t).Config()
	s.TLSListen = []string{"127.0.0.1:0"}
	address, stop, ended := running(t, s)
	idle, silent, secure := dial(t, address), dial(t, s.listeners[1].Addr().String()), dial(t, s.listeners[1].Addr().String())
	idle.play("< 220\n> EHLO c\n< 250\n> STARTTLS\n< 220")
	secure.secure()
	secure.play("< 220")
	_ = silent // says nothing: its handshake has not begun
	begun := time.Now()
	stop()
	secure.play("< 421 4.3.2\n< END")
	if err := <-ended; err != nil || time.Since(begun) > 4*time.Second {
		t.Errorf("Run: %v after %v", err, time.Since(begun))
	}
}

func TestHalfALineUnderTLSIsNotRun(t *testing.T) {
	q := &memory{}
	_, implicit := startTLS(t, testServer(q))
	c := dial(t, implicit)
	c.secure()
	c.play("< 220\n> EHLO c\n< 250\n> MAIL FROM:<a@b.c>\n< 250\n> RCPT TO:<kim@example.com>\n< 250\n> DATA\n< 354")
	c.send("From: a@shop.example\r\n\r\nhalf\r\n.")
	c.conn.(*tls.Conn).CloseWrite()
	c.play("< 421 4.4.2\n< END")
	if len(q.all()) != 0 {
		t.Error("half a message was stored")
	}
}

func TestReloadedCertificateIsShown(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "tls.pem")
	first, err := SelfSigned("smtp", file, "one.test")
	if err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v, want 0600", info.Mode(), err)
	}
	again, err := SelfSigned("smtp", file, "two.test")
	if err != nil || again.current.Load().Leaf.Subject.CommonName != "one.test" {
		t.Errorf("a certificate that holds was made anew: %v", err)
	}
	s := testServer(&memory{})
	s.TLS = first.Config()
	s.TLSListen = []string{"127.0.0.1:0"}
	start(t, s)
	shown := func() string {
		conn, err := tls.Dial("tcp", s.listeners[1].Addr().String(), &tls.Config{InsecureSkipVerify: true})
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		return conn.ConnectionState().PeerCertificates[0].Subject.CommonName
	}
	if err := os.Rename(file, file+".old"); err != nil {
		t.Fatal(err)
	}
	if !first.Changed() {
		t.Error("files that are gone are no change")
	}
	if err := first.Reload(); err == nil || shown() != "one.test" || first.Changed() {
		t.Errorf("a reload of nothing: %v, shown %s", err, shown())
	}
	if _, err := SelfSigned("smtp", file, "two.test"); err != nil {
		t.Fatal(err)
	}
	if !first.Changed() {
		t.Error("new files are no change")
	}
	if err := first.Reload(); err != nil || shown() != "two.test" || first.Changed() {
		t.Errorf("reload: %v, shown %s", err, shown())
	}
}
