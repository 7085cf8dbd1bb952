package spool

import (
	"slices"
	"testing"
	"time"
)

func TestTotalsCountWhatIsOnDisk(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		b.sender.fn = refuseFor
		b.freeze(1, 2)
		bulk := b.routed(Routing{Lane: Bulk}, "late@example.net")[0]
		b.put("good@example.com", "bad@example.com")
		time.Sleep(2 * time.Second)
		b.run()
		after(time.Minute)
		got := b.Totals()
		if n := got.Outcomes[Transactional][OfApplication]; n[Accepted] != 1 || n[Failed] != 1 {
			t.Errorf("transactional: %v", n)
		}
		if n := got.Outcomes[Bulk]; n[OfApplication][Accepted] != 1 || n[OfCampaign][Accepted] != 2 {
			t.Errorf("bulk: %v", n)
		}
		if h := got.Handover[Transactional]; h.Sum < 2 || h.Sum > 3 || h.Counts[slices.Index(h.Bounds, 2.5)] != 1 {
			t.Errorf("handed over: %+v", h)
		}
		if h := got.Handover[Bulk]; h.Sum < 2 || slices.Max(h.Counts) != 1 {
			t.Errorf("handed over in the bulk lane: %+v", h)
		}
		m, err := b.Message(bulk)
		if err != nil {
			t.Fatal(err)
		}
		news := []Feedback{{Kind: Bounced, SESID: m.SESID, Hard: true}, {Kind: Delayed, SESID: m.SESID}}
		for range 2 { // the same again is no news
			if _, err := b.Feedback(t.Context(), news); err != nil {
				t.Fatal(err)
			}
		}
		if n := b.Totals().Feedback[Bulk]; n[Bounced] != 1 || n[HardBounces] != 1 || n[Delayed] != 1 || n[Delivered] != 0 {
			t.Errorf("heard: %v", n)
		}
	})
}

// TestOldestIsKnownByLane: whatever stands before it in the queue.
func TestOldestIsKnownByLane(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		age := func(fast, slow int64) {
			t.Helper()
			st, err := b.Status()
			if err != nil || st.LaneOldest["transactional"] != fast || st.LaneOldest["bulk"] != slow || st.OldestSeconds != max(fast, slow) {
				t.Errorf("%v, %d s, %v; want %d and %d", st.LaneOldest, st.OldestSeconds, err, fast, slow)
			}
		}
		age(0, 0)
		to := make([]string, MaxBatch)
		for i := range to {
			to[i] = rowID(1, uint64(i)) + "@example.net"
		}
		for range 3 { // more than one look passes
			b.routed(Routing{Lane: Bulk}, to...)
		}
		time.Sleep(100 * time.Second)
		b.put("a@example.com")
		time.Sleep(10 * time.Second)
		age(110, 110) // the look got to bulk mail only: older than the truth
		age(10, 110)  // the next goes on there
		if err := b.Hold(t.Context(), Hold{Scope: LaneScope(Bulk), Class: Operator, Manual: true}); err != nil {
			t.Fatal(err)
		}
		b.run()
		time.Sleep(5 * time.Second)
		age(0, 115)
		b.put("b@example.com")
		time.Sleep(10 * time.Millisecond)
		age(0, 115)
	})
}

// TestMemoryOfBodiesIsTold: what is given out, and no more after it.
func TestMemoryOfBodiesIsTold(t *testing.T) {
	s := open(t)
	release, err := s.ReserveBody(t.Context(), 1000)
	if err != nil {
		t.Fatal(err)
	}
	if n := s.BodyMemoryUsed(); n != 1000 {
		t.Errorf("%d bytes in use, want 1000", n)
	}
	release()
	release()
	if n := s.BodyMemoryUsed(); n != 0 {
		t.Errorf("%d bytes in use after the release", n)
	}
}
