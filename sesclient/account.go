package sesclient

import (
	"context"
	"math"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sesv2"

	"pabal/spool"
)

const (
	factsEvery = time.Minute
	factsRetry = 5 * time.Second // after a failure, doubling up to factsEvery
	apiPause   = time.Second     // SES allows one GetAccount a second, one list call a second
	apiLimit   = 15 * time.Second
)

// facts is what GetAccount says.
type facts struct {
	rate, max24, sent24 float64
	sandbox, enabled    bool
	enforcement         string
	plan                string // pricing plan
	review              string // of the request for production access
}

// Status is the `ses` part of status --json.
type Status struct {
	Region         string    `json:"region"`
	Endpoint       string    `json:"endpoint,omitempty"`
	Rate           float64   `json:"rate"`       // MaxSendRate
	Aim            float64   `json:"aim"`        // mails a second now aimed at; -1 unlimited
	Quota24h       float64   `json:"quota_24h"`  // -1 unlimited
	Sent24h        float64   `json:"sent_24h"`   // SES's number and our own sending since
	BulkShare      float64   `json:"bulk_share"` // part of the quota that campaigns may use
	Sandbox        bool      `json:"sandbox"`
	SendingEnabled bool      `json:"sending_enabled"`
	Enforcement    string    `json:"enforcement,omitempty"`
	PricingPlan    string    `json:"pricing_plan,omitempty"` // NONE, ESSENTIALS, PRO, ENTERPRISE
	Review         string    `json:"review,omitempty"`       // of the last request for production access: PENDING, FAILED, GRANTED, DENIED
	InFlight       int       `json:"in_flight"`
	Concurrency    int       `json:"concurrency"`
	CallMillis     float64   `json:"call_millis"` // mean call time
	CheckedAt      time.Time `json:"checked_at,omitzero"`
	Error          string    `json:"error,omitempty"` // why the facts are old or missing
}

// account keeps the newest facts. One GetAccount is under way at a time and a
// second lies between two; who comes meanwhile shares its answer.
type account struct {
	fetch   func(context.Context) (facts, error)
	starts  func() quotaMark // called when a GetAccount begins
	changed func(facts, quotaMark, time.Time)
	busy    chan struct{} // held while asking

	mu    sync.Mutex
	facts facts
	at    time.Time // of facts; zero: none yet
	began time.Time // of the last try
	err   error     // of the last try
}

func newAccount(fetch func(context.Context) (facts, error)) account {
	return account{fetch: fetch, busy: make(chan struct{}, 1), starts: func() quotaMark { return 0 }, changed: func(facts, quotaMark, time.Time) {}}
}

// get returns facts no older than maxAge, asking if need be.
func (a *account) get(ctx context.Context, maxAge time.Duration) (facts, error) {
	came := time.Now()
	if f, ok := a.fresh(came, maxAge); ok {
		return f, nil
	}
	select {
	case a.busy <- struct{}{}:
	case <-ctx.Done():
		return facts{}, &callError{err: ctx.Err(), got: GotUnsent}
	}
	defer func() { <-a.busy }()
	a.mu.Lock()
	f, began, err := a.facts, a.began, a.err
	a.mu.Unlock()
	if !began.IsZero() && !began.Before(came) {
		return f, err // somebody else's call that began after we came
	}
	if err := pause(ctx, began.Add(apiPause)); err != nil {
		return facts{}, &callError{err: err, got: GotUnsent}
	}
	return a.ask(ctx)
}

func (a *account) ask(ctx context.Context) (facts, error) {
	began, mark := time.Now(), a.starts()
	f, err := a.fetch(ctx)
	now := time.Now()
	a.mu.Lock()
	a.began = began
	if err == nil || ctx.Err() == nil { // a caller who left says nothing about SES
		a.err = err
	}
	if err == nil {
		a.facts, a.at = f, now
	}
	a.mu.Unlock()
	if err == nil {
		a.changed(f, mark, now)
	}
	return f, err
}

func (a *account) fresh(now time.Time, maxAge time.Duration) (facts, bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.facts, maxAge > 0 && !a.at.IsZero() && now.Sub(a.at) <= maxAge
}

// pause waits until an instant or ctx's end.
func pause(ctx context.Context, until time.Time) error {
	wait := time.Until(until)
	if wait <= 0 {
		return ctx.Err()
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (c *Client) fetchFacts(ctx context.Context) (facts, error) {
	var out *sesv2.GetAccountOutput
	err := c.call(ctx, apiLimit, func(ctx context.Context) (err error) {
		out, err = c.api.GetAccount(ctx, &sesv2.GetAccountInput{})
		return err
	})
	if err != nil {
		return facts{}, err
	}
	f := facts{
		max24:       -1,
		sandbox:     !out.ProductionAccessEnabled,
		enabled:     out.SendingEnabled,
		enforcement: aws.ToString(out.EnforcementStatus),
	}
	if p := out.PricingAttributes; p != nil {
		f.plan = string(p.CurrentPlan)
	}
	if d := out.Details; d != nil && d.ReviewDetails != nil {
		f.review = string(d.ReviewDetails.Status)
	}
	if q := out.SendQuota; q != nil {
		f.rate, f.max24, f.sent24 = q.MaxSendRate, q.Max24HourSend, q.SentLast24Hours
	}
	return f, nil
}

// Account returns the newest facts, asking SES when they are older than
// maxAge. SES is asked at most once a second; callers wait for their turn or
// share an answer. With a *spool.SendError it returns the last known facts.
func (c *Client) Account(ctx context.Context, maxAge time.Duration) (Status, error) {
	_, err := c.account.get(ctx, maxAge)
	if err != nil {
		return c.Status(), Classify(err)
	}
	return c.Status(), nil
}

// Status returns the last known facts and what the pace makes of them. It asks
// nobody.
func (c *Client) Status() Status {
	s := c.Pace.status()
	s.Region, s.Endpoint, s.InFlight = c.region, c.endpoint, int(c.inFlight.Load())
	c.account.mu.Lock()
	defer c.account.mu.Unlock()
	s.CheckedAt = c.account.at
	if c.account.err != nil {
		s.Error = Classify(c.account.err).Error()
	}
	return s
}

func (p *Pace) status() Status {
	s := Status{Concurrency: p.Concurrency(), CallMillis: float64(p.callNanos.Load()) / 1e6}
	p.mu.Lock()
	defer p.mu.Unlock()
	if aim := p.aim(); math.IsInf(aim, 1) {
		s.Aim = -1
	} else {
		s.Aim = aim
	}
	if !p.known {
		return s
	}
	s.Rate, s.Quota24h, s.Sent24h = p.facts.rate, p.quota.max, p.quota.used()-float64(p.quota.open)
	s.Sent24h = math.Max(s.Sent24h, p.quota.sent)
	s.BulkShare = p.bulkShare()
	s.Sandbox, s.SendingEnabled, s.Enforcement = p.facts.sandbox, p.facts.enabled, p.facts.enforcement
	s.PricingPlan, s.Review = p.facts.plan, p.facts.review
	return s
}

// probe is Pace.Probe.
func (c *Client) probe(ctx context.Context) error {
	f, err := c.account.get(ctx, 0)
	if err != nil {
		return Classify(err)
	}
	if !f.enabled || strings.EqualFold(f.enforcement, "SHUTDOWN") {
		return refusal(spool.Account, spool.ScopeAll, "SES says that sending is switched off for this account (enforcement status "+f.enforcement+")")
	}
	c.Pace.mu.Lock()
	defer c.Pace.mu.Unlock()
	_, err = c.Pace.quotaLeft(spool.Transactional, time.Now())
	return err
}
