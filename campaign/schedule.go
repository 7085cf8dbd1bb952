package campaign

import (
	"context"
	"fmt"
	"strings"
	"time"

	"pabal/eml"
	"pabal/spool"
)

// A scheduled start is a draft with a time: nothing of it is in the spool. At
// the time it is what a person's start is, preflight and its sync of the
// customers first, and one commit that seals it only while it is still scheduled
// as it was. So it begins once: before that commit a crash leaves it scheduled,
// and the next process starts it or, when it is too late, holds it; after the
// commit Run finishes the start as any other.

const (
	// DefaultLate is how late a scheduled start may begin unless told otherwise.
	DefaultLate = 30 * time.Minute
	minLate     = time.Minute
	maxLate     = 7 * 24 * time.Hour
	maxAhead    = 400 * 24 * time.Hour // that far off is a slip of the pen

	// scheduleLook is how often the clock is looked at although nothing is due
	// yet: it may be set, and a process that slept sees it late.
	scheduleLook = 30 * time.Second

	wallFormat   = "2006-01-02 15:04"
	wallToSecond = "2006-01-02 15:04:05"

	// More recipients than were confirmed are mailed at a scheduled start as long
	// as they are at most a tenth more, or five: customers come and go until then.
	growthShare = 10
	growthFew   = 5
)

// HeldFor says why a scheduled start did not happen. Screens translate by it.
type HeldFor string

// The reasons, with what Campaign.Reason says in words.
const (
	HeldLate    HeldFor = "late"    // nobody was there to start it until it was too late
	HeldBlocked HeldFor = "blocked" // preflight blocked it, a sync that failed included
	HeldGrown   HeldFor = "grown"   // more recipients than were confirmed
	HeldZone    HeldFor = "zone"    // its time zone is not known any more
)

// Schedule is when a campaign starts by itself. Wall time and zone are what
// counts: should a country change its clocks, it moves with them.
type Schedule struct {
	Wall        string      `json:"wall"` // 2026-12-01 10:00, as the clocks of Zone show
	Zone        string      `json:"zone"`
	LateSeconds int64       `json:"late_seconds"` // later than this it is held, not started
	Expect      int64       `json:"expect"`       // recipients a person confirmed; -1: not compared
	By          string      `json:"by,omitempty"` // who
	Made        time.Time   `json:"made"`
	Overrides   []Override  `json:"overrides,omitempty"` // blocks of preflight that a person let pass
	Pinned      bool        `json:"pinned,omitempty"`    // the template's version was fixed by it
	Due         time.Time   `json:"due,omitzero"`        // of Wall, by the zone database of today
	Clock       spool.Clock `json:"clock,omitempty"`     // what the clocks do then: gap, twice
}

// Late is how late it may begin.
func (sc *Schedule) Late() time.Duration { return time.Duration(sc.LateSeconds) * time.Second }

// Most is how many recipients it may have in the end; 0 is any number.
func (sc *Schedule) Most() int64 {
	if sc.Expect < 0 {
		return 0
	}
	return max(sc.Expect+max(sc.Expect/growthShare, growthFew), 1)
}

// read computes Due and Clock.
func (sc *Schedule) read() error {
	zone, err := spool.LoadZone(sc.Zone)
	if err != nil {
		return err
	}
	wall, err := readWall(sc.Wall)
	if err != nil {
		return err
	}
	sc.Due, sc.Clock = spool.Instant(wall, zone)
	sc.Due = sc.Due.UTC()
	return nil
}

func readWall(text string) (time.Time, error) {
	text = strings.Replace(strings.TrimSpace(text), "T", " ", 1)
	wall, err := time.Parse(wallFormat, text)
	if err != nil {
		wall, err = time.Parse(wallToSecond, text)
	}
	if err != nil || wall.Nanosecond() > 0 {
		return wall, &eml.Problem{What: "the time " + eml.Visible(fmt.Sprintf("%q", text)) + " is not understood", Hint: `write "2026-12-01 10:00"`, Err: err}
	}
	return wall, nil
}

// ScheduleOrder is what a person asks of Store.Schedule.
type ScheduleOrder struct {
	At          string `json:"at"`                     // 2026-12-01 10:00
	Zone        string `json:"zone,omitempty"`         // IANA name; "" is the configured one
	LateSeconds int64  `json:"late_seconds,omitempty"` // 0 means DefaultLate
	Expect      int64  `json:"expect"`                 // recipients confirmed, -1 for none
	Hours       string `json:"hours,omitempty"`        // of the send window, in the same zone; "" leaves it as it is
	Days        string `json:"days,omitempty"`

	Overrides []Override `json:"overrides,omitempty"` // blocks that are let pass, as StartOver has them
}

// Schedule has a draft start by itself, or moves one that is scheduled or was
// held at its time. The version of its template is fixed now. It returns a
// *BlockedError when preflight blocks, ErrState once it is started, ErrNotFound,
// and *eml.Problem for what cannot be read or is past.
func (s *Store) Schedule(ctx context.Context, id uint64, o ScheduleOrder) (Campaign, error) {
	c, err := s.record(id)
	if err != nil {
		return Campaign{}, err
	}
	if err := startable(c); err != nil {
		return Campaign{}, err
	}
	sc, window, err := s.ordered(o)
	if err != nil {
		return Campaign{}, err
	}
	sc.By = spool.Caller(ctx)
	over, err := CheckOverrides(o.Overrides)
	if err != nil {
		return Campaign{}, err
	}
	check, err := s.Preflight(ctx, id)
	if err != nil {
		return Campaign{}, fmt.Errorf("preflight of campaign %d: %w", id, err)
	}
	sc.Overrides = check.Override(over)
	if check.Blocked {
		return Campaign{}, &BlockedError{Preflight: check}
	}
	for i := range sc.Overrides {
		sc.Overrides[i].By, sc.Overrides[i].At = sc.By, now()
	}
	t, err := s.Template(c.Template, c.TemplateVersion)
	if err != nil {
		return Campaign{}, err
	}
	c, err = s.change(id, func(now *Campaign) error {
		if err := startable(*now); err != nil {
			return err
		}
		if !now.sameMailing(c) {
			return fmt.Errorf("campaign %d was edited meanwhile: %w", id, ErrState)
		}
		sc.Pinned = now.TemplateVersion == 0 || now.Schedule != nil && now.Schedule.Pinned
		now.TemplateVersion, now.Schedule = t.Version, &sc
		now.State, now.Reason, now.HeldFor = spool.Scheduled, "", ""
		if window != nil {
			now.Window = window
		}
		return nil
	})
	if err != nil {
		return Campaign{}, err
	}
	s.log().Info("campaign scheduled", "campaign", id, "at", sc.Due, "wall", sc.Wall, "zone", sc.Zone, "by", sc.By)
	s.lookAtClock()
	return s.withLedger(c)
}

// PlanSchedule is the flight plan that a campaign would have under an order;
// nothing is changed. What Schedule returns but *BlockedError.
func (s *Store) PlanSchedule(ctx context.Context, id uint64, o ScheduleOrder) (Plan, error) {
	c, err := s.record(id)
	if err != nil {
		return Plan{}, err
	}
	if err := startable(c); err != nil {
		return Plan{}, err
	}
	sc, window, err := s.ordered(o)
	if err != nil {
		return Plan{}, err
	}
	if c.State, c.Schedule = spool.Scheduled, &sc; window != nil {
		c.Window = window
	}
	count, err := s.count(ctx, c)
	if err != nil {
		return Plan{}, err
	}
	return s.planOf(ctx, c, count.Mailable)
}

// ordered reads an order.
func (s *Store) ordered(o ScheduleOrder) (sc Schedule, window *spool.Window, err error) {
	at := s.time()
	sc = Schedule{Zone: o.Zone, LateSeconds: o.LateSeconds, Expect: max(o.Expect, -1), Made: at.UTC().Truncate(time.Millisecond)}
	if sc.Zone == "" {
		sc.Zone = s.zoneName()
	}
	if sc.LateSeconds == 0 {
		sc.LateSeconds = int64(DefaultLate / time.Second)
	}
	wall, err := readWall(o.At)
	if err != nil {
		return sc, nil, err
	}
	sc.Wall = strings.TrimSuffix(wall.Format(wallToSecond), ":00")
	if err := sc.read(); err != nil {
		return sc, nil, err
	}
	switch {
	case !sc.Due.After(at):
		return sc, nil, &eml.Problem{What: sc.Wall + " in " + sc.Zone + " is past", Hint: "give a time to come, or start it now: pabal campaign start"}
	case sc.Due.Sub(at) > maxAhead:
		return sc, nil, &eml.Problem{What: sc.Wall + " is more than a year away", Hint: "is the year right?"}
	case sc.Late() < minLate || sc.Late() > maxLate:
		return sc, nil, &eml.Problem{What: fmt.Sprintf("%s is no limit for a late start", sc.Late()), Hint: "from 1m to 168h"}
	}
	if o.Hours == "" && o.Days == "" {
		return sc, nil, nil
	}
	hours := o.Hours
	if hours == "" {
		hours = "00-24"
	}
	w, err := spool.ParseWindow(hours, o.Days, sc.Zone)
	return sc, &w, err
}

// zoneName is the configured zone by its IANA name.
func (s *Store) zoneName() string {
	if s.Settings.Zone == nil {
		return "Asia/Seoul" // as Settings.zone has it
	}
	return s.Settings.Zone.String()
}

// Unschedule makes a scheduled campaign, or one that was held at its time, a
// draft again. ErrState for anything else, ErrNotFound.
func (s *Store) Unschedule(ctx context.Context, id uint64) (Campaign, error) {
	if err := ctx.Err(); err != nil {
		return Campaign{}, err
	}
	c, err := s.change(id, func(c *Campaign) error {
		if !c.Sealed.IsZero() || c.Schedule == nil || c.State == spool.Cancelled {
			return fmt.Errorf("campaign %d is not scheduled: %w", id, ErrState)
		}
		c.unschedule()
		return nil
	})
	if err != nil {
		return Campaign{}, err
	}
	s.log().Info("schedule taken off", "campaign", id, "by", spool.Caller(ctx))
	return s.withLedger(c)
}

func (c *Campaign) unschedule() {
	if c.Schedule != nil && c.Schedule.Pinned {
		c.TemplateVersion = 0
	}
	c.Schedule, c.State, c.Reason, c.HeldFor = nil, spool.Draft, "", ""
}
