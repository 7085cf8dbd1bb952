//go:build host

package cli

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"pabal/sesclient/emulator"
	"pabal/spool"
)

// anotherUser is nobody of Debian: any user but the daemon's will do.
const anotherUser = 65534

const handedIn = "From: shop@example.com\nSubject: order\n\nhi\n"

// caller runs sendmail as programs of this host do.
type caller struct {
	t       *testing.T
	program string
	env     []string
	uid     uint32
}

// newCaller is one who may run the binary, a copy that every user can read.
func newCaller(t *testing.T, h *host, uid uint32) *caller {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	binary, err := os.ReadFile(self)
	if err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(h.dir, "sendmail")
	if err := errors.Join(os.WriteFile(program, binary, 0o755), os.Chmod(program, 0o755), os.Chmod(h.dir, 0o755)); err != nil {
		t.Fatal(err)
	}
	return &caller{t, program, h.env, uid}
}

// run hands in a mail behind a wrapper, if any, and returns the exit code, -1
// for a signal.
func (c *caller) run(wrapper []string, words ...string) (code int, stderr string) {
	c.t.Helper()
	words = slices.Concat(wrapper, []string{c.program}, words)
	cmd := exec.Command(words[0], words[1:]...)
	var said bytes.Buffer
	cmd.Env, cmd.Dir, cmd.Stdin, cmd.Stderr = c.env, "/", strings.NewReader(handedIn), &said
	if int(c.uid) != os.Getuid() {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: c.uid, Gid: c.uid}}
	}
	err := cmd.Run()
	if exit, ok := errors.AsType[*exec.ExitError](err); err != nil && !ok {
		c.t.Fatalf("%v: %v", words, err)
	} else if ok {
		return exit.ExitCode(), said.String()
	}
	return 0, said.String()
}

// places are a drop folder and a submit socket that every user can reach.
func places(t *testing.T) (folder string, env []string) {
	t.Helper()
	dir, err := os.MkdirTemp("", "pabal")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	folder = filepath.Join(dir, "drop")
	return folder, []string{"PABAL_SMTP_DROP=" + folder, "PABAL_SMTP_SUBMIT_SOCKET=" + filepath.Join(dir, "submit", "s.sock"), "PABAL_SMTP_ALIASES="}
}

// texts are the mails that wait, by recipient.
func texts(t *testing.T, h *host) map[string]string {
	t.Helper()
	c := h.client()
	out := map[string]string{}
	for m, err := range c.Messages(t.Context(), spool.Pending.String()) {
		if err != nil {
			t.Fatal(err)
		}
		var text strings.Builder
		if err := c.Body(t.Context(), m.ID, &text); err != nil {
			t.Fatal(err)
		}
		if out[m.To] != "" {
			t.Errorf("two mails to %s", m.To)
		}
		out[m.To] = strings.ReplaceAll(text.String(), "\r\n ", " ")
	}
	return out
}

// TestAnotherUserOfTheHost hands mail in with the daemon and without, is named
// by number, and can neither see nor take what lies in the folder. It needs root.
func TestAnotherUserOfTheHost(t *testing.T) {
	folder, env := places(t)
	h := newHost(t, emulator.Options{Rate: 100, Keep: -1}, env...)
	p := h.serve()
	if _, err := h.client().Hold(t.Context(), spool.ScopeAll, "test"); err != nil { // so that the texts stay
		t.Fatal(err)
	}
	c := newCaller(t, h, anotherUser)
	if code, said := c.run(nil, "-f", "shop@example.com", "with@example.net"); code != 0 {
		t.Errorf("with the daemon: %d, %s", code, said)
	}
	h.stop(p)
	if code, said := c.run(nil, "-f", "shop@example.com", "without@example.net"); code != 0 {
		t.Errorf("without the daemon: %d, %s", code, said)
	}
	for _, words := range [][]string{{"ls", folder}, {"sh", "-c", "cat " + folder + "/*"}, {"rmdir", folder + "/bad"}, {"mv", folder + "/bad", folder + "/worse"}} {
		cmd := exec.Command(words[0], words[1:]...)
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: anotherUser, Gid: anotherUser}}
		if out, err := cmd.CombinedOutput(); err == nil {
			t.Errorf("%q was allowed: %s", words, out)
		}
	}
	p = h.serve()
	soon, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if err := eventually(soon, func() bool { return strings.Contains(h.pabal("status", "--json"), `"taken":1,`) }); err != nil {
		t.Fatalf("the drop is not taken up: %v", err)
	}
	all := texts(t, h)
	for to, want := range map[string]string{"with@example.net": "(uid 65534)", "without@example.net": "(uid 65534, from the drop folder)"} {
		if !strings.Contains(all[to], want) {
			t.Errorf("the mail to %s has no %q: %q", to, want, all[to])
		}
	}
	h.stop(p)
}

// TestSendmailSaysYesOnlyToWhatIsOnDisk is every step of a drop that fails, or
// is the last one of the process: exit code 0 is never said, and after an error
// nothing is left that would be sent.
func TestSendmailSaysYesOnlyToWhatIsOnDisk(t *testing.T) {
	folder, env := places(t)
	h := newHost(t, emulator.Options{Rate: 100, Keep: -1}, env...)
	h.stop(h.serve()) // makes the folder
	c := newCaller(t, h, uint32(os.Getuid()))
	trace := filepath.Join(h.dir, "trace")
	strace := []string{"strace", "-f", "-qq", "-o", trace, "-e", "signal=none", "-e", "trace=fsync,syncfs,/^rename"}
	if code, said := c.run(strace, "a@example.net"); code != 0 {
		t.Fatalf("%d, %s", code, said)
	}
	calls := tracedCalls(t, trace)
	if want := []string{"fsync", "rename", "syncfs"}; !slices.Equal(calls, want) {
		t.Errorf("the calls were %q, want %q", calls, want)
	}
	if left := drops(t, folder); len(left) != 1 {
		t.Errorf("left %q, want one drop", left)
	}
	for _, call := range []string{"fsync", "/^rename", "syncfs"} {
		before := drops(t, folder)
		code, said := c.run(append(slices.Clone(strace), "-e", "inject="+call+":error=EIO"), "a@example.net")
		if left := drops(t, folder); code != 75 || !strings.Contains(said, "input/output error") || !slices.Equal(left, before) {
			t.Errorf("%s fails: exit code %d, %s; left %q, before %q", call, code, said, left, before)
		}
		if code, _ := c.run(append(slices.Clone(strace), "-e", "inject="+call+":signal=KILL"), "a@example.net"); code == 0 {
			t.Errorf("killed at %s: exit code 0", call)
		}
	}
	for _, name := range drops(t, folder) {
		if strings.HasPrefix(name, "tmp.") {
			continue // the daemon leaves it alone, and removes it after a day
		}
		if text, err := os.ReadFile(filepath.Join(folder, name)); err != nil || !strings.Contains(string(text), "\nend ") {
			t.Errorf("half a drop was left: %q, %v", text, err)
		}
	}
}

// tracedCalls are the names of the calls in a trace, in order.
func tracedCalls(t *testing.T, trace string) (names []string) {
	t.Helper()
	text, err := os.ReadFile(trace)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range regexp.MustCompile(`(?m)^\d+ +([a-z]+?)(?:at|at2)?\(`).FindAllSubmatch(text, -1) {
		names = append(names, string(m[1]))
	}
	return names
}

// drops are the names in a drop folder.
func drops(t *testing.T, folder string) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if e.Name() != "bad" {
			names = append(names, e.Name())
		}
	}
	return names
}
