package smtpd

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

const (
	badFolder = "bad" // in the drop folder, 0700

	dropMode = 0o1733
	// dropBits are the bits looked at: set-group-id, which a folder may have from
	// the one above it, does no harm.
	dropBits = 0o1777
)

// dropFolder is an open drop folder. All that is done in it is done by these
// two, so that no name can lead elsewhere.
type dropFolder struct {
	path string
	root *os.File
	bad  *os.File // what cannot be sent goes there
}

// openDropFolder opens a drop folder, and makes what is not there. A folder
// with files in it that is not open to everybody is refused, since it may be
// one of another use.
func openDropFolder(path string) (*dropFolder, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, err
	}
	if err := os.Mkdir(path, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, err
	}
	root, err := os.OpenFile(path, os.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW, 0)
	if err != nil {
		return nil, err
	}
	f := &dropFolder{path: path, root: root}
	if err := f.prepare(); err != nil {
		return nil, errors.Join(err, f.close())
	}
	return f, nil
}

// prepare makes the bad folder before others may write beside it: whose it is
// can read the mails that are set aside.
func (f *dropFolder) prepare() error {
	mode, err := ours(f.root)
	if err != nil {
		return err
	}
	open := mode&dropBits == dropMode
	if !open {
		names, err := namesIn(f.root)
		if err != nil {
			return err
		}
		if len(names) > 1 || len(names) == 1 && names[0] != badFolder {
			return fmt.Errorf("it has mode %04o and files in it, and is not opened to everybody unasked", mode&0o7777)
		}
	}
	if err := f.openBad(); err != nil || open {
		return err
	}
	return unix.Fchmod(int(f.root.Fd()), dropMode)
}

func (f *dropFolder) openBad() error {
	at := int(f.root.Fd())
	if err := unix.Mkdirat(at, badFolder, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	fd, err := unix.Openat(at, badFolder, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("the folder %s in it cannot be opened, remove it: %w", badFolder, err)
	}
	f.bad = os.NewFile(uintptr(fd), filepath.Join(f.path, badFolder))
	mode, err := ours(f.bad)
	if err != nil {
		return fmt.Errorf("the folder %s in it was made by somebody else, remove it: %w", badFolder, err)
	}
	if mode&0o077 != 0 {
		return unix.Fchmod(fd, 0o700)
	}
	return nil
}

// ours is the mode of an open folder, which must belong to the user we are.
func ours(f *os.File) (mode uint32, err error) {
	var st unix.Stat_t
	if err := unix.Fstat(int(f.Fd()), &st); err != nil {
		return 0, err
	}
	if int(st.Uid) != os.Geteuid() {
		return 0, fmt.Errorf("it belongs to user %d, pabal runs as user %d", st.Uid, os.Geteuid())
	}
	return st.Mode, nil
}

// listing is an open folder to be read from its beginning.
func listing(f *os.File) (*os.File, error) {
	fd, err := unix.Openat(int(f.Fd()), ".", unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", f.Name(), err)
	}
	return os.NewFile(uintptr(fd), f.Name()), nil
}

// namesIn are the first names in an open folder, as many as may be set aside.
func namesIn(f *os.File) ([]string, error) {
	dir, err := listing(f)
	if err != nil {
		return nil, err
	}
	defer dir.Close() // only read
	names, err := dir.Readdirnames(maxSetAside)
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return names, err
}

// replaced reports whether another folder, or none, is at the path now.
func (f *dropFolder) replaced() bool {
	here, err := f.root.Stat()
	there, err2 := os.Lstat(f.path)
	return err != nil || err2 != nil || !os.SameFile(here, there)
}

// owner is the user a file in the folder belongs to, -1 if that is not known.
func (f *dropFolder) owner(name string) int64 {
	var st unix.Stat_t
	if err := unix.Fstatat(int(f.root.Fd()), name, &st, unix.AT_SYMLINK_NOFOLLOW); err != nil {
		return -1
	}
	return int64(st.Uid)
}

// remove takes a file out of the folder.
func (f *dropFolder) remove(name string) error {
	return unix.Unlinkat(int(f.root.Fd()), name, 0)
}

// sync makes sure that what was removed stays so.
func (f *dropFolder) sync() error {
	if err := f.root.Sync(); err != nil {
		return fmt.Errorf("sync %s: %w", f.path, err)
	}
	return nil
}

// putAside moves a file to the bad folder.
func (f *dropFolder) putAside(name string) error {
	return unix.Renameat(int(f.root.Fd()), name, int(f.bad.Fd()), name)
}

func (f *dropFolder) close() error {
	if f.bad == nil {
		return f.root.Close()
	}
	return errors.Join(f.root.Close(), f.bad.Close())
}
