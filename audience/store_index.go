package audience

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"

	bolt "go.etcd.io/bbolt"

	"pabal/eml"
)

// The e-mail index has random keys: put in with every batch of an import it
// costs five times the rows (40k rows/s against 209k with one sorted run at the
// end). So an import keeps the new ones in memory and puts them in sorted when
// it ends; meta's "indexed" says from which id on the index has to be made good
// when pabal was killed before that.
const indexBatch = 20_000 // entries a commit, sorted: neighbours share pages

// addressHash is the keyed hash of an address (doc.go).
type addressHash [16]byte

func (h addressHash) short() uint64 { return binary.BigEndian.Uint64(h[:8]) }

// hash is the address hash of an address as eml.ParseAddress returned it.
func (s *Store) hash(address string) addressHash {
	var room [16 + 256]byte
	sum := sha256.Sum256(append(append(room[:0], s.salt[:]...), eml.Key(address)...))
	return addressHash(sum[:16])
}

func emailKey(short, id uint64) []byte {
	return binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(make([]byte, 0, 16), short), id)
}

// find is the id and record of an address, a nil record if there is none.
func (s *Store) find(emails *bolt.Cursor, people *bolt.Bucket, h addressHash, address string) (uint64, []byte) {
	want := eml.Key(address)
	if id := s.pending.get(h.short()); id != 0 {
		if b := people.Get(key64(id)); isAt(b, want) {
			return id, b
		}
	}
	prefix := key64(h.short())
	for k, _ := emails.Seek(prefix); len(k) == 16 && string(k[:8]) == string(prefix); k, _ = emails.Next() {
		id := binary.BigEndian.Uint64(k[8:])
		if b := people.Get(key64(id)); isAt(b, want) {
			return id, b
		}
	}
	return 0, nil
}

// isAt reports whether a record has the address behind a key.
func isAt(b []byte, key string) bool {
	if b == nil {
		return false
	}
	r, err := parse(0, b)
	return err == nil && len(r.email) == len(key) && eml.Key(string(r.email)) == key
}

// flush puts what is pending into the index, a commit for each batch, and with
// the last one notes up to which id the index is whole. A batch is taken inside
// its commit, where nothing is pending that may still be rolled back.
func (s *Store) flush(ctx context.Context) error {
	for at := s.pending.walk(); ; {
		var batch []entry
		var next walk
		err := s.update(ctx, func(u *update) error {
			next = at
			batch = s.pending.next(&next, indexBatch)
			u.direct = u.direct || len(batch) == 0 // Flush notes the mark
			return u.index(batch)
		})
		if err != nil {
			return fmt.Errorf("write the e-mail index: %w", err)
		}
		if len(batch) == 0 {
			return nil
		}
		s.pending.remove(batch)
		at = next
	}
}

func (u *update) index(batch []entry) error {
	b := u.tx.Bucket(bucketEmail)
	b.FillPercent = 0.8
	for _, e := range batch {
		if err := b.Put(emailKey(e.short, e.id), []byte{}); err != nil {
			return err
		}
	}
	return nil
}

// reindex makes the index good after a kill.
func (s *Store) reindex() error {
	list, err := s.unindexed()
	if err != nil || len(list) == 0 {
		return err
	}
	sortEntries(list)
	for at := 0; at < len(list) && err == nil; at += indexBatch {
		err = s.update(context.Background(), func(u *update) error {
			u.direct = at+indexBatch >= len(list)
			return u.index(list[at:min(at+indexBatch, len(list))])
		})
	}
	if err != nil {
		return fmt.Errorf("write the e-mail index: %w", err)
	}
	return nil
}

// unindexed are the entries of subscribers past the mark.
func (s *Store) unindexed() (list []entry, err error) {
	err = s.db.Guard(func(tx *bolt.Tx) error {
		mark := number(tx.Bucket(bucketMeta).Get(metaIndexed))
		c := tx.Bucket(bucketSubscribers).Cursor()
		for k, v := c.Seek(key64(mark + 1)); k != nil; k, v = c.Next() {
			r, err := parse(binary.BigEndian.Uint64(k), v)
			if err != nil {
				return err
			}
			list = append(list, entry{s.hash(string(r.email)).short(), r.id})
		}
		return nil
	})
	return list, err
}
