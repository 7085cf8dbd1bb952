package campaign

import (
	"bytes"
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
			return tx.Bucket(bucketVersions).Bucket(versionName(1, 2)).Put([]byte("head"), sealed([]byte("{")))
		}},
		{"version 1 cannot be read: text: its checksum", flip(bucketVersions, versionName(1, 1), partText)},
		{"version 1 cannot be read: HTML: its checksum", flip(bucketVersions, versionName(1, 1), partHTML)},
		{"version 1 is missing", func(tx *bolt.Tx) error { return tx.Bucket(bucketVersions).DeleteBucket(versionName(1, 1)) }},
		{"campaign 1: its template", func(*bolt.Tx) error { return nil }},
		{"2 names of templates", func(tx *bolt.Tx) error { return tx.Bucket(bucketNames).Put([]byte("ghost"), key(8)) }},
		{"is not in the index of names", func(tx *bolt.Tx) error { return tx.Bucket(bucketNames).Put([]byte("hello"), key(9)) }},
		{"cannot be read: unexpected", func(tx *bolt.Tx) error { return tx.Bucket(bucketCampaigns).Put(key(c.ID), sealed([]byte("{"))) }},
	} {
		if err := h.store.update(0, d.damage); err != nil {
			t.Fatal(err)
		}
		if faults, err := h.store.Check(ctx); err != nil || !slices.ContainsFunc(faults, func(f string) bool { return strings.Contains(f, d.want) }) {
			t.Errorf("want %q in %q, %v", d.want, faults, err)
		}
	}
}

// flip changes one bit of a value.
func flip(bucket, inner []byte, name string) func(*bolt.Tx) error {
	return func(tx *bolt.Tx) error {
		b := tx.Bucket(bucket).Bucket(inner)
		v := bytes.Clone(b.Get([]byte(name)))
		v[0] ^= 1
		return b.Put([]byte(name), v)
	}
}

func TestFlippedLetterIsNotSent(t *testing.T) {
	for _, part := range []string{"head", partHTML, partText} {
		h := open(t, t.TempDir())
		if _, err := h.store.PutTemplate(t.Context(), Template{Name: "hello", Subject: "s", HTML: "<p>x</p>", Text: "x"}); err != nil {
			t.Fatal(err)
		}
		if err := h.store.update(0, flip(bucketVersions, versionName(1, 1), part)); err != nil {
			t.Fatal(err)
		}
		if got, err := h.store.Template("hello", 1); !errors.Is(err, errSeal) {
			t.Errorf("a bit of %s flipped: got %+v, %v", part, got, err)
		}
		h.close(t)
	}
}

func TestFileOfTheFirstFormatIsSealed(t *testing.T) {
	dir := t.TempDir()
	old, err := store.Open(filepath.Join(dir, FileName), store.Options{Kind: "campaign",
		Buckets: [][]byte{bucketNames, bucketTemplates, bucketVersions, bucketCampaigns}})
	if err != nil {
		t.Fatal(err)
	}
	old.Start(nil)
	head := `{"id":1,"name":"hello","version":1,"subject":"s"}`
	err = old.Do(t.Context(), store.Job{Apply: func(tx *bolt.Tx) error {
		b, err := tx.Bucket(bucketVersions).CreateBucket(versionName(1, 1))
		return errors.Join(err, b.Put([]byte("head"), []byte(head)), b.Put([]byte(partHTML), []byte("<p>x</p>")), b.Put([]byte(partText), nil),
			tx.Bucket(bucketNames).Put([]byte("hello"), key(1)), tx.Bucket(bucketTemplates).Put(key(1), []byte(head)),
			tx.Bucket(bucketCampaigns).Put(key(1), []byte(`{"id":1,"name":"autumn","template":"hello","template_version":1}`)))
	}})
	if err := errors.Join(err, old.Close()); err != nil {
		t.Fatal(err)
	}
	h := open(t, dir)
	defer h.close(t)
	if faults, err := h.store.Check(t.Context()); err != nil || len(faults) > 0 {
		t.Errorf("%q, %v", faults, err)
	}
	if got, err := h.store.Template("hello", 0); err != nil || got.HTML != "<p>x</p>" || got.Subject != "s" {
		t.Errorf("got %+v, %v", got, err)
	}
	if got, err := h.store.record(1); err != nil || got.Name != "autumn" {
		t.Errorf("got %+v, %v", got, err)
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
