// Package web serves the pages recipients reach: unsubscribe, and health.
package web

import (
	"log/slog"
	"net/http"

	"pabal/audience"
	"pabal/campaign"
)

// Server is an http.Handler.
type Server struct {
	Company string
	Ready   func() error                                 // for /readyz; nil: always
	Metrics func(w http.ResponseWriter, r *http.Request) // nil: none
	Logger  *slog.Logger
}

func New(people *audience.Store, campaigns *campaign.Store) *Server { panic("seam") }
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request)  { panic("seam") }
