package spool

// When what happened to a campaign's mails, for its report. The ledger file has
// a bucket
//
//	series  campaign8 kind1 slot2 -> count u64
//
// where kind 0 is the acceptances and the others are FeedbackKinds. A slot is a
// span of time since the first acceptance: a minute for two hours, then an hour
// for two days, then a day for ninety, then all that is later; 0xFFFF is what a
// ledger of an older pabal had counted without a time. That is at most 256
// counts a kind, however large the campaign. A count grows in the commit that
// changes the row, at the first time a message is told of; so the sum over the
// slots is the header's counter after any crash, and Check proves it.

import (
	"bytes"
	"encoding/binary"
	"time"

	"go.etcd.io/bbolt"
)

const (
	seriesMinutes = 120 // slots of a minute: while people look at it
	seriesHours   = 46  // then slots of an hour, to the end of the second day
	seriesDays    = 88  // then slots of a day, to the end of the ninetieth
	slotLater     = seriesMinutes + seriesHours + seriesDays
	slotUndated   = 0xFFFF

	seriesKeyLength = 8 + 1 + 2
)

var bSeries = []byte("series")

// feedbackFlags are the bits of a record that SES's word sets.
const feedbackFlags = flagDelivered | flagBounced | flagComplained | flagDelayed | flagRejected | flagOpened | flagMachineOpened | flagClicked

// Happened counts what happened to messages in a span of time: each message
// once for each kind, when it was first told of.
type Happened struct {
	Accepted      int64 `json:"accepted"`
	Delivered     int64 `json:"delivered"`
	Delayed       int64 `json:"delayed"`
	Bounced       int64 `json:"bounced"`
	Complained    int64 `json:"complained"`
	Rejected      int64 `json:"rejected"`
	Opened        int64 `json:"opened"`
	MachineOpened int64 `json:"machine_opened"`
	Clicked       int64 `json:"clicked"`
}

// Of is the count of a kind; Sent is the acceptances.
func (h Happened) Of(k FeedbackKind) int64 {
	if p := h.of(k); p != nil {
		return *p
	}
	return 0
}

// of is nil for a kind nobody counts: a file of a newer pabal.
func (h *Happened) of(k FeedbackKind) *int64 {
	all := [...]*int64{Sent: &h.Accepted, Delivered: &h.Delivered, Delayed: &h.Delayed, Bounced: &h.Bounced, Complained: &h.Complained,
		Rejected: &h.Rejected, Opened: &h.Opened, MachineOpened: &h.MachineOpened, Clicked: &h.Clicked}
	if int(k) < len(all) {
		return all[k]
	}
	return nil
}

// Happened are the counters in the form of a series.
func (c *Counts) Happened() Happened {
	return Happened{Accepted: c.Accepted, Delivered: c.Delivered, Delayed: c.Delayed, Bounced: c.Bounced, Complained: c.Complained,
		Rejected: c.Rejected, Opened: c.Opened, MachineOpened: c.MachineOpened, Clicked: c.Clicked}
}

// Point is one span of a series.
type Point struct {
	After int64 `json:"after_seconds"` // from the series' start to the span's
	Span  int64 `json:"span_seconds"`  // how long it is; 0: all that is later
	Happened
}

// Slots is how many spans a series can have; they are numbered from 0.
const Slots = slotLater + 1

// Slot is the number of a point's span.
func (p *Point) Slot() int { return int(slotOf(time.Unix(0, 0), time.Unix(p.After, 0))) }

// SlotAfter is when a span begins and how long it is, from the series' start; 0
// long is all that is later.
func SlotAfter(slot int) (after, length time.Duration) {
	a, l := span(uint16(slot))
	return time.Duration(a) * time.Second, time.Duration(l) * time.Second
}

// Series is what happened to a campaign's mails and when: spans in which
// something did, in order of time. They do not overlap; a span that is not there
// is one in which nothing happened.
type Series struct {
	Start   time.Time `json:"start,omitzero"` // the first acceptance; zero before it
	Points  []Point   `json:"points"`
	Undated Happened  `json:"undated"` // counted by an older pabal, which did not keep when
}

// Sum is everything, which is what the campaign's counters say.
func (s *Series) Sum() Happened {
	sum := s.Undated
	for i := range s.Points {
		sum = sum.Plus(s.Points[i].Happened)
	}
	return sum
}

// Plus is the sum of two.
func (h Happened) Plus(o Happened) Happened {
	for k := Sent; k <= Clicked; k++ {
		*h.of(k) += o.Of(k)
	}
	return h
}

// slotOf is the slot of a time; one before the start is in the first.
func slotOf(start, at time.Time) uint16 {
	after := at.Sub(start)
	switch {
	case start.IsZero() || after < 0:
		return 0
	case after < seriesMinutes*time.Minute:
		return uint16(after / time.Minute)
	}
	if hours := int(after / time.Hour); hours < seriesMinutes/60+seriesHours {
		return uint16(seriesMinutes + hours - seriesMinutes/60)
	}
	if days := int64(after / (24 * time.Hour)); days < 2+seriesDays {
		return uint16(seriesMinutes + seriesHours + days - 2)
	}
	return slotLater
}

// span is where a slot lies, both in seconds.
func span(slot uint16) (after, length int64) {
	n := int64(slot)
	switch {
	case n < seriesMinutes:
		return n * 60, 60
	case n < seriesMinutes+seriesHours:
		return (n - seriesMinutes + seriesMinutes/60) * 3600, 3600
	case n < slotLater:
		return (n - seriesMinutes - seriesHours + 2) * 86400, 86400
	}
	return (2 + seriesDays) * 86400, 0
}

// seriesSlot is one count.
type seriesSlot struct {
	campaign uint64
	kind     FeedbackKind
	slot     uint16
}

func (k seriesSlot) key() []byte {
	b := append(u64(k.campaign), byte(k.kind))
	return binary.BigEndian.AppendUint16(b, k.slot)
}

// seriesSums is what a group of the writer adds.
type seriesSums map[seriesSlot]uint64

// count notes what a row's new record says that its old one did not.
func (s seriesSums) count(l *Ledger, old, m *Message) {
	if m.Outcome == Accepted && old.Outcome != Accepted {
		s[seriesSlot{l.Campaign, Sent, slotOf(l.First, m.At)}]++
	}
	on := m.flags() &^ old.flags() & feedbackFlags
	if on == 0 {
		return
	}
	at := time.Now()
	if !m.heardAt.IsZero() && m.heardAt.Before(at) { // no clock of others' takes us into the future
		at = m.heardAt
	}
	slot := slotOf(l.First, at)
	for k := Delivered; k <= Clicked; k++ {
		if on&k.flag() != 0 {
			s[seriesSlot{l.Campaign, k, slot}]++
		}
	}
}

// flush adds them to what the file has.
func (s seriesSums) flush(tx *bbolt.Tx) error {
	b := tx.Bucket(bSeries)
	for at, n := range s {
		k := at.key()
		if v := b.Get(k); len(v) == 8 {
			n += number(v, 0)
		}
		if err := b.Put(k, u64(n)); err != nil {
			return err
		}
	}
	return nil
}

// readSeries reads a campaign's.
func readSeries(tx *bbolt.Tx, campaign uint64) Series {
	s := Series{Points: []Point{}}
	b := tx.Bucket(bSeries)
	if b == nil {
		return s
	}
	var slots [slotLater + 1]*Happened
	prefix, c := u64(campaign), b.Cursor()
	for k, v := c.Seek(prefix); bytes.HasPrefix(k, prefix); k, v = c.Next() {
		if len(k) != seriesKeyLength || len(v) != 8 {
			continue
		}
		slot, to := binary.BigEndian.Uint16(k[9:]), &s.Undated
		if slot <= slotLater {
			if slots[slot] == nil {
				slots[slot] = new(Happened)
			}
			to = slots[slot]
		}
		if n := to.of(FeedbackKind(k[8])); n != nil {
			*n += int64(number(v, 0))
		}
	}
	for i, h := range slots {
		if h != nil {
			after, length := span(uint16(i))
			s.Points = append(s.Points, Point{After: after, Span: length, Happened: *h})
		}
	}
	return s
}

// Series is a campaign's header and its series, both of one instant. ErrNotFound.
func (s *Spool) Series(campaign uint64) (l Ledger, series Series, err error) {
	now, err := s.Ledger(campaign)
	if err != nil {
		return l, series, err
	}
	err = s.ledger.View(func(tx *bbolt.Tx) error {
		series = readSeries(tx, campaign)
		read, err := readHeader(tx.Bucket(bHeaders).Get(u64(campaign)))
		if err == nil {
			l = *read
		}
		return err
	})
	l.Hold, series.Start = now.Hold, l.First
	return l, series, err
}

// addSeries makes the bucket: migration 2 of the ledger. Acceptances are on the
// rows with their time; when feedback came was not kept.
func addSeries(tx *bbolt.Tx) error {
	if _, err := tx.CreateBucketIfNotExists(bSeries); err != nil {
		return err
	}
	return tx.Bucket(bHeaders).ForEach(func(k, v []byte) error {
		l, err := readHeader(v)
		rows := tx.Bucket(bRows).Bucket(k)
		if err != nil || rows == nil || len(k) != 8 {
			return nil // Check tells of it
		}
		sums := seriesSums{}
		err = rows.ForEach(func(_, v []byte) error {
			var m Message
			if readFixed(v, &m) == nil {
				sums.old(l, &m)
			}
			return nil
		})
		if err != nil {
			return err
		}
		return sums.flush(tx)
	})
}

// old counts a row as an older pabal left it.
func (s seriesSums) old(l *Ledger, m *Message) {
	if m.Outcome == Accepted {
		s[seriesSlot{l.Campaign, Sent, slotOf(l.First, m.At)}]++
	}
	for k := Delivered; k <= Clicked; k++ {
		if m.Heard(k) {
			s[seriesSlot{l.Campaign, k, slotUndated}]++
		}
	}
}

// series proves that a campaign's series sums up to its counters.
func (r *CheckReport) series(tx *bbolt.Tx, l *Ledger) {
	s := readSeries(tx, l.Campaign)
	is, says := s.Sum(), l.Happened()
	for k := Sent; k <= Clicked; k++ {
		name := k.String()
		if k == Sent {
			name = Accepted.String()
		}
		if is.Of(k) != says.Of(k) {
			r.fault("campaign %d: %s: its series sums up to %d, the counters say %d", l.Campaign, name, is.Of(k), says.Of(k))
		}
	}
}
