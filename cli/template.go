package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"pabal/campaign"
	"pabal/control"
	"pabal/eml"
)

func (a *app) templateCommands() *cobra.Command {
	return a.group("template", "Subject, HTML and text with merge fields", a.templatePut(), a.templatePull(), a.templateList(), a.templateShow(),
		a.templateRender(), a.templateRemove())
}

func (a *app) templateList() *cobra.Command {
	return a.asking("list", "List templates", "pabal template list", func(ctx context.Context, c *control.Client, _ []string) error {
		return show(a, each(c.Templates(ctx)), func() *table { return newTable("NAME", "VERSION", "SUBJECT", "PURPOSE", "MADE").numbers(1) },
			func(t campaign.Template) []string {
				return []string{t.Name, fmt.Sprint(t.Version), t.Subject, t.Purpose, a.when(t.CreatedAt)}
			})
	})
}

func (a *app) templateShow() *cobra.Command {
	var (
		number   int
		part     string
		versions bool
	)
	cmd := a.asking("show NAME", "Show a template's facts, one of its parts, or its versions", "pabal template show welcome --part html > welcome.html",
		func(ctx context.Context, c *control.Client, args []string) error {
			if versions {
				return a.listVersions(ctx, c, args[0])
			}
			t, err := c.Template(ctx, args[0], number)
			if err != nil {
				return err
			}
			parts := map[string]string{"html": t.HTML, "text": t.Text, "subject": t.Subject + "\n"}
			text, ok := parts[part]
			switch {
			case part == "":
				return a.describeTemplate(t)
			case !ok:
				return usage("there is no part "+eml.Visible(part), "one of html, text, subject")
			}
			return a.writeForeign(text)
		})
	cmd.Flags().IntVar(&number, "version", 0, "`NUMBER` of the version (default: the newest)")
	cmd.Flags().StringVar(&part, "part", "", "write this `PART` as it is stored: html, text or subject")
	cmd.Flags().BoolVar(&versions, "versions", false, "list all versions, the newest first")
	return cmd
}

func (a *app) listVersions(ctx context.Context, c *control.Client, name string) error {
	return show(a, each(c.TemplateVersions(ctx, name)), func() *table { return newTable("VERSION", "MADE", "SUBJECT", "IMAGES", "FROM").numbers(0, 3) },
		func(t campaign.Template) []string {
			from := "here"
			if !t.PulledAt.IsZero() {
				from = "SES"
			}
			return []string{fmt.Sprint(t.Version), a.when(t.CreatedAt), t.Subject, fmt.Sprint(len(t.Images)), from}
		})
}

func (a *app) templateRender() *cobra.Command {
	var (
		q      control.RenderRequest
		values []string
		part   string
	)
	cmd := a.asking("render NAME", "Show the mail one subscriber would get", "pabal template render welcome --email minji@example.com --part html > mail.html",
		func(ctx context.Context, c *control.Client, args []string) (err error) {
			if q.Values, err = setValues(values); err != nil {
				return err
			}
			letter, err := c.Render(ctx, args[0], q)
			if err != nil {
				return err
			}
			switch part {
			case "html":
				return a.writeForeign(letter.HTML)
			case "":
				return one(a, letter, func(r *report) { describeLetter(r, letter) })
			}
			return usage("there is no part "+eml.Visible(part), "html, or none for subject and text")
		})
	cmd.Flags().StringVar(&q.Email, "email", "", "as the subscriber with this `ADDRESS` would get it")
	cmd.Flags().IntVar(&q.Version, "version", 0, "`NUMBER` of the version (default: the newest)")
	cmd.Flags().StringArrayVar(&values, "set", nil, "value `KEY=VALUE` or KEY=@FILE")
	cmd.Flags().StringVar(&part, "part", "", "write only the html")
	return cmd
}

func (a *app) writeForeign(text string) error {
	out := a.foreign()
	_, err := io.WriteString(out, text)
	return errors.Join(err, out.Close())
}

func describeLetter(r *report, letter campaign.Letter) {
	r.pair("From", letter.From)
	r.pair("To", letter.To)
	r.pair("Subject", letter.Subject)
	if letter.Bytes > 0 {
		r.pair("bytes", commas(letter.Bytes))
	}
	r.pair("no value", strings.Join(letter.Missing, ", "))
	r.line("")
	for line := range strings.SplitSeq(letter.Text, "\n") {
		r.line("%s", eml.Visible(strings.TrimSuffix(line, "\r")))
	}
}
