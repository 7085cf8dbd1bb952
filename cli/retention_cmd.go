package cli

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"pabal/control"
	"pabal/eml"
)

func (a *app) retentionCommands() *cobra.Command {
	return a.group("retention", "How long what became of mail is kept, and what is removed", a.retentionShow(), a.retentionRun())
}

func (a *app) retentionShow() *cobra.Command {
	return a.asking("show", "Show what is kept how long, and what would be removed now", "pabal retention show", func(ctx context.Context, c *control.Client, _ []string) error {
		st, err := c.Retention(ctx)
		if err != nil {
			return err
		}
		return one(a, st, func(r *report) { describeRetention(r, st) })
	})
}

func (a *app) retentionRun() *cobra.Command {
	var dry bool
	cmd := a.asking("run", "Remove now what is older than [retention] says", "pabal retention run --dry-run", func(ctx context.Context, c *control.Client, _ []string) error {
		run, err := c.RunRetention(ctx, dry)
		if err != nil {
			return err
		}
		return one(a, run, func(r *report) { r.line("%s", removedWords(run)) })
	})
	cmd.Flags().BoolVar(&dry, "dry-run", false, "only say what would be removed")
	return cmd
}

func describeRetention(r *report, st control.RetentionStatus) {
	r.pair("history", keptWords(st.HistoryDays, "after a mail, or its campaign, has ended"))
	if st.TextsDays > 0 {
		r.pair("texts", keptWords(st.TextsDays, "of mail that failed for good"))
	}
	r.pair("files", keptWords(st.FilesDays, "in the inbox and set aside in the drop folder"))
	r.pair("every day", fmt.Sprintf("at %s, next %s", st.At, r.when(st.Next)))
	if st.Last != nil {
		r.pair("last run", r.when(st.Last.At)+": "+removedWords(*st.Last))
		r.pair("problem", eml.Visible(st.Last.Error))
	}
	if st.Running {
		r.pair("now", "it is being removed")
	} else {
		r.pair("now", removedWords(st.Would))
	}
	for _, s := range st.Stores {
		r.pair(s.File, fmt.Sprintf("%s MB, %s MB of it unused", commas(s.Bytes>>20), commas(s.Unused>>20)))
	}
}

func keptWords(days int, what string) string {
	if days == 0 {
		return "for ever"
	}
	return fmt.Sprintf("%d days %s", days, what)
}

// removedWords say what a run removed, or would remove.
func removedWords(run control.RetentionRun) string {
	var parts []string
	for _, p := range []struct {
		n    int64
		what string
	}{{run.Messages, "mails of applications"}, {run.Texts, "texts of failed mails"}, {run.Rows, fmt.Sprintf("recipients of %s campaigns", commas(run.Campaigns))},
		{run.Reports, "reports of imports"}, {run.Files, "files"}} {
		if p.n > 0 {
			parts = append(parts, commas(p.n)+" "+p.what)
		}
	}
	verb := "removed "
	if run.DryRun {
		verb = "would remove "
	}
	if len(parts) == 0 {
		return verb + "nothing"
	}
	return verb + strings.Join(parts, ", ")
}
