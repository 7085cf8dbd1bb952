package tui

import "time"

// rateSeconds is how far back the first screen remembers the rate.
const rateSeconds = 300

// rates are how many mails were accepted in each second, the newest last. The
// daemon tells of the last minute; what is older was kept here.
type rates struct {
	at     int64 // the second after the newest
	counts []int
}

// add takes the daemon's last seconds as they were known at a time.
func (r *rates) add(now time.Time, recent []int) {
	at := now.Unix()
	fresh := int(min(at-r.at, int64(len(recent))))
	if r.at == 0 || at-r.at > int64(len(recent)) || fresh < 0 { // nothing joins on
		r.counts, fresh = nil, len(recent)
	}
	r.at = at
	r.counts = append(r.counts, recent[len(recent)-fresh:]...)
	r.counts = r.counts[max(0, len(r.counts)-rateSeconds):]
}

// minutes is how much is remembered, rounded.
func (r *rates) minutes() int64 { return max(1, int64(len(r.counts)+30)/60) }

// columns are the means of at most w stretches of the same length.
func (r *rates) columns(w int) []float64 {
	if w <= 0 || len(r.counts) == 0 {
		return nil
	}
	each := (len(r.counts) + w - 1) / w
	var out []float64
	for end := len(r.counts); end > 0; end -= each {
		sum := 0
		part := r.counts[max(0, end-each):end]
		for _, n := range part {
			sum += n
		}
		out = append([]float64{float64(sum) / float64(len(part))}, out...)
	}
	return out
}
