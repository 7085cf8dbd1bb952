package campaign

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"time"

	bolt "go.etcd.io/bbolt"
)

// fileGrace is how long a file that nothing names is kept: between
// attaching it and saving the draft a person may go to lunch.
const fileGrace = 24 * time.Hour

// fileHead is what is kept beside a file's bytes.
type fileHead struct {
	Bytes int64     `json:"bytes"`
	Added time.Time `json:"added"` // when it was stored last: anew for one that was there
}

// addFiles brings a file to format 3: format 2 had no attachments.
func addFiles(tx *bolt.Tx) error {
	_, err := tx.CreateBucketIfNotExists(bucketFiles)
	return err
}

func hashOf(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// fileKey is the key of a hash; nil for what is none.
func fileKey(hash string) []byte {
	k, err := hex.DecodeString(hash)
	if err != nil || len(k) != sha256.Size {
		return nil
	}
	return k
}

// keepFile stores bytes under their hash, once.
func (s *Store) keepFile(hash string, data []byte) error {
	return s.update(len(data)+1024, func(tx *bolt.Tx) error {
		b, err := tx.Bucket(bucketFiles).CreateBucketIfNotExists(fileKey(hash))
		if err != nil {
			return err
		}
		if _, err := fileBytes(tx, fileKey(hash)); err != nil { // not there, or damaged
			if err := b.Put([]byte("data"), sealed(data)); err != nil {
				return err
			}
		}
		return putJSON(b, []byte("head"), fileHead{Bytes: int64(len(data)), Added: now()})
	})
}

// file is the bytes under a hash. ErrNotFound; an error too when they are not
// what the hash says.
func (s *Store) file(hash string) ([]byte, error) {
	var data []byte
	err := s.db.View(func(tx *bolt.Tx) error {
		raw, err := fileBytes(tx, fileKey(hash))
		data = append(data, raw...)
		return err
	})
	return data, err
}

// fileBytes returns a slice that is good within the transaction only.
func fileBytes(tx *bolt.Tx, k []byte) ([]byte, error) {
	if k == nil {
		return nil, fmt.Errorf("file without a hash: %w", ErrNotFound)
	}
	b := tx.Bucket(bucketFiles).Bucket(k)
	if b == nil {
		return nil, fmt.Errorf("file %x: %w", k[:4], ErrNotFound)
	}
	data, err := unsealed(b.Get([]byte("data")))
	if err == nil && hashOf(data) != hex.EncodeToString(k) {
		err = errSeal
	}
	if err != nil {
		return nil, fmt.Errorf("file %x: %w", k[:4], err)
	}
	return data, nil
}

// dropFiles removes the files that neither a campaign nor a template version
// names and that are older than fileGrace. A record that cannot be read keeps
// all of them.
func (s *Store) dropFiles(at time.Time) (dropped int, err error) {
	err = s.update(0, func(tx *bolt.Tx) error {
		used, err := usedFiles(tx)
		if err != nil {
			return err
		}
		var old [][]byte
		files := tx.Bucket(bucketFiles)
		err = files.ForEachBucket(func(k []byte) error {
			var head fileHead
			if err := readJSON(files.Bucket(k).Get([]byte("head")), &head); err != nil {
				return nil // damaged: `pabal check` names it
			}
			if !used[hex.EncodeToString(k)] && at.Sub(head.Added) > fileGrace && len(old) < freezeBatch {
				old = append(old, append([]byte(nil), k...))
			}
			return nil
		})
		for _, k := range old {
			if err == nil {
				err = files.DeleteBucket(k)
			}
		}
		dropped = len(old)
		return err
	})
	return dropped, err
}

// usedFiles are the hashes that campaigns and template versions name.
func usedFiles(tx *bolt.Tx) (map[string]bool, error) {
	used := map[string]bool{}
	err := tx.Bucket(bucketCampaigns).ForEach(func(_, raw []byte) error {
		var c Campaign
		if err := readJSON(raw, &c); err != nil {
			return err
		}
		for _, a := range c.Attachments {
			used[a.Hash] = true
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	versions := tx.Bucket(bucketVersions)
	err = versions.ForEachBucket(func(k []byte) error {
		var head Template
		if err := readJSON(versions.Bucket(k).Get([]byte("head")), &head); err != nil {
			return err
		}
		for _, i := range head.Images {
			used[i.Hash] = true
		}
		return nil
	})
	return used, err
}
