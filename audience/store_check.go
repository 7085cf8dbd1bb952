package audience

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"

	bolt "go.etcd.io/bbolt"

	"pabal/store"
)

// maxFaults is how many faults CheckStore lists.
const maxFaults = 100

// CheckStore walks audience.db: the file's structure, every record, the
// indexes against the records both ways, flags and counts. faults is empty for
// a good store and ends at 100; err means that the walk itself did not end.
func (s *Store) CheckStore(ctx context.Context) (faults []string, err error) {
	c := &check{s: s, ctx: ctx, counts: map[nameKey]int64{}}
	err = s.db.Check(ctx)
	if err == nil {
		err = s.db.Guard(c.all)
	}
	if errors.Is(err, store.ErrDamaged) {
		c.fault("%v", err)
		err = nil
	}
	return c.faults, err
}

// CheckFile is CheckStore for an audience.db in dir that no daemon has open. It
// changes nothing.
func CheckFile(ctx context.Context, dir string) (faults []string, err error) {
	db, err := openFile(dir, true)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	s := &Store{dir: dir, db: db}
	if err := db.Guard(s.loadMeta); err != nil {
		return []string{err.Error()}, nil
	}
	list, err := s.unindexed() // what the next start puts into the index
	if err != nil {
		return []string{err.Error()}, nil
	}
	for _, e := range list {
		s.pending.add(e.short, e.id)
	}
	return s.CheckStore(ctx)
}

func (c *check) all(tx *bolt.Tx) error {
	c.tx = tx
	for _, step := range []func() error{c.subscribers, c.emails, c.externals, c.suppressions, c.optouts, c.history, c.names, c.sourceRows, c.feedback, c.erasures, c.outs, c.choices, c.former} {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

type check struct {
	s      *Store
	ctx    context.Context
	tx     *bolt.Tx
	faults []string
	people uint64
	n      int
	counts map[nameKey]int64
}

func (c *check) fault(format string, args ...any) {
	if len(c.faults) < maxFaults {
		c.faults = append(c.faults, fmt.Sprintf(format, args...))
	}
}

// each walks a bucket and looks after ctx.
func (c *check) each(bucket []byte, fn func(k, v []byte)) error {
	return c.tx.Bucket(bucket).ForEach(func(k, v []byte) error {
		if c.n++; c.n%1024 == 0 && c.ctx.Err() != nil {
			return c.ctx.Err()
		}
		fn(k, v)
		return nil
	})
}

func (c *check) subscribers() error {
	emails, people := c.tx.Bucket(bucketEmail), c.tx.Bucket(bucketSubscribers)
	blocked, external := c.tx.Bucket(bucketSuppressed), c.tx.Bucket(bucketExternal)
	err := c.each(bucketSubscribers, func(k, v []byte) {
		c.people++
		id := number(k)
		p, err := unpack(id, v)
		if err != nil || id == 0 || id > people.Sequence() {
			c.fault("subscriber %d: %v", id, err)
			return
		}
		h := c.s.hash(p.email)
		if emails.Get(emailKey(h.short(), id)) == nil && c.s.pending.get(h.short()) != id {
			c.fault("subscriber %d is not in the e-mail index", id)
		}
		if (blocked.Get(h[:]) != nil) != p.suppressed {
			c.fault("subscriber %d: the suppression list and the record differ", id)
		}
		if p.external != "" && number(external.Get([]byte(p.external))) != id && !c.hasRows(id) {
			c.fault("subscriber %d is not in the index of external ids", id)
		}
		c.chose(p, h)
		c.count(tagName, p.tags)
		c.count(topicName, p.topics)
		c.count(topicName, p.on)
		for _, a := range p.attributes {
			c.counts[nameKey{attributeName, a.id}]++
		}
	})
	if stored := number(c.tx.Bucket(bucketMeta).Get(metaCount)); err == nil && stored != c.people {
		c.fault("the count of subscribers is %d, there are %d", stored, c.people)
	}
	return err
}

func (c *check) count(kind byte, ids []uint32) {
	for _, id := range ids {
		c.counts[nameKey{kind, id}]++
	}
}

func (c *check) emails() error {
	people := c.tx.Bucket(bucketSubscribers)
	return c.each(bucketEmail, func(k, _ []byte) {
		if len(k) != 16 {
			c.fault("e-mail index: key %x", k)
			return
		}
		r, err := parse(number(k[8:]), people.Get(k[8:]))
		if err != nil || c.s.hash(string(r.email)).short() != number(k[:8]) {
			c.fault("e-mail index: subscriber %d has another address or is gone", number(k[8:]))
		}
	})
}

func (c *check) externals() error {
	people := c.tx.Bucket(bucketSubscribers)
	return c.each(bucketExternal, func(k, v []byte) {
		if r, err := parse(number(v), people.Get(v)); err != nil || string(r.external) != string(k) {
			c.fault("external id %q: subscriber %d has another or is gone", k, number(v))
		}
	})
}

func (c *check) suppressions() error {
	entries := c.tx.Bucket(bucketFeedback)
	return c.each(bucketSuppressed, func(k, v []byte) {
		var sup Suppression
		if err := json.Unmarshal(v, &sup); err != nil || len(k) != len(addressHash{}) {
			c.fault("suppression %x: %v", k, err)
		}
		if !sup.Soft {
			return
		}
		if e, err := readEntry(entries.Get(k)); err != nil || e == nil || !e.suppresses(sup.At) {
			c.fault("suppression %x: its soft bounces do not stand in a row", k)
		}
	})
}

// feedback checks that every row of soft bounces is on the list.
func (c *check) feedback() error {
	blocked := c.tx.Bucket(bucketSuppressed)
	err := c.each(bucketFeedback, func(k, v []byte) {
		e, err := readEntry(v)
		if err != nil || len(k) != len(addressHash{}) {
			c.fault("feedback %x: %v", k, err)
			return
		}
		if _, full := e.run(); full && blocked.Get(k) == nil {
			c.fault("feedback %x: its soft bounces stand in a row, but it is not suppressed", k)
		}
	})
	if err != nil {
		return err
	}
	return c.each(bucketDelivered, func(k, v []byte) {
		if len(k) != 8 || len(v) < 8 || (len(v)-8)%deliverySize != 0 {
			c.fault("deliveries %x are broken", k)
		}
	})
}

func (c *check) optouts() error {
	return c.each(bucketOptOuts, func(k, v []byte) {
		if len(k) != len(addressHash{}) || len(v) != 9 || int(v[0]) >= len(sourceWords()) {
			c.fault("opt-out %x is broken", k)
		}
	})
}

func (c *check) history() error {
	return c.each(bucketHistory, func(k, v []byte) {
		var change Change
		if err := json.Unmarshal(v, &change); err != nil || len(k) != 16 {
			c.fault("history %x: %v", k, err)
		}
	})
}

func (c *check) names() error {
	err := c.each(bucketNames, func(k, v []byte) {
		if len(k) != 5 || len(v) < 8 {
			c.fault("name %x is broken", k)
			return
		}
		key := nameKey{k[0], binary.BigEndian.Uint32(k[1:])}
		if stored := int64(number(v[:8])); stored != c.counts[key] {
			c.fault("the name %q is counted %d times, there are %d", v[8:], stored, c.counts[key])
		}
		delete(c.counts, key)
	})
	for key := range c.counts {
		c.fault("name %c%d is missing", key.kind, key.id)
	}
	return err
}
