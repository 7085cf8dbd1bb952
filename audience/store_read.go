package audience

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"iter"
	"math"
	"strings"
	"time"
	"unicode/utf8"

	bolt "go.etcd.io/bbolt"
	"golang.org/x/text/unicode/norm"

	"pabal/eml"
)

// everyone as the max of a walk.
const everyone = math.MaxUint64

// Get is one subscriber by id. ErrNotFound.
func (s *Store) Get(id uint64) (Subscriber, error) {
	var sub Subscriber
	err := s.db.View(func(tx *bolt.Tx) error {
		b := tx.Bucket(bucketSubscribers).Get(key64(id))
		if b == nil {
			return fmt.Errorf("subscriber %d: %w", id, ErrNotFound)
		}
		return s.decode(id, b, &sub)
	})
	return sub, err
}

// ByEmail is one subscriber by any spelling of the address. ErrNotFound, or an
// *eml.AddressError for what is no address.
func (s *Store) ByEmail(email string) (Subscriber, error) {
	var sub Subscriber
	address, err := eml.ParseAddress(email)
	if err != nil {
		return sub, err
	}
	err = s.db.View(func(tx *bolt.Tx) error {
		id, b := s.find(tx.Bucket(bucketEmail).Cursor(), tx.Bucket(bucketSubscribers), s.hash(address), address)
		if b == nil {
			return fmt.Errorf("subscriber %s: %w", eml.Visible(email), ErrNotFound)
		}
		return s.decode(id, b, &sub)
	})
	return sub, err
}

// Check returns the subscriber as of now and the reason not to mail them, ""
// if they may be: erased (nobody has that id any more), unsubscribed,
// suppressed, topic_off. topic "" means none. It is called for every recipient
// at the instant of sending: one short read transaction.
func (s *Store) Check(id uint64, topic string) (Subscriber, string, error) {
	var sub Subscriber
	reason := skipErased
	err := s.db.View(func(tx *bolt.Tx) error {
		b := tx.Bucket(bucketSubscribers).Get(key64(id))
		if b == nil {
			sub.ID = id
			return nil
		}
		r, err := parse(id, b)
		if err != nil {
			return err
		}
		reason = r.skip(s.subject(topic))
		return s.fill(&r, &sub)
	})
	return sub, reason, err
}

// Address is the address a subscriber has now, and for somebody who wants mail
// only so often since when another mail is one too many (zero: no limit). The
// error is ErrNotFound for somebody gone.
func (s *Store) Address(id uint64) (address string, since time.Time, err error) {
	err = s.db.View(func(tx *bolt.Tx) error {
		b := tx.Bucket(bucketSubscribers).Get(key64(id))
		if b == nil {
			return fmt.Errorf("subscriber %d: %w", id, ErrNotFound)
		}
		r, err := parse(id, b)
		if err != nil {
			return err
		}
		address = string(r.email)
		if f := r.fixed[4]; f != 0 {
			since = s.since(f, s.now())
		}
		return nil
	})
	return address, since, err
}

// MaxID is the newest subscriber's id, 0 for an empty store.
func (s *Store) MaxID() (uint64, error) {
	var id uint64
	err := s.db.View(func(tx *bolt.Tx) error {
		if k, _ := tx.Bucket(bucketSubscribers).Cursor().Last(); k != nil {
			id = binary.BigEndian.Uint64(k)
		}
		return nil
	})
	return id, err
}

// History is the consent history, oldest first. It outlives nobody: ErrNotFound
// for an id that is gone.
func (s *Store) History(id uint64) ([]Change, error) {
	var list []Change
	err := s.db.View(func(tx *bolt.Tx) error {
		b := tx.Bucket(bucketSubscribers).Get(key64(id))
		if b == nil {
			return fmt.Errorf("subscriber %d: %w", id, ErrNotFound)
		}
		r, err := parse(id, b)
		if err != nil {
			return err
		}
		prefix := key64(id)
		c := tx.Bucket(bucketHistory).Cursor()
		for k, v := c.Seek(prefix); bytes.HasPrefix(k, prefix); k, v = c.Next() {
			var change Change
			if err := json.Unmarshal(v, &change); err != nil {
				return fmt.Errorf("history of subscriber %d: %w", id, err)
			}
			list = append(list, change)
		}
		if consent := r.consent(); len(list) == 0 && consent.Source != "" {
			list = append(list, firstChange(tx, consent, binary.BigEndian.Uint32(r.fixed[32:])))
		}
		return nil
	})
	return list, err
}

// firstChange is the history line that a record without one tells.
func firstChange(tx *bolt.Tx, c Consent, origin uint32) Change {
	change := Change{At: c.At, Subscribed: c.Subscribed, Source: c.Source, Applied: true}
	var from importRecord
	if c.Source == Import && json.Unmarshal(tx.Bucket(bucketImports).Get(binary.BigEndian.AppendUint32(nil, origin)), &from) == nil {
		change.Detail = eml.Cut(from.Name, maxDetail)
	}
	return change
}

// List walks subscribers in id order after an id, over one snapshot. prefix is
// of the e-mail or the name, in any case; prefix and segment narrow it. Do not
// leave the loop waiting for long: the snapshot keeps old pages in use.
func (s *Store) List(ctx context.Context, after uint64, prefix string, seg *Segment) iter.Seq2[Subscriber, error] {
	prefix = strings.ToLower(norm.NFC.String(prefix))
	return func(yield func(Subscriber, error) bool) {
		err := s.scan(ctx, seg, after, everyone, func(r *row) error {
			if prefix != "" && !hasPrefixFold(r.email, prefix) && !hasPrefixFold(r.name, prefix) {
				return nil
			}
			var sub Subscriber
			if err := s.fill(r, &sub); err != nil {
				return err
			}
			if !yield(sub, nil) {
				return errStop
			}
			return nil
		})
		if err != nil && err != errStop {
			yield(Subscriber{}, err)
		}
	}
}

// hasPrefixFold reports whether text begins with prefix, which is in lower
// case. Plain letters and Hangul are told without copying.
func hasPrefixFold(text []byte, prefix string) bool {
	for i := range len(prefix) {
		if i == len(text) {
			return false
		}
		a, b := text[i], prefix[i]
		switch {
		case a >= utf8.RuneSelf && b >= utf8.RuneSelf:
			if a >= 0xEA && a <= 0xED && b >= 0xEA && b <= 0xED && a != b {
				return false
			}
			return strings.HasPrefix(strings.ToLower(string(text[i:])), prefix[i:])
		case a >= 'A' && a <= 'Z':
			a += 'a' - 'A'
		}
		if a != b {
			return false
		}
	}
	return true
}

// Walk visits, in id order over one snapshot, everyone the segment selects
// with after < id <= max, with the skip reason ("" to be mailed) as Check
// would give it, or frequency where Attempted says so. fn must not keep the
// pointer. An error from fn ends it.
func (s *Store) Walk(ctx context.Context, seg *Segment, topic string, after, max uint64, fn func(sub *Subscriber, skip string) error) error {
	return s.walk(ctx, seg, topic, after, max, nil, fn)
}

// WalkTold is Walk over everybody up to max that says now and then how many of
// all subscribers it has looked at (nil: to nobody).
func (s *Store) WalkTold(ctx context.Context, seg *Segment, topic string, max uint64, tell func(done, total int64), fn func(sub *Subscriber, skip string) error) error {
	each, err := s.telling(tell)
	if err != nil {
		return err
	}
	return s.walk(ctx, seg, topic, 0, max, each, fn)
}

func (s *Store) walk(ctx context.Context, seg *Segment, topic string, after, max uint64, each func(rows int64), fn func(sub *Subscriber, skip string) error) error {
	var sub Subscriber
	j := s.judge(topic)
	return s.scanTold(ctx, seg, after, max, each, func(r *row) error {
		reason, err := j.skip(r)
		if err == nil {
			err = s.fill(r, &sub)
		}
		if err != nil {
			return err
		}
		return fn(&sub, reason)
	})
}

// errStop ends a scan whose reader has had enough.
var errStop = fmt.Errorf("stop")

// scan is what List, Walk, Count and ExportCSV share: the rows a segment
// selects, not yet copied, over one snapshot.
func (s *Store) scan(ctx context.Context, seg *Segment, after, max uint64, fn func(*row) error) error {
	return s.scanTold(ctx, seg, after, max, nil, fn)
}

// scanTold is scan that says now and then how many rows it has looked at.
func (s *Store) scanTold(ctx context.Context, seg *Segment, after, max uint64, tell func(rows int64), fn func(*row) error) error {
	m, err := seg.bind(ctx, s)
	if err != nil {
		return err
	}
	return s.db.View(func(tx *bolt.Tx) error {
		m.look(s)
		c := tx.Bucket(bucketSubscribers).Cursor()
		n := int64(0)
		if after == everyone {
			return nil
		}
		for k, v := c.Seek(key64(after + 1)); k != nil; k, v = c.Next() {
			if n++; n%1024 == 0 {
				if ctx.Err() != nil {
					return ctx.Err()
				}
				if tell != nil {
					tell(n)
				}
			}
			id := binary.BigEndian.Uint64(k)
			if id > max {
				return nil
			}
			r, err := parse(id, v)
			if err != nil {
				return err
			}
			if ok, err := m.row(&r); err != nil || !ok {
				if err != nil {
					return err
				}
				continue
			}
			if err := fn(&r); err != nil {
				return err
			}
		}
		return ctx.Err()
	})
}

func (s *Store) decode(id uint64, b []byte, sub *Subscriber) error {
	r, err := parse(id, b)
	if err != nil {
		return err
	}
	return s.fill(&r, sub)
}

// fill copies a row into sub, whose map and slices are used again.
func (s *Store) fill(r *row, sub *Subscriber) error {
	attributes := sub.Attributes
	clear(attributes)
	*sub = Subscriber{
		ID: r.id, Email: string(r.email), Name: string(r.name), ExternalID: string(r.external),
		Gender: genderWords()[r.fixed[2]], Frequency: frequencyWords()[r.fixed[4]], Language: languageWords()[r.fixed[5]],
		CreatedAt: fromMillis(r.created()), UpdatedAt: fromMillis(int64(binary.BigEndian.Uint64(r.fixed[24:]))),
		Consent: r.consent(),
	}
	var err error
	if sub.Tags, err = s.texts(r.id, tagName, r.tagIDs); err != nil {
		return err
	}
	if sub.TopicsOff, err = s.texts(r.id, topicName, r.topicIDs); err != nil {
		return err
	}
	if sub.TopicsOn, err = s.texts(r.id, topicName, r.onIDs); err != nil {
		return err
	}
	if len(r.attributeIDs) == 0 {
		return nil
	}
	if attributes == nil {
		attributes = map[string]string{}
	}
	sub.Attributes = attributes
	return s.fillAttributes(r, attributes)
}

func (s *Store) texts(id uint64, kind byte, b []byte) ([]string, error) {
	if len(b) == 0 {
		return nil, nil
	}
	ids, err := unpackIDs(id, b)
	if err != nil {
		return nil, err
	}
	list, err := texts(s.names.list(kind), ids)
	if err != nil {
		return nil, fmt.Errorf("record of subscriber %d: %w", id, err)
	}
	return list, nil
}

func (s *Store) fillAttributes(r *row, attributes map[string]string) error {
	list := s.names.list(attributeName)
	for b := r.attributeIDs; len(b) > 0; {
		id, n := binary.Uvarint(b)
		if n <= 0 || id == 0 || id > uint64(len(list)) {
			return fmt.Errorf("record of subscriber %d has broken attributes", r.id)
		}
		value, rest, ok := cut(b[n:])
		if !ok {
			return fmt.Errorf("record of subscriber %d has broken attributes", r.id)
		}
		attributes[list[id-1]], b = string(value), rest
	}
	return nil
}
