package campaign

import (
	"math"
	"sort"
	"time"

	"pabal/spool"
)

const (
	flightStep = time.Minute        // in which the use of the quota is looked at
	week       = 7 * 24 * time.Hour // after which quota and window repeat themselves
	settled    = 2 * week           // how long is flown step by step before that is made use of
)

// flight is the arithmetic of a plan: mails go at a rate, shared with other
// campaigns, while the window is open and the quota leaves some; what was sent
// frees its part of the quota 24 hours later.
type flight struct {
	at     time.Time // now, in the flight
	rate   float64   // mails a second, all campaigns together
	left   float64   // mails the quota leaves at the moment
	freed  []freed   // when it leaves more, in order
	window *spool.Window
	others []float64 // mails other campaigns have to send

	metered bool // the quota counts: the rate alone would pass it
	foreign bool // part of what was sent is not ours: nobody knows when it frees

	sent     float64
	legs     []leg
	dry      float64 // sent when the quota was first used up; -1: never
	dryAt    time.Time
	refilled time.Time // when the first went after that
	first    time.Time // when the first of all went
	flown    float64   // seconds in the air until the quota was first used up, or to the end
	fenced   bool      // the window was closed at the start
	breaks   int64     // times the window closed before the end

	loop     float64 // mails of a week that repeats itself; 0: none did
	loopFrom float64 // sent when the repeating began
	loops    float64
}

// freed is quota that comes back.
type freed struct {
	at time.Time
	n  float64
}

// leg is a time of steady sending.
type leg struct {
	from    time.Time
	seconds float64
	before  float64 // mails sent before it
	n       float64
}

func newFlight(start time.Time, facts AccountFacts) *flight {
	f := &flight{at: start, left: math.Inf(1), dry: -1, rate: facts.MaxSendRate * share(facts.RateShare)}
	if facts.MaxSendRate <= -1 {
		f.rate = unlimitedRate
	}
	if facts.Max24Hour < 0 || f.rate <= 0 {
		return f
	}
	limit := math.Floor(facts.Max24Hour * share(facts.QuotaShare))
	f.metered, f.left = true, limit-facts.Sent24Hours
	known := 0.0
	for _, m := range facts.Own {
		n := math.Min(float64(m.Count), facts.Sent24Hours-known)
		if n > 0 {
			f.freed = append(f.freed, freed{m.At.Add(quotaSpan), n})
			known += n
		}
	}
	if unknown := facts.Sent24Hours - known; unknown >= 1 { // of others, or of a time before this store
		f.freed, f.foreign = append(f.freed, freed{start.Add(quotaSpan), unknown}), unknown >= 0.01*facts.Sent24Hours
	}
	sort.SliceStable(f.freed, func(i, j int) bool { return f.freed[i].at.Before(f.freed[j].at) })
	return f
}

// fly sends n mails. It is false when they never all go.
func (f *flight) fly(n float64) bool {
	begin, closes := f.at, time.Time{}
	var week1, week2 float64
	mark := 0
	for f.sent < n {
		if f.window != nil && !f.at.Before(closes) {
			if closes = f.enter(begin); closes.IsZero() {
				return false
			}
		}
		if age := f.at.Sub(begin); mark == 0 && age >= week {
			mark, week1 = 1, f.sent
		} else if mark == 1 && age >= settled {
			mark, week2 = 2, f.sent-week1
			if !f.repeat(n, week2) {
				return false
			}
			closes = time.Time{}
			continue
		}
		f.refill()
		if f.left < 1 {
			if !f.drift() {
				return false
			}
			continue
		}
		f.leg(n, closes)
	}
	return true
}

// enter waits for the window if it is closed and says when it closes.
func (f *flight) enter(begin time.Time) (closes time.Time) {
	opens, closes, err := f.window.Span(f.at)
	if err != nil {
		return time.Time{}
	}
	if opens.After(f.at) {
		f.fenced = f.fenced || f.at.Equal(begin)
		if f.sent > 0 {
			f.breaks++
		}
		f.at = opens
	}
	return closes
}

// refill takes in the quota that has come back.
func (f *flight) refill() {
	for len(f.freed) > 0 && !f.freed[0].at.After(f.at) {
		f.left += f.freed[0].n
		f.freed = f.freed[1:]
	}
}

// drift waits for quota; false when none will come.
func (f *flight) drift() bool {
	if f.dry < 0 {
		f.dry, f.dryAt = math.Floor(f.sent), f.at
	}
	if len(f.freed) == 0 {
		return false
	}
	f.at = f.freed[0].at
	return true
}

// leg sends until something changes.
func (f *flight) leg(n float64, closes time.Time) {
	sharers := 1.0
	most := math.Inf(1) // ours, until another has none left
	for _, o := range f.others {
		if o >= 1 {
			sharers++
			most = math.Min(most, o)
		}
	}
	ours := math.Min(math.Min(n-f.sent, most), f.left/sharers)
	if f.window != nil {
		ours = math.Min(ours, closes.Sub(f.at).Seconds()*f.rate/sharers)
	}
	if f.metered {
		ours = math.Min(ours, math.Max(flightStep.Seconds()*f.rate/sharers, 1))
	}
	seconds := ours * sharers / f.rate
	if f.first.IsZero() {
		f.first = f.at
	}
	if f.dry >= 0 && f.refilled.IsZero() {
		f.refilled = f.at
	}
	if f.dry < 0 {
		f.flown += seconds
	}
	f.legs = append(f.legs, leg{f.at, seconds, f.sent, ours})
	f.sent += ours
	if n-f.sent < 1e-6 {
		f.sent = n // what adding up fractions loses
	}
	for i, o := range f.others {
		if o >= 1 {
			f.others[i] = o - ours
		}
	}
	f.at = f.at.Add(max(time.Duration(math.Min(seconds, maxPlan.Seconds())*float64(time.Second)), 1))
	if f.metered {
		f.left -= ours * sharers
		f.freed = append(f.freed, freed{f.at.Add(quotaSpan), ours * sharers})
	}
}

// repeat skips the weeks that are like the last one; false when nothing goes in
// a week, or not all in a hundred years.
func (f *flight) repeat(n, perWeek float64) bool {
	if perWeek < 1 {
		return false
	}
	f.loop, f.loopFrom, f.loops = perWeek, f.sent, math.Floor((n-f.sent-1)/perWeek)
	if f.loops <= 0 {
		f.loops = 0
		return true
	}
	if f.loops*week.Seconds() > maxPlan.Seconds() {
		return false
	}
	skip := time.Duration(f.loops) * week
	f.sent, f.at = f.sent+f.loops*perWeek, f.at.Add(skip)
	for i := range f.freed {
		f.freed[i].at = f.freed[i].at.Add(skip)
	}
	if f.window != nil {
		f.breaks += int64(f.loops) * f.breaks / 2 // of two weeks
	}
	return true
}

// when is when mail number i, from 1, is handed to SES.
func (f *flight) when(i float64) time.Time {
	var skipped time.Duration
	if f.loops > 0 && i > f.loopFrom && i <= f.loopFrom+f.loops*f.loop {
		back := math.Ceil((i - f.loopFrom) / f.loop)
		i, skipped = i-back*f.loop, time.Duration(back)*week
	}
	k := sort.Search(len(f.legs), func(k int) bool { return f.legs[k].before+f.legs[k].n >= i-1e-6 })
	k = min(k, len(f.legs)-1)
	l := f.legs[k]
	part := math.Min(1, (i-l.before)/l.n)
	return l.from.Add(skipped + time.Duration(part*l.seconds*float64(time.Second)))
}

// by is how many mails have gone at an instant of the first two weeks.
func (f *flight) by(at time.Time) int64 {
	n := 0.0
	for _, l := range f.legs {
		if l.from.After(at) {
			break
		}
		part := 1.0
		if l.seconds > 0 {
			part = math.Min(1, at.Sub(l.from).Seconds()/l.seconds)
		}
		n = l.before + part*l.n
	}
	return int64(n + 1e-6)
}

// touches reports whether anything goes in the hours of the night.
func (f *flight) touches(night [2]time.Duration, zone *time.Location) bool {
	for _, l := range f.legs {
		if touches(l.from, l.from.Add(time.Duration(l.seconds*float64(time.Second))), night, zone) {
			return true
		}
	}
	return false
}
