package spool

import (
	"encoding/binary"
	"fmt"

	"go.etcd.io/bbolt"
)

// Fact is what a campaign's row says without its texts: enough to ask what
// became of many, at a tenth of Recipients' cost.
type Fact struct {
	Subscriber uint64
	Outcome    Outcome
	At         int64 // last change of outcome, unix ms

	flags uint16
}

// Heard reports whether SES has said so of the mail. Of Sent it tells nothing:
// the outcome does.
func (f *Fact) Heard(k FeedbackKind) bool { return f.flags&k.flag() != 0 }

// Facts calls fn for up to n of a campaign's rows behind a subscriber, in order
// of subscriber, as they are at one instant. It copies nothing; a campaign
// without a ledger has no rows. fn is called inside a transaction: it must not
// wait. A damaged row is an error.
func (s *Spool) Facts(campaign, after uint64, n int, fn func(Fact)) error {
	return s.ledger.View(func(tx *bbolt.Tx) error {
		b := tx.Bucket(bRows).Bucket(u64(campaign))
		if b == nil {
			return nil
		}
		c := b.Cursor()
		k, v := c.Seek(u64(after + 1))
		for ; k != nil && n > 0; k, v = c.Next() {
			if len(k) != 8 || len(v) < recordFixed || v[0] != recordVersion || v[1] > byte(Unknown) {
				return fmt.Errorf("row %x of campaign %d: %w", k, campaign, errRecord)
			}
			fn(Fact{Subscriber: binary.BigEndian.Uint64(k), Outcome: Outcome(v[1]), flags: binary.BigEndian.Uint16(v[2:]),
				At: int64(binary.BigEndian.Uint64(v[6:]))})
			n--
		}
		return nil
	})
}
