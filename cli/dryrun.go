package cli

import (
	"bufio"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"pabal/campaign"
	"pabal/control"
	"pabal/eml"
)

// dryIndex is the list of what a dry run made, beside the mails.
const dryIndex = "dryrun.csv"

// dryResult is what a dry run made, as --json has it.
type dryResult struct {
	Campaign uint64           `json:"campaign"`
	Folder   string           `json:"folder"`
	Mails    int64            `json:"mails"`
	Bytes    int64            `json:"bytes"`
	Skipped  map[string]int64 `json:"skipped"` // by reason
	Failed   map[string]int64 `json:"failed"`  // letters that could not be made, by what was wrong
	Seconds  float64          `json:"seconds"`
	Emulated *emulated        `json:"emulated,omitempty"`
}

func (a *app) campaignDryRun() *cobra.Command {
	var (
		to      string
		limit   int64
		emulate bool
		speed   float64
	)
	cmd := a.campaignCommand("dryrun", "Make every letter of it without sending any", "pabal campaign dryrun 7 --to letters\n"+
		"pabal campaign dryrun 7 --to letters --limit 100\npabal campaign dryrun 7 --to letters --emulate --speed 60",
		func(ctx context.Context, c *control.Client, id uint64) error {
			switch {
			case to == "":
				return usage("a dry run needs --to", fmt.Sprintf("for example: pabal campaign dryrun %d --to letters", id))
			case limit < 0:
				return usage("--limit counts mails", "for example --limit 100, or 0 for all")
			case speed < 1 || speed > maxSpeed:
				return usage(fmt.Sprintf("--speed is between 1 and %d", maxSpeed), "1 is real time, 60 makes a minute of an hour")
			}
			d := &dryRun{app: a, c: c, dir: to, limit: limit, result: dryResult{Campaign: id, Folder: to, Skipped: map[string]int64{}, Failed: map[string]int64{}}}
			if err := d.run(ctx); err != nil {
				return err
			}
			if emulate {
				e := &emulation{app: a, c: c, dir: to, speed: speed, ids: d.ids}
				if err := e.run(ctx, id); err != nil {
					return err
				}
				d.result.Emulated = &e.result
			}
			return one(a, d.result, d.result.describe)
		})
	flags := cmd.Flags()
	flags.StringVar(&to, "to", "", "`FOLDER` for the mails, new or empty")
	flags.Int64Var(&limit, "limit", 0, "no more than `N` mails (default: all)")
	flags.BoolVar(&emulate, "emulate", false, "then send them to an SES emulator at the account's pace, to see how long it takes")
	flags.Float64Var(&speed, "speed", 1, "let the emulated time go `N` times as fast")
	return cmd
}

func (r *dryResult) describe(w *report) {
	w.pair("made", commas(r.Mails)+" mails, "+commas(r.Bytes)+" bytes, in "+span(r.Seconds))
	w.pair("folder", r.Folder)
	describeTally(w, "skipped", r.Skipped)
	describeTally(w, "cannot be made", r.Failed)
	if e := r.Emulated; e != nil {
		e.describe(w)
	}
	w.line("Nobody was mailed.")
}

func describeTally(w *report, label string, tally map[string]int64) {
	for _, reason := range slices.Sorted(maps.Keys(tally)) {
		w.pair(label, eml.Visible(reason)+": "+commas(tally[reason]))
	}
}

// dryRun writes the letters of an audience into a folder.
type dryRun struct {
	app    *app
	c      *control.Client
	dir    string
	limit  int64
	result dryResult
	ids    []uint64 // of the mails made, rising
	index  *csv.Writer
}

func (d *dryRun) run(ctx context.Context) error {
	total, err := d.total(ctx)
	if err != nil {
		return err
	}
	if err := emptyFolder(d.dir); err != nil {
		return err
	}
	file, err := os.OpenFile(filepath.Join(d.dir, dryIndex), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return d.cannot(err)
	}
	buffered := bufio.NewWriter(file)
	d.index = csv.NewWriter(buffered)
	began := time.Now()
	err = d.letters(ctx, total)
	d.index.Flush()
	err = errors.Join(err, d.index.Error(), buffered.Flush(), file.Close())
	d.result.Seconds = time.Since(began).Seconds()
	return d.cannot(err)
}

// total is how many mails there will be, for the progress.
func (d *dryRun) total(ctx context.Context) (int64, error) {
	c, err := d.c.Campaign(ctx, d.result.Campaign)
	if err != nil {
		return 0, err
	}
	n, err := d.c.Count(ctx, c.Segment, c.Topic)
	if d.limit > 0 {
		n.Mailable = min(n.Mailable, d.limit)
	}
	return n.Mailable, err
}

// letters writes them as they come.
func (d *dryRun) letters(ctx context.Context, total int64) error {
	progress := newBar(d.app.stderr)
	defer progress.clear()
	if err := d.index.Write([]string{"file", "email", "outcome", "reason"}); err != nil {
		return err
	}
	for l, err := range d.c.DryRun(ctx, d.result.Campaign, d.limit) {
		if err == nil {
			err = d.take(&l)
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			return err
		}
		progress.show(d.result.Mails, total, "letters made")
	}
	return ctx.Err()
}

// take writes one letter, or counts why there is none.
func (d *dryRun) take(l *campaign.DryLetter) error {
	switch {
	case l.Skip != "":
		d.result.Skipped[l.Skip]++
		return d.index.Write([]string{"", cell(l.Email), "skipped", l.Skip})
	case l.Problem != "":
		d.result.Failed[l.Problem]++
		return d.index.Write([]string{"", cell(l.Email), "failed", cell(l.Problem)})
	}
	name := dryName(l.Subscriber)
	path := filepath.Join(d.dir, name)
	if err := os.WriteFile(path, l.Mail, 0o600); err != nil {
		return errors.Join(err, os.Remove(path)) // half a mail is none
	}
	d.result.Mails++
	d.result.Bytes += int64(len(l.Mail))
	d.ids = append(d.ids, l.Subscriber)
	return d.index.Write([]string{name, cell(l.Email), "made", ""})
}

// cell keeps a spreadsheet program from running what begins like a formula.
func cell(text string) string {
	if text != "" && strings.ContainsRune("=+-@\t\r", rune(text[0])) {
		return "'" + text
	}
	return text
}

// dryName is the file of a subscriber's mail: ids, since addresses can be long
// and hold what a file name cannot.
func dryName(subscriber uint64) string { return strconv.FormatUint(subscriber, 10) + ".eml" }

// cannot says what stopped a dry run, how far it was, and what to do.
func (d *dryRun) cannot(err error) error {
	far := commas(d.result.Mails) + " mails"
	switch {
	case err == nil:
		return nil
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return &eml.Problem{What: "the disk that holds " + d.dir + " is full after " + far, Hint: "remove the folder and give --to one on a larger disk, or make fewer with --limit", Err: err}
	case errors.Is(err, context.Canceled):
		return &eml.Problem{What: "stopped after " + far + "; nobody was mailed", Hint: "to begin again, remove " + d.dir + " or give --to another folder", Err: err}
	case errors.Is(err, fs.ErrPermission), errors.Is(err, fs.ErrExist), errors.Is(err, io.ErrShortWrite):
		return &eml.Problem{What: "after " + far + ": " + err.Error(), Hint: "give --to a folder of your own", Err: err}
	}
	return err
}

// emptyFolder makes a folder, and refuses one that has anything in it: mails of
// two dry runs must not be mixed up, nor a person's files written over.
func emptyFolder(dir string) error {
	entries, err := os.ReadDir(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		err = os.MkdirAll(dir, 0o700)
	case err == nil && len(entries) > 0:
		return &eml.Problem{What: dir + " is not empty", Hint: "give --to a new folder, or empty this one"}
	}
	if err != nil {
		return &eml.Problem{What: "the folder cannot be used: " + err.Error(), Hint: "give --to a folder of your own", Err: err}
	}
	return nil
}
