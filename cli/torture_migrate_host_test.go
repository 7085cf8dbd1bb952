//go:build host

package cli

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"go.etcd.io/bbolt"

	"pabal/audience"
	"pabal/sesclient/emulator"
	"pabal/spool"
)

// migrates is about how long it takes from the first file's new format to the last's.
const migrates = 15 * time.Millisecond

// newerBuckets are the buckets that came after format 1, by file.
func newerBuckets() map[string][]string {
	return map[string][]string{
		spool.QueueFile:   {"orphans", "once", "failed", "digest", "acts"},
		spool.LedgerFile:  {"orphans", "series"},
		audience.FileName: {"rows", "rowsof", "reread", "feedback", "delivered", "choices"},
	}
}

// tortureMigrate cuts the power while a start brings old files to the newest
// format. The next start finds each of them old or new, with all that is in it.
func tortureMigrate(t *testing.T, row *row, runs int) {
	full := newFullStore(t, row)
	for file, buckets := range newerBuckets() {
		if err := downgrade(filepath.Join(full.dir, file), buckets); err != nil {
			t.Fatal(err)
		}
	}
	between := 0
	stores(t, row, runs, func(t *testing.T) {
		d := newDisk(t, diskSize, "")
		r := newRig(t, row, emulator.Options{}, d.data())
		if out, err := exec.Command("cp", "-r", "--sparse=always", full.dir, d.data()).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		for to, s := range full.mails {
			r.books.mails[to] = s
		}
		d.tool("sync", "-f", d.point)
		r.startInBackground(0)
		firstMigration(t, d.data())
		timer := time.NewTimer(rand.N(migrates))
		<-timer.C
		d.cut()
		r.p.kill()
		d.restore()
		row.runs++
		if old := oldFiles(t, d.data()); old > 0 && old < len(newerBuckets()) {
			between++
		}
		r.start()
		if old := oldFiles(t, full.dir); old != len(newerBuckets()) {
			t.Errorf("%d of the files were old", old)
		}
		r.lookOver()
		r.release()
		r.drained()
		r.stop(r.p)
		if old := oldFiles(t, d.data()); old > 0 {
			t.Errorf("%d files are still of the old format", old)
		}
		d.unmount()
	})
	row.note = fmt.Sprintf("%d with some files of the new format and some of the old", between)
	if between == 0 && runs > 2 {
		t.Error("no cut came between two migrations: the test shows nothing")
	}
}

// firstMigration waits until the daemon writes to the file it opens first.
func firstMigration(t *testing.T, dir string) {
	t.Helper()
	written := func() time.Time {
		info, err := os.Stat(filepath.Join(dir, audience.FileName))
		if err != nil {
			t.Fatal(err)
		}
		return info.ModTime()
	}
	before := written()
	for deadline := time.Now().Add(readyWithin); written().Equal(before); {
		if time.Now().After(deadline) {
			t.Fatal("nothing was migrated")
		}
		runtime.Gosched()
	}
}

// downgrade makes a file one of format 1.
func downgrade(path string, buckets []string) error {
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{NoFreelistSync: true})
	if err != nil {
		return err
	}
	err = db.Update(func(tx *bbolt.Tx) error {
		for _, name := range buckets {
			if err := tx.DeleteBucket([]byte(name)); err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
		}
		return tx.Bucket([]byte("store")).Put([]byte("version"), binary.BigEndian.AppendUint32(nil, 1))
	})
	return errors.Join(err, db.Close())
}

// oldFiles counts the files of format 1 among those that migrate.
func oldFiles(t *testing.T, dir string) (old int) {
	t.Helper()
	for file := range newerBuckets() {
		db, err := bbolt.Open(filepath.Join(dir, file), 0o600, &bbolt.Options{ReadOnly: true})
		if err != nil {
			t.Fatal(err)
		}
		err = db.View(func(tx *bbolt.Tx) error {
			if binary.BigEndian.Uint32(tx.Bucket([]byte("store")).Get([]byte("version"))) == 1 {
				old++
			}
			return nil
		})
		if err = errors.Join(err, db.Close()); err != nil {
			t.Fatal(err)
		}
	}
	return old
}
