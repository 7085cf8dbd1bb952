package cli

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"pabal/control"
	"pabal/eml"
	"pabal/spool"
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
	r.pair("refused", keptWords(st.RefusedDays, "after somebody has refused all mail, unless they are in the customers' table"))
	r.pair("every day", fmt.Sprintf("at %s, next %s", st.At, r.when(st.Next)))
	if st.Last != nil {
		r.pair("last run", r.when(st.Last.At)+": "+removedWords(*st.Last))
		r.pair("problem", eml.Visible(st.Last.Error))
	}
	if st.Removed != nil {
		r.pair("now", "it goes on: "+removedWords(control.RetentionRun{Removal: *st.Removed})+" so far")
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
		{run.Reports, "reports of imports"}, {run.Files, "files"}, {run.People, "people who refused mail"}} {
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

// describeRemoved says that a campaign's recipients are not all kept any more.
func describeRemoved(r *report, gone *spool.Removed) {
	if gone != nil {
		r.pair("removed", fmt.Sprintf("%s recipients' rows by retention, last on %s; the sums have them", commas(gone.Audience), gone.At.In(r.zone).Format(time.DateOnly)))
	}
}

// noteRemoved says behind a list of recipients that it is not all of them.
func (a *app) noteRemoved(ctx context.Context, c *control.Client, id uint64) error {
	got, err := c.Campaign(ctx, id)
	if err != nil || got.Removed == nil {
		return err
	}
	_, err = fmt.Fprintf(a.stderr, "%s of the campaign's %s recipients are not listed: retention has removed what ended before %s; its sums have them (pabal campaign show %d)\n",
		commas(got.Removed.Audience), commas(got.Audience), got.Removed.Before.In(a.zone()).Format(time.DateOnly), id)
	return err
}

// goneBefore is what retention may have removed of a trace's answer, "" for nothing.
func goneBefore(ctx context.Context, c *control.Client, a *app) string {
	st, err := c.Status(ctx)
	if err != nil || st.Spool.Removed.IsZero() {
		return ""
	}
	return "what ended before " + st.Spool.Removed.In(a.zone()).Format(time.DateOnly) + " was removed by retention"
}
