package emulator

import (
	"net/http"
	"time"
)

// account is what the rules know of the AWS account.
type account struct {
	sandbox   bool
	paused    bool
	suspended bool
	anyFrom   bool // every From that was not created is verified
	rate      float64
	window    window
	quota     quota
}

func newAccount(o Options) account {
	a := account{sandbox: o.Sandbox, anyFrom: o.Verified == nil && !o.Sandbox}
	rate, day := float64(defaultRate), float64(defaultQuota)
	if o.Sandbox {
		rate, day = sandboxRate, sandboxQuota
	}
	if o.Rate != 0 {
		rate = o.Rate
	}
	if o.Quota != 0 {
		day = o.Quota
	}
	a.rate = rate
	a.window.set(rate)
	a.quota = quota{max: day, span: o.QuotaWindow}
	if a.quota.span == 0 {
		a.quota.span = defaultWindow
	}
	return a
}

// state refuses every send of an account that may not send.
func (a *account) state() *apiError {
	if a.suspended {
		return refusal("suspended")
	}
	if a.paused {
		return refusal("paused")
	}
	return nil
}

// admit takes n recipients, of whom counted go against the quota, or says why
// not.
func (a *account) admit(now time.Time, n, counted int) *apiError {
	if !a.quota.room(now, counted) {
		return refusal("quota")
	}
	if !a.window.take(now, n) {
		return refusal("throttle")
	}
	a.quota.add(now, counted)
	return nil
}

// Account changes the account while it runs; nil fields stay as they are.
type Account struct {
	Rate      *float64 `json:"rate,omitempty"`  // MaxSendRate; -1 unlimited
	Quota     *float64 `json:"quota,omitempty"` // Max24HourSend; -1 unlimited
	Sandbox   *bool    `json:"sandbox,omitempty"`
	Paused    *bool    `json:"paused,omitempty"`    // SendingEnabled false
	Suspended *bool    `json:"suspended,omitempty"` // EnforcementStatus SHUTDOWN
}

// SetAccount changes the account from the next call on. What was sent stays
// counted.
func (s *Server) SetAccount(c Account) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a := &s.account
	if c.Rate != nil {
		a.rate = *c.Rate
		a.window.set(a.rate)
	}
	if c.Quota != nil {
		a.quota.max = *c.Quota
	}
	for _, f := range []struct {
		to   *bool
		from *bool
	}{{&a.sandbox, c.Sandbox}, {&a.paused, c.Paused}, {&a.suspended, c.Suspended}} {
		if f.from != nil {
			*f.to = *f.from
		}
	}
}

type sendQuota struct {
	Max24HourSend   float64
	MaxSendRate     float64
	SentLast24Hours float64
}

type accountOutput struct {
	DedicatedIpAutoWarmupEnabled bool
	EnforcementStatus            string
	ProductionAccessEnabled      bool
	SendQuota                    sendQuota
	SendingEnabled               bool
	SuppressionAttributes        map[string][]string
	PricingAttributes            map[string]string
	VdmAttributes                map[string]string
}

// unlimitedRate is shown for no limit: GetAccount has no sign for it but in
// Max24HourSend.
const unlimitedRate = 1e6

func (s *Server) getAccount(*http.Request, []byte) (any, error) {
	a := &s.account
	out := accountOutput{
		EnforcementStatus:       "HEALTHY",
		ProductionAccessEnabled: !a.sandbox,
		SendingEnabled:          !a.paused && !a.suspended,
		SendQuota: sendQuota{
			Max24HourSend: a.quota.max, MaxSendRate: a.rate,
			SentLast24Hours: float64(a.quota.sent(s.now())),
		},
		SuppressionAttributes: map[string][]string{"SuppressedReasons": {"BOUNCE", "COMPLAINT"}},
		PricingAttributes:     map[string]string{"CurrentPlan": "ESSENTIALS"},
		VdmAttributes:         map[string]string{"VdmEnabled": "DISABLED"},
	}
	if a.suspended {
		out.EnforcementStatus = "SHUTDOWN"
	}
	if a.rate < 0 {
		out.SendQuota.MaxSendRate = unlimitedRate
	}
	return out, nil
}

func (s *Server) putAccountSending(_ *http.Request, body []byte) (any, error) {
	var in struct{ SendingEnabled bool }
	if err := unmarshal(body, &in); err != nil {
		return nil, err
	}
	s.account.paused = !in.SendingEnabled
	return nil, nil
}
