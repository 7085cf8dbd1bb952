package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"pabal/campaign"
	"pabal/control"
	"pabal/eml"
)

func (a *app) campaignPreview() *cobra.Command {
	var (
		whom       campaign.Whom
		part       string
		link, step bool
	)
	cmd := a.campaignCommand("preview", "Show the letter as one of its audience would get it", "pabal campaign preview 7 --email minji@example.com\n"+
		"pabal campaign preview 7 --step\npabal campaign preview 7 --nth 100 --part html > letter.html\npabal campaign preview 7 --link",
		func(ctx context.Context, c *control.Client, id uint64) error {
			switch {
			case whom.Nth < 0:
				return usage("--nth counts from 1", "for example --nth 1")
			case link && step, link && part != "", step && part != "":
				return usage("--link, --step and --part are three different ways to look", "choose one of them")
			case link:
				return a.previewLink(ctx, c, id, whom)
			case step:
				return a.stepThrough(ctx, c, id, whom)
			}
			letter, err := c.PreviewAs(ctx, id, whom)
			if err != nil {
				return err
			}
			return a.showLetter(letter, part)
		})
	flags := cmd.Flags()
	flags.StringVar(&whom.Email, "email", "", "as the subscriber with this `ADDRESS` would get it (default: the first of the audience)")
	flags.Int64Var(&whom.Nth, "nth", 0, "as number `N` of those who may be mailed would get it")
	flags.StringVar(&part, "part", "", "write only this `PART`: html, text or subject")
	flags.BoolVar(&link, "link", false, "make a link that shows it in a browser for 15 minutes")
	flags.BoolVar(&step, "step", false, "go through the audience with the keys n, p and q")
	return cmd
}

// showLetter prints a letter, or one part of it as it is.
func (a *app) showLetter(letter campaign.Letter, part string) error {
	text, ok := map[string]string{"html": letter.HTML, "text": letter.Text, "subject": letter.Subject + "\n"}[part]
	switch {
	case part == "":
		return one(a, letter, func(r *report) {
			r.pair("would not be mailed", letter.Skip)
			describeAttachments(r, letter.Attachments)
			describeLetter(r, letter)
		})
	case !ok:
		return usage("there is no part "+eml.Visible(part), "one of html, text, subject")
	}
	return a.writeForeign(text)
}

func (a *app) previewLink(ctx context.Context, c *control.Client, id uint64, whom campaign.Whom) error {
	link, err := c.PreviewLink(ctx, id, whom)
	if err != nil {
		return err
	}
	return one(a, link, func(r *report) {
		r.line("%s", link.URL)
		r.line("It shows the letter of %s until %s to whoever has it.", eml.Visible(link.Email), r.when(link.Until))
	})
}

// stepThrough shows one letter after the other until the person has seen enough.
func (a *app) stepThrough(ctx context.Context, c *control.Client, id uint64, whom campaign.Whom) error {
	if !isTerminal(a.stdin) || !isTerminal(a.stderr) {
		return usage("--step asks for keys, and there is no terminal to ask on", fmt.Sprintf("one after the other: pabal campaign preview %d --nth 1", id))
	}
	keys := bufio.NewReader(a.stdin)
	var shown campaign.Letter
	for {
		letter, err := c.PreviewAs(ctx, id, whom)
		var end *eml.Problem
		switch {
		case shown.Subscriber > 0 && errors.As(err, &end) && errors.Is(err, campaign.ErrNotFound):
			fmt.Fprintln(a.stderr, end.What)
		case err != nil:
			return err
		default:
			shown = letter
			if err := a.showLetter(shown, ""); err != nil {
				return err
			}
		}
		again, err := a.askStep(keys, &whom, shown.Subscriber)
		if err != nil || !again {
			return err
		}
	}
}

// askStep reads which way to go; false means that the person is done.
func (a *app) askStep(keys *bufio.Reader, whom *campaign.Whom, at uint64) (bool, error) {
	for {
		fmt.Fprint(a.stderr, "[n]ext [p]revious [q]uit: ")
		answer, err := keys.ReadString('\n')
		if err != nil {
			return false, nil // the terminal has gone
		}
		switch strings.ToLower(strings.TrimSpace(answer)) {
		case "", "n", "ㅜ": // ㅜ, ㅔ, ㅂ: n, p, q on a Korean keyboard
			*whom = campaign.Whom{After: at}
			return true, nil
		case "p", "ㅔ":
			*whom = campaign.Whom{Before: at}
			return true, nil
		case "q", "ㅂ":
			return false, nil
		}
	}
}

func (a *app) campaignTest() *cobra.Command {
	var (
		as string
		to []string
	)
	cmd := a.campaignCommand("test", "Send one letter of it to colleagues, marked as a test", "pabal campaign test 7 --to me@example.com\n"+
		"pabal campaign test 7 --as minji@example.com --to me@example.com,boss@example.com",
		func(ctx context.Context, c *control.Client, id uint64) error {
			to = slices.DeleteFunc(to, func(s string) bool { return strings.TrimSpace(s) == "" })
			if len(to) == 0 {
				return usage("a test needs --to", "for example: pabal campaign test 7 --as minji@example.com --to me@example.com")
			}
			sent, err := c.TestCampaigns(ctx, id, as, to)
			if err != nil {
				return err
			}
			if a.json {
				return writeLines(a.stdout, sent)
			}
			for _, m := range sent {
				if err := a.say("The test to %s is on its way as %s; follow it with: pabal trace %s", m.To, m.Message, m.Message); err != nil {
					return err
				}
			}
			return nil
		})
	cmd.Flags().StringVar(&as, "as", "", "as the subscriber with this `ADDRESS` would get it (default: the first of the audience)")
	cmd.Flags().StringSliceVar(&to, "to", nil, "`ADDRESS` it goes to, or several with commas between")
	return cmd
}

func writeLines[T any](w io.Writer, all []T) error {
	for _, v := range all {
		if err := writeJSON(w, v); err != nil {
			return err
		}
	}
	return nil
}

// say writes a line for a person.
func (a *app) say(format string, args ...any) error {
	_, err := io.WriteString(a.stdout, eml.Visible(fmt.Sprintf(format, args...))+"\n")
	return err
}
