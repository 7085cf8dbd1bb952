package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"pabal/campaign"
	"pabal/control"
	"pabal/eml"
)

// source is where the parts of a template are.
type source struct {
	html, text, inbox string
	images            []string
}

func (a *app) templatePut() *cobra.Command {
	var (
		t   campaign.Template
		src source
	)
	cmd := a.asking("put NAME", "Store a new version of a template: a page, a folder or a zip with its images",
		"pabal template put sale --html summer-sale.zip\npabal template put welcome --subject '{{Name}}님, 환영합니다' --html welcome.html",
		func(ctx context.Context, c *control.Client, args []string) error {
			t.Name = args[0]
			stored, err := src.put(ctx, c, t)
			if err != nil {
				return err
			}
			return a.describeTemplate(stored)
		})
	flags := cmd.Flags()
	flags.StringVar(&t.Subject, "subject", "", "`SUBJECT`, may have merge fields (default: subject.txt, the page's <title>, the version before)")
	flags.StringVar(&src.html, "html", "", "page `FILE` with its images beside it, a folder, or a zip")
	flags.StringVar(&src.text, "text", "", "plain text `FILE` (default: made from the HTML)")
	flags.StringArrayVar(&src.images, "image", nil, "image `FILE` that the page names and that lies elsewhere; may be given more than once")
	flags.StringVar(&src.inbox, "inbox", "", "zip or page `NAME` in the daemon's inbox (pabal subscriber inbox)")
	flags.StringVar(&t.Purpose, "purpose", "", "`TEXT`: what it is for")
	return cmd
}

func (src source) put(ctx context.Context, c *control.Client, t campaign.Template) (campaign.Template, error) {
	switch {
	case src.inbox != "" && (src.html != "" || src.text != "" || len(src.images) > 0):
		return t, usage("--inbox stands alone", "pack the images and the text into one zip")
	case src.inbox != "":
		return c.PutInboxTemplate(ctx, t, src.inbox)
	case src.html == "" && src.text == "":
		return t, usage("a template needs --html", "for example: pabal template put welcome --subject '환영합니다' --html welcome.html")
	}
	b, err := src.read()
	if err != nil {
		return t, err
	}
	return c.PutBundle(ctx, t, b)
}

// read reads the page by what its path is.
func (src source) read() (b campaign.Bundle, err error) {
	info, statErr := os.Stat(src.html)
	switch {
	case src.html == "":
	case statErr != nil:
		return b, unreadable(statErr)
	case info.IsDir():
		b, err = readFolder(src.html)
	case strings.EqualFold(filepath.Ext(src.html), ".zip"):
		var data string
		if data, err = readText(src.html, campaign.MaxBundle); err == nil {
			b, err = campaign.ReadZip([]byte(data))
		}
	default:
		b, err = src.readPage()
	}
	if err != nil || src.text == "" {
		return b, err
	}
	b.Text, err = readText(src.text, control.MaxTemplateBytes)
	return b, err
}

func readFolder(path string) (b campaign.Bundle, err error) {
	root, err := os.OpenRoot(path) // no link leads out of it
	if err != nil {
		return b, unreadable(err)
	}
	defer func() { err = errors.Join(err, root.Close()) }()
	return campaign.ReadFolder(root.FS())
}

// readPage takes the images from beside the page, and those named apart.
func (src source) readPage() (b campaign.Bundle, err error) {
	page, err := readText(src.html, control.MaxTemplateBytes)
	if err != nil {
		return b, err
	}
	root, err := os.OpenRoot(filepath.Dir(src.html))
	if err != nil {
		return b, unreadable(err)
	}
	defer func() { err = errors.Join(err, root.Close()) }()
	return campaign.PageBundle(page, func(name string) ([]byte, bool, error) {
		for _, path := range src.images {
			if strings.EqualFold(filepath.Base(path), filepath.Base(name)) {
				data, err := readText(path, campaign.MaxImage)
				return []byte(data), err == nil, err
			}
		}
		return beside(root, name)
	})
}

// beside is an image in the page's folder; what cannot be found there, or lies
// outside, is missing.
func beside(root *os.Root, name string) ([]byte, bool, error) {
	info, err := root.Stat(name)
	if err != nil || !info.Mode().IsRegular() {
		return nil, false, nil
	}
	f, err := root.Open(name)
	if err != nil {
		return nil, false, unreadable(err)
	}
	defer f.Close() // only read
	data, err := readLimited(f, name, campaign.MaxImage)
	return data, err == nil, err
}

func unreadable(err error) error {
	return &eml.Problem{What: "the file cannot be read: " + err.Error(), Hint: "check the name and the permissions", Err: err}
}

// readText reads a file up to a limit.
func readText(path string, limit int64) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", unreadable(err)
	}
	defer f.Close() // only read
	data, err := readLimited(f, path, limit)
	return string(data), err
}

func readLimited(f io.Reader, name string, limit int64) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err != nil {
		return nil, unreadable(err)
	}
	if int64(len(data)) > limit {
		return nil, &eml.Problem{What: fmt.Sprintf("%s has more than %d MB", name, limit>>20), Hint: "make its images smaller: a mail's should have a few hundred KB"}
	}
	return data, nil
}

func (a *app) templatePull() *cobra.Command {
	var o campaign.PullOptions
	cmd := a.asking("pull NAME", "Import a template that SES stores, once; campaigns are made of what is here", "pabal template pull welcome",
		func(ctx context.Context, c *control.Client, args []string) error {
			got, err := c.PullTemplate(ctx, args[0], o)
			if err != nil {
				return err
			}
			return one(a, pulledTemplate{shownOf(got.Template), got.Asked, got.New}, func(r *report) {
				switch {
				case got.New:
					r.line("pulled from SES")
				case got.Asked:
					r.line("SES has what is here: no new version")
				default:
					r.line("it is here since %s; SES was not asked: --refresh asks", a.when(got.PulledAt))
				}
				a.reportTemplate(r, got.Template)
			})
		})
	cmd.Flags().StringVar(&o.As, "as", "", "`NAME` it gets here (default: the same)")
	cmd.Flags().BoolVar(&o.Refresh, "refresh", false, "ask SES again, and make a new version if it changed")
	return cmd
}

func (a *app) templateRemove() *cobra.Command {
	return a.asking("remove NAME", "Remove a template that no campaign is made of, with all its versions", "pabal template remove draft-2",
		func(ctx context.Context, c *control.Client, args []string) error {
			if err := c.RemoveTemplate(ctx, args[0]); err != nil {
				return err
			}
			return one(a, map[string]string{"removed": args[0]}, func(r *report) { r.line("removed %s", eml.Visible(args[0])) })
		})
}

// shownTemplate is a template without its bodies, as --json has it.
type shownTemplate struct {
	ID       uint64                    `json:"id"`
	Name     string                    `json:"name"`
	Purpose  string                    `json:"purpose"`
	Version  int                       `json:"version"`
	Subject  string                    `json:"subject"`
	Fields   []string                  `json:"fields"`
	Images   []campaign.Image          `json:"images"`
	Bytes    int                       `json:"bytes"` // of HTML and text as stored
	MadeAt   time.Time                 `json:"created_at"`
	PulledAt time.Time                 `json:"pulled_at,omitzero"` // from SES
	Changes  []campaign.TemplateChange `json:"changes,omitempty"`  // in what came from SES
}

type pulledTemplate struct {
	shownTemplate
	Asked bool `json:"asked"`
	New   bool `json:"new"`
}

func shownOf(t campaign.Template) shownTemplate {
	v := shownTemplate{ID: t.ID, Name: t.Name, Purpose: t.Purpose, Version: t.Version, Subject: t.Subject, Fields: t.Fields, Images: t.Images,
		Bytes: len(t.HTML) + len(t.Text), MadeAt: t.CreatedAt, PulledAt: t.PulledAt, Changes: t.Changes}
	if v.Fields == nil {
		v.Fields = []string{}
	}
	if v.Images == nil {
		v.Images = []campaign.Image{}
	}
	return v
}

func (a *app) describeTemplate(t campaign.Template) error {
	return one(a, shownOf(t), func(r *report) { a.reportTemplate(r, t) })
}

func (a *app) reportTemplate(r *report, t campaign.Template) {
	r.pair("template", fmt.Sprintf("%s, version %d", t.Name, t.Version))
	r.pair("purpose", t.Purpose)
	r.pair("subject", t.Subject)
	r.pair("fields", strings.Join(t.Fields, ", "))
	r.pair("bytes", commas(int64(len(t.HTML)+len(t.Text))))
	for _, i := range t.Images {
		if i.Missing {
			r.pair("image", eml.Visible(i.Name)+": missing; no campaign starts with it")
			continue
		}
		r.pair("image", fmt.Sprintf("%s, %s bytes, %s", eml.Visible(i.Name), commas(i.Bytes), i.URL))
	}
	for _, c := range t.Changes {
		r.pair("changed", fmt.Sprintf("%s, line %d: %s became %s", c.Part, c.Line, eml.Visible(c.Was), c.Is))
	}
}
