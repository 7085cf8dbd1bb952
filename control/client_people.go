package control

import (
	"context"
	"iter"
	"net/http"
	"net/url"
	"strconv"

	"pabal/audience"
)

// Subscribers are the first of those whose e-mail or name begins with prefix
// and whom the segment selects, in the order they were made. Limit zero means
// all; up to audience.MaxSearch without a segment are found at once.
func (c *Client) Subscribers(ctx context.Context, prefix, segment string, limit int) ([]audience.Subscriber, error) {
	return collect(c.EachSubscriber(ctx, prefix, segment, limit))
}

// EachSubscriber walks them without keeping them.
func (c *Client) EachSubscriber(ctx context.Context, prefix, segment string, limit int) iter.Seq2[audience.Subscriber, error] {
	q := url.Values{"prefix": {prefix}, "segment": {segment}, "limit": {strconv.Itoa(limit)}}
	return list[audience.Subscriber](ctx, c, http.MethodGet, "/v0/subscribers", q, nil)
}

// Subscriber is one person with suppression and consent history. audience.ErrNotFound.
func (c *Client) Subscriber(ctx context.Context, email string) (Person, error) {
	return get[Person](ctx, c, "/v0/subscriber", url.Values{"email": {email}})
}

// SetSubscriber changes one person. audience.ErrNotFound unless Create is set.
func (c *Client) SetSubscriber(ctx context.Context, e audience.Edit) (audience.Subscriber, error) {
	return call[audience.Subscriber](ctx, c, http.MethodPost, "/v0/subscriber", nil, e)
}

// Suppressions walks the suppression list.
func (c *Client) Suppressions(ctx context.Context) iter.Seq2[audience.Suppression, error] {
	return list[audience.Suppression](ctx, c, http.MethodGet, "/v0/suppressions", nil, nil)
}

// Suppress puts an address on the list, by the operator's word.
func (c *Client) Suppress(ctx context.Context, email, detail string) (audience.Suppression, error) {
	return call[audience.Suppression](ctx, c, http.MethodPost, "/v0/suppressions", nil, audience.Suppression{Email: email, Detail: detail})
}

// Unsuppress takes it off. audience.ErrNotFound.
func (c *Client) Unsuppress(ctx context.Context, email string) error {
	_, err := call[map[string]string](ctx, c, http.MethodDelete, "/v0/suppressions", url.Values{"email": {email}}, nil)
	return err
}
