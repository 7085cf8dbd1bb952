//go:build host

package syncer

import (
	"bytes"
	"context"
	"database/sql"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"pabal/audience"
	"pabal/eml"
)

// mariadb is a server of our own: data in a temporary folder, a port on loopback.
type mariadb struct {
	addr string
	cmd  *exec.Cmd
	log  bytes.Buffer
	done chan struct{}
}

// shared is the server that all tests of the package use, each in a database of its own.
var shared *mariadb

func TestMain(m *testing.M) {
	if os.Getenv(childLife) != "" { // its parent has the server
		os.Exit(m.Run())
	}
	dir, err := os.MkdirTemp("", "mariadb")
	if err == nil {
		shared, err = startMariaDB(dir)
	}
	code := 1
	if err != nil {
		fmt.Fprintln(os.Stderr, "the tests need MariaDB (mariadb-server-core):", err)
	} else {
		code = m.Run()
		shared.stop()
	}
	_ = os.RemoveAll(dir)
	os.Exit(code)
}

func startMariaDB(dir string, options ...string) (*mariadb, error) {
	me, err := user.Current()
	if err != nil {
		return nil, err
	}
	data := filepath.Join(dir, "data")
	install := exec.Command("mariadb-install-db", "--no-defaults", "--datadir="+data, "--auth-root-authentication-method=normal", "--skip-test-db", "--user="+me.Username)
	if out, err := install.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("%w: %s", err, out)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	addr := listener.Addr().String()
	if err := listener.Close(); err != nil {
		return nil, err
	}
	_, port, _ := net.SplitHostPort(addr)
	d := &mariadb{addr: addr, done: make(chan struct{})}
	path, err := exec.LookPath("mariadbd")
	if err != nil {
		path = "/usr/sbin/mariadbd"
	}
	d.cmd = exec.Command(path, append([]string{"--no-defaults", "--datadir=" + data, "--bind-address=127.0.0.1", "--port=" + port, "--user=" + me.Username,
		"--socket=" + filepath.Join(dir, "s"), "--pid-file=" + filepath.Join(dir, "pid"), "--skip-log-bin", "--skip-name-resolve",
		"--innodb-flush-log-at-trx-commit=0", "--innodb-buffer-pool-size=128M", "--max-connections=50"}, options...)...)
	d.cmd.Stdout, d.cmd.Stderr = &d.log, &d.log
	d.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := d.cmd.Start(); err != nil {
		return nil, err
	}
	go func() { _ = d.cmd.Wait(); close(d.done) }()
	return d, d.ready()
}

// ready waits until the server answers.
func (d *mariadb) ready() error {
	db, err := sql.Open("mysql", "root@tcp("+d.addr+")/")
	if err != nil {
		return err
	}
	defer db.Close()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		if db.PingContext(ctx) == nil {
			return nil
		}
		select {
		case <-tick.C:
		case <-d.done:
			return fmt.Errorf("the server ended: %s", d.log.String())
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (d *mariadb) stop() {
	_ = d.cmd.Process.Kill()
	<-d.done
}

// world is a database, a store and a way to make syncers between them.
type world struct {
	t      testing.TB
	name   string
	db     *sql.DB // as root
	dir    string
	store  *audience.Store
	config Config
}

// newWorld has the owner's table, empty.
func newWorld(t testing.TB) *world {
	t.Helper()
	return newWorldOn(t, shared)
}

func newWorldOn(t testing.TB, server *mariadb) *world {
	t.Helper()
	name := fmt.Sprintf("t%d_%d", os.Getpid(), time.Now().UnixNano())
	root, err := sql.Open("mysql", "root@tcp("+server.addr+")/")
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	for _, q := range []string{"CREATE DATABASE " + name + " CHARACTER SET utf8mb4", "CREATE OR REPLACE USER " + name + "@'127.0.0.1' IDENTIFIED BY 'p@ss:word'", "GRANT SELECT ON " + name + ".* TO " + name + "@'127.0.0.1'"} {
		if _, err := root.Exec(q); err != nil {
			t.Fatalf("%s: %v", q, err)
		}
	}
	w := &world{t: t, name: name, dir: t.TempDir()}
	if w.db, err = sql.Open("mysql", "root@tcp("+server.addr+")/"+name+"?multiStatements=true"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.db.Close() })
	schema, err := os.ReadFile("../testdata/schema.sql")
	if err != nil {
		t.Fatal(err)
	}
	w.exec(string(schema))
	seoul, err := time.LoadLocation("Asia/Seoul")
	if err != nil {
		t.Fatal(err)
	}
	w.config = Config{DSN: name + ":p@ss:word@tcp(" + server.addr + ")/" + name, Table: "User", Zone: seoul, SubscribedYes: []string{"true", "1"},
		Columns: Columns{ID: "id", Email: "email", Name: "name", Gender: "gender", CreatedAt: "createtime", UpdatedAt: "update_at", Subscribed: "SubscriptionStatus"}}
	w.open()
	t.Cleanup(func() { w.close() })
	return w
}

func (w *world) open() {
	w.t.Helper()
	var err error
	if w.store, err = audience.Open(w.dir); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) close() {
	if w.store != nil {
		if err := w.store.Close(); err != nil {
			w.t.Error(err)
		}
	}
	w.store = nil
}

func (w *world) exec(query string, args ...any) {
	w.t.Helper()
	if _, err := w.db.Exec(query, args...); err != nil {
		w.t.Fatalf("%s: %v", query, err)
	}
}

func (w *world) syncer() *Syncer {
	w.t.Helper()
	s, err := New(w.store, w.config, nil)
	if err != nil {
		w.t.Fatal(err)
	}
	return s
}

// sync is a sync that has to go well.
func (w *world) sync(o Order) Result {
	w.t.Helper()
	result, err := w.syncer().Sync(context.Background(), o)
	if err != nil {
		w.t.Fatal(err)
	}
	w.sound()
	return result
}

func (w *world) sound() {
	w.t.Helper()
	if faults, err := w.store.CheckStore(context.Background()); err != nil || len(faults) > 0 {
		w.t.Fatalf("the store is not sound: %q, %v", faults, err)
	}
}

func (w *world) people() map[string]audience.Subscriber {
	w.t.Helper()
	out := map[string]audience.Subscriber{}
	for sub, err := range w.store.List(context.Background(), 0, "", nil) {
		if err != nil {
			w.t.Fatal(err)
		}
		out[eml.Key(sub.Email)] = sub
	}
	return out
}

// want compares with lines such as "+a@example.com Kim": subscribed or not, address, name.
func (w *world) want(lines ...string) {
	w.t.Helper()
	got := w.people()
	for _, line := range lines {
		email, name, _ := strings.Cut(line[1:], " ")
		if sub, ok := got[email]; !ok || sub.Consent.Subscribed != (line[0] == '+') || sub.Name != name {
			w.t.Errorf("want %q, got %+v", line, sub)
		}
		delete(got, email)
	}
	for email, sub := range got {
		w.t.Errorf("%s should not be there: %+v", email, sub)
	}
}

// proxy stands before the server and can cut or hold what goes through.
type proxy struct {
	listener net.Listener
	cutAfter atomic.Int64           // bytes of answers until the connections are cut; 0 never
	trickle  atomic.Pointer[string] // from a question with this in it answers come a byte at a time
	open     sync.WaitGroup
}

func (w *world) throughProxy() *proxy {
	w.t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		w.t.Fatal(err)
	}
	p := &proxy{listener: listener}
	w.t.Cleanup(func() { _ = listener.Close(); p.open.Wait() })
	w.config.DSN = strings.Replace(w.config.DSN, shared.addr, listener.Addr().String(), 1)
	p.open.Go(func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			p.open.Go(func() { p.carry(client) })
		}
	})
	return p
}

func (p *proxy) carry(client net.Conn) {
	defer client.Close()
	server, err := net.Dial("tcp", shared.addr)
	if err != nil {
		return
	}
	defer server.Close()
	var slow atomic.Bool
	go func() {
		asked := make([]byte, 1<<16)
		for {
			n, err := client.Read(asked)
			if word := p.trickle.Load(); word != nil && bytes.Contains(asked[:n], []byte(*word)) {
				slow.Store(true)
			}
			if err == nil {
				_, err = server.Write(asked[:n])
			}
			if err != nil {
				_ = server.Close()
				return
			}
		}
	}()
	buf := make([]byte, 4096)
	for {
		n, err := server.Read(buf)
		if err != nil {
			return
		}
		if left := p.cutAfter.Load(); left > 0 && p.cutAfter.Add(-int64(n)) <= 0 {
			p.cutAfter.Store(1)
			return
		}
		if slow.Load() {
			err = drip(client, buf[:n])
		} else {
			_, err = client.Write(buf[:n])
		}
		if err != nil {
			return
		}
	}
}

// drip writes ten bytes a second.
func drip(to net.Conn, b []byte) error {
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for i := range b {
		<-tick.C
		if _, err := to.Write(b[i : i+1]); err != nil {
			return err
		}
	}
	return nil
}
