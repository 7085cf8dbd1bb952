package audience

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"time"

	bolt "go.etcd.io/bbolt"

	"pabal/eml"
)

// Suppress puts an address on the suppression list; At zero means now. The
// strongest reason is kept (complaint, hard bounce, operator, soft bounces), of
// equal ones the oldest. A bounce and a complaint are taken as Feed takes them:
// they end the consent too, and what is older than the operator's removal of
// the address does not count. An *eml.AddressError for what is no address.
func (s *Store) Suppress(ctx context.Context, sup Suppression) error {
	address, err := eml.ParseAddress(sup.Email)
	if err != nil {
		return err
	}
	switch sup.Reason {
	case "operator":
	case "bounce", "complaint":
		return s.suppressAs(ctx, address, sup)
	default:
		return fmt.Errorf("unknown reason %q for a suppression; use bounce, complaint or operator", sup.Reason)
	}
	if sup.At.IsZero() {
		sup.At = s.now()
	}
	sup.Email, sup.At, sup.Detail, sup.Soft = address, sup.At.UTC(), eml.Cut(sup.Detail, maxDetail), false
	if had, ok, err := s.Suppressed(address); err != nil || ok && !sup.over(&had) {
		return err
	}
	h := s.hash(address)
	return s.logged(ctx, []optOutLine{listLine(h, "operator", sup.At)}, func(u *update) error { return u.suppress(h, sup) })
}

// suppressAs feeds a bounce or complaint that has no event. Without a time the
// same again says nothing new.
func (s *Store) suppressAs(ctx context.Context, address string, sup Suppression) error {
	if sup.At.IsZero() {
		if had, ok, err := s.Suppressed(address); err != nil || ok && had.rank() >= sup.rank() {
			return err
		}
	}
	kind := FeedHardBounce
	if sup.Reason == "complaint" {
		kind = FeedComplaint
	}
	_, err := s.feedOne(ctx, Feedback{Kind: kind, Address: address, At: sup.At, Detail: sup.Detail})
	return err
}

// rank orders the reasons, strongest highest.
func (sup *Suppression) rank() int {
	switch {
	case sup.Reason == reasonErased:
		return 5
	case sup.Reason == "complaint":
		return 4
	case sup.Reason == "bounce" && !sup.Soft:
		return 3
	case sup.Reason == "operator":
		return 2
	}
	return 1
}

// over reports whether sup takes the place of had.
func (sup *Suppression) over(had *Suppression) bool {
	if a, b := had.rank(), sup.rank(); a != b {
		return b > a
	}
	return sup.At.Before(had.At) || sup.At.Equal(had.At) && sup.Detail < had.Detail
}

// suppress puts an address on the list unless what is there says more.
func (u *update) suppress(h addressHash, sup Suppression) error {
	had, ok, err := u.suppression(h)
	if err != nil {
		return err
	}
	if ok && !sup.over(&had) {
		if had.Email != "" || had.Reason == reasonErased || sup.Email == "" {
			return nil
		}
		had.Email = sup.Email // optouts.log did not know it
		sup = had
	}
	return u.enlist(h, sup)
}

// enlist writes an address's entry in the list.
func (u *update) enlist(h addressHash, sup Suppression) error {
	v, err := json.Marshal(sup)
	if err != nil {
		return err
	}
	if err := u.blocked.Put(h[:], v); err != nil {
		return err
	}
	return u.mark(h, sup.Email, true)
}

// delist takes an address's entry off the list.
func (u *update) delist(h addressHash, address string) error {
	if err := u.blocked.Delete(h[:]); err != nil {
		return err
	}
	return u.mark(h, address, false)
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

// Unsuppress takes an address off the list; what happened there before does not
// count from then on. A consent that a bounce or a complaint ended stays ended:
// only the person can come back. ErrNotFound, or an *eml.AddressError.
func (s *Store) Unsuppress(ctx context.Context, email string) error {
	address, err := eml.ParseAddress(email)
	if err != nil {
		return err
	}
	if _, ok, err := s.Suppressed(address); err != nil || !ok {
		return errors.Join(err, notListed(address))
	}
	h, at := s.hash(address), s.now().UTC()
	return s.logged(ctx, []optOutLine{listLine(h, listedNone, at)}, func(u *update) error {
		if u.blocked.Get(h[:]) == nil {
			return notListed(address) // another was first
		}
		return errors.Join(u.delist(h, address), u.clear(h, at))
	})
}

func notListed(address string) error {
	return fmt.Errorf("suppression of %s: %w", eml.Visible(address), ErrNotFound)
}

// listedNone is the word in optouts.log for an address that was taken off the list.
const listedNone = "none"

// listLine is the line of the log for what an operator does to the list. Its
// detail is no text for the log: it may tell who it is.
func listLine(h addressHash, word string, at time.Time) optOutLine {
	return optOutLine{At: at.UTC(), Address: hex.EncodeToString(h[:]), Suppress: word}
}

// listAgain does to the list what a line of the log says. p is who has the
// address, nil for nobody: then the entry is only a hash, until SES or somebody
// names the address again.
func (u *update) listAgain(p *person, h addressHash, line optOutLine) error {
	if line.Suppress == "" {
		return nil
	}
	had, ok, err := u.suppression(h)
	if err != nil {
		return err
	}
	address := had.Email
	if p != nil {
		address = p.email
	}
	switch line.Suppress {
	case "bounce", "complaint", "operator":
		sup := Suppression{Email: address, Reason: line.Suppress, At: line.At}
		if ok && sup.rank() == had.rank() && !sup.At.Before(had.At) { // the same, with its detail
			return nil
		}
		return u.suppress(h, sup)
	case listedNone:
		if ok && had.At.After(line.At) { // of later
			return nil
		}
		return u.offAgain(h, address, line.At)
	}
	return nil
}

// offAgain takes an address off the list as of a time: soft bounces since then count.
func (u *update) offAgain(h addressHash, address string, at time.Time) error {
	if err := errors.Join(u.delist(h, address), u.clear(h, at)); err != nil {
		return err
	}
	e, err := readEntry(u.feedback.Get(h[:]))
	if err != nil {
		return err
	}
	return u.softRun(&fed{hash: h, address: address}, e)
}

// clear notes that the operator took an address off the list.
func (u *update) clear(h addressHash, at time.Time) error {
	e, err := readEntry(u.feedback.Get(h[:]))
	if err != nil {
		return err
	}
	if e == nil {
		e = &feedbackEntry{}
	}
	e.cleared = max(e.cleared, at.UnixMilli())
	return u.feedback.Put(h[:], e.pack())
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
