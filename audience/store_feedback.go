package audience

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strconv"

	bolt "go.etcd.io/bbolt"
)

// Feed takes up to MaxFeedback events in one commit and says of each whether
// its address is on the suppression list then (of a delivery, which is asked
// for nothing, only where something went wrong at the address before).
//
// A hard bounce and a complaint suppress at once and end the consent, which is
// in optouts.log before; five soft bounces in a row suppress until it turns out
// that a delivery lay between. The same events in any order, and however often
// they come, end in the same list, consent and counts. What happened before the
// operator took the address off the list does not count any more, but for a
// complaint that was not known then. What is no address is passed over.
//
// A delivery at an address without trouble costs no more than its line in a
// list of the last day's.
func (s *Store) Feed(ctx context.Context, list []Feedback) (suppressed []bool, err error) {
	bad, good, err := s.readFeedback(list)
	if err != nil {
		return nil, err
	}
	s.feeding.Lock() // what is looked up here holds until it is written
	defer s.feeding.Unlock()
	plan, err := s.planFeed(bad)
	if err != nil {
		return nil, err
	}
	do := func(u *update) error {
		suppressed = make([]bool, len(list))
		return u.feed(bad, good, plan, suppressed)
	}
	if err := s.logged(ctx, plan.lines, do); err != nil {
		return nil, fmt.Errorf("take feedback: %w", err)
	}
	return suppressed, nil
}

// feedPlan is what Feed looks up before it writes.
type feedPlan struct {
	lines    []optOutLine            // for optouts.log
	earlier  map[addressHash][]int64 // deliveries of the last day at addresses without an entry
	consents []Consent               // what the events say, by place in the batch of bad news
}

// planFeed looks up what bad news changes.
func (s *Store) planFeed(bad []fed) (plan feedPlan, err error) {
	plan.earlier = map[addressHash][]int64{}
	plan.consents = make([]Consent, len(bad))
	if len(bad) == 0 {
		return plan, nil
	}
	err = s.db.View(func(tx *bolt.Tx) error {
		entries := tx.Bucket(bucketFeedback)
		for i := range bad {
			f := &bad[i]
			e, err := readEntry(entries.Get(f.hash[:]))
			if err != nil {
				return err
			}
			if e == nil {
				plan.earlier[f.hash] = nil
			}
			plan.consents[i] = s.consentBy(f)
			if plan.consents[i].Source == "" || e.ignores(f) {
				continue
			}
			line, news := s.news(tx, f, plan.consents[i])
			if line.Suppress, err = listNews(tx, f); err != nil {
				return err
			}
			if news || line.Suppress != "" {
				plan.lines = append(plan.lines, line)
			}
		}
		return findDelivered(tx.Bucket(bucketDelivered), plan.earlier)
	})
	return plan, err
}

// consentBy is what an event says about consent, zero for nothing. A source
// whose clock is ahead of ours does not speak in the future.
func (s *Store) consentBy(f *fed) Consent {
	c := Consent{At: fromMillis(min(f.at, s.now().UnixMilli()))}
	switch f.kind {
	case FeedHardBounce:
		c.Source = Bounce
	case FeedComplaint:
		c.Source = Complaint
	}
	return c
}

// news is the line of a refusal for the log, and whether it changes anything.
func (s *Store) news(tx *bolt.Tx, f *fed, c Consent) (optOutLine, bool) {
	now := addressConsent(tx.Bucket(bucketOptOuts), f.hash)
	id, b := s.find(tx.Bucket(bucketEmail).Cursor(), tx.Bucket(bucketSubscribers), f.hash, f.address)
	if b != nil {
		if r, err := parse(id, b); err == nil {
			now = r.consent()
		}
	}
	_, v := decide(now, c, stated)
	// What the server said may hold the address: it is no text for the log.
	line := optOutLine{At: c.At, ID: id, Address: hex.EncodeToString(f.hash[:]), Source: c.Source}
	return line, v == applied
}

// listNews is the reason to write to the log that an event suppresses its
// address, "" if it is on the list with one as strong.
func listNews(tx *bolt.Tx, f *fed) (string, error) {
	sup := f.suppression()
	v := tx.Bucket(bucketSuppressed).Get(f.hash[:])
	if v == nil {
		return sup.Reason, nil
	}
	var had Suppression
	if err := json.Unmarshal(v, &had); err != nil || !sup.over(&had) {
		return "", err
	}
	return sup.Reason, nil
}

// suppression is what a hard bounce and a complaint put on the list.
func (f *fed) suppression() Suppression {
	sup := Suppression{Email: f.address, Reason: "bounce", At: fromMillis(f.at), Detail: f.detail}
	if f.kind == FeedComplaint {
		sup.Reason = "complaint"
	}
	return sup
}

// ignores reports whether an event changes nothing: it came before, or is of
// the time before the operator took the address off the list.
func (e *feedbackEntry) ignores(f *fed) bool {
	return e.has(f.key) || e != nil && f.at <= e.cleared && f.kind != FeedComplaint
}

// feed is Feed inside a commit. Bad news goes first: it does not matter to what
// comes of it, and deliveries then find its entries.
func (u *update) feed(bad, good []fed, plan feedPlan, suppressed []bool) error {
	for i := range bad {
		f := &bad[i]
		if err := u.badNews(f, plan.consents[i], plan.earlier[f.hash]); err != nil {
			return err
		}
	}
	fresh := make([]delivery, 0, len(good))
	for i := range good {
		f := &good[i]
		e, err := readEntry(u.feedback.Get(f.hash[:]))
		switch {
		case err != nil:
			return err
		case e != nil:
			if err := u.goodNews(f, e); err != nil {
				return err
			}
			suppressed[f.n] = u.blocked.Get(f.hash[:]) != nil
		default:
			fresh = append(fresh, delivery{f.hash.short(), f.at})
		}
	}
	for i := range bad {
		suppressed[bad[i].n] = u.blocked.Get(bad[i].hash[:]) != nil
	}
	return u.delivered(fresh)
}

// badNews keeps a bounce or complaint and what follows from it.
func (u *update) badNews(f *fed, said Consent, earlier []int64) error {
	e, err := readEntry(u.feedback.Get(f.hash[:]))
	if err != nil {
		return err
	}
	if e == nil {
		e = &feedbackEntry{}
		for _, at := range earlier {
			e.add(heard{kind: FeedDelivery, at: at})
		}
	}
	ignored := e.ignores(f)
	if !e.add(f.heard) {
		return nil
	}
	if err := u.feedback.Put(f.hash[:], e.pack()); err != nil || ignored {
		return err
	}
	if f.kind == FeedSoftBounce {
		return u.softRun(f, e)
	}
	if err := u.suppress(f.hash, f.suppression()); err != nil {
		return err
	}
	p, err := u.find(f.hash, f.address)
	if err != nil {
		return err
	}
	return u.refuse(p, f.hash, said, f.detail)
}

// goodNews keeps a delivery at an address with an entry.
func (u *update) goodNews(f *fed, e *feedbackEntry) error {
	if !e.add(f.heard) {
		return nil
	}
	if err := u.feedback.Put(f.hash[:], e.pack()); err != nil {
		return err
	}
	return u.softRun(f, e)
}

// softRun keeps the list equal to what an address's entry says of soft bounces.
func (u *update) softRun(f *fed, e *feedbackEntry) error {
	had, ok, err := u.suppression(f.hash)
	if err != nil || ok && !had.Soft {
		return err
	}
	at, full := e.run()
	switch {
	case full && ok && had.At.UnixMilli() == at:
		return nil
	case full:
		sup := Suppression{Email: f.address, Reason: "bounce", Soft: true, At: fromMillis(at), Detail: strconv.Itoa(softLimit) + DetailSoft}
		return u.enlist(f.hash, sup)
	case ok:
		return u.delist(f.hash, f.address)
	}
	return nil
}

// suppression is an address's entry in the list, and whether there is one.
func (u *update) suppression(h addressHash) (sup Suppression, ok bool, err error) {
	v := u.blocked.Get(h[:])
	if v == nil {
		return sup, false, nil
	}
	if err := json.Unmarshal(v, &sup); err != nil {
		return sup, false, fmt.Errorf("suppression %x: %w", h[:4], err)
	}
	return sup, true, nil
}

// addFeedback makes the buckets of the feedback: migration 2.
func addFeedback(tx *bolt.Tx) error {
	for _, name := range [][]byte{bucketFeedback, bucketDelivered} {
		if _, err := tx.CreateBucketIfNotExists(name); err != nil {
			return fmt.Errorf("make the bucket %s: %w", name, err)
		}
	}
	return nil
}

// feedbackOf is an address's entry, nil if nothing ever went wrong there.
func (s *Store) feedbackOf(h addressHash) (e *feedbackEntry, err error) {
	err = s.db.View(func(tx *bolt.Tx) error {
		e, err = readEntry(tx.Bucket(bucketFeedback).Get(h[:]))
		return err
	})
	return e, err
}
