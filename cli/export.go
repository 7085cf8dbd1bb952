package cli

import (
	"context"
	"errors"
	"io"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"pabal/control"
)

func (a *app) subscriberExport() *cobra.Command {
	var (
		e   control.ExportRequest
		bom bool
		who string
	)
	cmd := a.asking("export [FILE]", "Write subscribers as CSV or Excel (.xlsx), or all that is kept of one person as JSON",
		"pabal subscriber export vip.xlsx --segment 'tag(\"vip2026\")'\npabal subscriber export minji.json --email minji@example.com",
		func(ctx context.Context, c *control.Client, args []string) error {
			if who != "" && (e.Segment != "" || e.Format != "") {
				return usage("--email exports one person as JSON", "leave out --segment and --format")
			}
			if who != "" {
				return a.exportPerson(ctx, c, who, args)
			}
			if a.json {
				return show(a, c.EachSubscriber(ctx, "", e.Segment, 0), newSubscriberTable, subscriberRow)
			}
			e.NoBOM = !bom
			if len(args) == 0 {
				out := a.foreign()
				return errors.Join(c.Export(ctx, out, e), out.Close())
			}
			if strings.EqualFold(filepath.Ext(args[0]), ".xlsx") && e.Format == "" {
				e.Format = "xlsx"
			}
			return a.exportFile(ctx, c, args[0], e)
		})
	flags := cmd.Flags()
	flags.StringVar(&e.Segment, "segment", "", "only whom the `EXPRESSION` selects")
	flags.StringVar(&e.Format, "format", "", "`FORMAT`: csv or xlsx (default: by the file's name, else csv)")
	flags.BoolVar(&bom, "bom", true, "begin CSV with the mark by which Excel knows UTF-8; --bom=false for programs")
	flags.StringVar(&who, "email", "", "everything kept about the person with the `ADDRESS`, as one JSON document")
	return cmd
}

// exportFile writes a file of mode 0600, whole or not at all.
func (a *app) exportFile(ctx context.Context, c *control.Client, path string, e control.ExportRequest) error {
	progress, total := newBar(a.stderr), int64(0)
	if progress.live && e.Format != "xlsx" { // rows can be told in CSV
		count, err := c.Count(ctx, e.Segment, "")
		if err != nil {
			return err
		}
		total = count.Selected
	}
	defer progress.clear()
	return writeWhole(path, func(w io.Writer) error {
		return c.Export(ctx, &exported{w: w, progress: progress, total: total, rows: -1}, e)
	})
}

// exported counts what goes by: rows of CSV where their total is known, else bytes.
type exported struct {
	w        io.Writer
	progress *bar
	total    int64
	rows     int64
	bytes    int64
	quoted   bool
}

func (x *exported) Write(p []byte) (int, error) {
	x.bytes += int64(len(p))
	if x.total == 0 {
		x.progress.show(x.bytes, 0, "bytes")
		return x.w.Write(p)
	}
	for _, b := range p {
		switch {
		case b == '"':
			x.quoted = !x.quoted
		case b == '\n' && !x.quoted:
			x.rows++
		}
	}
	x.progress.show(max(0, x.rows), x.total, "subscribers")
	return x.w.Write(p)
}
