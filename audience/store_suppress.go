package audience

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"iter"

	bolt "go.etcd.io/bbolt"

	"pabal/eml"
)

// Suppress puts an address on the suppression list; At zero means now. What is
// there already stays, only a complaint takes the place of another reason. A
// complaint is also an opt-out: it is in optouts.log and ends the consent.
// An *eml.AddressError for what is no address.
func (s *Store) Suppress(ctx context.Context, sup Suppression) error {
	address, err := eml.ParseAddress(sup.Email)
	if err != nil {
		return err
	}
	switch sup.Reason {
	case "bounce", "complaint", "operator":
	default:
		return fmt.Errorf("unknown reason %q for a suppression; use bounce, complaint or operator", sup.Reason)
	}
	if sup.At.IsZero() {
		sup.At = s.now()
	}
	sup.Email, sup.At, sup.Detail = address, sup.At.UTC(), eml.Cut(sup.Detail, maxDetail)
	h := s.hash(address)
	do := func(u *update) error { return u.suppress(h, sup) }
	if sup.Reason != "complaint" {
		return s.update(ctx, do)
	}
	if had, ok, err := s.Suppressed(address); err != nil || ok && had.Reason == "complaint" {
		return err
	}
	line := optOutLine{At: sup.At, Address: hex.EncodeToString(h[:]), Source: Complaint, Detail: sup.Detail}
	return s.logged(ctx, line, func(u *update) error {
		if err := do(u); err != nil {
			return err
		}
		return u.optOut(line)
	})
}

func (u *update) suppress(h addressHash, sup Suppression) error {
	if v := u.blocked.Get(h[:]); v != nil {
		var had Suppression
		if err := json.Unmarshal(v, &had); err != nil {
			return fmt.Errorf("suppression of %s: %w", sup.Email, err)
		}
		if sup.Reason != "complaint" || had.Reason == "complaint" {
			return nil
		}
	}
	v, err := json.Marshal(sup)
	if err != nil {
		return err
	}
	if err := u.blocked.Put(h[:], v); err != nil {
		return err
	}
	return u.mark(h, sup.Email, true)
}

// mark keeps the flag in the subscriber's record equal to the list.
func (u *update) mark(h addressHash, address string, suppressed bool) error {
	p, err := u.find(h, address)
	if err != nil || p == nil || p.suppressed == suppressed {
		return err
	}
	p.suppressed = suppressed
	p.updated = u.now.UnixMilli()
	return u.put(p)
}

// Unsuppress takes an address off the list. A consent that a complaint ended
// stays ended. ErrNotFound, or an *eml.AddressError.
func (s *Store) Unsuppress(ctx context.Context, email string) error {
	address, err := eml.ParseAddress(email)
	if err != nil {
		return err
	}
	h := s.hash(address)
	return s.update(ctx, func(u *update) error {
		if u.blocked.Get(h[:]) == nil {
			return fmt.Errorf("suppression of %s: %w", eml.Visible(address), ErrNotFound)
		}
		if err := u.blocked.Delete(h[:]); err != nil {
			return err
		}
		return u.mark(h, address, false)
	})
}

// Suppressed is the entry of an address, in any spelling, and whether there is
// one. An *eml.AddressError for what is no address.
func (s *Store) Suppressed(email string) (Suppression, bool, error) {
	var sup Suppression
	address, err := eml.ParseAddress(email)
	if err != nil {
		return sup, false, err
	}
	h := s.hash(address)
	found := false
	err = s.db.View(func(tx *bolt.Tx) error {
		v := tx.Bucket(bucketSuppressed).Get(h[:])
		if found = v != nil; !found {
			return nil
		}
		return json.Unmarshal(v, &sup)
	})
	return sup, found, err
}

// Suppressions walks the list over one snapshot, in no order that means anything.
func (s *Store) Suppressions() iter.Seq2[Suppression, error] {
	return func(yield func(Suppression, error) bool) {
		err := s.db.View(func(tx *bolt.Tx) error {
			return tx.Bucket(bucketSuppressed).ForEach(func(_, v []byte) error {
				var sup Suppression
				if err := json.Unmarshal(v, &sup); err != nil {
					return err
				}
				if !yield(sup, nil) {
					return errStop
				}
				return nil
			})
		})
		if err != nil && err != errStop {
			yield(Suppression{}, err)
		}
	}
}
