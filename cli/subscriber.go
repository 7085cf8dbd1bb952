package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"pabal/audience"
	"pabal/control"
	"pabal/eml"
)

func (a *app) subscriberCommands() *cobra.Command {
	return a.group("subscriber", "The people mail goes to", a.subscriberImport(), a.subscriberImports(), a.subscriberInbox(), a.subscriberExport(),
		a.subscriberList(), a.subscriberShow(), a.subscriberSet(),
		a.subscriberConfirm(), a.subscriberErase())
}

// pairs reads KEY=VALUE flags.
func pairs(texts []string, flag, example string) (map[string]string, error) {
	out := map[string]string{}
	for _, text := range texts {
		key, value, ok := strings.Cut(text, "=")
		if key = strings.TrimSpace(key); !ok || key == "" {
			return nil, usage(fmt.Sprintf("%s takes KEY=VALUE, not %q", flag, text), "for example: "+flag+" "+example)
		}
		out[key] = strings.TrimSpace(value)
	}
	return out, nil
}

// writeWhole writes a file that is there whole or not at all, 0600.
func writeWhole(path string, fill func(io.Writer) error) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".pabal-*")
	if err != nil {
		return &eml.Problem{What: "the file cannot be written: " + err.Error(), Hint: "choose a folder that can be written", Err: err}
	}
	if err := errors.Join(fill(f), f.Sync(), f.Close()); err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return os.Rename(f.Name(), path)
}

func newSubscriberTable() *table {
	return newTable("ID", "EMAIL", "NAME", "SUBSCRIBED", "SOURCE", "TAGS").numbers(0)
}

func subscriberRow(s audience.Subscriber) []string {
	return []string{fmt.Sprint(s.ID), s.Email, s.Name, yesNo(s.Consent.Subscribed), string(s.Consent.Source), strings.Join(s.Tags, ",")}
}

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

func (a *app) subscriberList() *cobra.Command {
	var (
		segment, prefix, text, since string
		limit                        int
	)
	cmd := a.asking("list", "List subscribers", "pabal subscriber list --search 민지 --limit 20\npabal subscriber list --opted-out-since 2026-11-20 --json",
		func(ctx context.Context, c *control.Client, _ []string) error {
			if since != "" && (segment != "" || prefix != "" || text != "" || limit != 0) {
				return usage("--opted-out-since lists everybody who opted out", "leave out --segment, --prefix, --search and --limit")
			}
			if since != "" {
				return a.optOuts(ctx, c, since)
			}
			if text != "" {
				if segment != "" || prefix != "" {
					return usage("--search stands alone", "leave out --segment and --prefix")
				}
				return show(a, a.searched(ctx, c, text, limit), newSubscriberTable, subscriberRow)
			}
			var all iter.Seq2[audience.Subscriber, error] = c.EachSubscriber(ctx, prefix, segment, limit)
			return show(a, all, newSubscriberTable, subscriberRow)
		})
	cmd.Flags().StringVar(&segment, "segment", "", "only whom the `EXPRESSION` selects")
	cmd.Flags().StringVar(&prefix, "prefix", "", "only whose e-mail or name begins with `TEXT`")
	cmd.Flags().StringVar(&text, "search", "", "only whose e-mail or name has `TEXT` in it")
	cmd.Flags().IntVar(&limit, "limit", 0, "at most `N`; 0 is all")
	cmd.Flags().StringVar(&since, "opted-out-since", "", "instead, who opted out and was recorded at or after a `TIME`, for the shop (docs/consent.md says how to page)")
	return cmd
}

// searched are the hits of a search, with a bar for how far it is.
func (a *app) searched(ctx context.Context, c *control.Client, text string, limit int) iter.Seq2[audience.Subscriber, error] {
	progress := newBar(a.stderr)
	return func(yield func(audience.Subscriber, error) bool) {
		defer progress.clear()
		hits := 0
		for found, err := range c.SearchAll(ctx, text) {
			switch {
			case err != nil:
				yield(audience.Subscriber{}, err)
				return
			case found.Subscriber == nil:
				progress.show(found.Done, found.Total, "subscribers")
				continue
			}
			progress.clear()
			if hits++; !yield(*found.Subscriber, nil) || hits == limit {
				return
			}
		}
	}
}

func (a *app) subscriberShow() *cobra.Command {
	var history bool
	cmd := a.asking("show EMAIL", "Show one subscriber with the history of their consent", "pabal subscriber show minji@example.com --history",
		func(ctx context.Context, c *control.Client, args []string) error {
			p, err := c.Subscriber(ctx, args[0])
			if err != nil {
				return err
			}
			return one(a, p, func(r *report) { describePerson(r, p); describeHistory(r, p, history) })
		})
	cmd.Flags().BoolVar(&history, "history", false, "every line of the history, not only the last five (--json has them all)")
	return cmd
}

func describePerson(r *report, p control.Person) {
	r.pair("id", fmt.Sprint(p.ID))
	r.pair("email", p.Email)
	r.pair("name", p.Name)
	r.pair("gender", p.Gender)
	r.pair("created", r.when(p.CreatedAt))
	r.pair("tags", strings.Join(p.Tags, ", "))
	for _, key := range slices.Sorted(maps.Keys(p.Attributes)) {
		r.pair(eml.Visible(key), p.Attributes[key])
	}
	said := yesNo(p.Consent.Subscribed)
	if p.Consent.Source != "" && p.Consent.Unsaid() {
		said = "nothing said yet, known"
	}
	r.pair("subscribed", said+" by "+string(p.Consent.Source)+" at "+r.when(p.Consent.At))
	r.pair("topics off", strings.Join(p.TopicsOff, ", "))
	r.pair("topics on", strings.Join(p.TopicsOn, ", "))
	if p.Frequency != "" {
		r.pair("frequency", p.Frequency+" at most")
	}
	r.pair("language", p.Language)
	if p.Suppression != nil {
		r.pair("suppressed", suppressedFor(*p.Suppression)+" at "+r.when(p.Suppression.At))
	}
}

func (a *app) subscriberSet() *cobra.Command {
	var (
		e                      audience.Edit
		name, gender           string
		attributes             []string
		chosen                 choices
		subscribe, unsubscribe bool
		cmd                    *cobra.Command
	)
	cmd = a.asking("set EMAIL", "Change one subscriber", "pabal subscriber set minji@example.com --name 김민지 --attr grade=gold --unsubscribe",
		func(ctx context.Context, c *control.Client, args []string) error {
			var err error
			if e.Attributes, err = pairs(attributes, "--attr", "grade=gold"); err != nil {
				return err
			}
			if subscribe && unsubscribe {
				return usage("--subscribe and --unsubscribe contradict each other", "give one of them")
			}
			if cmd.Flags().Changed("name") {
				e.Name = &name
			}
			if cmd.Flags().Changed("gender") {
				e.Gender = &gender
			}
			if subscribe || unsubscribe {
				e.Subscribed = &subscribe
			}
			if e.Preferences, err = chosen.preferences(cmd); err != nil {
				return err
			}
			e.Email = args[0]
			sub, err := c.SetSubscriber(ctx, e)
			if err != nil {
				return err
			}
			return one(a, sub, func(r *report) { describePerson(r, control.Person{Subscriber: sub}) })
		})
	flags := cmd.Flags()
	flags.StringVar(&name, "name", "", "`NAME`")
	flags.StringVar(&gender, "gender", "", "male, female or empty")
	flags.StringArrayVar(&attributes, "attr", nil, "attribute `KEY=VALUE`; an empty value removes it")
	flags.StringArrayVar(&e.AddTags, "tag", nil, "add a `TAG`")
	flags.StringArrayVar(&e.RemoveTags, "untag", nil, "remove a `TAG`")
	chosen.flags(cmd)
	flags.BoolVar(&subscribe, "subscribe", false, "may be mailed, by the operator's word")
	flags.BoolVar(&unsubscribe, "unsubscribe", false, "may not be mailed")
	flags.BoolVar(&e.Create, "create", false, "make the subscriber if there is none")
	return cmd
}
