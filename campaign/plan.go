package campaign

import (
	"context"
	"fmt"
	"math"
	"strconv"
	"time"

	"pabal/spool"
)

const (
	promise   = 5 * time.Minute // each mail handed to SES within this
	quotaSpan = 24 * time.Hour  // SES's quota is a rolling window of this length
	maxPlan   = 100 * 365 * 24 * time.Hour
)

// Plan is the flight plan from now: of a draft for everyone who may be mailed,
// of a started campaign for those still to go. ErrNotFound.
func (s *Store) Plan(ctx context.Context, id uint64) (Plan, error) {
	c, err := s.Campaign(id)
	if err != nil {
		return Plan{}, err
	}
	n := c.Pending + c.Sending
	if c.Sealed.IsZero() || c.State == spool.Freezing {
		count, err := s.count(ctx, c)
		if err != nil {
			return Plan{}, err
		}
		n = count.Mailable
	}
	if s.Accounts == nil {
		return Plan{Campaign: id, Recipients: n, Start: now(), Tenths: []time.Time{}, Notes: []string{"SES did not say how fast it may be used, so no plan can be made."}}, nil
	}
	facts, err := s.Accounts.Facts(ctx)
	if err != nil {
		return Plan{}, fmt.Errorf("ask SES for the account's rate: %w", err)
	}
	return flightPlan(id, n, facts, now(), s.Settings.zone()), nil
}

// flight is the arithmetic of a plan. The quota is a rolling window: what is
// left goes at once; what was sent before counts for at most 24 hours more, so
// the next wave goes by start + 24 h, and so on.
type flight struct {
	start time.Time
	rate  float64 // mails a second
	left  int64   // mails the quota leaves now
	wave  int64   // mails it gives every 24 hours after that
}

// at is when mail number i, from 1, is handed to SES at the latest.
func (f flight) at(i int64) time.Time {
	if i <= f.left {
		return f.start.Add(f.seconds(i))
	}
	i -= f.left
	waves := (i - 1) / f.wave
	if waves > int64(maxPlan/quotaSpan) {
		return f.start.Add(maxPlan)
	}
	return f.start.Add(quotaSpan*time.Duration(waves+1) + f.seconds(i-waves*f.wave))
}

func (f flight) seconds(n int64) time.Duration {
	s := float64(n) / f.rate
	if s > maxPlan.Seconds() {
		return maxPlan
	}
	return time.Duration(s * float64(time.Second))
}

func flightPlan(id uint64, n int64, facts AccountFacts, start time.Time, zone *time.Location) Plan {
	p := Plan{Campaign: id, Recipients: n, Start: start, End: start, Sandbox: facts.Sandbox, Tenths: []time.Time{}, Notes: []string{}}
	p.Rate = facts.MaxSendRate * share(facts.RateShare)
	if p.Rate <= 0 {
		p.Notes = append(p.Notes, "SES gives this account no sending rate: nothing can be sent.")
		p.End, p.Waits = time.Time{}, n
		return p
	}
	f := flight{start: start, rate: p.Rate, left: math.MaxInt64, wave: math.MaxInt64}
	if facts.Max24Hour >= 0 {
		f.left = int64(max(facts.Max24Hour*share(facts.QuotaShare)-facts.Sent24Hours, 0))
		f.wave = int64(facts.Max24Hour * share(facts.QuotaShare))
		if float64(f.wave) >= p.Rate*quotaSpan.Seconds() {
			f.wave = math.MaxInt64 // the rate binds, not the quota
		}
	}
	p.fly(f)
	p.note(facts, f, zone)
	return p
}

// share is a configured share; zero means all.
func share(s float64) float64 {
	if s <= 0 || s > 1 {
		return 1
	}
	return s
}

func (p *Plan) fly(f flight) {
	n := p.Recipients
	if n > f.left {
		p.Waits, p.QuotaAt = n-f.left, f.at(f.left)
		if f.wave == 0 {
			p.End = time.Time{}
			return
		}
		p.ResumesAt = f.start.Add(quotaSpan)
	}
	if n > 0 {
		p.End = f.at(n)
		for tenth := int64(1); tenth <= 10; tenth++ {
			p.Tenths = append(p.Tenths, f.at(max(1, (n*tenth+9)/10)))
		}
	}
	p.Seconds = p.End.Sub(p.Start).Seconds()
	p.FiveMinutes = p.End.Sub(p.Start) <= promise
}

// note says the plan in sentences, with times of the zone.
func (p *Plan) note(facts AccountFacts, f flight, zone *time.Location) {
	now := min(p.Recipients, f.left)
	if now > 0 {
		p.Notes = append(p.Notes, fmt.Sprintf("%s take %s at %s/s.", mails(now), span(float64(now)/p.Rate), number(p.Rate)))
	}
	if p.Waits > 0 {
		if f.wave == 0 {
			p.Notes = append(p.Notes, fmt.Sprintf("The 24-hour quota leaves nothing: %s cannot go.", mails(p.Waits)))
		} else {
			p.Notes = append(p.Notes, fmt.Sprintf("The 24-hour quota of %s is used up after %s: %s must wait, to go as it frees, at the latest from %s.",
				number(facts.Max24Hour), mails(now), mails(p.Waits), p.ResumesAt.In(zone).Format("2006-01-02 15:04 MST")))
		}
	}
	if !p.FiveMinutes && p.Recipients > 0 {
		p.Notes = append(p.Notes, fmt.Sprintf("Not all can be handed to SES within 5 minutes: at %s/s that holds for %s.", number(p.Rate), mails(min(now, int64(p.Rate*promise.Seconds())))))
	}
	if facts.Sandbox {
		p.Notes = append(p.Notes, "The SES account is in the sandbox: it sends to verified recipients only. Ask AWS for production access.")
	}
	if !facts.SendingEnabled {
		p.Notes = append(p.Notes, "SES has switched sending off for this account: nothing goes until AWS switches it on.")
	}
}

func mails(n int64) string {
	if n == 1 {
		return "1 mail"
	}
	return strconv.FormatInt(n, 10) + " mails"
}

// span is a number of seconds for a person: "222 s", "39.7 s", "2 h 5 min".
func span(seconds float64) string {
	switch {
	case seconds < 100:
		return strconv.FormatFloat(math.Round(seconds*10)/10, 'f', -1, 64) + " s"
	case seconds < 600:
		return strconv.FormatFloat(math.Round(seconds), 'f', -1, 64) + " s"
	case seconds < 7200:
		return strconv.FormatFloat(math.Round(seconds/60), 'f', -1, 64) + " min"
	}
	minutes := int64(math.Round(seconds / 60))
	return fmt.Sprintf("%d h %d min", minutes/60, minutes%60)
}

func number(f float64) string { return strconv.FormatFloat(math.Round(f*100)/100, 'f', -1, 64) }
