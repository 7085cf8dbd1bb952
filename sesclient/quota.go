package sesclient

import (
	"encoding/json"
	"fmt"
	"math"
	"time"

	"pabal/spool"
)

const (
	// quotaWindow is SES's rolling window (developer guide, sending quotas).
	quotaWindow = 24 * time.Hour

	// After SES refused for the quota although our count left some, it is not
	// tried again for quotaPause, twice as long each further time. AWS asks for
	// up to 10 minutes.
	quotaPause    = 10 * time.Second
	quotaPauseMax = 10 * time.Minute

	// oursFrom is the share of the account's sending from which on the account
	// counts as ours alone: SES's count may lag a little.
	oursFrom = 0.99
)

// quota counts sending against the rolling 24-hour limit: SES's own number at
// the last GetAccount, plus what we have sent since. Pace.mu guards it.
type quota struct {
	max, sent float64 // facts; max -1: no limit
	at        time.Time
	base      int64 // total + open when that GetAccount began

	total   int64    // sent by us in this process
	open    int      // reserved, not yet reported
	minutes []minute // our own sending, oldest first, no older than the window

	until time.Time // SES has refused: not before this
	pause time.Duration
}

// minute is how many mails we sent in one minute.
type minute struct {
	At    int64 `json:"at"` // unix minutes
	Count int64 `json:"n"`
}

// quotaMark is where our own count stood when a GetAccount call began.
type quotaMark int64

// mark takes the calls now open as counted in the answer: counting them twice
// would stop the last mails of a quota, counting them short lets SES refuse.
func (q *quota) mark() quotaMark { return quotaMark(q.total + int64(q.open)) }

func (q *quota) facts(max, sent float64, mark quotaMark, now time.Time) {
	q.max, q.sent, q.base, q.at = max, sent, int64(mark), now
}

func (q *quota) count(now time.Time, n int64) {
	q.total += n
	at := now.Unix() / 60
	if last := len(q.minutes) - 1; last >= 0 && q.minutes[last].At >= at {
		q.minutes[last].Count += n
		return
	}
	q.prune(now)
	q.minutes = append(q.minutes, minute{at, n})
}

// prune forgets the minutes that have left the window.
func (q *quota) prune(now time.Time) {
	for len(q.minutes) > 0 && !q.minutes[0].frees().After(now) {
		q.minutes = q.minutes[1:]
	}
}

// frees is when the last mail of the minute leaves the window.
func (m minute) frees() time.Time { return time.Unix((m.At+1)*60, 0).Add(quotaWindow) }

func (q *quota) refused(now time.Time) {
	if now.Before(q.until) {
		return
	}
	q.pause = min(max(2*q.pause, quotaPause), quotaPauseMax)
	q.until = now.Add(q.pause)
}

func (q *quota) accepted() { q.pause = 0 }

// used is the account's sending in the window as far as is known now.
func (q *quota) used() float64 {
	return q.sent + math.Max(0, float64(q.total+int64(q.open)-q.base))
}

// limit is how much of the quota a lane may use up.
func (p *Pace) limit(lane spool.Lane) float64 {
	if lane == spool.Bulk {
		return math.Floor(p.quota.max * p.bulkShare())
	}
	return p.quota.max
}

// bulkShare is the part of the quota bulk may use. The sandbox's 200 a day are
// for tries, to verified recipients only: a reserve would just keep a first
// campaign of 200 from ending.
func (p *Pace) bulkShare() float64 {
	if p.facts.sandbox {
		return 1
	}
	return 1 - p.reserve
}

// quotaLeft is how many mails the quota leaves a lane, or the refusal when it
// leaves none. p.mu is held.
func (p *Pace) quotaLeft(lane spool.Lane, now time.Time) (int, error) {
	q := &p.quota
	if now.Before(q.until) {
		return 0, refusal(spool.Quota, spool.LaneScope(lane),
			"SES says the 24-hour quota is used up; asking again at "+p.clock(q.until))
	}
	if !p.known || q.max < 0 {
		return math.MaxInt32, nil
	}
	if left := p.limit(lane) - q.used(); left >= 1 {
		return int(math.Min(left, math.MaxInt32)), nil
	}
	return 0, refusal(spool.Quota, spool.LaneScope(lane), p.quotaText(lane, now))
}

func (p *Pace) quotaText(lane spool.Lane, now time.Time) string {
	text := fmt.Sprintf("24-hour quota of %.0f used up", p.quota.max)
	if lane == spool.Bulk && p.quota.used() < p.quota.max {
		text = fmt.Sprintf("24-hour quota of %.0f used up but for the %.0f kept for transactional mail", p.quota.max, p.quota.max-p.limit(lane))
	}
	at, ours, ok := p.frees(lane, now)
	switch {
	case !ok:
		return text
	case ours:
		return text + "; frees at about " + p.clock(at)
	}
	return text + "; frees at " + p.clock(at) + " at the latest (others send on this account too)"
}

func (p *Pace) clock(t time.Time) string { return t.In(p.zone).Format("2006-01-02 15:04 MST") }

// QuotaFrees is when the rolling window lets lane send again: now if it may
// already, to the minute when all mail of the account is ours, else at the
// latest. It is an estimate: facts are read every minute and Take follows
// them. ok is false before the first facts.
func (p *Pace) QuotaFrees(lane spool.Lane) (at time.Time, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	at, _, ok = p.frees(lane&1, time.Now())
	return at, ok
}

// frees also says whether all mail in the window is ours. Our own minutes are
// walked from the oldest until enough has left the window; mail of others
// cannot make that later, but nobody knows when it was sent, so without enough
// of our own the bound is a whole window after the last facts.
func (p *Pace) frees(lane spool.Lane, now time.Time) (at time.Time, ours, ok bool) {
	q := &p.quota
	if !p.known {
		return time.Time{}, false, false
	}
	q.prune(now)
	need := q.used() - p.limit(lane) + 1
	if q.max < 0 || need <= 0 {
		return later(now, q.until), true, true
	}
	var own float64
	for _, m := range q.minutes {
		own += float64(m.Count)
		if own >= need && at.IsZero() {
			at = m.frees()
		}
	}
	if at.IsZero() {
		at = q.at.Add(quotaWindow)
	}
	return later(at, q.until), own >= oursFrom*(q.used()-float64(q.open)), true
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// Minute is how many mails we sent in the minute that ended At.
type Minute struct {
	At    time.Time
	Count int64
}

// Minutes is our own sending of the last 24 hours, oldest first.
func (p *Pace) Minutes() []Minute {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.quota.prune(time.Now())
	out := make([]Minute, len(p.quota.minutes))
	for i, m := range p.quota.minutes {
		out[i] = Minute{time.Unix((m.At+1)*60, 0), m.Count}
	}
	return out
}

// saved is what Snapshot writes.
type saved struct {
	Version int      `json:"v"`
	Minutes []minute `json:"minutes"`
}

// Snapshot is our own sending of the last 24 hours by the minute, for Restore
// after a restart; a few dozen KB at most.
func (p *Pace) Snapshot() []byte {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.quota.prune(time.Now())
	data, err := json.Marshal(saved{Version: 1, Minutes: append([]minute{}, p.quota.minutes...)})
	if err != nil {
		panic("integers cannot be written as JSON: " + err.Error())
	}
	return data
}

// Restore takes a Snapshot back, before Run. Minutes that have left the window
// or lie in the future are left out. It returns an error, and takes nothing,
// when data is not a snapshot; nil or empty data is none.
func (p *Pace) Restore(data []byte) error {
	if len(data) == 0 {
		return nil
	}
	var s saved
	if err := json.Unmarshal(data, &s); err != nil {
		return fmt.Errorf("read the sending of the last 24 hours: %w", err)
	}
	if s.Version != 1 {
		return fmt.Errorf("read the sending of the last 24 hours: version %d is not known", s.Version)
	}
	now := time.Now()
	oldest, newest := now.Add(-quotaWindow).Unix()/60, now.Unix()/60
	kept := make([]minute, 0, len(s.Minutes))
	for _, m := range s.Minutes {
		if m.Count <= 0 || m.At < oldest || m.At > newest {
			continue
		}
		if last := len(kept) - 1; last >= 0 && m.At <= kept[last].At {
			return fmt.Errorf("read the sending of the last 24 hours: minute %d is out of order", m.At)
		}
		kept = append(kept, m)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.quota.minutes = kept
	return nil
}
