package cli

import (
	"context"
	"slices"

	"github.com/spf13/cobra"

	"pabal/campaign"
	"pabal/control"
	"pabal/eml"
)

func (a *app) domainCommands() *cobra.Command {
	return a.group("domain", "The domains of senders, at SES and in the DNS", a.domainCheck())
}

// domainCheck exits 1 while a domain is set up so that mail from it is blocked.
func (a *app) domainCheck() *cobra.Command {
	return a.asking("check [DOMAIN]", "See how SES and the DNS have the domains that mail is sent from, and how to mend them", "pabal domain check example.com",
		func(ctx context.Context, c *control.Client, args []string) error {
			cfg, err := a.config()
			if err != nil {
				return err
			}
			name := ""
			if len(args) > 0 {
				name = args[0]
			}
			all, err := c.Domains(ctx, name, a.language(cfg))
			if err != nil {
				return err
			}
			var blocked []string
			for _, d := range all {
				if slices.ContainsFunc(d.Findings, func(f campaign.Finding) bool { return f.Level == campaign.Block }) {
					blocked = append(blocked, d.Name)
				}
				if err := one(a, d, func(r *report) { describeDomain(r, d) }); err != nil {
					return err
				}
			}
			if len(blocked) > 0 && (name != "" || blocked[0] == all[0].Name) {
				return &eml.Problem{What: blocked[0] + " is not set up to send", Hint: "mend what blocks, as said above"}
			}
			return nil
		})
}

func describeDomain(r *report, d control.SenderDomain) {
	r.line("%s", eml.Visible(d.Name))
	if d.Error != "" {
		r.line("  not known: %s", eml.Visible(d.Error))
		return
	}
	if len(d.Findings) == 0 {
		r.line("  all is set up right")
	}
	for _, f := range d.Findings {
		r.line("  [%s] %s", f.Level, eml.Visible(f.What))
		r.line("      %s", eml.Visible(f.Why))
		r.line("      -> %s", eml.Visible(f.How))
	}
	for _, rec := range d.Records {
		state := "not seen in the DNS"
		if rec.Found {
			state = "published"
		}
		r.line("  %s %s %s  (%s)", eml.Visible(rec.Name), eml.Visible(rec.Type), eml.Visible(rec.Value), state)
	}
}
