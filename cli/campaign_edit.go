package cli

import (
	"context"
	"fmt"
	"maps"

	"github.com/spf13/cobra"

	"pabal/campaign"
	"pabal/control"
	"pabal/eml"
	"pabal/spool"
)

// steering is the flags for send window and brake.
type steering struct {
	hours, days, zone  string
	bounces, complains float64
	noBrake            bool
	usualBrake         bool
}

func (s *steering) flags(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&s.hours, "window", "", "send between these `HOURS` only, as in 09-20; '' for always")
	flags.StringVar(&s.days, "days", "", "and on these `DAYS` only, as in mon-fri")
	flags.StringVar(&s.zone, "zone", "", "time `ZONE` of --window (default: [campaign] timezone)")
	flags.Float64Var(&s.bounces, "brake-bounce", 0, "pause it when more than `PERCENT` bounce for good (default: [brake])")
	flags.Float64Var(&s.complains, "brake-complaint", 0, "pause it when more than `PERCENT` are complained about (default: [brake])")
	flags.BoolVar(&s.noBrake, "no-brake", false, "never pause it for bounces or complaints")
}

// windowOf is the window that the flags ask for; set is false when they ask for none.
func (s *steering) windowOf(cmd *cobra.Command, old *spool.Window) (w *spool.Window, set bool) {
	changed := cmd.Flags().Changed
	if !changed("window") && !changed("days") && !changed("zone") {
		return old, false
	}
	if changed("window") && s.hours == "" && s.days == "" {
		return nil, true
	}
	next := spool.Window{Hours: "00-24"} // in the zone of the daemon
	if old != nil {
		next = *old
	}
	if s.hours != "" {
		next.Hours = s.hours
	}
	if changed("days") {
		next.Days = s.days
	}
	if s.zone != "" {
		next.Zone = s.zone
	}
	return &next, true
}

// brakeOf is the brake that the flags ask for; what they leave out is as usual.
func (s *steering) brakeOf(cmd *cobra.Command, old *spool.Brake) (b *spool.Brake, set bool, err error) {
	changed := cmd.Flags().Changed
	switch {
	case s.noBrake && (changed("brake-bounce") || changed("brake-complaint")):
		return nil, false, usage("--no-brake excludes limits", "leave out one of them")
	case s.noBrake:
		return &spool.Brake{}, true, nil
	case !changed("brake-bounce") && !changed("brake-complaint"):
		return old, false, nil
	}
	next := spool.Brake(defaults().Brake)
	if old != nil && old.First+old.Window > 0 {
		next = *old
	}
	if changed("brake-bounce") {
		next.BouncePercent = s.bounces
	}
	if changed("brake-complaint") {
		next.ComplaintPercent = s.complains
	}
	return &next, true, campaign.CheckBrake(&next)
}

func (a *app) campaignEdit() *cobra.Command {
	var (
		d             campaign.Campaign
		values, unset []string
		clear         bool
		steer         steering
	)
	var cmd *cobra.Command
	cmd = a.campaignCommand("edit", "Change a draft; '' clears a field. Of a scheduled one the schedule is taken off; of a started one window and brake can be changed",
		"pabal campaign edit 7 --segment 'tag(\"vip2026\")' --set Subject='겨울 세일' --unset Body\npabal campaign edit 7 --window 09-20 --days mon-fri",
		func(ctx context.Context, c *control.Client, id uint64) error {
			now, err := c.Campaign(ctx, id)
			if err != nil {
				return err
			}
			window, newWindow := steer.windowOf(cmd, now.Window)
			brake, newBrake, err := steer.brakeOf(cmd, now.Brake)
			if err != nil {
				return err
			}
			content := clear
			for _, name := range []string{"template", "template-version", "name", "segment", "from", "reply-to", "topic", "set", "unset"} {
				content = content || cmd.Flags().Changed(name)
			}
			if !content && !newWindow && !newBrake {
				return usage("nothing is to be changed", "for example: pabal campaign edit 7 --name '겨울 세일'")
			}
			if !content {
				return a.editSteering(ctx, c, now, steered{window, newWindow, brake, newBrake})
			}
			edited := now
			edited.Window, edited.Brake = window, brake
			if err := edit(cmd, &edited, &d, values, unset, clear); err != nil {
				return err
			}
			changed, err := c.EditCampaign(ctx, edited)
			if err != nil {
				return err
			}
			if now.Schedule != nil {
				fmt.Fprintf(a.stderr, "It is a draft again: what was confirmed for %s has changed. To schedule it: pabal campaign schedule %d --at '%s'\n", now.Schedule.Wall, id, now.Schedule.Wall)
			}
			return a.describeAny(ctx, c, changed)
		})
	flags := cmd.Flags()
	flags.StringVar(&d.Template, "template", "", "`NAME` of the template")
	flags.IntVar(&d.TemplateVersion, "template-version", 0, "`N`, 0 for the newest when it starts")
	flags.StringVar(&d.Name, "name", "", "`TEXT` for people; '' is the template's name")
	flags.StringVar(&d.Segment, "segment", "", "only whom the `EXPRESSION` selects; '' is everyone")
	flags.StringVar(&d.From, "from", "", "`MAILBOX`; '' is [campaign] from")
	flags.StringVar(&d.ReplyTo, "reply-to", "", "`MAILBOX`; '' is [campaign] reply_to")
	flags.StringVar(&d.Topic, "topic", "", "`TOPIC` a person may have switched off; '' is none")
	flags.StringArrayVar(&values, "set", nil, "value `KEY=VALUE` or KEY=@FILE; may be given more than once")
	flags.StringArrayVar(&unset, "unset", nil, "take the value `KEY` out; may be given more than once")
	flags.BoolVar(&clear, "clear-values", false, "take all values out first")
	steer.flags(cmd)
	return cmd
}

// edit puts the flags that were given into a campaign.
func edit(cmd *cobra.Command, c, d *campaign.Campaign, values, unset []string, clear bool) error {
	changed := cmd.Flags().Changed
	for _, f := range []struct {
		name string
		to   *string
		from string
	}{{"template", &c.Template, d.Template}, {"name", &c.Name, d.Name}, {"segment", &c.Segment, d.Segment}, {"from", &c.From, d.From},
		{"reply-to", &c.ReplyTo, d.ReplyTo}, {"topic", &c.Topic, d.Topic}} {
		if changed(f.name) {
			*f.to = f.from
		}
	}
	if changed("template-version") {
		c.TemplateVersion = d.TemplateVersion
	} else if changed("template") {
		c.TemplateVersion = 0
	}
	set, err := setValues(values)
	if err != nil {
		return err
	}
	next := map[string]string{}
	if !clear {
		maps.Copy(next, c.Values)
	}
	for _, key := range unset {
		if _, ok := next[key]; !ok {
			return &eml.Problem{What: "the campaign has no value " + eml.Visible(key), Hint: fmt.Sprintf("see which it has: pabal campaign show %d --json", c.ID)}
		}
		delete(next, key)
	}
	maps.Copy(next, set)
	c.Values = next
	return nil
}

// steered is what is to become of window and brake.
type steered struct {
	window    *spool.Window
	newWindow bool
	brake     *spool.Brake
	newBrake  bool
}

// editSteering changes what may be changed at any time.
func (a *app) editSteering(ctx context.Context, c *control.Client, now campaign.Campaign, s steered) (err error) {
	if s.newWindow {
		if now, err = c.SetWindow(ctx, now.ID, s.window); err != nil {
			return err
		}
	}
	if s.newBrake {
		if now, err = c.SetBrake(ctx, now.ID, s.brake); err != nil {
			return err
		}
	}
	return a.describeAny(ctx, c, now)
}

func (a *app) campaignCopy() *cobra.Command {
	var name string
	cmd := a.campaignCommand("copy", "Make a draft of it, to send it again, and say what has changed since", "pabal campaign copy 7 --name '12월 세일'",
		func(ctx context.Context, c *control.Client, id uint64) error {
			made, err := c.CopyCampaign(ctx, id, name)
			if err != nil {
				return err
			}
			return one(a, made, func(r *report) {
				describeHead(r, made.Campaign)
				describeChanges(r, made.Changes)
				r.line("Campaign %d is a draft. Next: pabal campaign preflight %d", made.ID, made.ID)
			})
		})
	cmd.Flags().StringVar(&name, "name", "", "`TEXT` for people (default: the old one with a number)")
	return cmd
}

// describeChanges says what a copy sends otherwise.
func describeChanges(r *report, all []campaign.Change) {
	for _, ch := range all {
		label := map[campaign.ChangeCode]string{campaign.ChangedVersion: "template's version", campaign.ChangedSubject: "subject",
			campaign.ChangedAudience: "recipients", campaign.ChangedSender: "sender"}[ch.Code]
		r.pair(label, fmt.Sprintf("was %s, is %s", ch.Was, ch.Is))
	}
}
