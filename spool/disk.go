package spool

import (
	"context"
	"fmt"
	"time"

	"pabal/store"
)

const (
	diskEvery = time.Second
	// roomAgain is the part of the need that has to be free beyond it before the
	// log says that there is room: mail that comes and goes would say it all day.
	roomAgain = 8
)

// Disk is how much room the stores have; the `store` part of status.
type Disk struct {
	FreeBytes    int64 `json:"free_bytes"`    // free on the volume, and unused in queue.db, which never shrinks by itself
	ReserveBytes int64 `json:"reserve_bytes"` // with less than this free nothing new is taken
	NearlyFull   bool  `json:"nearly_full"`   // so it is now: mail is answered 452
	NoCampaigns  bool  `json:"no_campaigns"`  // too little is free for the ledger: no campaign starts. Without NearlyFull the space is in queue.db, and `pabal compact` gives it back
}

// Disk asks the volume, at most ten times a second. One that cannot be asked
// counts as empty: its writes will tell.
func (s *Spool) Disk() Disk {
	free, need := s.queue.Left(s.spare())
	ledger, rows := s.ledger.Left(s.spare())
	return Disk{FreeBytes: free, ReserveBytes: need, NearlyFull: free < need, NoCampaigns: ledger < rows}
}

// Room tells a client at once what Put would say of a mail of any size that
// may be Put: ErrFull while the disk is nearly full, ErrBroken when the process
// must end, otherwise nil.
func (s *Spool) Room() error {
	if err := s.queue.Err(); err != nil {
		return err
	}
	return s.queue.Room(s.spare(), 0)
}

// watchDisk says in the log and on the home screen when the disk gets nearly
// full and when there is room again, once each.
func (s *Spool) watchDisk(ctx context.Context) {
	tick := time.NewTicker(diskEvery)
	defer tick.Stop()
	for full := false; ; {
		full = s.lookAtDisk(full)
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// lookAtDisk reports whether the disk is nearly full; was is what it was.
func (s *Spool) lookAtDisk(was bool) bool {
	d := s.Disk()
	switch {
	case !was && d.NearlyFull:
		s.logger().Error("disk is nearly full, new mail is refused", "part", "spool", "free_bytes", d.FreeBytes, "needed_bytes", d.ReserveBytes, "hint", store.FullHint)
		s.note("disk", "", fmt.Sprintf("nearly full: %d MB are free, %d MB are needed", d.FreeBytes>>20, d.ReserveBytes>>20))
		return true
	case was && d.FreeBytes >= d.ReserveBytes+d.ReserveBytes/roomAgain:
		s.logger().Info("disk has room again, new mail is taken", "part", "spool", "free_bytes", d.FreeBytes, "needed_bytes", d.ReserveBytes)
		s.note("disk", "", fmt.Sprintf("room again: %d MB are free", d.FreeBytes>>20))
		return false
	}
	return was
}
