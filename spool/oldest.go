package spool

import (
	"sync"
	"time"

	"go.etcd.io/bbolt"

	"pabal/store"
)

// oldestLook is how many records one look for the oldest mail passes.
const oldestLook = 2000

// oldestMail knows where the oldest open mail of each lane stands in the queue.
// A mail that has ended is never open again and new ones come behind, so the
// mark of a lane only rises: over the life of a queue every record is passed
// once, however often somebody looks.
type oldestMail struct {
	mu    sync.Mutex
	marks [2]uint64 // by lane: before it none is open
}

// look is when the oldest open mail of each lane was taken in, zero for lanes
// without any. Where the walk did not get as far as a lane's first, it is the
// time of the mail it got to, which is older; the next look goes on there.
func (o *oldestMail) look(queue *store.Store, open [2]bool) (at [2]time.Time, err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	err = queue.View(func(tx *bbolt.Tx) error {
		for l, any := range open {
			if any {
				at[l] = o.first(tx.Bucket(bOpen).Cursor(), Lane(l))
			}
		}
		return nil
	})
	return at, err
}

func (o *oldestMail) first(c *bbolt.Cursor, l Lane) (at time.Time) {
	k, v := c.Seek(u64(o.marks[l]))
	for n := 0; k != nil && n < oldestLook; n++ {
		if m, err := readMail(v, number(k, 0)); err == nil { // else it is parked when its turn comes
			at, o.marks[l] = m.Received, m.seq
			if m.Lane == l {
				return at
			}
		}
		k, v = c.Next()
	}
	if k == nil {
		return time.Time{} // its counters say more than its records; Check tells of it
	}
	return at
}

// open reports whether something has not ended.
func (c *Counts) open() bool { return c.Pending+c.Sending > 0 }

// oldestOfCampaigns is since when the campaign that waits longest could be sent,
// zero for none; s.mu is held.
func (s *Spool) oldestOfCampaigns(now time.Time) (oldest time.Time) {
	for _, l := range s.ledgers {
		if l.State != Running || !l.open() {
			continue
		}
		if since, ok := s.sendable(l, now); ok {
			oldest = earlier(oldest, since)
		}
	}
	return oldest
}

// age is whole seconds since then, 0 for never and for what is to come.
func age(at, now time.Time) int64 {
	if at.IsZero() {
		return 0
	}
	return max(int64(now.Sub(at)/time.Second), 0)
}
