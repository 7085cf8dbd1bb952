// Package smtpd is the local mail server legacy applications submit to.
package smtpd

import (
	"context"
	"log/slog"
	"time"

	"pabal/spool"
)

// Server listens and puts what it takes into the spool.
type Server struct {
	Listen         []string
	Hostname       string
	MaxMessageSize int64 // zero means 10 MB
	MaxRecipients  int   // zero means 1,000
	// SenderAllowed says whether SES may send for the From header's address; a
	// refusal becomes 550, an error means not known (accept). nil: everything.
	SenderAllowed func(ctx context.Context, address string) (bool, error)
	// Suppressed gives the skip reason for a recipient, "" to be mailed. nil: nobody.
	Suppressed func(address string) (string, error)
	Logger     *slog.Logger
}

// Stats is the `smtp` part of status --json.
type Stats struct {
	Listen      []string  `json:"listen"`
	Connections int64     `json:"connections"` // open now
	Accepted    int64     `json:"accepted"`    // messages since start
	Refused     int64     `json:"refused"`
	Since       time.Time `json:"since"`
}

func New(sp *spool.Spool) *Server { panic("seam") }

// Bind opens the listeners and returns their addresses.
func (s *Server) Bind() ([]string, error) { panic("seam") }

// Run serves until ctx ends; open sessions get 421 after a grace of 5 s.
func (s *Server) Run(ctx context.Context) error { panic("seam") }
func (s *Server) Stats() Stats                  { panic("seam") }
