package store

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.etcd.io/bbolt"

	"pabal/eml"
)

// smallBucket is a file whose bucket "data" lies in its parent's page, with the
// kind of that page damaged by one bit: bbolt opens it and panics when the
// bucket is used.
func smallBucket(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "test.db")
	s := start(t, path, options())
	do(t, s, put("k", "v"))
	closed(t, s)
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	inline := append(bytes.Clone(bData), make([]byte, 8)...) // name, then a root of 0
	at, flipped := 0, 0
	for {
		i := bytes.Index(b[at:], inline)
		if i < 0 {
			break
		}
		at += i + len(bData)
		b[at+16+8] ^= 1 // bucket header of 16 bytes, page id of 8, then the kind
		flipped++
	}
	if flipped == 0 {
		t.Fatal("no small bucket found")
	}
	if err := errors.Join(os.WriteFile(path, b, 0o600), os.Remove(markPath(path))); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestDamageInASmallBucketIsSeenBeforeTheStart(t *testing.T) {
	path := smallBucket(t)
	if err := Prove(t.Context(), child, path); !errors.Is(err, ErrDamaged) || strings.Contains(err.Error(), "\n") {
		t.Errorf("proved with %v", err)
	}
}

func TestDamageMetWhileReadingIsAnError(t *testing.T) {
	s := start(t, smallBucket(t), options())
	err := s.View(func(tx *bbolt.Tx) error { tx.Bucket(bData).Cursor().Last(); return nil })
	if p, ok := errors.AsType[*eml.Problem](err); !ok || !errors.Is(err, ErrDamaged) || !strings.Contains(p.What, s.path) || p.Hint == "" {
		t.Errorf("got %v", err)
	}
	if s.Err() != nil {
		t.Errorf("reading broke the store: %v", s.Err())
	}
}

func TestDamageMetWhileWritingIsFinal(t *testing.T) {
	s := start(t, smallBucket(t), options())
	write := put("k", "w")
	if err := s.Do(t.Context(), write); !errors.Is(err, ErrBroken) || !errors.Is(err, ErrDamaged) {
		t.Errorf("got %v", err)
	}
	select {
	case <-s.Broken():
	default:
		t.Error("the owner is not told")
	}
	if err := s.Do(t.Context(), write); !errors.Is(err, ErrBroken) {
		t.Errorf("then %v", err)
	}
	ended := make(chan error, 1)
	go func() { ended <- s.Close() }()
	select {
	case err := <-ended:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(10 * time.Second):
		t.Fatal("it cannot be closed")
	}
}

func TestPanicsOfOurOwnGoOn(t *testing.T) {
	s := fresh(t)
	defer func() {
		if r := recover(); r != "an invariant" {
			t.Errorf("recovered %v", r)
		}
	}()
	_ = s.View(func(*bbolt.Tx) error { panic("an invariant") })
}
