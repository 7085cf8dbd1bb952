package campaign

import (
	"math"
	"slices"
	"testing"
	"time"

	"pabal/spool"
)

var takeOff = time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC) // 09:00 in Seoul, a Sunday

// flown is the plan of n mails.
func flown(n int64, facts AccountFacts, change func(*flight)) Plan {
	p := Plan{Recipients: n, Start: takeOff, Tenths: []time.Time{}}
	f := newFlight(takeOff, facts)
	if change != nil {
		change(f)
	}
	p.fly(f, facts)
	return p
}

func (p Plan) has(code NoteCode) *PlanNote {
	for i := range p.Notes {
		if p.Notes[i].Code == code {
			return &p.Notes[i]
		}
	}
	return nil
}

func TestFlightPlan(t *testing.T) {
	sandbox := AccountFacts{MaxSendRate: 1, Max24Hour: 200, Sandbox: true, SendingEnabled: true, RateShare: 0.9, QuotaShare: 1}
	grown := AccountFacts{MaxSendRate: 14, Max24Hour: 50000, SendingEnabled: true, RateShare: 0.9, QuotaShare: 0.95}
	with := func(f AccountFacts, sent float64) AccountFacts { f.Sent24Hours = sent; return f }
	const day = 86400.0
	for _, c := range []struct {
		name    string
		n       int64
		facts   AccountFacts
		seconds float64
		waits   int64
		five    int64
		note    NoteCode
	}{
		{"200 in the sandbox", 200, sandbox, 222.2, 0, 200, NoteTakes},
		{"500 at 14/s", 500, grown, 39.68, 0, 500, NoteTakes},
		{"150 sent before by others", 200, with(sandbox, 150), day + 150/0.9, 150, 50, NoteQuotaWaits},
		{"500 in the sandbox", 500, sandbox, 2*day + 100/0.9, 300, 200, NoteFiveMissed},
		{"exactly two days' quota", 400, sandbox, day + 200/0.9, 200, 200, NoteQuotaWaits},
		{"nothing left", 10, with(sandbox, 300), day + 10/0.9, 10, 0, NoteQuotaWaits},
		{"unlimited quota", 1_000_000, AccountFacts{MaxSendRate: 500, Max24Hour: -1, SendingEnabled: true}, 2000, 0, 150_000, NoteFiveMissed},
		{"unlimited rate", 1_000_000, AccountFacts{MaxSendRate: -1, Max24Hour: -1, SendingEnabled: true}, 1000, 0, 300_000, NoteTakes},
		{"the rate binds", 100_000, AccountFacts{MaxSendRate: 1, Max24Hour: 90_000, SendingEnabled: true}, 100_000, 0, 300, NoteTakes},
		{"twenty days", 950_000, grown, 19*day + 47500/12.6, 902_500, 3780, NoteQuotaWaits},
		{"years", 1_000_000, sandbox, 4999*day + 200/0.9, 999_800, 200, NoteQuotaWaits},
		{"500 at 1/s", 500, AccountFacts{MaxSendRate: 1, Max24Hour: 50000, SendingEnabled: true, RateShare: 0.9}, 555.6, 0, 270, NoteFiveMissed},
		{"one", 1, sandbox, 1.11, 0, 1, NoteTakes},
	} {
		p := flown(c.n, c.facts, nil)
		if diff := math.Abs(p.Seconds - c.seconds); diff > 0.005*c.seconds || p.Waits != c.waits || p.WithinFive != c.five || p.FiveMinutes != (c.five == c.n) {
			t.Errorf("%s: got %.2f s, %d wait, %d within five minutes (%v), want %.2f, %d, %d", c.name, p.Seconds, p.Waits, p.WithinFive, p.FiveMinutes, c.seconds, c.waits, c.five)
		}
		if p.has(c.note) == nil {
			t.Errorf("%s: no note %s in %+v", c.name, c.note, p.Notes)
		}
		if len(p.Tenths) != 10 || !p.Tenths[9].Equal(p.End) || !slices.IsSortedFunc(p.Tenths, time.Time.Compare) {
			t.Errorf("%s: tenths %v do not rise to %v", c.name, p.Tenths, p.End)
		}
		if (c.waits > 0) != !p.QuotaAt.IsZero() || (c.waits > 0) != !p.ResumesAt.IsZero() {
			t.Errorf("%s: quota at %v, resumes at %v with %d waiting", c.name, p.QuotaAt, p.ResumesAt, c.waits)
		}
	}
}

func TestFlightPlanOfNobody(t *testing.T) {
	p := flown(0, AccountFacts{MaxSendRate: 14, Max24Hour: 100, SendingEnabled: true}, nil)
	if p.Seconds != 0 || !p.FiveMinutes || !p.End.Equal(p.Start) || len(p.Tenths) != 0 {
		t.Errorf("got %+v", p)
	}
}

func TestFlightPlanWhereNothingCanGo(t *testing.T) {
	for name, facts := range map[string]AccountFacts{"no rate": {SendingEnabled: true, Max24Hour: 100}, "no quota": {MaxSendRate: 1, SendingEnabled: true}} {
		p := flown(5, facts, nil)
		if !p.End.IsZero() || p.Waits != 5 || p.FiveMinutes || p.Seconds != 0 {
			t.Errorf("%s: got %+v", name, p)
		}
	}
}

// What pabal sent itself frees its part of the quota to the minute, not at the
// latest.
func TestFlightPlanKnowsWhenOwnMailFrees(t *testing.T) {
	facts := AccountFacts{MaxSendRate: 10, Max24Hour: 1000, Sent24Hours: 900, SendingEnabled: true,
		Own: []Sent{{takeOff.Add(-23 * time.Hour), 600}, {takeOff.Add(-2 * time.Hour), 300}}}
	p := flown(500, facts, nil)
	if p.Waits != 400 || !p.ResumesAt.Equal(takeOff.Add(time.Hour)) || math.Abs(p.Seconds-3640) > 10 || p.AtLatest {
		t.Errorf("got %+v", p)
	}
	facts.Sent24Hours = 1000 // 100 of somebody else
	if p = flown(500, facts, nil); p.Waits != 500 || !p.ResumesAt.Equal(takeOff.Add(time.Hour)) || !p.AtLatest {
		t.Errorf("with others: %+v", p)
	}
}

func TestFlightPlanKeepsToTheWindow(t *testing.T) {
	window := func(hours, days string) func(*flight) {
		w, err := spool.ParseWindow(hours, days, "Asia/Seoul")
		if err != nil {
			t.Fatal(err)
		}
		return func(f *flight) { f.window = &w }
	}
	free := AccountFacts{MaxSendRate: 1, Max24Hour: -1, SendingEnabled: true}
	// From 09:00 on Sunday: an hour of it, then Monday.
	p := flown(4000, free, window("08-10", ""))
	if n := p.has(NoteWindowBreaks); math.Abs(p.Seconds-(23*3600+400)) > 1 || n == nil || n.Count != 1 {
		t.Errorf("over a night: %.0f s, %+v", p.Seconds, p.Notes)
	}
	p = flown(60, free, window("09-20", "mon-fri"))
	if n := p.has(NoteWindowOpens); math.Abs(p.Seconds-86400-60) > 1 || n == nil || !n.At.Equal(takeOff.Add(24*time.Hour)) || p.FiveMinutes {
		t.Errorf("on a Sunday: %.0f s, %+v", p.Seconds, p.Notes)
	}
	// An hour a week, for more than two: 3,600 mails each Sunday at 9.
	p = flown(36000, free, window("09-10", "sun"))
	if math.Abs(p.Seconds-(9*7*86400+3600)) > 1 {
		t.Errorf("ten Sundays: %.0f s", p.Seconds)
	}
	// Window and quota together: 100 a day, on weekdays.
	few := AccountFacts{MaxSendRate: 1, Max24Hour: 100, SendingEnabled: true}
	p = flown(500, few, window("09-20", "mon-fri"))
	if end := p.End.In(time.FixedZone("KST", 9*3600)); end.Weekday() != time.Friday || end.Hour() != 9 {
		t.Errorf("five weekdays: ends %v", end)
	}
}

func TestFlightPlanSharesWithOtherCampaigns(t *testing.T) {
	free := AccountFacts{MaxSendRate: 10, Max24Hour: -1, SendingEnabled: true}
	// Three at a third each until the small one has gone, then two, then one alone.
	p := flown(1000, free, func(f *flight) { f.others = []float64{100, 400} })
	if math.Abs(p.Seconds-150) > 0.5 {
		t.Errorf("the largest of three: %.1f s, want 150", p.Seconds)
	}
	p = flown(100, free, func(f *flight) { f.others = []float64{400, 400} })
	if math.Abs(p.Seconds-30) > 0.5 {
		t.Errorf("the smallest of three: %.1f s, want 30", p.Seconds)
	}
}

func TestPlanCosts(t *testing.T) {
	for _, c := range []struct {
		plan  string
		price float64
		want  float64
	}{{"ESSENTIALS", 0, 32}, {"NONE", 0, 20}, {"ENTERPRISE", 0.5, 100}, {"SOMETHING NEW", 0, 0}} {
		p := Plan{Recipients: 200_000}
		p.price(AccountFacts{Plan: c.plan}, c.price)
		if p.Cost != c.want || p.PricingPlan != c.plan {
			t.Errorf("%s at %v: %v %+v, want %v", c.plan, c.price, p.Cost, p, c.want)
		}
	}
}

// A plan of a scheduled campaign is from its time, one of a running campaign
// about those still to go.
func TestPlanIsOfWhatIsLeft(t *testing.T) {
	h := open(t, t.TempDir())
	h.enrol(t, 40)
	c := h.draft(t, simple, Campaign{})
	at := time.Now().Add(48 * time.Hour)
	zone := h.store.Settings.zone()
	c, err := h.store.Schedule(t.Context(), c.ID, ScheduleOrder{At: at.In(zone).Format(wallFormat), Zone: "Asia/Seoul", Expect: 40})
	if err != nil {
		t.Fatal(err)
	}
	p, err := h.store.Plan(t.Context(), c.ID)
	if err != nil || !p.Start.Equal(c.Schedule.Due) || p.Recipients != 40 || !p.End.After(c.Schedule.Due) {
		t.Errorf("scheduled: %+v, %v", p, err)
	}
	if c, err = h.store.Start(t.Context(), c.ID, -1); err != nil {
		t.Fatal(err)
	}
	if _, err = h.store.Pause(t.Context(), c.ID); err != nil {
		t.Fatal(err)
	}
	if p, err = h.store.Plan(t.Context(), c.ID); err != nil || p.Recipients != 40 || p.has(NoteStopped) == nil || time.Until(p.End) > time.Minute {
		t.Errorf("paused: %+v, %v", p, err)
	}
}
