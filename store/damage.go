package store

import (
	"errors"
	"runtime"
	"strings"

	"go.etcd.io/bbolt"
)

// damage turns the panic with which bbolt meets a damaged page into an error
// around ErrDamaged. It has to be deferred itself. A panic of anybody else is a
// broken invariant and goes on.
func (s *Store) damage(err *error) {
	r := recover()
	if r == nil {
		return
	}
	if !ofBolt() {
		panic(r)
	}
	*err = damaged(s.path, "%v", r)
}

// Damaged is err, met in a record of the file, as an error around ErrDamaged that
// names the file and says what to do. One that is ErrDamaged already, and nil,
// are returned as they are.
func (s *Store) Damaged(err error) error {
	if err == nil || errors.Is(err, ErrDamaged) {
		return err
	}
	return damaged(s.path, "%v", err)
}

// ofBolt reports whether bbolt's code is what panicked.
func ofBolt() bool {
	callers := make([]uintptr, 16)
	frames := runtime.CallersFrames(callers[:runtime.Callers(3, callers)]) // past damage, at the panic
	for {
		f, more := frames.Next()
		if !strings.HasPrefix(f.Function, "runtime.") {
			return strings.HasPrefix(f.Function, "go.etcd.io/bbolt.")
		}
		if !more {
			return false
		}
	}
}

// attempt is try on pages that may be damaged. bbolt's own state is unknown
// after a panic, so the file is not touched any more, not even to close it.
func (s *Store) attempt(group []*job) (bad int, err error) {
	bad, s.stuck = -1, true
	defer s.damage(&err)
	bad, err = s.try(group)
	s.stuck = false
	return bad, err
}

// ends looks at both ends of every bucket of the first level. A small bucket
// lies in its parent's page, where bbolt does not look when it opens a file.
func ends(tx *bbolt.Tx) error {
	return tx.ForEach(func(_ []byte, b *bbolt.Bucket) error {
		b.Cursor().First()
		b.Cursor().Last()
		return nil
	})
}
