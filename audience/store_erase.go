package audience

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	bolt "go.etcd.io/bbolt"

	"pabal/eml"
)

// reasonErased is the reason of what an erased person leaves in the
// suppression list: the address hash and the time.
const reasonErased = "erased"

// ErrErased means that an address is of somebody who was erased: nobody is
// taken in under it before the operator takes it off the suppression list.
var ErrErased = errors.New("the person was erased")

// Erasure is one person's erasure: a tombstone until all stores have done it.
type Erasure struct {
	ID         uint64    `json:"id"`                   // of the erasure
	Subscriber uint64    `json:"subscriber,omitempty"` // 0: the address was nobody's
	Email      string    `json:"email,omitempty"`      // until it is done; "" where a restored backup did not know it
	Hash       string    `json:"hash,omitempty"`       // the address hash in hex, until it is done: the other stores are looked through for it
	At         time.Time `json:"at"`
	By         string    `json:"by,omitempty"`
	Done       bool      `json:"done"`
	Campaign   uint64    `json:"campaign,omitempty"` // how far the ledgers have been looked through: this campaign,
	Row        uint64    `json:"row,omitempty"`      // this row and those before it
}

// Erase takes everything that is kept of a person out of audience.db: record,
// history, preferences, rows of the customers' table, feedback and the
// suppression's texts. What stays is the address hash in the suppression list
// (reason erased, no address) and, of somebody who had refused, the hash with
// source and time among the opt-outs. The line in optouts.log before it makes a
// restored backup forget them too.
//
// The Erasure returned is on disk as a tombstone with the address: the caller
// has the other stores blanked and then calls EraseDone; after a crash Erasing
// gives it again. Erasing somebody twice, or an address that is nobody's, does
// the same. An *eml.AddressError for what is no address.
func (s *Store) Erase(ctx context.Context, email, by string) (Erasure, error) {
	address, err := eml.ParseAddress(email)
	if err != nil {
		return Erasure{}, err
	}
	h := s.hash(address)
	line := optOutLine{At: s.now().UTC(), Address: hex.EncodeToString(h[:]), Source: Operator, Detail: eml.Cut(by, maxDetail), Erased: true}
	if sub, err := s.ByEmail(address); err == nil {
		line.ID = sub.ID
	}
	if line.Until, err = s.lastID(); err != nil {
		return Erasure{}, err
	}
	var e Erasure
	err = s.indexed(ctx, func() error {
		return s.logged(ctx, []optOutLine{line}, func(u *update) error {
			p, err := u.find(h, address)
			if err != nil {
				return err
			}
			e, err = u.erase(p, h, Erasure{Email: address, Hash: line.Address, At: line.At, By: line.Detail})
			return err
		})
	})
	if err != nil {
		return Erasure{}, fmt.Errorf("erase a subscriber: %w", err)
	}
	return e, nil
}

// lastID is the newest id given to anybody.
func (s *Store) lastID() (id uint64, err error) {
	err = s.db.View(func(tx *bolt.Tx) error {
		id = tx.Bucket(bucketSubscribers).Sequence()
		return nil
	})
	return id, err
}

// Reserve makes ids up to last ones that nobody new gets: mails were sent to
// people by them. A restored audience.db does not know of them, and the link in
// such a mail, or its row in a ledger, would be somebody else's.
func (s *Store) Reserve(ctx context.Context, last uint64) error {
	id, err := s.lastID()
	if err != nil || last <= id || last-id >= maxJump {
		return err
	}
	return s.update(ctx, func(u *update) error {
		if last <= u.people.Sequence() {
			return nil
		}
		return u.people.SetSequence(last)
	})
}

// indexed does a job again after the e-mail index was written where it has to be whole.
func (s *Store) indexed(ctx context.Context, job func() error) error {
	for {
		err := job()
		if !errors.Is(err, errIndexFirst) {
			return err
		}
		if err := s.flush(ctx); err != nil {
			return err
		}
	}
}

// erase is Erase inside a commit; p may be nil.
func (u *update) erase(p *person, h addressHash, e Erasure) (Erasure, error) {
	if p != nil {
		e.Subscriber = p.id
		if err := errors.Join(u.dropRows(p.id), u.remove(p)); err != nil {
			return e, err
		}
	}
	if e.Subscriber != 0 {
		if err := u.tx.Bucket(bucketFormer).Put(key64(e.Subscriber), []byte{}); err != nil {
			return e, err
		}
	}
	if err := u.keepRefusals(h); err != nil {
		return e, err
	}
	v, err := json.Marshal(Suppression{Reason: reasonErased, At: e.At})
	if err != nil {
		return e, err
	}
	tombs := u.tx.Bucket(bucketErased)
	seq, err := tombs.NextSequence()
	if err != nil {
		return e, err
	}
	e.ID = seq
	tomb, err := json.Marshal(e)
	if err != nil {
		return e, err
	}
	return e, errors.Join(u.blocked.Put(h[:], v), u.feedback.Delete(h[:]), u.tx.Bucket(bucketAsked).Delete(h[:]),
		tombs.Put(key64(seq), tomb))
}

// eraseAgain is a line of optouts.log about an erasure: a restored backup knows
// the person still, by the same id or an older one, if their row came and went
// in between. Somebody with an id that was not given by then has come again
// since, by the operator's word. The address is known only where the person is.
func (u *update) eraseAgain(line optOutLine, h addressHash) error {
	p, err := u.byHash(line.ID, h)
	if err == nil && p == nil && u.erased(h) {
		return u.keepRefusals(h)
	}
	if err != nil || p != nil && p.id > max(line.ID, line.Until) {
		return err
	}
	e := Erasure{Subscriber: line.ID, Hash: line.Address, At: line.At, By: line.Detail}
	if p != nil {
		e.Email = p.email
	}
	_, err = u.erase(p, h, e)
	return err
}

// dropRows forgets which rows of the customers' table were a subscriber's.
func (u *update) dropRows(id uint64) error {
	rows, of, again := u.tx.Bucket(bucketRows), u.tx.Bucket(bucketRowsOf), u.tx.Bucket(bucketReread)
	prefix := key64(id)
	c := of.Cursor()
	for k, _ := c.Seek(prefix); len(k) > 8 && bytes.Equal(k[:8], prefix); k, _ = c.Seek(prefix) {
		k = bytes.Clone(k)
		if err := errors.Join(rows.Delete(k[8:]), again.Delete(k[8:]), of.Delete(k)); err != nil {
			return err
		}
	}
	return nil
}

// erased reports whether an address is of somebody who was erased.
func (u *update) erased(h addressHash) bool { return isErased(u.blocked.Get(h[:])) }

func isErased(v []byte) bool {
	var sup Suppression
	return v != nil && json.Unmarshal(v, &sup) == nil && sup.Reason == reasonErased
}

// Erasing are the erasures that the other stores have not finished, oldest first.
func (s *Store) Erasing() ([]Erasure, error) {
	var list []Erasure
	err := s.db.View(func(tx *bolt.Tx) error {
		c := tx.Bucket(bucketErased).Cursor()
		for k, v := c.Last(); k != nil; k, v = c.Prev() {
			var e Erasure
			if err := json.Unmarshal(v, &e); err != nil {
				return fmt.Errorf("erasure %d: %w", number(k), err)
			}
			if e.Hash == "" && e.Email != "" { // of an earlier version
				h := s.hash(e.Email)
				e.Hash = hex.EncodeToString(h[:])
			}
			if !e.Done {
				list = append([]Erasure{e}, list...)
			}
		}
		return nil
	})
	return list, err
}

// IsOf tells whether an address, in any spelling, is that of one of the erasures.
func (s *Store) IsOf(list []Erasure) func(address string) bool {
	hashes := map[addressHash]bool{}
	for _, e := range list {
		var h addressHash
		if n, err := hex.Decode(h[:], []byte(e.Hash)); err == nil && n == len(h) {
			hashes[h] = true
		}
	}
	return func(address string) bool { return hashes[s.hash(address)] }
}

// EraseMark notes for erasures how far the ledgers have been looked through, so
// that a restart goes on there. An erasure that is done is passed over.
// ErrNotFound.
func (s *Store) EraseMark(ctx context.Context, list []Erasure, campaign, row uint64) error {
	return s.update(ctx, func(u *update) error {
		for i := range list {
			if err := u.tombstone(list[i].ID, func(e *Erasure) {
				if !e.Done {
					e.Campaign, e.Row = campaign, row
				}
			}); err != nil {
				return err
			}
		}
		return nil
	})
}

// EraseDone ends an erasure: its address and the hash of it go. ErrNotFound.
func (s *Store) EraseDone(ctx context.Context, id uint64) error {
	return s.update(ctx, func(u *update) error {
		return u.tombstone(id, func(e *Erasure) {
			e.Email, e.Hash, e.Done, e.Campaign, e.Row = "", "", true, 0, 0
		})
	})
}

// tombstone changes one.
func (u *update) tombstone(id uint64, change func(*Erasure)) error {
	b := u.tx.Bucket(bucketErased)
	v := b.Get(key64(id))
	if v == nil {
		return fmt.Errorf("erasure %d: %w", id, ErrNotFound)
	}
	var e Erasure
	if err := json.Unmarshal(v, &e); err != nil {
		return fmt.Errorf("erasure %d: %w", id, err)
	}
	change(&e)
	v, err := json.Marshal(e)
	if err != nil {
		return err
	}
	return b.Put(key64(id), v)
}

// erasures checks that nobody came back and that what is done keeps no address.
func (c *check) erasures() error {
	return c.each(bucketErased, func(k, v []byte) {
		var e Erasure
		if err := json.Unmarshal(v, &e); err != nil || len(k) != 8 || e.ID != number(k) {
			c.fault("erasure %x: %v", k, err)
		} else if e.Done && (e.Email != "" || e.Hash != "") {
			c.fault("erasure %d is done and still has its address", e.ID)
		} else if e.Subscriber != 0 && c.tx.Bucket(bucketSubscribers).Get(key64(e.Subscriber)) != nil {
			c.fault("subscriber %d was erased and is there", e.Subscriber)
		}
	})
}
