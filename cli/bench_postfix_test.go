//go:build bench

package cli

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// postfixMain is a Postfix of Debian that accepts mail into its queue and does
// nothing with it: no queue manager runs. Limits on clients are off; nothing is
// looked up in DNS; logging is Debian's (syslog). in_flow_delay is a pause of a
// second that the absent queue manager would shorten.
const postfixMain = `compatibility_level = 3.6
queue_directory = %[1]s/spool
data_directory = %[1]s/data
mail_owner = postfix
setgid_group = postdrop
myhostname = bench.example.com
mydestination =
mynetworks = 127.0.0.0/8
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
smtpd_relay_restrictions = permit_mynetworks, reject
smtpd_peername_lookup = no
smtpd_client_connection_count_limit = 0
smtpd_tls_security_level = none
default_transport = discard
in_flow_delay = 0
`

const postfixMaster = `%s inet n - n - - smtpd
cleanup unix n - n - 0 cleanup
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
anvil unix - - n - 1 anvil
proxymap unix - - n - - proxymap
`

// startPostfix starts a private instance with its queue beside our stores and
// returns its address and the pid of its master. It needs root, as Postfix does.
func startPostfix(t *testing.T) (address string, pid int) {
	t.Helper()
	if os.Getuid() != 0 {
		t.Fatal("Postfix, the peer, starts as root only: run make bench as root")
	}
	dir, err := os.MkdirTemp("", "postfix")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	address = freePort(t)
	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	err = errors.Join(os.Chmod(dir, 0o755), os.Mkdir(filepath.Join(dir, "spool"), 0o755), os.Mkdir(filepath.Join(dir, "data"), 0o700))
	if err != nil {
		t.Fatal(err)
	}
	write("main.cf", fmt.Sprintf(postfixMain, dir))
	write("master.cf", fmt.Sprintf(postfixMaster, address))
	for _, command := range [][]string{
		{"chown", "postfix", filepath.Join(dir, "data")},
		{"postfix", "-c", dir, "check"}, // makes the folders of the queue
	} {
		if out, err := exec.Command(command[0], command[1:]...).CombinedOutput(); err != nil {
			t.Fatalf("%v: %v\n%s", command, err, out)
		}
	}
	pid = runMaster(t, dir)
	awaitServer(t, address)
	return address, pid
}

// runMaster runs Postfix's master until the test ends. It has a process group
// of its own, because it ends its group when it ends.
func runMaster(t testing.TB, dir string) (pid int) {
	t.Helper()
	master := exec.Command("/usr/lib/postfix/sbin/master", "-c", dir, "-d")
	master.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := master.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := master.Process.Signal(syscall.SIGTERM); err != nil {
			t.Error(err)
		}
		_ = master.Wait() // "terminated" is what was asked for
	})
	return master.Process.Pid
}

// awaitServer waits until a mail server greets.
func awaitServer(t testing.TB, address string) {
	t.Helper()
	limit := time.After(30 * time.Second)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		p, err := dialProber(address)
		if err == nil {
			_ = p.close() // it greeted: that was the question
			return
		}
		select {
		case <-tick.C:
		case <-limit:
			t.Fatalf("no mail server on %s: %v", address, err)
		}
	}
}
