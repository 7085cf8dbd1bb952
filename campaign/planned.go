package campaign

import (
	"context"
	"time"

	"pabal/spool"
)

// Planned is what the flight plan said when a campaign started: its report
// holds what came of it against this.
type Planned struct {
	Recipients  int64     `json:"recipients"`
	Start       time.Time `json:"start"`
	End         time.Time `json:"end,omitzero"` // zero: never
	Seconds     float64   `json:"seconds"`
	Rate        float64   `json:"rate"` // mails a second
	FiveMinutes bool      `json:"five_minutes"`
	Cost        float64   `json:"cost"`           // USD; 0 when no price was known
	PricePer    float64   `json:"price_per_1000"` // USD
}

// planned is the flight plan of a campaign about to start, nil when there is
// none: SES not answering does not keep a campaign from starting.
func (s *Store) planned(ctx context.Context, c Campaign, recipients int64) *Planned {
	if s.Accounts == nil {
		return nil
	}
	if c.State == spool.Scheduled { // its time has come, whatever the clocks did then
		c.State, c.Schedule = spool.Draft, nil
	}
	p, err := s.planOf(ctx, c, recipients)
	if err != nil {
		s.log().Warn("started without a flight plan", "campaign", c.ID, "err", err)
		return nil
	}
	return &Planned{Recipients: p.Recipients, Start: p.Start, End: p.End, Seconds: p.Seconds, Rate: p.Rate, FiveMinutes: p.FiveMinutes, Cost: p.Cost, PricePer: p.PricePer}
}
