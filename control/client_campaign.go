package control

import (
	"context"
	"iter"
	"net/http"
	"net/url"
	"strconv"

	"pabal/campaign"
	"pabal/spool"
)

// Templates are the newest versions, without their bodies.
func (c *Client) Templates(ctx context.Context) ([]campaign.Template, error) {
	return collect(list[campaign.Template](ctx, c, http.MethodGet, "/v0/templates", nil, nil))
}

// Template is one version, zero the newest. campaign.ErrNotFound.
func (c *Client) Template(ctx context.Context, name string, version int) (campaign.Template, error) {
	return get[campaign.Template](ctx, c, templatePath(name, ""), url.Values{"version": {strconv.Itoa(version)}})
}

// PutTemplate stores a new version.
func (c *Client) PutTemplate(ctx context.Context, t campaign.Template) (campaign.Template, error) {
	return call[campaign.Template](ctx, c, http.MethodPost, "/v0/templates", nil, t)
}

// Render shows a template as one subscriber would get it.
func (c *Client) Render(ctx context.Context, name string, q RenderRequest) (campaign.Letter, error) {
	return call[campaign.Letter](ctx, c, http.MethodPost, templatePath(name, "/render"), nil, q)
}

// Campaigns are all of them, newest first.
func (c *Client) Campaigns(ctx context.Context) ([]campaign.Campaign, error) {
	return collect(list[campaign.Campaign](ctx, c, http.MethodGet, "/v0/campaigns", nil, nil))
}

// Campaign is one with its sums. campaign.ErrNotFound, as all that follow.
func (c *Client) Campaign(ctx context.Context, id uint64) (campaign.Campaign, error) {
	return get[campaign.Campaign](ctx, c, campaignPath(id, ""), nil)
}

// CreateCampaign makes a draft.
func (c *Client) CreateCampaign(ctx context.Context, d campaign.Campaign) (campaign.Campaign, error) {
	return call[campaign.Campaign](ctx, c, http.MethodPost, "/v0/campaigns", nil, d)
}

// EditCampaign replaces a draft. campaign.ErrState for anything else.
func (c *Client) EditCampaign(ctx context.Context, d campaign.Campaign) (campaign.Campaign, error) {
	return call[campaign.Campaign](ctx, c, http.MethodPut, campaignPath(d.ID, ""), nil, d)
}

// Plan is the flight plan.
func (c *Client) Plan(ctx context.Context, id uint64) (campaign.Plan, error) {
	return get[campaign.Plan](ctx, c, campaignPath(id, "/plan"), nil)
}

// Preview is the letter as one subscriber would get it, "" the first of the
// audience.
func (c *Client) Preview(ctx context.Context, id uint64, email string) (campaign.Letter, error) {
	return c.PreviewAs(ctx, id, campaign.Whom{Email: email})
}

// TestCampaign is TestCampaigns to one address, or to several with commas
// between; it returns the first message's id.
func (c *Client) TestCampaign(ctx context.Context, id uint64, as, to string) (string, error) {
	sent, err := c.TestCampaigns(ctx, id, as, []string{to})
	if err != nil {
		return "", err
	}
	return sent[0].Message, nil
}

// Start seals and freezes and returns when that is done. expect is the number
// of recipients a person confirmed, -1 for none. campaign.ErrBlocked, campaign.ErrState.
func (c *Client) Start(ctx context.Context, id uint64, expect int64) (campaign.Campaign, error) {
	return c.StartOver(ctx, id, expect, nil)
}

// StartOver is Start over blocks of preflight that a person lets pass, each with
// a reason. An *eml.Problem for a rule that cannot be overridden or a reason
// that is missing.
func (c *Client) StartOver(ctx context.Context, id uint64, expect int64, overrides []campaign.Override) (campaign.Campaign, error) {
	return call[campaign.Campaign](ctx, c, http.MethodPost, campaignPath(id, "/start"), nil, StartRequest{Expect: expect, Overrides: overrides})
}

// Pause stops new calls for a campaign. campaign.ErrState.
func (c *Client) Pause(ctx context.Context, id uint64) (campaign.Campaign, error) {
	return call[campaign.Campaign](ctx, c, http.MethodPost, campaignPath(id, "/pause"), nil, nil)
}

// Resume lets a paused or held campaign go on. campaign.ErrState.
func (c *Client) Resume(ctx context.Context, id uint64) (campaign.Campaign, error) {
	return call[campaign.Campaign](ctx, c, http.MethodPost, campaignPath(id, "/resume"), nil, nil)
}

// Cancel skips everyone not yet mailed. campaign.ErrState.
func (c *Client) Cancel(ctx context.Context, id uint64) (campaign.Campaign, error) {
	return call[campaign.Campaign](ctx, c, http.MethodPost, campaignPath(id, "/cancel"), nil, nil)
}

// Resend sends again to exactly those recipients that failed, or whose outcome
// is unknown ("failed", "unknown"). campaign.ErrState.
func (c *Client) Resend(ctx context.Context, id uint64, outcome string) (after campaign.Campaign, resent int64, err error) {
	r, err := call[ResendResult](ctx, c, http.MethodPost, campaignPath(id, "/resend"), url.Values{"outcome": {outcome}}, nil)
	return r.Campaign, r.Resent, err
}

// Watch follows a campaign until it is done or cancelled, ctx ends, or the
// daemon stops (then with an error).
func (c *Client) Watch(ctx context.Context, id uint64) iter.Seq2[campaign.Campaign, error] {
	return list[campaign.Campaign](ctx, c, http.MethodGet, campaignPath(id, "/watch"), nil, nil)
}

// Recipients walks the ledger; outcome "" means all.
func (c *Client) Recipients(ctx context.Context, id uint64, outcome string) iter.Seq2[spool.Message, error] {
	return list[spool.Message](ctx, c, http.MethodGet, campaignPath(id, "/recipients"), url.Values{"outcome": {outcome}}, nil)
}
