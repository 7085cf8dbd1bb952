package tui

import (
	"slices"
	"testing"
	"time"
)

// TestRatesJoinWhatTheDaemonTells: each look tells the last minute anew; no
// second is counted twice or lost, whatever the spacing of the looks.
func TestRatesJoinWhatTheDaemonTells(t *testing.T) {
	perSecond := func(second int64) int { return int(second % 97) }
	recent := func(at int64) []int {
		var out []int
		for s := at - 60; s < at; s++ {
			out = append(out, perSecond(s))
		}
		return out
	}
	var r rates
	begin := testNow.Unix()
	for _, look := range []int64{0, 1, 2, 2, 5, 20, 79, 80, 139, 199, 259} {
		r.add(time.Unix(begin+look, 0), recent(begin+look))
		for i, got := range r.counts {
			if want := perSecond(begin + look - int64(len(r.counts)-i)); got != want {
				t.Fatalf("after %d s, %d seconds ago: %d, want %d", look, len(r.counts)-i, got, want)
			}
		}
	}
	if len(r.counts) != rateSeconds || r.minutes() != 5 {
		t.Errorf("%d seconds are remembered, %d min; want %d, 5", len(r.counts), r.minutes(), rateSeconds)
	}
	r.add(time.Unix(begin+1000, 0), recent(begin+1000)) // nobody looked for long
	if len(r.counts) != 60 {
		t.Errorf("after a gap %d seconds are remembered, want the last 60 only", len(r.counts))
	}
	r.add(time.Unix(begin, 0), recent(begin)) // the clock was set back
	if len(r.counts) != 60 || r.counts[59] != perSecond(begin-1) {
		t.Errorf("after the clock was set back: %v", r.counts)
	}
}

func TestRateColumnsAreMeans(t *testing.T) {
	r := rates{counts: []int{9, 1, 3, 5, 7}}
	if got, want := r.columns(3), []float64{9, 2, 6}; !slices.Equal(got, want) {
		t.Errorf("columns: %v, want %v", got, want)
	}
	if got := r.columns(0); got != nil {
		t.Errorf("no room: %v", got)
	}
}

// TestTheWorstIsSaidFirst: whatever the window, the first line says what keeps
// mail from going, and what does not fit is counted.
func TestTheWorstIsSaidFirst(t *testing.T) {
	d := newDriver(t, "ko", withEverything, func(f *fakeBackend) { f.ses.SendingEnabled = false })
	d.want("! SES 계정의 발송이 중지됨", "→ AWS 콘솔의 SES 평판", "그 밖에 8건")
	d.size(60, 20)
	d.want("! SES 계정의 발송이 중지됨", "그 밖에 10건")
	d.size(132, 50)
	d.want("! SES 계정의 발송이 중지됨", "→ AWS 콘솔의 SES 화면에서 샌드박스 해제") // all, to the least
	d.wantNot("그 밖에")
}
