package cli

import (
	"bufio"
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"pabal/campaign"
	"pabal/control"
	"pabal/eml"
	"pabal/spool"
)

func (a *app) campaignStart() *cobra.Command {
	var (
		yes, wait      bool
		expect         int64
		rules, reasons []string
	)
	cmd := a.campaignCommand("start", "Mail it, after a question that shows the number of recipients", "pabal campaign start 7 --yes --expect 198 --wait",
		func(ctx context.Context, c *control.Client, id uint64) error {
			over, err := overrides(rules, reasons)
			if err != nil {
				return err
			}
			if !yes {
				confirmed, err := a.confirmStart(ctx, c, id, expect, over)
				if err != nil {
					return err
				}
				expect = confirmed
			}
			started, err := c.StartOver(ctx, id, expect, over)
			if err != nil {
				return err
			}
			if wait {
				if started, err = a.follow(ctx, c, id); err != nil {
					return err
				}
			}
			return a.describeCampaign(started)
		})
	cmd.Flags().BoolVar(&yes, "yes", false, "do not ask")
	cmd.Flags().StringArrayVar(&rules, "override", nil, "let what preflight's `RULE` blocks pass, with a --reason each; may be given more than once")
	cmd.Flags().StringArrayVar(&reasons, "reason", nil, "`TEXT` that is kept with the campaign: why it may go all the same")
	cmd.Flags().BoolVar(&wait, "wait", false, "stay until it is done and show how far it is")
	cmd.Flags().Int64Var(&expect, "expect", -1, "hold it if the number of recipients is not `N`")
	return cmd
}

// confirmStart shows what will happen and returns the number that was agreed to.
func (a *app) confirmStart(ctx context.Context, c *control.Client, id uint64, expect int64, over []campaign.Override) (int64, error) {
	if !isTerminal(a.stdin) || !isTerminal(a.stderr) {
		return 0, usage("starting a campaign mails people, and there is no terminal to ask on", fmt.Sprintf("to start it without a question: pabal campaign start %d --yes", id))
	}
	now, err := c.Campaign(ctx, id)
	if err != nil {
		return 0, err
	}
	if !now.Sealed.IsZero() || now.State == spool.Cancelled {
		return 0, &eml.Problem{What: fmt.Sprintf("campaign %d is %s", id, now.State), Hint: fmt.Sprintf("see: pabal campaign show %d", id), Err: campaign.ErrState}
	}
	p, err := a.preflight(ctx, c, id)
	if err != nil {
		return 0, err
	}
	if p.Override(over); p.Blocked {
		return 0, blocked(p, a.preflightLanguage())
	}
	if expect >= 0 && expect != p.Audience.Mailable {
		return 0, &eml.Problem{What: fmt.Sprintf("the campaign goes to %s, not to %s", commas(p.Audience.Mailable), commas(expect)),
			Hint: fmt.Sprintf("see why: pabal campaign preflight %d", id)}
	}
	plan, err := c.Plan(ctx, id)
	if err != nil {
		return 0, err
	}
	r := &report{zone: a.zone()}
	describePreflight(r, p, a.preflightLanguage())
	describePlan(r, plan, a.planTexts())
	if err := r.writeTo(a.stderr); err != nil {
		return 0, err
	}
	return p.Audience.Mailable, a.ask(fmt.Sprintf(a.planTexts().sendNow, commas(p.Audience.Mailable)))
}

// ask waits for a yes on the terminal; anything else is an error.
func (a *app) ask(question string) error {
	fmt.Fprint(a.stderr, question+" [y/N] ")
	answer, _ := bufio.NewReader(a.stdin).ReadString('\n') // no answer is no
	switch strings.ToLower(strings.TrimSpace(answer)) {
	case "y", "yes", "예", "네", "ㅛ": // ㅛ: y on a Korean keyboard
		return nil
	}
	return &eml.Problem{What: "nothing was done", Hint: "answer y to go on"}
}

// follow shows how far a campaign is until it is done, and returns it as it is then.
func (a *app) follow(ctx context.Context, c *control.Client, id uint64) (campaign.Campaign, error) {
	progress := newBar(a.stderr)
	defer progress.clear()
	var last campaign.Campaign
	for now, err := range c.Watch(ctx, id) {
		if err != nil {
			return last, err
		}
		if why := waitsFor(now); why != "" && why != waitsFor(last) {
			progress.clear()
			fmt.Fprintf(a.stderr, "%s\n", eml.Visible(why))
		}
		last = now
		progress.show(now.Accepted+now.Failed+now.Skipped+now.Unknown, now.Audience, fmt.Sprintf("%s %.0f/s", now.State, now.PerSecond))
	}
	if ctx.Err() != nil {
		return last, &eml.Problem{What: "no longer following; the campaign goes on", Hint: fmt.Sprintf("see: pabal campaign show %d", id), Err: ctx.Err()}
	}
	return last, nil
}

// waitsFor is why a campaign does not send now, "" when it does.
func waitsFor(c campaign.Campaign) string {
	if c.Hold != nil {
		return "on hold: " + c.Hold.Reason
	}
	if c.State == spool.Held {
		return "held: " + c.Reason
	}
	return ""
}

func (a *app) campaignCancel() *cobra.Command {
	var yes bool
	cmd := a.campaignCommand("cancel", "Skip everyone not yet mailed; there is no way back", "pabal campaign cancel 7 --yes",
		func(ctx context.Context, c *control.Client, id uint64) error {
			if !yes {
				if !isTerminal(a.stdin) || !isTerminal(a.stderr) {
					return usage("cancelling is for good, and there is no terminal to ask on", fmt.Sprintf("to cancel without a question: pabal campaign cancel %d --yes", id))
				}
				now, err := c.Campaign(ctx, id)
				if err != nil {
					return err
				}
				if err := a.ask(fmt.Sprintf("Skip the %s people not yet mailed?", commas(now.Pending))); err != nil {
					return err
				}
			}
			cancelled, err := c.Cancel(ctx, id)
			if err != nil {
				return err
			}
			return a.describeCampaign(cancelled)
		})
	cmd.Flags().BoolVar(&yes, "yes", false, "do not ask")
	return cmd
}
