package store

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"pabal/eml"
)

const (
	reserve     = 64 << 20 // bytes of the volume that intake leaves free; a tenth of a smaller one
	defaultRoom = 16 << 20 // bytes
	roomPiece   = 1 << 19  // bytes: what one full group of outcomes adds, about
	lookEvery   = 100 * time.Millisecond
	largeVolume = int64(1) << 62
)

// FullHint is what to do about a disk that is full or nearly so.
const FullHint = "free some space on it: mail is accepted again by itself, and what was accepted is sent meanwhile"

// Space is a volume's.
type Space struct {
	Free  int64 // bytes that this user may still write
	Total int64 // bytes
}

// statfs asks the kernel.
func statfs(dir string) (Space, error) {
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return Space{}, &os.PathError{Op: "statfs", Path: dir, Err: err}
	}
	return Space{Free: int64(st.Bavail) * st.Bsize, Total: int64(st.Blocks) * st.Bsize}, nil
}

// space knows how much is free on the volume, asking at most ten times a
// second and counting what was taken since.
type space struct {
	dir  string
	disk func(string) (Space, error)

	mu    sync.Mutex
	asked time.Time
	now   Space
	err   error
}

func newSpace(path string, disk func(string) (Space, error)) space {
	if disk == nil {
		disk = statfs
	}
	return space{dir: filepath.Dir(path), disk: disk}
}

// total is the volume's size; one that cannot be asked is large.
func (s *space) total() int64 {
	if now, err := s.take(0); err == nil && now.Total > 0 {
		return now.Total
	}
	return largeVolume
}

// take is the volume as of now, after size more bytes were promised of it.
func (s *space) take(size int) (Space, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if now := time.Now(); s.asked.IsZero() || now.Sub(s.asked) >= lookEvery {
		s.now, s.err = s.disk(s.dir)
		s.asked = now
	}
	was := s.now
	s.now.Free -= int64(size)
	return was, s.err
}

// Room returns ErrFull when a job with this Spare would be refused now, and
// counts size bytes as taken. A volume that cannot be asked is taken as good:
// its writes will tell.
func (s *Store) Room(spare int64, size int) error {
	if spare <= 0 {
		return nil
	}
	free, need := s.left(spare, size)
	if free >= need {
		return nil
	}
	return &eml.Problem{
		What: fmt.Sprintf("the disk of %s is nearly full: %d MB are free, and %d MB are needed so that what was accepted can be sent", s.space.dir, free>>20, need>>20),
		Hint: FullHint, Err: ErrFull,
	}
}

// Left is what is free for something new with this Spare, and what has to be,
// bytes: it is taken while free is not less than need. free is the volume's
// and the pages of the file that hold nothing.
func (s *Store) Left(spare int64) (free, need int64) { return s.left(spare, 0) }

// left is Left, counting size bytes as taken.
func (s *Store) left(spare int64, size int) (free, need int64) {
	now, err := s.space.take(size)
	if err != nil {
		return largeVolume, spare
	}
	return max(now.Free, 0) + s.unused(), spare + min(reserve, now.Total/10)
}

// room is a file of blocks that nothing was written to, kept for commits about
// what was accepted. Blocks go from it to the store's file a piece at a time,
// so what others write can at most take a piece on its way. (Blocks allocated
// past the end of the store's own file would be safer still, but a first write
// to them costs a lone commit a quarter more: 540 µs against 420, measured.)
// The writer alone uses it.
type room struct {
	store *os.File
	spare *os.File  // nil: the file system cannot allocate ahead
	keep  int64     // bytes it has when the disk is not full
	left  int64     // bytes it has now
	next  time.Time // no try to fill it before
}

func roomPath(path string) string { return path + ".room" }

// openRoom makes the file anew: what a crash left in it is nothing.
func openRoom(store *os.File, keep, total int64) (r room, err error) {
	if keep == 0 {
		keep = defaultRoom
	}
	r = room{store: store, keep: min(keep, total/32) &^ (roomPiece - 1)}
	r.spare, err = os.OpenFile(roomPath(store.Name()), os.O_RDWR|os.O_CREATE|os.O_TRUNC|unix.O_NOFOLLOW, 0o600)
	if err != nil {
		return r, fmt.Errorf("make room for outcomes: %w", err)
	}
	r.fill()
	return r, nil
}

// fill brings the room back to what is to be kept, if the disk has it.
func (r *room) fill() {
	if r.left >= r.keep || r.spare == nil || time.Now().Before(r.next) {
		return
	}
	r.next = time.Now().Add(lookEvery)
	switch err := allocate(r.spare, 0, r.keep); {
	case err == nil:
		r.left = r.keep
	case isFull(err):
		// what is left stays, and mail is refused anyhow
	default:
		r.keep = 0 // not on this file system: the reserve has to do
	}
}

// lend gives the store's file a piece of the room past top, and reports whether
// there was one to give.
func (r *room) lend(top int64) (bool, error) {
	for r.left > 0 {
		r.left -= roomPiece
		if err := r.spare.Truncate(r.left); err != nil {
			return false, err
		}
		err := allocate(r.store, top, roomPiece)
		if err == nil {
			return true, r.store.Sync()
		}
		if !isFull(err) {
			return false, err
		}
	}
	return false, nil
}

func (r *room) close() error {
	if r.spare == nil {
		return nil
	}
	return r.spare.Close()
}

// allocate gives a file blocks and the length to hold them.
func allocate(f *os.File, from, size int64) error {
	for {
		err := unix.Fallocate(int(f.Fd()), 0, from, size)
		if err == nil || !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}
