package audience

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	bolt "go.etcd.io/bbolt"

	"pabal/eml"
	"pabal/store"
)

// update is one transaction of the writer: what the jobs of one commit share.
type update struct {
	s        *Store
	tx       *bolt.Tx
	now      time.Time
	people   *bolt.Bucket
	emails   *bolt.Cursor
	optouts  *bolt.Bucket
	blocked  *bolt.Bucket
	feedback *bolt.Bucket
	buf      []byte  // records; bbolt keeps a value until the commit, so no byte is used twice
	created  int64   // subscribers that are new in this transaction
	direct   bool    // some of them went into the index at once
	added    []entry // put into pending, taken out on a rollback
}

// update runs do in the next commit and returns when that is on disk. do may
// run more than once, so it begins anew each time. ctx ends only the waiting
// for a place in it.
func (s *Store) update(ctx context.Context, do func(*update) error) error {
	return s.db.Do(ctx, s.job(do))
}

func (s *Store) job(do func(*update) error) store.Job {
	return store.Job{Apply: func(*bolt.Tx) error { return do(&s.group) }}
}

// grow is update for what adds size bytes, about: refused while the disk is
// nearly full.
func (s *Store) grow(ctx context.Context, size int, do func(*update) error) error {
	j := s.job(do)
	j.Size, j.Spare = size, int64(size)
	return s.db.Do(ctx, j)
}

// Begin starts a group of the writer (store.Sums).
func (u *update) Begin(tx *bolt.Tx) {
	s := u.s
	*u = update{
		s: s, tx: tx, now: s.now(),
		people: tx.Bucket(bucketSubscribers), emails: tx.Bucket(bucketEmail).Cursor(),
		optouts: tx.Bucket(bucketOptOuts), blocked: tx.Bucket(bucketSuppressed), feedback: tx.Bucket(bucketFeedback),
	}
	u.people.FillPercent = 0.9 // ids rise
}

// Abandon forgets what a rolled back group left in memory.
func (u *update) Abandon() error {
	u.s.pending.remove(u.added)
	return u.s.db.View(func(tx *bolt.Tx) error { return u.s.names.load(tx.Bucket(bucketNames)) })
}

// Publish has nothing to do: names and pending are read as they change.
func (u *update) Publish() {}

// Flush writes what the jobs only counted.
func (u *update) Flush(tx *bolt.Tx) error {
	meta := tx.Bucket(bucketMeta)
	if u.created != 0 {
		n := int64(number(meta.Get(metaCount))) + u.created
		if err := meta.Put(metaCount, key64(uint64(n))); err != nil {
			return err
		}
	}
	if u.direct && u.s.pending.size() == 0 {
		if err := meta.Put(metaIndexed, key64(u.people.Sequence())); err != nil {
			return err
		}
	}
	return u.s.names.save(tx.Bucket(bucketNames))
}

// get is a subscriber by id: ErrNotFound.
func (u *update) get(id uint64) (*person, error) {
	b := u.people.Get(key64(id))
	if b == nil {
		return nil, ErrNotFound
	}
	return unpack(id, b)
}

// find is a subscriber by address hash and address, nil if there is none.
func (u *update) find(h addressHash, address string) (*person, error) {
	if u.s.seen.none(h.short()) {
		return nil, nil
	}
	id, b := u.s.find(u.emails, u.people, h, address)
	if b == nil {
		return nil, nil
	}
	return unpack(id, b)
}

// put writes a subscriber back.
func (u *update) put(p *person) error {
	if cap(u.buf)-len(u.buf) < 1<<10 {
		u.buf = make([]byte, 0, 64<<10)
	}
	start := len(u.buf)
	u.buf = p.pack(u.buf)
	value := u.buf[start:len(u.buf):len(u.buf)]
	if len(value) > maxRowValues+fixedSize {
		return fmt.Errorf("subscriber %s: values of over %d bytes; keep long texts elsewhere", p.email, maxRowValues)
	}
	return u.people.Put(key64(p.id), value)
}

// create gives a new subscriber an id and what is known of the address: a
// suppression, what was chosen there, and a refusal that consent has to get past.
// The e-mail index is left for later when later is set.
func (u *update) create(p *person, h addressHash, later bool) error {
	blocked := u.blocked.Get(h[:])
	if isErased(blocked) {
		return &eml.Problem{Code: CodeErased, What: "the person with this address was erased", Hint: "to take them in again, first: pabal suppression remove ADDRESS", Err: ErrErased}
	}
	id, err := u.people.NextSequence()
	if err != nil {
		return err
	}
	p.id, p.updated = id, u.now.UnixMilli()
	p.suppressed = blocked != nil
	if err := u.chosenHere(p, h); err != nil {
		return err
	}
	if err := errors.Join(u.put(p), u.noteOut(p.id, p.consent)); err != nil {
		return err
	}
	u.created++
	if later {
		if u.s.pending.add(h.short(), id) {
			u.added = append(u.added, entry{h.short(), id})
			u.s.seen.add(h.short())
			return nil
		}
	} // else, and where two addresses share a short hash: now
	return u.indexNow(h, id)
}

// addressConsent is the refusal that stays on an address, zero if there is none.
func (u *update) addressConsent(h addressHash) Consent { return addressConsent(u.optouts, h) }

func addressConsent(optouts *bolt.Bucket, h addressHash) Consent {
	v := optouts.Get(h[:])
	if len(v) != 9 || int(v[0]) >= len(sourceWords()) {
		return Consent{}
	}
	return Consent{Source: sourceWords()[v[0]], At: fromMillis(int64(binary.BigEndian.Uint64(v[1:])))}
}

// say lets decide judge a statement about p and keeps what came of it: the
// consent, the mark on the address and the history line. p is not written.
func (u *update) say(p *person, h addressHash, next Consent, k kind, detail string) (verdict, error) {
	next.At = fromMillis(millis(next.At))
	before := p.consent
	after, v := decide(before, next, k)
	if v == nothingNew {
		return v, nil
	}
	if err := u.remember(p, Change{At: next.At, Subscribed: next.Subscribed, Source: next.Source, Detail: eml.Cut(detail, maxDetail), Applied: v == applied}); err != nil {
		return v, err
	}
	p.consent = after
	if v == applied {
		return v, errors.Join(u.markAddress(h, after), u.noteOut(p.id, after))
	}
	return v, nil
}

// markAddress keeps a refusal on the address itself, or takes it off. Refusals
// out of a file or MySQL need no mark of their own while the row is there.
func (u *update) markAddress(h addressHash, c Consent) error {
	if c.Subscribed {
		return u.optouts.Delete(h[:])
	}
	if c.Source.strength() < Operator.strength() {
		return nil
	}
	return u.optouts.Put(h[:], binary.BigEndian.AppendUint64([]byte{sourceCode(c.Source)}, uint64(millis(c.At))))
}

// remember appends a history line. Before the first one comes what the record
// itself tells; a refusal repeated by the same file is one line.
func (u *update) remember(p *person, c Change) error {
	b := u.tx.Bucket(bucketHistory)
	last := lastChange(b, p.id)
	if last == nil && p.consent.Source != "" {
		if err := appendChange(b, p.id, u.first(p)); err != nil {
			return err
		}
	}
	if last != nil && !c.Applied && !last.Applied && last.Source == c.Source && last.Detail == c.Detail {
		return nil
	}
	return appendChange(b, p.id, c)
}

func (u *update) first(p *person) Change { return firstChange(u.tx, p.consent, p.origin) }

func appendChange(b *bolt.Bucket, id uint64, c Change) error {
	seq, err := b.NextSequence()
	if err != nil {
		return err
	}
	v, err := json.Marshal(c)
	if err != nil {
		return err
	}
	return b.Put(append(key64(id), key64(seq)...), v)
}

func lastChange(b *bolt.Bucket, id uint64) *Change {
	c := b.Cursor()
	step := c.Prev
	if k, _ := c.Seek(key64(id + 1)); k == nil {
		step = c.Last
	}
	k, v := step()
	var change Change
	if len(k) != 16 || binary.BigEndian.Uint64(k) != id || json.Unmarshal(v, &change) != nil {
		return nil
	}
	return &change
}

func key64(v uint64) []byte { return binary.BigEndian.AppendUint64(make([]byte, 0, 16), v) }

// number is a stored u64; missing is 0.
func number(b []byte) uint64 {
	if len(b) != 8 {
		return 0
	}
	return binary.BigEndian.Uint64(b)
}
