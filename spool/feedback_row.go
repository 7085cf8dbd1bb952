package spool

// What feedback is on a record: bits, the SES ids, and what SES said. All of it
// only ever grows, so that the end does not depend on the order.

import (
	"slices"
	"strings"
	"time"

	"go.etcd.io/bbolt"

	"pabal/eml"
)

const (
	maxNews = 200 // bytes kept of what SES said
	maxIDs  = 8   // SES ids kept of a message: four tries, and four by hand
)

// flag is the kind's bit in a record, 0 for Sent, which needs none.
func (k FeedbackKind) flag() uint16 {
	flags := [...]uint16{Delivered: flagDelivered, Delayed: flagDelayed, Bounced: flagBounced, Complained: flagComplained,
		Rejected: flagRejected, Opened: flagOpened, MachineOpened: flagMachineOpened, Clicked: flagClicked}
	if int(k) < len(flags) {
		return flags[k]
	}
	return 0
}

// flags are what an event adds to a record.
func (f *Feedback) flags() uint16 {
	if f.Kind == Bounced && f.Hard {
		return flagBounced | flagHardBounced
	}
	return f.Kind.flag()
}

// Heard reports whether SES has said so of the message. Sent is true of every
// message with an SES id.
func (m *Message) Heard(k FeedbackKind) bool {
	if k == Sent {
		return m.SESID != ""
	}
	return m.flags()&k.flag() != 0
}

// hear adds to a message what was said of it and reports whether that is new.
// Nothing is ever taken away, so order and repetition do not matter.
func (m *Message) hear(flags uint16, news string, attempt int, sesID string) bool {
	before, said := m.flags(), m.News
	m.setFlags(before | flags)
	if news = eml.Cut(news, maxNews); news != "" && !m.Erased && (m.News == "" || news < m.News) {
		m.News = news
	}
	grown := attempt > m.Attempts // a ledger restored from a backup knows of fewer
	m.Attempts = max(m.Attempts, attempt)
	return m.know(sesID) || grown || m.flags() != before || m.News != said
}

// know adds an SES id to a message's, which are kept in order, so that the
// first is the same whichever came first.
func (m *Message) know(sesID string) bool {
	ids := m.sesIDs()
	if sesID == "" || slices.Contains(ids, sesID) {
		return false
	}
	ids = append(ids, sesID)
	slices.SortFunc(ids, func(a, b string) int { return strings.Compare(packSESID(a), packSESID(b)) })
	if len(ids) > maxIDs {
		ids = ids[:maxIDs]
	}
	changed := !slices.Equal(ids, m.sesIDs())
	m.SESID, m.Also = ids[0], nil
	if len(ids) > 1 {
		m.Also = ids[1:]
	}
	return changed
}

// sesIDs are all SES ids of a message.
func (m *Message) sesIDs() []string {
	if m.SESID == "" {
		return nil
	}
	return append([]string{m.SESID}, m.Also...)
}

// prove makes a message accepted of which SES has said so; one whose call is
// open is judged when the call ends.
func (m *Message) prove(now time.Time) {
	if m.SESID == "" || m.Outcome == Accepted || m.Outcome == Sending {
		return
	}
	m.Outcome, m.Reason, m.At, m.NextTry = Accepted, "", now, time.Time{}
	if m.Attempts <= 1 {
		m.MaybeTwice = false // it was about to be sent again, and was not
	}
}

// indexIDs keeps the index of SES ids in step with a message (old is nil for a
// new one).
func indexIDs(tx *bbolt.Tx, old, m *Message, id []byte) error {
	if old != nil && old.SESID == m.SESID && len(old.Also)+len(m.Also) == 0 {
		return nil
	}
	var had []string
	if old != nil {
		had = old.sesIDs()
	}
	b, has := tx.Bucket(bSES), m.sesIDs()
	for _, sesID := range has {
		if slices.Contains(had, sesID) {
			continue
		}
		packed := packSESID(sesID)
		b.FillPercent = fillOfIDs(packed, m.At)
		if err := b.Put([]byte(packed), id); err != nil {
			return err
		}
	}
	for _, sesID := range had {
		if slices.Contains(has, sesID) {
			continue
		}
		if err := b.Delete([]byte(packSESID(sesID))); err != nil {
			return err
		}
	}
	return nil
}
