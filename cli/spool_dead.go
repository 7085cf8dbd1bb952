package cli

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"sync"

	"github.com/spf13/cobra"

	"pabal/control"
	"pabal/eml"
	"pabal/spool"
)

// handledAtOnce is how many messages of a selection are acted on at the same
// time.
const handledAtOnce = 32

// selection says which messages of the queue a command is about.
type selection struct {
	dead                   bool
	outcome, reason, email string
}

func (s *selection) flags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.BoolVar(&s.dead, "dead", false, "only dead letters: failed or unknown, their text kept")
	f.StringVar(&s.outcome, "outcome", "", "only this `OUTCOME`: pending, sending, accepted, failed, skipped or unknown")
	f.StringVar(&s.reason, "reason", "", "only with this `TEXT` in their reason")
	f.StringVar(&s.email, "email", "", "only with this `TEXT` in the recipient's address")
}

func (s *selection) none() bool { return *s == selection{} }

func (s *selection) matches(m *spool.Message) bool {
	has := func(text, part string) bool { return strings.Contains(strings.ToLower(text), strings.ToLower(part)) }
	return (s.outcome == "" || m.Outcome.String() == s.outcome) && has(m.Reason, s.reason) && has(m.To, s.email)
}

// messages are those that are selected, oldest first.
func (s *selection) messages(ctx context.Context, c *control.Client) iter.Seq2[spool.Message, error] {
	return func(yield func(spool.Message, error) bool) {
		if _, err := spool.ParseOutcome(s.outcome); s.outcome != "" && err != nil {
			yield(spool.Message{}, usage("there is no outcome "+s.outcome, "one of pending, sending, accepted, failed, skipped, unknown"))
			return
		}
		which := s.outcome
		if s.dead {
			which = control.DeadLetters
		}
		for m, err := range c.Messages(ctx, which) {
			if (err != nil || s.matches(&m)) && !yield(m, err) {
				return
			}
		}
	}
}

// handling is a command that does something to messages: those named, or those
// selected after a question.
type handling struct {
	name, short string
	can         func(*spool.Message) bool // of those selected
	ask         func(n, unknown int) string
	asks        func(unknown int) bool // also of those named
	done        string
	act         func(*control.Client, context.Context, string) (spool.Message, error)
}

func (a *app) spoolRetry() *cobra.Command {
	return a.spoolHandle(handling{name: "retry", short: "Send failed or unknown messages again", act: (*control.Client).Retry,
		can: func(m *spool.Message) bool { return m.Dead() },
		ask: func(n, unknown int) string {
			text := fmt.Sprintf("Send %s again?", mails(n))
			if unknown > 0 {
				text += fmt.Sprintf(" SES may have %s already: whoever got one gets a second copy.", commas(int64(unknown)))
			}
			return text
		},
		asks: func(unknown int) bool { return unknown > 0 },
		done: "sent again"})
}

func (a *app) spoolDiscard() *cobra.Command {
	return a.spoolHandle(handling{name: "discard", short: "Give messages up", act: (*control.Client).Discard,
		can:  func(m *spool.Message) bool { return m.Dead() || m.Outcome == spool.Pending },
		ask:  func(n, _ int) string { return fmt.Sprintf("Give %s up? The text is deleted.", mails(n)) },
		asks: func(int) bool { return false },
		done: "given up"})
}

func mails(n int) string {
	if n == 1 {
		return "1 mail"
	}
	return commas(int64(n)) + " mails"
}

func (a *app) spoolHandle(h handling) *cobra.Command {
	var which selection
	var yes bool
	example := "pabal spool " + h.name + " q17\npabal spool " + h.name + " --dead --reason 'not verified'"
	cmd := a.asking(h.name+" [ID]...", h.short, example, func(ctx context.Context, c *control.Client, args []string) error {
		switch {
		case len(args) > 0 && !which.none():
			return usage("ids and a selection do not go together", "give ids, or --dead, --outcome, --reason, --email")
		case len(args) > 0:
			return a.handleNamed(ctx, c, h, args, yes)
		case which.none():
			return usage("which messages?", "give ids, or select them: pabal spool "+h.name+" --dead; see them with: pabal spool list --dead")
		}
		return a.handleSelected(ctx, c, h, &which, yes)
	})
	which.flags(cmd)
	cmd.Flags().BoolVar(&yes, "yes", false, "do not ask")
	return cmd
}

// handleNamed acts on messages by their ids, each for itself.
func (a *app) handleNamed(ctx context.Context, c *control.Client, h handling, ids []string, yes bool) error {
	unknown := 0
	for _, id := range ids {
		if yes || !h.asks(1) {
			break
		}
		if m, err := c.Message(ctx, id); err == nil && m.Outcome == spool.Unknown { // what is wrong with an id shows below
			unknown++
		}
	}
	if h.asks(unknown) {
		if err := a.sure(h.ask(len(ids), unknown), "pabal spool "+h.name+" "+strings.Join(ids, " ")+" --yes"); err != nil {
			return err
		}
	}
	var failed error
	for _, id := range ids {
		m, err := h.act(c, ctx, id)
		if err != nil {
			failed = errors.Join(failed, err)
			continue
		}
		if err := one(a, m, func(r *report) { r.line("%s: %s", m.ID, m.Outcome) }); err != nil {
			return err
		}
	}
	return failed
}

// handleSelected acts on all that are selected and that it can be done to. What
// changes meanwhile is left alone.
func (a *app) handleSelected(ctx context.Context, c *control.Client, h handling, which *selection, yes bool) error {
	var ids []string
	unknown := 0
	for m, err := range which.messages(ctx, c) {
		if err != nil {
			return err
		}
		if !h.can(&m) {
			continue
		}
		if ids = append(ids, m.ID); m.Outcome == spool.Unknown {
			unknown++
		}
	}
	if len(ids) == 0 {
		return &eml.Problem{What: "there is no such message", Hint: "see which there are with: pabal spool list --dead"}
	}
	if !yes {
		if err := a.sure(h.ask(len(ids), unknown), "the same with --yes; see them first with: pabal spool list"); err != nil {
			return err
		}
	}
	done, changed := 0, 0
	for some := range slices.Chunk(ids, handledAtOnce) {
		for i, r := range h.atOnce(ctx, c, some) {
			switch {
			case errors.Is(r.err, spool.ErrState) || errors.Is(r.err, spool.ErrNotFound):
				changed++
				continue
			case r.err != nil:
				return fmt.Errorf("%s after %s: %w", some[i], mails(done), r.err)
			}
			done++
			if a.json {
				if err := writeJSON(a.stdout, r.m); err != nil {
					return err
				}
			}
		}
	}
	if a.json {
		return nil
	}
	text := fmt.Sprintf("%s %s", mails(done), h.done)
	if changed > 0 {
		text += fmt.Sprintf("; %s left alone, they changed meanwhile", mails(changed))
	}
	_, err := fmt.Fprintln(a.stdout, text)
	return err
}

// handled is what became of one message.
type handled struct {
	m   spool.Message
	err error
}

// atOnce acts on messages at the same time and returns what became of each, in
// their order. The daemon puts what comes together into one commit.
func (h *handling) atOnce(ctx context.Context, c *control.Client, ids []string) []handled {
	out := make([]handled, len(ids))
	var all sync.WaitGroup
	for i, id := range ids {
		all.Go(func() { out[i].m, out[i].err = h.act(c, ctx, id) })
	}
	all.Wait()
	return out
}

// sure asks once more; where there is no terminal to ask on, it says how to go
// without.
func (a *app) sure(question, without string) error {
	if !isTerminal(a.stdin) || !isTerminal(a.stderr) {
		return usage(question+" There is no terminal to ask on", "without a question: "+without)
	}
	return a.ask(question)
}

func (a *app) spoolEdit() *cobra.Command {
	var to string
	var yes bool
	cmd := a.asking("edit ID", "Send a message that failed or waits to another address instead", "pabal spool edit q17 --to minji@example.com",
		func(ctx context.Context, c *control.Client, args []string) error {
			if to == "" {
				return usage("an address is missing", "pabal spool edit "+args[0]+" --to ADDRESS")
			}
			if _, err := eml.ParseAddress(to); err != nil {
				return err
			}
			old, err := c.Message(ctx, args[0])
			if err == nil && old.Outcome == spool.Unknown && !yes {
				err = a.sure(fmt.Sprintf("Send %s to %s? SES may have it already for %s.", old.ID, eml.Visible(to), eml.Visible(old.To)),
					fmt.Sprintf("pabal spool edit %s --to %s --yes", args[0], to))
			}
			if err != nil {
				return err
			}
			m, err := c.Edit(ctx, args[0], to)
			if err != nil {
				return err
			}
			return one(a, m, func(r *report) {
				r.line("%s is sent to %s as %s; the letter's own To line stays as it was", eml.Visible(args[0]), m.To, m.ID)
			})
		})
	cmd.Flags().StringVar(&to, "to", "", "the `ADDRESS` it is sent to")
	cmd.Flags().BoolVar(&yes, "yes", false, "do not ask")
	return cmd
}
