package spool

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.etcd.io/bbolt"
)

// FeedbackKind is what SES says became of a mail it had accepted.
type FeedbackKind uint8

// The kinds. Sent says only that SES took the mail, as every other does too.
const (
	Sent FeedbackKind = iota
	Delivered
	Delayed
	Bounced
	Complained
	Rejected // by SES itself: a virus, or a letter it could not render
	Opened
	MachineOpened
	Clicked
)

var feedbackNames = []string{"sent", "delivered", "delayed", "bounced", "complained", "rejected", "opened", "machine_opened", "clicked"}

func (k FeedbackKind) String() string {
	if int(k) < len(feedbackNames) {
		return feedbackNames[k]
	}
	return "feedback " + strconv.Itoa(int(k))
}

// MarshalText gives the kind's name.
func (k FeedbackKind) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// UnmarshalText reads the kind's name.
func (k *FeedbackKind) UnmarshalText(b []byte) error {
	i, err := named(feedbackNames, string(b), "feedback")
	*k = FeedbackKind(i)
	return err
}

// ParseFeedbackKind reads a kind's name.
func ParseFeedbackKind(name string) (FeedbackKind, error) {
	i, err := named(feedbackNames, name, "feedback")
	return FeedbackKind(i), err
}

// Feedback is one thing SES said of one mail.
type Feedback struct {
	Kind  FeedbackKind
	SESID string // required
	Tag   string // ours, as Message.Tag; "" when SES did not hand it back
	News  string // what SES said, for people; cut at 200 bytes
	Hard  bool   // of Bounced: for good, there is no such address
	// When is when it happened, as SES says; zero means now. Only a campaign's
	// series keeps it, and no later than now.
	When time.Time
	// Known is feedback about a mail that was accepted some time ago: when
	// nobody knows its id it is another application's, and not kept.
	Known bool
}

// FeedbackResult counts what became of a batch: each event is one of Heard,
// Repeated, Kept, Foreign, Dropped and Removed.
type FeedbackResult struct {
	Heard    int64 // new
	Repeated int64 // known already
	Kept     int64 // of mails not known yet
	Foreign  int64 // of other applications on the account
	Dropped  int64 // no room for more that is not known yet, or the record is damaged
	Removed  int64 // of mails that retention has removed; their sums do not change
	Settled  int64 // messages that were failed, unknown or waiting and are accepted now
}

func (r *FeedbackResult) add(o FeedbackResult) {
	r.Heard, r.Repeated, r.Kept = r.Heard+o.Heard, r.Repeated+o.Repeated, r.Kept+o.Kept
	r.Foreign, r.Dropped, r.Settled = r.Foreign+o.Foreign, r.Dropped+o.Dropped, r.Settled+o.Settled
	r.Removed += o.Removed
}

// Feedback takes up to MaxBatch events and returns when what they say is on
// disk, in one commit for each lane they are about. The same event may come
// many times, in any order, and before the answer of the call it is about: the
// end is the same. An event proves that SES has accepted the mail: whatever
// outcome that contradicts (unknown, failed, a retry that waits) becomes
// accepted, and nothing ever makes accepted anything else. Events with the tag
// of another store are foreign. Feedback on a message whose id is not known yet
// is kept for a week and applied in the commit that writes the id.
func (s *Spool) Feedback(ctx context.Context, events []Feedback) (FeedbackResult, error) {
	var res FeedbackResult
	if len(events) > MaxBatch {
		return res, fmt.Errorf("take %d events: at most %d in a batch", len(events), MaxBatch)
	}
	if err := ctx.Err(); err != nil {
		return res, err
	}
	queue, ledger, err := s.sortFeedback(events, &res)
	if err != nil {
		return res, err
	}
	for _, half := range [...]struct {
		lane   Lane
		events []heard
	}{{Bulk, ledger}, {Transactional, queue}} {
		if len(half.events) == 0 {
			continue
		}
		done, err := s.hear(half.lane, half.events)
		if err != nil {
			return res, fmt.Errorf("write feedback: %w", err)
		}
		res.add(done)
	}
	if res.Settled > 0 {
		s.logger().Info("outcomes settled from feedback", "part", "spool", "messages", res.Settled)
	}
	return res, nil
}

// heard is an event with what its tag says.
type heard struct {
	*Feedback
	campaign, key uint64 // 0, 0 without a tag
	attempt       int
	elsewhere     bool // it lies in the other file too, or is counted there
}

// sortFeedback finds the lane of each event. One that neither tag nor id places
// goes to both: nobody knows in which its id will appear.
func (s *Spool) sortFeedback(events []Feedback, res *FeedbackResult) (queue, ledger []heard, err error) {
	for i := range events {
		h := heard{Feedback: &events[i]}
		if h.SESID == "" || len(h.SESID) > maxSESID {
			res.Dropped++
			continue
		}
		if h.Tag != "" && !h.readTag(s.id) {
			res.Foreign++
			continue
		}
		lanes, err := s.lanesOf(&h)
		if err != nil {
			return nil, nil, err
		}
		switch {
		case lanes[Bulk] && lanes[Transactional]:
			ledger = append(ledger, h)
			h.elsewhere = true
			queue = append(queue, h)
		case lanes[Bulk]:
			ledger = append(ledger, h)
		default:
			queue = append(queue, h)
		}
	}
	return queue, ledger, nil
}

// readTag takes a tag of this store apart.
func (h *heard) readTag(store string) bool {
	rest, ours := strings.CutPrefix(h.Tag, store+"-")
	parts := strings.Split(rest, "-")
	if !ours || len(parts) != 3 {
		return false
	}
	var n [3]uint64
	for i, p := range parts {
		var err error
		if n[i], err = strconv.ParseUint(p, 10, 64); err != nil {
			return false
		}
	}
	h.campaign, h.key, h.attempt = n[0], n[1], int(min(n[2], maxAttempts))
	return true
}

func (s *Spool) lanesOf(h *heard) (lanes [2]bool, err error) {
	if h.Tag != "" {
		lanes[Transactional], lanes[Bulk] = h.campaign == 0, h.campaign != 0
		return lanes, nil
	}
	for _, l := range [...]Lane{Bulk, Transactional} {
		err := s.store(l).View(func(tx *bbolt.Tx) error {
			k := tx.Bucket(bSES).Get([]byte(packSESID(h.SESID)))
			if lanes[l] = k != nil; lanes[l] && l == Bulk {
				h.campaign, h.key = number(k, 0), number(k, 1)
			} else if lanes[l] {
				h.key = number(k, 0)
			}
			return nil
		})
		if err != nil || lanes[l] {
			return lanes, err
		}
	}
	return [2]bool{true, true}, nil
}

// hear writes one lane's events.
func (s *Spool) hear(l Lane, events []heard) (res FeedbackResult, err error) {
	f := feedbackJob{s: s, lane: l}
	// Neighbours of a page one after the other; the order of events means nothing.
	slices.SortStableFunc(events, func(a, b heard) int {
		return cmp.Or(cmp.Compare(a.campaign, b.campaign), cmp.Compare(a.key, b.key), strings.Compare(a.SESID, b.SESID))
	})
	apply := func(tx *bbolt.Tx) error {
		f.res, f.now = FeedbackResult{}, time.Now()
		for i := range events {
			if err := f.one(tx, &events[i]); err != nil {
				return err
			}
		}
		return nil
	}
	if l == Bulk {
		err = s.ledger.do(256*len(events), apply)
	} else {
		err = s.queue.do(256*len(events), apply)
	}
	return f.res, err
}

// feedbackJob is one lane's part of a batch while it is being written.
type feedbackJob struct {
	s    *Spool
	lane Lane
	now  time.Time
	res  FeedbackResult
}

// one applies one event to its message, or keeps it.
func (f *feedbackJob) one(tx *bbolt.Tx, h *heard) error {
	old, err := f.find(tx, h)
	switch {
	case errors.Is(err, ErrNotFound) && h.Known:
		f.count(h, &f.res.Foreign)
		return nil
	case errors.Is(err, ErrNotFound) && f.removed(tx, h):
		f.count(h, &f.res.Removed)
		return nil
	case errors.Is(err, ErrNotFound):
		kept, err := f.s.orphans(f.lane).keep(tx, h, f.now)
		if kept {
			f.count(h, &f.res.Kept)
		} else {
			f.count(h, &f.res.Dropped)
		}
		return err
	case errors.Is(err, errRecord): // one bad record must not stop the rest
		f.s.damaged(&old, err)
		f.res.Dropped++
		return nil
	case err != nil:
		return err
	}
	m := old
	m.heardAt = h.When
	if !m.hear(h.flags(), h.News, h.attempt, h.SESID) {
		f.res.Repeated++
		return nil
	}
	m.prove(f.now)
	f.res.Heard++
	if m.Outcome == Accepted && old.Outcome != Accepted {
		f.res.Settled++
	}
	return f.replace(tx, &old, &m)
}

// removed reports whether the event is about a mail of ours that is gone.
func (f *feedbackJob) removed(tx *bbolt.Tx, h *heard) bool {
	if h.Tag == "" {
		return false
	}
	if f.lane == Transactional {
		through, err := removedThrough(tx)
		return err == nil && h.key > 0 && h.key <= through
	}
	f.s.mu.Lock()
	l := f.s.ledgers[h.campaign]
	f.s.mu.Unlock()
	return l != nil && l.Removed != nil
}

// count counts an event that is in both lanes once.
func (f *feedbackJob) count(h *heard, n *int64) {
	if !h.elsewhere {
		*n++
	}
}

// find reads the message an event is about: the one that has the SES id, else
// the one that the tag names.
func (f *feedbackJob) find(tx *bbolt.Tx, h *heard) (Message, error) {
	campaign, key := h.campaign, h.key
	if k := tx.Bucket(bSES).Get([]byte(packSESID(h.SESID))); k != nil {
		if f.lane == Transactional {
			return mail(tx, number(k, 0))
		}
		campaign, key = number(k, 0), number(k, 1)
	}
	if h.Tag == "" && key == 0 {
		return Message{}, ErrNotFound
	}
	if f.lane == Transactional {
		return mail(tx, key)
	}
	return row(tx, campaign, key)
}

// replace writes the message and, for a campaign's row, what the header says
// when it was the last that was open.
func (f *feedbackJob) replace(tx *bbolt.Tx, old, m *Message) error {
	if f.lane == Transactional {
		return f.s.queueSums().replace(tx, old, m)
	}
	l, err := f.s.ledgerSums().header(m.Campaign)
	if err != nil {
		return err
	}
	if m.Outcome == Accepted && l.First.IsZero() {
		l.First = f.now.UTC()
	}
	if m.Outcome == Accepted && old.Outcome == Unknown {
		l.settled(f.now.UTC())
	}
	if err := f.s.ledgerSums().replace(tx, l, old, m); err != nil {
		return err
	}
	l.conclude(f.now.UTC())
	return nil
}

// SaveFeedback keeps how far the source of feedback was read, for the next
// process; call it when what was read is written.
func (s *Spool) SaveFeedback(mark []byte) error {
	return s.ledger.do(len(mark), func(tx *bbolt.Tx) error { return tx.Bucket(bMeta).Put(kHeard, mark) })
}

// LoadFeedback is what SaveFeedback kept last, nil before the first.
func (s *Spool) LoadFeedback() (mark []byte, err error) {
	err = s.ledger.View(func(tx *bbolt.Tx) error {
		mark = bytes.Clone(tx.Bucket(bMeta).Get(kHeard))
		return nil
	})
	return mark, err
}
