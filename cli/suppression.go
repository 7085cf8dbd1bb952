package cli

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"pabal/audience"
	"pabal/control"
	"pabal/eml"
)

func (a *app) suppressionCommands() *cobra.Command {
	return a.group("suppression", "Addresses never to be mailed again, in any lane", a.suppressionList(), a.suppressionAdd(), a.suppressionRemove(),
		a.suppressionImport(), a.suppressionPull(), a.suppressionPush())
}

func (a *app) suppressionList() *cobra.Command {
	return a.asking("list", "List suppressed addresses", "pabal suppression list", func(ctx context.Context, c *control.Client, _ []string) error {
		return show(a, c.Suppressions(ctx), func() *table { return newTable("EMAIL", "REASON", "AT", "DETAIL") },
			func(s audience.Suppression) []string {
				return []string{s.Email, suppressedFor(s), a.when(s.At), s.Detail}
			})
	})
}

// suppressedFor is a reason for people.
func suppressedFor(s audience.Suppression) string {
	if s.Soft {
		return "soft bounces"
	}
	return s.Reason
}

func (a *app) suppressionAdd() *cobra.Command {
	var detail string
	cmd := a.asking("add EMAIL", "Never mail an address again", "pabal suppression add minji@example.com --detail 'asked by phone'",
		func(ctx context.Context, c *control.Client, args []string) error {
			s, err := c.Suppress(ctx, args[0], detail)
			if err != nil {
				return err
			}
			return one(a, s, func(r *report) { r.line("%s is suppressed", s.Email) })
		})
	cmd.Flags().StringVar(&detail, "detail", "", "`TEXT` for whoever asks why (default: your user name)")
	return cmd
}

func (a *app) suppressionRemove() *cobra.Command {
	return a.asking("remove EMAIL", "Let an address be mailed again; a consent that a bounce or a complaint ended stays ended", "pabal suppression remove minji@example.com",
		func(ctx context.Context, c *control.Client, args []string) error {
			if err := c.Unsuppress(ctx, args[0]); err != nil {
				return err
			}
			p, err := c.Subscriber(ctx, args[0])
			if err != nil && !errors.Is(err, audience.ErrNotFound) {
				return err
			}
			return one(a, map[string]string{"email": args[0]}, func(r *report) {
				r.line("%s is no longer suppressed", eml.Visible(args[0]))
				if p.ID != 0 && !p.Consent.Subscribed {
					r.line("They are not subscribed (by %s): campaigns still leave them out. To ask them: pabal subscriber confirm %s", p.Consent.Source, eml.Visible(args[0]))
				}
				r.line("If they are on the SES account's list too, take them off it with: pabal suppression push")
			})
		})
}

func (a *app) suppressionImport() *cobra.Command {
	var reportTo string
	cmd := a.asking("import FILE", "Suppress a list: an address a line, or CSV with address and reason (- is stdin)",
		"pabal suppression import blocked.txt --report bad.csv",
		func(ctx context.Context, c *control.Client, args []string) error {
			return a.importSuppressions(ctx, c, args[0], reportTo)
		})
	cmd.Flags().StringVar(&reportTo, "report", "", "`FILE` for the lines that are no addresses: line, email, reason")
	return cmd
}

func (a *app) importSuppressions(ctx context.Context, c *control.Client, path, reportTo string) (err error) {
	in, name := a.stdin, "stdin"
	if path != "-" {
		f, err := os.Open(path)
		if err != nil {
			return &eml.Problem{What: "the list cannot be read: " + err.Error(), Hint: "check the name and the permissions", Err: err}
		}
		defer f.Close() // only read
		in, name = f, filepath.Base(path)
	}
	var bad io.Writer
	if reportTo != "" {
		f, err := os.OpenFile(reportTo, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
		if err != nil {
			return &eml.Problem{What: "the report cannot be written: " + err.Error(), Hint: "give --report a place that can be written", Err: err}
		}
		bad = f
		defer func() { err = errors.Join(err, f.Close()) }()
	}
	progress := newBar(a.stderr)
	result, err := c.ImportSuppressions(ctx, in, name, bad, func(s audience.SuppressResult) { progress.show(s.Lines, 0, "lines") })
	progress.clear()
	if err != nil {
		return err
	}
	return one(a, result, func(r *report) {
		r.pair("lines", commas(result.Lines))
		r.pair("added", commas(result.Added))
		r.pair("known", commas(result.Known))
		r.pair("rejected", commas(result.Rejected))
		for _, reject := range result.Rejects {
			r.line("  line %d: %s: %s", reject.Line, eml.Visible(reject.Email), eml.Visible(reject.Reason))
		}
		if more := result.Rejected - int64(len(result.Rejects)); more > 0 && reportTo == "" {
			r.line("  and %s more; --report FILE keeps them all", commas(more))
		}
	})
}

func (a *app) suppressionPull() *cobra.Command {
	var dryRun bool
	cmd := a.asking("pull", "Take over what is on the suppression list of the SES account", "pabal suppression pull --dry-run",
		func(ctx context.Context, c *control.Client, _ []string) error {
			progress := newBar(a.stderr)
			m, err := c.PullSuppressions(ctx, dryRun, func(m control.Mirrored) { progress.show(m.Account, 0, "entries") })
			progress.clear()
			if err != nil {
				return err
			}
			return one(a, m, func(r *report) {
				r.pair("on the account's list", commas(m.Account))
				r.pair("known", commas(m.Known))
				r.pair(would(dryRun, "taken over"), commas(m.Added))
				if m.Kept > 0 {
					r.line("%s were taken off our list by an operator since, and stay off. To take them off the account's too: pabal suppression push", commas(m.Kept))
				}
				invalid(r, m)
			})
		})
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "only say what would be done")
	return cmd
}

func (a *app) suppressionPush() *cobra.Command {
	var dryRun bool
	cmd := a.asking("push", "Bring the suppression list of the SES account in line with ours", "pabal suppression push --dry-run",
		func(ctx context.Context, c *control.Client, _ []string) error {
			progress := newBar(a.stderr)
			m, err := c.PushSuppressions(ctx, dryRun, func(m control.Mirrored) {
				if m.ToDo == 0 {
					progress.show(m.Account, 0, "entries of the account's list read")
					return
				}
				done := m.Added + m.Removed
				progress.show(done, m.ToDo, "changes, one a second, "+(time.Duration(m.ToDo-done)*time.Second).String()+" to go")
			})
			progress.clear()
			if err != nil {
				return err
			}
			return one(a, m, func(r *report) {
				r.pair("on the account's list", commas(m.Account))
				r.pair("on both", commas(m.Known))
				r.pair(would(dryRun, "put on it"), commas(m.Added))
				r.pair(would(dryRun, "taken off it"), commas(m.Removed))
				r.pair("ours alone", commas(m.Ours)+" (by the operator, for soft bounces, erased)")
				if m.Kept > 0 {
					r.line("%s are on the account's list only. To take them over: pabal suppression pull", commas(m.Kept))
				}
				invalid(r, m)
			})
		})
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "only say what would be done")
	return cmd
}

func would(dryRun bool, done string) string {
	if dryRun {
		return "would be " + done
	}
	return done
}

func invalid(r *report, m control.Mirrored) {
	if m.Invalid > 0 {
		r.line("%s are no addresses that can be mailed, and were passed over", commas(m.Invalid))
	}
}
