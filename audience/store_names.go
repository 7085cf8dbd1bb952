package audience

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"sync"

	bolt "go.etcd.io/bbolt"
	"golang.org/x/text/unicode/norm"
)

// The kinds of names a record holds as numbers. Attributes are the same in any
// case; tags and topics are taken as they are written.
const (
	attributeName byte = 'a'
	tagName       byte = 't'
	topicName     byte = 'o'
)

// maxNameID bounds a name's number as stored.
const maxNameID = 1 << 20

// names is the dictionary in memory. The writer adds to it, readers look up;
// lists only grow while a transaction is open, so a list taken after a
// transaction began knows every name in it.
type names struct {
	mu     sync.RWMutex
	lists  map[byte][]string
	byName map[byte]map[string]uint32
	counts map[byte][]int64 // how many subscribers have it; the writer's alone
	dirty  map[nameKey]bool // to be written with this commit; the writer's alone
}

type nameKey struct {
	kind byte
	id   uint32
}

// fold is what spellings of one attribute name share.
func fold(kind byte, name string) string {
	name = norm.NFC.String(name)
	if kind == attributeName {
		return strings.ToLower(name)
	}
	return name
}

// list is all names of a kind: number n is at n-1.
func (n *names) list(kind byte) []string {
	n.mu.RLock()
	defer n.mu.RUnlock()
	return n.lists[kind]
}

// lookup is a name's number, 0 if nobody ever had it.
func (n *names) lookup(kind byte, name string) uint32 {
	n.mu.RLock()
	defer n.mu.RUnlock()
	return n.byName[kind][fold(kind, name)]
}

// need is lookup that gives a new name a number. Only the writer calls it.
func (n *names) need(kind byte, name string) (uint32, error) {
	if id := n.lookup(kind, name); id != 0 {
		return id, nil
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if len(n.lists[kind]) >= maxNames {
		return 0, fmt.Errorf("%q would be more than %d different names; use fewer columns or tags", name, maxNames)
	}
	n.lists[kind] = append(n.lists[kind], norm.NFC.String(name))
	n.counts[kind] = append(n.counts[kind], 0)
	id := uint32(len(n.lists[kind]))
	n.byName[kind][fold(kind, name)] = id
	n.dirty[nameKey{kind, id}] = true
	return id, nil
}

// count adds to how many subscribers have a name.
func (n *names) count(kind byte, id uint32, by int64) {
	n.counts[kind][id-1] += by
	n.dirty[nameKey{kind, id}] = true
}

// save writes what changed into the transaction.
func (n *names) save(b *bolt.Bucket) error {
	for k := range n.dirty {
		value := binary.BigEndian.AppendUint64(nil, uint64(n.counts[k.kind][k.id-1]))
		value = append(value, n.lists[k.kind][k.id-1]...)
		if err := b.Put(binary.BigEndian.AppendUint32([]byte{k.kind}, k.id), value); err != nil {
			return err
		}
	}
	clear(n.dirty)
	return nil
}

// load reads the dictionary as committed, in place of what is in memory.
func (n *names) load(b *bolt.Bucket) error {
	lists, byName := map[byte][]string{}, map[byte]map[string]uint32{}
	counts := map[byte][]int64{}
	for _, kind := range []byte{attributeName, tagName, topicName} {
		byName[kind] = map[string]uint32{}
	}
	err := b.ForEach(func(k, v []byte) error {
		if len(k) != 5 || len(v) < 8 || byName[k[0]] == nil || int(binary.BigEndian.Uint32(k[1:])) != len(lists[k[0]])+1 {
			return fmt.Errorf("name %x is broken", k)
		}
		kind, name := k[0], string(v[8:])
		lists[kind] = append(lists[kind], name)
		counts[kind] = append(counts[kind], int64(binary.BigEndian.Uint64(v)))
		byName[kind][fold(kind, name)] = uint32(len(lists[kind]))
		return nil
	})
	n.mu.Lock()
	defer n.mu.Unlock()
	n.lists, n.byName, n.counts, n.dirty = lists, byName, counts, map[nameKey]bool{}
	return err
}

// texts are the names behind numbers. A number without a name is a broken record.
func texts(list []string, ids []uint32) ([]string, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	out := make([]string, 0, len(ids))
	for _, id := range ids {
		if id == 0 || int(id) > len(list) {
			return nil, fmt.Errorf("name %d is missing", id)
		}
		out = append(out, list[id-1])
	}
	return out, nil
}

// Attributes are the names of the attributes in use, sorted.
func (s *Store) Attributes() ([]string, error) {
	out := []string{}
	err := s.db.View(func(tx *bolt.Tx) error {
		c := tx.Bucket(bucketNames).Cursor()
		for k, v := c.Seek([]byte{attributeName}); k != nil && k[0] == attributeName; k, v = c.Next() {
			if len(v) >= 8 && binary.BigEndian.Uint64(v) > 0 {
				out = append(out, string(v[8:]))
			}
		}
		return nil
	})
	slices.Sort(out)
	return out, err
}
