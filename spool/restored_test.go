package spool

import (
	"errors"
	"testing"
	"time"
)

// TestARestoredStoreSendsNothingBeforeItGoesLive holds both lanes over restarts,
// refuses every other release, and judges what waited.
func TestARestoredStoreSendsNothingBeforeItGoesLive(t *testing.T) {
	for name, c := range map[string]struct {
		resend      bool
		rows, mails Outcome
	}{"left": {false, Unknown, Unknown}, "resent": {true, Pending, Pending}} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			s := newBench(t, dir)
			ctx := t.Context()
			mails := s.put("b@example.net")
			s.freeze(1, 10)
			taken := time.Now().Add(-time.Hour).UTC().Truncate(time.Second)
			if err := s.Restore(ctx, Restored{Taken: taken, At: time.Now().UTC(), Campaign: 1}); err != nil {
				t.Fatal(err)
			}
			s.freeze(1001, 5) // made here
			s.close()
			s = newBench(t, dir)
			if r, ok := s.Restored(); !ok || !r.Taken.Equal(taken) || r.Queue != 1 {
				t.Fatalf("after a restart it says %+v, %t", r, ok)
			}
			if err := s.Release(ctx, ScopeRestored); !errors.Is(err, ErrState) {
				t.Errorf("an ordinary release ended with %v", err)
			}
			if due, _, err := s.candidates(Transactional, 10); err != nil || len(due) > 0 {
				t.Errorf("mails of a held store are due: %v, %v", due, err)
			}
			if due, _, err := s.candidates(Bulk, 10); err != nil || len(due) > 0 {
				t.Errorf("rows of a held store are due: %v, %v", due, err)
			}
			waits, err := s.MaySendAgain()
			if err != nil || len(waits) != 2 || waits[0].Pending != 1 || waits[1].Campaign != 1 || waits[1].Pending != 10 {
				t.Errorf("it lists %+v, %v", waits, err)
			}
			fresh := s.put("c@example.net")
			if fresh[0] == "q2" {
				t.Error("a number that the original may have given out is given out again")
			}
			var resend []uint64
			if c.resend {
				resend = []uint64{1}
			}
			if err := s.GoLive(ctx, resend, c.resend); err != nil {
				t.Fatal(err)
			}
			if _, held := s.Restored(); held || len(s.Holds()) > 0 {
				t.Errorf("released, it holds %+v", s.Holds())
			}
			for m, err := range s.Recipients(1, nil, 0) {
				if err != nil || m.Outcome != c.rows || m.MaybeTwice != c.resend {
					t.Errorf("%s is %s, maybe twice %t, %v", m.ID, m.Outcome, m.MaybeTwice, err)
				}
			}
			if m, err := s.Message(mails[0]); err != nil || m.Outcome != c.mails || m.MaybeTwice != c.resend {
				t.Errorf("%s is %s, maybe twice %t, %v", m.ID, m.Outcome, m.MaybeTwice, err)
			}
			if m, err := s.Message(fresh[0]); err != nil || m.Outcome != Pending || m.MaybeTwice {
				t.Errorf("a mail taken here is %s, maybe twice %t, %v", m.Outcome, m.MaybeTwice, err)
			}
			for m, err := range s.Recipients(1001, nil, 0) {
				if err != nil || m.Outcome != Pending || m.MaybeTwice {
					t.Errorf("a recipient of a campaign made here is %s, maybe twice %t, %v", m.Outcome, m.MaybeTwice, err)
				}
			}
			if l, err := s.Ledger(1); err != nil || (l.State == Done) == c.resend {
				t.Errorf("the campaign is %s, %v", l.State, err)
			}
			if err := s.GoLive(ctx, nil, true); !errors.Is(err, ErrState) {
				t.Errorf("a second release ended with %v", err)
			}
			s.proved()
		})
	}
}
