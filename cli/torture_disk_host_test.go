//go:build host

package cli

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"pabal/control"
	"pabal/sesclient/emulator"
	"pabal/spool"
)

const (
	smallDisk     = 64 << 20
	fullAfter     = 2000 // mails of 100 KB that certainly fill it
	heldMails     = 20   // queued before somebody else fills the disk
	acceptsWithin = 20 * time.Second
)

// tortureFullByUs submits to a disk of 64 MB until it is full while SES takes
// nothing, then lets SES go on: clients are told to wait in time, delivery
// frees room, and mail is taken again without anybody's help.
func tortureFullByUs(t *testing.T, row *row, runs int) {
	stores(t, row, runs, func(t *testing.T) {
		d := newDisk(t, smallDisk, "")
		r := newRig(t, row, emulator.Options{}, d.data())
		r.start()
		r.holdAll()
		r.fillUp()
		row.runs++
		r.saysFull(true)
		r.release()
		r.prove()
		r.acceptsAgain()
		r.saysFull(false)
		r.prove()
		r.stop(r.p)
		d.unmount()
	})
}

// saysFull wants status to say whether the disk is nearly full, and a client to
// hear it at MAIL.
func (r *rig) saysFull(full bool) {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(r.t.Context(), acceptsWithin)
	defer cancel()
	var st control.Status
	err := eventually(ctx, func() bool { // mail that was sent leaves its pages to a later commit
		st, _ = r.client().Status(ctx)
		return st.Spool.Store.NearlyFull == full
	})
	if err != nil || st.Spool.Store.NearlyFull != full {
		r.t.Errorf("status of the disk: %+v, %v; nearly full should be %v", st.Spool.Store, err, full)
	}
	c, err := dialSMTP(r.p.where.SMTP[0])
	if err != nil {
		r.t.Fatal(err)
	}
	defer c.conn.Close()
	if code, text, err := c.say("MAIL FROM:<erp@example.com>"); err != nil || (code == 452) != full || (code == 250) == full {
		r.t.Errorf("MAIL was answered %d %s, %v; nearly full is %v", code, text, err, full)
	}
	if err := eventually(ctx, func() bool { return !full || strings.Contains(r.log(), `"disk is nearly full`) }); err != nil {
		r.t.Errorf("the log does not say it:\n%s", r.log())
	}
}

func (r *rig) holdAll() {
	r.t.Helper()
	if _, err := r.client().Hold(r.t.Context(), spool.ScopeAll, "torture"); err != nil {
		r.t.Fatal(err)
	}
}

// fillUp submits large mails until the answer is 452, the only one allowed
// beside 250.
func (r *rig) fillUp() {
	r.t.Helper()
	c, err := dialSMTP(r.p.where.SMTP[0])
	if err != nil {
		r.t.Fatal(err)
	}
	defer c.conn.Close()
	for range fullAfter {
		s, err := c.submit(r.books, largestMail)
		switch {
		case err != nil:
			r.t.Fatalf("submit: %v\n%s", err, r.log())
		case s.code == 452 && strings.HasPrefix(s.reply, "4.3.1 "):
			return
		case s.code != 250:
			r.t.Fatalf("a filling disk was answered %d %s\n%s", s.code, s.reply, r.log())
		}
	}
	r.t.Fatal("the disk did not fill up")
}

// acceptsAgain waits until mail is taken again by itself.
func (r *rig) acceptsAgain() {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(r.t.Context(), acceptsWithin)
	defer cancel()
	if err := eventually(ctx, r.tryOne); err != nil {
		r.t.Fatalf("no mail is taken %v after there was room again\n%s", acceptsWithin, r.log())
	}
}

// tortureFullByOthers fills the disk from outside: what is queued is still
// delivered and its outcome written, from a reserve of our own; new mail waits
// with its clients until there is room.
func tortureFullByOthers(t *testing.T, row *row, runs int) {
	stores(t, row, runs, func(t *testing.T) {
		d := newDisk(t, smallDisk, "")
		r := newRig(t, row, emulator.Options{}, d.data())
		r.start()
		r.fill(heldMails, largestMail/4)
		ballast := filepath.Join(d.point, "ballast")
		fillDisk(t, ballast)
		row.runs++
		r.fillUp()
		r.saysFull(true)
		r.release()
		r.prove()
		if err := os.Remove(ballast); err != nil {
			t.Fatal(err)
		}
		r.acceptsAgain()
		r.prove()
		r.stop(r.p)
		d.unmount()
	})
}

// fillDisk writes until not one block is free.
func fillDisk(t *testing.T, path string) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	// What the file system set aside for blocks to come is free again after a sync.
	for wrote := true; wrote; {
		wrote = false
		for _, step := range []int{1 << 20, 4 << 10} {
			for err = nil; err == nil; {
				var n int
				n, err = f.Write(bytes.Repeat([]byte("x"), step))
				wrote = wrote || n > 0
			}
			if !errors.Is(err, unix.ENOSPC) {
				t.Fatal(err)
			}
		}
		if err := f.Sync(); err != nil {
			t.Fatal(err)
		}
	}
}

// tortureReadOnly lets the kernel find an error in the file system under load:
// it turns read-only at once. Mail is refused, the daemon ends and says why;
// after fsck and a start everything is there.
func tortureReadOnly(t *testing.T, row *row, runs int) {
	stores(t, row, runs, func(t *testing.T) {
		d := newDisk(t, diskSize, "errors=remount-ro")
		r := newRig(t, row, emulator.Options{}, d.data())
		r.start()
		r.warmUp()
		stop := r.load()
		device := filepath.Base(d.tool("findmnt", "-n", "-o", "SOURCE", d.point))
		if err := os.WriteFile("/sys/fs/ext4/"+device+"/trigger_fs_error", []byte("1"), 0o200); err != nil {
			t.Fatal(err)
		}
		r.endsForItself(stop)
		d.unmount()
		d.check()
		d.mount()
		r.start()
		r.lookOver()
		r.prove()
		r.stop(r.p)
		d.unmount()
	})
}

// endsForItself waits for the end that follows a disk that cannot be written,
// and looks at what was said.
func (r *rig) endsForItself(stop func()) {
	r.t.Helper()
	r.endsByItself()
	r.p.kill()
	stop()
	r.crashed()
	r.judgeEnd(false)
	if code := r.p.ProcessState.ExitCode(); code != exitFailed {
		r.t.Errorf("exit code %d, want %d", code, exitFailed)
	}
	for _, s := range r.books.mails {
		if s.code >= 500 {
			r.t.Errorf("a broken disk was answered %d %s: the client would drop the mail", s.code, s.reply)
		}
	}
}

// check mends the file system; 1 is fsck's way to say that it did (fsck(8)).
func (d *disk) check() {
	d.t.Helper()
	cmd := exec.Command("e2fsck", "-f", "-y", d.image)
	if out, err := cmd.CombinedOutput(); err != nil && cmd.ProcessState.ExitCode() != 1 {
		d.t.Fatalf("e2fsck: %v\n%s", err, out)
	}
}

// tortureBlockErrors has every write to the block device fail for a while: a
// file served by nbdkit, whose error filter a file switches on.
func tortureBlockErrors(t *testing.T, row *row, runs int) {
	stores(t, row, runs, func(t *testing.T) {
		d, fail := newFailingDisk(t)
		r := newRig(t, row, emulator.Options{}, d.data())
		r.start()
		r.warmUp()
		stop := r.load()
		if err := os.WriteFile(fail, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		r.endsForItself(stop)
		if err := os.Remove(fail); err != nil {
			t.Fatal(err)
		}
		d.unmount()
		d.check()
		d.mount()
		r.start()
		r.lookOver()
		r.prove()
		r.stop(r.p)
		d.unmount()
	})
}

// newFailingDisk is a disk whose writes fail while the file fail exists.
func newFailingDisk(t *testing.T) (d *disk, fail string) {
	t.Helper()
	dir, err := os.MkdirTemp("", "pabal-nbd")
	if err != nil {
		t.Fatal(err)
	}
	image, socket := filepath.Join(dir, "image"), filepath.Join(dir, "sock")
	device := filepath.Join(dir, "device")
	fail = filepath.Join(dir, "fail")
	if err := errors.Join(os.WriteFile(image, nil, 0o600), os.Truncate(image, diskSize), os.WriteFile(device, nil, 0o600)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	helper(t, "nbdkit", "-f", "-U", socket, "--filter=error", "file", image, "error-file="+fail, "error-pwrite=EIO", "error-pwrite-rate=100%")
	awaitSocket(t, socket)
	helper(t, "nbdfuse", device, "--unix", socket)
	t.Cleanup(func() {
		if out, err := exec.Command("fusermount3", "-u", device).CombinedOutput(); err != nil {
			t.Errorf("fusermount3: %v: %s", err, out)
		}
	})
	ctx, cancel := context.WithTimeout(t.Context(), acceptsWithin)
	defer cancel()
	if err := eventually(ctx, func() bool {
		info, err := os.Stat(device)
		return err == nil && info.Size() == diskSize
	}); err != nil {
		t.Fatalf("nbdfuse did not serve %s", device)
	}
	return newDiskOn(t, device, ""), fail
}

// helper runs a program as long as the test runs.
func helper(t *testing.T, name string, args ...string) {
	t.Helper()
	cmd := exec.Command(name, args...)
	var said bytes.Buffer // every error injected, too
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(os.Interrupt) // it may have ended with what it served
		_ = cmd.Wait()
		if t.Failed() {
			t.Logf("%s: %s", name, said.String())
		}
	})
}

func awaitSocket(t *testing.T, path string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), acceptsWithin)
	defer cancel()
	if err := eventually(ctx, func() bool {
		_, err := os.Stat(path)
		return err == nil
	}); err != nil {
		t.Fatalf("%s did not appear", path)
	}
}
