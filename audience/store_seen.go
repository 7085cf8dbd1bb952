package audience

import (
	bolt "go.etcd.io/bbolt"
)

// seen is a Bloom filter over the short hashes of everybody's address. In a
// load of rows nearly every address is new: asking the e-mail index, whose keys
// are random, was a quarter of the writer's time. Two bits an address in 4 MB
// leave 0.4 % of the new ones to the index at 1M people, 5 % at 4M.
//
// The writer alone uses it, while a load runs. A bit that stays after a
// rollback or a removal costs one look into the index.
type seen struct{ bits []uint64 }

const (
	seenBits  = 25        // of a hash for each probe: 2^25 bits are 4 MB
	maxAtOnce = 1_000_000 // people whose index is walked in one commit, 0.1 s
)

// places are the bits of a hash.
func (f *seen) places(short uint64) (a, b uint64) {
	return short >> (64 - seenBits), short & (1<<seenBits - 1)
}

func (f *seen) add(short uint64) {
	if f == nil {
		return
	}
	a, b := f.places(short)
	f.bits[a/64] |= 1 << (a % 64)
	f.bits[b/64] |= 1 << (b % 64)
}

// none reports that nobody has an address of that hash; false is no answer.
func (f *seen) none(short uint64) bool {
	if f == nil {
		return false
	}
	a, b := f.places(short)
	return f.bits[a/64]&(1<<(a%64)) == 0 || f.bits[b/64]&(1<<(b%64)) == 0
}

// watch begins the filter, unless there are so many people already that
// walking their index would hold the writer up.
func (u *update) watch() {
	s := u.s
	if s.seen != nil || number(u.tx.Bucket(bucketMeta).Get(metaCount)) > maxAtOnce {
		return
	}
	s.seen = &seen{bits: make([]uint64, 1<<seenBits/64)}
	c := u.tx.Bucket(bucketEmail).Cursor()
	for k, _ := c.First(); k != nil; k, _ = c.Next() {
		s.seen.add(number(k[:min(8, len(k))]))
	}
	s.pending.each(func(e entry) { s.seen.add(e.short) })
}

// indexNow puts a subscriber into the e-mail index.
func (u *update) indexNow(h addressHash, id uint64) error {
	u.direct = true
	u.s.seen.add(h.short())
	return u.tx.Bucket(bucketEmail).Put(emailKey(h.short(), id), []byte{})
}

// end is the last key of a bucket, nil of an empty one.
func end(b *bolt.Bucket) []byte {
	k, _ := b.Cursor().Last()
	return k
}
