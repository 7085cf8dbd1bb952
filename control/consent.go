package control

import (
	"context"
	"io"
	"iter"
	"net/http"
	"net/url"
	"time"

	"pabal/audience"
	"pabal/eml"
)

// confirm asks somebody by mail whether they want mail.
func (s *Server) confirm(r *http.Request) (any, error) {
	who, err := read[Asked](r, MaxRequestBytes)
	if err != nil {
		return nil, err
	}
	id, err := s.Campaigns.AskMail(r.Context(), who.Email)
	if err != nil {
		return nil, noSuchPerson(who.Email, err)
	}
	return Asked{Email: who.Email, Message: id}, nil
}

// Asked is a mail that asks whether somebody wants mail.
type Asked struct {
	Email   string `json:"email"`
	Message string `json:"message,omitempty"` // its id in the queue
}

// optOuts is the feed back to the shop.
func (s *Server) optOuts(l *lines, r *http.Request) error {
	text := r.URL.Query().Get("since")
	since, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		since, err = time.ParseInLocation(time.DateOnly, text, s.zone())
	}
	if err != nil {
		return invalid(eml.Visible(text)+" is no point in time", "for example 2026-11-20 or 2026-11-20T09:00:00+09:00; to go on, recorded_at of the last line")
	}
	return writeAll(l, s.People.OptedOut(r.Context(), since))
}

// Erase takes a person out of all stores, named by address or id.
func (c *Client) Erase(ctx context.Context, who string) (Erased, error) {
	return call[Erased](ctx, c, http.MethodPost, "/v0/subscriber/erase", nil, map[string]string{"email": who})
}

// Ask asks somebody by mail whether they want mail. audience.ErrNotFound.
func (c *Client) Ask(ctx context.Context, email string) (Asked, error) {
	return call[Asked](ctx, c, http.MethodPost, "/v0/subscriber/confirm", nil, Asked{Email: email})
}

// OptOuts walks those who opted out, as audience.Store.OptedOut does; since is
// a time in RFC 3339, or a date in the campaigns' zone.
func (c *Client) OptOuts(ctx context.Context, since string) iter.Seq2[audience.OptOut, error] {
	return list[audience.OptOut](ctx, c, http.MethodGet, "/v0/optouts", url.Values{"since": {since}}, nil)
}

// ExportPerson writes everything kept about somebody as one JSON document.
func (c *Client) ExportPerson(ctx context.Context, w io.Writer, email string) error {
	resp, err := c.send(ctx, http.MethodGet, "/v0/subscriber/export", url.Values{"email": {email}}, nil)
	if err != nil {
		return err
	}
	defer resp.Body.Close() // read, or broken anyway
	if _, err := io.Copy(w, resp.Body); err != nil {
		return broken(err)
	}
	return nil
}
