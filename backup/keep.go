package backup

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"pabal/eml"
)

const nameTime = "20060102T150405Z"

var (
	// nameMade is what Name makes, nameLeft what Create and a proof may leave of it
	// when the process is killed.
	nameMade = regexp.MustCompile(`^pabal-[0-9]{8}T[0-9]{6}Z\.tar\.zst$`)
	nameLeft = regexp.MustCompile(`^\.pabal-[0-9]{8}T[0-9]{6}Z\.tar\.zst\.(new|check)[0-9]+$`)
)

// leftAfter is how old such a leftover is before it is taken for one.
const leftAfter = 24 * time.Hour

// Name is a backup's in a folder of backups: pabal-20261123T031500Z.tar.zst.
func Name(at time.Time) string { return "pabal-" + at.UTC().Format(nameTime) + ".tar.zst" }

// Create writes a file (0600) under another name, has it proved, and gives it
// its own name once it is on disk. By an error nothing is left. A file that is
// there is replaced only if it is a backup too.
func Create(to string, write func(io.Writer) error, prove func(path string) error) (err error) {
	if err := replaceable(to); err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(to), "."+filepath.Base(to)+".new*")
	if err != nil {
		return &eml.Problem{What: "the backup cannot be written: " + err.Error(), Hint: "give a folder that is there and that you may write to", Err: err}
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(f.Name()))
		}
	}()
	if err := errors.Join(write(f), f.Sync(), f.Close()); err != nil {
		if errors.Is(err, unix.ENOSPC) {
			return &eml.Problem{What: "the disk of " + filepath.Dir(to) + " is full: no backup was made", Hint: "free some space on it, or write the backup to another disk", Err: err}
		}
		return err
	}
	if err := prove(f.Name()); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), to); err != nil {
		return fmt.Errorf("name the backup: %w", err)
	}
	return syncFolder(filepath.Dir(to))
}

func replaceable(to string) error {
	info, err := os.Lstat(to)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if info.Mode().IsRegular() {
		if _, err := headOf(to); err == nil {
			return nil
		}
	}
	return &eml.Problem{What: eml.Visible(to) + " is there and is not a backup", Hint: "give another name, or the folder it is to go to", Err: os.ErrExist}
}

func headOf(name string) (Head, error) {
	f, err := os.OpenFile(name, os.O_RDONLY|unix.O_NOFOLLOW, 0)
	if err != nil {
		return Head{}, err
	}
	h, err := ReadHead(f, name)
	return h, errors.Join(err, f.Close())
}

// Keep removes the oldest backups of a store from a folder until n are left, and
// returns the names of those removed. Only regular files count that have the name
// Create was given by Name and say in their head that they are backups of that
// store: nothing else is ever touched. made is the name of the one just made: it
// is one of the n and stays, although others have a later time in their names,
// from a clock that was wrong. n is at least 1.
func Keep(dir, store, made string, n int) (removed []string, err error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	if err := sweep(dir, entries); err != nil {
		return nil, err
	}
	var ours []string
	for _, e := range entries { // in order of name, which is of time
		if !e.Type().IsRegular() || !nameMade.MatchString(e.Name()) {
			continue
		}
		if h, err := headOf(filepath.Join(dir, e.Name())); err == nil && h.Store == store && e.Name() != made {
			ours = append(ours, e.Name())
		}
	}
	slices.Sort(ours)
	for _, name := range ours[:max(0, len(ours)+1-max(n, 1))] {
		if err := os.Remove(filepath.Join(dir, name)); err != nil && !errors.Is(err, os.ErrNotExist) {
			return removed, fmt.Errorf("remove an old backup: %w", err)
		}
		removed = append(removed, name)
	}
	if len(removed) == 0 {
		return nil, nil
	}
	return removed, syncFolder(dir)
}

// sweep removes what killed backups left.
func sweep(dir string, entries []os.DirEntry) error {
	for _, e := range entries {
		info, err := e.Info()
		if err != nil || !nameLeft.MatchString(e.Name()) || time.Since(info.ModTime()) < leftAfter || e.Type()&os.ModeSymlink != 0 {
			continue
		}
		if err := os.RemoveAll(filepath.Join(dir, e.Name())); err != nil {
			return fmt.Errorf("remove what a killed backup left: %w", err)
		}
	}
	return nil
}

// ProofFolder makes the folder (0700) beside an archive being made into which it
// is unpacked to be proved. The caller removes it.
func ProofFolder(archive string) (string, error) {
	name, _, _ := strings.Cut(filepath.Base(archive), ".new")
	return os.MkdirTemp(filepath.Dir(archive), "."+strings.TrimPrefix(name, ".")+".check*")
}

func syncFolder(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
