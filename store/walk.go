package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"runtime/debug"
	"strings"
	"time"

	"go.etcd.io/bbolt"
)

const (
	walkTime     = 20 * time.Second // a damaged file may lead in circles
	walkSpeed    = 50 << 20         // bytes a second at the least, on top
	maxChildText = 64 << 10
	maxWalkStack = 64 << 20 // bytes
)

// walk visits every entry of every bucket in key order. depth is how many
// buckets it is in; sequence is its bucket's. A key out of order is an error.
func walk(tx *bbolt.Tx, visit func(depth int, k, v []byte, sequence uint64) error) error {
	return tx.ForEach(func(name []byte, b *bbolt.Bucket) error { return walkBucket(b, 1, name, visit) })
}

func walkBucket(b *bbolt.Bucket, depth int, name []byte, visit func(int, []byte, []byte, uint64) error) error {
	if err := visit(depth-1, name, nil, b.Sequence()); err != nil {
		return err
	}
	var last []byte
	c := b.Cursor()
	for k, v := c.First(); k != nil; k, v = c.Next() {
		if last != nil && bytes.Compare(last, k) >= 0 {
			return fmt.Errorf("in %q: key %x stands after %x", name, k, last)
		}
		last = k
		if sub := bucketAt(b, k, v); sub != nil {
			if err := walkBucket(sub, depth+1, k, visit); err != nil {
				return err
			}
			continue
		}
		if err := visit(depth, k, v, b.Sequence()); err != nil {
			return err
		}
	}
	return nil
}

// bucketAt is the bucket an entry stands for, nil for a value.
func bucketAt(b *bbolt.Bucket, k, v []byte) *bbolt.Bucket {
	if v != nil {
		return nil
	}
	return b.Bucket(k)
}

// Check reads every entry of a snapshot, beside the writer, and returns what is
// wrong with the file's structure, nil for a sound one. For a file opened
// ReadOnly it also proves that every page is used once or free.
func (s *Store) Check(ctx context.Context) error {
	return s.Guard(func(tx *bbolt.Tx) error {
		if s.db.IsReadOnly() { // the free list holds still
			if err := structure(tx); err != nil {
				return damaged(s.path, "%v", err)
			}
		}
		n := 0
		return walk(tx, func(int, []byte, []byte, uint64) error {
			if n++; n%1024 == 0 {
				return ctx.Err()
			}
			return nil
		})
	})
}

// structure proves that every page is used once or free, and returns the first
// fault. Nobody may write meanwhile.
func structure(tx *bbolt.Tx) (first error) {
	for fault := range tx.Check() { // has to be read to its end
		if first == nil {
			first = fault
		}
	}
	return first
}

// Guard is View for checks: what a damaged page makes bbolt or the memory
// mapping do comes back as an error around ErrDamaged.
func (s *Store) Guard(fn func(*bbolt.Tx) error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if r := recover(); r != nil {
			err = damaged(s.path, "%v", r)
		}
	}()
	return s.db.View(fn)
}

// Doubtful are those of the files that are not what they were when they were
// last closed well: killed, cut off, restored or damaged. One that is not there
// is not among them.
func Doubtful(paths ...string) (doubtful []string) {
	for _, path := range paths {
		now, err := measure(path)
		if err != nil {
			continue // Open says what it is
		}
		was, there := readMark(path)
		if now.ID = was.ID; !there || now != was {
			doubtful = append(doubtful, path)
		}
	}
	return doubtful
}

// Prove has files walked by a child process before this one opens them, and
// returns an *eml.Problem around ErrDamaged for one that would bring this
// process down. command makes the child, which has to hand the paths to Walk
// and end with what it returns.
func Prove(ctx context.Context, command func(ctx context.Context, paths []string) *exec.Cmd, paths ...string) error {
	if len(paths) == 0 {
		return nil
	}
	limit := walkTime
	for _, path := range paths {
		if info, err := os.Stat(path); err == nil {
			limit += time.Duration(info.Size()/walkSpeed) * time.Second
		}
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	child := command(ctx, paths)
	var out, errs tail
	child.Stdout, child.Stderr = &out, &errs
	child.WaitDelay = time.Second
	err := child.Run()
	if err == nil {
		return nil
	}
	return childError(ctx, err, paths[0], out.String(), errs.String())
}

// childError says what became of the child: which file it was at, and why.
func childError(ctx context.Context, err error, path, out, errs string) error {
	if ended := new(exec.ExitError); !errors.As(err, &ended) {
		return fmt.Errorf("look at the stores before they are opened: %w", err)
	}
	if lines := strings.Split(strings.TrimSpace(out), "\n"); lines[len(lines)-1] != "" {
		path = lines[len(lines)-1]
	}
	if ctx.Err() != nil {
		return damaged(path, "its pages lead in circles or cannot be read in time")
	}
	return damaged(path, "%s", strings.TrimPrefix(childReason(errs), path+" is damaged: "))
}

// childReason is the line that says why among what a Go program says when it ends.
func childReason(text string) string {
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		for _, prefix := range []string{"panic: ", "fatal error: ", "unexpected fault"} {
			if strings.HasPrefix(line, prefix) {
				return strings.TrimPrefix(line, "panic: ")
			}
		}
	}
	first, _, _ := strings.Cut(strings.TrimSpace(text), "\n")
	if first == "" {
		return "the process that looked at it was killed"
	}
	return first
}

// tail keeps the first part of what a child says.
type tail struct{ bytes.Buffer }

func (t *tail) Write(b []byte) (int, error) {
	if room := maxChildText - t.Len(); room > 0 {
		t.Buffer.Write(b[:min(len(b), room)])
	}
	return len(b), nil
}

// Walk is the child of Prove: it writes each path to out, on a line, and reads
// the file as bbolt does when it opens it. A damaged file ends the process, or
// the error says what is wrong. What Open will refuse by itself is passed over.
func Walk(out io.Writer, paths []string) error {
	debug.SetMaxStack(maxWalkStack)
	for _, path := range paths {
		if _, err := fmt.Fprintln(out, path); err != nil {
			return err
		}
		s, before := &Store{path: path}, runtime.NumGoroutine()
		err := s.openBolt(true)
		if s.file == nil {
			continue // locked, cut or no file at all
		}
		if err != nil {
			return err
		}
		for runtime.NumGoroutine() > before {
			runtime.Gosched() // bbolt's goroutine lets ours go on before its panic ends the process
		}
		if err := errors.Join(s.View(ends), s.db.Close()); err != nil {
			return err
		}
	}
	return nil
}
