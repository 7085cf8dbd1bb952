package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/smtp"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"pabal/sesclient/emulator"
	"pabal/spool"
)

// notifications is a service manager's end of NOTIFY_SOCKET.
func notifications(t *testing.T, path string) <-chan string {
	t.Helper()
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	heard := make(chan string, 1000)
	t.Cleanup(func() { _ = conn.Close() }) // ends the loop
	go func() {
		buf := make([]byte, 4096)
		for {
			n, err := conn.Read(buf)
			if err != nil {
				close(heard)
				return
			}
			heard <- string(buf[:n])
		}
	}()
	return heard
}

// hears waits for messages that begin with these texts, in any order: the
// daemon's parts do not wait for each other.
func hears(t *testing.T, heard <-chan string, beginnings ...string) {
	t.Helper()
	patience := time.After(readyWithin)
	for len(beginnings) > 0 {
		select {
		case got := <-heard:
			i := slices.IndexFunc(beginnings, func(want string) bool { return strings.HasPrefix(got, want) })
			if i >= 0 {
				beginnings = slices.Delete(beginnings, i, i+1)
			}
		case <-patience:
			t.Fatalf("did not hear %q", beginnings)
		}
	}
}

// TestServeUnderAServiceManager is a start by systemd with a socket of its own:
// it is told when pabal is ready, how it is and when it stops, HUP does not end
// it, and a client that comes while it stops is served by the next one.
func TestServeUnderAServiceManager(t *testing.T) {
	h := newHost(t, emulator.Options{Rate: 100, Keep: -1})
	heard := notifications(t, filepath.Join(h.dir, "notify"))
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	f, err := l.(*net.TCPListener).File()
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	h.sockets = []*os.File{f}
	h.env = append(h.env, "NOTIFY_SOCKET="+filepath.Join(h.dir, "notify"), "WATCHDOG_USEC=400000", "LISTEN_FDS=1", "LISTEN_FDNAMES=smtp")
	asSystemd := []string{"sh", "-c", `export LISTEN_PID=$$ WATCHDOG_PID=$$; exec "$@"`, "sh"}

	p, err := h.start(asSystemd...)
	if err != nil {
		t.Fatalf("%v\n%s", err, h.log())
	}
	if address := l.Addr().String(); p.where.SMTP[0] != address {
		t.Errorf("listens on %v, want %s first", p.where.SMTP, address)
	}
	hears(t, heard, "STATUS=opening the stores", "READY=1", "STATUS=queue 0, sending 0", "WATCHDOG=1", "WATCHDOG=1")
	if err := p.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	mail := []byte("From: erp@example.com\r\nTo: minji@example.net\r\nSubject: hi\r\n\r\nhi\r\n")
	if err := smtp.SendMail(l.Addr().String(), nil, "erp@example.com", []string{"minji@example.net"}, mail); err != nil {
		t.Errorf("a mail by the socket that was handed over: %v\n%s", err, h.log())
	}
	h.stop(p)
	hears(t, heard, "STOPPING=1\nSTATUS=finishing open calls")

	sent := make(chan error, 1)
	go func() {
		sent <- smtp.SendMail(l.Addr().String(), nil, "erp@example.com", []string{"minji@example.net"}, mail)
	}()
	if p, err = h.start(asSystemd...); err != nil {
		t.Fatalf("%v\n%s", err, h.log())
	}
	if err := <-sent; err != nil {
		t.Errorf("a mail between two daemons: %v", err)
	}
	h.stop(p)
}

// loops is a drain that can hang.
type loops struct {
	hang atomic.Bool
	held []spool.Hold
}

func (l *loops) Alive() bool { return !l.hang.Load() }
func (l *loops) Status() (spool.Status, error) {
	return spool.Status{Pending: 1234, Sending: 3, PerSecond: 12.6, OldestSeconds: 75, Held: l.held}, nil
}

// TestTheWatchdogHearsNothingFromADrainThatHangs counts the signs of life with
// a drain that goes round, and with one that does not.
func TestTheWatchdogHearsNothingFromADrainThatHangs(t *testing.T) {
	path := filepath.Join(t.TempDir(), "n")
	heard := notifications(t, path)
	m, err := newManager([]string{"NOTIFY_SOCKET=" + path, "WATCHDOG_USEC=40000"}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	d := &loops{}
	go m.report(t.Context(), d)
	hears(t, heard, "STATUS=queue 1,234, sending 3, 13 a second, oldest waits 1m15s", "WATCHDOG=1", "WATCHDOG=1")

	path2 := filepath.Join(t.TempDir(), "n")
	silent := notifications(t, path2)
	var log bytes.Buffer
	if m, err = newManager([]string{"NOTIFY_SOCKET=" + path2, "WATCHDOG_USEC=40000"}, slog.New(slog.NewTextHandler(&log, nil))); err != nil {
		t.Fatal(err)
	}
	hung := &loops{held: []spool.Hold{{Scope: "all", Reason: "SES is\nnot there"}}}
	hung.hang.Store(true)
	synctest.Test(t, func(t *testing.T) { // no waiting for a ticker
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		m.report(ctx, hung)
	})
	got := <-silent
	if !strings.Contains(got, "; held all: SES is") || strings.Contains(got, "\n") {
		t.Errorf("status %q", got)
	}
	select {
	case more := <-silent:
		t.Errorf("heard %q of a drain that hangs", more)
	default:
	}
	if !strings.Contains(log.String(), "drain did not go round") {
		t.Errorf("log: %s", log.String())
	}
}

func TestWithoutAServiceManagerNobodyIsTold(t *testing.T) {
	m, err := newManager([]string{"HOME=/", fmt.Sprintf("LISTEN_PID=%d", os.Getpid()+1), "LISTEN_FDS=1"}, nil)
	if m != nil || err != nil {
		t.Errorf("got %v, %v, want none: the sockets are for another process", m, err)
	}
	m.tell("READY=1")
	m.report(t.Context(), nil)
	if m, err = newManager([]string{"NOTIFY_SOCKET=/n", "WATCHDOG_USEC=1000000", fmt.Sprintf("WATCHDOG_PID=%d", os.Getpid()+1)}, nil); err != nil || m.patience != 0 {
		t.Errorf("got %+v, %v: the watchdog is for another process", m, err)
	}
	for _, n := range []string{"x", "-1", "999"} {
		if _, err := newManager([]string{fmt.Sprintf("LISTEN_PID=%d", os.Getpid()), "LISTEN_FDS=" + n}, nil); err == nil {
			t.Errorf("LISTEN_FDS=%s is taken", n)
		}
	}
}

// TestCredentialsOfTheServiceManager has secrets handed over as files, which
// give way to what is set.
func TestCredentialsOfTheServiceManager(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o440); err != nil {
			t.Fatal(err)
		}
	}
	none := filepath.Join(dir, "none.toml")
	write("none.toml", "")
	environ := []string{"CREDENTIALS_DIRECTORY=" + dir}
	if cfg, err := parse(none, environ); err != nil || cfg.syncs() {
		t.Fatalf("without the credential: %v, %v", cfg.syncs(), err)
	}
	write(dsnCredential, "pabal:secret@tcp(db:3306)/shop\n")
	cfg, err := parse(none, environ)
	if err != nil || cfg.mysqlDSN != "pabal:secret@tcp(db:3306)/shop" {
		t.Errorf("got %q, %v", cfg.mysqlDSN, err)
	}
	if cfg, err = parse(none, slices.Concat(environ, []string{"PABAL_MYSQL_DSN=other"})); err != nil || cfg.mysqlDSN != "other" {
		t.Errorf("the environment gave way: %q, %v", cfg.mysqlDSN, err)
	}
	write("none.toml", "[mysql]\ndsn_file = \"own\"\n")
	if cfg, err = parse(none, environ); err != nil || cfg.mysqlDSN != "" {
		t.Errorf("dsn_file gave way: %q, %v", cfg.mysqlDSN, err)
	}

	t.Setenv(awsCredentialsFile, "")
	(&app{environ: environ}).useAWSCredential()
	if got := os.Getenv(awsCredentialsFile); got != "" {
		t.Errorf("without the credential: %q", got)
	}
	write(awsCredential, "[default]\n")
	(&app{environ: append(environ, awsCredentialsFile+"=/own")}).useAWSCredential()
	if got := os.Getenv(awsCredentialsFile); got != "" {
		t.Errorf("what is set gave way to %q", got)
	}
	(&app{environ: environ}).useAWSCredential()
	if got := os.Getenv(awsCredentialsFile); got != filepath.Join(dir, awsCredential) {
		t.Errorf("got %q", got)
	}
}

// TestDoctorSeesTheSecretsOfTheService has them where the service's user and
// root may read them, and nowhere else.
func TestDoctorSeesTheSecretsOfTheService(t *testing.T) {
	t.Setenv(awsCredentialsFile, "")
	a := &app{environ: []string{"A=1"}}
	a.borrowCredentials(filepath.Join(t.TempDir(), "none"))
	if got := variable(a.environ, credentialsFolder) + os.Getenv(awsCredentialsFile); got != "" {
		t.Errorf("without a service: %q", got)
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, awsCredential), []byte("[default]\n"), 0o400); err != nil {
		t.Fatal(err)
	}
	a.borrowCredentials(dir)
	if got := variable(a.environ, credentialsFolder); got != dir {
		t.Errorf("the folder is %q", got)
	}
	if got := os.Getenv(awsCredentialsFile); got != filepath.Join(dir, awsCredential) {
		t.Errorf("the keys are read from %q", got)
	}
	a.borrowCredentials(t.TempDir())
	if got := variable(a.environ, credentialsFolder); got != dir {
		t.Errorf("what is set gave way to %q", got)
	}
}

// TestSocketUnitsThatCannotBe are mistakes in units: each ends the start.
func TestSocketUnitsThatCannotBe(t *testing.T) {
	for name, c := range map[string]struct{ socket, want string }{
		"web":         {"tcp", "nobody knows what the socket web is for"},
		"submissions": {"tcp", "no certificate for TLS"},
		"smtp":        {"unixgram", "is none to listen on"},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHost(t, emulator.Options{Keep: -1})
			h.sockets = []*os.File{socketFile(t, c.socket, filepath.Join(h.dir, "s"))}
			h.env = append(h.env, "LISTEN_FDS=1", "LISTEN_FDNAMES="+name)
			p, err := h.start("sh", "-c", `export LISTEN_PID=$$; exec "$@"`, "sh")
			if err == nil || p.ProcessState.ExitCode() != exitFailed || !strings.Contains(h.log(), c.want) {
				t.Errorf("%v\n%s", err, h.log())
			}
		})
	}
}

func socketFile(t *testing.T, kind, path string) *os.File {
	t.Helper()
	var f *os.File
	var err error
	if kind == "tcp" {
		var l net.Listener
		if l, err = net.Listen("tcp", "127.0.0.1:0"); err == nil {
			f, err = l.(*net.TCPListener).File()
			err = errors.Join(err, l.Close())
		}
	} else {
		var c *net.UnixConn
		if c, err = net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"}); err == nil {
			f, err = c.File()
			err = errors.Join(err, c.Close())
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() }) // the process had its own
	return f
}
