package spool

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"go.etcd.io/bbolt"
)

const (
	resendScan = 20_000 // rows looked at in one commit
	actsKept   = 100    // of a ledger, the newest
)

// Act is what a person did to a campaign, or feedback to its unknown outcomes.
type Act struct {
	At     time.Time `json:"at"`
	By     string    `json:"by,omitempty"`     // who, as WithCaller said; "" is pabal itself
	What   string    `json:"what"`             // start, pause, resume, cancel, resend failed, resend unknown, settle unknown, override RULE
	Count  int64     `json:"count,omitempty"`  // recipients it changed
	Reason string    `json:"reason,omitempty"` // typed by the person: of an override
}

// Resend is a resend under way.
type Resend struct {
	Outcome Outcome   `json:"outcome"`
	Before  time.Time `json:"before"` // only rows that had the outcome by then
	Mark    uint64    `json:"mark"`   // rows up to it were looked at
	Count   int64     `json:"count"`  // put back so far
	By      string    `json:"by,omitempty"`
}

// ErrRowsRemoved means that there is nobody left to put back: retention has
// removed the rows. It wraps ErrState.
var ErrRowsRemoved = fmt.Errorf("their rows were removed by retention: %w", ErrState)

type callerKey struct{}

// WithCaller says on whose behalf a call is made, for the ledger's acts.
func WithCaller(ctx context.Context, who string) context.Context {
	return context.WithValue(ctx, callerKey{}, who)
}

// Caller is who WithCaller named, "" for nobody.
func Caller(ctx context.Context) string {
	who, _ := ctx.Value(callerKey{}).(string)
	return who
}

const settleUnknown = "settle unknown" // feedback has proved that SES took the mail

// settled counts an unknown outcome that feedback has settled: one act until a
// person does something.
func (l *Ledger) settled(now time.Time) {
	if n := len(l.Acts); n > 0 && l.Acts[n-1].What == settleUnknown {
		l.Acts[n-1].At = now
		l.Acts[n-1].Count++
		return
	}
	l.act(Act{At: now, What: settleUnknown, Count: 1})
}

// act keeps what was done. What has a reason is kept for good: there are few,
// all from the start.
func (l *Ledger) act(a Act) {
	if len(l.Acts) >= actsKept {
		first := max(0, slices.IndexFunc(l.Acts, func(a Act) bool { return a.Reason == "" }))
		l.Acts = slices.Delete(l.Acts, first, min(len(l.Acts), first+len(l.Acts)-actsKept+1))
	}
	l.Acts = append(l.Acts, a)
}

// Resend puts exactly those rows of a campaign back that have the outcome now,
// failed or unknown, with fresh tries; consent is checked again when each is
// sent. A campaign that is done runs again. It works in batches with a mark,
// so Run finishes what a crash interrupts, and returns how many were put back.
// Rows of unknown outcome may be mailed twice: they are marked maybe_twice.
// One of the same outcome that is under way is gone on with. ErrNotFound;
// ErrState for another outcome or a campaign that is frozen only in part,
// cancelled, or being resent with the other outcome; ErrRowsRemoved.
func (s *Spool) Resend(ctx context.Context, campaign uint64, outcome Outcome) (int64, error) {
	if outcome != Failed && outcome != Unknown {
		return 0, fmt.Errorf("resend what is %s: only failed and unknown can be sent again: %w", outcome, ErrState)
	}
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	now, none := time.Now().UTC(), false
	err := s.ledger.do(512, func(*bbolt.Tx) error {
		l, err := s.ledgerSums().header(campaign)
		if err != nil {
			return err
		}
		if l.Resend != nil && l.Resend.Outcome == outcome {
			return nil // one that was cut short, by a full disk perhaps: go on with it
		}
		if l.Resend != nil || !slices.Contains([]State{Running, Paused, Held, Done}, l.State) {
			return fmt.Errorf("campaign %d is %s: %w", campaign, l.State, ErrState)
		}
		if none = *l.of(outcome) == 0; none {
			return nil // a campaign that is done stays done when it was
		}
		if l.Removed != nil && *l.of(outcome) <= *l.Removed.of(outcome) {
			return fmt.Errorf("the %s recipients of campaign %d cannot be mailed again: %w", outcome, campaign, ErrRowsRemoved)
		}
		if l.State == Done {
			l.State, l.Ended = Running, time.Time{}
		}
		l.Resend = &Resend{Outcome: outcome, Before: now, By: Caller(ctx)}
		return nil
	})
	if err != nil || none {
		return 0, err
	}
	count, err := s.finishResend(context.WithoutCancel(ctx), campaign)
	s.byHand(ctx, "resend "+outcome.String(), slog.Uint64("campaign", campaign), slog.Int64("messages", count))
	return count, err
}

// finishResend goes on with a resend from its mark to its end.
func (s *Spool) finishResend(ctx context.Context, campaign uint64) (count int64, err error) {
	for more := true; more; {
		if err := ctx.Err(); err != nil {
			return count, err
		}
		err := s.ledger.do(64*MaxBatch, func(tx *bbolt.Tx) (err error) {
			more, count, err = s.resendBatch(tx, campaign)
			return err
		})
		if err != nil {
			return count, fmt.Errorf("resend campaign %d: %w", campaign, err)
		}
		s.kick(Bulk)
	}
	return count, nil
}

func (s *Spool) resendBatch(tx *bbolt.Tx, campaign uint64) (more bool, count int64, err error) {
	l, err := s.ledgerSums().header(campaign)
	if err != nil || l.Resend == nil {
		return false, 0, err // cancelled meanwhile
	}
	r := *l.Resend
	now := time.Now().UTC()
	c := tx.Bucket(bRows).Bucket(u64(campaign)).Cursor()
	k, v := c.Seek(u64(r.Mark + 1))
	var batch []Message
	for n := 0; k != nil && n < resendScan && len(batch) < MaxBatch; n++ {
		r.Mark = number(k, 0)
		if len(v) > 1 && v[1] == byte(r.Outcome) {
			m, err := readRow(v, campaign, r.Mark)
			if err != nil { // it stays as it is, and the others go
				s.damaged(&m, err)
			} else if !m.At.After(r.Before) {
				batch = append(batch, m)
			}
		}
		k, v = c.Next()
	}
	for _, old := range batch {
		m := old
		m.MaybeTwice = m.MaybeTwice || old.Outcome == Unknown
		m.Outcome, m.Tries, m.At, m.NextTry = Pending, 0, now, now
		if err := s.ledgerSums().replace(tx, l, &old, &m); err != nil {
			return false, 0, err
		}
	}
	r.Count += int64(len(batch))
	l.Resend = &r
	if k == nil {
		l.act(Act{At: now, By: r.By, What: "resend " + r.Outcome.String(), Count: r.Count})
		l.Resend = nil
		l.conclude(now)
	}
	return k != nil, r.Count, nil
}

// finishResends goes on with what a crash interrupted.
func (s *Spool) finishResends(ctx context.Context) {
	all, err := s.Ledgers()
	if err != nil {
		return
	}
	for _, l := range all {
		if l.Resend == nil {
			continue
		}
		if _, err := s.finishResend(ctx, l.Campaign); err != nil && ctx.Err() == nil {
			s.logger().Error("resend was not finished", "part", "spool", "campaign", l.Campaign, "err", err)
		}
	}
}
