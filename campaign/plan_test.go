package campaign

import (
	"strings"
	"testing"
	"time"
)

func TestFlightPlan(t *testing.T) {
	start := time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)
	sandbox := AccountFacts{MaxSendRate: 1, Max24Hour: 200, Sandbox: true, SendingEnabled: true, RateShare: 0.9, QuotaShare: 1}
	grown := AccountFacts{MaxSendRate: 14, Max24Hour: 50000, SendingEnabled: true, RateShare: 0.9, QuotaShare: 0.95}
	with := func(f AccountFacts, sent float64) AccountFacts { f.Sent24Hours = sent; return f }
	for _, c := range []struct {
		name    string
		n       int64
		facts   AccountFacts
		seconds float64
		waits   int64
		five    bool
		note    string
	}{
		{"200 in the sandbox", 200, sandbox, 222.2, 0, true, "200 mails take 222 s at 0.9/s."},
		{"500 at 14/s", 500, grown, 39.68, 0, true, "500 mails take 39.7 s at 12.6/s."},
		{"150 sent before", 200, with(sandbox, 150), 86400 + 150/0.9, 150, false, "150 mails must wait"},
		{"500 in the sandbox", 500, sandbox, 2*86400 + 100/0.9, 300, false, "Not all can be handed to SES within 5 minutes: at 0.9/s that holds for 200 mails."},
		{"exactly two days' quota", 400, sandbox, 86400 + 200/0.9, 200, false, ""},
		{"nothing left", 10, with(sandbox, 300), 86400 + 10/0.9, 10, false, "used up after 0 mails"},
		{"unlimited", 1_000_000, AccountFacts{MaxSendRate: 500, Max24Hour: -1, SendingEnabled: true}, 2000, 0, false, "take 33 min at 500/s"},
		{"the rate binds", 100_000, AccountFacts{MaxSendRate: 1, Max24Hour: 90_000, SendingEnabled: true}, 86400 + 10_000, 10_000, false, ""},
		{"nobody", 0, grown, 0, 0, true, ""},
		{"one", 1, sandbox, 1.11, 0, true, "1 mail take"},
	} {
		p := flightPlan(3, c.n, c.facts, start, time.UTC)
		if diff := p.Seconds - c.seconds; diff > 0.1 || diff < -0.1 || p.Waits != c.waits || p.FiveMinutes != c.five {
			t.Errorf("%s: got %.2f s, %d wait, five minutes %v, want %.2f, %d, %v", c.name, p.Seconds, p.Waits, p.FiveMinutes, c.seconds, c.waits, c.five)
		}
		if !strings.Contains(strings.Join(p.Notes, "\n"), c.note) {
			t.Errorf("%s: no %q in %q", c.name, c.note, p.Notes)
		}
		if c.n > 0 && (len(p.Tenths) != 10 || !p.Tenths[9].Equal(p.End)) {
			t.Errorf("%s: tenths %v do not end at %v", c.name, p.Tenths, p.End)
		}
		if (c.waits > 0) != !p.QuotaAt.IsZero() || (c.waits > 0) != !p.ResumesAt.IsZero() {
			t.Errorf("%s: quota at %v, resumes at %v with %d waiting", c.name, p.QuotaAt, p.ResumesAt, c.waits)
		}
	}
}

func TestFlightPlanWhereNothingCanGo(t *testing.T) {
	for name, facts := range map[string]AccountFacts{"no rate": {SendingEnabled: true, Max24Hour: 100}, "no quota": {MaxSendRate: 1, SendingEnabled: true}} {
		p := flightPlan(1, 5, facts, time.Now(), time.UTC)
		if !p.End.IsZero() || p.Waits != 5 || p.FiveMinutes || p.Seconds != 0 {
			t.Errorf("%s: got %+v", name, p)
		}
	}
}
