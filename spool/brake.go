package spool

import (
	"context"
	"encoding/binary"
	"fmt"
	"slices"
	"time"

	"go.etcd.io/bbolt"
)

// brakeScan bounds the rows one look of the brake passes over, for each mail it
// counts: people who were skipped stand between those who were mailed.
const brakeScan = 10

// Brake is when feedback pauses a campaign: too many of its mails bounced for
// good, or were complained about. Mails are counted in the order of the ledger,
// which is that of first tries, so it does not matter how late feedback comes.
type Brake struct {
	BouncePercent    float64 `json:"bounce_percent"`    // of hard bounces; more than this trips it; zero: never
	ComplaintPercent float64 `json:"complaint_percent"` // of complaints; zero: never
	First            int     `json:"first"`             // mails at the beginning that are looked at together; zero: not
	Window           int     `json:"window"`            // mails in a row that are looked at together, wherever; zero: not
	Minimum          int     `json:"minimum"`           // fewer bounces or complaints than this never trip it
}

// UsualBrake is the brake where nobody says another: SES looks into an account
// at 5 % of hard bounces and at 0.1 % of complaints (SES Developer Guide,
// reputation metrics), over enough mails to mean something.
func UsualBrake() Brake {
	return Brake{BouncePercent: 5, ComplaintPercent: 0.1, First: 200, Window: 1000, Minimum: 5}
}

// Off reports whether nothing trips it.
func (b *Brake) Off() bool {
	return b == nil || b.BouncePercent <= 0 && b.ComplaintPercent <= 0 || b.First <= 0 && b.Window <= 0
}

// Braked is why the brake paused a campaign.
type Braked struct {
	At      time.Time    `json:"at"`
	Kind    FeedbackKind `json:"kind"` // bounced or complained
	Count   int          `json:"count"`
	Of      int          `json:"of"`      // mails looked at
	First   bool         `json:"first"`   // the first ones, else a run of them later on
	Percent float64      `json:"percent"` // Count of Of
	Limit   float64      `json:"limit"`   // percent
}

func (b Braked) String() string {
	what := "bounced for good"
	if b.Kind == Complained {
		what = "were complained about"
	}
	where := "mails in a row"
	if b.First {
		where = "first mails"
	}
	return fmt.Sprintf("the reputation brake: %d of %d %s %s (%.3g %%, the limit is %.3g %%)", b.Count, b.Of, where, what, b.Percent, b.Limit)
}

// bad reports whether the brake counts a message.
func bad(m *Message) bool { return m.Outcome == Accepted && (m.HardBounced || m.Complained) }

// heardBad remembers that a message became bad in this group.
func (q *ledgerSums) heardBad(old, m *Message) {
	if bad(m) && (!bad(old) || m.HardBounced != old.HardBounced || m.Complained != old.Complained) {
		q.bad[m.Campaign] = append(q.bad[m.Campaign], m.Subscriber)
	}
}

// brakeAll pauses the campaigns whose brake the group's feedback trips, in the
// commit that writes it.
func (q *ledgerSums) brakeAll(tx *bbolt.Tx) error {
	for campaign, rows := range q.bad {
		l, err := q.header(campaign)
		if err != nil {
			return err
		}
		if l.Brake == nil || l.State != Running || l.Pending == 0 {
			continue
		}
		slices.Sort(rows)
		if why := l.Brake.look(tx.Bucket(bRows).Bucket(u64(campaign)), l, slices.Compact(rows)); why != nil {
			why.At = time.Now().UTC()
			l.State, l.Reason, l.Braked = Paused, why.String(), why
			l.act(Act{At: why.At, What: actBrake, Count: int64(why.Count)})
			q.braked = append(q.braked, l)
		}
	}
	return nil
}

const actBrake = "brake"

// sayBraked tells of what brakeAll did, once it is on disk.
func (q *ledgerSums) sayBraked() {
	for _, l := range q.braked {
		q.s.logger().Warn("campaign paused", "part", "spool", "campaign", l.Campaign, "reason", l.Reason)
		q.s.note("state", CampaignScope(l.Campaign), string(l.State))
	}
}

// release begins to count anew after a person has let a braked campaign go on:
// what was mailed before does not count again.
func (l *Ledger) release() {
	if l.Braked != nil {
		l.Braked, l.BrakeAfter = nil, max(l.BrakeAfter, l.Next)
	}
}

// look counts around the rows that bad news came of; they are in rising order.
func (b *Brake) look(rows *bbolt.Bucket, l *Ledger, news []uint64) *Braked {
	if rows == nil || l.HardBounced < int64(b.Minimum) && l.Complained < int64(b.Minimum) {
		return nil
	}
	if b.First > 0 {
		first := mailedAfter(rows, l.BrakeAfter, b.First, nil)
		if why := b.judge(first, b.First); why != nil {
			why.First = true
			return why
		}
	}
	if b.Window > 0 {
		return b.slide(rows, l.BrakeAfter, news)
	}
	return nil
}

// slide judges every run of Window mails that bad news is in. News near each
// other are looked at in one straight pass.
func (b *Brake) slide(rows *bbolt.Bucket, after uint64, news []uint64) *Braked {
	for len(news) > 0 {
		if news[0] <= after {
			news = news[1:] // mailed before the count began anew
			continue
		}
		near := mailedBefore(rows, after, news[0], b.Window)
		end := news[0] - 1
		for len(news) > 0 && (news[0] <= end+1 || len(near) > 0 && news[0] <= near[len(near)-1].row) {
			behind := 0 // mails from this one on that are there already
			for i := len(near) - 1; i >= 0 && near[i].row >= news[0]; i-- {
				behind++
			}
			if len(near) > 0 {
				end = max(end, near[len(near)-1].row)
			}
			near = mailedAfter(rows, end, b.Window-behind, near)
			news = news[1:]
		}
		if why := b.judge(near, b.Window); why != nil {
			return why
		}
	}
	return nil
}

// mailed is an accepted message as the brake sees it.
type mailed struct {
	row              uint64
	bounced, accused bool
}

// mailedAfter adds up to n accepted rows after one, in rising order.
func mailedAfter(rows *bbolt.Bucket, after uint64, n int, to []mailed) []mailed {
	c := rows.Cursor()
	found := 0
	k, v := c.Seek(u64(after + 1))
	for scanned := 0; k != nil && found < n && scanned < brakeScan*n; scanned++ {
		if m, ok := readMailed(k, v); ok {
			to, found = append(to, m), found+1
		}
		k, v = c.Next()
	}
	return to
}

// mailedBefore is up to n accepted rows before one and after another, in rising
// order.
func mailedBefore(rows *bbolt.Bucket, after, before uint64, n int) []mailed {
	var out []mailed
	c := rows.Cursor()
	c.Seek(u64(before))
	k, v := c.Prev()
	for scanned := 0; k != nil && number(k, 0) > after && len(out) < n && scanned < brakeScan*n; scanned++ {
		if m, ok := readMailed(k, v); ok {
			out = append(out, m)
		}
		k, v = c.Prev()
	}
	slices.Reverse(out)
	return out
}

func readMailed(k, v []byte) (mailed, bool) {
	if len(v) < recordFixed || Outcome(v[1]) != Accepted {
		return mailed{}, false
	}
	flags := binary.BigEndian.Uint16(v[2:])
	return mailed{number(k, 0), flags&flagHardBounced != 0, flags&flagComplained != 0}, true
}

// judge slides a window of at most size mails over them.
func (b *Brake) judge(all []mailed, size int) *Braked {
	bounced, accused := 0, 0
	for i, m := range all {
		bounced, accused = bounced+bit(m.bounced), accused+bit(m.accused)
		if i >= size {
			bounced, accused = bounced-bit(all[i-size].bounced), accused-bit(all[i-size].accused)
		}
		if i < len(all)-1 && i < size-1 {
			continue // more are to come into the first window
		}
		of := min(i+1, size)
		if why := b.over(Bounced, bounced, of, b.BouncePercent); why != nil {
			return why
		}
		if why := b.over(Complained, accused, of, b.ComplaintPercent); why != nil {
			return why
		}
	}
	return nil
}

func bit(is bool) int {
	if is {
		return 1
	}
	return 0
}

func (b *Brake) over(kind FeedbackKind, count, of int, limit float64) *Braked {
	percent := 100 * float64(count) / float64(of)
	if limit <= 0 || count < max(b.Minimum, 1) || percent <= limit {
		return nil
	}
	return &Braked{Kind: kind, Count: count, Of: of, Percent: percent, Limit: limit}
}

// SetBrake gives a campaign another brake, nil for none, at once. ErrNotFound;
// ErrState for one that is over.
func (s *Spool) SetBrake(ctx context.Context, campaign uint64, b *Brake) error {
	return s.adjust(ctx, campaign, "brake set", func(l *Ledger) { l.Brake = b })
}
