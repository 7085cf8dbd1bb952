package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"pabal/control"
	"pabal/eml"
	"pabal/spool"
)

func (a *app) spoolCommands() *cobra.Command {
	return a.group("spool", "The queue of applications' mail, and what is held", a.spoolList(), a.spoolShow(),
		a.spoolRetry(), a.spoolEdit(), a.spoolDiscard(), a.spoolHold(), a.spoolRelease())
}

func newMessageTable() *table {
	return newTable("ID", "EMAIL", "OUTCOME", "ATTEMPTS", "AT", "SES ID", "FEEDBACK", "REASON").numbers(3)
}

func (a *app) messageRow(m spool.Message) []string {
	reason := m.Reason
	if m.News != "" {
		reason = strings.TrimSpace(reason + " " + m.News)
	}
	if len(m.Also) > 0 {
		reason = strings.TrimSpace("sent twice " + reason)
	} else if m.MaybeTwice {
		reason = strings.TrimSpace("maybe sent twice " + reason)
	}
	if words := routeWords(&m); words != "" {
		reason = strings.TrimSpace(reason + " [" + words + "]")
	}
	return []string{m.ID, m.To, m.Outcome.String(), fmt.Sprint(m.Attempts), a.when(m.At), m.SESID, feedbackWords(m), reason}
}

// feedbackWords are what SES said of a message, the worst first.
func feedbackWords(m spool.Message) string {
	var words []string
	for _, k := range []spool.FeedbackKind{spool.Complained, spool.Bounced, spool.Rejected, spool.Delayed, spool.Delivered, spool.Clicked, spool.Opened, spool.MachineOpened} {
		if m.Heard(k) {
			words = append(words, k.String())
		}
	}
	return strings.Join(words, " ")
}

func (a *app) spoolList() *cobra.Command {
	var which selection
	cmd := a.asking("list", "List applications' mail, oldest first", "pabal spool list --dead --reason 'not verified'", func(ctx context.Context, c *control.Client, _ []string) error {
		return show(a, which.messages(ctx, c), newMessageTable, a.messageRow)
	})
	which.flags(cmd)
	return cmd
}

func (a *app) spoolShow() *cobra.Command {
	var body bool
	cmd := a.asking("show ID", "Show one message", "pabal spool show q17 --body > mail.eml", func(ctx context.Context, c *control.Client, args []string) error {
		if body {
			out := a.foreign()
			return errors.Join(c.Body(ctx, args[0], out), out.Close())
		}
		m, err := c.Message(ctx, args[0])
		if err != nil {
			return err
		}
		return one(a, m, func(r *report) { describeMessage(r, m, a.preflightLanguage()) })
	})
	cmd.Flags().BoolVar(&body, "body", false, "write the mail as it was submitted")
	return cmd
}

func describeMessage(r *report, m spool.Message, lang string) {
	r.pair("message", m.ID)
	r.pair("lane", m.Lane.String())
	r.pair("to", m.To)
	r.pair("from", m.From)
	r.pair("subject", m.Subject)
	r.pair("message-id", m.MessageID)
	r.pair("routing", routeWords(&m))
	r.pair("outcome", strings.TrimSpace(m.Outcome.String()+"  "+m.Reason))
	r.more(pageFailed, lang, m.Outcome == spool.Failed)
	r.more(pageUnknown, lang, m.Outcome == spool.Unknown)
	r.pair("attempts", fmt.Sprint(m.Attempts))
	r.pair("ses id", strings.Join(append([]string{m.SESID}, m.Also...), " "))
	r.pair("feedback", feedbackWords(m))
	r.pair("ses said", m.News)
	r.pair("received", r.when(m.Received))
	r.pair("last change", r.when(m.At))
	r.pair("next try", r.when(m.NextTry))
	r.pair("report", m.Report)
	for _, act := range m.Acts {
		r.line("%s  %s", r.when(act.At), eml.Visible(strings.Join(strings.Fields(act.What+" by "+cmp.Or(act.By, "pabal")+" "+act.Reason), " ")))
	}
	switch {
	case len(m.Also) > 0:
		r.pair("sent twice", "an answer was lost, it was sent again, and SES took both")
	case m.MaybeTwice:
		r.pair("maybe twice", "an answer was lost and it was sent again")
	}
}

const scopesHint = "scopes: all, lane:bulk, lane:transactional, from:DOMAIN, campaign:ID"

func (a *app) spoolHold() *cobra.Command {
	var reason string
	cmd := a.asking("hold SCOPE", "Send nothing of a scope until it is released ("+scopesHint+")", "pabal spool hold lane:bulk --reason '시스템 점검'",
		func(ctx context.Context, c *control.Client, args []string) error {
			h, err := c.Hold(ctx, spool.Scope(args[0]), reason)
			if err != nil {
				return err
			}
			return one(a, h, func(r *report) { r.line("%s is held; release it with: pabal spool release %s", h.Scope, h.Scope) })
		})
	cmd.Flags().StringVar(&reason, "reason", "", "`TEXT` for whoever asks why")
	return cmd
}

func (a *app) spoolRelease() *cobra.Command {
	return a.asking("release SCOPE", "End a hold", "pabal spool release lane:bulk", func(ctx context.Context, c *control.Client, args []string) error {
		if err := c.Release(ctx, spool.Scope(args[0])); err != nil {
			return err
		}
		return one(a, map[string]string{"released": args[0]}, func(r *report) { r.line("%s is released", args[0]) })
	})
}
