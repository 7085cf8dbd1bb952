package audience

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"

	bolt "go.etcd.io/bbolt"

	"pabal/eml"
)

// An id is never used twice, and the links in mails name people by it. So the
// bucket former keeps of every id whose subscriber was removed the hash of the
// address they had last, or nothing where they were erased: a link in a mail
// holds however old it is, and whatever else of its reader is gone.

// Former is who has the address now that a subscriber had who was removed under
// id, the zero Subscriber if nobody has. known says whether the id was anybody's:
// of an erased person it is known, and nobody has it.
func (s *Store) Former(id uint64) (sub Subscriber, known bool, err error) {
	err = s.db.View(func(tx *bolt.Tx) error {
		v := tx.Bucket(bucketFormer).Get(key64(id))
		known = v != nil
		var h addressHash
		if copy(h[:], v) != len(h) {
			return nil
		}
		next, b := s.holder(tx, h)
		if b == nil {
			return nil
		}
		return s.decode(next, b, &sub)
	})
	return sub, known, err
}

// UnsubscribeFormer is Unsubscribe for an id whose subscriber was removed: for
// who has their address now, or else for the address alone, so that they stay
// unsubscribed should they come again. known is whether the id was anybody's; of
// an erased person there is nothing left to refuse.
func (s *Store) UnsubscribeFormer(ctx context.Context, id uint64, source Source, detail string) (known bool, err error) {
	sub, known, err := s.Former(id)
	if err != nil || !known {
		return known, err
	}
	if sub.ID != 0 {
		if err = s.Unsubscribe(ctx, sub.ID, source, detail); !errors.Is(err, ErrNotFound) {
			return true, err
		}
	}
	at := s.now().UTC()
	var h addressHash
	var now Consent
	whole := false
	err = s.db.View(func(tx *bolt.Tx) error {
		whole = copy(h[:], tx.Bucket(bucketFormer).Get(key64(id))) == len(h)
		now = addressConsent(tx.Bucket(bucketOptOuts), h)
		return nil
	})
	if err != nil || !whole || now.Source != "" && now.saysSame(source, at) {
		return true, err
	}
	line := optOutLine{At: at, ID: id, Address: hex.EncodeToString(h[:]), Source: source, Detail: eml.Cut(detail, maxDetail)}
	return true, s.logged(ctx, []optOutLine{line}, func(u *update) error { return u.optOut(line) })
}

// holder is the record of who has the address of a hash, nil for nobody.
func (s *Store) holder(tx *bolt.Tx, h addressHash) (id uint64, record []byte) {
	people := tx.Bucket(bucketSubscribers)
	has := func(id uint64) []byte {
		b := people.Get(key64(id))
		if r, err := parse(id, b); b == nil || err != nil || s.hash(string(r.email)) != h {
			return nil
		}
		return b
	}
	if id = s.pending.get(h.short()); id != 0 {
		if b := has(id); b != nil {
			return id, b
		}
	}
	prefix := key64(h.short())
	c := tx.Bucket(bucketEmail).Cursor()
	for k, _ := c.Seek(prefix); len(k) == 16 && string(k[:8]) == string(prefix); k, _ = c.Next() {
		if b := has(number(k[8:])); b != nil {
			return number(k[8:]), b
		}
	}
	return 0, nil
}

// addFormer makes the bucket, with those who were erased by now: migration 5.
// Whose address the others had who were removed before it, nobody knows.
func addFormer(tx *bolt.Tx) error {
	former, err := tx.CreateBucketIfNotExists(bucketFormer)
	if err != nil {
		return fmt.Errorf("make the bucket %s: %w", bucketFormer, err)
	}
	return tx.Bucket(bucketErased).ForEach(func(_, v []byte) error {
		var e Erasure
		if err := json.Unmarshal(v, &e); err != nil || e.Subscriber == 0 {
			return err
		}
		return former.Put(key64(e.Subscriber), []byte{})
	})
}

// former checks that nobody is kept as gone who is there.
func (c *check) former() error {
	people := c.tx.Bucket(bucketSubscribers)
	return c.each(bucketFormer, func(k, v []byte) {
		if len(k) != 8 || len(v) != 0 && len(v) != len(addressHash{}) {
			c.fault("links of removed people: entry %x", k)
		} else if people.Get(k) != nil {
			c.fault("subscriber %d is kept as removed and is there", number(k))
		}
	})
}
