//go:build host

package cli

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"go.etcd.io/bbolt"

	"pabal/sesclient/emulator"
)

const (
	unusedBytes = 1200 << 20 // past what makes a start compact the file
	compactDisk = 8 << 30
)

// tortureCompact cuts the power while a start compacts a large, mostly unused
// queue. The next start finds the old file or the new one, with all the mail.
func tortureCompact(t *testing.T, row *row, runs int) {
	full := newFullStore(t, row)
	queue := filepath.Join(full.dir, "queue.db")
	if err := bloat(queue); err != nil {
		t.Fatal(err)
	}
	midway, shrunk := 0, 0
	stores(t, row, runs, func(t *testing.T) {
		d := newDisk(t, compactDisk, "")
		data := d.data()
		if out, err := exec.Command("cp", "-r", "--sparse=always", full.dir, data).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		d.tool("sync", "-f", d.point)
		r := newRig(t, row, emulator.Options{}, data)
		for to, s := range full.mails {
			r.books.mails[to] = s
		}
		took := time.Second
		if row.runs > 0 {
			took = row.worst // the last start had it all to do, or what was left
		}
		r.startInBackground(rand.N(took))
		d.cut()
		r.p.kill()
		d.restore()
		row.runs++
		if large(data) {
			midway++
		}
		r.start()
		if !large(data) {
			shrunk++
		}
		r.lookOver()
		r.stop(r.p)
	})
	row.note = fmt.Sprintf("%d before the new file was in its place", midway)
	if shrunk != runs {
		t.Errorf("of %d starts %d had compacted the file", runs, shrunk)
	}
}

// large tells whether the queue of a folder is still the old one.
func large(data string) bool {
	info, err := os.Stat(filepath.Join(data, "queue.db"))
	return err == nil && info.Size() >= unusedBytes
}

// bloat leaves a file with pages that nothing uses.
func bloat(path string) error {
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{NoFreelistSync: true, NoSync: true})
	if err != nil {
		return err
	}
	name := []byte("bloat")
	err = db.Update(func(tx *bbolt.Tx) error {
		b, err := tx.CreateBucket(name)
		if err != nil {
			return err
		}
		return b.Put(name, make([]byte, unusedBytes))
	})
	if err == nil {
		err = db.Update(func(tx *bbolt.Tx) error { return tx.DeleteBucket(name) })
	}
	return errors.Join(err, db.Close())
}
