package control

import (
	"context"
	"io"
	"iter"
	"net/http"
	"net/url"

	"pabal/sesclient"
	"pabal/spool"
)

// Health asks whether the daemon does its work; it costs next to nothing.
func (c *Client) Health(ctx context.Context) (Health, error) {
	return get[Health](ctx, c, "/v0/health", nil)
}

// Status is everything `pabal status` shows.
func (c *Client) Status(ctx context.Context) (Status, error) {
	return get[Status](ctx, c, "/v0/status", nil)
}

// SpoolStatus is the spool's part of the status.
func (c *Client) SpoolStatus(ctx context.Context) (spool.Status, error) {
	return get[spool.Status](ctx, c, "/v0/status/spool", nil)
}

// SESStatus is what is known of the SES account.
func (c *Client) SESStatus(ctx context.Context) (sesclient.Status, error) {
	return get[sesclient.Status](ctx, c, "/v0/status/ses", nil)
}

// Events are the last things that happened, newest last.
func (c *Client) Events(ctx context.Context) ([]spool.Event, error) {
	return get[[]spool.Event](ctx, c, "/v0/events", nil)
}

// Check walks all stores and proves their sums.
func (c *Client) Check(ctx context.Context) (Check, error) {
	return get[Check](ctx, c, "/v0/check", nil)
}

// Messages walks the queue of legacy mail, oldest first; outcome "" means all,
// DeadLetters what failed or is unknown and whose text is kept.
func (c *Client) Messages(ctx context.Context, outcome string) iter.Seq2[spool.Message, error] {
	return list[spool.Message](ctx, c, http.MethodGet, "/v0/messages", url.Values{"outcome": {outcome}}, nil)
}

// Message is one message by our id. spool.ErrNotFound.
func (c *Client) Message(ctx context.Context, id string) (spool.Message, error) {
	return get[spool.Message](ctx, c, messagePath(id, ""), nil)
}

// Body writes a queued message as it was submitted. spool.ErrNotFound.
func (c *Client) Body(ctx context.Context, id string, w io.Writer) error {
	resp, err := c.send(ctx, http.MethodGet, messagePath(id, "/body"), nil, nil)
	if err != nil {
		return err
	}
	defer resp.Body.Close() // read, or broken anyway
	if _, err = io.Copy(w, resp.Body); err != nil {
		return broken(err)
	}
	return nil
}

// Retry puts a failed or unknown message back. spool.ErrNotFound, spool.ErrState.
func (c *Client) Retry(ctx context.Context, id string) (spool.Message, error) {
	return call[spool.Message](ctx, c, http.MethodPost, messagePath(id, "/retry"), nil, nil)
}

// Edit sends a message to another address in place of its own, and returns the
// new one. spool.ErrNotFound, spool.ErrState.
func (c *Client) Edit(ctx context.Context, id, to string) (spool.Message, error) {
	return call[spool.Message](ctx, c, http.MethodPost, messagePath(id, "/edit"), nil, EditRequest{To: to})
}

// Discard ends a pending message or drops a failed one. spool.ErrNotFound, spool.ErrState.
func (c *Client) Discard(ctx context.Context, id string) (spool.Message, error) {
	return call[spool.Message](ctx, c, http.MethodPost, messagePath(id, "/discard"), nil, nil)
}

// Holds is what is paused and why.
func (c *Client) Holds(ctx context.Context) ([]spool.Hold, error) {
	return collect(list[spool.Hold](ctx, c, http.MethodGet, "/v0/holds", nil, nil))
}

// Hold pauses a scope until it is released.
func (c *Client) Hold(ctx context.Context, scope spool.Scope, reason string) (spool.Hold, error) {
	return call[spool.Hold](ctx, c, http.MethodPost, "/v0/holds", nil, spool.Hold{Scope: scope, Reason: reason})
}

// Release ends a hold. spool.ErrNotFound.
func (c *Client) Release(ctx context.Context, scope spool.Scope) error {
	_, err := call[spool.Hold](ctx, c, http.MethodDelete, "/v0/holds", url.Values{"scope": {string(scope)}}, nil)
	return err
}

// Trace walks every mail to or by an address, an SES id or a Message-ID.
func (c *Client) Trace(ctx context.Context, query string) iter.Seq2[spool.Message, error] {
	return list[spool.Message](ctx, c, http.MethodGet, "/v0/trace", url.Values{"q": {query}}, nil)
}
