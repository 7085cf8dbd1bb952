package spool

import (
	"context"
	"sync"
	"sync/atomic"

	"golang.org/x/sync/semaphore"
)

const (
	// SmallBody and MediumBody are bytes: a text of a kind waits for memory only
	// behind texts of its kind, so clients that are slow with large ones do not
	// keep small mail out.
	SmallBody  = 128 << 10
	MediumBody = 1 << 20
)

// kinds of bodies in memory, each with its share of BodyMemory.
const (
	smallBody = iota
	mediumBody
	largeBody
	leavingBody // on its way to the Sender: intake cannot keep it waiting
	bodyKinds
)

// bodyMemory is BodyMemory in shares.
type bodyMemory struct {
	once   sync.Once
	shares [bodyKinds]int64 // bytes
	free   [bodyKinds]*semaphore.Weighted
	used   atomic.Int64 // bytes
}

// share divides the memory: the largest mail fits the shares of large and of
// leaving bodies where they may have three eighths each, most of the rest is
// for small ones.
func (b *bodyMemory) share(limit, largest int64) {
	large := max(limit/4, min(largest, limit*3/8))
	rest := limit - 2*large
	b.shares = [...]int64{smallBody: rest - rest/4, mediumBody: rest / 4, largeBody: large, leavingBody: large}
	for i, n := range b.shares {
		b.free[i] = semaphore.NewWeighted(n)
	}
}

// ReserveBody waits for n bytes of BodyMemory for a body that comes in, and
// returns how to give them back. There are shares for n up to SmallBody, up to
// MediumBody and above; more than all of a share counts as all. Who holds some
// already may ask only for a larger kind, or two could wait for each other. It
// returns ctx's error.
func (s *Spool) ReserveBody(ctx context.Context, n int64) (release func(), err error) {
	switch {
	case n <= SmallBody:
		return s.reserve(ctx, smallBody, n)
	case n <= MediumBody:
		return s.reserve(ctx, mediumBody, n)
	}
	return s.reserve(ctx, largeBody, n)
}

// BodyMemoryUsed is how many bytes of BodyMemory are given out now.
func (s *Spool) BodyMemoryUsed() int64 { return s.memory.used.Load() }

func (s *Spool) reserve(ctx context.Context, kind int, n int64) (release func(), err error) {
	s.memory.once.Do(func() {
		limit, largest := s.BodyMemory, s.MaxMessage
		if limit == 0 {
			limit = defaultBodyMemory
		}
		if largest == 0 {
			largest = defaultMaxMessage
		}
		s.memory.share(limit, largest)
	})
	n = min(n, s.memory.shares[kind])
	if err := s.memory.free[kind].Acquire(ctx, n); err != nil {
		return nil, err
	}
	s.memory.used.Add(n)
	return sync.OnceFunc(func() {
		s.memory.used.Add(-n)
		s.memory.free[kind].Release(n)
	}), nil
}
