package audience

import (
	"context"
	"crypto/hmac"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"pabal/eml"
)

const (
	// ConfirmFor is how long the link of a mail that asks is good.
	ConfirmFor = 7 * 24 * time.Hour
	// askEvery is how often one address is asked at most.
	askEvery = 24 * time.Hour
)

// A confirm token is 2 and the key id in one byte, the subscriber and the time
// of the asking (unix ms) as uvarints, the first 8 bytes of the address hash,
// and 16 bytes of HMAC-SHA256 over what comes before, in URL-safe base64: 52
// characters at most. The first byte is signed too, so that neither kind of
// token passes for the other. It is good for ConfirmFor, for that address, and
// for nothing after a later refusal.
const confirmVersion = 2

// Ask readies the question whether somebody wants mail (again): who they are,
// and the token for the link that says yes. It is noted as asked before it
// returns; call Unask if the question could not be sent. ErrNotFound, an
// *eml.AddressError, or an *eml.Problem that says why they are not to be asked:
// suppressed, subscribed by their own act already, or asked within a day.
func (s *Store) Ask(ctx context.Context, email string) (sub Subscriber, token string, err error) {
	address, err := eml.ParseAddress(email)
	if err != nil {
		return sub, "", err
	}
	h, now := s.hash(address), s.now()
	err = s.update(ctx, func(u *update) error {
		p, err := u.find(h, address)
		if err != nil {
			return err
		}
		if p == nil {
			return fmt.Errorf("subscriber %s: %w", eml.Visible(address), ErrNotFound)
		}
		if err := u.mayAsk(p, h, now); err != nil {
			return err
		}
		if err := s.decode(p.id, u.people.Get(key64(p.id)), &sub); err != nil {
			return err
		}
		return u.tx.Bucket(bucketAsked).Put(h[:], key64(uint64(now.UnixMilli())))
	})
	if err != nil {
		return Subscriber{}, "", err
	}
	return sub, s.confirmToken(sub.ID, h, now), nil
}

// mayAsk says why somebody is not to be asked.
func (u *update) mayAsk(p *person, h addressHash, now time.Time) error {
	sup, suppressed, err := u.suppression(h)
	if err != nil {
		return err
	}
	asked := fromMillis(int64(number(u.tx.Bucket(bucketAsked).Get(h[:]))))
	switch {
	case suppressed:
		return &eml.Problem{Code: CodeSuppressed, What: fmt.Sprintf("the address is suppressed (%s) and gets no mail at all", sup.Reason),
			Hint: "if you know that it works again and is wanted, first: pabal suppression remove " + eml.Visible(p.email), Err: ErrSuppressed}
	case p.consent.Subscribed && p.consent.Source == Person:
		return &eml.Problem{Code: CodeOwnYes, What: "the person is subscribed by their own act already", Hint: "there is nothing to ask", Err: ErrAsked}
	case !asked.IsZero() && now.Sub(asked) < askEvery && !now.Before(asked):
		return &eml.Problem{Code: CodeAsked, What: "the person was asked at " + asked.Format(time.RFC3339) + " already",
			Hint: "one mail a day is enough; the link in it is good for seven days", Err: ErrAsked}
	}
	return nil
}

// Unask takes back that somebody was asked: the mail did not go.
func (s *Store) Unask(ctx context.Context, email string) error {
	address, err := eml.ParseAddress(email)
	if err != nil {
		return err
	}
	h := s.hash(address)
	return s.update(ctx, func(u *update) error { return u.tx.Bucket(bucketAsked).Delete(h[:]) })
}

func (s *Store) confirmToken(id uint64, h addressHash, asked time.Time) string {
	b := make([]byte, 0, maxToken)
	b = append(b, confirmVersion<<4|s.sign&0x0F)
	b = binary.AppendUvarint(b, id)
	b = binary.AppendUvarint(b, uint64(asked.UnixMilli()))
	b = append(b, h[:8]...)
	return base64.RawURLEncoding.EncodeToString(append(b, mac(s.keys[s.sign], b)...))
}

// confirmation is an opened confirm token.
type confirmation struct {
	id    uint64
	asked time.Time
	short uint64 // of the address hash
}

// openConfirm opens a confirm token: ErrToken for anything that Ask did not make.
func (s *Store) openConfirm(token string) (c confirmation, err error) {
	if len(token) > maxToken {
		return c, ErrToken
	}
	b, err := base64.RawURLEncoding.Strict().DecodeString(token)
	if err != nil || len(b) < 1+1+1+8+tokenMAC || b[0]>>4 != confirmVersion {
		return c, ErrToken
	}
	key, known := s.keys[b[0]&0x0F]
	if !known {
		key = make([]byte, 32)
	}
	body, sum := b[:len(b)-tokenMAC], b[len(b)-tokenMAC:]
	if !hmac.Equal(sum, mac(key, body)) || !known {
		return c, ErrToken
	}
	id, n := binary.Uvarint(body[1:])
	if n <= 0 {
		return c, ErrToken
	}
	asked, m := binary.Uvarint(body[1+n:])
	if m <= 0 || len(body) != 1+n+m+8 {
		return c, ErrToken
	}
	return confirmation{id: id, asked: time.UnixMilli(int64(asked)), short: number(body[1+n+m:])}, nil
}

// Confirm is a person's yes by the link they were sent: it subscribes them by
// their own act, over whatever refusal was there when they were asked, and the
// history says so. The same link again changes nothing. ErrToken for a link
// that Ask did not make, that is older than ConfirmFor, whose person is gone or
// has another address now, or who refused or complained after they were asked.
func (s *Store) Confirm(ctx context.Context, token string) (Subscriber, error) {
	c, err := s.openConfirm(token)
	if err != nil {
		return Subscriber{}, err
	}
	if age := s.now().Sub(c.asked); age > ConfirmFor {
		return Subscriber{}, ErrToken
	}
	var sub Subscriber
	err = s.update(ctx, func(u *update) error {
		p, err := u.get(c.id)
		if errors.Is(err, ErrNotFound) {
			return ErrToken
		} else if err != nil {
			return err
		}
		h := s.hash(p.email)
		said := !p.consent.Subscribed && p.consent.Source.strength() == Person.strength()
		if h.short() != c.short || said && p.consent.At.After(c.asked) {
			return ErrToken
		}
		if err := u.confirm(p, h, c.asked); err != nil {
			return err
		}
		return s.decode(p.id, u.people.Get(key64(p.id)), &sub)
	})
	if err != nil {
		return Subscriber{}, err
	}
	return sub, nil
}

// confirm writes the person's yes, once for each asking.
func (u *update) confirm(p *person, h addressHash, asked time.Time) error {
	if p.consent.Subscribed && p.consent.Source == Person && !p.consent.At.Before(asked.Truncate(time.Millisecond)) {
		return nil
	}
	at := u.now
	if at.Before(p.consent.At) {
		at = p.consent.At
	}
	v, err := u.say(p, h, Consent{Subscribed: true, Source: Person, At: at}, stated, "confirmed by the link of "+asked.UTC().Format(time.RFC3339))
	if err != nil || v != applied {
		return err
	}
	p.updated = u.now.UnixMilli()
	return u.put(p)
}
