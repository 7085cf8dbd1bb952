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
	return a.group("subscriber", "The people mail goes to", a.subscriberImport(), a.subscriberExport(),
		a.subscriberList(), a.subscriberShow(), a.subscriberSet())
}

func (a *app) subscriberImport() *cobra.Command {
	var (
		o         audience.ImportOptions
		columns   []string
		reportTo  string
		importing *cobra.Command
	)
	importing = a.asking("import FILE", "Take subscribers from a CSV file (- is stdin)",
		"pabal subscriber import customers.csv --map email=이메일,name=이름 --tag vip2026 --report rejected.csv",
		func(ctx context.Context, c *control.Client, args []string) error {
			var err error
			if o.Map, err = pairs(columns, "--map", "email=이메일"); err != nil {
				return err
			}
			return a.importFile(ctx, c, args[0], reportTo, o)
		})
	importing.Flags().StringSliceVar(&columns, "map", nil, "our `FIELD=HEADER` of the file; may be given more than once")
	importing.Flags().StringArrayVar(&o.Tags, "tag", nil, "`TAG` for everyone in the file")
	importing.Flags().StringVar(&o.Encoding, "encoding", "", "`ENCODING` of the file: utf-8 or cp949 (default: found out)")
	importing.Flags().StringVar(&reportTo, "report", "", "`FILE` for the rejected rows: line, email, reason")
	return importing
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

func (a *app) importFile(ctx context.Context, c *control.Client, path, reportTo string, o audience.ImportOptions) (err error) {
	in := a.stdin
	o.Name = "stdin"
	if path != "-" {
		f, err := os.Open(path)
		if err != nil {
			return &eml.Problem{What: "the file cannot be read: " + err.Error(), Hint: "check the name and the permissions", Err: err}
		}
		defer f.Close() // only read
		if info, err := f.Stat(); err == nil && info.IsDir() {
			return &eml.Problem{What: path + " is a folder", Hint: "name the CSV file in it"}
		}
		in, o.Name = f, filepath.Base(path)
	}
	if reportTo != "" {
		f, err := os.OpenFile(reportTo, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
		if err != nil {
			return &eml.Problem{What: "the report cannot be written: " + err.Error(), Hint: "give --report a place that can be written", Err: err}
		}
		o.Report = f
		defer func() { err = errors.Join(err, f.Close()) }()
	}
	progress := newBar(a.stderr)
	o.Progress = func(r audience.ImportResult) { progress.show(r.Rows, 0, "rows") }
	result, err := c.Import(ctx, in, o)
	progress.clear()
	if err != nil {
		return err
	}
	return one(a, result, func(r *report) { describeImport(r, result, reportTo) })
}

func describeImport(r *report, result audience.ImportResult, reportTo string) {
	r.pair("rows", commas(result.Rows))
	r.pair("accepted", fmt.Sprintf("%s (%s new, %s changed)", commas(result.Accepted), commas(result.Created), commas(result.Updated)))
	r.pair("duplicate", commas(result.Duplicate))
	r.pair("rejected", commas(result.Rejected))
	r.pair("read as", result.Encoding)
	if result.OptedOut > 0 {
		r.pair("kept out", commas(result.OptedOut)+" who had opted out")
	}
	if result.ConsentAssumed {
		r.line("The file has no consent column: everyone new in it counts as subscribed by this import.")
	}
	for _, reject := range result.Rejects {
		r.line("  line %d: %s: %s", reject.Line, eml.Visible(reject.Email), eml.Visible(reject.Reason))
	}
	if more := result.Rejected - int64(len(result.Rejects)); more > 0 && reportTo == "" {
		r.line("  and %s more; --report FILE keeps them all", commas(more))
	}
}

func (a *app) subscriberExport() *cobra.Command {
	var segment string
	cmd := a.asking("export [FILE]", "Write subscribers as CSV for a spreadsheet", "pabal subscriber export vip.csv --segment 'tag(\"vip2026\")'",
		func(ctx context.Context, c *control.Client, args []string) error {
			if a.json {
				return show(a, c.EachSubscriber(ctx, "", segment, 0), newSubscriberTable, subscriberRow)
			}
			if len(args) == 0 {
				out := a.foreign()
				return errors.Join(c.Export(ctx, out, segment), out.Close())
			}
			return writeWhole(args[0], func(w io.Writer) error { return c.Export(ctx, w, segment) })
		})
	cmd.Flags().StringVar(&segment, "segment", "", "only whom the `EXPRESSION` selects")
	return cmd
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
		segment, prefix string
		limit           int
	)
	cmd := a.asking("list", "List subscribers", "pabal subscriber list --segment 'gender == \"female\"' --limit 20",
		func(ctx context.Context, c *control.Client, _ []string) error {
			var all iter.Seq2[audience.Subscriber, error] = c.EachSubscriber(ctx, prefix, segment, limit)
			return show(a, all, newSubscriberTable, subscriberRow)
		})
	cmd.Flags().StringVar(&segment, "segment", "", "only whom the `EXPRESSION` selects")
	cmd.Flags().StringVar(&prefix, "prefix", "", "only whose e-mail or name begins with `TEXT`")
	cmd.Flags().IntVar(&limit, "limit", 0, "at most `N`; 0 is all")
	return cmd
}

func (a *app) subscriberShow() *cobra.Command {
	return a.asking("show EMAIL", "Show one subscriber with the history of their consent", "pabal subscriber show minji@example.com",
		func(ctx context.Context, c *control.Client, args []string) error {
			p, err := c.Subscriber(ctx, args[0])
			if err != nil {
				return err
			}
			return one(a, p, func(r *report) { describePerson(r, p) })
		})
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
	r.pair("subscribed", yesNo(p.Consent.Subscribed)+" by "+string(p.Consent.Source)+" at "+r.when(p.Consent.At))
	r.pair("topics off", strings.Join(p.TopicsOff, ", "))
	r.pair("topics on", strings.Join(p.TopicsOn, ", "))
	if p.Frequency != "" {
		r.pair("frequency", p.Frequency+" at most")
	}
	r.pair("language", p.Language)
	if p.Suppression != nil {
		r.pair("suppressed", p.Suppression.Reason+" at "+r.when(p.Suppression.At))
	}
	for _, change := range p.History {
		if len(change.Changed) > 0 {
			r.line("  %s  %s by %s %s", r.when(change.At), eml.Visible(strings.Join(change.Changed, ", ")), change.Source, eml.Visible(change.Detail))
			continue
		}
		note := ""
		if !change.Applied {
			note = " (not applied: a stronger source had spoken)"
		}
		r.line("  %s  %s by %s %s%s", r.when(change.At), map[bool]string{true: "subscribed", false: "unsubscribed"}[change.Subscribed],
			change.Source, eml.Visible(change.Detail), note)
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
