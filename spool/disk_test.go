package spool

import (
	"bytes"
	"errors"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"pabal/store"
)

// smallDisk is a spool on a volume of 640 MB whose free space a test sets. With
// mails of 10 MB at most 15 + 64 MB have to be free.
func smallDisk(t *testing.T, dir string) (*Spool, *atomic.Int64) {
	t.Helper()
	var free atomic.Int64
	free.Store(640 << 20)
	s, err := openWith(dir, store.Options{Disk: func(string) (store.Space, error) {
		return store.Space{Free: free.Load(), Total: 640 << 20}, nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s, &free
}

func TestRoomSaysWhatPutWouldSay(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		s, free := smallDisk(t, dir)
		for _, c := range []struct {
			free int64
			full bool
		}{{640 << 20, false}, {70 << 20, true}, {0, true}, {90 << 20, false}} {
			free.Store(c.free)
			time.Sleep(time.Second)
			_, err := s.Put(t.Context(), Envelope{To: []string{"a@example.com"}}, []byte("x"))
			if room := s.Room(); errors.Is(room, ErrFull) != c.full || errors.Is(err, ErrFull) != c.full {
				t.Errorf("%d MB free: room %v, put %v", c.free>>20, room, err)
			}
			st, err := s.Status()
			if err != nil || st.Store.NearlyFull != c.full || st.Store.NoCampaigns != c.full || st.Store.ReserveBytes != 79<<20 || st.Store.FreeBytes < c.free-4096 {
				t.Errorf("%d MB free: %+v, %v", c.free>>20, st.Store, err)
			}
		}
		s.queue.Break("queue.db", errors.New("EIO"))
		if err := s.Room(); !errors.Is(err, ErrBroken) {
			t.Errorf("broken: %v", err)
		}
	})
}

func TestNearlyFullDiskIsSaidOncePerChange(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		s, free := smallDisk(t, dir)
		var log bytes.Buffer
		s.Logger = slog.New(slog.NewTextHandler(&log, nil))
		ended := make(chan struct{})
		ctx := t.Context()
		go func() { defer close(ended); s.watchDisk(ctx) }()
		for _, mb := range []int64{640, 70, 10, 80, 70, 85, 95, 640, 70} { // 79 and, to have room again, 88 are needed
			free.Store(mb << 20)
			time.Sleep(time.Minute)
			synctest.Wait()
		}
		if full, again := strings.Count(log.String(), "disk is nearly full"), strings.Count(log.String(), "disk has room again"); full != 2 || again != 1 {
			t.Errorf("%d times nearly full, %d times room again; want 2 and 1:\n%s", full, again, log.String())
		}
		var said []string
		for _, e := range s.Events() {
			said = append(said, e.Kind+" "+e.Text)
		}
		if want := "disk nearly full: 70 MB are free, 79 MB are needed"; len(said) != 3 || !strings.HasPrefix(said[0], want) {
			t.Errorf("events %q, the first should be %q", said, want)
		}
	})
}
