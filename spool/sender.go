package spool

import (
	"context"
	"time"
)

// Sender makes one attempt. It returns the SES message id; a *SkipError (no
// call was made), a *SendError, or another error, which counts as ambiguous:
// only a Sender can know that nothing was sent, and it says so by the class.
// It must not retry by itself, must not keep m.Data, whose bytes serve the next
// message too, and is called at the same time.
type Sender interface {
	Send(ctx context.Context, m *Message) (sesID string, err error)
}

// Pace says how fast calls may be made; sesclient implements it. Its methods
// are called at the same time.
type Pace interface {
	// Take waits until at least one call may be made in lane and reserves up to
	// max of them. It returns how many, a *SendError of class Quota when the
	// 24-hour quota leaves the lane nothing now, or ctx's error.
	Take(ctx context.Context, lane Lane, max int) (int, error)
	// Return gives back reservations that no call was made for.
	Return(lane Lane, n int)
	// Report tells what came of one call: nil for accepted, else its error. A
	// Rate error slows the pace, acceptances let it recover.
	Report(lane Lane, err error)
	// Concurrency is how many calls may be open at once, both lanes together.
	Concurrency() int
	// Probe asks SES whether it takes mail at all, for holds that end by
	// themselves. nil means that a message may be tried.
	Probe(ctx context.Context) error
	// QuotaFrees is when the rolling window lets lane send again; ok is false
	// when that is not known.
	QuotaFrees(lane Lane) (at time.Time, ok bool)
}

// Addresser gives the address a subscriber has now, or a *SkipError for
// somebody who is gone. For somebody who wants mail only so often, an attempt of
// another campaign at or after since is one too many; zero means no limit.
type Addresser interface {
	Address(subscriber uint64) (to string, since time.Time, err error)
}
