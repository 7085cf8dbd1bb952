package spool

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.etcd.io/bbolt"

	"pabal/testdata"
)

func open(t *testing.T) *Spool {
	t.Helper()
	s, err := Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func putOne(t *testing.T, s *Spool, to ...string) []string {
	t.Helper()
	ids, err := s.Put(t.Context(), Envelope{From: "app@example.com", FromDomain: "example.com", To: to, MessageID: "7@app"}, []byte("hello"))
	if err != nil {
		t.Fatal(err)
	}
	return ids
}

func checked(t *testing.T, s *Spool) []string {
	t.Helper()
	r, err := s.Check(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return r.Faults
}

func TestSecondProcessIsToldTheStoreIsInUse(t *testing.T) {
	dir := t.TempDir()
	s, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if _, err := Open(dir); !errors.Is(err, ErrLocked) {
		t.Errorf("got %v, want ErrLocked", err)
	}
}

func TestWhatWasPutIsThereAfterReopening(t *testing.T) {
	dir := t.TempDir()
	s, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	ids := putOne(t, s, "a@example.com", "b@example.com")
	id := s.StoreID()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Put(t.Context(), Envelope{To: []string{"a@example.com"}}, nil); !errors.Is(err, ErrClosed) {
		t.Errorf("put after close: %v, want ErrClosed", err)
	}
	if s, err = Open(dir); err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if s.StoreID() != id || len(id) != 8 || strings.Contains(id, "-") {
		t.Errorf("store id %q, then %q; want eight characters that stay", id, s.StoreID())
	}
	for _, q := range ids {
		var b bytes.Buffer
		if err := s.Body(q, &b); err != nil || b.String() != "hello" {
			t.Errorf("body of %s: %q, %v", q, b.String(), err)
		}
	}
	st, err := s.Status()
	if err != nil || st.Pending != 2 {
		t.Errorf("status %+v, %v; want 2 pending", st, err)
	}
	for _, name := range []string{"queue.db", "ledger.db"} {
		fi, err := os.Stat(filepath.Join(dir, name))
		if err != nil || fi.Mode().Perm() != 0o600 {
			t.Errorf("%s: mode %v, %v; want 0600", name, fi.Mode(), err)
		}
	}
}

func TestHalfMadeFileOfAFirstStartIsReplaced(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "queue.db.new"), []byte("torn"), 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	putOne(t, s, "a@example.com")
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

func TestSuppressedRecipientsOfAMailAreStoredAsSkipped(t *testing.T) {
	s := open(t)
	ids, err := s.Put(t.Context(), Envelope{To: []string{"a@example.com", "b@example.com"},
		Skip: map[string]string{"a@example.com": SkipSuppressed, "b@example.com": SkipSuppressed}}, []byte("x"))
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range ids {
		if m, err := s.Message(id); err != nil || m.Outcome != Skipped || m.Reason != SkipSuppressed {
			t.Errorf("%s: %+v, %v", id, m, err)
		}
	}
	r, err := s.Check(t.Context())
	if err != nil || r.Bodies != 0 || len(r.Faults) > 0 {
		t.Errorf("check %+v, %v; want no body kept", r, err)
	}
}

func TestManyWritersShareCommits(t *testing.T) {
	s := open(t)
	before := s.queue.Stats()
	var wg sync.WaitGroup
	for i := range 200 {
		wg.Go(func() { putOne(t, s, fmt.Sprintf("a%d@example.com", i)) })
	}
	wg.Wait()
	after := s.queue.Stats()
	if n := after.TxStats.GetWrite() - before.TxStats.GetWrite(); n == 0 {
		t.Error("nothing was written")
	}
	if st, _ := s.Status(); st.Pending != 200 {
		t.Errorf("%d pending, want 200", st.Pending)
	}
	if f := checked(t, s); len(f) > 0 {
		t.Error(f)
	}
}

func TestFailedSyncOfOneFileEndsBoth(t *testing.T) {
	dir := t.TempDir()
	s, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close() // says that the file is no longer what it was
	putOne(t, s, "a@example.com")
	if err := testdata.BreakSync(filepath.Join(dir, QueueFile)); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Put(t.Context(), Envelope{To: []string{"a@example.com"}}, []byte("x")); !errors.Is(err, ErrBroken) {
		t.Errorf("put: %v, want ErrBroken", err)
	}
	if err := s.Begin(t.Context(), Ledger{Campaign: 1}); !errors.Is(err, ErrBroken) {
		t.Errorf("a campaign after it: %v, want ErrBroken", err)
	}
	select {
	case <-s.Broken():
	default:
		t.Error("Broken is not closed")
	}
	s.Pace = freePace{}
	if err := s.Run(t.Context()); !errors.Is(err, ErrBroken) {
		t.Errorf("run: %v, want ErrBroken", err)
	}
}

func TestRetryAndDiscardByHand(t *testing.T) {
	s := open(t)
	id := putOne(t, s, "a@example.com")[0]
	if err := s.Retry(t.Context(), id); !errors.Is(err, ErrState) {
		t.Errorf("retry of a pending mail: %v, want ErrState", err)
	}
	if err := s.Discard(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	if m, _ := s.Message(id); m.Outcome != Skipped || m.Reason != SkipCancelled {
		t.Errorf("got %+v, want skipped: cancelled", m)
	}
	if err := s.Discard(t.Context(), "q99"); !errors.Is(err, ErrNotFound) {
		t.Errorf("unknown id: %v, want ErrNotFound", err)
	}
	id = putOne(t, s, "b@example.com")[0]
	fail(t, s, id)
	if err := s.Retry(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	if m, _ := s.Message(id); m.Outcome != Pending || m.Tries != 0 {
		t.Errorf("after retry: %+v", m)
	}
	fail(t, s, id)
	if err := s.Discard(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	if err := s.Discard(t.Context(), id); !errors.Is(err, ErrState) {
		t.Errorf("second discard: %v, want ErrState", err)
	}
	if err := s.Retry(t.Context(), id); !errors.Is(err, ErrState) {
		t.Errorf("retry without a body: %v, want ErrState", err)
	}
	if f := checked(t, s); len(f) > 0 {
		t.Error(f)
	}
}

// fail makes a queue message fail for good.
func fail(t *testing.T, s *Spool, id string) {
	t.Helper()
	_, _, seq, _ := parseID(id)
	m, err := s.Message(id)
	if err != nil {
		t.Fatal(err)
	}
	leased := make([]*Message, 1)
	err = s.leaseQueue([]candidate{{key: seq, domain: m.FromDomain, at: millis(m.NextTry)}}, leased, func() int { return 0 })
	if err != nil || leased[0] == nil {
		t.Fatalf("lease %s: %v, %v", id, leased, err)
	}
	v := judge(leased[0], &SendError{Class: Permanent, Text: "no"}, policy{maxTries: 4, delays: defaultDelays})
	if err := s.settleLeased(leased[0], "", v); err != nil {
		t.Fatal(err)
	}
}

func TestFindByAddressAndMessageID(t *testing.T) {
	s := open(t)
	ids := putOne(t, s, "a@example.com", "b@example.com")
	for query, want := range map[string]int{"<7@app>": 2, "B@example.com": 1, ids[0]: 1, "nobody@example.com": 0} {
		got, err := s.Find(t.Context(), query, nil)
		if err != nil || len(got) != want {
			t.Errorf("find %q: %d messages, %v; want %d", query, len(got), err, want)
		}
	}
}

func TestDamagedBodyIsNotSent(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		id := b.put("a@example.com")[0]
		err := b.queue.do(0, func(tx *bbolt.Tx) error { return tx.Bucket(bBodies).Bucket(u64(1)).Put(kBody, []byte("other")) })
		if err != nil {
			t.Fatal(err)
		}
		b.run()
		after(time.Second)
		if m := b.message(id); m.Outcome != Failed || b.sender.total() != 0 {
			t.Errorf("got %s after %d calls, want failed after none", m.Outcome, b.sender.total())
		}
	})
}

func TestBodyMemoryIsBounded(t *testing.T) {
	s := open(t)
	s.BodyMemory = 100
	release, err := s.ReserveBody(t.Context(), 80)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	stop()
	if _, err := s.ReserveBody(ctx, 80); err == nil {
		t.Error("80 more of 100 were given while 80 were out")
	}
	release()
	release() // twice does no harm
	if again, err := s.ReserveBody(t.Context(), 1000); err != nil {
		t.Errorf("more than all of it: %v", err)
	} else {
		again()
	}
}

func TestPaceSnapshotIsKept(t *testing.T) {
	s := open(t)
	if b, err := s.LoadPace(); err != nil || b != nil {
		t.Errorf("before: %q, %v", b, err)
	}
	if err := s.SavePace([]byte("x")); err != nil {
		t.Fatal(err)
	}
	if b, err := s.LoadPace(); err != nil || string(b) != "x" {
		t.Errorf("got %q, %v; want x", b, err)
	}
}

// What the watch of domains knows is there after a restart.
func TestWatchOfDomainsIsKept(t *testing.T) {
	dir := t.TempDir()
	s, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := s.LoadDomains(); len(got) != 0 || err != nil {
		t.Errorf("before the first: %q, %v", got, err)
	}
	if err := s.SaveDomains([]byte("state")); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if s, err = Open(dir); err != nil {
		t.Fatal(err)
	}
	defer s.Close() // only read
	if got, err := s.LoadDomains(); string(got) != "state" || err != nil {
		t.Errorf("got %q, %v", got, err)
	}
}
