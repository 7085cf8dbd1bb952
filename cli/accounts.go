package cli

import (
	"context"
	"time"

	"pabal/campaign"
	"pabal/sesclient"
)

// accounts is campaign's window on SES.
type accounts struct {
	ses *sesclient.Client
	cfg *Config
}

const factsAge = time.Minute

func (a accounts) Facts(ctx context.Context) (campaign.AccountFacts, error) {
	st, err := a.ses.Account(ctx, factsAge)
	var own []campaign.Sent
	for _, m := range a.ses.Pace.Minutes() {
		own = append(own, campaign.Sent(m))
	}
	return campaign.AccountFacts{Own: own, Plan: st.PricingPlan, MaxSendRate: st.Rate, Max24Hour: st.Quota24h, Sent24Hours: st.Sent24h, Sandbox: st.Sandbox,
		SendingEnabled: st.SendingEnabled, RateShare: a.cfg.SES.RateShare, QuotaShare: st.BulkShare}, err
}

// Sender implements campaign.Domains.
func (a accounts) Sender(ctx context.Context, from string) ([]campaign.Finding, error) {
	d, err := a.ses.Domain(ctx, from)
	if err != nil {
		return nil, err
	}
	var all []campaign.Finding
	for _, f := range d.Faults {
		all = append(all, campaign.Finding{Rule: f.Part, Case: f.Case, Level: campaign.Level(f.Level), Count: f.Count, Data: f.Data})
	}
	return all, nil
}

func (a accounts) Verified(ctx context.Context, address string) (bool, error) {
	return a.ses.Verified(ctx, address)
}
