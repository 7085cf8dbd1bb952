package control

import (
	"context"
	"io"
	"net/http"
	"net/url"

	"pabal/campaign"
)

// PutFile stores a file that a campaign may name in its Attachments, and says
// how. The daemon drops it after a day when none does.
func (c *Client) PutFile(ctx context.Context, name string, content io.Reader) (campaign.Attachment, error) {
	return decodeBody[campaign.Attachment](c.send(ctx, http.MethodPost, "/v0/files", url.Values{"name": {name}}, content))
}
