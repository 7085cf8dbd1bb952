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

	unlimitedRate = 1000 // mails a second planned with where SES sets no limit
	slower        = 0.9  // of the rate aimed at: measured below it, what was measured is planned with
)

// Plan is the flight plan of a campaign: how long, when each tenth, what waits
// for quota or window, what it costs. Of one that is under way it is about those
// still to go.
type Plan struct {
	Campaign    uint64      `json:"campaign"`
	Recipients  int64       `json:"recipients"` // still to be mailed
	Rate        float64     `json:"rate"`       // mails a second planned with
	Seconds     float64     `json:"seconds"`    // from start to end, waiting included
	Start       time.Time   `json:"start"`      // now, or the scheduled time
	End         time.Time   `json:"end"`        // zero: never
	Tenths      []time.Time `json:"tenths"`
	QuotaAt     time.Time   `json:"quota_at,omitzero"`   // when the 24-hour quota is used up
	Waits       int64       `json:"waits"`               // recipients that wait for quota
	ResumesAt   time.Time   `json:"resumes_at,omitzero"` // when the first of them go
	AtLatest    bool        `json:"at_latest"`           // others send on the account too: what waits for quota may go earlier
	FiveMinutes bool        `json:"five_minutes"`        // all within 5 minutes of the start
	WithinFive  int64       `json:"within_five"`         // how many of them
	Sandbox     bool        `json:"sandbox"`
	Cost        float64     `json:"cost"` // in Currency, without tax and data; 0 when no price is known
	Currency    string      `json:"currency"`
	PricePer    float64     `json:"price_per_1000"`
	PricingPlan string      `json:"pricing_plan,omitempty"` // as GetAccount names it
	Notes       []PlanNote  `json:"notes"`
}

// NoteCode is what a note of a plan is about. Screens make the sentence of it.
type NoteCode string

// The notes, with what they fill in besides the code.
const (
	NoteAccountUnknown  NoteCode = "account_unknown"  // SES did not say how fast it may be used: no plan
	NoteNoRate          NoteCode = "no_rate"          // SES gives no rate: Count cannot go
	NoteTakes           NoteCode = "takes"            // Count mails take Seconds at Rate
	NoteQuotaWaits      NoteCode = "quota_waits"      // after Count mails the quota of Limit is used up; Waits go from At
	NoteQuotaNone       NoteCode = "quota_none"       // the quota leaves nothing ever: Count cannot go
	NoteFiveMissed      NoteCode = "five_minutes"     // not all within 5 minutes: at Rate that holds for Count
	NoteSandbox         NoteCode = "sandbox"          // verified recipients only
	NoteSendingDisabled NoteCode = "sending_disabled" // SES has switched the account off
	NoteWindowOpens     NoteCode = "window_opens"     // it starts outside its send window (Name), which opens At
	NoteWindowBreaks    NoteCode = "window_breaks"    // the window (Name) interrupts it Count times
	NoteShared          NoteCode = "shared"           // other campaigns with Count mails share the rate
	NoteSlower          NoteCode = "slower"           // Rate was measured, less than Limit, which is aimed at
	NoteHold            NoteCode = "hold"             // it is on hold, for the reason Name, until At if that is known
	NoteStopped         NoteCode = "stopped"          // it is Name (paused, held): planned as if it went on now
	NoteClockGap        NoteCode = "clock_gap"        // the clocks skip the scheduled time Name: it starts At
	NoteClockTwice      NoteCode = "clock_twice"      // the scheduled time Name is twice: it starts at the first, At
	NoteBrakeBlind      NoteCode = "brake_blind"      // nothing is heard of bounces: the reputation brake cannot pause it
)

// PlanNote is one thing a person should know of a plan.
type PlanNote struct {
	Code    NoteCode  `json:"code"`
	Count   int64     `json:"count,omitempty"`
	Waits   int64     `json:"waits,omitempty"`
	Seconds float64   `json:"seconds,omitempty"`
	Rate    float64   `json:"rate,omitempty"`
	Limit   float64   `json:"limit,omitempty"`
	At      time.Time `json:"at,omitzero"`
	Name    string    `json:"name,omitempty"`
}

// Sent is how many mails went out in the minute that ended At.
type Sent struct {
	At    time.Time
	Count int64
}

// Plan is the flight plan from now, or from the scheduled time: of a draft for
// everyone who may be mailed, of a started campaign for those still to go.
// ErrNotFound.
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
	return s.planOf(ctx, c, n)
}

// planOf is the plan of a campaign that has n mails to go.
func (s *Store) planOf(ctx context.Context, c Campaign, n int64) (Plan, error) {
	p := Plan{Campaign: c.ID, Recipients: n, Start: now(), Tenths: []time.Time{}, Notes: []PlanNote{}, Currency: "USD"}
	if s.Accounts == nil {
		p.note(PlanNote{Code: NoteAccountUnknown})
		return p, nil
	}
	facts, err := s.Accounts.Facts(ctx)
	if err != nil {
		return Plan{}, fmt.Errorf("ask SES for the account's rate: %w", err)
	}
	f := newFlight(p.Start, facts)
	f.window = c.Window
	if err := s.conditions(&p, f, c); err != nil {
		return Plan{}, err
	}
	p.fly(f, facts)
	p.price(facts, s.Settings.PricePer1000)
	if !s.Settings.BadNews && !s.Settings.Events && !s.brakeOf(c).Off() {
		p.note(PlanNote{Code: NoteBrakeBlind})
	}
	return p, nil
}

// brakeOf is the brake a campaign has, or would be started with.
func (s *Store) brakeOf(c Campaign) *spool.Brake {
	if c.Brake == nil && c.Sealed.IsZero() {
		return s.Settings.Brake
	}
	return c.Brake
}

// conditions is what of this campaign and the others bears on its flight.
func (s *Store) conditions(p *Plan, f *flight, c Campaign) error {
	switch sc := c.Schedule; {
	case c.State == spool.Scheduled && sc != nil:
		if sc.Due.After(p.Start) {
			p.Start, f.at = sc.Due, sc.Due
		}
		if code := map[spool.Clock]NoteCode{spool.ClockGap: NoteClockGap, spool.ClockTwice: NoteClockTwice}[sc.Clock]; code != "" {
			p.note(PlanNote{Code: code, Name: sc.Wall + " " + sc.Zone, At: sc.Due})
		}
		return nil // who else sends then, nobody knows
	case c.State == spool.Paused || c.State == spool.Held:
		p.note(PlanNote{Code: NoteStopped, Name: string(c.State)})
	case c.Hold != nil && c.Hold.Class != spool.OutsideWindow && c.Hold.Class != spool.Quota:
		p.note(PlanNote{Code: NoteHold, Name: c.Hold.Reason, At: c.Hold.Until})
		if c.Hold.Until.After(f.at) {
			f.at = c.Hold.Until
		}
	}
	all, err := s.Campaigns()
	if err != nil {
		return err
	}
	var shared int64
	for _, o := range all {
		if open := o.Pending + o.Sending; o.ID != c.ID && o.State == spool.Running && o.Hold == nil && open > 0 {
			f.others = append(f.others, float64(open))
			shared += open
		}
	}
	if shared > 0 {
		p.note(PlanNote{Code: NoteShared, Count: shared})
	}
	if measured, ok := s.progress.steady(c.ID); ok && shared == 0 && c.State == spool.Running && c.Hold == nil && measured < slower*f.rate {
		p.note(PlanNote{Code: NoteSlower, Rate: measured, Limit: f.rate})
		f.rate = measured
	}
	return nil
}

// share is a configured share; zero means all.
func share(s float64) float64 {
	if s <= 0 || s > 1 {
		return 1
	}
	return s
}

// fly fills in when what goes.
func (p *Plan) fly(f *flight, facts AccountFacts) {
	p.Rate, p.Sandbox, p.AtLatest = f.rate, facts.Sandbox, false
	if f.rate <= 0 {
		p.Waits = p.Recipients
		p.note(PlanNote{Code: NoteNoRate, Count: p.Recipients})
		return
	}
	p.End, p.FiveMinutes = p.Start, true
	if p.Recipients > 0 {
		p.aloft(f, facts)
	}
	if facts.Sandbox {
		p.note(PlanNote{Code: NoteSandbox})
	}
	if !facts.SendingEnabled {
		p.note(PlanNote{Code: NoteSendingDisabled})
	}
}

func (p *Plan) aloft(f *flight, facts AccountFacts) {
	n := float64(p.Recipients)
	ends := f.fly(n)
	p.WithinFive = min(f.by(p.Start.Add(promise)), p.Recipients)
	p.FiveMinutes = p.WithinFive == p.Recipients
	straight := p.Recipients
	if f.dry >= 0 {
		straight = int64(f.dry)
		p.Waits, p.QuotaAt, p.ResumesAt = p.Recipients-straight, f.dryAt, f.refilled
		p.AtLatest = f.foreign
	}
	if straight > 0 {
		p.note(PlanNote{Code: NoteTakes, Count: straight, Seconds: f.flown, Rate: f.rate})
	}
	switch {
	case !f.first.IsZero() && f.first.After(p.Start) && f.window != nil && f.fenced:
		p.note(PlanNote{Code: NoteWindowOpens, At: f.first, Name: f.window.String()})
	}
	if f.breaks > 0 {
		p.note(PlanNote{Code: NoteWindowBreaks, Count: f.breaks, Name: f.window.String()})
	}
	if !ends {
		p.End, p.Waits = time.Time{}, p.Recipients-straight
		p.note(PlanNote{Code: NoteQuotaNone, Count: p.Waits})
		p.missed()
		return
	}
	for tenth := 1.0; tenth <= 10; tenth++ {
		p.Tenths = append(p.Tenths, f.when(max(1, math.Ceil(n*tenth/10))))
	}
	p.End = p.Tenths[9]
	p.Seconds = p.End.Sub(p.Start).Seconds()
	if p.Waits > 0 {
		p.note(PlanNote{Code: NoteQuotaWaits, Count: straight, Waits: p.Waits, Limit: facts.Max24Hour, At: p.ResumesAt})
	}
	p.missed()
}

// missed says when the promise cannot be kept.
func (p *Plan) missed() {
	if !p.FiveMinutes {
		p.note(PlanNote{Code: NoteFiveMissed, Rate: p.Rate, Count: p.WithinFive})
	}
}

func (p *Plan) note(n PlanNote) { p.Notes = append(p.Notes, n) }

// price is what SES asks for the recipients.
func (p *Plan) price(facts AccountFacts, configured float64) {
	p.PricingPlan = facts.Plan
	p.PricePer = pricePer1000(facts.Plan, configured)
	p.Cost = costOf(p.Recipients, p.PricePer)
}

// pricePer1000 is the configured price, else that of the account's pricing plan
// for the first 10 million a month (SES pricing page, July 2026; dearer plans
// have a monthly fee besides); 0 for a plan nobody knew then.
func pricePer1000(plan string, configured float64) float64 {
	if configured > 0 {
		return configured
	}
	return map[string]float64{"NONE": 0.10, "": 0.10, "ESSENTIALS": 0.16, "PRO": 0.22, "ENTERPRISE": 0.23}[plan]
}

// costOf is the price of mails to a hundredth of a cent.
func costOf(mails int64, per1000 float64) float64 {
	return math.Round(float64(mails)/1000*per1000*1e4) / 1e4
}

func mails(n int64) string {
	if n == 1 {
		return "1 mail"
	}
	return strconv.FormatInt(n, 10) + " mails"
}

func number(f float64) string { return strconv.FormatFloat(math.Round(f*100)/100, 'f', -1, 64) }
