package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"pabal/audience"
	"pabal/control"
	"pabal/eml"
)

// historyShown is how many lines of a history show prints unasked.
const historyShown = 5

// describeHistory are the last lines of a consent history, or all.
func describeHistory(r *report, p control.Person, all bool) {
	lines := p.History
	if left := len(lines) - historyShown; left > 0 && !all {
		r.line("  %s earlier: pabal subscriber show %s --history", commas(int64(left)), eml.Visible(p.Email))
		lines = lines[left:]
	}
	for _, change := range lines {
		note := ""
		if !change.Applied {
			note = " (not applied: a stronger source had spoken)"
		}
		what := map[bool]string{true: "subscribed", false: "unsubscribed"}[change.Subscribed]
		if len(change.Changed) > 0 {
			what = eml.Visible(strings.Join(change.Changed, ", "))
		}
		r.line("  %s  %s by %s %s%s", r.when(change.At), what, change.Source, eml.Visible(change.Detail), note)
	}
}

// optOuts lists the feed back to the shop.
func (a *app) optOuts(ctx context.Context, c *control.Client, since string) error {
	return show(a, c.OptOuts(ctx, since), func() *table { return newTable("RECORDED", "AT", "EXTERNAL ID", "EMAIL", "SOURCE", "DETAIL") },
		func(o audience.OptOut) []string {
			return []string{a.when(o.RecordedAt), a.when(o.At), o.ExternalID, o.Email, string(o.Source), o.Detail}
		})
}

// exportPerson writes everything kept about somebody.
func (a *app) exportPerson(ctx context.Context, c *control.Client, email string, args []string) error {
	if len(args) == 0 {
		out := a.foreign()
		return errors.Join(c.ExportPerson(ctx, out, email), out.Close())
	}
	return writeWhole(args[0], func(w io.Writer) error { return c.ExportPerson(ctx, w, email) })
}

func (a *app) subscriberConfirm() *cobra.Command {
	return a.asking("confirm EMAIL", "Ask somebody by mail whether they want mail (again); only their yes on the page brings them back", "pabal subscriber confirm minji@example.com",
		func(ctx context.Context, c *control.Client, args []string) error {
			asked, err := c.Ask(ctx, args[0])
			if err != nil {
				return err
			}
			return one(a, asked, func(r *report) {
				r.line("%s is asked by the mail %s; the link in it is good for seven days", eml.Visible(asked.Email), asked.Message)
			})
		})
}

func (a *app) subscriberErase() *cobra.Command {
	var yes bool
	cmd := a.asking("erase EMAIL|ID", "Take a person out of everything that is kept; only a keyed hash stays, so that they are never mailed again", "pabal subscriber erase minji@example.com",
		func(ctx context.Context, c *control.Client, args []string) error {
			if !yes {
				if err := a.typeAgain(args[0]); err != nil {
					return err
				}
			}
			e, err := c.Erase(ctx, args[0])
			if err != nil {
				return err
			}
			return one(a, e, func(r *report) { describeErased(r, e) })
		})
	cmd.Flags().BoolVar(&yes, "yes", false, "do not ask")
	return cmd
}

// typeAgain has a person type what cannot be undone.
func (a *app) typeAgain(who string) error {
	if !isTerminal(a.stdin) || !isTerminal(a.stderr) {
		return usage("erasing somebody cannot be undone, and there is no terminal to ask on", "to erase without a question: pabal subscriber erase "+eml.Visible(who)+" --yes")
	}
	fmt.Fprintf(a.stderr, "Erasing cannot be undone. Type %s again to go on: ", eml.Visible(who))
	typed, _ := bufio.NewReader(a.stdin).ReadString('\n') // nothing typed is no
	if strings.TrimSpace(typed) != who {
		return &eml.Problem{What: "nothing was done", Hint: "type the same address or id to go on"}
	}
	return nil
}

func describeErased(r *report, e control.Erased) {
	who := "an address that is no subscriber's"
	if e.Subscriber != 0 {
		who = fmt.Sprintf("subscriber %d", e.Subscriber)
	}
	r.line("Erased: %s", who)
	r.pair("rows of campaigns blanked", commas(e.Rows))
	r.pair("mails of the queue blanked", commas(e.Messages))
	r.pair("not sent any more", commas(e.Dropped))
	if !e.Done && e.Busy == 0 {
		r.line("The daemon goes on looking through the ledgers of earlier campaigns for the address by itself, also after a restart.")
	}
	if !e.Done && e.Busy > 0 {
		r.line("%s mails are being sent to them just now; the daemon blanks those by itself within a minute.", commas(e.Busy))
	}
	r.line("Delete them at the shop too: a row of the customers' table stays left alone, but it is there.")
}

// eraseEvery is the pause between two looks for erasures that are not finished.
const eraseEvery = time.Minute

// finishErasures goes on with what a crash or an open call to SES left of an
// erasure, at once and then every minute.
func (d *daemon) finishErasures(ctx context.Context) error {
	tick := time.NewTicker(eraseEvery)
	defer tick.Stop()
	for {
		if err := d.control.FinishErasures(ctx); err != nil && ctx.Err() == nil {
			d.logger.Error("erasure not finished", "part", "control", "err", err)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
	}
}
