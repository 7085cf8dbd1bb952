// Package store owns one bbolt file: how it is made, opened, written, kept from
// filling its disk, brought to a new format and made smaller. spool, audience
// and campaign keep their data in such files.
//
// What it promises:
//
//   - A job handed to Do is on disk, synced, when Do returns nil, and is not
//     stored when it returns an error other than ErrBroken.
//   - After a failed sync nobody knows what is on disk, so it is final: no job
//     is acknowledged any more, Broken is closed and the process has to end. A
//     full disk is not final.
//   - A new file appears under its name only when it is whole and on disk. Once
//     it has been there, a missing or empty file is never taken for a new one:
//     the mark beside it ("queue.db.mark") says so.
//   - A file is locked and both its heads (bbolt's meta pages) are read before
//     it is mapped into memory: a foreign, empty or cut file, one of another
//     kind or format and one that somebody holds each get an *eml.Problem.
//   - bbolt panics in goroutines of its own on damaged pages, and a fault in
//     mapped memory ends a process. So a file that was not closed well is walked
//     by a child process first: see Doubtful and Prove; the command line calls them.
//
// The mark holds the file's id and what the file was when it was last closed
// well: last transaction, size, time of change. A file that differs from that
// was killed, cut off, restored or damaged.
//
// # A full disk
//
// Two things keep the outcomes of what was accepted from failing for want of
// space. A job with Spare takes in something new: it is refused with ErrFull
// while the volume and the pages of the file that hold nothing (a file never
// shrinks by itself) have less free than Spare and a reserve (64 MB, or a tenth
// of a smaller volume), which is before the disk is full. Jobs without Spare
// (leases, outcomes, opt-outs) go on. And if others fill the disk to the last
// block: beside each file lies its room ("queue.db.room"), blocks that are ours
// and hold nothing. A commit that finds the disk full gets a piece of it and is
// tried again. Outcomes free as many pages as they take, and sent mail frees
// more, so a small room goes a long way. When space is back the room is filled
// and jobs with Spare are taken again: nobody has to start anything. Where a
// file system cannot allocate ahead only the reserve holds.
//
// On disk, beside the buckets of the owner: bucket "store" with "kind", "id"
// (16 hex digits) and "version" (u32, big-endian).
package store

import (
	"errors"
	"os"
	"sync"
	"time"

	"go.etcd.io/bbolt"
)

const (
	lockWait = 2 * time.Second
	lockPoll = 50 * time.Millisecond
	// mapSize is address space, not memory: without it a reader stops every
	// writer while the file is mapped anew (measured: 3 s against 6 ms).
	mapSize  = 64 << 30
	pageSize = 4096
	// readAhead is bytes: a smaller file is read from its beginning to its end
	// when it is mapped. bbolt looks at nearly every page anyhow, but in the order
	// of its tree (measured: 1.2 GB not in memory took 14 s, and 4.3 s so).
	readAhead = 4 << 30
)

// Options say what a file holds.
type Options struct {
	Kind       string                      // what the file is, as in "queue"; one of another kind is refused
	Buckets    [][]byte                    // the owner's buckets: made in a new file, required in an old one
	Init       func(*bbolt.Tx) error       // fills a new file in the commit that makes its buckets; nil means nothing to fill
	Migrations []func(*bbolt.Tx) error     // the n-th takes format n to n+1, in one commit; a new file has the last format, 1 + their number
	Room       int64                       // bytes kept for a full disk; zero means 16 MB; never over 1/32 of the volume
	CompactAt  int64                       // a file of which this much and over half is unused is compacted by Open; zero means 1 GB, below zero never
	ReadOnly   bool                        // no writer, no migration, no mark; others may read at the same time
	Fuse       *Fuse                       // shared with other files of one owner; nil means one of its own
	Disk       func(string) (Space, error) // the volume of a folder; nil means statfs(2)
}

// Store is one open file. Its methods may be called at the same time.
type Store struct {
	path  string
	db    *bbolt.DB
	file  *os.File // bbolt's own
	id    string
	notes []string
	fuse  *Fuse
	space space
	room  room

	jobs   chan *job
	mu     sync.RWMutex // guards closed
	closed bool
	ended  chan struct{} // closed when the writer is done; nil until it was started
	stuck  bool          // the writer's: bbolt panicked in a transaction, which holds its locks
	sums   Sums
}

// Open opens the file at path, or makes it where there never was one. The
// writer does not run before Start. Errors are *eml.Problem around ErrLocked,
// ErrDamaged, ErrMissing or ErrForeign, or what the operating system said.
func Open(path string, o Options) (*Store, error) {
	if err := present(path, &o); err != nil {
		return nil, err
	}
	s, err := open(path, &o)
	if err != nil || o.ReadOnly {
		return s, err
	}
	if before := s.top(); s.worthCompacting(&o) {
		if err := s.db.Close(); err != nil {
			return nil, err
		}
		_, after, failed := Compact(path)
		if s, err = open(path, &o); err != nil {
			return nil, errors.Join(err, failed)
		}
		s.note(compactNote(path, before, after, failed))
	}
	if err := s.ready(&o); err != nil {
		return nil, errors.Join(err, s.db.Close())
	}
	return s, nil
}

// open opens the file as it stands and brings it to the newest format.
func open(path string, o *Options) (*Store, error) {
	s := &Store{path: path, fuse: o.Fuse, jobs: make(chan *job, jobQueue), sums: noSums{}}
	if s.fuse == nil {
		s.fuse = NewFuse()
	}
	if err := s.openBolt(o.ReadOnly); err != nil {
		return nil, err
	}
	if err := s.identify(o); err != nil {
		return nil, errors.Join(err, s.db.Close())
	}
	return s, nil
}

// ready prepares an open file for writing.
func (s *Store) ready(o *Options) (err error) {
	if err := s.tidy(); err != nil {
		return err
	}
	s.space = newSpace(s.path, o.Disk)
	s.room, err = openRoom(s.file, o.Room, s.space.total())
	return err
}

// View runs fn over a snapshot. Slices of it must not be kept. A damaged page
// that it meets is an *eml.Problem around ErrDamaged.
func (s *Store) View(fn func(*bbolt.Tx) error) (err error) {
	defer s.damage(&err)
	return s.db.View(fn)
}

// Stats are bbolt's own counters.
func (s *Store) Stats() bbolt.Stats { return s.db.Stats() }

// ID is the file's own name, 16 hex digits, made with it.
func (s *Store) ID() string { return s.id }

// Notes are what Open did or met that somebody should read in the log.
func (s *Store) Notes() []string { return s.notes }

func (s *Store) note(text string) { s.notes = append(s.notes, text) }

// Err is what broke the file, or one that shares its fuse; it wraps ErrBroken.
// nil is healthy.
func (s *Store) Err() error { return s.fuse.Err() }

// Broken is closed when Err is no longer nil.
func (s *Store) Broken() <-chan struct{} { return s.fuse.blown }

// Break makes the store refuse all further jobs, for a file beside it (name)
// that could not be synced.
func (s *Store) Break(name string, cause error) { s.fuse.Blow(name, cause) }

// Close writes the jobs that wait, closes the file and leaves the mark of a
// file closed well. Snapshots still open are waited for.
func (s *Store) Close() error {
	s.mu.Lock()
	already := s.closed
	s.closed = true
	if !already {
		close(s.jobs)
	}
	s.mu.Unlock()
	if already {
		return nil
	}
	if s.ended != nil {
		<-s.ended
	}
	if s.stuck { // the process is about to end
		return s.room.close()
	}
	if err := errors.Join(s.room.close(), s.db.Close()); err != nil || s.db.IsReadOnly() || s.Err() != nil {
		return err
	}
	_ = closedWell(s.path, s.id) // without it the next start looks at the file once more
	return nil
}

// top is the size of what the file uses, bytes.
func (s *Store) top() (size int64) {
	_ = s.db.View(func(tx *bbolt.Tx) error { // closed: the owner is told by its next job
		size = tx.Size()
		return nil
	})
	return size
}
