// Package sesclient holds every fact about SES and AWS: the call, what its
// errors mean, the pace the account allows, and its identities.
package sesclient

import (
	"context"
	"log/slog"
	"time"

	"pabal/spool"
)

// Options for New.
type Options struct {
	Region                    string
	Endpoint                  string // "" is AWS; else a base URL (the emulator)
	ConfigurationSet          string
	RateShare                 float64 // zero means 0.9
	Concurrency               int     // zero: from rate x measured call time
	TransactionalRateShare    float64 // zero means 0.1
	TransactionalQuotaReserve float64 // zero means 0.05
	StoreID                   string
	Logger                    *slog.Logger
}

// Client calls SES v2; it implements spool.Sender and never retries by itself.
type Client struct {
	Pace *Pace
}

// New loads AWS's default credential chain. It makes no call.
func New(ctx context.Context, o Options) (*Client, error) { panic("seam") }

// Run refreshes account facts (every minute; at once after a quota or account
// answer) until ctx ends.
func (c *Client) Run(ctx context.Context) error { panic("seam") }

func (c *Client) Send(ctx context.Context, m *spool.Message) (string, error) { panic("seam") }

// Status is the `ses` part of status --json.
type Status struct {
	Region         string    `json:"region"`
	Endpoint       string    `json:"endpoint,omitempty"`
	Rate           float64   `json:"rate"`      // MaxSendRate
	Aim            float64   `json:"aim"`       // mails a second now aimed at
	Quota24h       float64   `json:"quota_24h"` // -1 unlimited
	Sent24h        float64   `json:"sent_24h"`
	Sandbox        bool      `json:"sandbox"`
	SendingEnabled bool      `json:"sending_enabled"`
	Enforcement    string    `json:"enforcement,omitempty"`
	InFlight       int       `json:"in_flight"`
	Concurrency    int       `json:"concurrency"`
	CallMillis     float64   `json:"call_millis"` // mean call time
	CheckedAt      time.Time `json:"checked_at,omitzero"`
	Error          string    `json:"error,omitempty"` // why the facts are old or missing
}

// Account returns the newest facts, asking SES when they are older than maxAge.
func (c *Client) Account(ctx context.Context, maxAge time.Duration) (Status, error) { panic("seam") }
func (c *Client) Status() Status                                                    { panic("seam") }

// Verified reports whether an identity (address or its domain or a parent) may
// send; answers are cached for a minute (5 minutes when true).
func (c *Client) Verified(ctx context.Context, address string) (bool, error) { panic("seam") }

// Identity is one verified or pending sender.
type Identity struct {
	Name     string `json:"name"`
	Type     string `json:"type"` // domain, address
	Verified bool   `json:"verified"`
}

func (c *Client) Identities(ctx context.Context) ([]Identity, error) { panic("seam") }

// Pace implements spool.Pace and campaign.Gate.
type Pace struct{}

func (p *Pace) Wait(ctx context.Context) (time.Duration, error)                 { panic("seam") }
func (p *Pace) Take(ctx context.Context, lane spool.Lane, max int) (int, error) { panic("seam") }
func (p *Pace) Return(lane spool.Lane, n int)                                   { panic("seam") }
func (p *Pace) Report(lane spool.Lane, err error)                               { panic("seam") }
func (p *Pace) Concurrency() int                                                { panic("seam") }
func (p *Pace) Probe(ctx context.Context) error                                 { panic("seam") }
func (p *Pace) QuotaFrees(lane spool.Lane) (time.Time, bool)                    { panic("seam") }

// Classify turns any error of an SES call into a *spool.SendError.
func Classify(err error) *spool.SendError { panic("seam") }
