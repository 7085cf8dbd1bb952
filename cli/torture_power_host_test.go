//go:build host

package cli

import (
	"context"
	"errors"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"pabal/sesclient/emulator"
)

const (
	diskSize      = 1 << 30 // of the file system in a file; it is sparse
	cutsOfOneFS   = 15      // then a new one is made
	firstStart    = 200 * time.Millisecond
	unmountWithin = 500 * time.Millisecond
	ext4Shutdown  = 0x8004587d // EXT4_IOC_SHUTDOWN, linux/fs/ext4/ext4.h
	noLogFlush    = 2          // EXT4_GOING_FLAGS_NOLOGFLUSH: what was not written back is gone
)

// disk is an ext4 file system in a file, on a loop device of its own.
type disk struct {
	t       *testing.T
	image   string
	point   string
	options string
	mounted bool
}

// newDisk makes one of a size in a file of its own.
func newDisk(t *testing.T, size int64, options string) *disk {
	t.Helper()
	dir, err := os.MkdirTemp("", "pabal-disk")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	image := filepath.Join(dir, "image")
	if err := errors.Join(os.WriteFile(image, nil, 0o600), os.Truncate(image, size)); err != nil {
		t.Fatal(err)
	}
	return newDiskOn(t, image, options)
}

// newDiskOn makes the file system on a file that is there, and mounts it.
func newDiskOn(t *testing.T, image, options string) *disk {
	t.Helper()
	point, err := os.MkdirTemp("", "pabal-mnt")
	if err != nil {
		t.Fatal(err)
	}
	d := &disk{t: t, image: image, point: point, options: options}
	t.Cleanup(func() {
		d.unmount()
		if err := os.Remove(point); err != nil {
			t.Error(err)
		}
	})
	d.tool("mkfs.ext4", "-q", "-F", "-b", "4096", d.image)
	d.mount()
	return d
}

// tool runs a command that has to succeed.
func (d *disk) tool(name string, args ...string) string {
	d.t.Helper()
	out, err := exec.Command(name, args...).CombinedOutput()
	if err != nil {
		d.t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return strings.TrimSpace(string(out))
}

func (d *disk) mount() {
	d.t.Helper()
	options := "loop"
	if d.options != "" {
		options += "," + d.options
	}
	d.tool("mount", "-t", "ext4", "-o", options, d.image, d.point)
	d.mounted = true
}

// unmount gives what the daemon left a moment to end; anything that lives
// longer holds the next start up and is a fault.
func (d *disk) unmount() {
	d.t.Helper()
	if !d.mounted {
		return
	}
	d.mounted = false
	ctx, cancel := context.WithTimeout(context.WithoutCancel(d.t.Context()), unmountWithin)
	defer cancel()
	var out []byte
	err := eventually(ctx, func() bool {
		var err error
		out, err = exec.Command("umount", d.point).CombinedOutput()
		return err == nil
	})
	if err != nil {
		d.tool("umount", "--lazy", d.point)
		d.t.Errorf("somebody still uses the disk %v after the daemon's end: %s", unmountWithin, out)
	}
}

// data is a folder on the disk.
func (d *disk) data() string { return filepath.Join(d.point, "data") }

// cut is the power cut: from this instant nothing reaches the disk any more,
// and what was not written back before never will.
func (d *disk) cut() {
	d.t.Helper()
	root, err := os.Open(d.point)
	if err != nil {
		d.t.Fatal(err)
	}
	defer root.Close()
	how := uint32(noLogFlush)
	if _, _, no := unix.Syscall(unix.SYS_IOCTL, root.Fd(), ext4Shutdown, uintptr(unsafe.Pointer(&how))); no != 0 {
		d.t.Fatalf("shut %s down: %v", d.point, no)
	}
}

// restore is the power coming back: the journal is replayed.
func (d *disk) restore() {
	d.t.Helper()
	d.unmount()
	d.mount()
}

// powerCut takes the power away after a while and gives it back.
func (r *rig) powerCut(d *disk, life time.Duration) {
	r.t.Helper()
	stop := r.load()
	timer := time.NewTimer(life)
	<-timer.C
	d.cut()
	r.p.kill()
	stop()
	d.restore()
	r.crashed()
}

// torturePower cuts the power of a file system mounted with options.
func torturePower(options string) func(t *testing.T, row *row, runs int) {
	return func(t *testing.T, row *row, runs int) {
		stores(t, row, runs, func(t *testing.T) {
			d := newDisk(t, diskSize, options)
			r := newRig(t, row, emulator.Options{}, d.data())
			r.start()
			r.warmUp()
			for range min(cutsOfOneFS, runs-row.runs) {
				r.powerCut(d, rand.N(longestLife))
				r.start()
				r.lookOver()
			}
			r.prove()
			r.stop(r.p)
			d.unmount()
		})
	}
}

// tortureFirstStart cuts the power in the first moments of a new store's life:
// the next start finds nothing or a whole store.
func tortureFirstStart(t *testing.T, row *row, runs int) {
	stores(t, row, runs, func(t *testing.T) {
		d := newDisk(t, diskSize, "")
		r := newRig(t, row, emulator.Options{}, d.data())
		r.startInBackground(rand.N(firstStart))
		d.cut()
		r.p.kill()
		d.restore()
		row.runs++
		r.start()
		r.lookOver()
		r.stop(r.p)
	})
}

// startInBackground starts the daemon and goes on after a while, ready or not.
func (r *rig) startInBackground(d time.Duration) {
	r.t.Helper()
	p := &process{Cmd: exec.Command("pabal", "serve"), ended: make(chan struct{})}
	p.Env = r.env
	if err := p.Start(); err != nil {
		r.t.Fatal(err)
	}
	go func() {
		_ = p.Wait() // killed
		close(p.ended)
	}()
	r.t.Cleanup(p.kill)
	r.p = p
	timer := time.NewTimer(d)
	<-timer.C
}

// noSync makes every sync of the very same binary a lie: there is no build of
// pabal that does not sync, and so none can be shipped.
var noSync = []string{"strace", "-D", "-f", "-qqq", "-e", "signal=none", "-o", "/dev/null",
	"-e", "trace=fsync,fdatasync,sync_file_range,msync", "-e", "inject=fsync,fdatasync,sync_file_range,msync:retval=0"}

// tortureWithoutSync is the control: with syncs switched off the power-cut test
// has to find losses, or it proves nothing. Runs counts the cuts at which it did.
func tortureWithoutSync(t *testing.T, row *row, runs int) {
	for range runs {
		d := newDisk(t, diskSize, "")
		r := newRig(t, row, emulator.Options{}, d.data())
		r.start() // what is there before is there for good
		r.stop(r.p)
		d.tool("sync", "-f", d.point)
		if err := r.tryStart(noSync...); err != nil {
			t.Fatalf("%v\n%s", err, r.log())
		}
		r.powerCut(d, longestLife)
		if err := r.tryStart(); err != nil {
			row.note = "the store was damaged or mail lost, as it must be"
			row.lost += r.books.count(250) // nothing of it can be read
			r.p.kill()
			continue
		}
		a := r.audit(false)
		row.lost += a.lost
		r.p.kill()
		d.unmount()
	}
	row.note = "a control: the losses are what the test is to see"
	t.Logf("%d acknowledged mails were lost in %d power cuts without sync", row.lost, runs)
	if row.lost == 0 {
		t.Error("no loss was seen although nothing was synced: the power-cut test does not see what it is for")
	}
}
