package cli

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"pabal/eml"
)

// lock is what keeps a second daemon off a data folder: an flock on a file that
// names the holder. The kernel lets go of it however the process ends.
type lock struct{ file *os.File }

// takeLock makes the data folder (0700) where there is none and locks it.
func takeLock(dir string) (*lock, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, &eml.Problem{What: "the data folder cannot be made: " + err.Error(), Hint: "set data_dir to a place this user may write", Err: err}
	}
	path := filepath.Join(dir, "pabal.lock")
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, &eml.Problem{What: "the data folder cannot be used: " + err.Error(), Hint: "run as the user who owns it, or set another data_dir", Err: err}
	}
	err = unix.Flock(int(file.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	if errors.Is(err, unix.EWOULDBLOCK) {
		holder, _ := io.ReadAll(io.LimitReader(file, 32)) // unreadable: the message says so
		return nil, errors.Join(heldBy(dir, strings.TrimSpace(string(holder))), file.Close())
	}
	if err == nil { // over the old name, in the block that is there
		_, err = fmt.Fprintf(file, "%-10d\n", os.Getpid())
	}
	if err != nil && !errors.Is(err, unix.ENOSPC) { // the lock holds without a name
		return nil, errors.Join(fmt.Errorf("lock %s: %w", path, err), file.Close())
	}
	return &lock{file}, nil
}

func heldBy(dir, pid string) error {
	who := "another pabal"
	if pid != "" {
		who += " (process " + pid + ")"
	}
	return &eml.Problem{What: who + " is using " + dir, Hint: "talk to it with: pabal status; or stop it: systemctl stop pabal, or kill " + pid}
}

func (l *lock) release() error { return l.file.Close() }
