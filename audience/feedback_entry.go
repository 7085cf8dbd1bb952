package audience

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"slices"
	"time"
)

// heard is one event as an entry keeps it.
type heard struct {
	kind FeedbackKind
	at   int64  // unix ms
	key  uint64 // of the event; 0 for a delivery, which its time tells
}

// feedbackEntry is what the feedback bucket keeps of an address: that something went
// wrong there once. Its state is a function of the set of its events, so that
// it does not matter in which order and how often they come.
//
// Stored: version byte 1, time of the operator's removal from the suppression
// list in ms (0 never), and for each event, oldest first, kind byte, time in ms
// and key u64.
type feedbackEntry struct {
	cleared int64
	events  []heard
}

const (
	entryVersion = 1
	heardSize    = 1 + 8 + 8
	// maxHeard bounds an address's events; the oldest go first. Five softs in a
	// row suppress, so an address that goes on is one with deliveries between.
	maxHeard = 64
)

func readEntry(b []byte) (*feedbackEntry, error) {
	if b == nil {
		return nil, nil
	}
	if len(b) < 9 || b[0] != entryVersion || (len(b)-9)%heardSize != 0 {
		return nil, fmt.Errorf("feedback of an address is not of version %d", entryVersion)
	}
	e := &feedbackEntry{cleared: int64(number(b[1:9]))}
	for b = b[9:]; len(b) > 0; b = b[heardSize:] {
		e.events = append(e.events, heard{kind: FeedbackKind(b[0]), at: int64(number(b[1:9])), key: number(b[9:17])})
	}
	return e, nil
}

func (e *feedbackEntry) pack() []byte {
	b := make([]byte, 0, 9+len(e.events)*heardSize)
	b = binary.BigEndian.AppendUint64(append(b, entryVersion), uint64(e.cleared))
	for _, v := range e.events {
		b = binary.BigEndian.AppendUint64(append(b, byte(v.kind)), uint64(v.at))
		b = binary.BigEndian.AppendUint64(b, v.key)
	}
	return b
}

// has reports whether an event of that key came before.
func (e *feedbackEntry) has(key uint64) bool {
	return e != nil && slices.ContainsFunc(e.events, func(v heard) bool { return v.kind != FeedDelivery && v.key == key })
}

// add takes an event, once, in order of time.
func (e *feedbackEntry) add(v heard) bool {
	at, found := slices.BinarySearchFunc(e.events, v, func(a, b heard) int {
		return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.kind, b.kind), cmp.Compare(a.key, b.key))
	})
	if found || v.kind != FeedDelivery && e.has(v.key) {
		return false
	}
	e.events = slices.Insert(e.events, at, v)
	if over := len(e.events) - maxHeard; over > 0 {
		e.events = slices.Delete(e.events, 0, over)
	}
	return true
}

// run reports when the fifth soft bounce in a row came, if there are as many
// since the operator took the address off the list.
func (e *feedbackEntry) run() (at int64, full bool) {
	n := 0
	for _, v := range e.events {
		switch {
		case v.at <= e.cleared:
		case v.kind == FeedDelivery:
			n = 0
		case v.kind == FeedSoftBounce:
			if n++; n == softLimit {
				return v.at, true
			}
		}
	}
	return 0, false
}

// suppresses reports whether the row of soft bounces was full at a time.
func (e *feedbackEntry) suppresses(at time.Time) bool {
	when, full := e.run()
	return full && when == at.UnixMilli()
}
