package spool

// The two files and the writer of each.
//
// queue.db, the transactional lane:
//
//	meta    "version" "counts"
//	open    seq8 -> mail record: pending and sending
//	done    seq8 -> mail record: final outcomes
//	due     From domain 0x00 time8 seq8 -> nothing: pending, not before time
//	sending seq8 -> nothing: a call may be open
//	bodies  body8 -> bucket { "b" -> bytes }: a bucket per body, so that a big
//	        value never shares a leaf with others (measured 4.7 x the writes)
//	bodyref body8 -> references u32, size u32, CRC-32C u32
//	ses     packed SES id -> seq8
//
// ledger.db, the bulk lane:
//
//	meta    "version" "store" (our id) "pace"
//	headers campaign8 -> Ledger, JSON
//	rows    campaign8 -> bucket { subscriber8 -> row record }
//	due     campaign8 time8 subscriber8 -> nothing: retries only; first tries
//	        come from the header's next mark
//	sending campaign8 subscriber8 -> nothing
//	ses     packed SES id -> campaign8 subscriber8
//	holds   scope -> Hold, JSON
//
// Numbers are big-endian u64 from our own sequences, times unix milliseconds.

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"

	"go.etcd.io/bbolt"
)

const (
	storeVersion = 1
	lockTimeout  = 2 * time.Second
	maxGroupJobs = 256     // jobs of one commit
	maxGroupSize = 8 << 20 // bytes of one commit
	jobQueue     = 1024    // jobs that may wait; past it callers block
	// mapSize is address space, not memory: without it a reader stops every
	// writer while the file is mapped anew (measured: 3 s against 6 ms).
	mapSize = 1 << 30 << (6 * (^uint(0) >> 63)) // 64 GB, 1 GB where int has 32 bits
)

var (
	bMeta    = []byte("meta")
	bOpen    = []byte("open")
	bDone    = []byte("done")
	bDue     = []byte("due")
	bSending = []byte("sending")
	bBodies  = []byte("bodies")
	bBodyRef = []byte("bodyref")
	bSES     = []byte("ses")
	bHeaders = []byte("headers")
	bRows    = []byte("rows")
	bHolds   = []byte("holds")

	kVersion = []byte("version")
	kCounts  = []byte("counts")
	kStore   = []byte("store")
	kPace    = []byte("pace")
	kBody    = []byte("b")

	queueBuckets  = [][]byte{bMeta, bOpen, bDone, bDue, bSending, bBodies, bBodyRef, bSES}
	ledgerBuckets = [][]byte{bMeta, bHeaders, bRows, bDue, bSending, bSES, bHolds}
)

// job is one change waiting for the next commit.
type job struct {
	apply func(*bbolt.Tx) error // may run twice; must not keep slices
	size  int                   // bytes it adds, about
	done  chan error            // capacity 1
}

// store is one bbolt file with one writer goroutine. A commit takes whatever
// waits and starts at once, so a lone job never waits for a timer.
type store struct {
	db     *bbolt.DB
	jobs   chan *job
	mu     sync.RWMutex // guards closed
	closed bool
	ended  chan struct{} // closed when the writer is done; nil until it was started
	fuse   *fuse
	sums   sums
}

// sums are what many jobs of one commit change and what is written once:
// counters and headers. The writer goroutine alone calls them.
type sums interface {
	begin()                // a group starts: forget what an abandoned one changed
	flush(*bbolt.Tx) error // write what the group changed
	publish()              // the group is on disk: let readers see it
}

// fuse blows once, when a commit fails in a way that leaves the disk unknown.
type fuse struct {
	once  sync.Once
	blown chan struct{}
	cause error
}

func newFuse() *fuse { return &fuse{blown: make(chan struct{})} }

func (f *fuse) blow(err error) {
	f.once.Do(func() {
		f.cause = err
		close(f.blown)
	})
}

// err is nil until the fuse has blown.
func (f *fuse) err() error {
	select {
	case <-f.blown:
		return fmt.Errorf("%w: %w", ErrBroken, f.cause)
	default:
		return nil
	}
}

// openStore opens a file, making it first under a temporary name so that a
// crash during the first start leaves no half-made one.
func openStore(path string, buckets [][]byte, f *fuse) (*store, error) {
	if _, err := os.Lstat(path); errors.Is(err, fs.ErrNotExist) {
		if err := createStore(path, buckets); err != nil {
			return nil, err
		}
	}
	db, err := bbolt.Open(path, 0o600, boltOptions())
	if err != nil {
		return nil, openError(path, err)
	}
	s := &store{db: db, jobs: make(chan *job, jobQueue), fuse: f}
	if err := db.View(s.checkVersion(path, buckets)); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return s, nil
}

func boltOptions() *bbolt.Options {
	return &bbolt.Options{
		Timeout: lockTimeout, PageSize: 4096, FreelistType: bbolt.FreelistMapType,
		NoFreelistSync: true, InitialMmapSize: mapSize,
	}
}

func createStore(path string, buckets [][]byte) error {
	tmp := path + ".new"
	if err := os.Remove(tmp); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	db, err := bbolt.Open(tmp, 0o600, boltOptions())
	if err != nil {
		return openError(tmp, err)
	}
	err = db.Update(func(tx *bbolt.Tx) error {
		for _, name := range buckets {
			if _, err := tx.CreateBucketIfNotExists(name); err != nil {
				return err
			}
		}
		return tx.Bucket(bMeta).Put(kVersion, []byte{storeVersion})
	})
	if err := errors.Join(err, db.Close()); err != nil {
		return fmt.Errorf("make %s: %w", path, err)
	}
	if err := os.Rename(tmp, path); err != nil {
		return err
	}
	return syncFolder(filepath.Dir(path))
}

func syncFolder(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

func openError(path string, err error) error {
	if errors.Is(err, bbolt.ErrTimeout) {
		return fmt.Errorf("%s: %w", path, ErrLocked)
	}
	return fmt.Errorf("open %s: %w", path, err)
}

// checkVersion refuses a file that is not ours or is of a later version.
func (s *store) checkVersion(path string, buckets [][]byte) func(*bbolt.Tx) error {
	return func(tx *bbolt.Tx) error {
		for _, name := range buckets {
			if tx.Bucket(name) == nil {
				return fmt.Errorf("%s is not a store of pabal: it has no %q", path, name)
			}
		}
		if v := tx.Bucket(bMeta).Get(kVersion); len(v) != 1 || v[0] != storeVersion {
			return fmt.Errorf("%s has format version %v, this pabal knows %d", path, v, storeVersion)
		}
		return nil
	}
}

// do hands a job to the writer and waits until it is on disk.
func (s *store) do(size int, apply func(*bbolt.Tx) error) error {
	j := &job{apply: apply, size: size, done: make(chan error, 1)}
	if err := s.submit(j); err != nil {
		return err
	}
	return <-j.done
}

func (s *store) submit(j *job) error {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.closed {
		return ErrClosed
	}
	s.jobs <- j
	return nil
}

// start starts the writer goroutine.
func (s *store) start(sums sums) {
	s.sums, s.ended = sums, make(chan struct{})
	go s.run()
}

// run is the writer goroutine.
func (s *store) run() {
	defer close(s.ended)
	group := make([]*job, 0, maxGroupJobs)
	for first := range s.jobs {
		size := 0
		group, size = s.gather(append(group[:0], first), first.size)
		// Those whom the last commit woke may be about to hand in more: letting
		// them run first makes a quarter fewer commits of a drain (measured).
		runtime.Gosched()
		group, _ = s.gather(group, size)
		s.commit(group)
	}
}

// gather adds what waits to a group, within its bounds.
func (s *store) gather(group []*job, size int) ([]*job, int) {
	for len(group) < maxGroupJobs && size < maxGroupSize {
		select {
		case j, ok := <-s.jobs:
			if !ok {
				return group, size
			}
			group = append(group, j)
			size += j.size
		default:
			return group, size
		}
	}
	return group, size
}

// commit writes a group. A job whose apply fails is answered and left out, and
// the others are tried again without it.
func (s *store) commit(group []*job) {
	for len(group) > 0 {
		if err := s.fuse.err(); err != nil {
			answer(group, err)
			return
		}
		bad, err := s.try(group)
		if err == nil {
			answer(group, nil)
			return
		}
		if bad < 0 {
			answer(group, s.commitError(err))
			return
		}
		group[bad].done <- err
		group = append(group[:bad], group[bad+1:]...)
	}
}

func answer(group []*job, err error) {
	for _, j := range group {
		j.done <- err
	}
}

// try runs the group in one transaction. bad is the index of the job that
// failed, -1 when the commit itself did.
func (s *store) try(group []*job) (bad int, err error) {
	s.sums.begin()
	tx, err := s.db.Begin(true)
	if err != nil {
		return -1, err
	}
	for i, j := range group {
		if err := j.apply(tx); err != nil {
			return i, errors.Join(err, tx.Rollback())
		}
	}
	if err := s.sums.flush(tx); err != nil {
		return -1, errors.Join(err, tx.Rollback())
	}
	if err := tx.Commit(); err != nil {
		return -1, err
	}
	s.sums.publish()
	return 0, nil
}

// commitError tells a full disk, after which the store goes on, from all else:
// after a failed sync nobody knows what is on disk (measured: the key was
// visible although Update returned an error), so that is final.
func (s *store) commitError(err error) error {
	if full(err) {
		return fmt.Errorf("%w: %w", ErrFull, err)
	}
	s.fuse.blow(err)
	return s.fuse.err()
}

// full reports a write or a growth refused for want of space. bbolt gives the
// failed growth as text only. A sync that says ENOSPC is not among them: it
// comes as a bare errno.
func full(err error) bool {
	if strings.Contains(err.Error(), "file resize error") {
		return true
	}
	p, ok := errors.AsType[*fs.PathError](err)
	return ok && p.Op == "write" &&
		(errors.Is(p.Err, syscall.ENOSPC) || errors.Is(p.Err, syscall.EDQUOT) || errors.Is(p.Err, syscall.EFBIG))
}

// close writes what waits and closes the file.
func (s *store) close() error {
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
	return s.db.Close()
}

func u64(n uint64) []byte { return binary.BigEndian.AppendUint64(nil, n) }

func key(parts ...uint64) []byte {
	b := make([]byte, 0, 8*len(parts))
	for _, p := range parts {
		b = binary.BigEndian.AppendUint64(b, p)
	}
	return b
}

// number reads the i-th u64 of a key.
func number(b []byte, i int) uint64 { return binary.BigEndian.Uint64(b[8*i:]) }

func millis(t time.Time) uint64 {
	if t.IsZero() {
		return 0
	}
	return uint64(t.UnixMilli())
}

func fromMillis(ms uint64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(int64(ms)).UTC()
}
