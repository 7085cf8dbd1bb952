package store

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.etcd.io/bbolt"
)

// counter counts keys the way an owner does: once a commit.
type counter struct {
	s              *Store
	now, committed int
	groups         int
}

func (c *counter) Begin(*bbolt.Tx) { c.now = c.committed }
func (c *counter) Flush(tx *bbolt.Tx) error {
	return tx.Bucket(bData).Put([]byte("count"), fmt.Append(nil, c.now))
}
func (c *counter) Publish()       { c.committed, c.groups = c.now, c.groups+1 }
func (c *counter) Abandon() error { c.now = -1; return nil }

func counted(t *testing.T) (*Store, *counter) {
	t.Helper()
	s, err := Open(filepath.Join(t.TempDir(), "test.db"), options())
	if err != nil {
		t.Fatal(err)
	}
	c := &counter{s: s}
	t.Cleanup(func() { _ = s.Close() })
	return s, c
}

func (c *counter) add(k string, fail error) Job {
	return Job{Apply: func(tx *bbolt.Tx) error {
		c.now++
		return errors.Join(tx.Bucket(bData).Put([]byte(k), []byte(k)), fail)
	}}
}

func TestWaitingJobsShareACommitInTheirOrder(t *testing.T) {
	s, c := counted(t)
	var order []int
	var waiting []<-chan error
	for i := range 100 { // the writer does not run yet
		j := c.add(fmt.Sprint("k", i), nil)
		apply := j.Apply
		j.Apply = func(tx *bbolt.Tx) error { order = append(order, i); return apply(tx) }
		done, err := s.Submit(t.Context(), j)
		if err != nil {
			t.Fatal(err)
		}
		waiting = append(waiting, done)
	}
	s.Start(c)
	for _, done := range waiting {
		if err := <-done; err != nil {
			t.Fatal(err)
		}
	}
	closed(t, s)
	if c.groups != 1 || c.committed != 100 || len(order) != 100 || !slices.IsSorted(order) {
		t.Errorf("%d commits, count %d, order %v", c.groups, c.committed, order)
	}
}

func TestFailingJobDoesNotTakeOthersWithIt(t *testing.T) {
	s, c := counted(t)
	oops := errors.New("oops")
	var waiting []<-chan error
	for i, fail := range []error{nil, oops, nil, oops} {
		done, err := s.Submit(t.Context(), c.add(fmt.Sprint("k", i), fail))
		if err != nil {
			t.Fatal(err)
		}
		waiting = append(waiting, done)
	}
	s.Start(c)
	for i, want := range []error{nil, oops, nil, oops} {
		if err := <-waiting[i]; !errors.Is(err, want) {
			t.Errorf("job %d: %v, want %v", i, err, want)
		}
	}
	if got := value(t, s, "k0") + value(t, s, "k1") + value(t, s, "k2") + value(t, s, "count"); got != "k0k22" {
		t.Errorf("stored %q", got)
	}
	if s.Err() != nil {
		t.Error(s.Err())
	}
}

func TestLazyJobSharesTheCommitOfTheNextOrWaitsNoLongerThanItMay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, c := counted(t)
		s.Start(c)
		lazy := c.add("lazy", nil)
		lazy.Lazy = time.Second
		submit := func(j Job) <-chan error {
			done, err := s.Submit(t.Context(), j)
			if err != nil {
				t.Fatal(err)
			}
			return done
		}
		begun := time.Now()
		alone := submit(lazy)
		if err := <-alone; err != nil || time.Since(begun) != time.Second || c.groups != 1 {
			t.Errorf("alone it was on disk after %v, %d commits, %v; want 1s, 1", time.Since(begun), c.groups, err)
		}
		begun = time.Now()
		first, second := submit(lazy), submit(lazy)
		synctest.Wait()
		urgent := submit(c.add("urgent", nil))
		if err := errors.Join(<-first, <-second, <-urgent); err != nil || time.Since(begun) != 0 || c.groups != 2 {
			t.Errorf("with company they were on disk after %v, %d commits, %v; want 0s, 2", time.Since(begun), c.groups, err)
		}
		last := submit(lazy)
		closed(t, s)
		if err := <-last; err != nil {
			t.Error("a close lost it:", err)
		}
	})
}

func TestManyWritersAndAClose(t *testing.T) {
	s := fresh(t)
	var wait sync.WaitGroup
	var mu sync.Mutex
	stored := 0
	for i := range 16 {
		wait.Go(func() {
			for n := range 50 {
				switch err := s.Do(t.Context(), put(fmt.Sprint(i, " ", n), "v")); {
				case err == nil:
					mu.Lock()
					stored++
					mu.Unlock()
				case !errors.Is(err, ErrClosed):
					t.Error(err)
				}
			}
		})
	}
	do(t, s, put("k", "v"))
	closed(t, s)
	wait.Wait()
	s, n := start(t, s.path, options()), 0
	_ = s.View(func(tx *bbolt.Tx) error { n = tx.Bucket(bData).Stats().KeyN; return nil })
	if n != stored+1 {
		t.Errorf("%d acknowledged, %d are there", stored+1, n)
	}
}

func TestContextEndsOnlyTheWaitingForAPlace(t *testing.T) {
	s := fresh(t)
	ctx, stop := context.WithCancel(t.Context())
	stop()
	if err := s.Do(ctx, put("k", "v")); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}
