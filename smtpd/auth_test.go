package smtpd

import (
	"context"
	"encoding/base64"
	"errors"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

func code(text string) string { return base64.StdEncoding.EncodeToString([]byte(text)) }

// loginServer has a user, TLS, and no patience lost on wrong passwords.
func loginServer(t *testing.T, q *memory) *Server {
	s := testServer(q)
	s.Users, s.authDelay = users(t), 0
	return s
}

func TestLogin(t *testing.T) {
	good, bad := code("\x00app\x00correct-horse"), code("\x00app\x00battery-staple")
	address, _ := startTLS(t, loginServer(t, &memory{}))
	for name, script := range map[string]string{
		"PLAIN at once":         "> AUTH PLAIN " + good + "\n< 235 2",
		"plain asked":           "> auth plain\n< 334 \n> " + good + "\n< 235",
		"LOGIN":                 "> AUTH LOGIN\n< 334 VXNlcm5hbWU6\n> " + code("app") + "\n< 334 UGFzc3dvcmQ6\n> " + code("correct-horse") + "\n< 235",
		"LOGIN with user":       "> AUTH LOGIN " + code("app") + "\n< 334 UGFzc3dvcmQ6\n> " + code("correct-horse") + "\n< 235",
		"authorisation is self": "> AUTH PLAIN " + code("app\x00app\x00correct-horse") + "\n< 235",
		"as somebody else":      "> AUTH PLAIN " + code("root\x00app\x00correct-horse") + "\n< 501 5.5.2",
		"wrong password":        "> AUTH PLAIN " + bad + "\n< 535 5.7.8\n> MAIL FROM:<a@b.c>\n< 250",
		"unknown user":          "> AUTH PLAIN " + code("\x00eve\x00correct-horse") + "\n< 535 5.7.8",
		"empty password":        "> AUTH PLAIN " + code("\x00app\x00") + "\n< 535",
		"no NULs":               "> AUTH PLAIN " + code("app") + "\n< 501",
		"not base64":            "> AUTH PLAIN !!!\n< 501 5.5.2\n> NOOP\n< 250",
		"not base64 when asked": "> AUTH LOGIN\n< 334\n> !!!\n< 501 5.5.2\n> NOOP\n< 250",
		"called off":            "> AUTH LOGIN\n< 334\n> *\n< 501\n> NOOP\n< 250",
		"a verb as the answer":  "> AUTH LOGIN\n< 334\n> BDAT 10\n< 501\n> NOOP\n< 250",
		"empty initial answer":  "> AUTH PLAIN =\n< 501",
		"other mechanism":       "> AUTH CRAM-MD5\n< 504 5.5.4",
		"no mechanism":          "> AUTH\n< 502",
		"twice":                 "> AUTH PLAIN " + good + "\n< 235\n> AUTH PLAIN " + good + "\n< 503",
		"inside a transaction":  "> MAIL FROM:<a@b.c>\n< 250\n> AUTH PLAIN " + good + "\n< 503",
		"survives RSET":         "> AUTH PLAIN " + good + "\n< 235\n> RSET\n< 250\n> AUTH PLAIN " + good + "\n< 503",
		"no TLS after it":       "> AUTH PLAIN " + good + "\n< 235\n> STARTTLS\n< 503 5.5.1",
		"the third ends it":     "> AUTH PLAIN " + bad + "\n< 535\n> AUTH PLAIN " + bad + "\n< 535\n> AUTH PLAIN " + bad + "\n< 421 4.7.0\n< END",
		"MAIL with AUTH":        "> MAIL FROM:<a@b.c> AUTH=<>\n< 250",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dial(t, address).play("< 220\n> EHLO client\n< 250\n" + script)
		})
	}
}

// Each refusal takes twice as long as the one before.
func TestWrongPasswordsTakeLongerEachTime(t *testing.T) {
	s := loginServer(t, &memory{})
	s.authDelay = 50 * time.Millisecond
	c := dial(t, start(t, s))
	c.play("< 220\n> EHLO c\n< 250")
	for i, reply := range []string{"535", "535", "421"} {
		begun := time.Now()
		c.play("> AUTH PLAIN " + code("\x00app\x00battery-staple") + "\n< " + reply)
		if took := time.Since(begun); took < s.authDelay<<i {
			t.Errorf("refusal %d after %v, want at least %v", i+1, took, s.authDelay<<i)
		}
	}
	if got := s.Stats().BadLogins; got != 3 {
		t.Errorf("%d bad logins counted", got)
	}
}

// A flood of logins waits in line; it takes neither memory nor all CPUs.
func TestOnePasswordIsCheckedAtATime(t *testing.T) {
	u := users(t)
	u.turn <- struct{}{} // a check that goes on
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if good, err := u.Check(ctx, "app", "correct-horse"); good || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a second check: %v, %v, want it to wait", good, err)
	}
	<-u.turn
	if good, err := u.Check(t.Context(), "app", "correct-horse"); !good || err != nil {
		t.Errorf("with its turn: %v, %v", good, err)
	}
}

func TestNobodyCanLogInWithoutUsers(t *testing.T) {
	dial(t, start(t, testServer(&memory{}))).play("< 220\n> EHLO c\n< 250-Hello c\n> AUTH PLAIN AGEAYg==\n< 502 5.5.1")
}

// remote makes the first listener one that others than this host reach.
func remote(t *testing.T, s *Server) string {
	t.Helper()
	s.TLS = certificate(t).Config()
	return startAs(t, s, func(l *listener) { l.remote = true })
}

func TestRemoteClientsLogInOverTLSFirst(t *testing.T) {
	q := &memory{}
	s := loginServer(t, q)
	address := remote(t, s)
	c := dial(t, address)
	c.play("< 220\n> HELO c\n< 250\n> MAIL FROM:<a@shop.example>\n< 530 5.7.0 say STARTTLS\n> AUTH PLAIN " + code("\x00app\x00correct-horse") + "\n< 538 5.7.11")
	c.send("EHLO c\r\n")
	if got := c.reply(); strings.Contains(got, "AUTH") {
		t.Errorf("a password is asked for in the clear: %q", got)
	}
	c.play("> STARTTLS\n< 220")
	c.secure()
	c.play("> EHLO c\n< 250\n> MAIL FROM:<a@shop.example>\n< 530 5.7.0 log in\n> RCPT TO:<kim@example.com>\n< 502\n> DATA\n< 502")
	c.play("> AUTH PLAIN " + code("\x00app\x00correct-horse") + "\n< 235\n> MAIL FROM:<a@shop.example>\n< 250\n> RCPT TO:<kim@example.com>\n< 250\n> DATA\n< 354")
	c.send("From: a@shop.example\r\n\r\nhi\r\n.\r\n")
	c.play("< 250")
	if got := q.all(); len(got) != 1 || !strings.Contains(strings.ReplaceAll(got[0].body, "\r\n ", " "), "with ESMTPSA id") {
		t.Errorf("stored %+v", got)
	}
}

func TestListedNetworkNeedsNoLoginAndOthersAreTurnedAway(t *testing.T) {
	s := testServer(&memory{})
	s.Networks = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
	dial(t, remote(t, s)).play("< 220\n> EHLO c\n< 250\n> MAIL FROM:<a@b.c>\n< 250")
	s = testServer(&memory{})
	s.Networks = []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}
	dial(t, remote(t, s)).play("< 554 5.7.1\n< END")
	if st := s.Stats(); st.Refused != 1 || st.Connected != 1 || st.Replies["554"] != 1 || len(st.Replies) != 1 {
		t.Errorf("%+v", s.Stats())
	}
}

// A service on an address others reach needs to know who may submit.
func TestOpenRelayIsRefusedAtStart(t *testing.T) {
	network := func(text string) []netip.Prefix { return []netip.Prefix{netip.MustParsePrefix(text)} }
	nobody := OpenUsers(filepath.Join(t.TempDir(), "users"))
	tls := certificate(t).Config()
	for name, c := range map[string]struct {
		server *Server
		want   string // part of what is said; "" for none
	}{
		"nothing":         {&Server{}, "anybody who reaches it"},
		"TLS alone":       {&Server{TLS: tls}, "anybody who reaches it"},
		"TLS, no user":    {&Server{TLS: tls, Users: nobody}, "pabal smtp-user add"},
		"users, no TLS":   {&Server{Users: users(t)}, "smtp.tls_certificate"},
		"TLS and users":   {&Server{TLS: tls, Users: users(t)}, ""},
		"a network":       {&Server{Networks: network("172.17.0.0/16")}, ""},
		"everybody":       {&Server{Networks: network("0.0.0.0/0")}, "nearly anybody"},
		"half of us":      {&Server{Networks: network("0.0.0.0/1")}, "nearly anybody"},
		"all of IPv6":     {&Server{Networks: network("::/0")}, "nearly anybody"},
		"TLS, everybody":  {&Server{TLS: tls, Users: users(t), Networks: network("::/3")}, "nearly anybody"},
		"our own of IPv6": {&Server{Networks: network("fd00::/16")}, ""},
	} {
		err := c.server.openRelay("192.0.2.1:25")
		if c.want == "" && err == nil || c.want != "" && err != nil && strings.Contains(err.Error(), c.want) {
			continue
		}
		t.Errorf("%s: %v, want %q", name, err, c.want)
	}
}

func TestUsersFile(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "users")
	u, other := OpenUsers(file), OpenUsers(file)
	if some, err := u.Any(); some || err != nil {
		t.Errorf("a file that is not there: %v, %v", some, err)
	}
	for _, c := range [][2]string{{"", "long enough"}, {"a b", "long enough"}, {"a:b", "long enough"}, {"김", "long enough"}, {strings.Repeat("x", 65), "long enough"},
		{"app", "short"}, {"app", "with\nline"}, {"app", strings.Repeat("x", 257)}} {
		if err := u.Set(c[0], c[1]); err == nil {
			t.Errorf("Set(%q, %q) was taken", c[0], c[1])
		}
	}
	for _, name := range []string{"web@shop", "app"} {
		if err := u.Set(name, "correct-horse"); err != nil {
			t.Fatal(err)
		}
	}
	if err := u.Set("app", "another-one"); err != nil {
		t.Fatal(err)
	}
	if names, err := other.List(); err != nil || !slices.Equal(names, []string{"app", "web@shop"}) {
		t.Errorf("another reader sees %v, %v", names, err)
	}
	for _, c := range []struct {
		name, password string
		want           bool
	}{{"app", "another-one", true}, {"app", "correct-horse", false}, {"web@shop", "correct-horse", true}, {"eve", "", false}, {"eve", "\x00", false},
		{"app", "another-one" + strings.Repeat("x", 300), false}} {
		if got, err := other.Check(t.Context(), c.name, c.password); got != c.want || err != nil {
			t.Errorf("Check(%s, %.20s) = %v, %v", c.name, c.password, got, err)
		}
	}
	if err := u.Remove("app"); err != nil {
		t.Fatal(err)
	}
	if err := u.Remove("app"); err != ErrNoUser {
		t.Errorf("a second Remove: %v", err)
	}
	if good, _ := other.Check(t.Context(), "app", "another-one"); good {
		t.Error("who was removed still logs in")
	}
	info, err := os.Stat(file)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	text, _ := os.ReadFile(file)
	if strings.Contains(string(text), "correct-horse") || !strings.Contains(string(text), "web@shop:$argon2id$v=19$m=19456,t=2,p=1$") {
		t.Errorf("the file is %s", text)
	}
	if err := os.Chmod(file, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenUsers(file).Any(); err == nil {
		t.Error("a file everybody reads was used")
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "*.new-*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

// Whether a user exists must not show in the time of the refusal: both take a
// whole hash of 19 MiB.
func TestUnknownUserCostsAsMuch(t *testing.T) {
	u := users(t)
	quickest := func(name string) time.Duration {
		best := time.Hour
		for range 5 {
			begun := time.Now()
			u.Check(t.Context(), name, "battery-staple")
			best = min(best, time.Since(begun))
		}
		return best
	}
	known, unknown := quickest("app"), quickest("eve")
	if unknown < known/3 || known < unknown/3 {
		t.Errorf("known %v, unknown %v", known, unknown)
	}
}

func FuzzUsersFile(f *testing.F) {
	f.Add("app:$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n# x\n")
	f.Add("app:$argon2id$v=19$m=4294967295,t=99,p=255$AA$AA")
	f.Add("x")
	f.Fuzz(func(t *testing.T, text string) {
		hashes, bad := parseUsers([]byte(text))
		if bad > 0 && hashes != nil || len(hashes) > maxUsers {
			t.Errorf("%d users, bad line %d", len(hashes), bad)
		}
		for name, h := range hashes {
			again, err := parseHash(h.String())
			if err != nil || again.String() != h.String() || h.memory > maxHashMemory || h.passes > maxHashPasses || h.lanes > maxHashLanes {
				t.Errorf("%q: %s comes back as %s, %v", name, h, again, err)
			}
		}
	})
}

// from is a socket of a client elsewhere.
type from struct {
	net.Conn
	ip string
}

func (f from) RemoteAddr() net.Addr { return &net.TCPAddr{IP: net.ParseIP(f.ip), Port: 4000} }

func TestSourcesHaveCaps(t *testing.T) {
	s := newServer(&memory{})
	s.MaxPerSource, s.MaxRate = 2, 4
	l := &listener{server: s}
	enter := func(ip string) *wire { w, _ := l.admit(from{ip: ip}); return w }
	for range 20 {
		if enter("127.0.0.1") == nil || enter("::1") == nil {
			t.Fatal("this host has a cap of its own")
		}
	}
	first, second := enter("192.0.2.1"), enter("192.0.2.1")
	if first == nil || second == nil || enter("192.0.2.1") != nil {
		t.Error("the third connection of one source was taken")
	}
	if enter("192.0.2.2") == nil {
		t.Error("another source was turned away")
	}
	s.forget(first)
	s.forget(first) // go-smtp may close twice
	if enter("192.0.2.1") == nil {
		t.Error("a place that came free was not given")
	}
	s.forget(second)
	if enter("192.0.2.1") != nil {
		t.Error("the fifth connection of a minute was taken")
	}
	if enter("2001:db8::1") == nil || enter("2001:db8::2") == nil || enter("2001:db8::3") != nil || enter("2001:db8:0:1::1") == nil {
		t.Error("IPv6 is not counted by /64")
	}
}

func TestGuessingIsBarred(t *testing.T) {
	g := &guard{sources: map[sourceKey]*source{}}
	here, there := netip.Addr{}, netip.MustParseAddr("192.0.2.1")
	for range barredAfter {
		g.failed(here, "app")
	}
	if g.barred(here, "app") {
		t.Error("this host was barred")
	}
	for range userAfter {
		g.failed(there, "app")
	}
	if !g.barred(there, "app") || g.barred(there, "web") || g.barred(there, "") {
		t.Error("a user guessed at is to be barred, and no other")
	}
	for range barredAfter {
		g.failed(there, "eve")
	}
	if !g.barred(there, "web") || !g.barred(there, "") {
		t.Error("a source that guesses on is not barred")
	}
	g.sources[sourceKey{from: there}].firstly = time.Now().Add(-barredFor)
	if g.barred(there, "web") {
		t.Error("barred without end")
	}
}

func TestGuardForgets(t *testing.T) {
	g := &guard{sources: map[sourceKey]*source{}}
	now := time.Now()
	address := netip.MustParseAddr("10.0.0.0")
	for range 3 * maxSources {
		address = address.Next()
		g.enter(address, now, 1, 1)
		g.leave(address)
	}
	if len(g.sources) > maxSources {
		t.Errorf("%d sources are remembered, want at most %d", len(g.sources), maxSources)
	}
}
