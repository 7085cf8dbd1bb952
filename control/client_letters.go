package control

import (
	"context"
	"io"
	"iter"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"pabal/campaign"
)

// PutFile stores a file that a campaign may name in its Attachments, and says
// how. The daemon drops it after a day when none does.
func (c *Client) PutFile(ctx context.Context, name string, content io.Reader) (campaign.Attachment, error) {
	return decodeBody[campaign.Attachment](c.send(ctx, http.MethodPost, "/v0/files", url.Values{"name": {name}}, content))
}

// PutInboxFile is PutFile of the file of that name in the inbox.
func (c *Client) PutInboxFile(ctx context.Context, name string) (campaign.Attachment, error) {
	return decodeBody[campaign.Attachment](c.send(ctx, http.MethodPost, "/v0/files", url.Values{"inbox": {name}}, nil))
}

// PreviewAs is the letter as one of the audience would get it.
func (c *Client) PreviewAs(ctx context.Context, id uint64, whom campaign.Whom) (campaign.Letter, error) {
	return get[campaign.Letter](ctx, c, campaignPath(id, "/preview"), whomQuery(whom))
}

// PreviewLink is an address that shows the letter in a browser for
// campaign.PreviewFor.
func (c *Client) PreviewLink(ctx context.Context, id uint64, whom campaign.Whom) (campaign.Link, error) {
	return get[campaign.Link](ctx, c, campaignPath(id, "/preview/link"), whomQuery(whom))
}

func whomQuery(w campaign.Whom) url.Values {
	q := url.Values{}
	if w.Email != "" {
		q.Set("email", w.Email)
	}
	for name, n := range map[string]uint64{"nth": uint64(max(w.Nth, 0)), "after": w.After, "before": w.Before} {
		if n > 0 {
			q.Set(name, strconv.FormatUint(n, 10))
		}
	}
	return q
}

// TestCampaigns sends the letter of the subscriber `as` ("" the first of the
// audience) to addresses.
func (c *Client) TestCampaigns(ctx context.Context, id uint64, as string, to []string) ([]campaign.TestMail, error) {
	r, err := call[TestResult](ctx, c, http.MethodPost, campaignPath(id, "/test"), nil, TestRequest{As: as, To: strings.Join(to, ",")})
	return r.Mails, err
}

// DryRun makes the letters of the audience without sending any, at most limit
// mails (0: all), in the order of the subscribers' ids. Leaving the loop ends it.
func (c *Client) DryRun(ctx context.Context, id uint64, limit int64) iter.Seq2[campaign.DryLetter, error] {
	return list[campaign.DryLetter](ctx, c, http.MethodGet, campaignPath(id, "/dryrun"), url.Values{"limit": {strconv.FormatInt(limit, 10)}}, nil)
}
