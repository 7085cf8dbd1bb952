package spool

import (
	"encoding/binary"
	"fmt"

	"go.etcd.io/bbolt"
)

// A mail that is taken from a folder is stored first and removed from the
// folder after: a crash between must not store it twice. Its name is committed
// with it, under
//
//	once    name -> first seq8, number of messages u32
//
// and forgotten when its file is gone.

const maxOnceName = 64 // bytes

var bOnce = []byte("once")

// addOnce makes the bucket: migration 2 of the queue.
func addOnce(tx *bbolt.Tx) error {
	_, err := tx.CreateBucketIfNotExists(bOnce)
	return err
}

// stored are the ids of a mail that was put under this name before, nil if none was.
func stored(tx *bbolt.Tx, name string) []string {
	if name == "" {
		return nil
	}
	v := tx.Bucket(bOnce).Get([]byte(name))
	if len(v) != 12 {
		return nil
	}
	first := binary.BigEndian.Uint64(v)
	ids := make([]string, binary.BigEndian.Uint32(v[8:]))
	for i := range ids {
		ids[i] = queueID(first + uint64(i))
	}
	return ids
}

// markOnce keeps the name of a mail whose last message has the sequence last.
func markOnce(tx *bbolt.Tx, name string, last uint64, count int) error {
	if name == "" {
		return nil
	}
	v := binary.BigEndian.AppendUint64(nil, last-uint64(count)+1)
	return tx.Bucket(bOnce).Put([]byte(name), binary.BigEndian.AppendUint32(v, uint32(count)))
}

// Once is the names under which mails were put and that were not forgotten
// since, at most n. It may be called at any time.
func (s *Spool) Once(n int) (names []string, err error) {
	err = s.queue.View(func(tx *bbolt.Tx) error {
		c := tx.Bucket(bOnce).Cursor()
		for k, _ := c.First(); k != nil && len(names) < n; k, _ = c.Next() {
			names = append(names, string(k))
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("list the names of mails stored once: %w", err)
	}
	return names, nil
}

// Forget lets the names, at most MaxBatch, be used again: what they came from
// is gone. One that is not known is no error.
func (s *Spool) Forget(names []string) error {
	if len(names) == 0 {
		return nil
	}
	if len(names) > MaxBatch {
		return fmt.Errorf("forget %d names: at most %d at once", len(names), MaxBatch)
	}
	err := s.queue.do(maxOnceName*len(names), func(tx *bbolt.Tx) error {
		for _, name := range names {
			if err := tx.Bucket(bOnce).Delete([]byte(name)); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("forget the names of %d mails: %w", len(names), err)
	}
	return nil
}
