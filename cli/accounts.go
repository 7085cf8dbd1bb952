package cli

import (
	"context"
	"time"

	"pabal/campaign"
	"pabal/control"
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
	return control.DomainFindings(d), nil
}

func (a accounts) Verified(ctx context.Context, address string) (bool, error) {
	return a.ses.Verified(ctx, address)
}
