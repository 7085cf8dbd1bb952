package cli

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"pabal/control"
)

func (a *app) campaignResend() *cobra.Command {
	var outcome string
	var yes bool
	cmd := a.campaignCommand("resend", "Send again to exactly those that failed, or whose outcome is unknown", "pabal campaign resend 7 --outcome failed",
		func(ctx context.Context, c *control.Client, id uint64) error {
			if outcome != "failed" && outcome != "unknown" {
				return usage("a resend needs --outcome failed or --outcome unknown", fmt.Sprintf("see who they are first: pabal campaign recipients %d --outcome failed", id))
			}
			if !yes {
				if err := a.askResend(ctx, c, id, outcome); err != nil {
					return err
				}
			}
			after, resent, err := c.Resend(ctx, id, outcome)
			if err != nil {
				return err
			}
			return one(a, control.ResendResult{Campaign: after, Resent: resent}, func(r *report) {
				r.line("%s recipients of campaign %d are sent again; follow them with: pabal campaign show %d", commas(resent), id, id)
			})
		})
	cmd.Flags().StringVar(&outcome, "outcome", "", "`OUTCOME` to send again: failed or unknown")
	cmd.Flags().BoolVar(&yes, "yes", false, "do not ask")
	return cmd
}

// askResend shows how many people it is about and waits for a yes.
func (a *app) askResend(ctx context.Context, c *control.Client, id uint64, outcome string) error {
	if !isTerminal(a.stdin) || !isTerminal(a.stderr) {
		return usage("a resend mails people, and there is no terminal to ask on",
			fmt.Sprintf("to send without a question: pabal campaign resend %d --outcome %s --yes", id, outcome))
	}
	now, err := c.Campaign(ctx, id)
	if err != nil {
		return err
	}
	count, warning := now.Failed, ""
	if outcome == "unknown" {
		count, warning = now.Unknown, " Some of them may get it twice."
	}
	return a.ask(fmt.Sprintf("Send again to %s people?%s", commas(count), warning))
}
