package control

import (
	"context"
	"net/http"

	"pabal/campaign"
	"pabal/spool"
)

// Schedule has a draft start by itself. campaign.ErrBlocked, campaign.ErrState.
func (c *Client) Schedule(ctx context.Context, id uint64, o campaign.ScheduleOrder) (campaign.Campaign, error) {
	return call[campaign.Campaign](ctx, c, http.MethodPost, campaignPath(id, "/schedule"), nil, o)
}

// PlanSchedule is the flight plan of a draft under an order that was not given
// yet; nothing is changed. campaign.ErrState.
func (c *Client) PlanSchedule(ctx context.Context, id uint64, o campaign.ScheduleOrder) (campaign.Plan, error) {
	return call[campaign.Plan](ctx, c, http.MethodPost, campaignPath(id, "/plan"), nil, o)
}

// Unschedule makes a scheduled campaign, or one held at its time, a draft again.
// campaign.ErrState.
func (c *Client) Unschedule(ctx context.Context, id uint64) (campaign.Campaign, error) {
	return call[campaign.Campaign](ctx, c, http.MethodDelete, campaignPath(id, "/schedule"), nil, nil)
}

// CopyCampaign makes a draft of a campaign and says what has changed since; name
// "" makes one of the original's.
func (c *Client) CopyCampaign(ctx context.Context, id uint64, name string) (campaign.Copied, error) {
	return call[campaign.Copied](ctx, c, http.MethodPost, campaignPath(id, "/copy"), nil, CopyRequest{Name: name})
}

// SetWindow gives a campaign in any state but the final ones a send window, nil
// for none. campaign.ErrState.
func (c *Client) SetWindow(ctx context.Context, id uint64, w *spool.Window) (campaign.Campaign, error) {
	return call[campaign.Campaign](ctx, c, http.MethodPut, campaignPath(id, "/window"), nil, WindowRequest{w})
}

// SetBrake is SetWindow for the reputation brake; nil is the configured one.
func (c *Client) SetBrake(ctx context.Context, id uint64, b *spool.Brake) (campaign.Campaign, error) {
	return call[campaign.Campaign](ctx, c, http.MethodPut, campaignPath(id, "/brake"), nil, BrakeRequest{b})
}
