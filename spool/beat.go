package spool

import "sync/atomic"

// beat is how far a lane's loop has come.
type beat struct {
	rounds atomic.Uint64 // begun
	pacing atomic.Bool   // it waits for the Pace, which may take minutes
	seen   uint64        // rounds at the last look
}

// Alive reports whether both lanes' loops went round since it was last called,
// or wait for the Pace, and wakes them for the next time. It is true before they
// begin. It is for one caller at a time, who leaves time for a commit between
// two calls.
func (s *Spool) Alive() bool {
	alive := true
	for l := range s.beats {
		b := &s.beats[l]
		rounds := b.rounds.Load()
		if rounds != 0 && rounds == b.seen && !b.pacing.Load() {
			alive = false
		}
		b.seen = rounds
		s.kick(Lane(l))
	}
	return alive
}
