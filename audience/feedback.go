package audience

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"strconv"
	"time"

	"pabal/eml"
)

// FeedbackKind is what SES says became of a mail, as far as an address is concerned.
type FeedbackKind uint8

// The kinds of feedback that say something about an address.
const (
	FeedDelivery   FeedbackKind = iota // the address took a mail
	FeedSoftBounce                     // it refused one for now: mailbox full, server away
	FeedHardBounce                     // there is no such address
	FeedComplaint                      // its owner called a mail spam
)

// Feedback is one event about one address.
type Feedback struct {
	// Event is the event's own id, the same however often it comes. "" makes
	// one of the kind and the time.
	Event   string
	Kind    FeedbackKind
	Address string
	At      time.Time // when it happened, by the source's clock; zero means now
	Detail  string    // the server's words, for people; cut to 500 bytes
}

// MaxFeedback bounds what Feed takes at once: one commit.
const MaxFeedback = 1000

// softLimit is how many soft bounces in a row, without a delivery between,
// suppress an address.
const softLimit = 5

// Bounced is Feed for one bounce: a hard one suppresses the address at once and
// ends the consent (source bounce), a soft one suppresses when it is the fifth
// in a row. suppressed says whether the address is on the list now. An
// *eml.AddressError for what is no address.
func (s *Store) Bounced(ctx context.Context, event, address string, hard bool, at time.Time, detail string) (suppressed bool, err error) {
	kind := FeedSoftBounce
	if hard {
		kind = FeedHardBounce
	}
	return s.feedOne(ctx, Feedback{Event: event, Kind: kind, Address: address, At: at, Detail: detail})
}

// Complained is Feed for one complaint: it suppresses the address and ends the
// consent (source complaint). An *eml.AddressError for what is no address.
func (s *Store) Complained(ctx context.Context, event, address string, at time.Time, detail string) error {
	_, err := s.feedOne(ctx, Feedback{Event: event, Kind: FeedComplaint, Address: address, At: at, Detail: detail})
	return err
}

// Delivered is Feed for one delivery; Feed with many is far cheaper. An
// *eml.AddressError for what is no address.
func (s *Store) Delivered(ctx context.Context, event, address string, at time.Time) error {
	_, err := s.feedOne(ctx, Feedback{Event: event, Kind: FeedDelivery, Address: address, At: at})
	return err
}

func (s *Store) feedOne(ctx context.Context, f Feedback) (bool, error) {
	if _, err := eml.ParseAddress(f.Address); err != nil {
		return false, err
	}
	suppressed, err := s.Feed(ctx, []Feedback{f})
	return err == nil && suppressed[0], err
}

// fed is a Feedback as it is kept.
type fed struct {
	heard
	n       int // its place in the batch
	address string
	hash    addressHash
	detail  string
}

// read turns a batch into what is kept. What is no address is left out: nobody
// is mailed there.
func (s *Store) readFeedback(list []Feedback) (bad, good []fed, err error) {
	if len(list) > MaxFeedback {
		return nil, nil, fmt.Errorf("%d events at once; at most %d fit a commit", len(list), MaxFeedback)
	}
	now := s.now()
	for n, f := range list {
		if f.Kind > FeedComplaint {
			return nil, nil, fmt.Errorf("unknown kind %d of feedback", f.Kind)
		}
		address, err := eml.ParseAddress(f.Address)
		if err != nil {
			continue
		}
		if f.At.IsZero() {
			f.At = now
		}
		one := fed{n: n, address: address, hash: s.hash(address), detail: eml.Cut(f.Detail, maxDetail)}
		one.heard = heard{kind: f.Kind, at: f.At.UnixMilli()}
		if f.Kind == FeedDelivery {
			good = append(good, one)
			continue
		}
		one.key = eventKey(f.Event, f.Kind, one.at)
		bad = append(bad, one)
	}
	return bad, good, nil
}

// eventKey is the short name of an event.
func eventKey(event string, kind FeedbackKind, at int64) uint64 {
	if event == "" {
		event = strconv.Itoa(int(kind)) + " " + strconv.FormatInt(at, 10)
	}
	sum := sha256.Sum256([]byte(event))
	return binary.BigEndian.Uint64(sum[:])
}
