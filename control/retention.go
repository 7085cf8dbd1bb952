package control

import (
	"context"
	"net/http"
	"net/url"

	"pabal/eml"
)

// Retainer removes what is older than the configuration says. Its methods may be
// called at the same time; two runs follow one another.
type Retainer interface {
	// State is how it stands, at once.
	State() RetentionState
	// Status says what is kept how long and what would be removed now.
	Status(ctx context.Context) (RetentionStatus, error)
	// Run removes it now; dry only counts. What a failure left is in the answer too.
	Run(ctx context.Context, dry bool) (RetentionRun, error)
}

func (s *Server) retainer() (Retainer, error) {
	if s.Retention == nil {
		return nil, &eml.Problem{What: "this daemon removes nothing", Hint: "retention is part of: pabal serve"}
	}
	return s.Retention, nil
}

func (s *Server) retention(r *http.Request) (any, error) {
	keep, err := s.retainer()
	if err != nil {
		return nil, err
	}
	return keep.Status(r.Context())
}

func (s *Server) runRetention(r *http.Request) (any, error) {
	keep, err := s.retainer()
	if err != nil {
		return nil, err
	}
	return keep.Run(r.Context(), r.URL.Query().Get("dry_run") == "true")
}

// Retention says how long what is settled is kept, and what would be removed now.
func (c *Client) Retention(ctx context.Context) (RetentionStatus, error) {
	return get[RetentionStatus](ctx, c, "/v0/retention", nil)
}

// RunRetention removes now what is older than that; dry only counts.
func (c *Client) RunRetention(ctx context.Context, dry bool) (RetentionRun, error) {
	query := url.Values{}
	if dry {
		query.Set("dry_run", "true")
	}
	return call[RetentionRun](ctx, c, http.MethodPost, "/v0/retention/run", query, nil)
}
