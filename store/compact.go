package store

import (
	"errors"
	"fmt"
	"hash"
	"hash/crc64"
	"os"
	"path/filepath"

	"go.etcd.io/bbolt"
)

const (
	defaultCompactAt = 1 << 30  // bytes unused
	compactCommit    = 16 << 20 // bytes copied between two commits of the copy
)

// worthCompacting reports a file that is large and mostly unused.
func (s *Store) worthCompacting(o *Options) bool {
	at := o.CompactAt
	if at == 0 {
		at = defaultCompactAt
	}
	unused := s.unused()
	return at > 0 && unused > at && unused > s.top()/2
}

func compactNote(path string, before, after int64, err error) string {
	name := filepath.Base(path)
	if err != nil {
		return fmt.Sprintf("%s is mostly unused, but could not be compacted: %v", name, err)
	}
	return fmt.Sprintf("%s was mostly unused and was compacted from %d to %d MB", name, before>>20, after>>20)
}

// Compact rewrites a file that nobody has open without its unused pages: it
// copies it, compares every key and value, and puts the copy in its place. A
// crash leaves the old or the new file. It needs as much free space as is in
// use. before and after are bytes in use.
func Compact(path string) (before, after int64, err error) {
	if err := present(path, &Options{ReadOnly: true}); err != nil {
		return 0, 0, err
	}
	old := &Store{path: path}
	if err := old.openBolt(false); err != nil {
		return 0, 0, err
	}
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".new*")
	if err != nil {
		return 0, 0, errors.Join(fmt.Errorf("compact %s: %w", path, err), old.db.Close())
	}
	before = old.top()
	if err = old.fits(); err == nil {
		after, err = copyTo(old.db, f)
	}
	if err == nil {
		err = os.Rename(f.Name(), path) // the old file's lock is held until it has no name
	}
	if err != nil {
		err = errors.Join(fmt.Errorf("compact %s: %w", path, err), os.Remove(f.Name()))
	} else {
		err = SyncFolder(filepath.Dir(path))
	}
	if err = errors.Join(err, old.db.Close()); err != nil {
		return before, before, err
	}
	return before, after, marked(path)
}

// fits refuses to begin a copy that would fill the volume.
func (s *Store) fits() error {
	used := s.top() - s.unused()
	now, err := statfs(filepath.Dir(s.path))
	if err == nil && now.Free < used+used/8+min(reserve, now.Total/10) {
		return problem(ErrFull, "free some space on it, then compact again", "%d MB are free on the disk and the copy takes %d MB", now.Free>>20, used>>20)
	}
	return nil
}

// Size is the file's bytes, and how many of them hold nothing: what is written
// next goes there, and compacting gives them back to the disk.
func (s *Store) Size() (bytes, unused int64) { return s.top(), s.unused() }

// unused is what the file keeps for later, bytes.
func (s *Store) unused() int64 { return int64(s.db.Stats().FreePageN) * pageSize }

// marked renews the mark of a file that was put in place of another.
func marked(path string) error {
	m, _ := readMark(path)
	return closedWell(path, m.ID)
}

// copyTo copies what is in db into the empty file f, compares the two and
// syncs f, which it closes.
func copyTo(db *bbolt.DB, f *os.File) (size int64, err error) {
	defer func() { err = errors.Join(err, f.Sync(), f.Close()) }()
	fresh, err := bbolt.Open(f.Name(), 0o600, &bbolt.Options{Timeout: lockWait, PageSize: pageSize,
		FreelistType: bbolt.FreelistMapType, NoFreelistSync: true, NoSync: true})
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, fresh.Close()) }()
	if err := bbolt.Compact(fresh, db, compactCommit); err != nil {
		return 0, err
	}
	if err := fresh.Sync(); err != nil {
		return 0, err
	}
	if err := same(db, fresh); err != nil {
		return 0, err
	}
	return (&Store{db: fresh}).top(), nil
}

// same compares two files' keys, values and sequences by their sums.
func same(a, b *bbolt.DB) error {
	sumA, err := content(a)
	if err != nil {
		return err
	}
	sumB, err := content(b)
	if err == nil && sumA != sumB {
		err = errors.New("the copy is not the same as the file")
	}
	return err
}

func content(db *bbolt.DB) (uint64, error) {
	sum := crc64.New(crc64.MakeTable(crc64.ECMA))
	err := db.View(func(tx *bbolt.Tx) error {
		if err := structure(tx); err != nil { // nobody else has the file
			return err
		}
		return walk(tx, func(depth int, k, v []byte, sequence uint64) error {
			addEntry(sum, depth, k, v, sequence)
			return nil
		})
	})
	return sum.Sum64(), err
}

// addEntry adds an entry so that no two different files have one text.
func addEntry(sum hash.Hash64, depth int, k, v []byte, sequence uint64) {
	fmt.Fprintf(sum, "%d %d %d %d ", depth, len(k), len(v), sequence)
	_, _ = sum.Write(k) // a hash takes all
	_, _ = sum.Write(v)
}
