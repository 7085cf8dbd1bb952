package store

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
	"sync"
	"syscall"

	"pabal/eml"
)

// Errors of this package; test with errors.Is.
var (
	ErrFull    = errors.New("the disk is full")
	ErrBroken  = errors.New("the store could not be written and is closed to protect what it holds")
	ErrLocked  = errors.New("the store is in use by another process")
	ErrClosed  = errors.New("the store is closed")
	ErrDamaged = errors.New("the store is damaged")
	ErrMissing = errors.New("the store is missing")
	ErrForeign = errors.New("not a store of this kind and format")
)

const restoreHint = "the file was left as it is: move it away, keep it, and restore the newest backup"

func problem(kind error, hint, format string, args ...any) error {
	return &eml.Problem{What: fmt.Sprintf(format, args...), Hint: hint, Err: kind}
}

// damaged is about a file that holds something else than was written.
func damaged(path, format string, args ...any) error {
	return problem(ErrDamaged, restoreHint, "%s is damaged: %s", path, fmt.Sprintf(format, args...))
}

// Fuse blows once, when a commit fails in a way that leaves the disk unknown.
// Files that make one promise together share one.
type Fuse struct {
	once  sync.Once
	blown chan struct{}
	cause error
}

// NewFuse is a whole one.
func NewFuse() *Fuse { return &Fuse{blown: make(chan struct{})} }

// Blow keeps the first cause.
func (f *Fuse) Blow(path string, cause error) {
	hint := "see the kernel's log (dmesg) and mend the disk, then start pabal again: what was acknowledged is kept"
	if errors.Is(cause, ErrDamaged) {
		hint = restoreHint
	}
	f.once.Do(func() {
		f.cause = &eml.Problem{
			What: fmt.Sprintf("%s could not be written: %v; nothing is taken any more, so that nothing is lost", filepath.Base(path), cause),
			Hint: hint,
			Err:  fmt.Errorf("%w: %w", ErrBroken, cause),
		}
		close(f.blown)
	})
}

// Err wraps ErrBroken once the fuse has blown, and is nil before.
func (f *Fuse) Err() error {
	select {
	case <-f.blown:
		return f.cause
	default:
		return nil
	}
}

// noSpace reports a write or a growth refused for want of space. bbolt gives
// the failed growth as text only. A sync that says ENOSPC is not among them: it
// comes as a bare errno.
func noSpace(err error) bool {
	if strings.Contains(err.Error(), "file resize error") {
		return true
	}
	p, ok := errors.AsType[*fs.PathError](err)
	return ok && p.Op == "write" && isFull(p.Err)
}

func isFull(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) || errors.Is(err, syscall.EFBIG)
}
