package audience

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"slices"
	"sync"

	bolt "go.etcd.io/bbolt"

	"pabal/eml"
)

// The e-mail index has random keys: put in with every batch of an import it
// costs five times the rows (40k rows/s against 209k with one sorted run at the
// end). So an import keeps the new ones in memory and puts them in sorted when
// it ends; meta's "indexed" says from which id on the index has to be made good
// when pabal was killed before that.
const (
	maxPending = 1 << 18 // entries in memory, some 10 MB, before they are written
	indexBatch = 20_000  // entries a commit, sorted: neighbours share pages
)

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

// pending holds what is not in the e-mail index yet: short hash -> id.
type pending struct {
	mu sync.RWMutex
	m  map[uint64]uint64
}

// add reports false where the hash is taken.
func (p *pending) add(short, id uint64) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if _, taken := p.m[short]; taken {
		return false
	}
	if p.m == nil {
		p.m = map[uint64]uint64{}
	}
	p.m[short] = id
	return true
}

func (p *pending) get(short uint64) uint64 {
	p.mu.RLock()
	defer p.mu.RUnlock()
	return p.m[short]
}

func (p *pending) remove(shorts ...uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, short := range shorts {
		delete(p.m, short)
	}
	if len(p.m) == 0 {
		p.m = nil // a map never shrinks
	}
}

func (p *pending) size() int {
	p.mu.RLock()
	defer p.mu.RUnlock()
	return len(p.m)
}

// entry is one line of the e-mail index.
type entry struct{ short, id uint64 }

func (p *pending) sorted() []entry {
	p.mu.RLock()
	defer p.mu.RUnlock()
	list := make([]entry, 0, len(p.m))
	for short, id := range p.m {
		list = append(list, entry{short, id})
	}
	sortEntries(list)
	return list
}

func sortEntries(list []entry) {
	slices.SortFunc(list, func(a, b entry) int {
		return cmp.Or(cmp.Compare(a.short, b.short), cmp.Compare(a.id, b.id))
	})
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

// flush puts what is pending into the index.
func (s *Store) flush(ctx context.Context) error {
	return s.index(ctx, s.pending.sorted())
}

// index puts sorted entries in, in several commits, and with the last one notes
// up to which id the index is whole.
func (s *Store) index(ctx context.Context, list []entry) error {
	for batch := range slices.Chunk(list, indexBatch) {
		err := s.update(ctx, func(u *update) error { return u.index(batch) })
		if err != nil {
			return fmt.Errorf("write the e-mail index: %w", err)
		}
		shorts := make([]uint64, len(batch))
		for i, e := range batch {
			shorts[i] = e.short
		}
		s.pending.remove(shorts...)
	}
	return s.update(ctx, func(u *update) error {
		u.direct = true // Flush notes the mark
		return nil
	})
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
	return s.index(context.Background(), list)
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
