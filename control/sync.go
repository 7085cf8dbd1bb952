package control

import (
	"context"
	"net/http"

	"pabal/syncer"
)

// syncNow is POST /v0/sync: a sync that begins now, waited for.
func (s *Server) syncNow(r *http.Request) (any, error) {
	order, err := read[syncer.Order](r, MaxRequestBytes)
	if err != nil {
		return nil, err
	}
	if s.Sync == nil {
		return nil, invalid("there is no table of customers to sync with", "set [mysql] dsn_file in the daemon's configuration and start it again")
	}
	return s.Sync.Sync(r.Context(), order)
}

// syncStatus is GET /v0/status/sync: null where there is no source.
func (s *Server) syncStatus(*http.Request) (any, error) { return s.syncing(), nil }

func (s *Server) syncing() *syncer.Status {
	if s.Sync == nil {
		return nil
	}
	st := s.Sync.Status()
	return &st
}

// Sync brings the audience in step with its source and returns when it is.
func (c *Client) Sync(ctx context.Context, o syncer.Order) (syncer.Result, error) {
	return call[syncer.Result](ctx, c, http.MethodPost, "/v0/sync", nil, o)
}

// SyncStatus is how the sync is, nil where there is none.
func (c *Client) SyncStatus(ctx context.Context) (*syncer.Status, error) {
	return get[*syncer.Status](ctx, c, "/v0/status/sync", nil)
}
