package campaign

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"pabal/eml"
	"pabal/spool"
)

const maxBrakeMails = 100_000 // of Brake's First and Window: what one look reads

// CheckBrake refuses a brake that makes no sense. The error is an *eml.Problem.
func CheckBrake(b *spool.Brake) error {
	switch {
	case b == nil:
		return nil
	case b.BouncePercent < 0 || b.BouncePercent > 100 || b.ComplaintPercent < 0 || b.ComplaintPercent > 100:
		return &eml.Problem{What: "a limit of the brake is not between 0 and 100 percent", Hint: "0 switches it off; SES looks into 5 % of bounces and 0.1 % of complaints"}
	case b.First < 0 || b.First > maxBrakeMails || b.Window < 0 || b.Window > maxBrakeMails:
		return &eml.Problem{What: "the brake cannot count so many mails together", Hint: fmt.Sprintf("from 0 (off) to %d", maxBrakeMails)}
	case b.Minimum < 0:
		return &eml.Problem{What: "the brake's minimum is below 0", Hint: "for example 5"}
	case b.First+b.Window == 0 && b.BouncePercent+b.ComplaintPercent > 0:
		return &eml.Problem{What: "the brake has limits and looks at no mails", Hint: "set first or window, or both percentages to 0"}
	}
	return nil
}

// checkSteering brings window and brake into one form. zone is that of a window
// without one.
func (c *Campaign) checkSteering(zone string) error {
	if c.Window != nil {
		w, err := spool.ParseWindow(c.Window.Hours, c.Window.Days, cmp.Or(c.Window.Zone, zone))
		if err != nil {
			return err
		}
		c.Window = &w
	}
	return CheckBrake(c.Brake)
}

// withDue adds when a schedule is, by today's zone database. A copy is changed:
// records are shown to several at once.
func (c Campaign) withDue() Campaign {
	if c.Schedule == nil {
		return c
	}
	sc := *c.Schedule
	if err := sc.read(); err != nil {
		sc.Due = sc.Made // due at once, and held for its zone
	}
	c.Schedule = &sc
	return c
}

// SetWindow gives a campaign another send window, nil for none, at once and in
// any state but those that are final; a schedule stays. ErrState, ErrNotFound,
// *eml.Problem.
func (s *Store) SetWindow(ctx context.Context, id uint64, w *spool.Window) (Campaign, error) {
	c := Campaign{Window: w}
	if err := c.checkSteering(s.zoneName()); err != nil {
		return c, err
	}
	return s.readjust(id, func(now *Campaign) { now.Window = c.Window }, func() error { return s.spool.SetWindow(ctx, id, c.Window) })
}

// SetBrake is SetWindow for the reputation brake; nil is the configured one.
func (s *Store) SetBrake(ctx context.Context, id uint64, b *spool.Brake) (Campaign, error) {
	if err := CheckBrake(b); err != nil {
		return Campaign{}, err
	}
	running := b
	if running == nil {
		running = s.Settings.Brake
	}
	return s.readjust(id, func(now *Campaign) { now.Brake = b }, func() error { return s.spool.SetBrake(ctx, id, running) })
}

// readjust changes the ledger, if there is one, then the record.
func (s *Store) readjust(id uint64, record func(*Campaign), ledger func() error) (Campaign, error) {
	c, err := s.record(id)
	if err != nil {
		return Campaign{}, err
	}
	if !c.Sealed.IsZero() {
		if _, err := s.steer(id, ledger); err != nil {
			return Campaign{}, err
		}
	}
	sealed := c.Sealed
	c, err = s.change(id, func(now *Campaign) error { // of a started one: for its copies
		if sealed.IsZero() {
			if err := startable(*now); err != nil {
				return err
			}
		}
		record(now)
		return nil
	})
	if errors.Is(err, ErrState) && s.sealed(id) { // it was started meanwhile: the ledger is what counts
		return s.readjust(id, record, ledger)
	}
	if err != nil {
		return Campaign{}, err
	}
	return s.withLedger(c)
}

// sealed reports whether a campaign was started.
func (s *Store) sealed(id uint64) bool {
	c, err := s.record(id)
	return err == nil && !c.Sealed.IsZero()
}
