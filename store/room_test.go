package store

import (
	"errors"
	"io/fs"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"go.etcd.io/bbolt"
	"golang.org/x/sys/unix"

	"pabal/eml"
)

const megabyte = 1 << 20

// What is new is refused while the disk still has space; what is about mail
// that was accepted goes on.
func TestNewThingsAreRefusedBeforeTheDiskIsFull(t *testing.T) {
	var free atomic.Int64
	o := options()
	o.Disk = func(string) (Space, error) { return Space{Free: free.Load(), Total: 1000 * megabyte}, nil }
	free.Store(1000 * megabyte)
	s := start(t, filepath.Join(t.TempDir(), "test.db"), o)
	take := put("new", "v")
	take.Spare = 15 * megabyte
	do(t, s, take)
	for _, c := range []struct {
		free int64
		full bool
	}{{80 * megabyte, false}, {78 * megabyte, true}, {0, true}, {500 * megabyte, false}} {
		free.Store(c.free)
		s.space.asked = time.Time{}
		err := s.Do(t.Context(), take)
		if errors.Is(err, ErrFull) != c.full || err != nil && !c.full {
			t.Errorf("%d MB free: %v", c.free/megabyte, err)
		}
		if p, ok := errors.AsType[*eml.Problem](err); c.full && (!ok || p.Hint == "" || !strings.Contains(p.What, "79 MB are needed")) {
			t.Errorf("said %v", err)
		}
		do(t, s, put("outcome", "v"))
	}
	if s.Err() != nil {
		t.Error(s.Err())
	}
}

// A file does not shrink when mail leaves it: what it can use again counts, or
// nothing would be taken until a restart.
func TestUnusedPagesCountAsFree(t *testing.T) {
	o := options()
	o.Disk = func(string) (Space, error) { return Space{Free: 10 * megabyte, Total: 100 * megabyte}, nil }
	s := start(t, filepath.Join(t.TempDir(), "test.db"), o)
	do(t, s, put("big", strings.Repeat("v", 4*megabyte)))
	if err := s.Room(2*megabyte, 0); !errors.Is(err, ErrFull) {
		t.Errorf("while it is used: %v", err)
	}
	do(t, s, Job{Apply: func(tx *bbolt.Tx) error { return tx.Bucket(bData).Delete([]byte("big")) }})
	do(t, s, put("k", "v")) // pages are free once a later commit sees that nobody reads them
	if err := s.Room(2*megabyte, 0); err != nil {
		t.Errorf("when it is not: %v", err)
	}
}

func TestVolumeIsAskedTenTimesASecondAndWhatIsTakenCounts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		asked := 0
		s := newSpace("/x/y", func(dir string) (Space, error) {
			if asked++; dir != "/x" {
				t.Errorf("asked about %s", dir)
			}
			return Space{Free: 100, Total: 1000}, nil
		})
		for want := int64(100); want > 0; want -= 10 {
			if now, err := s.take(10); err != nil || now.Free != want || asked != 1 {
				t.Fatalf("%+v, %v after %d questions; want %d free", now, err, asked, want)
			}
		}
		time.Sleep(lookEvery)
		if now, _ := s.take(0); now.Free != 100 || asked != 2 {
			t.Errorf("%+v after %d questions", now, asked)
		}
	})
}

func TestSmallVolumesKeepATenth(t *testing.T) {
	o := options()
	o.Disk = func(string) (Space, error) { return Space{Free: 5 * megabyte, Total: 40 * megabyte}, nil }
	s := start(t, filepath.Join(t.TempDir(), "test.db"), o)
	if err := s.Room(megabyte, 0); err != nil {
		t.Errorf("exactly enough: %v", err)
	}
	if err := s.Room(megabyte+megabyte/2, 0); !errors.Is(err, ErrFull) {
		t.Errorf("half a megabyte short: %v", err)
	}
	o.Disk = func(string) (Space, error) { return Space{}, errors.New("no idea") }
	if err := start(t, filepath.Join(t.TempDir(), "test.db"), o).Room(megabyte, 0); err != nil {
		t.Errorf("a volume that says nothing: %v", err)
	}
}

func blocks(t *testing.T, path string) int64 {
	t.Helper()
	var st unix.Stat_t
	if err := unix.Stat(path, &st); err != nil {
		t.Fatal(err)
	}
	return st.Blocks * 512
}

func TestRoomIsLentAPieceAtATimeAndFilledAgain(t *testing.T) {
	o := options()
	o.Room = 2 * roomPiece
	s := start(t, filepath.Join(t.TempDir(), "test.db"), o)
	if got := blocks(t, roomPath(s.path)); got < 2*roomPiece {
		t.Fatalf("%d bytes are kept", got)
	}
	before := blocks(t, s.path)
	for left := int64(1); left >= 0; left-- {
		if lent, err := s.room.lend(s.top() + (1-left)*roomPiece); err != nil || !lent {
			t.Fatalf("lent: %v, %v", lent, err)
		}
		if room, file := blocks(t, roomPath(s.path)), blocks(t, s.path); room != left*roomPiece || file < before+(2-left)*roomPiece-pageSize {
			t.Errorf("%d bytes left, %d in the file, %d before", room, file, before)
		}
	}
	if lent, err := s.room.lend(s.top()); err != nil || lent {
		t.Errorf("lent what is not there: %v, %v", lent, err)
	}
	s.room.next = time.Time{}
	do(t, s, put("k", "v"))
	closed(t, s)
	if s.room.left != 2*roomPiece || blocks(t, roomPath(s.path)) < 2*roomPiece {
		t.Errorf("%d bytes after the next commit", s.room.left)
	}
}

func TestFullDiskIsNotFinalAndAFailedSyncIs(t *testing.T) {
	for err, want := range map[error]error{
		errors.New("file resize error: truncate: no space left on device"): ErrFull,
		&fs.PathError{Op: "write", Err: syscall.ENOSPC}:                    ErrFull,
		&fs.PathError{Op: "write", Err: syscall.EDQUOT}:                    ErrFull,
		&fs.PathError{Op: "write", Err: syscall.EIO}:                       ErrBroken,
		syscall.ENOSPC: ErrBroken, // a sync: nobody knows what is on disk
		syscall.EIO:    ErrBroken,
	} {
		s := &Store{path: "/x/test.db", fuse: NewFuse()}
		if got := s.commitError(err); !errors.Is(got, want) || !errors.Is(got, err) && want == ErrBroken || (s.Err() != nil) != (want == ErrBroken) {
			t.Errorf("%v: got %v, want %v", err, got, want)
		}
	}
}
