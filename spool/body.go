package spool

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"

	"go.etcd.io/bbolt"
)

// putBody stores a body in a bucket of its own with the number of messages
// that need it. It returns 0 when none does.
func putBody(tx *bbolt.Tx, body []byte, references int) (uint64, error) {
	if references == 0 {
		return 0, nil
	}
	bodies := tx.Bucket(bBodies)
	id, err := bodies.NextSequence()
	if err != nil {
		return 0, err
	}
	b, err := bodies.CreateBucket(u64(id))
	if err != nil {
		return 0, err
	}
	if err := b.SetSequence(seal(body)); err != nil {
		return 0, err
	}
	if err := b.Put(kBody, body); err != nil || references == 1 {
		return id, err
	}
	return id, tx.Bucket(bBodyRef).Put(u64(id), binary.BigEndian.AppendUint32(nil, uint32(references)))
}

// seal is a body's size and checksum. It is kept as the sequence of the body's
// bucket, which lies beside the bucket's name: a place that is written anyway.
func seal(body []byte) uint64 {
	return uint64(len(body))<<32 | uint64(crc32.Checksum(body, castagnoli))
}

// references is how many messages need a body; one that is not counted is
// needed by one.
func references(tx *bbolt.Tx, id uint64) uint32 {
	if n := tx.Bucket(bBodyRef).Get(u64(id)); len(n) == 4 {
		return binary.BigEndian.Uint32(n)
	}
	return 1
}

// dropBody takes one reference from a body and removes it with the last.
func dropBody(tx *bbolt.Tx, id uint64) error {
	n, refs := references(tx, id), tx.Bucket(bBodyRef)
	switch {
	case n > 2:
		return refs.Put(u64(id), binary.BigEndian.AppendUint32(nil, n-1))
	case n == 2:
		return refs.Delete(u64(id))
	case tx.Bucket(bBodies).Bucket(u64(id)) == nil:
		return fmt.Errorf("body %d: %w", id, ErrNotFound)
	}
	return tx.Bucket(bBodies).DeleteBucket(u64(id))
}

// body reads a body into dst, from its beginning, and verifies its checksum:
// bbolt has none on data pages.
func body(tx *bbolt.Tx, id uint64, dst []byte) ([]byte, error) {
	b := tx.Bucket(bBodies).Bucket(u64(id))
	if id == 0 || b == nil {
		return nil, ErrNotFound
	}
	data := append(dst[:0], b.Get(kBody)...)
	if seal(data) != b.Sequence() {
		return nil, ErrDamaged
	}
	return data, nil
}
