package cli

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"pabal/campaign"
	"pabal/control"
	"pabal/eml"
	"pabal/spool"
)

func (a *app) campaignSchedule() *cobra.Command {
	var (
		o           campaign.ScheduleOrder
		late        time.Duration
		yes, cancel bool

		rules, reasons []string
	)
	cmd := a.campaignCommand("schedule", "Have it start by itself at a time, after a question that shows the number of recipients",
		"pabal campaign schedule 7 --at '2026-12-01 10:00' --zone Asia/Seoul --yes --expect 198\npabal campaign schedule 7 --at '2026-12-01 10:00' --window 09-20 --days mon-fri\npabal campaign schedule 7 --cancel",
		func(ctx context.Context, c *control.Client, id uint64) error {
			switch {
			case cancel && o.At != "":
				return usage("--cancel and --at exclude each other", fmt.Sprintf("to move it: pabal campaign schedule %d --at '2026-12-01 10:00'", id))
			case cancel:
				draft, err := c.Unschedule(ctx, id)
				if err != nil {
					return err
				}
				return a.describeAny(ctx, c, draft)
			case o.At == "":
				return usage("a schedule needs --at", fmt.Sprintf("for example: pabal campaign schedule %d --at '2026-12-01 10:00'", id))
			}
			o.LateSeconds = int64(late / time.Second)
			over, err := overrides(rules, reasons)
			if err != nil {
				return err
			}
			o.Overrides = over
			if !yes {
				confirmed, err := a.confirmSchedule(ctx, c, id, o)
				if err != nil {
					return err
				}
				o.Expect = confirmed
			}
			scheduled, err := c.Schedule(ctx, id, o)
			if err != nil {
				return err
			}
			return a.describeAny(ctx, c, scheduled)
		})
	flags := cmd.Flags()
	flags.StringVar(&o.At, "at", "", "wall `TIME`, as in '2026-12-01 10:00'")
	flags.StringVar(&o.Zone, "zone", "", "time `ZONE` of --at and --window, as in Asia/Seoul (default: [campaign] timezone)")
	flags.DurationVar(&late, "late", campaign.DefaultLate, "hold it if it could only start later than this")
	flags.StringVar(&o.Hours, "window", "", "send between these `HOURS` only, as in 09-20")
	flags.StringVar(&o.Days, "days", "", "and on these `DAYS` only, as in mon-fri")
	flags.Int64Var(&o.Expect, "expect", -1, "recipients you expect: it is held if there are more than a tenth (and more than five) more than `N`")
	flags.StringArrayVar(&rules, "override", nil, "let what preflight's `RULE` blocks pass, with a --reason each; may be given more than once")
	flags.StringArrayVar(&reasons, "reason", nil, "`TEXT` that is kept with the campaign: why it may go all the same")
	flags.BoolVar(&yes, "yes", false, "do not ask")
	flags.BoolVar(&cancel, "cancel", false, "take the schedule off: a draft again")
	return cmd
}

// confirmSchedule shows what would happen and returns the number agreed to.
func (a *app) confirmSchedule(ctx context.Context, c *control.Client, id uint64, o campaign.ScheduleOrder) (int64, error) {
	if !isTerminal(a.stdin) || !isTerminal(a.stderr) {
		return 0, usage("a scheduled campaign mails people, and there is no terminal to ask on",
			fmt.Sprintf("to schedule it without a question: pabal campaign schedule %d --at '%s' --yes --expect N", id, eml.Visible(o.At)))
	}
	plan, err := c.PlanSchedule(ctx, id, o) // an order that cannot be is refused before anything else
	if err != nil {
		return 0, err
	}
	p, err := a.preflight(ctx, c, id)
	if err != nil {
		return 0, err
	}
	if p.Override(o.Overrides); p.Blocked {
		return 0, blocked(p, a.preflightLanguage())
	}
	if o.Expect >= 0 && o.Expect != p.Audience.Mailable {
		return 0, &eml.Problem{What: fmt.Sprintf("the campaign goes to %s, not to %s", commas(p.Audience.Mailable), commas(o.Expect)),
			Hint: fmt.Sprintf("see why: pabal campaign preflight %d", id)}
	}
	r := &report{zone: a.zone()}
	describePreflight(r, p, a.preflightLanguage())
	describePlan(r, plan, a.planTexts())
	if err := r.writeTo(a.stderr); err != nil {
		return 0, err
	}
	return p.Audience.Mailable, a.ask(fmt.Sprintf(a.planTexts().sendAt, commas(p.Audience.Mailable), r.when(plan.Start)))
}

// describeSteering says when a campaign starts and may send, and what pauses it.
func describeSteering(r *report, c campaign.Campaign) {
	if sc := c.Schedule; sc != nil && c.Sealed.IsZero() {
		at := sc.Wall + " " + sc.Zone
		switch sc.Clock {
		case spool.ClockGap:
			at += ", which the clocks skip: " + r.when(sc.Due)
		case spool.ClockTwice:
			at += ", the first of two: " + r.when(sc.Due)
		default:
			at += " (" + r.when(sc.Due) + ")"
		}
		r.pair("starts", at)
		r.pair("held if late by", sc.Late().String())
		if most := sc.Most(); most > 0 {
			r.pair("confirmed", fmt.Sprintf("%s recipients; held if there are more than %s", commas(sc.Expect), commas(most)))
		}
	}
	if c.Window != nil {
		r.pair("sends", c.Window.String())
	}
	if b := c.Brake; b != nil && !c.State.Final() {
		r.pair("brake", brakeText(b))
	}
}

func brakeText(b *spool.Brake) string {
	if b.BouncePercent <= 0 && b.ComplaintPercent <= 0 {
		return "off"
	}
	return fmt.Sprintf("bounces over %.3g %%, complaints over %.3g %%", b.BouncePercent, b.ComplaintPercent)
}
