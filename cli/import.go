package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"pabal/audience"
	"pabal/control"
	"pabal/eml"
)

// importing is what `subscriber import` is asked to do.
type importing struct {
	app      *app
	o        audience.ImportOptions
	reportTo string
	inbox    bool // FILE is the name of a file in the inbox
	preview  bool
	korean   bool // reasons are told in Korean
}

func (a *app) subscriberImport() *cobra.Command {
	var (
		im      = importing{app: a}
		columns []string
		resume  uint32
		discard uint32
		cmd     *cobra.Command
	)
	cmd = a.asking("import FILE", "Take subscribers from a CSV or Excel (.xlsx) file (- is stdin)",
		"pabal subscriber import customers.csv --map email=이메일,name=이름 --tag vip2026 --report rejected.csv",
		func(ctx context.Context, c *control.Client, args []string) error {
			var err error
			if im.o.Map, err = pairs(columns, "--map", "email=이메일"); err != nil {
				return err
			}
			if im.korean, err = a.inKorean(); err != nil {
				return err
			}
			switch {
			case resume > 0 || discard > 0:
				if len(args) > 0 || resume > 0 && discard > 0 {
					return usage("--resume and --discard stand alone with the number of an import", "see the numbers with: pabal subscriber imports")
				}
				if discard > 0 {
					return im.discard(ctx, c, discard)
				}
				return im.run(func(o audience.ImportOptions) (audience.ImportResult, error) { return c.ResumeImport(ctx, resume, o) })
			case len(args) == 0:
				return usage("import needs a FILE", "for example: pabal subscriber import customers.csv")
			case im.preview:
				return im.show(ctx, c, args[0])
			}
			return im.file(ctx, c, args[0])
		})
	cmd.Args = cobra.MaximumNArgs(1)
	flags := cmd.Flags()
	flags.StringSliceVar(&columns, "map", nil, "our `FIELD=HEADER` of the file; may be given more than once")
	flags.StringSliceVar(&im.o.Skip, "skip", nil, "`HEADER` of a column nothing is taken of; may be given more than once")
	flags.StringArrayVar(&im.o.Tags, "tag", nil, "`TAG` for everyone in the file")
	flags.StringVar(&im.o.Encoding, "encoding", "", "`ENCODING` of a CSV file: utf-8, utf-16, utf-16be or cp949 (default: found out)")
	flags.StringVar(&im.o.Sheet, "sheet", "", "`NAME` of the sheet of an Excel file (default: the first)")
	flags.StringVar(&im.reportTo, "report", "", "`FILE` for the rejected rows: line, email, reason")
	flags.BoolVar(&im.preview, "preview", false, "only show how the file would be read, with its first 5 rows")
	flags.BoolVar(&im.inbox, "inbox", false, "FILE is the name of a file in the daemon's inbox (pabal subscriber inbox)")
	flags.Uint32Var(&resume, "resume", 0, "go on with import `NUMBER`, or show its result (pabal subscriber imports)")
	flags.Uint32Var(&discard, "discard", 0, "give up import `NUMBER`; what was stored of it stays")
	return cmd
}

// inKorean reports whether this command talks to a Korean.
func (a *app) inKorean() (bool, error) {
	cfg, err := a.config()
	if err != nil {
		return false, err
	}
	return a.language(cfg) == "ko", nil
}

// source opens FILE, and gives its name for people.
func (im *importing) source(path string) (in io.ReadCloser, name string, err error) {
	if path == "-" {
		return io.NopCloser(im.app.stdin), "stdin", nil
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, "", &eml.Problem{What: "the file cannot be read: " + err.Error(), Hint: "check the name and the permissions", Err: err}
	}
	if info, err := f.Stat(); err == nil && info.IsDir() {
		return nil, "", errors.Join(&eml.Problem{What: path + " is a folder", Hint: "name the CSV or Excel file in it"}, f.Close())
	}
	return f, filepath.Base(path), nil
}

// file imports FILE.
func (im *importing) file(ctx context.Context, c *control.Client, path string) error {
	if im.inbox {
		return im.run(func(o audience.ImportOptions) (audience.ImportResult, error) { return c.ImportInbox(ctx, path, o) })
	}
	in, name, err := im.source(path)
	if err != nil {
		return err
	}
	defer in.Close() // only read
	im.o.Name = name
	return im.run(func(o audience.ImportOptions) (audience.ImportResult, error) { return c.Import(ctx, in, o) })
}

// run runs an import with its report, progress and result.
func (im *importing) run(do func(audience.ImportOptions) (audience.ImportResult, error)) error {
	a, o := im.app, im.o
	progress := newBar(a.stderr)
	o.Progress = func(r audience.ImportResult) { progress.show(r.Rows, r.Total, "rows") }
	var result audience.ImportResult
	imported := func(report io.Writer) (err error) {
		o.Report = report
		result, err = do(o)
		progress.clear()
		return err
	}
	var err error
	if im.reportTo == "" {
		err = imported(nil)
	} else {
		err = writeWhole(im.reportTo, imported)
	}
	if err != nil {
		return err
	}
	return one(a, result, func(r *report) { im.describe(r, result) })
}

func (im *importing) describe(r *report, result audience.ImportResult) {
	r.pair("rows", commas(result.Rows))
	r.pair("accepted", fmt.Sprintf("%s (%s new, %s changed, %s unchanged)", commas(result.Accepted), commas(result.Created), commas(result.Updated), commas(result.Unchanged)))
	r.pair("duplicate", commas(result.Duplicate))
	r.pair("rejected", commas(result.Rejected))
	r.pair("read as", readAs(result.Encoding, result.Delimiter, result.Sheet))
	r.pair("import", fmt.Sprint(result.Import))
	if result.OptedOut > 0 {
		r.pair("kept out", commas(result.OptedOut)+" who had opted out")
	}
	if result.ConsentAssumed {
		r.line("The file has no consent column: everyone new in it counts as subscribed by this import.")
	}
	im.rejects(r, result.Rejects)
	if more := result.Rejected - int64(len(result.Rejects)); more > 0 && im.reportTo == "" {
		r.line("  and %s more; all of them: pabal subscriber import --resume %d --report FILE", commas(more), result.Import)
	}
}

func (im *importing) rejects(r *report, rejects []audience.Reject) {
	for _, reject := range rejects {
		reason := reject.Reason
		if im.korean && reject.ReasonKo != "" {
			reason = reject.ReasonKo
		}
		r.line("  line %d: %s: %s", reject.Line, eml.Visible(reject.Email), eml.Visible(reason))
	}
}

// readAs says how a file was read.
func readAs(encoding, delimiter, sheet string) string {
	switch {
	case sheet != "":
		return encoding + ", sheet " + eml.Visible(sheet)
	case delimiter == "\t":
		return encoding + ", separated by tabs"
	}
	return encoding + ", separated by " + delimiter
}

// show previews FILE.
func (im *importing) show(ctx context.Context, c *control.Client, path string) error {
	var preview audience.ImportPreview
	var err error
	if im.inbox {
		preview, err = c.PreviewInbox(ctx, path, im.o)
	} else {
		in, name, openErr := im.source(path)
		if openErr != nil {
			return openErr
		}
		defer in.Close() // only read
		im.o.Name = name
		preview, err = c.PreviewImport(ctx, in, im.o)
	}
	if err != nil {
		return err
	}
	return one(im.app, preview, func(r *report) { im.describePreview(r, preview) })
}

func (im *importing) describePreview(r *report, p audience.ImportPreview) {
	r.pair("read as", readAs(p.Encoding, p.Delimiter, p.Sheet))
	if len(p.Sheets) > 1 {
		r.pair("sheets", eml.Visible(strings.Join(p.Sheets, ", ")))
	}
	r.pair("rows", commas(p.Rows))
	r.pair("duplicate", commas(p.Duplicate))
	r.pair("rejected", commas(p.Rejected))
	for _, c := range p.Columns {
		as := "left out"
		switch {
		case c.Field != "":
			as = "→ " + c.Field
		case c.As != "":
			as = "→ attribute " + eml.Visible(c.As)
		}
		r.line("  %s %s", eml.Visible(c.Header), as)
	}
	for _, cells := range p.First {
		r.line("  | %s", eml.Visible(strings.Join(cells, " | ")))
	}
	im.rejects(r, p.Rejects)
	if p.Problem != "" {
		r.line("It cannot be imported so: %s", p.Problem)
		r.line("%s", p.Hint)
	} else if !p.Consent {
		r.line("The file has no consent column: everyone new in it would count as subscribed.")
	}
}

func (im *importing) discard(ctx context.Context, c *control.Client, id uint32) error {
	run, err := c.DiscardImport(ctx, id)
	if err != nil {
		return err
	}
	return one(im.app, run, func(r *report) {
		r.line("Import %d is discarded; %s rows of it are stored.", run.ID, commas(run.Result.Accepted))
	})
}

// subscriberImports lists what was imported, and what is not finished.
func (a *app) subscriberImports() *cobra.Command {
	return a.asking("imports", "List the imports, newest first", "pabal subscriber imports",
		func(ctx context.Context, c *control.Client, _ []string) error {
			fresh := func() *table {
				return newTable("ID", "FILE", "WHEN", "STATE", "ROWS", "OF", "ACCEPTED", "REJECTED", "WHY").numbers(0, 4, 5, 6, 7)
			}
			return show(a, c.Imports(ctx), fresh, func(im audience.ImportRun) []string {
				r := im.Result
				return []string{fmt.Sprint(im.ID), im.Name, im.At.In(a.zone()).Format("2006-01-02 15:04"), im.State, commas(r.Rows), commas(r.Total),
					commas(r.Accepted), commas(r.Rejected), im.Reason}
			})
		})
}

// subscriberInbox lists the files that can be imported by name.
func (a *app) subscriberInbox() *cobra.Command {
	return a.asking("inbox", "List the files in the daemon's inbox, and how to put one there", "pabal subscriber inbox",
		func(ctx context.Context, c *control.Client, _ []string) error {
			list, err := c.Inbox(ctx)
			if err != nil {
				return err
			}
			return one(a, list, func(r *report) {
				r.pair("folder", list.Folder)
				r.pair("put a file there", list.SCP)
				for _, f := range list.Files {
					r.line("  %s  %s bytes  %s", r.when(f.Modified), commas(f.Size), eml.Visible(f.Name))
				}
			})
		})
}
