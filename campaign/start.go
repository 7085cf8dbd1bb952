package campaign

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"pabal/audience"
	"pabal/eml"
	"pabal/spool"
)

// freezeBatch is how many recipients are committed together.
const freezeBatch = 1000

// fullRetry is how soon a freeze that met a full disk is tried again.
const fullRetry = 5 * time.Second

// Start seals the definition, freezes the audience and returns when it is
// frozen. expect is the number of mailable recipients a person confirmed, -1
// for none: when the freeze finds another number the campaign is held. It
// returns a *BlockedError when preflight blocks, ErrState when the campaign is
// no draft, ErrNotFound. Once sealed it goes on although ctx ends; a stop or
// crash of the daemon is made good by Run.
func (s *Store) Start(ctx context.Context, id uint64, expect int64) (Campaign, error) {
	return s.StartOver(ctx, id, expect, nil)
}

// StartOver is Start over blocks that a person lets pass, each with a reason;
// who that is says spool.WithCaller. What CheckOverrides returns.
func (s *Store) StartOver(ctx context.Context, id uint64, expect int64, overrides []Override) (Campaign, error) {
	overrides, err := CheckOverrides(overrides)
	if err != nil {
		return Campaign{}, err
	}
	c, err := s.record(id)
	if err != nil {
		return Campaign{}, err
	}
	if err := startable(c); err != nil {
		return Campaign{}, err
	}
	check, err := s.Preflight(ctx, id)
	if err != nil {
		return Campaign{}, fmt.Errorf("preflight of campaign %d: %w", id, err)
	}
	used := check.Override(overrides)
	if check.Blocked {
		return Campaign{}, &BlockedError{Preflight: check}
	}
	for i := range used {
		used[i].By, used[i].At = spool.Caller(ctx), now()
	}
	c, err = s.seal(ctx, c, expect, used, s.planned(ctx, c, check.Audience.Mailable))
	if err != nil {
		return Campaign{}, err
	}
	s.log().Info("campaign sealed", "campaign", id, "template", c.Template, "template_version", c.TemplateVersion)
	ctx, cancel := s.detached(ctx)
	defer cancel()
	if err := s.freeze(ctx, c); err != nil {
		return Campaign{}, s.notFrozen(id, err)
	}
	return s.Campaign(id)
}

func startable(c Campaign) error {
	switch {
	case !c.Sealed.IsZero():
		return fmt.Errorf("campaign %d is started already: %w", c.ID, ErrState)
	case c.State == spool.Cancelled:
		return fmt.Errorf("campaign %d is cancelled: %w", c.ID, ErrState)
	}
	return nil
}

// seal fixes what the campaign is, in one commit, unless it is not any more what
// was checked. From here on a restart finishes the start.
func (s *Store) seal(ctx context.Context, checked Campaign, expect int64, overrides []Override, planned *Planned) (Campaign, error) {
	return s.sealAs(ctx, checked.ID, func(c *Campaign) error {
		if !c.sameMailing(checked) {
			return fmt.Errorf("campaign %d was edited meanwhile: %w", c.ID, ErrState)
		}
		c.Expect, c.Most, c.Schedule, c.Overrides, c.Planned = max(expect, -1), 0, nil, overrides, planned
		return nil
	})
}

// sameMailing reports whether two records send the same to the same people.
func (c *Campaign) sameMailing(o Campaign) bool {
	return c.Template == o.Template && c.TemplateVersion == o.TemplateVersion && c.Segment == o.Segment && c.Topic == o.Topic &&
		c.From == o.From && c.ReplyTo == o.ReplyTo && maps.Equal(c.Values, o.Values) && slices.Equal(c.Attachments, o.Attachments)
}

// sealAs is seal with what agree says of the record in the same commit; who
// did it says spool.WithCaller.
func (s *Store) sealAs(ctx context.Context, id uint64, agree func(*Campaign) error) (Campaign, error) {
	draft, err := s.record(id)
	if err != nil {
		return Campaign{}, err
	}
	t, err := s.Template(draft.Template, draft.TemplateVersion)
	if err != nil {
		return Campaign{}, err
	}
	return s.change(id, func(c *Campaign) error {
		if err := startable(*c); err != nil {
			return err
		}
		if err := agree(c); err != nil {
			return err
		}
		c.TemplateVersion, c.Sealed, c.StartedBy, c.Reason, c.HeldFor = t.Version, s.time().UTC().Truncate(time.Millisecond), spool.Caller(ctx), "", ""
		c.From, c.ReplyTo = firstOf(c.From, s.Settings.From), firstOf(c.ReplyTo, s.Settings.ReplyTo)
		return nil
	})
}

// freeze writes the ledger header and walks the audience into the ledger,
// from where an earlier walk got to. It is repeatable, and waits for another
// that is at the same campaign: Run begins with one as soon as it is sealed.
func (s *Store) freeze(ctx context.Context, c Campaign) error {
	if err := s.claim(ctx, c.ID); err != nil {
		return err
	}
	defer s.release(c.ID)
	from, err := eml.ParseMailbox(c.From)
	if err != nil {
		return fmt.Errorf("sender of campaign %d: %w", c.ID, err)
	}
	segment, err := audience.ParseSegment(c.Segment, s.Settings.zone())
	if err != nil {
		return fmt.Errorf("segment of campaign %d: %w", c.ID, err)
	}
	newest, err := s.people.MaxID()
	if err != nil {
		return fmt.Errorf("freeze campaign %d: %w", c.ID, err)
	}
	err = s.spool.Begin(spool.WithCaller(ctx, c.StartedBy), spool.Ledger{Campaign: c.ID, State: spool.Freezing, FromDomain: eml.Domain(from.Address),
		ConfigurationSet: s.Settings.ConfigurationSet, MaxID: newest, Expect: c.Expect, Most: c.Most, Started: c.Sealed, Window: c.Window, Brake: cmp.Or(c.Brake, s.Settings.Brake),
		Unlimited: !s.people.Limited(c.Topic), Acts: acts(c.Overrides)})
	if err != nil {
		return fmt.Errorf("begin ledger of campaign %d: %w", c.ID, err)
	}
	l, err := s.spool.Ledger(c.ID)
	if err != nil || l.State != spool.Freezing {
		return err
	}
	began := time.Now()
	if err := s.walk(ctx, c, segment.At(c.Sealed), l); err != nil {
		if errors.Is(err, spool.ErrFull) {
			s.stall()
		}
		return fmt.Errorf("freeze campaign %d: %w", c.ID, err)
	}
	s.log().Info("audience frozen", "campaign", c.ID, "took", time.Since(began).Round(time.Millisecond))
	return nil
}

// walk puts everyone the segment selects after the mark into the ledger. The
// last batch ends the freeze, so an empty audience needs one too.
func (s *Store) walk(ctx context.Context, c Campaign, segment *audience.Segment, l spool.Ledger) error {
	rows := make([]spool.Row, 0, freezeBatch)
	err := s.people.Walk(ctx, segment, c.Topic, l.Frozen, l.MaxID, func(sub *audience.Subscriber, skip string) error {
		if len(rows) == freezeBatch {
			if err := s.spool.PutBatch(ctx, c.ID, rows, spool.Mark{Subscriber: rows[len(rows)-1].Subscriber}); err != nil {
				return err
			}
			rows = rows[:0]
		}
		rows = append(rows, spool.Row{Subscriber: sub.ID, Skip: skip})
		return nil
	})
	if err == nil {
		err = s.spool.PutBatch(ctx, c.ID, rows, spool.Mark{Subscriber: l.MaxID, Done: true, Hold: s.interrupted(c)})
	}
	if errors.Is(err, spool.ErrState) {
		return nil // cancelled meanwhile
	}
	return err
}

// Run finishes what a crash or a full disk interrupted (freezes, cancels) and
// blocks till ctx ends. An error of one campaign, even one whose record is
// damaged, is logged and does not hinder the others.
func (s *Store) Run(ctx context.Context) error {
	for first := true; ; first = false {
		all, err := s.Campaigns()
		if err != nil {
			return fmt.Errorf("look for interrupted campaigns: %w", err)
		}
		for _, c := range all {
			if c.Damaged {
				s.log().Error("record of a campaign was damaged", "campaign", c.ID, "hint", damagedHint)
				continue
			}
			if err := s.finish(ctx, c); err != nil && ctx.Err() == nil {
				s.log().Error("interrupted campaign could not be finished", "campaign", c.ID, "err", err)
			}
		}
		if first {
			s.tidy()
		}
		if !s.awaitStall(ctx) {
			return nil
		}
	}
}

// tidy drops what nobody needs any more.
func (s *Store) tidy() {
	dropped, err := s.dropFiles(now())
	if err != nil {
		s.log().Error("unused files could not be dropped", "err", err)
	}
	if dropped > 0 {
		s.log().Info("unused files dropped", "count", dropped)
	}
}

// stall asks Run to look again: the disk was full.
func (s *Store) stall() {
	select {
	case s.stalled <- struct{}{}:
	default:
	}
}

// awaitStall returns a while after a freeze met a full disk; false when ctx ended.
func (s *Store) awaitStall(ctx context.Context) bool {
	select {
	case <-s.stalled:
	case <-ctx.Done():
		return false
	}
	again := time.NewTimer(fullRetry)
	defer again.Stop()
	select {
	case <-again.C:
		return true
	case <-ctx.Done():
		return false
	}
}

func (s *Store) finish(ctx context.Context, c Campaign) error {
	if c.Sealed.IsZero() {
		return nil
	}
	switch c.State {
	case spool.Freezing:
		s.log().Info("interrupted freeze resumed", "campaign", c.ID)
		return s.freeze(ctx, c)
	case spool.Cancelling:
		s.log().Info("interrupted cancel resumed", "campaign", c.ID)
		return s.spool.Cancel(ctx, c.ID)
	}
	return nil
}

// Pause stops a running campaign after the calls that are open. ErrState, ErrNotFound.
func (s *Store) Pause(ctx context.Context, id uint64) (Campaign, error) {
	return s.steer(id, func() error { return s.spool.Pause(ctx, id, "paused by a person") })
}

// Resume lets a paused or held campaign go on. ErrState, ErrNotFound.
func (s *Store) Resume(ctx context.Context, id uint64) (Campaign, error) {
	return s.steer(id, func() error { return s.spool.Resume(ctx, id) })
}

// Cancel ends a campaign: whoever was not mailed yet is skipped as cancelled.
// A draft just becomes cancelled. ErrState, ErrNotFound.
func (s *Store) Cancel(ctx context.Context, id uint64) (Campaign, error) {
	c, err := s.record(id)
	if err != nil {
		return Campaign{}, err
	}
	if !c.Sealed.IsZero() {
		return s.steer(id, func() error {
			ctx, cancel := s.detached(ctx)
			defer cancel()
			return s.spool.Cancel(ctx, id)
		})
	}
	return s.change(id, func(c *Campaign) error {
		if !c.Sealed.IsZero() {
			return fmt.Errorf("campaign %d was started meanwhile: %w", id, ErrState)
		}
		c.State, c.Ended = spool.Cancelled, now()
		return nil
	})
}

// Resend puts exactly those recipients back that failed, or whose outcome is
// unknown, now; a campaign that is done runs again. It returns how many.
// ErrState, ErrNotFound.
func (s *Store) Resend(ctx context.Context, id uint64, outcome spool.Outcome) (c Campaign, count int64, err error) {
	c, err = s.steer(id, func() (err error) {
		count, err = s.spool.Resend(ctx, id, outcome)
		return err
	})
	return c, count, err
}

// steer does something to a sealed campaign's ledger and returns how it stands.
func (s *Store) steer(id uint64, do func() error) (Campaign, error) {
	c, err := s.Campaign(id)
	if err != nil {
		return Campaign{}, err
	}
	if c.Sealed.IsZero() {
		if c.State == spool.Held {
			return Campaign{}, heldStart(c)
		}
		return Campaign{}, fmt.Errorf("campaign %d is %s: %w", id, c.State, ErrState)
	}
	err = do()
	switch {
	case errors.Is(err, spool.ErrRowsRemoved):
		return Campaign{}, &eml.Problem{What: fmt.Sprintf("who these recipients of campaign %d were is not kept any more: retention has removed their rows", id),
			Hint: "mail the people anew with: pabal campaign copy " + fmt.Sprint(id), Err: ErrState}
	case errors.Is(err, spool.ErrState):
		return Campaign{}, fmt.Errorf("campaign %d is %s: %w", id, c.State, ErrState)
	case errors.Is(err, spool.ErrNotFound):
		return Campaign{}, fmt.Errorf("campaign %d is not frozen yet: %w", id, ErrState)
	case err != nil:
		return Campaign{}, fmt.Errorf("change campaign %d: %w", id, err)
	}
	s.log().Info("campaign changed", "campaign", id)
	return s.Campaign(id)
}
