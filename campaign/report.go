package campaign

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"pabal/eml"
	"pabal/spool"
)

// reportTop is how many domains and reasons of each sort a report names.
const reportTop = 20

// Report is what became of one campaign: the record, the wire form and what
// pages and screens show. Of a campaign that runs it is as of Made.
type Report struct {
	Campaign Campaign     `json:"campaign"` // with its outcomes, which sum up to the audience, skip reasons and acts; without its values
	Made     time.Time    `json:"made"`
	Final    bool         `json:"final"` // nothing more will be sent; feedback may still come
	Rates    Rates        `json:"rates"`
	Series   spool.Series `json:"series"` // its sums are the campaign's counters
	Tables   spool.Tally  `json:"tables"`
	Speed    Speed        `json:"speed"`
	Cost     *Cost        `json:"cost,omitempty"` // nil: no price is known
	Tracking Tracking     `json:"tracking"`
	Events   bool         `json:"events"` // SES's events are read: without, deliveries are not counted and unknown does not settle
}

// Rates are shares in percent: accepted, failed and skipped of the audience, the
// others of what was accepted. Zero of nothing is zero.
type Rates struct {
	Accepted   float64 `json:"accepted"`
	Failed     float64 `json:"failed"`
	Skipped    float64 `json:"skipped"`
	Delivered  float64 `json:"delivered"`
	Bounced    float64 `json:"bounced"`
	Complained float64 `json:"complained"`
	Opened     float64 `json:"opened"`
	Clicked    float64 `json:"clicked"`
}

// Speed is how fast mails were handed to SES.
type Speed struct {
	Seconds     float64   `json:"seconds"`               // from the first acceptance to the end, or to now
	PerSecond   float64   `json:"per_second"`            // mean over that, pauses and holds too
	PeakMinute  int64     `json:"peak_minute"`           // most in one minute of the first two hours
	PeakAt      time.Time `json:"peak_at,omitzero"`      // when that minute began
	Aim         float64   `json:"aim,omitempty"`         // mails a second the account allows now, our share of it; 0: SES did not say
	AimSeconds  float64   `json:"aim_seconds,omitempty"` // how long what was accepted takes at that
	FiveMinutes bool      `json:"five_minutes"`          // all were handed over within 5 minutes of the start, or of the scheduled time
	Planned     *Planned  `json:"planned,omitempty"`     // what the flight plan said at the start; nil when there was none
	Off         float64   `json:"off,omitempty"`         // percent that it took longer than planned (less: negative), waiting included; 0 until it is final
}

// Cost is what SES asks for the mails, before tax, without attachments' data.
type Cost struct {
	PricePer1000 float64 `json:"price_per_1000"` // USD: campaign.price_per_1000, else that of the pricing plan at the start
	Mails        int64   `json:"mails"`          // accepted, and copies that are proved
	Total        float64 `json:"total"`          // USD
}

// The states of tracking.
const (
	TrackingOn      = "on"
	TrackingOff     = "off"
	TrackingUnknown = "unknown" // SES could not be asked
)

// Tracking is whether opens and clicks could be counted at all.
type Tracking struct {
	Opens  string `json:"opens"`         // TrackingOn, TrackingOff, TrackingUnknown
	Clicks string `json:"clicks"`        //
	Why    string `json:"why,omitempty"` // one of the Why constants when not on
}

// Why opens and clicks are not counted.
const (
	WhyNoEvents = "no_events"  // pabal reads no events: feedback.sqs_queue_url is not set
	WhyNoSet    = "no_set"     // no configuration set was named: ses.configuration_set
	WhyNotInSet = "not_in_set" // the configuration set reports no opens or clicks
	WhyNotAsked = "not_asked"  // SES could not be asked
)

// Tracker knows which events a configuration set reports; sesclient's Client
// is one.
type Tracker interface {
	Tracks(ctx context.Context, configurationSet string) (opens, clicks bool, err error)
}

// Report makes a campaign's report. It walks the campaign's rows once: a second
// for a million. ErrNotFound; ErrState for a campaign that has not started.
func (s *Store) Report(ctx context.Context, id uint64) (Report, error) {
	c, err := s.Campaign(id)
	if err != nil {
		return Report{}, err
	}
	l, series, err := s.spool.Series(id)
	if err != nil || c.Sealed.IsZero() || l.State == spool.Freezing {
		return Report{}, &eml.Problem{What: fmt.Sprintf("campaign %d has not been sent: there is nothing to report", id),
			Hint: fmt.Sprintf("see its state with: pabal campaign show %d", id), Err: cmp.Or(dropNotFound(err), ErrState)}
	}
	c.Counts, c.State, c.First, c.Ended, c.Values = l.Counts, l.State, l.First, l.Ended, nil // of the instant of the series
	r := Report{Campaign: c, Made: now(), Final: l.State.Final(), Series: series, Rates: ratesOf(&l.Counts), Events: s.Settings.Events}
	if r.Tables, err = s.spool.Tally(ctx, id, reportTop); err != nil {
		return Report{}, err
	}
	facts := s.facts(ctx)
	r.Speed = speedOf(facts, &r)
	r.Cost = s.costOf(&c, facts)
	r.Tracking = s.tracking(ctx, &l)
	return r, nil
}

// dropNotFound takes the error away that a draft has: it has no ledger.
func dropNotFound(err error) error {
	if errors.Is(err, spool.ErrNotFound) {
		return nil
	}
	return err
}

func ratesOf(n *spool.Counts) Rates {
	of := func(part, all int64) float64 {
		if all == 0 {
			return 0
		}
		return float64(part) / float64(all) * 100
	}
	return Rates{Accepted: of(n.Accepted, n.Audience), Failed: of(n.Failed, n.Audience), Skipped: of(n.Skipped, n.Audience),
		Delivered: of(n.Delivered, n.Accepted), Bounced: of(n.Bounced, n.Accepted), Complained: of(n.Complained, n.Accepted),
		Opened: of(n.Opened, n.Accepted), Clicked: of(n.Clicked, n.Accepted)}
}

// facts are the account's, nil when SES does not answer.
func (s *Store) facts(ctx context.Context) *AccountFacts {
	if s.Accounts == nil {
		return nil
	}
	facts, err := s.Accounts.Facts(ctx)
	if err != nil {
		return nil
	}
	return &facts
}

func speedOf(facts *AccountFacts, r *Report) (v Speed) {
	if facts != nil {
		v.Aim = max(facts.MaxSendRate*share(facts.RateShare), 0)
	}
	v.Planned = r.Campaign.Planned
	c := &r.Campaign
	if c.First.IsZero() {
		return v
	}
	end := r.Made
	if !c.Ended.IsZero() {
		end = c.Ended
	}
	v.Seconds = max(end.Sub(c.First).Seconds(), 0)
	v.PerSecond = float64(c.Accepted) / max(v.Seconds, 1)
	if v.Aim > 0 {
		v.AimSeconds = float64(c.Accepted) / v.Aim
	}
	begin := c.begun()
	v.FiveMinutes = r.Final && end.Sub(begin) <= promise
	if p := c.Planned; p != nil && p.Seconds >= 1 && r.Final && c.State == spool.Done {
		v.Off = (end.Sub(begin).Seconds()/p.Seconds - 1) * 100
	}
	for _, p := range r.Series.Points {
		if p.Span == int64(time.Minute/time.Second) && p.Accepted > v.PeakMinute {
			v.PeakMinute, v.PeakAt = p.Accepted, r.Series.Start.Add(time.Duration(p.After)*time.Second)
		}
	}
	return v
}

// begun is when it was to begin: at its scheduled time, else at its start.
func (c *Campaign) begun() time.Time {
	if sc := c.withDue().Schedule; sc != nil && !sc.Due.IsZero() && sc.Due.Before(c.Started) {
		return sc.Due
	}
	return c.Started
}

// costOf is what a campaign cost: at the configured price, else at that of its
// start, else at that of the account's pricing plan now; nil when none is known.
func (s *Store) costOf(c *Campaign, facts *AccountFacts) *Cost {
	price := s.Settings.PricePer1000
	switch {
	case price > 0:
	case c.Planned != nil && c.Planned.PricePer > 0:
		price = c.Planned.PricePer
	case facts != nil:
		price = pricePer1000(facts.Plan, 0)
	}
	if price <= 0 {
		return nil
	}
	mails := c.Accepted + c.SentTwice
	return &Cost{PricePer1000: price, Mails: mails, Total: costOf(mails, price)}
}

// tracking tells "nobody opened it" from "nobody could see whether they did".
// What was counted proves itself; else the configuration set says which events
// it reports.
func (s *Store) tracking(ctx context.Context, l *spool.Ledger) Tracking {
	t := Tracking{Opens: TrackingOff, Clicks: TrackingOff}
	switch {
	case !s.Settings.Events:
		t.Why = WhyNoEvents
	case l.ConfigurationSet == "":
		t.Why = WhyNoSet
	case s.Tracker == nil:
		t = Tracking{TrackingUnknown, TrackingUnknown, WhyNotAsked}
	default:
		opens, clicks, err := s.Tracker.Tracks(ctx, l.ConfigurationSet)
		if err != nil {
			s.log().Warn("configuration set not read", "err", err)
			t = Tracking{TrackingUnknown, TrackingUnknown, WhyNotAsked}
			break
		}
		t.Opens, t.Clicks = onOff(opens), onOff(clicks)
		if !opens || !clicks {
			t.Why = WhyNotInSet
		}
	}
	if l.Opened+l.MachineOpened > 0 {
		t.Opens = TrackingOn
	}
	if l.Clicked > 0 {
		t.Clicks = TrackingOn
	}
	if t.Opens == TrackingOn && t.Clicks == TrackingOn {
		t.Why = ""
	}
	return t
}

func onOff(on bool) string {
	if on {
		return TrackingOn
	}
	return TrackingOff
}

// ReportLine is one campaign in a table of several.
type ReportLine struct {
	ID         uint64      `json:"id"`
	Name       string      `json:"name"`
	State      spool.State `json:"state"`
	Template   string      `json:"template"`
	Started    time.Time   `json:"started,omitzero"`
	Ended      time.Time   `json:"ended,omitzero"`
	Audience   int64       `json:"audience"`
	Accepted   int64       `json:"accepted"`
	Failed     int64       `json:"failed"`
	Skipped    int64       `json:"skipped"`
	Unknown    int64       `json:"unknown"`
	Delivered  int64       `json:"delivered"`
	Bounced    int64       `json:"bounced"`
	Complained int64       `json:"complained"`
	Opened     int64       `json:"opened"`
	Clicked    int64       `json:"clicked"`
	Rates      Rates       `json:"rates"`
	Cost       *Cost       `json:"cost,omitempty"`
}

// Reports are the campaigns that were started at a time or later, newest first;
// the zero time means all. Drafts are left out.
func (s *Store) Reports(ctx context.Context, since time.Time) ([]ReportLine, error) {
	all, err := s.Campaigns()
	if err != nil {
		return nil, err
	}
	out, facts := []ReportLine{}, s.facts(ctx)
	for i := range all {
		c := &all[i]
		if c.Started.IsZero() || c.Started.Before(since) {
			continue
		}
		out = append(out, ReportLine{ID: c.ID, Name: c.Name, State: c.State, Template: c.Template, Started: c.Started, Ended: c.Ended,
			Audience: c.Audience, Accepted: c.Accepted, Failed: c.Failed, Skipped: c.Skipped, Unknown: c.Unknown,
			Delivered: c.Delivered, Bounced: c.Bounced, Complained: c.Complained, Opened: c.Opened, Clicked: c.Clicked,
			Rates: ratesOf(&c.Counts), Cost: s.costOf(c, facts)})
	}
	return out, nil
}
