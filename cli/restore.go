package cli

import (
	"bufio"
	"cmp"
	"context"
	"fmt"
	"io"
	"iter"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"pabal/control"
	"pabal/eml"
	"pabal/sesclient"
	"pabal/spool"
)

// consentPhrase is what a person types to release restored data.
const consentPhrase = "this copy is the live one"

func (a *app) restoreCommand() *cobra.Command {
	var optOuts string
	cmd := a.command("restore FILE|-", "Put a backup into the empty data folder; it sends nothing before `pabal restore release`",
		"systemctl stop pabal && pabal restore /var/backups/pabal/pabal-20261123T031500Z.tar.zst\npabal restore pabal.tar.zst --optouts /old/disk/optouts.log",
		func(ctx context.Context, args []string) error { return a.restore(ctx, args[0], optOuts) })
	cmd.Flags().StringVar(&optOuts, "optouts", "", "the `FILE` optouts.log of the lost data folder: who opted out after the backup (default: the one in data_dir, if it is there)")
	cmd.AddCommand(a.restoreList(), a.restoreListen(), a.restoreRelease())
	return cmd
}

// maySend is a line of restore list --recipients.
type maySend struct {
	Campaign   uint64 `json:"campaign,omitempty"` // 0: applications' mail
	Subscriber uint64 `json:"subscriber,omitempty"`
	ID         string `json:"id"`
	Email      string `json:"email"`
	Attempts   int    `json:"attempts"`
}

func (a *app) restoreList() *cobra.Command {
	var recipients bool
	cmd := a.asking("list", "What waited when the backup was taken and waits still: it may have been sent since", "pabal restore list\npabal restore list --recipients --json > maybe.ndjson",
		func(ctx context.Context, c *control.Client, _ []string) error {
			now, err := c.Restored(ctx)
			if err != nil {
				return err
			}
			if recipients {
				return show(a, waiting(ctx, c, now), func() *table { return newTable("ID", "CAMPAIGN", "EMAIL", "ATTEMPTS").numbers(3) },
					func(m maySend) []string {
						return []string{m.ID, fmt.Sprint(m.Campaign), m.Email, fmt.Sprint(m.Attempts)}
					})
			}
			return one(a, now, func(r *report) { describeRestored(r, now) })
		})
	cmd.Flags().BoolVar(&recipients, "recipients", false, "each recipient in place of the sums")
	return cmd
}

// waiting walks who waits since the backup.
func waiting(ctx context.Context, c *control.Client, now control.Restored) iter.Seq2[maySend, error] {
	return func(yield func(maySend, error) bool) {
		for _, one := range now.Campaigns {
			for m, err := range c.Recipients(ctx, one.Campaign, spool.Pending.String()) {
				if !yield(maySend{m.Campaign, m.Subscriber, m.ID, m.To, m.Attempts}, err) || err != nil {
					return
				}
			}
		}
		for m, err := range c.Messages(ctx, spool.Pending.String()) {
			if err == nil && m.Number() > now.Queue {
				continue
			}
			if !yield(maySend{ID: m.ID, Email: m.To, Attempts: m.Attempts}, err) || err != nil {
				return
			}
		}
	}
}

func describeRestored(r *report, now control.Restored) {
	r.pair("backup of", r.when(now.Taken))
	r.pair("restored", r.when(now.At))
	r.pair("opt-outs", cmp.Or(r.when(now.OptOuts), "none is known that came after the backup"))
	r.pair("SES's events", listening(r, now))
	if now.Mails > 0 {
		r.line("%s mails of applications waited at the backup and may have been sent since", commas(now.Mails))
	}
	for _, c := range now.Campaigns {
		r.line("campaign %d %s (%s): %s recipients waited and may have been mailed since; %s unknown", c.Campaign, eml.Visible(c.Name), c.State, commas(c.Pending), commas(c.Unknown))
	}
	for _, c := range now.Overdue {
		r.line("campaign %d %s: its time %s came after the backup: it may have been sent; released, it is a draft again", c.ID, eml.Visible(c.Name), r.when(c.Schedule.Due))
	}
	for _, c := range now.Drafts {
		if c.State == spool.Scheduled {
			r.line("campaign %d %s: scheduled for %s; if it was started since, take it off its schedule before you release: pabal campaign schedule %d --cancel", c.ID, eml.Visible(c.Name), r.when(c.Schedule.Due), c.ID)
			continue
		}
		r.line("campaign %d %s: a draft at the backup; if it was started since, starting it here mails everybody twice", c.ID, eml.Visible(c.Name))
	}
	if now.Mails == 0 && len(now.Campaigns) == 0 {
		r.line("nothing waited when the backup was taken")
	}
}

func listening(r *report, now control.Restored) string {
	switch {
	case now.Source != sesclient.SourceSQS:
		return "none are read: nothing settles by itself"
	case now.Listened.IsZero():
		return "not read yet: pabal restore listen"
	}
	return "read since " + r.when(now.Listened)
}

func (a *app) restoreListen() *cobra.Command {
	return a.asking("listen", "Read SES's events while restored data is held: they settle what was sent since; only when the original does not run any more", "pabal restore listen",
		func(ctx context.Context, c *control.Client, _ []string) error {
			now, err := c.Listen(ctx)
			if err != nil {
				return err
			}
			return one(a, now, func(r *report) {
				r.line("SES's events are read from now on; what they settle leaves: pabal restore list")
			})
		})
}

func (a *app) restoreRelease() *cobra.Command {
	var q control.GoLiveRequest
	var yes bool
	var resend []uint
	cmd := a.asking("release", "Say that this copy is the live one: it sends from now on", "pabal restore release\npabal restore release --resend 7,8",
		func(ctx context.Context, c *control.Client, _ []string) error {
			for _, id := range resend {
				q.Resend = append(q.Resend, uint64(id))
			}
			now, err := c.Restored(ctx)
			if err != nil {
				return err
			}
			if !yes {
				if err := a.consentToRelease(now, q); err != nil {
					return err
				}
			}
			done, err := c.GoLive(ctx, q)
			if err != nil {
				return err
			}
			return one(a, done, func(r *report) {
				r.line("Released: this copy is the live one.")
				for _, c := range done.Unscheduled {
					r.line("campaign %d %s is a draft again", c.ID, eml.Visible(c.Name))
				}
			})
		})
	flags := cmd.Flags()
	flags.UintSliceVar(&resend, "resend", nil, "`IDS` of campaigns whose waiting recipients are mailed, some of them perhaps twice; those of all others become unknown and are not mailed")
	flags.BoolVar(&q.LeaveQueue, "leave-mails", false, "applications' mails that wait since the backup become unknown; without it they are sent, some of them perhaps twice")
	flags.BoolVar(&q.Unheard, "unheard", false, "although SES's queue of events was not read")
	flags.BoolVar(&yes, "yes", false, "do not ask")
	return cmd
}

// consentToRelease shows what will happen and has a person type that it is what they want.
func (a *app) consentToRelease(now control.Restored, q control.GoLiveRequest) error {
	if !isTerminal(a.stdin) || !isTerminal(a.stderr) {
		return usage("releasing restored data cannot be undone, and there is no terminal to ask on", "see what it means with: pabal restore list; then: pabal restore release --yes")
	}
	r := &report{zone: a.zone()}
	describeRestored(r, now)
	fate := "become unknown and are not mailed"
	if len(q.Resend) > 0 {
		fate = "become unknown and are not mailed, but those of " + strings.Trim(fmt.Sprint(q.Resend), "[]") + " are mailed"
	}
	r.line("Recipients of campaigns that wait %s. Mails of applications are %s.", fate, map[bool]string{true: "not sent", false: "sent"}[q.LeaveQueue])
	r.line("No other pabal may send from this data. Type “%s” to go on:", consentPhrase)
	if err := r.writeTo(a.stderr); err != nil {
		return err
	}
	typed, _ := bufio.NewReader(io.LimitReader(a.stdin, 1<<10)).ReadString('\n') // nothing typed is no
	if strings.TrimSpace(typed) != consentPhrase {
		return &eml.Problem{What: "nothing was released", Hint: "type these words as they stand to go on: " + consentPhrase}
	}
	return nil
}

// openArchive opens what is to be restored, before this process becomes the
// owner of the data folder.
func (a *app) openArchive(name string) (io.ReadCloser, error) {
	if name == toStdout {
		return io.NopCloser(a.stdin), nil
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, &eml.Problem{What: "the backup cannot be read: " + err.Error(), Hint: "give the path of a file that `pabal backup` wrote, and run this as who may read it", Err: err}
	}
	return f, nil
}
