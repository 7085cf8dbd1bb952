package audience

import (
	"context"
	"fmt"
	"math/bits"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/expr-lang/expr/ast"
	"golang.org/x/text/unicode/norm"
)

// Deed is what became of a campaign's mail to one person, as bits: a person
// who opened has also received.
type Deed uint16

// The deeds, as expressions spell them in lower case.
const (
	Selected   Deed = 1 << iota // in the campaign's audience, whatever became of it
	Received                    // accepted by SES, and neither bounced nor rejected since
	Accepted                    // accepted by SES
	Delivered                   // the mailbox provider took it
	Bounced                     // came back
	Complained                  // reported as spam
	Delayed                     // the mailbox provider makes it wait
	Rejected                    // SES refused it after all (a virus)
	Opened                      // opened by a person
	Clicked                     // a link in it was followed
	Failed                      // refused for good, or three retries used up
	Skipped                     // in the audience, but not to be mailed
	Unknown                     // the answer was lost: may or may not have arrived
)

// deedWords are the words of the deeds, in their order.
func deedWords() []string {
	return []string{"selected", "received", "accepted", "delivered", "bounced", "complained", "delayed", "rejected",
		"opened", "clicked", "failed", "skipped", "unknown"}
}

// deedOf is the deed behind a word, 0 for none.
func deedOf(word string) Deed {
	if i := slices.Index(deedWords(), strings.ToLower(word)); i >= 0 {
		return 1 << i
	}
	return 0
}

// PastCampaign is a campaign that exists.
type PastCampaign struct {
	ID      uint64    `json:"id"`
	Name    string    `json:"name"`
	Started time.Time `json:"started,omitzero"` // when its audience was frozen; zero: nobody can have been mailed
	Ended   time.Time `json:"ended,omitzero"`   // zero: rows may still be mailed
	Gone    time.Time `json:"gone,omitzero"`    // rows whose outcome is older were removed by retention; zero: none
}

// PastRow is what became of one recipient.
type PastRow struct {
	Subscriber uint64
	Deeds      Deed
	At         int64 // of the last change of the outcome, unix ms
}

// Past is what became of earlier campaigns. Its methods may be called at the
// same time, and while mail is being sent.
type Past interface {
	// PastCampaigns are all campaigns, drafts too, in the order they were made.
	PastCampaigns() ([]PastCampaign, error)
	// PastRows appends a campaign's recipients behind a subscriber, in order
	// of id, until dst is at its capacity; nothing at the end.
	PastRows(campaign, after uint64, dst []PastRow) ([]PastRow, error)
}

// wish is a deed and of which campaigns: all when nothing else is set.
type wish struct {
	deed  Deed
	ids   []uint64
	names []string
	last  int // the campaigns started last
	days  int // the mails of so many days
}

func (w *wish) String() string { return fmt.Sprint(w.deed, w.ids, w.names, w.last, w.days) }

// shown is the deed as expressions write it.
func (w *wish) shown() string {
	var args []string
	for _, id := range w.ids {
		args = append(args, strconv.FormatUint(id, 10))
	}
	for _, name := range w.names {
		args = append(args, quoted(name))
	}
	switch {
	case w.last > 0:
		args = append(args, fmt.Sprintf("last(%d)", w.last))
	case w.days > 0:
		args = append(args, fmt.Sprintf("days(%d)", w.days))
	}
	return deedWords()[bits.TrailingZeros16(uint16(w.deed))] + "(" + strings.Join(args, ", ") + ")"
}

// quoted is a text as expressions write it.
func quoted(text string) string {
	node := ast.StringNode{Value: text}
	return node.String()
}

// Limits of what is asked of earlier campaigns.
const (
	maxWished  = 100     // campaigns named in one deed, or the n of last(n)
	pastBuffer = 1 << 16 // rows read ahead, of all campaigns together: 1.5 MB
	pastBatch  = 1 << 12 // rows read ahead of one campaign, at most
)

// deedReader goes through the ledgers beside the subscribers: both are in
// order of id, so each row is read once, however many conditions ask for it,
// and all of them see the same of it.
type deedReader struct {
	ctx     context.Context
	past    Past
	cursors []*pastCursor
	slots   []*slot // those with a count of this row
}

// pastCursor is the place in one campaign's ledger.
type pastCursor struct {
	campaign PastCampaign
	asks     []ask
	rows     []PastRow // read ahead
	next     int       // the first of rows not passed yet
	after    uint64    // rows up to here were read
	ended    bool
}

// ask is a slot that wants to hear of a campaign's rows from a time on.
type ask struct {
	slot  *slot
	since int64
}

func (a *ask) holds(row *PastRow) bool {
	return row.Deeds&a.slot.wish.deed != 0 && row.At >= a.since
}

// bind makes a matcher for this store: the campaigns asked for are chosen. nil
// for everyone. A *SegmentError for a campaign or topic that does not exist.
func (g *Segment) bind(ctx context.Context, s *Store) (*matcher, error) {
	if g == nil {
		return nil, nil
	}
	now := g.now(s)
	m := g.matcher(now)
	var deeds []*slot
	for i := range m.slots {
		switch slot := &m.slots[i]; slot.kind {
		case deedSlot, deedsSlot:
			deeds = append(deeds, slot)
		case topicSlot:
			if err := s.CheckTopic(slot.name); err != nil && s.names.lookup(topicName, slot.name) == 0 {
				return nil, slot.fault(g.Source, err.Error(), meant(slot.name, s.topicIDs(), "use one of "+strings.Join(s.topicIDs(), ", ")))
			}
		}
	}
	if len(deeds) == 0 {
		return m, nil
	}
	var err error
	m.deeds, err = newDeedReader(ctx, g.Source, s.Past, deeds, now)
	return m, err
}

// Try reports whether a segment can be asked of this store: the campaigns it
// names exist. A *SegmentError.
func (s *Store) Try(ctx context.Context, seg *Segment) error {
	_, err := seg.bind(ctx, s)
	return err
}

func newDeedReader(ctx context.Context, source string, past Past, slots []*slot, now time.Time) (*deedReader, error) {
	if past == nil {
		return nil, slots[0].fault(source, "what became of campaigns is not known here", "ask the daemon: pabal segment count")
	}
	all, err := past.PastCampaigns()
	if err != nil {
		return nil, fmt.Errorf("look at earlier campaigns: %w", err)
	}
	d := &deedReader{ctx: ctx, past: past, slots: slots}
	byID := map[uint64]*pastCursor{}
	for _, s := range slots {
		chosen, err := s.campaigns(source, all, now)
		if err != nil {
			return nil, err
		}
		since := int64(minMillis)
		if s.wish.days > 0 {
			since = now.Add(-time.Duration(s.wish.days) * 24 * time.Hour).UnixMilli()
		}
		for _, c := range chosen {
			if since < c.Gone.UnixMilli() && !c.Gone.IsZero() {
				return nil, s.gone(source, &c)
			}
			if byID[c.ID] == nil {
				byID[c.ID] = &pastCursor{campaign: c}
				d.cursors = append(d.cursors, byID[c.ID])
			}
			byID[c.ID].asks = append(byID[c.ID].asks, ask{s, since})
		}
	}
	for _, c := range d.cursors {
		c.rows = make([]PastRow, 0, max(16, min(pastBatch, pastBuffer/len(d.cursors))))
	}
	return d, nil
}

// gone refuses what nobody can answer any more: people whose rows were removed
// would look as if they had not been in the campaign.
func (s *slot) gone(source string, c *PastCampaign) error {
	return s.fault(source, fmt.Sprintf("who got campaign %d, %q, is not kept any more: retention has removed what ended before %s", c.ID, c.Name, c.Gone.Format(time.DateOnly)),
		"ask about the mails of a number of days, as in received(days(60)), or about newer campaigns; [retention] history_days says how long they are kept")
}

// settled is how long after a campaign's end a lost answer may still turn into
// an acceptance, with its time: longer than feedback is kept (7 days).
const settled = 14 * 24 * time.Hour

// campaigns are those a deed asks, among them none that had not begun by now.
func (s *slot) campaigns(source string, all []PastCampaign, now time.Time) ([]PastCampaign, error) {
	chosen, err := s.named(source, all)
	if err != nil {
		return nil, err
	}
	if s.wish.ids == nil && s.wish.names == nil {
		chosen = all
	}
	begun := make([]PastCampaign, 0, len(chosen))
	for _, c := range chosen {
		old := s.wish.days > 0 && !c.Ended.IsZero() && c.Ended.Before(now.Add(-settled).AddDate(0, 0, -s.wish.days))
		if !c.Started.IsZero() && !c.Started.After(now) && !old {
			begun = append(begun, c)
		}
	}
	if n := s.wish.last; n > 0 {
		slices.SortStableFunc(begun, func(a, b PastCampaign) int { return a.Started.Compare(b.Started) })
		begun = begun[max(0, len(begun)-n):]
	}
	return begun, nil
}

// named are the campaigns an expression names; one that does not exist is an error.
func (s *slot) named(source string, all []PastCampaign) ([]PastCampaign, error) {
	var chosen []PastCampaign
	for _, id := range s.wish.ids {
		i := slices.IndexFunc(all, func(c PastCampaign) bool { return c.ID == id })
		if i < 0 {
			return nil, s.fault(source, fmt.Sprintf("there is no campaign %d", id), "see the ids with: pabal campaign list")
		}
		chosen = append(chosen, all[i])
	}
	for _, name := range s.wish.names {
		found := false
		for _, c := range all {
			if norm.NFC.String(c.Name) == norm.NFC.String(name) {
				chosen, found = append(chosen, c), true
			}
		}
		if !found {
			names := make([]string, 0, len(all))
			for _, c := range all {
				names = append(names, c.Name)
			}
			return nil, s.fault(source, fmt.Sprintf("there is no campaign called %q", name), meant(name, names, "see the names with: pabal campaign list"))
		}
	}
	slices.SortFunc(chosen, func(a, b PastCampaign) int { return int(int64(a.ID) - int64(b.ID)) })
	return slices.CompactFunc(chosen, func(a, b PastCampaign) bool { return a.ID == b.ID }), nil
}

// seek counts for each slot the campaigns of which it is true for a
// subscriber; ids rise.
func (d *deedReader) seek(id uint64) error {
	for _, s := range d.slots {
		s.n = 0
	}
	for _, c := range d.cursors {
		row, err := c.seek(d, id)
		if err != nil {
			return err
		}
		if row == nil {
			continue
		}
		for _, a := range c.asks {
			if a.holds(row) {
				a.slot.n++
			}
		}
	}
	return nil
}

// seek is a subscriber's row, nil if there is none.
func (c *pastCursor) seek(d *deedReader, id uint64) (*PastRow, error) {
	for {
		for ; c.next < len(c.rows); c.next++ {
			if row := &c.rows[c.next]; row.Subscriber >= id {
				if row.Subscriber == id {
					return row, nil
				}
				return nil, nil
			}
		}
		if c.ended {
			return nil, nil
		}
		if err := d.ctx.Err(); err != nil {
			return nil, err
		}
		rows, err := d.past.PastRows(c.campaign.ID, max(c.after, id-1), c.rows[:0])
		if err != nil {
			return nil, fmt.Errorf("read what became of campaign %d: %w", c.campaign.ID, err)
		}
		c.rows, c.next = rows, 0
		if c.ended = len(rows) == 0; !c.ended {
			c.after = rows[len(rows)-1].Subscriber
		}
	}
}
