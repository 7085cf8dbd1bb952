package spool

// One walk over a campaign's rows for its report: whose mail servers, which
// reasons. It reads the rows where they lie and keeps a bounded table, so that a
// million take a second and a few MB.

import (
	"bytes"
	"cmp"
	"context"
	"encoding/binary"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"go.etcd.io/bbolt"
)

const (
	tallyBatch   = 20_000 // rows read in one transaction
	tallyKept    = 20_000 // domains, and reasons of each sort, in memory
	tallyReasons = 200    // bytes of a reason
	twiceKept    = 100    // recipients named who may have been mailed twice
	noReason     = "no reason is on record"
)

// DomainCount is what became of the mail to one domain.
type DomainCount struct {
	Domain     string `json:"domain"` // "" is all others together
	Sent       int64  `json:"sent"`   // rows with an address of it: calls to SES made or begun
	Accepted   int64  `json:"accepted"`
	Failed     int64  `json:"failed"`
	Unknown    int64  `json:"unknown"`
	Delivered  int64  `json:"delivered"`
	Delayed    int64  `json:"delayed"`
	Bounced    int64  `json:"bounced"`
	Complained int64  `json:"complained"`
	Opened     int64  `json:"opened"`
	Clicked    int64  `json:"clicked"`
}

// ReasonCount is how many rows gave one reason. Addresses and numbers of five
// digits and more are left out of it, so that what differs in nothing else counts as one.
type ReasonCount struct {
	Reason string `json:"reason"` // "" is all others together
	Count  int64  `json:"count"`
}

// Tally is what the rows of a campaign say beside its counters.
type Tally struct {
	Domains []DomainCount `json:"domains"` // the largest, then all others
	Failed  []ReasonCount `json:"failed"`
	Unknown []ReasonCount `json:"unknown"`
	Bounced []ReasonCount `json:"bounced"`
	Twice   []Message     `json:"twice"` // the first hundred who may have been mailed twice, or were

	MaybeTwice int64 `json:"maybe_twice"` // sent again although it may have been sent
	SentTwice  int64 `json:"sent_twice"`  // proved: SES accepted more than one
}

// Tally walks a campaign's rows and returns the top domains and reasons of each
// sort, and the rest as one. The rows are read in batches, each as of its
// instant: of a campaign that runs, later ones may know more than its counters.
// The counts are exact; where there are more than 20,000 domains or reasons it
// walks twice. What retention has removed is in it, as it was summed up then:
// small domains are among the others, and nobody is named. ErrNotFound.
func (s *Spool) Tally(ctx context.Context, campaign uint64, top int) (Tally, error) {
	if _, err := s.Ledger(campaign); err != nil {
		return Tally{}, err
	}
	s.tallying.RLock()
	defer s.tallying.RUnlock()
	w := newTallyWalk(tallyKept)
	if err := s.tally(ctx, campaign, w); err != nil {
		return Tally{}, err
	}
	if w.pruned() {
		again := newTallyWalk(tallyKept)
		again.only(w, top)
		if err := s.tally(ctx, campaign, again); err != nil {
			return Tally{}, err
		}
		w = again
	}
	return w.result(top), nil
}

func (s *Spool) tally(ctx context.Context, campaign uint64, w *tallyWalk) error {
	var kept Tally
	err := s.ledger.View(func(tx *bbolt.Tx) (err error) {
		kept, _, err = readTally(tx, campaign)
		return err
	})
	if err != nil {
		return err
	}
	w.seed(&kept)
	for after, more := uint64(0), true; more; {
		if err := ctx.Err(); err != nil {
			return err
		}
		err := s.ledger.View(func(tx *bbolt.Tx) error {
			more = false
			b := tx.Bucket(bRows).Bucket(u64(campaign))
			if b == nil {
				return nil
			}
			c := b.Cursor()
			k, v := c.Seek(u64(after + 1))
			for n := 0; k != nil && n < tallyBatch; n++ {
				after = number(k, 0)
				w.row(v, campaign, after)
				k, v = c.Next()
			}
			more = k != nil
			return nil
		})
		if err != nil {
			return fmt.Errorf("walk campaign %d: %w", campaign, err)
		}
	}
	return nil
}

// tallyWalk is the tables of one walk.
type tallyWalk struct {
	domains                 ranked[DomainCount]
	failed, unknown, bounce ranked[ReasonCount]
	twice                   []Message
	maybeTwice, sentTwice   int64
	domain                  []byte // scratch: the domain in lower case
}

func newTallyWalk(kept int) *tallyWalk {
	reason := func(r *ReasonCount) int64 { return r.Count }
	reasons := ranked[ReasonCount]{kept: kept, size: reason}
	return &tallyWalk{domains: ranked[DomainCount]{kept: kept, size: func(d *DomainCount) int64 { return d.Sent }},
		failed: reasons, unknown: reasons, bounce: reasons, twice: []Message{}}
}

func (w *tallyWalk) pruned() bool {
	return w.domains.pruned || w.failed.pruned || w.unknown.pruned || w.bounce.pruned
}

// only lets this walk count what an earlier one found to be largest.
func (w *tallyWalk) only(found *tallyWalk, top int) {
	w.domains.fix(&found.domains, top)
	w.failed.fix(&found.failed, top)
	w.unknown.fix(&found.unknown, top)
	w.bounce.fix(&found.bounce, top)
}

// row counts one row. Of one that is damaged it counts what can be read.
func (w *tallyWalk) row(v []byte, campaign, subscriber uint64) {
	if len(v) < recordFixed || v[0] != recordVersion {
		return
	}
	outcome, flags := Outcome(v[1]), binary.BigEndian.Uint16(v[2:])
	if outcome == Skipped {
		return
	}
	t := rowTail(v[recordFixed:])
	t.skip() // SES id
	to, reason := t.next(), t.next()
	if len(to) > 0 {
		w.addressed(to, outcome, flags)
	}
	switch outcome {
	case Failed:
		w.failed.at(reasonKey(reason)).Count++
	case Unknown:
		w.unknown.at(reasonKey(reason)).Count++
	}
	t.number() // next try
	if news := t.next(); flags&flagBounced != 0 {
		w.bounce.at(reasonKey(news)).Count++
	}
	also := t.next()
	if flags&flagMaybeTwice != 0 {
		w.maybeTwice++
	}
	if len(also) > 0 {
		w.sentTwice++
	}
	if (flags&flagMaybeTwice != 0 || len(also) > 0) && len(w.twice) < twiceKept {
		if m, err := readRow(v, campaign, subscriber); err == nil {
			w.twice = append(w.twice, m)
		}
	}
}

func (w *tallyWalk) addressed(to []byte, outcome Outcome, flags uint16) {
	w.domain = append(w.domain[:0], to[bytes.LastIndexByte(to, '@')+1:]...)
	for i, c := range w.domain {
		if 'A' <= c && c <= 'Z' {
			w.domain[i] = c + 'a' - 'A'
		}
	}
	d := w.domains.at(w.domain)
	d.Sent++
	switch outcome {
	case Accepted:
		d.Accepted++
	case Failed:
		d.Failed++
	case Unknown:
		d.Unknown++
	}
	for _, f := range [...]struct {
		flag uint16
		to   *int64
	}{{flagDelivered, &d.Delivered}, {flagDelayed, &d.Delayed}, {flagBounced, &d.Bounced}, {flagComplained, &d.Complained},
		{flagOpened, &d.Opened}, {flagClicked, &d.Clicked}} {
		if flags&f.flag != 0 {
			*f.to++
		}
	}
}

func (w *tallyWalk) result(top int) Tally {
	reasons := func(r *ranked[ReasonCount]) []ReasonCount {
		return r.list(top, func(to *ReasonCount, name string) { to.Reason = name }, func(to, more *ReasonCount) { to.Count += more.Count })
	}
	return Tally{Domains: w.domains.list(top, func(to *DomainCount, name string) { to.Domain = name }, (*DomainCount).add),
		Failed: reasons(&w.failed), Unknown: reasons(&w.unknown), Bounced: reasons(&w.bounce),
		Twice: w.twice, MaybeTwice: w.maybeTwice, SentTwice: w.sentTwice}
}

func (d *DomainCount) add(o *DomainCount) {
	d.Sent, d.Accepted, d.Failed, d.Unknown = d.Sent+o.Sent, d.Accepted+o.Accepted, d.Failed+o.Failed, d.Unknown+o.Unknown
	d.Delivered, d.Delayed, d.Bounced = d.Delivered+o.Delivered, d.Delayed+o.Delayed, d.Bounced+o.Bounced
	d.Complained, d.Opened, d.Clicked = d.Complained+o.Complained, d.Opened+o.Opened, d.Clicked+o.Clicked
}

// ranked is a table of counts by name that finds the largest in bounded memory:
// when it is full the smaller half goes, which loses nobody who has more than a
// 10,000th part of all.
type ranked[T any] struct {
	kept   int
	size   func(*T) int64
	by     map[string]*T
	rest   T    // of names that are not in the table
	fixed  bool // no new names
	pruned bool // rest may hold a part of a name's count
}

// at is the counts of a name.
func (r *ranked[T]) at(name []byte) *T {
	if v := r.by[string(name)]; v != nil {
		return v
	}
	if r.fixed {
		return &r.rest
	}
	if len(r.by) >= r.kept {
		r.prune()
	}
	if r.by == nil {
		r.by = map[string]*T{}
	}
	v := new(T)
	r.by[string(name)] = v
	return v
}

// largest are the names by size, then by name.
func (r *ranked[T]) largest() []string {
	names := make([]string, 0, len(r.by))
	for name := range r.by {
		names = append(names, name)
	}
	slices.SortFunc(names, func(a, b string) int {
		return cmp.Or(cmp.Compare(r.size(r.by[b]), r.size(r.by[a])), strings.Compare(a, b))
	})
	return names
}

func (r *ranked[T]) prune() {
	r.pruned = true
	for _, name := range r.largest()[r.kept/2:] {
		delete(r.by, name)
	}
}

// fix makes a table of what another found to be largest.
func (r *ranked[T]) fix(found *ranked[T], top int) {
	r.fixed, r.by = true, map[string]*T{}
	names := found.largest()
	for _, name := range names[:min(len(names), 10*top)] { // a name that was dropped once may have been counted short
		r.by[name] = new(T)
	}
}

// list is the largest, and all others as one without a name.
func (r *ranked[T]) list(top int, name func(*T, string), add func(to, more *T)) []T {
	out := []T{}
	rest := r.rest
	for i, key := range r.largest() {
		if i >= top {
			add(&rest, r.by[key])
			continue
		}
		v := *r.by[key]
		name(&v, key)
		out = append(out, v)
	}
	if r.size(&rest) > 0 {
		out = append(out, rest)
	}
	return out
}

// rowTail reads the tail of a row without copying it; past its end, and where it
// is damaged, everything is empty.
type rowTail []byte

func (t *rowTail) number() uint64 {
	n, size := binary.Uvarint(*t)
	if size <= 0 {
		*t = nil
		return 0
	}
	*t = (*t)[size:]
	return n
}

func (t *rowTail) next() []byte {
	n := t.number()
	if n > uint64(len(*t)) {
		*t = nil
		return nil
	}
	text := (*t)[:n]
	*t = (*t)[n:]
	return text
}

func (t *rowTail) skip() { t.next() }

var (
	addressInReason = regexp.MustCompile(`<?[^\s<>"'(),;:]+@[^\s<>"'(),;:]+>?`)
	numberInReason  = regexp.MustCompile(`\b[0-9A-Za-z.+/=_-]*[0-9]{5,}[0-9A-Za-z.+/=_-]*\b`)
)

// PlainReason is a reason without addresses and long numbers, for people: what
// differs in nothing else counts as one.
func PlainReason(reason string) string { return string(reasonKey([]byte(reason))) }

// reasonKey is a reason without what is different for every recipient.
func reasonKey(reason []byte) []byte {
	if len(reason) == 0 {
		return []byte(noReason)
	}
	reason = reason[:min(len(reason), tallyReasons)]
	if bytes.IndexByte(reason, '@') >= 0 {
		reason = addressInReason.ReplaceAll(reason, []byte("…"))
	}
	if bytes.ContainsAny(reason, "0123456789") {
		reason = numberInReason.ReplaceAll(reason, []byte("…"))
	}
	return reason
}
