package spool

import (
	"errors"
	"sync"
	"testing"
	"time"

	"go.etcd.io/bbolt"
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

// TestReleaseJudgesEverybodyWhenCommitsAreRepeated has jobs fail in the commits
// that the release shares: they are tried again, and nobody may be passed over.
func TestReleaseJudgesEverybodyWhenCommitsAreRepeated(t *testing.T) {
	s := newBench(t, t.TempDir())
	s.freeze(1, 4*MaxBatch)
	if err := s.Restore(t.Context(), Restored{Taken: time.Now(), At: time.Now(), Campaign: 1}); err != nil {
		t.Fatal(err)
	}
	stop := make(chan struct{})
	var others sync.WaitGroup
	for range 8 {
		others.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
					_ = s.ledger.do(1, func(*bbolt.Tx) error { return ErrState }) // it is to fail
				}
			}
		})
	}
	err := s.GoLive(t.Context(), nil, true)
	close(stop)
	others.Wait()
	if err != nil {
		t.Fatal(err)
	}
	if l, err := s.Ledger(1); err != nil || l.Unknown != 4*MaxBatch || l.State != Done {
		t.Errorf("the ledger says %d unknown, %d pending, %s, %v", l.Unknown, l.Pending, l.State, err)
	}
	s.proved()
}

// TestReleaseCutShortMayBeMadeWithAnotherChoice: what the first call wanted sent
// again and the second did not is not sent.
func TestReleaseCutShortMayBeMadeWithAnotherChoice(t *testing.T) {
	s := newBench(t, t.TempDir())
	s.freeze(1, 10)
	s.freeze(2, 10)
	if err := s.Restore(t.Context(), Restored{Taken: time.Now(), At: time.Now(), Campaign: 2}); err != nil {
		t.Fatal(err)
	}
	r, _ := s.Restored()
	if err := s.resolveRows(t.Context(), 1, &r, true); err != nil { // and the process died
		t.Fatal(err)
	}
	if err := s.GoLive(t.Context(), []uint64{2}, true); err != nil {
		t.Fatal(err)
	}
	if l, err := s.Ledger(1); err != nil || l.Unknown != 10 {
		t.Errorf("the ledger says %+v, %v", l.Counts, err)
	}
	if l, err := s.Ledger(2); err != nil || l.Pending != 10 {
		t.Errorf("the ledger says %+v, %v", l.Counts, err)
	}
	s.proved()
}

// TestReleaseWaitsForAResendOfTheBackup: rows it puts back have to be judged.
func TestReleaseWaitsForAResendOfTheBackup(t *testing.T) {
	s := newBench(t, t.TempDir())
	s.freeze(1, 10)
	if err := s.Restore(t.Context(), Restored{Taken: time.Now(), At: time.Now(), Campaign: 1}); err != nil {
		t.Fatal(err)
	}
	set := func(r *Resend) {
		t.Helper()
		err := s.ledger.do(64, func(tx *bbolt.Tx) error {
			l, err := s.ledgerSums().header(1)
			if err == nil {
				l.Resend = r
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	set(&Resend{Outcome: Unknown, Before: time.Now()})
	if err := s.GoLive(t.Context(), nil, true); !errors.Is(err, ErrState) {
		t.Errorf("released while rows are put back: %v", err)
	}
	set(nil)
	if err := s.GoLive(t.Context(), nil, true); err != nil {
		t.Error(err)
	}
}

// TestReleaseWaitsForAnAudienceBeingFrozen: whoever joins it after the release
// would be mailed and stand on no list.
func TestReleaseWaitsForAnAudienceBeingFrozen(t *testing.T) {
	s := newBench(t, t.TempDir())
	ctx := t.Context()
	if err := s.Begin(ctx, Ledger{Campaign: 1, FromDomain: "example.com", MaxID: 2, Expect: -1}); err != nil {
		t.Fatal(err)
	}
	if err := s.PutBatch(ctx, 1, []Row{{Subscriber: 1}}, Mark{Subscriber: 1}); err != nil {
		t.Fatal(err)
	}
	if err := s.Restore(ctx, Restored{Taken: time.Now(), At: time.Now(), Campaign: 1}); err != nil {
		t.Fatal(err)
	}
	if err := s.GoLive(ctx, nil, true); !errors.Is(err, ErrState) {
		t.Errorf("released while an audience is frozen: %v", err)
	}
	if _, held := s.Restored(); !held {
		t.Error("a refused release has ended the hold")
	}
	if err := s.PutBatch(ctx, 1, []Row{{Subscriber: 2}}, Mark{Subscriber: 2, Done: true}); err != nil {
		t.Fatal(err)
	}
	if err := s.GoLive(ctx, nil, true); err != nil {
		t.Fatal(err)
	}
	for m, err := range s.Recipients(1, nil, 0) {
		if err != nil || m.Outcome != Unknown {
			t.Errorf("%s is %s, %v", m.ID, m.Outcome, err)
		}
	}
}
