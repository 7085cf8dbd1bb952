package audience

import (
	"context"
	"errors"
	"fmt"

	bolt "go.etcd.io/bbolt"

	"pabal/eml"
)

// QueueMail is added to the number of an application's mail to make what stands
// in its token in place of a campaign's number.
const QueueMail = 1 << 62

// Admit tells, at the instant of sending, whether an application's mail about a
// topic may go to an address: who has it, and the reason not to mail them, "" if
// they may be: suppressed, unsubscribed (somebody refused, or the address did
// when another record had it), topic_off. Who never said anything may be mailed:
// it was the application that decided to. They get no campaign by it.
//
// Nobody at the address is made a subscriber with source smtp and no consent
// (Consent.Unsaid), on disk before it returns; detail is for their history.
// Nobody is made of an address that is not to be mailed: then the subscriber is
// the zero value. An *eml.AddressError for what is no address.
func (s *Store) Admit(ctx context.Context, email, topic, detail string) (sub Subscriber, reason string, err error) {
	address, err := eml.ParseAddress(email)
	if err != nil {
		return sub, "", err
	}
	h := s.hash(address)
	err = s.db.View(func(tx *bolt.Tx) error {
		sub, reason, err = s.admit(tx, h, address, topic)
		return err
	})
	if err != nil || reason != "" || sub.ID != 0 {
		return sub, reason, err
	}
	err = s.update(ctx, func(u *update) error {
		sub, reason, err = s.admit(u.tx, h, address, topic) // what came in between
		if err != nil || reason != "" || sub.ID != 0 {
			return err
		}
		return u.mailed(&sub, h, address, detail)
	})
	if err != nil {
		return Subscriber{}, "", fmt.Errorf("subscriber %s: %w", eml.Visible(address), err)
	}
	return sub, reason, nil
}

// admit looks at what is there; nobody is no error.
func (s *Store) admit(tx *bolt.Tx, h addressHash, address, topic string) (sub Subscriber, reason string, err error) {
	id, b := s.find(tx.Bucket(bucketEmail).Cursor(), tx.Bucket(bucketSubscribers), h, address)
	if b == nil {
		reason, err = s.strange(tx, h, topic)
		return sub, reason, err
	}
	r, err := parse(id, b)
	if err != nil {
		return sub, "", err
	}
	switch {
	case r.suppressed():
		reason = skipSuppressed
	case r.consent().refuses():
		reason = skipUnsubscribed
	case !r.wants(s.subject(topic)):
		reason = skipTopicOff
	}
	return sub, reason, s.fill(&r, &sub)
}

// strange is admit for an address nobody has: what is kept of it by itself.
func (s *Store) strange(tx *bolt.Tx, h addressHash, topic string) (reason string, err error) {
	list, err := readChoices(tx.Bucket(bucketChoices).Get(h[:]))
	if err != nil {
		return "", err
	}
	wanted, _ := s.stands(list, topic)
	switch {
	case tx.Bucket(bucketSuppressed).Get(h[:]) != nil:
		return skipSuppressed, nil
	case addressConsent(tx.Bucket(bucketOptOuts), h).Source != "":
		return skipUnsubscribed, nil
	case !wanted:
		return skipTopicOff, nil
	}
	return "", nil
}

// mailed makes somebody of an address that an application mailed.
func (u *update) mailed(sub *Subscriber, h addressHash, address, detail string) error {
	p := &person{email: address, consent: Consent{Source: SMTP, Assumed: true, At: fromMillis(u.now.UnixMilli())}}
	if err := u.create(p, h, false); err != nil {
		return err
	}
	line := Change{At: p.consent.At, Source: SMTP, Detail: eml.Cut(detail, maxDetail), Applied: true}
	b := u.tx.Bucket(bucketHistory)
	return errors.Join(appendChange(b, p.id, line), u.s.decode(p.id, u.people.Get(key64(p.id)), sub))
}
