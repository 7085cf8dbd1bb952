//go:build host || bench

package cli

import (
	"context"
	"database/sql"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// mariaDB is a server of this test's own, which can be killed and started
// again; the driver comes with syncer.
type mariaDB struct {
	t         *testing.T
	dir, addr string
	user      string
	cmd       *exec.Cmd
	db        *sql.DB // as root
}

// startMariaDB is one with an empty database server.
func startMariaDB(t *testing.T) *mariaDB {
	t.Helper()
	me, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	dir, err := os.MkdirTemp("", "mariadb") // short, for its socket
	if err != nil {
		t.Fatal(err)
	}
	m := &mariaDB{t: t, dir: dir, user: me.Username}
	t.Cleanup(func() {
		m.kill()
		_ = os.RemoveAll(dir)
	})
	if out, err := exec.Command("mariadb-install-db", "--no-defaults", "--datadir="+m.data(), "--auth-root-authentication-method=normal", "--skip-test-db", "--user="+m.user).CombinedOutput(); err != nil {
		t.Fatalf("MariaDB is needed (mariadb-server-core): %v\n%s", err, out)
	}
	m.addr = freePort(t)
	if m.db, err = sql.Open("mysql", "root@tcp("+m.addr+")/?multiStatements=true"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = m.db.Close() })
	m.start()
	return m
}

func (m *mariaDB) data() string { return filepath.Join(m.dir, "data") }

// start starts the server and waits until it answers.
func (m *mariaDB) start() {
	m.t.Helper()
	_, port, _ := net.SplitHostPort(m.addr)
	m.cmd = exec.Command("/usr/sbin/mariadbd", "--no-defaults", "--datadir="+m.data(), "--bind-address=127.0.0.1", "--port="+port, "--user="+m.user,
		"--socket="+filepath.Join(m.dir, "s"), "--pid-file="+filepath.Join(m.dir, "pid"), "--skip-log-bin", "--skip-name-resolve")
	m.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := m.cmd.Start(); err != nil {
		m.t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(m.t.Context(), readyWithin)
	defer cancel()
	tick := time.NewTicker(scriptPollEvery)
	defer tick.Stop()
	for m.db.PingContext(ctx) != nil {
		select {
		case <-tick.C:
		case <-ctx.Done():
			m.t.Fatal("MariaDB was not ready in time")
		}
	}
}

// kill is SIGKILL.
func (m *mariaDB) kill() {
	if m.cmd == nil {
		return
	}
	_ = m.cmd.Process.Kill() // it has ended already, or it will
	_ = m.cmd.Wait()
	m.cmd = nil
}

func (m *mariaDB) exec(query string, args ...any) {
	m.t.Helper()
	if _, err := m.db.ExecContext(m.t.Context(), query, args...); err != nil {
		m.t.Fatalf("%s: %v", query, err)
	}
}

// shop makes the owner's table in the database shop.
func (m *mariaDB) shop() {
	m.t.Helper()
	schema, err := os.ReadFile("../testdata/schema.sql")
	if err != nil {
		m.t.Fatal(err)
	}
	m.exec("CREATE DATABASE shop CHARACTER SET utf8mb4; USE shop; " + string(schema))
}

// shopEnv tells a daemon of that table.
func shopEnv() []string {
	return []string{"PABAL_MYSQL_EVERY=1h", "PABAL_MYSQL_TABLE=User", "PABAL_MYSQL_COLUMNS_CREATED_AT=CreateTime",
		"PABAL_MYSQL_COLUMNS_UPDATED_AT=update_at", "PABAL_MYSQL_COLUMNS_SUBSCRIBED=SubscriptionStatus"}
}
