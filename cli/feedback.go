package cli

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"pabal/audience"
	"pabal/control"
	"pabal/eml"
	"pabal/sesclient"
	"pabal/spool"
)

// minPoll keeps a second between two calls to SES from being all there is.
const minPoll = 10 * time.Second

func (c *Config) feedbackRules() []rule {
	f := &c.Feedback
	_, err := sesclient.QueueRegion(f.SQSQueueURL)
	return []rule{
		{"feedback.sqs_queue_url", f.SQSQueueURL == "" || err == nil, fmt.Sprintf("%q is not the URL of a queue", eml.Visible(f.SQSQueueURL)),
			`for example "https://sqs.ap-northeast-2.amazonaws.com/123456789012/pabal-feedback"; see: pabal feedback setup`},
		{"feedback.suppression_poll", f.SuppressionPoll == 0 || f.SuppressionPoll >= Duration(minPoll), "is under 10s", `for example suppression_poll = "5m", or "0s" for never`},
	}
}

// feedbackOptions are where this configuration reads feedback.
func (c *Config) feedbackOptions() sesclient.FeedbackOptions {
	return sesclient.FeedbackOptions{QueueURL: c.Feedback.SQSQueueURL, SuppressionPoll: time.Duration(c.Feedback.SuppressionPoll)}
}

// newFeedback wires the reader of feedback.
func (d *daemon) newFeedback() (err error) {
	o := d.cfg.feedbackOptions()
	o.Logger = d.logger.With("part", "feedback")
	d.feedback, err = d.ses.NewFeedback(o, taker{d.people, d.spool})
	return err
}

// feedbackStatus is the `feedback` part of status.
func (d *daemon) feedbackStatus() sesclient.FeedbackStatus {
	s := d.feedback.Status()
	s.Orphans = d.spool.Orphans()
	return s
}

// taker writes what SES says: who is not to be mailed any more first, then what
// became of each mail. Both may be repeated.
type taker struct {
	people *audience.Store
	*spool.Spool
}

// TakeEvents implements sesclient.Taker.
func (t taker) TakeEvents(ctx context.Context, events []sesclient.Event) (spool.FeedbackResult, error) {
	var about []audience.Feedback
	var mails []spool.Feedback
	for _, e := range events {
		about = append(about, addressed(e)...)
		if e.SESID != "" {
			e.When = e.At
			mails = append(mails, e.Feedback)
		}
	}
	for len(about) > 0 { // an event may be about more than one address
		n := min(len(about), audience.MaxFeedback)
		if _, err := t.people.Feed(ctx, about[:n]); err != nil {
			return spool.FeedbackResult{}, fmt.Errorf("write bounces and complaints: %w", err)
		}
		about = about[n:]
	}
	if len(mails) == 0 {
		return spool.FeedbackResult{}, nil
	}
	return t.Feedback(ctx, mails)
}

// addressed is what an event says of addresses.
func addressed(e sesclient.Event) (out []audience.Feedback) {
	kind := audience.FeedDelivery
	switch {
	case e.Kind == spool.Bounced && e.Hard:
		kind = audience.FeedHardBounce
	case e.Kind == spool.Bounced && e.Soft:
		kind = audience.FeedSoftBounce
	case e.Kind == spool.Complained:
		kind = audience.FeedComplaint
	case e.Kind != spool.Delivered:
		return nil
	}
	for _, address := range e.To {
		out = append(out, audience.Feedback{Event: e.ID, Kind: kind, Address: address, At: e.At, Detail: e.News})
	}
	return out
}

func (a *app) feedbackCommands() *cobra.Command {
	return a.group("feedback", "What SES says after it took a mail: deliveries, bounces, complaints", a.feedbackSetup(), a.feedbackStatusCommand())
}

func (a *app) feedbackStatusCommand() *cobra.Command {
	return a.asking("status", "Say where feedback comes from, and whether it does", "pabal feedback status --json", func(ctx context.Context, c *control.Client, _ []string) error {
		st, err := c.FeedbackStatus(ctx)
		if err != nil {
			return err
		}
		return one(a, st, func(r *report) { describeFeedback(r, st, true) })
	})
}

// describeFeedback are the lines of pabal status, and with all those of
// pabal feedback status.
func describeFeedback(r *report, st *sesclient.FeedbackStatus, all bool) {
	if st == nil {
		return
	}
	text := map[string]string{sesclient.SourceSQS: "from the queue", sesclient.SourceSuppression: "bounces and complaints only, from SES's suppression list",
		sesclient.SourceNone: "none: no source is set"}[st.Source]
	if st.Events > 0 {
		text += fmt.Sprintf(", %s events", commas(st.Events))
	}
	if !st.LastEvent.IsZero() {
		text += ", newest of " + r.when(st.LastEvent)
	}
	r.pair("feedback", text)
	r.pair("feedback problem", st.Error)
	if st.Hint != "" {
		r.line("      %s", eml.Visible(st.Hint))
	}
	if st.Garbage > 0 {
		r.line("feedback: %s messages of the queue are no events of SES; is it the right queue?", commas(st.Garbage))
	}
	if !all {
		return
	}
	r.pair("last answer", r.when(st.CheckedAt))
	r.pair("behind", span(st.LagSeconds))
	if st.Waiting >= 0 {
		r.pair("in the queue", commas(st.Waiting))
	}
	for _, row := range []struct {
		label string
		n     int64
	}{{"settled by it", st.Settled}, {"of others", st.Foreign}, {"of no use", st.Other}, {"kept for later", st.Orphans}, {"no room for", st.Dropped}} {
		r.pair(row.label, commas(row.n))
	}
	if st.BadNewsOnly {
		r.line("A recipient whose outcome is unknown never settles by itself without a queue of events.")
		r.line("Set one up with: pabal feedback setup")
	}
}

// describeUnknown says what may become of recipients whose outcome is unknown.
func (a *app) describeUnknown(ctx context.Context, c *control.Client, id uint64) error {
	st, err := c.FeedbackStatus(ctx)
	if err != nil {
		return err
	}
	text := "Those of unknown outcome settle when SES's events say that it has their mail."
	if st == nil || st.BadNewsOnly {
		text = "Those of unknown outcome never settle by themselves: SES's events are not read (pabal feedback setup)."
	}
	_, err = fmt.Fprintf(a.stdout, "%s\nThey may have the mail. To send it again all the same: pabal campaign resend %d --outcome unknown\n", text, id)
	return err
}
