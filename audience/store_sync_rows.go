package audience

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	bolt "go.etcd.io/bbolt"
)

// sourceRow is what the rows bucket keeps of a row: subscriber u64, change time
// in µs i64, a byte that is 1 for yes, and the time of the consent in ms i64 if
// there is one.
type sourceRow struct {
	person    uint64
	updated   int64
	yes       bool
	consentAt int64
}

// member is a row of a subscriber.
type member struct {
	key []byte
	sourceRow
}

// newer orders the rows of one subscriber.
func (m member) newer(o member) bool {
	return m.updated > o.updated || m.updated == o.updated && bytes.Compare(m.key, o.key) > 0
}

func newestOf(members []member) member {
	newest := members[0]
	for _, m := range members[1:] {
		if m.newer(newest) {
			newest = m
		}
	}
	return newest
}

func readSourceRow(b []byte) (sourceRow, bool) {
	if len(b) != 17 && len(b) != 25 {
		return sourceRow{}, false
	}
	r := sourceRow{person: number(b[:8]), updated: int64(number(b[8:16])), yes: b[16] == 1}
	if len(b) == 25 {
		r.consentAt = int64(number(b[17:]))
	}
	return r, true
}

func (r sourceRow) pack(dst []byte) []byte {
	dst = binary.BigEndian.AppendUint64(dst, r.person)
	dst = binary.BigEndian.AppendUint64(dst, uint64(r.updated))
	if r.yes {
		dst = append(dst, 1)
	} else {
		dst = append(dst, 0)
	}
	if r.consentAt != 0 {
		dst = binary.BigEndian.AppendUint64(dst, uint64(r.consentAt))
	}
	return dst
}

// entry is what is known of a row.
func (u *syncRun) entry(key []byte) (sourceRow, bool) {
	if bytes.Compare(key, u.newest) > 0 {
		return sourceRow{}, false
	}
	return readSourceRow(u.rows.Get(key))
}

// enter notes that a row is of a subscriber.
func (u *syncRun) enter(r *syncRow, person uint64) error {
	value := sourceRow{person, r.updated, r.yes, r.consentAt}.pack(make([]byte, 0, 32))
	if bytes.Compare(r.key, u.newest) > 0 {
		u.newest = r.key
	}
	if err := u.rows.Put(r.key, value); err != nil {
		return err
	}
	return u.rowsOf.Put(append(key64(person), r.key...), []byte{})
}

// members are the rows of a subscriber.
func (u *syncRun) members(person uint64) []member {
	var list []member
	prefix := key64(person)
	c := u.rowsOf.Cursor()
	for k, _ := c.Seek(prefix); len(k) > 8 && bytes.Equal(k[:8], prefix); k, _ = c.Next() {
		if r, ok := u.entry(k[8:]); ok {
			list = append(list, member{bytes.Clone(k[8:]), r})
		}
	}
	return list
}

// reread asks for a row's fields.
func (u *syncRun) reread(key []byte) error {
	u.rereads = true
	return u.again.Put(key, []byte{})
}

// vanish takes a row away that is not there any more.
func (u *syncRun) vanish(key []byte, old sourceRow) error {
	p, err := u.owner(old, true)
	if err != nil || p == nil {
		return errors.Join(err, u.rows.Delete(key), u.rowsOf.Delete(append(key64(old.person), key...)))
	}
	return u.leave(key, old, p)
}

// leave takes a row from its person. Whoever a row made does not stay without one.
func (u *syncRun) leave(key []byte, old sourceRow, p *person) error {
	err := errors.Join(u.rows.Delete(key), u.rowsOf.Delete(append(key64(p.id), key...)))
	if err != nil {
		return err
	}
	rest := u.members(p.id)
	if len(rest) > 0 {
		newest := newestOf(rest)
		if u.options.Trusted || (member{key, old}).newer(newest) {
			return u.reread(newest.key) // it gives the fields now, and may take back a refusal
		}
		return nil
	}
	if _, lost := u.moving[p.id]; lost || p.origin == fromSync { // who lost their address has none to stay with
		return u.remove(p)
	}
	return u.detach(p, key)
}

// detach leaves somebody who came from elsewhere without the source's consent.
func (u *syncRun) detach(p *person, key []byte) error {
	h := u.s.hash(p.email)
	if err := u.dropExternal(p); err != nil {
		return err
	}
	p.external = ""
	if p.consent.Subscribed && p.consent.Source == MySQL {
		if _, err := u.say(p, h, Consent{Source: MySQL, At: u.now}, stated, "row gone"); err != nil {
			return err
		}
	}
	p.updated = u.now.UnixMilli()
	return u.put(p)
}

// remove takes a subscriber out of the store; a refusal stays on the address, and
// whose links those in their mails are.
func (u *update) remove(p *person) error {
	h := u.s.hash(p.email)
	if err := errors.Join(u.unindex(p.id, h), u.keepRefusal(h, p.consent), u.people.Delete(key64(p.id)),
		u.tx.Bucket(bucketFormer).Put(key64(p.id), h[:])); err != nil {
		return err
	}
	if b := u.tx.Bucket(bucketExternal); p.external != "" && number(b.Get([]byte(p.external))) == p.id {
		if err := b.Delete([]byte(p.external)); err != nil {
			return err
		}
	}
	for _, id := range p.tags {
		u.s.names.count(tagName, id, -1)
	}
	for _, id := range slices.Concat(p.topics, p.on) {
		u.s.names.count(topicName, id, -1)
	}
	for _, a := range p.attributes {
		u.s.names.count(attributeName, a.id, -1)
	}
	u.created--
	return u.forget(p.id)
}

// forget deletes a subscriber's history.
func (u *update) forget(id uint64) error {
	b, prefix := u.tx.Bucket(bucketHistory), key64(id)
	c := b.Cursor()
	for k, _ := c.Seek(prefix); len(k) == 16 && bytes.Equal(k[:8], prefix); k, _ = c.Seek(prefix) {
		if err := b.Delete(k); err != nil {
			return err
		}
	}
	return nil
}

// unindex takes a subscriber out of the e-mail index.
func (u *update) unindex(id uint64, h addressHash) error {
	if u.s.pending.get(h.short()) == id {
		return errIndexFirst
	}
	return u.tx.Bucket(bucketEmail).Delete(emailKey(h.short(), id))
}

// keepRefusal keeps a refusal of any source on an address that loses its person.
func (u *update) keepRefusal(h addressHash, c Consent) error {
	if !c.refuses() {
		return nil
	}
	if _, v := decide(u.addressConsent(h), c, stated); v != applied {
		return nil
	}
	return u.optouts.Put(h[:], binary.BigEndian.AppendUint64([]byte{sourceCode(c.Source)}, uint64(millis(c.At))))
}

// SyncMark is the mark stored with the last batch, nil if there is none.
func (s *Store) SyncMark() (mark []byte, err error) {
	err = s.db.View(func(tx *bolt.Tx) error {
		mark = bytes.Clone(tx.Bucket(bucketMeta).Get(metaSync))
		return nil
	})
	return mark, err
}

// SyncKnown are those of the keys that are rows known.
func (s *Store) SyncKnown(keys [][]byte) (known [][]byte, err error) {
	if len(keys) == 0 {
		return nil, nil
	}
	err = s.db.View(func(tx *bolt.Tx) error {
		b := tx.Bucket(bucketRows)
		for _, key := range keys {
			if b.Get(key) != nil {
				known = append(known, key)
			}
		}
		return nil
	})
	return known, err
}

// SyncRows is how many rows are known. It walks them all.
func (s *Store) SyncRows() (n int, err error) {
	err = s.db.View(func(tx *bolt.Tx) error {
		c := tx.Bucket(bucketRows).Cursor()
		for k, _ := c.First(); k != nil; k, _ = c.Next() {
			n++
		}
		return nil
	})
	return n, err
}

// SyncKeys are the keys of up to limit rows known, in order, after a key (nil:
// from the first).
func (s *Store) SyncKeys(after []byte, limit int) ([][]byte, error) {
	return s.keyList(bucketRows, after, limit)
}

// SyncReread are the keys of up to limit rows whose fields are asked for again,
// after a key: their subscriber had them from another row that is gone.
func (s *Store) SyncReread(after []byte, limit int) ([][]byte, error) {
	return s.keyList(bucketReread, after, limit)
}

func (s *Store) keyList(bucket, after []byte, limit int) (keys [][]byte, err error) {
	err = s.db.View(func(tx *bolt.Tx) error {
		c := tx.Bucket(bucket).Cursor()
		k, _ := c.Seek(after)
		if len(after) > 0 && bytes.Equal(k, after) {
			k, _ = c.Next()
		}
		for ; k != nil && len(keys) < limit; k, _ = c.Next() {
			keys = append(keys, bytes.Clone(k))
		}
		return nil
	})
	return keys, err
}

// addRows makes the buckets of the sync: migration 1.
func addRows(tx *bolt.Tx) error {
	for _, name := range [][]byte{bucketRows, bucketRowsOf, bucketReread} {
		if _, err := tx.CreateBucketIfNotExists(name); err != nil {
			return fmt.Errorf("make the bucket %s: %w", name, err)
		}
	}
	return nil
}

// sourceRows checks that every row has its subscriber, and both indexes agree.
func (c *check) sourceRows() error {
	people, of, rows := c.tx.Bucket(bucketSubscribers), c.tx.Bucket(bucketRowsOf), c.tx.Bucket(bucketRows)
	err := c.each(bucketRows, func(k, v []byte) {
		r, ok := readSourceRow(v)
		if !ok || of.Get(append(key64(r.person), k...)) == nil || people.Get(key64(r.person)) == nil {
			c.fault("row %q: subscriber %d is gone or does not have it", k, r.person)
		}
	})
	if err != nil {
		return err
	}
	return c.each(bucketRowsOf, func(k, _ []byte) {
		if r, ok := readSourceRow(rows.Get(k[min(8, len(k)):])); !ok || number(k[:min(8, len(k))]) != r.person {
			c.fault("index of rows: %x has no row", k)
		}
	})
}

// hasRows reports whether a subscriber has rows of the source.
func (c *check) hasRows(id uint64) bool {
	k, _ := c.tx.Bucket(bucketRowsOf).Cursor().Seek(key64(id))
	return len(k) > 8 && number(k[:8]) == id
}
