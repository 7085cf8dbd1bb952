package campaign

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	bolt "go.etcd.io/bbolt"

	"pabal/store"
)

func TestCheckFindsWhatDoesNotFit(t *testing.T) {
	dir := t.TempDir()
	h := open(t, dir)
	ctx := context.Background()
	for range 2 {
		if _, err := h.store.PutTemplate(ctx, Template{Name: "hello", Subject: "s", HTML: "<p>x</p>"}); err != nil {
			t.Fatal(err)
		}
	}
	c, err := h.store.Create(ctx, Campaign{Template: "hello", TemplateVersion: 1})
	if err != nil {
		t.Fatal(err)
	}
	if faults, err := h.store.Check(ctx); err != nil || len(faults) > 0 {
		t.Fatalf("%q, %v", faults, err)
	}
	for _, d := range []struct {
		want   string
		damage func(tx *bolt.Tx) error
	}{
		{"version 2 cannot be read", func(tx *bolt.Tx) error {
			return tx.Bucket(bucketVersions).Bucket(versionName(1, 2)).Put([]byte("head"), []byte("{"))
		}},
		{"version 1 is missing", func(tx *bolt.Tx) error { return tx.Bucket(bucketVersions).DeleteBucket(versionName(1, 1)) }},
		{"campaign 1: its template", func(*bolt.Tx) error { return nil }},
		{"2 names of templates", func(tx *bolt.Tx) error { return tx.Bucket(bucketNames).Put([]byte("ghost"), key(8)) }},
		{"is not in the index of names", func(tx *bolt.Tx) error { return tx.Bucket(bucketNames).Put([]byte("hello"), key(9)) }},
		{"cannot be read: unexpected", func(tx *bolt.Tx) error { return tx.Bucket(bucketCampaigns).Put(key(c.ID), []byte("{")) }},
	} {
		if err := h.store.update(0, d.damage); err != nil {
			t.Fatal(err)
		}
		if faults, err := h.store.Check(ctx); err != nil || !slices.ContainsFunc(faults, func(f string) bool { return strings.Contains(f, d.want) }) {
			t.Errorf("want %q in %q, %v", d.want, faults, err)
		}
	}
}

func TestFileIsCheckedWithoutADaemonAndLeftAsItIs(t *testing.T) {
	dir, ctx := t.TempDir(), context.Background()
	h := open(t, dir)
	if _, err := h.store.PutTemplate(ctx, Template{Name: "hello", Subject: "s", HTML: "<p>x</p>"}); err != nil {
		t.Fatal(err)
	}
	if _, err := CheckFile(ctx, dir); !errors.Is(err, store.ErrLocked) {
		t.Errorf("beside the daemon: %v", err)
	}
	h.close(t)
	path := filepath.Join(dir, FileName)
	before, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if faults, err := CheckFile(ctx, dir); err != nil || len(faults) > 0 {
		t.Errorf("%q, %v", faults, err)
	}
	if after, err := os.ReadFile(path); err != nil || string(before) != string(after) {
		t.Errorf("the file was changed, %v", err)
	}
	if _, err = CheckFile(ctx, t.TempDir()); !errors.Is(err, store.ErrMissing) {
		t.Errorf("no file: %v", err)
	}
}
