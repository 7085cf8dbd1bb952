package store

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"runtime"
	"slices"
	"time"

	"go.etcd.io/bbolt"

	"pabal/eml"
)

const (
	maxGroupJobs = 256     // jobs of one commit
	maxGroupSize = 8 << 20 // bytes of one commit
	jobQueue     = 1024    // jobs that may wait; past it callers block
)

// Job is one change for the next commit.
type Job struct {
	Apply func(*bbolt.Tx) error // may run more than once, anew each time; must not keep slices
	Size  int                   // bytes it adds, about
	// Spare is for jobs that take in something new: bytes that have to be free
	// on the volume, beside the reserve, for the job to be taken. Zero is a job
	// about what was taken in already: it is not refused before the disk is full.
	Spare int64
	// Lazy is how long the job may wait for one that is not lazy to share its
	// commit; zero is not at all. Nobody may hang on a lazy one.
	Lazy time.Duration
}

// Sums are what many jobs of one commit change and what is written once, such
// as counters. The writer alone calls them, one group after the other.
type Sums interface {
	Begin(*bbolt.Tx)       // a group starts
	Flush(*bbolt.Tx) error // write what the group changed
	Publish()              // the group is on disk: let readers see it
	Abandon() error        // the group was rolled back: forget what it changed
}

type noSums struct{}

func (noSums) Begin(*bbolt.Tx)       {}
func (noSums) Flush(*bbolt.Tx) error { return nil }
func (noSums) Publish()              {}
func (noSums) Abandon() error        { return nil }

type job struct {
	Job
	done chan error // capacity 1
}

func (j *job) isNew() bool  { return j.Spare > 0 }
func (j *job) urgent() bool { return j.Lazy <= 0 }

// Start starts the writer: one goroutine that takes whatever waits and commits
// at once, so a lone job never waits for a timer, unless it is lazy. Close ends it. sums may be nil.
func (s *Store) Start(sums Sums) {
	if sums != nil {
		s.sums = sums
	}
	s.ended = make(chan struct{})
	go s.run()
}

// Do hands a job to the writer and returns when it is on disk. ctx ends only
// the waiting for a place. It returns the error of Apply, ErrFull, ErrBroken,
// ErrClosed or ctx's.
func (s *Store) Do(ctx context.Context, j Job) error {
	done, err := s.Submit(ctx, j)
	if err != nil {
		return err
	}
	return <-done
}

// Submit is Do for those who need the order: jobs are committed in the order of
// their Submits. The channel gives one error, nil when the job is on disk.
func (s *Store) Submit(ctx context.Context, j Job) (<-chan error, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if err := s.Room(j.Spare, j.Size); err != nil {
		return nil, err
	}
	w := &job{Job: j, done: make(chan error, 1)}
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.closed {
		return nil, ErrClosed
	}
	select {
	case s.jobs <- w:
		return w.done, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// run is the writer goroutine.
func (s *Store) run() {
	defer close(s.ended)
	group := make([]*job, 0, maxGroupJobs)
	for first := range s.jobs {
		size := 0
		group, size = s.linger(append(group[:0], first), first.Size)
		// Those whom the last commit woke may be about to hand in more: letting
		// them run first makes a quarter fewer commits of a drain (measured).
		runtime.Gosched()
		group, _ = s.gather(group, size)
		s.commit(group)
	}
}

// linger is gather for a group that may be of lazy jobs alone: it waits as
// long as the first of them allows for one that is in a hurry.
func (s *Store) linger(group []*job, size int) ([]*job, int) {
	group, size = s.gather(group, size)
	if slices.ContainsFunc(group, (*job).urgent) {
		return group, size
	}
	patience := time.NewTimer(group[0].Lazy)
	defer patience.Stop()
	for !crowded(group, size) {
		select {
		case j, ok := <-s.jobs:
			if !ok {
				return group, size
			}
			group, size = append(group, j), size+j.Size
			if j.urgent() {
				return s.gather(group, size)
			}
		case <-patience.C:
			return group, size
		}
	}
	return group, size
}

// gather adds what waits to a group, within its bounds.
func (s *Store) gather(group []*job, size int) ([]*job, int) {
	for !crowded(group, size) {
		select {
		case j, ok := <-s.jobs:
			if !ok {
				return group, size
			}
			group, size = append(group, j), size+j.Size
		default:
			return group, size
		}
	}
	return group, size
}

func crowded(group []*job, size int) bool { return len(group) >= maxGroupJobs || size >= maxGroupSize }

// commit writes a group. A job whose Apply fails is answered and left out, and
// the others are tried again without it.
func (s *Store) commit(group []*job) {
	for len(group) > 0 {
		if err := s.fuse.Err(); err != nil {
			answer(group, err)
			return
		}
		bad, err := s.attempt(group)
		switch {
		case err == nil:
			answer(group, nil)
			s.room.fill()
			return
		case bad >= 0:
			group[bad].done <- err
			group = append(group[:bad], group[bad+1:]...)
		default:
			if group, err = s.failed(group, err); err != nil {
				answer(group, err)
				return
			}
		}
	}
}

// failed is about a commit that failed. On a full disk outcomes may still fit
// without what is new, and then with a piece of the room.
func (s *Store) failed(group []*job, err error) ([]*job, error) {
	err = s.commitError(err)
	if !errors.Is(err, ErrFull) {
		return group, err
	}
	if slices.ContainsFunc(group, (*job).isNew) {
		return refuse(group, err), nil
	}
	lent, failed := s.room.lend(s.top())
	switch {
	case failed != nil:
		return group, s.commitError(failed)
	case lent:
		return group, nil
	}
	return group, err
}

// refuse answers the jobs that take in something new and returns the others.
func refuse(group []*job, err error) []*job {
	rest := make([]*job, 0, len(group))
	for _, j := range group {
		if j.isNew() {
			j.done <- err
		} else {
			rest = append(rest, j)
		}
	}
	return rest
}

func answer(group []*job, err error) {
	for _, j := range group {
		j.done <- err
	}
}

// try runs the group in one transaction. bad is the index of the job that
// failed, -1 when the commit itself did.
func (s *Store) try(group []*job) (bad int, err error) {
	tx, err := s.db.Begin(true)
	if err != nil {
		return -1, err
	}
	s.sums.Begin(tx)
	for i, j := range group {
		if err := j.Apply(tx); err != nil {
			return i, s.abandon(tx, err)
		}
	}
	if err := s.sums.Flush(tx); err != nil {
		return -1, s.abandon(tx, err)
	}
	if err := tx.Commit(); err != nil {
		return -1, errors.Join(err, s.sums.Abandon())
	}
	s.sums.Publish()
	return -1, nil
}

func (s *Store) abandon(tx *bbolt.Tx, cause error) error {
	return errors.Join(cause, tx.Rollback(), s.sums.Abandon())
}

// commitError tells a full disk, after which the store goes on, from all else:
// after a failed sync nobody knows what is on disk (measured: the key was
// visible although Update returned an error), so that is final.
func (s *Store) commitError(err error) error {
	if noSpace(err) {
		return &eml.Problem{What: fmt.Sprintf("the disk of %s is full", filepath.Dir(s.path)), Hint: FullHint, Err: fmt.Errorf("%w: %w", ErrFull, err)}
	}
	s.fuse.Blow(s.path, err)
	return s.fuse.Err()
}
