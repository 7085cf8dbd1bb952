package store

import (
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"go.etcd.io/bbolt"
	"golang.org/x/sys/unix"
)

var (
	bStore   = []byte("store")
	kKind    = []byte("kind")
	kID      = []byte("id")
	kVersion = []byte("version")
)

// mark is what the file beside a store says of it.
type mark struct {
	ID       string `json:"id"`
	Tx       uint64 `json:"tx"`       // last transaction when it was closed well
	Size     int64  `json:"size"`     // bytes then
	Modified int64  `json:"modified"` // unix nanoseconds then
}

func markPath(path string) string { return path + ".mark" }

// readMark is the zero mark where there is none or it cannot be read.
func readMark(path string) (m mark, there bool) {
	b, err := os.ReadFile(markPath(path))
	if err == nil {
		_ = json.Unmarshal(b, &m) // torn: it still tells that there was a store
	}
	return m, err == nil
}

// closedWell leaves the mark of a file that nobody has open.
func closedWell(path, id string) error {
	m, err := measure(path)
	if err != nil {
		return err
	}
	m.ID = id
	b, err := json.Marshal(m)
	if err != nil {
		return err
	}
	return replace(markPath(path), append(b, '\n'))
}

// measure is a file's mark as of now, without its id.
func measure(path string) (mark, error) {
	f, err := os.Open(path)
	if err != nil {
		return mark{}, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return mark{}, err
	}
	h, err := readHeads(f)
	return mark{Tx: h.newest().tx, Size: info.Size(), Modified: info.ModTime().UnixNano()}, err
}

// replace puts b in place of a file's content: after a crash it is the old or the new.
func replace(path string, b []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".new*")
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	if err = errors.Join(err, f.Sync(), f.Close()); err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return SyncFolder(filepath.Dir(path))
}

// SyncFolder returns when the names in a folder are on disk.
func SyncFolder(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// present sees to it that there is a file, and refuses what is no plain file of
// ours alone.
func present(path string, o *Options) error {
	info, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		_, marked := readMark(path)
		switch {
		case marked:
			return problem(ErrMissing, "restore the newest backup; or, to begin with nothing, delete "+markPath(path), "%s is missing, and it was there", path)
		case o.ReadOnly:
			return problem(ErrMissing, "see that data_dir is the right folder", "there is no %s", path)
		}
		return create(path, o)
	}
	if err != nil {
		return fmt.Errorf("look for %s: %w", path, err)
	}
	switch mode := info.Mode(); {
	case mode&fs.ModeSymlink != 0:
		return problem(ErrForeign, "move the file itself there; only the whole data folder may be a link", "%s is a symbolic link", path)
	case !mode.IsRegular():
		return problem(ErrForeign, "move it away; pabal keeps a file of this name", "%s is not a regular file", path)
	case mode.Perm()&0o077 != 0:
		return problem(fs.ErrPermission, "chmod 600 "+path, "%s may be used by others (mode %04o), and it holds personal data", path, mode.Perm())
	}
	return nil
}

// create makes a file under another name first, so that a crash leaves none or
// a whole one.
func create(path string, o *Options) error {
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".new*")
	if err != nil {
		return fmt.Errorf("make %s: %w", path, err)
	}
	id, err := fill(f.Name(), o)
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Link(f.Name(), path) // does not replace one made meanwhile
	}
	if err = errors.Join(err, os.Remove(f.Name())); err != nil && !errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("make %s: %w", path, err)
	}
	if err := SyncFolder(filepath.Dir(path)); err != nil {
		return err
	}
	return closedWell(path, id)
}

// fill makes a new file's content and returns its id.
func fill(path string, o *Options) (id string, err error) {
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{Timeout: lockWait, PageSize: pageSize, FreelistType: bbolt.FreelistMapType, NoFreelistSync: true})
	if err != nil {
		return "", err
	}
	id = newID()
	err = db.Update(func(tx *bbolt.Tx) error {
		for _, name := range o.Buckets {
			if _, err := tx.CreateBucket(name); err != nil {
				return err
			}
		}
		b, err := tx.CreateBucket(bStore)
		if err != nil {
			return err
		}
		if err := errors.Join(b.Put(kKind, []byte(o.Kind)), b.Put(kID, []byte(id)), putVersion(tx, o.version())); err != nil {
			return err
		}
		if o.Init == nil {
			return nil
		}
		return o.Init(tx)
	})
	return id, errors.Join(err, db.Close())
}

func newID() string {
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails: crypto/rand
	return hex.EncodeToString(b[:])
}

func (o *Options) version() uint32 { return uint32(len(o.Migrations)) + 1 }

func putVersion(tx *bbolt.Tx, v uint32) error {
	return tx.Bucket(bStore).Put(kVersion, binary.BigEndian.AppendUint32(nil, v))
}

// openBolt locks and looks at the file before bbolt maps it.
func (s *Store) openBolt(readOnly bool) (err error) {
	defer func() {
		if r := recover(); r != nil { // bbolt, on a damaged page
			err = errors.Join(damaged(s.path, "%v", r), s.file.Close())
		}
	}()
	o := &bbolt.Options{
		Timeout: lockWait, PageSize: pageSize, FreelistType: bbolt.FreelistMapType, NoFreelistSync: true,
		ReadOnly: readOnly, PreLoadFreelist: true, InitialMmapSize: mapSize,
		OpenFile: func(path string, _ int, _ os.FileMode) (_ *os.File, err error) {
			s.file, s.notes, err = openFile(path, readOnly)
			return s.file, err // no file means that bbolt has seen nothing of it
		},
	}
	if readOnly || !is64bit {
		o.InitialMmapSize = 0
	}
	if info, err := os.Stat(s.path); err == nil && info.Size() < readAhead {
		o.MmapFlags = unix.MAP_POPULATE
	}
	s.db, err = bbolt.Open(s.path, 0o600, o)
	return err
}

const is64bit = ^uint(0)>>32 != 0

// openFile opens a file that is there, locks it and looks at its heads.
func openFile(path string, readOnly bool) (f *os.File, notes []string, err error) {
	flags, how := os.O_RDWR, unix.LOCK_EX
	if readOnly {
		flags, how = os.O_RDONLY, unix.LOCK_SH
	}
	if f, err = os.OpenFile(path, flags|unix.O_NOFOLLOW, 0); err != nil {
		return nil, nil, problem(err, "run pabal as the user who owns the file, or mend its permissions", "%s cannot be opened: %v", path, err)
	}
	if err = lock(f, how); err == nil {
		notes, err = vet(f)
	}
	if err != nil {
		return nil, nil, errors.Join(err, f.Close())
	}
	return f, notes, nil
}

// lock takes the file's lock, waiting a little for whoever is about to end.
func lock(f *os.File, how int) error {
	end, tick := time.Now().Add(lockWait), time.NewTicker(lockPoll)
	defer tick.Stop()
	for {
		err := unix.Flock(int(f.Fd()), how|unix.LOCK_NB)
		if err == nil {
			return current(f)
		}
		if !errors.Is(err, unix.EWOULDBLOCK) && !errors.Is(err, unix.EINTR) {
			return fmt.Errorf("lock %s: %w", f.Name(), err)
		}
		if time.Now().After(end) {
			return problem(ErrLocked, "stop it first, or talk to the running pabal: pabal status", "%s is in use by %s", f.Name(), holder(f))
		}
		<-tick.C
	}
}

// current refuses a file that somebody replaced while we waited for its lock.
func current(f *os.File) error {
	mine, err := f.Stat()
	if err != nil {
		return err
	}
	now, err := os.Lstat(f.Name())
	if err != nil || !os.SameFile(mine, now) {
		return problem(ErrLocked, "start again", "%s was replaced by another process just now", f.Name())
	}
	return nil
}

// identify reads who the file is and brings it to the newest format.
func (s *Store) identify(o *Options) error {
	var version uint32
	err := s.db.View(func(tx *bbolt.Tx) error {
		b := tx.Bucket(bStore)
		if b == nil || len(b.Get(kVersion)) != 4 {
			return problem(ErrForeign, restoreHint, "%s is not a store of pabal, but of another program that uses bbolt", s.path)
		}
		if kind := string(b.Get(kKind)); kind != o.Kind {
			return problem(ErrForeign, "put the right file there, or restore the newest backup", "%s holds a store of another kind (%.40q, not %s)", s.path, kind, o.Kind)
		}
		s.id, version = string(b.Get(kID)), binary.BigEndian.Uint32(b.Get(kVersion))
		return nil
	})
	if err != nil {
		return err
	}
	if m, _ := readMark(s.path); m.ID != "" && m.ID != s.id {
		return problem(ErrForeign, "restore the newest backup; or, if this file is the right one, delete "+markPath(s.path), "%s is not the store that was here before (%.40q, not %.40q)", s.path, s.id, m.ID)
	}
	if err := s.migrate(o, version); err != nil {
		return err
	}
	return s.db.View(func(tx *bbolt.Tx) error {
		for _, name := range o.Buckets {
			if tx.Bucket(name) == nil {
				return damaged(s.path, "its bucket %q is missing", name)
			}
		}
		return nil
	})
}

// versionOf is the format of a file of ours.
func versionOf(tx *bbolt.Tx) (uint32, error) {
	if b := tx.Bucket(bStore); b != nil && len(b.Get(kVersion)) == 4 {
		return binary.BigEndian.Uint32(b.Get(kVersion)), nil
	}
	return 0, errors.New("the file does not say which format it has")
}

// migrate takes the file from its format to ours, one commit a step.
func (s *Store) migrate(o *Options, version uint32) error {
	if version > o.version() || version == 0 {
		return problem(ErrForeign, "use the pabal that wrote it, or a newer one", "%s has format %d, and this pabal knows formats up to %d", s.path, version, o.version())
	}
	if version < o.version() && o.ReadOnly {
		return problem(ErrForeign, "start this pabal once, or use the one that wrote it", "%s has the older format %d and is opened only to be read", s.path, version)
	}
	for ; version < o.version(); version++ {
		err := s.db.Update(func(tx *bbolt.Tx) error {
			if err := o.Migrations[version-1](tx); err != nil {
				return err
			}
			return putVersion(tx, version+1)
		})
		if err != nil {
			return fmt.Errorf("bring %s from format %d to %d: %w", s.path, version, version+1, err)
		}
		s.note(fmt.Sprintf("%s was brought from format %d to %d", filepath.Base(s.path), version, version+1))
	}
	return nil
}

// tidy removes what a crash left of files that were being made. Whoever makes
// one now has lost the race for the lock.
func (s *Store) tidy() error {
	left, err := filepath.Glob(escapeGlob(s.path) + ".new*")
	if err != nil {
		return err
	}
	for _, name := range left {
		if err := os.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// escapeGlob makes a path match itself.
func escapeGlob(path string) string {
	out := make([]byte, 0, len(path))
	for i := range len(path) {
		switch path[i] {
		case '*', '?', '[', '\\':
			out = append(out, '\\')
		}
		out = append(out, path[i])
	}
	return string(out)
}
