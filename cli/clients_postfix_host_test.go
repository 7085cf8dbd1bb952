//go:build host

package cli

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
)

// nullClient is the rest of main.cf around the documented lines: a Postfix of
// its own, which runs as root only.
const nullClient = `compatibility_level = 3.6
queue_directory = %[1]s/spool
data_directory = %[1]s/data
mail_owner = postfix
setgid_group = postdrop
myhostname = app.example.com
inet_interfaces = loopback-only
inet_protocols = ipv4
smtp_tls_security_level = may
maillog_file = %[1]s/log
maillog_file_prefixes = %[1]s
`

// nullServices is master.cf without a listener and without chroots.
const nullServices = `pickup unix n - n 1 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 1 1 qmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
smtp unix - - n - - smtp
relay unix - - n - - smtp
error unix - - n - - error
retry unix - - n - - error
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
proxymap unix - - n - - proxymap
tlsmgr unix - - n 1000? 1 tlsmgr
postlog unix-dgram n - n - 1 postlogd
`

// TestPostfixAsANullClient has applications use the Postfix they have, which
// hands everything on to pabal.
func TestPostfixAsANullClient(t *testing.T) {
	r := newClientRig(t)
	dir := startNullClient(t, r.setting(thisHost, "Postfix (main.cf)"))
	for _, charset := range []string{"utf-8", "euc-kr"} {
		t.Run(charset, func(t *testing.T) {
			cmd := exec.CommandContext(t.Context(), "/usr/sbin/sendmail", "-C", dir, "-i", "-t", "-f", koreanOrder.From)
			mail, err := os.Open(filepath.Join(r.mails, charset+".eml"))
			if err != nil {
				t.Fatal(err)
			}
			defer mail.Close()
			cmd.Stdin = mail
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Fatalf("sendmail: %v\n%s", err, out)
			}
			defer func() {
				if log, err := os.ReadFile(filepath.Join(dir, "log")); t.Failed() {
					t.Logf("Postfix: %s%v", log, err)
				}
			}()
			r.arrived(t, 1)
		})
	}
	r.stop(r.p)
}

// startNullClient runs a Postfix with these settings until the test ends.
func startNullClient(t *testing.T, settings string) (dir string) {
	t.Helper()
	dir, err := os.MkdirTemp("", "postfix")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	err = errors.Join(os.Chmod(dir, 0o755), os.Mkdir(filepath.Join(dir, "spool"), 0o755), os.Mkdir(filepath.Join(dir, "data"), 0o700),
		os.WriteFile(filepath.Join(dir, "main.cf"), []byte(fmt.Sprintf(nullClient, dir)+settings), 0o644),
		os.WriteFile(filepath.Join(dir, "master.cf"), []byte(nullServices), 0o644))
	if err != nil {
		t.Fatal(err)
	}
	for _, command := range [][]string{
		{"chown", "postfix", filepath.Join(dir, "data")},
		{"postfix", "-c", dir, "check"}, // makes the folders of the queue
	} {
		if out, err := exec.Command(command[0], command[1:]...).CombinedOutput(); err != nil {
			t.Fatalf("%v: %v\n%s", command, err, out)
		}
	}
	master := exec.Command("/usr/lib/postfix/sbin/master", "-c", dir, "-d")
	master.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // it ends its group when it ends
	if err := master.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := master.Process.Signal(syscall.SIGTERM); err != nil {
			t.Error(err)
		}
		_ = master.Wait() // "terminated" is what was asked for
	})
	return dir
}
