package audience

import (
	"bytes"
	"context"
	"errors"

	bolt "go.etcd.io/bbolt"

	"pabal/eml"
)

// forgetRows is how many rows SyncForget takes in one commit.
const forgetRows = 1000

// SyncForget forgets which rows are whose, because the source is another one and
// its ids mean other people. People stay, with tags, preferences and history,
// and are found again by their addresses. What the old source alone said yes of
// is nobody's yes any more: the new one says it, or they get no mail. It takes
// 1,000 rows in a commit; after a crash it is done again.
func (s *Store) SyncForget(ctx context.Context) error {
	for {
		left := false
		err := s.update(ctx, func(u *update) (err error) {
			left, err = u.forgetSource()
			return err
		})
		if err != nil || !left {
			return err
		}
	}
}

// forgetSource forgets some rows, and reports whether there may be more.
func (u *update) forgetSource() (left bool, err error) {
	rows, again := u.tx.Bucket(bucketRows), u.tx.Bucket(bucketReread)
	var keys [][]byte
	c := rows.Cursor()
	for k, _ := c.First(); k != nil && len(keys) < forgetRows; k, _ = c.Next() {
		keys = append(keys, bytes.Clone(k))
	}
	for _, key := range keys {
		r, ok := readSourceRow(rows.Get(key))
		if err := errors.Join(rows.Delete(key), again.Delete(key)); err != nil || !ok {
			return false, err
		}
		if err := u.tx.Bucket(bucketRowsOf).Delete(append(key64(r.person), key...)); err != nil {
			return false, err
		}
		if err := u.forgetRow(r.person); err != nil {
			return false, err
		}
	}
	return len(keys) == forgetRows, nil
}

// forgetRow takes from somebody what a row gave that is no field.
func (u *update) forgetRow(id uint64) error {
	p, err := u.get(id)
	if errors.Is(err, ErrNotFound) { // erased
		return nil
	} else if err != nil {
		return err
	}
	if p.external != "" && number(u.tx.Bucket(bucketExternal).Get([]byte(p.external))) != id {
		p.external = "" // of a row; one of a file stays
	}
	if p.consent.Subscribed && p.consent.Source == MySQL {
		if err := u.remember(p, Change{At: u.now, Source: MySQL, Detail: DetailSource, Applied: true}); err != nil {
			return err
		}
		p.consent = Consent{}
	}
	p.updated = u.now.UnixMilli()
	return u.put(p)
}

// SyncSample are the keys of up to limit rows known: the first ones and the last.
func (s *Store) SyncSample(limit int) (keys [][]byte, err error) {
	err = s.db.View(func(tx *bolt.Tx) error {
		c := tx.Bucket(bucketRows).Cursor()
		var last []byte
		for k, _ := c.First(); k != nil && len(keys) < limit/2; k, _ = c.Next() {
			last = bytes.Clone(k)
			keys = append(keys, last)
		}
		for k, _ := c.Last(); k != nil && len(keys) < limit && bytes.Compare(k, last) > 0; k, _ = c.Prev() {
			keys = append(keys, bytes.Clone(k))
		}
		return nil
	})
	return keys, err
}

// SyncSame counts the rows of a batch that are known: of how many the person has
// that address, and of how many another.
func (s *Store) SyncSame(b *SyncBatch) (same, other int, err error) {
	err = s.db.View(func(tx *bolt.Tx) error {
		rows, people := tx.Bucket(bucketRows), tx.Bucket(bucketSubscribers)
		for i := range b.rows {
			r, known := readSourceRow(rows.Get(b.rows[i].key))
			v := people.Get(key64(r.person))
			if b.rows[i].gone || !known || v == nil {
				continue
			}
			p, err := parse(r.person, v)
			if err != nil {
				return err
			}
			if eml.Key(string(p.email)) == eml.Key(b.rows[i].email) {
				same++
			} else {
				other++
			}
		}
		return nil
	})
	return same, other, err
}
