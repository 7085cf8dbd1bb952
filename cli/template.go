package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"pabal/campaign"
	"pabal/control"
	"pabal/eml"
)

func (a *app) templateCommands() *cobra.Command {
	return a.group("template", "Subject, HTML and text with merge fields", a.templatePut(), a.templateList(), a.templateShow(), a.templateRender())
}

func (a *app) templatePut() *cobra.Command {
	var (
		t          campaign.Template
		html, text string
	)
	cmd := a.asking("put NAME", "Store a new version of a template",
		"pabal template put welcome --subject '{{Name}}님, 환영합니다' --html welcome.html",
		func(ctx context.Context, c *control.Client, args []string) (err error) {
			if t.Subject == "" || html == "" && text == "" {
				return usage("a template needs --subject and --html", "for example: pabal template put welcome --subject '환영합니다' --html welcome.html")
			}
			t.Name = args[0]
			if t.HTML, err = readText(html); err != nil {
				return err
			}
			if t.Text, err = readText(text); err != nil {
				return err
			}
			stored, err := c.PutTemplate(ctx, t)
			if err != nil {
				return err
			}
			return a.describeTemplate(stored)
		})
	cmd.Flags().StringVar(&t.Subject, "subject", "", "`SUBJECT`, may have merge fields")
	cmd.Flags().StringVar(&html, "html", "", "HTML `FILE`")
	cmd.Flags().StringVar(&text, "text", "", "plain text `FILE` (default: made from the HTML)")
	cmd.Flags().StringVar(&t.Purpose, "purpose", "", "`TEXT`: what it is for")
	return cmd
}

// readText reads a template's file, "" for none.
func readText(path string) (string, error) {
	if path == "" {
		return "", nil
	}
	f, err := os.Open(path)
	if err != nil {
		return "", &eml.Problem{What: "the file cannot be read: " + err.Error(), Hint: "check the name and the permissions", Err: err}
	}
	defer f.Close() // only read
	text, err := io.ReadAll(io.LimitReader(f, control.MaxTemplateBytes+1))
	if err != nil {
		return "", &eml.Problem{What: "the file cannot be read: " + err.Error(), Hint: "check the name and the permissions", Err: err}
	}
	if len(text) > control.MaxTemplateBytes {
		return "", &eml.Problem{What: path + " has more than 5 MB", Hint: "put images on a web server and link to them"}
	}
	return string(text), nil
}

// shownTemplate is a template without its bodies, as --json has it.
type shownTemplate struct {
	ID      uint64   `json:"id"`
	Name    string   `json:"name"`
	Purpose string   `json:"purpose"`
	Version int      `json:"version"`
	Subject string   `json:"subject"`
	Fields  []string `json:"fields"`
	Images  []image  `json:"images"`
	Bytes   int      `json:"bytes"` // of HTML and text as stored
}

// image is a picture a template holds.
type image struct {
	Name  string `json:"name"`
	URL   string `json:"url"`
	Bytes int64  `json:"bytes"`
}

func (a *app) describeTemplate(t campaign.Template) error {
	v := shownTemplate{t.ID, t.Name, t.Purpose, t.Version, t.Subject, t.Fields, []image{}, len(t.HTML) + len(t.Text)}
	if v.Fields == nil {
		v.Fields = []string{}
	}
	return one(a, v, func(r *report) {
		r.pair("template", fmt.Sprintf("%s, version %d", t.Name, t.Version))
		r.pair("purpose", t.Purpose)
		r.pair("subject", t.Subject)
		r.pair("fields", strings.Join(t.Fields, ", "))
		r.pair("bytes", commas(int64(v.Bytes)))
	})
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
		number int
		part   string
	)
	cmd := a.asking("show NAME", "Show a template's facts, or one of its parts", "pabal template show welcome --part html > welcome.html",
		func(ctx context.Context, c *control.Client, args []string) error {
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
	return cmd
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
