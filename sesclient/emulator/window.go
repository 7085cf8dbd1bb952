package emulator

import (
	"math"
	"time"
)

// window is a sliding window over a count: at most max in any span. The zero
// value knows no limit.
type window struct {
	max  int // zero means no limit
	span time.Duration
	hits []hit
	head int // hits before it are gone
	sum  int // of hits[head:]
}

type hit struct {
	at time.Time
	n  int
}

// set makes the window hold perSecond: floor(perSecond) in the time they take,
// which is one second for a whole number and 1/perSecond seconds for less than
// one a second. Zero or less means no limit.
func (w *window) set(perSecond float64) {
	w.max, w.span = 0, time.Second
	if perSecond <= 0 || math.IsInf(perSecond, 1) {
		return
	}
	w.max = max(1, int(perSecond))
	w.span = time.Duration(float64(w.max) / perSecond * float64(time.Second))
}

// room reports whether n more fit at now. More than the window ever holds fit
// when it is empty, or such a call could never pass.
func (w *window) room(now time.Time, n int) bool {
	w.expire(now)
	return w.max == 0 || w.sum == 0 || w.sum+n <= w.max
}

// take adds n at now if they fit.
func (w *window) take(now time.Time, n int) bool {
	if !w.room(now, n) {
		return false
	}
	if w.max > 0 {
		w.add(now, n)
	}
	return true
}

func (w *window) add(now time.Time, n int) {
	w.hits = append(w.hits, hit{now, n})
	w.sum += n
}

// expire forgets what is a span old or older.
func (w *window) expire(now time.Time) {
	for w.head < len(w.hits) && now.Sub(w.hits[w.head].at) >= w.span {
		w.sum -= w.hits[w.head].n
		w.head++
	}
	if w.head > 1024 && w.head > len(w.hits)/2 {
		w.hits = w.hits[:copy(w.hits, w.hits[w.head:])]
		w.head = 0
	}
}

// quotaParts is the grain of the quota window: recipients accepted within one
// such part leave it together, with the last of them. It bounds memory.
const quotaParts = 10_000

// quota is the rolling 24-hour count.
type quota struct {
	max    float64 // -1 unlimited
	span   time.Duration
	parts  []part
	counts int
}

type part struct {
	first, last time.Time
	n           int
}

// sent is how many recipients count at now.
func (q *quota) sent(now time.Time) int {
	old := 0
	for old < len(q.parts) && now.Sub(q.parts[old].last) >= q.span {
		q.counts -= q.parts[old].n
		old++
	}
	if old > 0 {
		q.parts = q.parts[:copy(q.parts, q.parts[old:])]
	}
	return q.counts
}

func (q *quota) room(now time.Time, n int) bool {
	return n == 0 || q.max < 0 || float64(q.sent(now)+n) <= q.max
}

func (q *quota) add(now time.Time, n int) {
	if n == 0 {
		return
	}
	q.counts += n
	if k := len(q.parts) - 1; k >= 0 && now.Sub(q.parts[k].first) < q.span/quotaParts {
		q.parts[k].last = now
		q.parts[k].n += n
		return
	}
	q.sent(now)
	q.parts = append(q.parts, part{now, now, n})
}
