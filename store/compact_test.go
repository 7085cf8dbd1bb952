package store

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.etcd.io/bbolt"
)

// mostlyFree is a file of 200 big entries of which 5 are left.
func mostlyFree(t *testing.T) string {
	t.Helper()
	s := fresh(t)
	for i := range 10 {
		do(t, s, Job{Apply: func(tx *bbolt.Tx) (err error) {
			for n := range 20 {
				err = errors.Join(err, tx.Bucket(bData).Put(fmt.Appendf(nil, "k%03d", 20*i+n), []byte(strings.Repeat("v", 20_000))))
			}
			return err
		}})
	}
	do(t, s, Job{Apply: func(tx *bbolt.Tx) error {
		for i := range 195 {
			if err := tx.Bucket(bData).Delete(fmt.Appendf(nil, "k%03d", i)); err != nil {
				return err
			}
		}
		if err := tx.Bucket(bData).SetSequence(77); err != nil {
			return err
		}
		sub, err := tx.Bucket(bData).CreateBucket([]byte("inner"))
		if err != nil {
			return err
		}
		return errors.Join(sub.SetSequence(78), sub.Put([]byte("empty"), nil), sub.Put([]byte("a"), []byte("b")))
	}})
	closed(t, s)
	return s.path
}

func TestCompactKeepsEverythingAndGivesTheRestBack(t *testing.T) {
	path := mostlyFree(t)
	before, after, err := Compact(path)
	if err != nil || before < 4_000_000 || after > 300_000 {
		t.Fatalf("%d, %d, %v", before, after, err)
	}
	if info, err := os.Stat(path); err != nil || info.Size() > 300_000 || info.Mode() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
	if len(Doubtful(path)) > 0 {
		t.Error("has no mark")
	}
	s := start(t, path, options())
	if value(t, s, "k199") != strings.Repeat("v", 20_000) || value(t, s, "k000") != "" {
		t.Error("its entries are others")
	}
	err = s.View(func(tx *bbolt.Tx) error {
		if b := tx.Bucket(bData); b.Sequence() != 77 || b.Bucket([]byte("inner")).Sequence() != 78 || b.Bucket([]byte("inner")).Get([]byte("empty")) == nil {
			t.Error("sequences or empty values are lost")
		}
		return nil
	})
	if err != nil || s.Check(t.Context()) != nil {
		t.Error(err, s.Check(t.Context()))
	}
	if _, _, err := Compact(path); !errors.Is(err, ErrLocked) {
		t.Errorf("beside the daemon: %v", err)
	}
	if left, _ := filepath.Glob(path + ".new*"); len(left) > 0 {
		t.Errorf("left over: %q", left)
	}
}

func TestOpenCompactsWhatIsLargeAndMostlyUnused(t *testing.T) {
	for _, c := range []struct {
		at   int64
		want bool
	}{{1_000_000, true}, {100_000_000, false}, {-1, false}, {0, false}} {
		o := options()
		o.CompactAt = c.at
		path := mostlyFree(t)
		s := start(t, path, o)
		if small := s.top() < 300_000; small != c.want || (len(s.Notes()) == 1) != c.want {
			t.Errorf("at %d: %d bytes, %q", c.at, s.top(), s.Notes())
		}
		do(t, s, put("k", "v"))
		if value(t, s, "k199") == "" {
			t.Error("lost an entry")
		}
	}
}

func TestCompactFindsACopyThatIsNotTheSame(t *testing.T) {
	a, b := fresh(t), fresh(t)
	do(t, a, put("k", "v"))
	do(t, b, put("k", "w"))
	if err := same(a.db, b.db); err == nil {
		t.Error("two different files are the same")
	}
	if err := same(a.db, a.db); err != nil {
		t.Error(err)
	}
}
