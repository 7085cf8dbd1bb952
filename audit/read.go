package audit

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"time"
)

// DamagedError is a line that cannot be read. Read goes on past it.
type DamagedError struct {
	File string
	Line int
}

func (e *DamagedError) Error() string {
	return fmt.Sprintf("%s, line %d: cannot be read", e.File, e.Line)
}

// Read yields the entries since a time, the oldest first; of all times with
// zero. A *DamagedError stands for a line that cannot be read and does not end
// it; any other error does.
func (l *Log) Read(since time.Time) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		for n := maxFiles - 1; n >= 0; n-- {
			if !l.readFile(l.old(n), since, yield) {
				return
			}
		}
	}
}

// readFile reports whether to go on.
func (l *Log) readFile(path string, since time.Time, yield func(Entry, error) bool) bool {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return true
	}
	if err != nil {
		yield(Entry{}, err)
		return false
	}
	defer f.Close()
	if info, err := f.Stat(); err == nil && !since.IsZero() && info.ModTime().Before(since) {
		return true // nothing in it is newer than its last line
	}
	in := bufio.NewReaderSize(f, maxLine)
	for number := 1; ; number++ {
		line, err := readLine(in)
		if errors.Is(err, io.EOF) && len(line) == 0 {
			return true
		}
		if err != nil && !errors.Is(err, io.EOF) {
			yield(Entry{}, err)
			return false
		}
		if len(line) == 0 {
			continue // after a line that was cut off
		}
		e, bad := parse(line)
		if bad == nil && e.Time.Before(since) {
			continue
		}
		if bad != nil {
			e, bad = Entry{}, &DamagedError{path, number}
		}
		if !yield(e, bad) {
			return false
		}
	}
}

// readLine is the next line without its end; of one that is too long the
// beginning, which is no entry.
func readLine(in *bufio.Reader) ([]byte, error) {
	line, prefix, err := in.ReadLine()
	line = append([]byte{}, line...)
	for prefix && err == nil {
		_, prefix, err = in.ReadLine()
	}
	return line, err
}
