package audience

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	bolt "go.etcd.io/bbolt"
	"golang.org/x/sys/unix"
)

// maxGroup is how many jobs one commit takes at most.
const maxGroup = 256

// job is one caller's part of a commit. Its function may run more than once
// (when a neighbour in the group fails), so it begins anew each time.
type job struct {
	do   func(*update) error
	err  error
	done chan struct{}
}

// update is one transaction of the writer.
type update struct {
	s       *Store
	tx      *bolt.Tx
	now     time.Time
	people  *bolt.Bucket
	emails  *bolt.Cursor
	optouts *bolt.Bucket
	blocked *bolt.Bucket
	buf     []byte   // records; bbolt keeps a value until the commit, so no byte is used twice
	created int64    // subscribers that are new in this transaction
	direct  bool     // some of them went into the index at once
	added   []uint64 // hashes put into pending, taken out on a rollback
}

// update runs do in the next commit and returns when that is on disk. ctx ends
// only the waiting for a place in it.
func (s *Store) update(ctx context.Context, do func(*update) error) error {
	j, err := s.enqueue(ctx, do)
	if err != nil {
		return err
	}
	<-j.done
	return j.err
}

func (s *Store) enqueue(ctx context.Context, do func(*update) error) (*job, error) {
	j := &job{do: do, done: make(chan struct{})}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	select {
	case s.jobs <- j:
		return j, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-s.closed:
		return nil, ErrClosed
	}
}

// write is the only goroutine that changes audience.db: it takes whatever
// waits and commits at once, with no timer.
func (s *Store) write() {
	defer close(s.closed)
	for {
		select {
		case j := <-s.jobs:
			s.commit(s.group(j))
		case <-s.closing:
			return
		}
	}
}

// group is the first job and whatever else waits already.
func (s *Store) group(first *job) []*job {
	group := []*job{first}
	for len(group) < maxGroup {
		select {
		case j := <-s.jobs:
			group = append(group, j)
		default:
			return group
		}
	}
	return group
}

// commit runs a group in one transaction. A job that fails is answered and the
// rest begins again without it.
func (s *Store) commit(group []*job) {
	for len(group) > 0 {
		failed, err := s.try(group)
		if failed < 0 {
			for _, j := range group {
				j.err = err
				close(j.done)
			}
			return
		}
		group[failed].err = err
		close(group[failed].done)
		group = append(group[:failed], group[failed+1:]...)
	}
}

// try is one attempt at a commit; failed is the job whose own error ended it, or -1.
func (s *Store) try(group []*job) (failed int, err error) {
	if err := s.Err(); err != nil {
		return -1, err
	}
	failed = -1
	var u *update
	err = s.db.Update(func(tx *bolt.Tx) error {
		u = s.begin(tx)
		for i, j := range group {
			if err := j.do(u); err != nil {
				failed = i
				return err
			}
		}
		return u.finish()
	})
	if err == nil {
		return -1, nil
	}
	s.pending.remove(u.added...)
	if failed < 0 && diskFull(err) {
		err = fmt.Errorf("audience.db could not be written (%w): free some space", err)
	} else if failed < 0 {
		err = fmt.Errorf("audience.db could not be written (%w): mend the disk, then start pabal again", err)
		s.broken.Store(&err)
	}
	return failed, errors.Join(err, s.db.View(func(tx *bolt.Tx) error { return s.names.load(tx.Bucket(bucketNames)) }))
}

// diskFull is the one failure of a commit that leaves a store which can be
// trusted and that ends by itself. bbolt hides the error number when it cannot
// grow the file.
func diskFull(err error) bool {
	return errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EDQUOT) || strings.Contains(err.Error(), unix.ENOSPC.Error())
}

func (s *Store) begin(tx *bolt.Tx) *update {
	u := &update{
		s: s, tx: tx, now: s.now(),
		people: tx.Bucket(bucketSubscribers), emails: tx.Bucket(bucketEmail).Cursor(),
		optouts: tx.Bucket(bucketOptOuts), blocked: tx.Bucket(bucketSuppressed),
	}
	u.people.FillPercent = 0.9 // ids rise
	return u
}

// finish writes what the jobs only counted.
func (u *update) finish() error {
	meta := u.tx.Bucket(bucketMeta)
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
	return u.s.names.save(u.tx.Bucket(bucketNames))
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
// suppression, and a refusal that consent has to get past. The e-mail index is
// left for later when later is set.
func (u *update) create(p *person, h addressHash, later bool) error {
	id, err := u.people.NextSequence()
	if err != nil {
		return err
	}
	p.id, p.updated = id, u.now.UnixMilli()
	p.suppressed = u.blocked.Get(h[:]) != nil
	if err := u.put(p); err != nil {
		return err
	}
	u.created++
	if later {
		if u.s.pending.add(h.short(), id) {
			u.added = append(u.added, h.short())
			return nil
		}
	} // else, and where two addresses share a short hash: now
	u.direct = true
	return u.tx.Bucket(bucketEmail).Put(emailKey(h.short(), id), []byte{})
}

// addressConsent is the refusal that stays on an address, zero if there is none.
func (u *update) addressConsent(h addressHash) Consent {
	v := u.optouts.Get(h[:])
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
	if err := u.remember(p, Change{At: next.At, Subscribed: next.Subscribed, Source: next.Source, Detail: clip(detail), Applied: v == applied}); err != nil {
		return v, err
	}
	p.consent = after
	if v == applied {
		return v, u.markAddress(h, after)
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
	k, v := c.Seek(key64(id + 1))
	if k == nil {
		k, v = c.Last()
	} else {
		k, v = c.Prev()
	}
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

func clip(s string) string {
	if len(s) <= maxDetail {
		return s
	}
	s = s[:maxDetail]
	for len(s) > 0 && s[len(s)-1]&0xC0 == 0x80 {
		s = s[:len(s)-1]
	}
	return s[:max(0, len(s)-1)]
}
