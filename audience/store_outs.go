package audience

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"iter"
	"time"

	bolt "go.etcd.io/bbolt"
)

// OptOut is one line of the feed back to the shop: somebody who does not want
// mail, told by another than the shop's own table.
type OptOut struct {
	ExternalID string    `json:"external_id"` // "" for somebody who is not of the table
	Email      string    `json:"email"`
	At         time.Time `json:"at"`          // when it was said
	RecordedAt time.Time `json:"recorded_at"` // when it was learned: what the feed goes by, never falling
	Source     Source    `json:"source"`
	Detail     string    `json:"detail,omitempty"`
}

// outs: time learned in unix ms u64, subscriber u64 -> nothing. The times never
// fall, so a reader who comes again with the last one it saw misses nobody:
// what is learned later stands at it or behind it.

// noteOut enters a refusal into the feed. What the table itself said the shop knows.
func (u *update) noteOut(id uint64, c Consent) error {
	if !c.refuses() || c.Source == MySQL {
		return nil
	}
	b := u.tx.Bucket(bucketOuts)
	at := uint64(u.now.UnixMilli())
	if k, _ := b.Cursor().Last(); len(k) == 16 {
		at = max(at, number(k[:8])) // a clock set back
	}
	b.FillPercent = 0.9
	return b.Put(append(key64(at), key64(id)...), []byte{})
}

// OptedOut walks, over one snapshot, those who are opted out now and of whom
// that was learned at or after since, in the order it was learned; who opted
// out twice comes twice. Not among them: who came back, who said it to the table
// alone (MySQL), and who is not kept any more, because their row vanished or they
// were erased. To go on later, ask from the RecordedAt of the last one: who is
// told again is told the same.
func (s *Store) OptedOut(ctx context.Context, since time.Time) iter.Seq2[OptOut, error] {
	return func(yield func(OptOut, error) bool) {
		err := s.db.View(func(tx *bolt.Tx) error {
			people, history := tx.Bucket(bucketSubscribers), tx.Bucket(bucketHistory)
			c := tx.Bucket(bucketOuts).Cursor()
			n := 0
			for k, _ := c.Seek(key64(uint64(max(0, millis(since))))); len(k) == 16; k, _ = c.Next() {
				if n++; n%1024 == 0 && ctx.Err() != nil {
					return ctx.Err()
				}
				v := people.Get(k[8:])
				if v == nil {
					continue
				}
				r, err := parse(number(k[8:]), v)
				if err != nil {
					return err
				}
				consent := r.consent()
				if !consent.refuses() || consent.Source == MySQL {
					continue
				}
				out := OptOut{ExternalID: string(r.external), Email: string(r.email), At: consent.At,
					RecordedAt: fromMillis(int64(number(k[:8]))), Source: consent.Source}
				if last := lastRefusal(history, r.id, consent); last != nil {
					out.Detail = last.Detail
				}
				if !yield(out, nil) {
					return errStop
				}
			}
			return ctx.Err()
		})
		if err != nil && err != errStop {
			yield(OptOut{}, err)
		}
	}
}

// lastRefusal is the history's line about a refusal, nil if there is none.
func lastRefusal(b *bolt.Bucket, id uint64, c Consent) *Change {
	prefix := key64(id)
	var last *Change
	cursor := b.Cursor()
	for k, v := cursor.Seek(prefix); bytes.HasPrefix(k, prefix); k, v = cursor.Next() {
		if change := readChange(v); change != nil && change.Applied && len(change.Changed) == 0 && !change.Subscribed && change.Source == c.Source {
			last = change
		}
	}
	return last
}

func readChange(v []byte) *Change {
	var change Change
	if json.Unmarshal(v, &change) != nil {
		return nil
	}
	return &change
}

// addConsent makes the buckets of erasing, asking and the feed back, and fills
// the feed with those opted out by now: migration 3.
func addConsent(tx *bolt.Tx) error {
	for _, name := range [][]byte{bucketErased, bucketAsked, bucketOuts} {
		if _, err := tx.CreateBucketIfNotExists(name); err != nil {
			return fmt.Errorf("make the bucket %s: %w", name, err)
		}
	}
	outs := tx.Bucket(bucketOuts)
	return tx.Bucket(bucketSubscribers).ForEach(func(k, v []byte) error {
		r, err := parse(binary.BigEndian.Uint64(k), v)
		if err != nil {
			return err
		}
		c := r.consent()
		if !c.refuses() || c.Source == MySQL {
			return nil
		}
		return outs.Put(append(key64(uint64(max(0, millis(c.At)))), k...), []byte{})
	})
}

// outs checks the feed's keys, and that everybody opted out is in it.
func (c *check) outs() error {
	in := make([]byte, c.tx.Bucket(bucketSubscribers).Sequence()/8+1) // a bit for each id
	err := c.each(bucketOuts, func(k, _ []byte) {
		if len(k) != 16 {
			c.fault("feed of opt-outs: key %x", k)
			return
		}
		if id := number(k[8:]); id/8 < uint64(len(in)) {
			in[id/8] |= 1 << (id % 8)
		}
	})
	if err != nil {
		return err
	}
	return c.each(bucketSubscribers, func(k, v []byte) {
		r, err := parse(number(k), v)
		if err != nil { // told already
			return
		}
		if s := r.consent(); !s.refuses() || s.Source == MySQL {
			return
		}
		if r.id/8 < uint64(len(in)) && in[r.id/8]&(1<<(r.id%8)) == 0 {
			c.fault("subscriber %d is opted out and not in the feed of opt-outs", r.id)
		}
	})
}
