package cli

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"pabal/campaign"
	"pabal/control"
	"pabal/eml"
)

func (a *app) campaignPreflight() *cobra.Command {
	return a.campaignCommand("preflight", "Check it over its real audience; exit 1 if it may not start", "pabal campaign preflight 7",
		func(ctx context.Context, c *control.Client, id uint64) error {
			p, err := a.preflight(ctx, c, id)
			if err != nil {
				return err
			}
			if err := one(a, p, func(r *report) { describePreflight(r, p) }); err != nil {
				return err
			}
			if p.Blocked {
				return blocked(p)
			}
			return nil
		})
}

// preflight asks for a preflight in the person's language and shows how far it is.
func (a *app) preflight(ctx context.Context, c *control.Client, id uint64) (campaign.Preflight, error) {
	progress := newBar(a.stderr)
	defer progress.clear()
	return c.PreflightTold(ctx, id, a.language(&Config{Language: "auto"}), func(done, total int64) { progress.show(done, total, "subscribers") })
}

func describePreflight(r *report, p campaign.Preflight) {
	describeCount(r, p.Audience)
	r.pair("largest mail", commas(p.MailBytes)+" bytes")
	for _, f := range p.Findings {
		count := ""
		if f.Count > 0 && !strings.Contains(f.What, commas(f.Count)) {
			count = " (" + commas(f.Count) + ")"
		}
		r.line("%s %s%s  [%s]", map[campaign.Level]string{campaign.Block: "[BLOCK]", campaign.Warn: "[warn] ", campaign.Note: "[note] "}[f.Level], eml.Visible(f.What), count, f.Rule)
		for _, text := range []string{f.Why, f.How} {
			if text != "" {
				r.line("        %s", eml.Visible(text))
			}
		}
		if len(f.Examples) > 0 {
			r.line("        %s", eml.Visible(strings.Join(f.Examples, ", ")))
		}
	}
	if !p.Blocked {
		r.line("It may start.")
	}
}

// blocked names the first thing that stands in the way.
func blocked(p campaign.Preflight) error {
	for _, f := range p.Findings {
		if f.Level == campaign.Block && f.Reason == "" {
			return &eml.Problem{What: fmt.Sprintf("campaign %d may not start: %s", p.Campaign, f.What), Hint: f.How, Err: campaign.ErrBlocked}
		}
	}
	return &eml.Problem{What: fmt.Sprintf("campaign %d may not start", p.Campaign), Hint: fmt.Sprintf("see: pabal campaign preflight %d", p.Campaign), Err: campaign.ErrBlocked}
}

// overrides pairs the rules that are overridden with the reasons typed for them.
func overrides(rules, reasons []string) ([]campaign.Override, error) {
	if len(rules) != len(reasons) {
		return nil, usage(fmt.Sprintf("there are %d --override and %d --reason", len(rules), len(reasons)),
			`each needs its own: --override sender_block --reason "why it may go all the same"`)
	}
	var all []campaign.Override
	for i := range rules {
		all = append(all, campaign.Override{Rule: rules[i], Reason: reasons[i]})
	}
	return campaign.CheckOverrides(all)
}
