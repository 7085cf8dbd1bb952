//go:build bench

package cli

import (
	"encoding/binary"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"go.etcd.io/bbolt"
)

// bareRow is about what a row becomes in audience.db: record, row, row of a
// subscriber, and, sorted in runs, the e-mail index.
const (
	bareRecord = 88      // bytes
	bareBatch  = 5000    // rows a commit, as the sync has it
	bareRun    = 1 << 19 // entries of the index put in at once
)

// bareLoad puts a million rows straight into bbolt: the limit of the store a
// load goes into, without a server, addresses, consent or checks. rows/s.
func bareLoad(t *testing.T) float64 {
	t.Helper()
	db, err := bbolt.Open(filepath.Join(t.TempDir(), "bare.db"), 0o600, &bbolt.Options{PageSize: 4096, FreelistType: bbolt.FreelistMapType, NoFreelistSync: true, InitialMmapSize: 1 << 33})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	begun := time.Now()
	var run []uint64
	for at := 0; at < shopRows; at += bareBatch {
		update(t, db, func(b func(string) *bbolt.Bucket) error { return bareRows(b, at) })
		for range bareBatch {
			run = append(run, rand.Uint64())
		}
		if len(run) >= bareRun || at+bareBatch >= shopRows {
			slices.Sort(run)
			for batch := range slices.Chunk(run, 4*bareBatch) {
				update(t, db, func(b func(string) *bbolt.Bucket) error {
					emails := b("email")
					for _, hash := range batch {
						if err := emails.Put(keyOf(hash, hash), []byte{}); err != nil {
							return err
						}
					}
					return nil
				})
			}
			run = run[:0]
		}
	}
	return shopRows / time.Since(begun).Seconds()
}

func bareRows(b func(string) *bbolt.Bucket, at int) error {
	people, rows, of := b("people"), b("rows"), b("of")
	for i := range uint64(bareBatch) {
		id := uint64(at) + i + 1
		if err := people.Put(keyOf(id), make([]byte, bareRecord)); err != nil {
			return err
		}
		if err := rows.Put(append([]byte("i\x00"), keyOf(id)...), make([]byte, 17)); err != nil {
			return err
		}
		if err := of.Put(keyOf(id, 0, id), []byte{}); err != nil {
			return err
		}
	}
	return nil
}

func keyOf(parts ...uint64) []byte {
	key := make([]byte, 0, 24)
	for _, part := range parts {
		key = binary.BigEndian.AppendUint64(key, part)
	}
	return key
}

func update(t *testing.T, db *bbolt.DB, do func(bucket func(string) *bbolt.Bucket) error) {
	t.Helper()
	err := db.Update(func(tx *bbolt.Tx) error {
		return do(func(name string) *bbolt.Bucket {
			b, err := tx.CreateBucketIfNotExists([]byte(name))
			if err != nil {
				t.Fatal(err)
			}
			b.FillPercent = 0.9
			return b
		})
	})
	if err != nil {
		t.Fatal(err)
	}
}
