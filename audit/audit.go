// Package audit is the record of who changed what: an append-only file in the
// data folder, one JSON object a line.
//
//	audit.log     the newest, 0600
//	audit.log.1   older, up to audit.log.9
//
// An act leaves a line before it begins (asked) and one when it is over (done,
// failed), with the same id: one without an end was under way when the process
// died. Each line is on disk before Append returns. A file that has grown to
// 16 MB is put aside; ten are kept, some 500,000 acts. Several processes may
// append at the same time: the daemon, and commands that work without it.
//
// A line that is damaged, or was cut off by a crash, costs itself: the next one
// begins on a line of its own, and Read goes past it. When nothing can be
// written (a full disk) the act goes on all the same, since an opt-out must not
// wait for it: Append's error goes to the journal with the entry, and Trouble
// says so until a line was written again.
//
// No address of a recipient stands in it: eml.Mask leaves the first letter and
// the domain. Who was opted out, suppressed or erased is in the history of the
// person; erasing somebody need not touch this file.
package audit

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"pabal/eml"
)

// FileName is the newest file in the data folder.
const FileName = "audit.log"

const (
	maxFile  = 16 << 20 // bytes
	maxFiles = 10
	maxLine  = 16 << 10 // bytes: what a reader takes for one line
)

// The states of an act.
const (
	Asked  = "asked"
	Done   = "done"
	Failed = "failed"
)

// Entry is one line.
type Entry struct {
	Time   time.Time      `json:"time"`
	ID     string         `json:"id"`    // of the act: its lines have the same
	State  string         `json:"state"` // asked, done or failed
	Act    string         `json:"act"`   // in the words of the commands: campaign start
	On     string         `json:"on,omitempty"`
	UID    int            `json:"uid"`            // who asked, as the kernel says; -1: it does not know
	GID    int            `json:"gid"`            // -1: as with uid
	PID    int            `json:"pid"`            // of the process that asked; 0: not known
	User   string         `json:"user,omitempty"` // the name of uid then
	Via    string         `json:"via"`            // socket, command (without the daemon), signal
	Detail map[string]any `json:"detail,omitempty"`
	Before map[string]any `json:"before,omitempty"`
	After  map[string]any `json:"after,omitempty"`
	Error  string         `json:"error,omitempty"`
	Took   float64        `json:"took,omitempty"` // seconds; of the end
}

// Log appends to the files of one folder. Its methods may be called at the same
// time. The zero value of a pointer, nil, is a log that takes everything and
// writes nothing.
type Log struct {
	path string

	mu      sync.Mutex
	trouble string
}

// In is the log of a data folder. It touches no file yet.
func In(dir string) *Log { return &Log{path: filepath.Join(dir, FileName)} }

// NewID is a name for an act.
func NewID() string { return strings.ToLower(rand.Text()[:12]) }

// Append writes an entry and returns when it is on disk. A zero Time is now.
func (l *Log) Append(e Entry) error {
	if l == nil {
		return nil
	}
	if e.Time.IsZero() {
		e.Time = time.Now()
	}
	e.Time = e.Time.UTC().Truncate(time.Millisecond)
	line, err := json.Marshal(e)
	if err == nil && len(line) >= maxLine {
		e.Detail, e.Before, e.After, e.Error = nil, nil, nil, eml.Cut(e.Error, maxLine/4)
		line, err = json.Marshal(e)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if err == nil {
		err = l.write(append(line, '\n'))
	}
	if l.trouble = ""; err != nil {
		l.trouble = err.Error()
		return fmt.Errorf("write %s: %w", FileName, err)
	}
	return nil
}

// Trouble is why the last entry could not be written, "" if it could.
func (l *Log) Trouble() string {
	if l == nil {
		return ""
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.trouble
}

// write appends a line to the newest file, putting a full one aside first.
func (l *Log) write(line []byte) error {
	for {
		f, err := l.open()
		if err != nil {
			return err
		}
		again, err := l.into(f, line)
		if err = errors.Join(err, f.Close()); err != nil || !again {
			return err
		}
	}
}

func (l *Log) open() (*os.File, error) {
	f, err := os.OpenFile(l.path, os.O_RDWR|os.O_CREATE|os.O_APPEND|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0o600)
	if err != nil || os.Geteuid() != 0 {
		return f, err
	}
	info, err := os.Stat(filepath.Dir(l.path))
	if st, ok := statOf(info); err == nil && ok && st.Uid != 0 { // root's commands leave a file that the daemon can write
		err = f.Chown(int(st.Uid), int(st.Gid))
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

func statOf(info os.FileInfo) (*syscall.Stat_t, bool) {
	if info == nil {
		return nil, false
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	return st, ok
}

// into writes a line into an open file; again when the file has to be opened
// anew, because it was put aside.
func (l *Log) into(f *os.File, line []byte) (again bool, err error) {
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX); err != nil { // Close lets go of it
		return false, err
	}
	info, err := f.Stat()
	if err != nil {
		return false, err
	}
	if now, err := os.Lstat(l.path); err != nil || !os.SameFile(info, now) {
		return true, nil // another process put it aside meanwhile
	}
	if info.Size() >= maxFile {
		return true, l.putAside()
	}
	if cut, err := endsCut(f, info.Size()); err != nil {
		return false, err
	} else if cut {
		line = append([]byte{'\n'}, line...)
	}
	if _, err := f.Write(line); err != nil {
		return false, errors.Join(err, f.Truncate(info.Size())) // no half line, as far as the disk lets us
	}
	return false, unix.Fdatasync(int(f.Fd()))
}

// endsCut reports whether a file ends within a line.
func endsCut(f *os.File, size int64) (bool, error) {
	if size == 0 {
		return false, nil
	}
	last := make([]byte, 1)
	_, err := f.ReadAt(last, size-1)
	return last[0] != '\n', err
}

// putAside makes place for a new file. The oldest goes.
func (l *Log) putAside() error {
	for n := maxFiles - 1; n > 0; n-- {
		if err := os.Rename(l.old(n-1), l.old(n)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// old is the path of the n-th older file, 0 being the newest.
func (l *Log) old(n int) string {
	if n == 0 {
		return l.path
	}
	return l.path + "." + strconv.Itoa(n)
}

// parse reads one line.
func parse(line []byte) (e Entry, err error) {
	dec := json.NewDecoder(bytes.NewReader(line))
	if err := dec.Decode(&e); err != nil {
		return e, err
	}
	if e.Time.IsZero() || e.Act == "" || dec.More() {
		return e, errors.New("no entry")
	}
	return e, nil
}
