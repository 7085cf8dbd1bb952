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
	defaultRoom = 16 << 20 // bytes: more than one full group of outcomes rewrites
	lookEvery   = 100 * time.Millisecond
	fullHint    = "free some space on it: mail is accepted again by itself, and what was accepted is sent meanwhile"
	largeVolume = int64(1) << 62
)

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
	now, err := s.space.take(size)
	if err != nil {
		return nil
	}
	need := spare + min(reserve, now.Total/10)
	if now.Free >= need {
		return nil
	}
	return &eml.Problem{
		What: fmt.Sprintf("the disk of %s is nearly full: %d MB are free, and %d MB are needed so that what was accepted can be sent", s.space.dir, max(now.Free, 0)>>20, need>>20),
		Hint: fullHint, Err: ErrFull,
	}
}

// room keeps blocks of the disk allocated past what the file uses. The writer
// alone uses it.
type room struct {
	file *os.File
	keep int64     // bytes past the end of use
	have int64     // bytes from the start that are allocated
	next time.Time // no new try before; set when there was no space
	off  bool      // the file system cannot do it
}

func newRoom(f *os.File, keep, total int64) room {
	if keep == 0 {
		keep = defaultRoom
	}
	return room{file: f, keep: min(keep, total/64) &^ (pageSize - 1)}
}

// ensure allocates until add bytes, a quarter more for the tree above them, and
// the room to be kept lie past top. ErrFull when the disk does not have them.
func (r *room) ensure(top, add int64) error {
	want := top + add + add/4 + r.keep
	if r.off || r.have >= want {
		return nil
	}
	if time.Now().Before(r.next) {
		return r.full(unix.ENOSPC)
	}
	err := r.allocate(top, want+r.keep) // twice, so that it is not asked for with every commit
	if isFull(err) {
		err = r.allocate(top, want)
	}
	switch {
	case err == nil:
		return nil
	case isFull(err):
		r.next = time.Now().Add(lookEvery)
		return r.full(err)
	case errors.Is(err, unix.EOPNOTSUPP), errors.Is(err, unix.ENOSYS):
		r.off = true
		return nil
	}
	return err
}

func (r *room) full(err error) error {
	return &eml.Problem{What: fmt.Sprintf("the disk of %s is full", filepath.Dir(r.file.Name())), Hint: fullHint, Err: fmt.Errorf("%w: %w", ErrFull, err)}
}

// allocate gives the file blocks up to size and makes its length durable, as
// bbolt does when it grows a file.
func (r *room) allocate(top, size int64) error {
	from := max(r.have, top)
	for {
		err := unix.Fallocate(int(r.file.Fd()), 0, from, size-from)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return &os.PathError{Op: "fallocate", Path: r.file.Name(), Err: err}
		}
		break
	}
	if err := r.file.Sync(); err != nil {
		return fmt.Errorf("sync %s: %w", r.file.Name(), err)
	}
	r.have = size
	return nil
}
