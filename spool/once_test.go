package spool

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"go.etcd.io/bbolt"

	"pabal/store"
)

func TestAMailPutTwiceUnderOneNameIsStoredOnce(t *testing.T) {
	dir := t.TempDir()
	s, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	env := Envelope{From: "app@example.com", FromDomain: "example.com", To: []string{"a@example.net", "b@example.net"}, Once: "abc"}
	first, err := s.Put(t.Context(), env, []byte("hello"))
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil { // the crash between Put and unlink
		t.Fatal(err)
	}
	if s, err = Open(dir); err != nil {
		t.Fatal(err)
	}
	again, err := s.Put(t.Context(), env, []byte("hello"))
	if err != nil || !slices.Equal(again, first) || len(first) != 2 {
		t.Errorf("second Put: %v %v, want the ids of the first, %v", again, err, first)
	}
	if names, err := s.Once(10); err != nil || !slices.Equal(names, []string{"abc"}) {
		t.Errorf("Once: %q %v", names, err)
	}
	if err := s.Forget([]string{"abc", "unknown"}); err != nil {
		t.Fatal(err)
	}
	third, err := s.Put(t.Context(), env, []byte("hello"))
	if err != nil || slices.Equal(third, first) {
		t.Errorf("after Forget: %v %v, want new ids", third, err)
	}
	if faults := offline(t, s, dir); len(faults) > 0 {
		t.Errorf("check: %q", faults)
	}
}

func TestMailsWithoutANameAreNeverTheSame(t *testing.T) {
	s, err := Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	env := Envelope{From: "app@example.com", FromDomain: "example.com", To: []string{"a@example.net"}}
	first, err1 := s.Put(t.Context(), env, []byte("hello"))
	second, err2 := s.Put(t.Context(), env, []byte("hello"))
	if err1 != nil || err2 != nil || slices.Equal(first, second) {
		t.Errorf("%v %v, %v %v: want two mails", first, err1, second, err2)
	}
	env.Once = strings.Repeat("x", maxOnceName+1)
	if _, err := s.Put(t.Context(), env, []byte("hello")); err == nil {
		t.Error("a name of 65 bytes was taken")
	}
}

func TestAnOldQueueGetsTheBucketOfNames(t *testing.T) {
	dir := t.TempDir()
	old, err := store.Open(filepath.Join(dir, QueueFile), store.Options{Kind: "queue",
		Buckets:    slices.DeleteFunc(slices.Clone(queueBuckets), func(b []byte) bool { return string(b) == "once" }),
		Migrations: []func(*bbolt.Tx) error{addOrphans}})
	if err != nil {
		t.Fatal(err)
	}
	old.Start(noSums{})
	if err := old.Close(); err != nil {
		t.Fatal(err)
	}
	s, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	env := Envelope{From: "app@example.com", FromDomain: "example.com", To: []string{"a@example.net"}, Once: "abc"}
	if _, err := s.Put(t.Context(), env, []byte("hello")); err != nil {
		t.Errorf("Put into an old queue: %v", err)
	}
	if faults := offline(t, s, dir); len(faults) > 0 {
		t.Errorf("after the migration: %q", faults)
	}
}
