package audience

import (
	"encoding/json"
	"path/filepath"
	"testing"

	bolt "go.etcd.io/bbolt"

	"pabal/store"
)

// A store of the version before knows who was erased, and gets them among those
// whose links are no fault.
func TestAnOldStoreGetsTheBucketOfRemovedPeople(t *testing.T) {
	dir := t.TempDir()
	o := fileOptions()
	o.Buckets, o.Migrations = o.Buckets[:len(o.Buckets)-1], o.Migrations[:4]
	db, err := store.Open(filepath.Join(dir, FileName), o)
	if err != nil {
		t.Fatal(err)
	}
	db.Start(nil)
	err = db.Do(t.Context(), store.Job{Apply: func(tx *bolt.Tx) error {
		v, err := json.Marshal(Erasure{ID: 1, Subscriber: 7, Done: true})
		if err != nil {
			return err
		}
		if err := tx.Bucket(bucketSubscribers).SetSequence(7); err != nil {
			return err
		}
		return tx.Bucket(bucketErased).Put(key64(1), v)
	}})
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	s := openAt(t, dir)
	if sub, known, err := s.Former(7); err != nil || !known || sub.ID != 0 {
		t.Errorf("the erased one: %+v, known %v, %v", sub, known, err)
	}
	if _, known, err := s.Former(6); err != nil || known {
		t.Errorf("one who never was: known %v, %v", known, err)
	}
	if known, err := s.UnsubscribeFormer(t.Context(), 7, Person, ""); err != nil || !known {
		t.Errorf("the erased one refuses: known %v, %v", known, err)
	}
	sound(t, s)
}
