package store

import (
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"time"

	"go.etcd.io/bbolt"
)

// Snapshot is a file as it was at one instant. Writers go on beside it, but the
// pages it needs are not used anew before Close: while it is open the file grows
// by what is written.
type Snapshot struct {
	store   *Store
	tx      *bbolt.Tx
	at      time.Time
	version uint32
	owned   bool // the store was opened for this snapshot alone
}

// Snapshot begins one. Close has to be called; Store.Close waits for it.
func (s *Store) Snapshot() (*Snapshot, error) {
	tx, err := s.db.Begin(false)
	if err != nil {
		return nil, fmt.Errorf("begin a snapshot of %s: %w", s.path, err)
	}
	p := &Snapshot{store: s, tx: tx, at: time.Now().UTC()}
	if err := p.Guard(func(tx *bbolt.Tx) (err error) { p.version, err = versionOf(tx); return err }); err != nil {
		return nil, errors.Join(err, tx.Rollback())
	}
	return p, nil
}

// OpenSnapshot is the snapshot of a file that no daemon has open. Errors are
// those of Open.
func OpenSnapshot(path string, o Options) (*Snapshot, error) {
	o.ReadOnly = true
	s, err := Open(path, o)
	if err != nil {
		return nil, err
	}
	p, err := s.Snapshot()
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	p.owned = true
	return p, nil
}

// Name is the file's, without its folder.
func (p *Snapshot) Name() string { return filepath.Base(p.store.path) }

// ID is the file's own, 16 hex digits.
func (p *Snapshot) ID() string { return p.store.id }

// Format is the number of the file's format, from 1.
func (p *Snapshot) Format() uint32 { return p.version }

// At is the instant: of what was committed before it nothing is missing.
func (p *Snapshot) At() time.Time { return p.at }

// Size is what WriteTo writes, bytes.
func (p *Snapshot) Size() int64 { return p.tx.Size() }

// Guard runs fn over the snapshot; a damaged page it meets is an *eml.Problem
// around ErrDamaged.
func (p *Snapshot) Guard(fn func(*bbolt.Tx) error) (err error) {
	defer p.store.damage(&err)
	return fn(p.tx)
}

// WriteTo writes the whole file as it was: a store that Open opens.
func (p *Snapshot) WriteTo(w io.Writer) (int64, error) {
	n, err := p.tx.WriteTo(w)
	if err != nil {
		return n, fmt.Errorf("copy %s: %w", p.store.path, err)
	}
	return n, nil
}

// Close lets the file's pages be used anew. A second time does nothing.
func (p *Snapshot) Close() error {
	if p.tx == nil {
		return nil
	}
	err := p.tx.Rollback()
	p.tx = nil
	if p.owned {
		err = errors.Join(err, p.store.Close())
	}
	return err
}
