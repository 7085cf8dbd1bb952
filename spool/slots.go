package spool

import (
	"math"
	"sync"
)

// slots bound the calls that are open, and with them what can be in doubt after
// a crash. Bulk may not use the share kept for the transactional lane, nor may
// that lane take the last from a bulk lane that waits. A slot whose outcome is
// handed to the writer may be used by its own lane at once: the next lease goes
// into the same commit or a later one. The other lane writes another file and
// waits until it is on disk.
type slots struct {
	mu       sync.Mutex
	used     [2]int
	settling [2]int  // of them free already, for the same lane
	waiting  [2]bool // the lane found no slot and is to be told of one
	lent     int     // of the bulk lane's used ones, those with mail of the queue
	queue    bool    // the bulk lane's turn is the queue's
}

// take reserves up to n slots for a lane. open is how many it had before: so
// many of its messages at most are in sending on disk once what was handed to
// the writer by now is written.
func (s *slots) take(l Lane, n, concurrency int, share float64) (taken, open int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	concurrency, open = max(concurrency, 2), s.used[l]
	other := 1 - l
	free := concurrency - s.used[l] - s.used[other] - s.settling[other]
	kept := max(1, int(math.Ceil(share*float64(concurrency))))
	if l == Transactional {
		kept = 0
		if s.waiting[Bulk] {
			kept = max(1, int(bulkShare*float64(concurrency)))
		}
	}
	n = max(min(n, free, concurrency-kept-s.used[l]), 0)
	s.used[l] += n
	s.waiting[l] = n == 0
	return n, open
}

// scarce reports whether a few slots are free, and more will be.
func (s *slots) scarce(l Lane, concurrency int) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	free := concurrency - s.used[l] - s.used[1-l] - s.settling[1-l]
	return s.used[l] > 0 && free > 0 && free < concurrency/fewSlots
}

// settle frees a slot for its own lane while its outcome is being written, and
// says whether that lane waits for one.
func (s *slots) settle(l Lane) (waiting bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.used[l]--
	s.settling[l]++
	return s.waiting[l]
}

// unsettled takes back what settle gave.
func (s *slots) unsettled(l Lane) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.used[l]++
	s.settling[l]--
}

// turn reports whether it is the queue's in the bulk lane, and passes it on.
func (s *slots) turn() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.queue = !s.queue
	return s.queue
}

// missed gives the queue its turn again, which it could not use: lend had
// nothing until outcomes of rows are written. That takes a commit, so that the
// rows' next turn is not far.
func (s *slots) missed() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.queue = false
}

// lend gives mail of the queue up to n of the bulk lane's slots, all of them
// used; but for those that are used while a row's outcome is being written, in
// another file.
func (s *slots) lend(n int) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n = max(n-s.settling[Bulk], 0)
	s.lent += n
	return n
}

// returned takes back what lend gave.
func (s *slots) returned(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lent -= n
}

// inQueue says at any time how many messages may be in sending in the queue's
// file beside those a lane is about to lease. open is how many the lane had
// before; what the other one has can change until then.
func (s *slots) inQueue(l Lane, open int) func() int {
	return func() int {
		s.mu.Lock()
		defer s.mu.Unlock()
		if l == Transactional {
			return open + s.lent
		}
		return s.used[Transactional] + s.settling[Transactional] + s.lent
	}
}

// give returns slots and says which lanes wait for one.
func (s *slots) give(l Lane, n int) (waiting [2]bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.used[l] -= n
	return s.waiting
}
