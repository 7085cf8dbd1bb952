package smtpd

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"pabal/spool"
)

// submitSocket is a path short enough for a socket.
func submitSocket(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "pabal")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return filepath.Join(dir, "submit", "smtp.sock")
}

// startSubmit runs a server with a submit socket; it listens on TCP as well.
func startSubmit(t *testing.T, s *Server) (socket, address string) {
	t.Helper()
	socket = submitSocket(t)
	if err := s.BindSubmit(socket); err != nil {
		t.Fatal(err)
	}
	return socket, start(t, s)
}

func dialSocket(t *testing.T, socket string) *talker {
	t.Helper()
	conn, err := net.Dial("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(20 * time.Second))
	return &talker{t, conn, bufio.NewReader(conn)}
}

func TestAnyUserSubmitsAndIsNamedInReceived(t *testing.T) {
	q := &memory{}
	s := testServer(q)
	socket, _ := startSubmit(t, s)
	if info, err := os.Stat(socket); err != nil || info.Mode().Perm() != 0o666 {
		t.Errorf("socket: %v, %v, want mode 0666", info.Mode(), err)
	}
	if info, err := os.Stat(filepath.Dir(socket)); err != nil || info.Mode().Perm() != 0o755 {
		t.Errorf("folder: %v, %v, want mode 0755", info.Mode(), err)
	}
	dialSocket(t, socket).play(toText + "\n> " + strings.ReplaceAll(plain, "\r\n", `\r\n`) + ".\n< 250\n> QUIT\n< 221\n< END")
	want := fmt.Sprintf("Received: from c (uid %d) by mail.test", os.Getuid())
	if got := q.all(); len(got) != 1 || !strings.Contains(strings.ReplaceAll(got[0].body, "\r\n ", " "), want) {
		t.Errorf("stored %+v, want %q in it", got, want)
	}
	if by := s.Stats().Entrances; by[BySocket] != 1 || by[BySMTP]+by[ByDrop] != 0 {
		t.Errorf("by entrance: %v", by)
	}
}

func TestAUserIsHeldToARateAndTCPIsNot(t *testing.T) {
	s := testServer(&memory{})
	s.UserRate = 2
	now := time.Now()
	s.now = func() time.Time { return now }
	socket, address := startSubmit(t, s)
	c := dialSocket(t, socket)
	c.play("< 220\n> EHLO c\n< 250\n> MAIL FROM:<a@b.c>\n< 250\n> RSET\n< 250\n> MAIL FROM:<a@b.c>\n< 250\n> RSET\n< 250\n> MAIL FROM:<a@b.c>\n< 450 4.7.1")
	dialSocket(t, socket).play("< 220\n> EHLO c\n< 250\n> MAIL FROM:<a@b.c>\n< 450 4.7.1") // a second connection helps nobody
	dial(t, address).play("< 220\n> EHLO c\n< 250\n> MAIL FROM:<a@b.c>\n< 250")
}

func TestRatesComeBackWithTime(t *testing.T) {
	var r userRates
	now := time.Now()
	count := func(uid uint32) (n int) {
		for r.take(uid, 60, now) {
			n++
		}
		return n
	}
	if first, again, other := count(33), count(33), count(34); first != 60 || again != 0 || other != 60 {
		t.Errorf("at first %d, then %d, another user %d, want 60, 0, 60", first, again, other)
	}
	now = now.Add(10 * time.Second)
	if got := count(33); got != 10 {
		t.Errorf("%d after 10 s, want 10", got)
	}
	now = now.Add(time.Hour)
	if got := count(33); got != 60 {
		t.Errorf("%d after an hour, want 60", got)
	}
	if count(35); len(r.users) != 2 {
		t.Errorf("%d users are remembered, want those of the last minute", len(r.users))
	}
	if !r.take(36, 0, now) {
		t.Error("0 is no limit")
	}
}

func TestOneUserCannotTakeAllConnections(t *testing.T) {
	s := testServer(&memory{})
	socket, _ := startSubmit(t, s)
	var open []*talker
	for range userConnections {
		c := dialSocket(t, socket)
		c.play("< 220")
		open = append(open, c)
	}
	dialSocket(t, socket).play("< 421 4.7.0\n< END")
	if st := s.Stats(); st.Refused != 1 || st.Connections != userConnections {
		t.Errorf("stats %+v", st)
	}
	open[0].play("> QUIT\n< 221\n< END")
	for deadline := time.Now().Add(10 * time.Second); ; { // the place is free a moment later
		if c := dialSocket(t, socket); strings.HasPrefix(c.reply(), "220") {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal("the place of a connection that ended was not given to another")
		}
	}
}

func TestOnlyASocketThatNobodyAnswersOnIsReplaced(t *testing.T) {
	socket := submitSocket(t)
	bind := func() error {
		s := newServer(&memory{})
		err := s.BindSubmit(socket)
		t.Cleanup(func() { s.closeListeners() })
		return err
	}
	if err := os.Mkdir(filepath.Dir(socket), 0o700); err != nil {
		t.Fatal(err)
	}
	dead, err := net.ListenUnix("unix", &net.UnixAddr{Name: socket, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	dead.SetUnlinkOnClose(false) // as after kill -9
	dead.Close()
	if err := bind(); err != nil {
		t.Errorf("over a dead socket: %v", err)
	}
	if err := bind(); err == nil || !strings.Contains(err.Error(), "another daemon answers") {
		t.Errorf("over a live one: %v", err)
	}
	for name, path := range map[string]string{"a file": filepath.Join(t.TempDir(), "f"), "a long path": "/tmp/" + strings.Repeat("x", maxSocketPath)} {
		if len(path) <= maxSocketPath {
			if err := os.WriteFile(path, []byte("keep"), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		err := newServer(&memory{}).BindSubmit(path)
		if refused, ok := errors.AsType[*ListenError](err); !ok || refused.Hint == "" {
			t.Errorf("%s: %v, want a refusal with a hint", name, err)
		}
		if text, _ := os.ReadFile(path); len(path) <= maxSocketPath && string(text) != "keep" {
			t.Errorf("%s was removed", name)
		}
	}
}

// What the daemon does not take now waits in the folder; what it refuses does not.
func TestSendmailBesideTheDaemon(t *testing.T) {
	q := &memory{}
	s := testServer(q)
	s.MaxRecipients = 2
	socket, _ := startSubmit(t, s)
	send := func(text string, to ...string) (Receipt, error, int) {
		t.Helper()
		m := mailer(t, Options{FromSet: true, From: "a@shop.example", Recipients: to})
		m.Socket = socket
		r, err := m.Deliver(t.Context(), strings.NewReader(text))
		return r, err, len(dropped(t, m.Folder))
	}
	if r, err, drops := send("hi\n", "kim@example.com"); err != nil || !strings.HasPrefix(r.Reply, "2.0.0 queued") || drops != 0 {
		t.Errorf("%+v, %v, %d drops", r, err, drops)
	}
	for name, c := range map[string]struct {
		text string
		to   []string
		code int
	}{
		"a sender SES does not take":  {"From: a@foreign.example\n\nhi\n", []string{"kim@example.com"}, ExitNoPerm},
		"a From that is none":         {"From: nobody\n\nhi\n", []string{"kim@example.com"}, ExitData},
		"a recipient of no mailbox":   {"hi\n", []string{"root"}, ExitNoUser},
		"more recipients than it may": {"hi\n", []string{"a@example.com", "b@example.com", "c@example.com"}, ExitUnavailable},
		"a mail that is too large":    {strings.Repeat("0123456789\n", 10_000), []string{"kim@example.com"}, ExitUnavailable},
	} {
		_, err, drops := send(c.text, c.to...)
		if exit, ok := errors.AsType[*ExitError](err); !ok || exit.Code != c.code || drops != 0 {
			t.Errorf("%s: %v, %d drops, want exit code %d and none", name, err, drops, c.code)
		}
	}
	q.room(spool.ErrFull)
	if r, err, drops := send("hi\n", "kim@example.com"); err != nil || r.Dropped == "" || drops != 1 || len(q.all()) != 1 {
		t.Errorf("a full disk: %+v, %v, %d drops", r, err, drops)
	}
}
