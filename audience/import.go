package audience

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"runtime/debug"
	"strconv"
)

// ImportOptions say how a CSV file is read.
type ImportOptions struct {
	Name     string             `json:"name"` // file name, for history and report
	Map      map[string]string  `json:"map"`  // our field -> column header: email=이메일
	Tags     []string           `json:"tags"`
	Encoding string             `json:"encoding"` // "" finds it out; utf-8, utf-16, cp949
	Report   io.Writer          `json:"-"`        // CSV of rejected rows: line, email, reason; nil for none
	Progress func(ImportResult) `json:"-"`        // after each batch; nil for none
}

// ImportResult counts: Rows = Accepted + Duplicate + Rejected; Accepted = Created + Updated.
type ImportResult struct {
	Rows           int64             `json:"rows"`
	Accepted       int64             `json:"accepted"`
	Created        int64             `json:"created"`
	Updated        int64             `json:"updated"` // was there before, whether or not the row had news
	Duplicate      int64             `json:"duplicate"`
	Rejected       int64             `json:"rejected"`
	Encoding       string            `json:"encoding"`
	Columns        map[string]string `json:"columns"` // our field or attribute -> header used
	ConsentAssumed bool              `json:"consent_assumed"`
	OptedOut       int64             `json:"opted_out"`         // rows that say subscribed of somebody who opted out: kept out
	Rejects        []Reject          `json:"rejects,omitempty"` // the first 20
}

// Reject is a row that was not taken. Line is the line of the file it begins
// on, from 1, also where cells hold line breaks.
type Reject struct {
	Line   int    `json:"line"`
	Email  string `json:"email"`
	Reason string `json:"reason"`
}

// ImportError says why a file was not read at all: nothing was changed. Line
// and Column (in characters) are from 1, 0 where there is none.
type ImportError struct {
	Line, Column  int
	Message, Hint string
}

func (e *ImportError) Error() string {
	switch {
	case e.Line == 0:
		return e.Message
	case e.Column == 0:
		return fmt.Sprintf("line %d: %s", e.Line, e.Message)
	}
	return fmt.Sprintf("line %d, column %d: %s", e.Line, e.Column, e.Message)
}

// Limits on a file.
const (
	manyRows     = 100_000 // past it the memory of an import is worth giving back at once
	maxRejects   = 20
	maxColumns   = 256
	maxRowBytes  = 1 << 20 // of one row; more is a quote that never closes
	importBatch  = 5000    // rows a commit; 1,000 to 10,000 take 6.2 us of CPU a row alike, fewer commits wait less for the disk
	maxFileBytes = 8 << 30
)

// ImportCSV reads r to its end. A file that cannot be read as CSV at all, or
// has no e-mail column, is an *ImportError and changes nothing: the file is
// copied and read through once before the first row is stored. The first row
// of an address counts, later ones are duplicates. An empty cell leaves what is
// known. Every row is stored with those around it (importBatch a commit), so
// that after another error, ctx's for one, the result says what was stored;
// importing the file again then does the rest. Columns that are no field of
// ours become attributes. One import runs at a time, others wait.
//
// Without a consent column everybody is subscribed, as Assumed; with one, true,
// 1, y, yes and 동의 are yes and everything else, an empty cell too, is no. A
// person who opted out stays out whatever the file says; only a column mapped
// as consent_at brings back those who agreed after they had left.
func (s *Store) ImportCSV(ctx context.Context, r io.Reader, o ImportOptions) (ImportResult, error) {
	select {
	case s.importing <- struct{}{}:
		defer func() { <-s.importing }()
	case <-ctx.Done():
		return ImportResult{}, ctx.Err()
	}
	copied, err := copyText(ctx, s.dir, r, o.Encoding)
	if err != nil {
		return ImportResult{}, err
	}
	defer copied.close()
	p, err := readPlan(ctx, copied, o)
	if err != nil {
		return ImportResult{}, err
	}
	im := &importer{s: s, plan: p, options: o, seen: map[uint64]struct{}{}, report: newReport(o.Report)}
	im.result = ImportResult{Encoding: copied.encoding, Columns: p.used, ConsentAssumed: p.consent < 0}
	err = im.run(ctx, copied)
	// Also after an error: what is stored has to be found.
	err = errors.Join(err, s.flush(context.WithoutCancel(ctx)), im.report.close())
	im.total()
	if im.seen = nil; im.result.Rows > manyRows {
		debug.FreeOSMemory() // by itself the runtime gives it back over minutes
	}
	return im.result, err
}

// importer is one run over a file that is known to be whole.
type importer struct {
	s       *Store
	plan    *plan
	options ImportOptions
	result  ImportResult
	seen    map[uint64]struct{} // short hashes of the addresses so far
	report  *report
	origin  uint32   // number in the imports bucket, 0 before the first batch
	columns []uint32 // attribute numbers by column, 0 before first use
	tags    []uint32
}

// outcome is what a batch did.
type outcome struct {
	created, updated, optedOut int64
	rejected                   []Reject // an external id of somebody else
	err                        error
}

// run parses one batch while the one before it is being stored.
func (im *importer) run(ctx context.Context, text *copiedText) error {
	in := text.csv()
	if _, err := in.Read(); err != nil { // the header
		return err
	}
	stored := make(chan outcome, 1)
	busy := false
	wait := func() error {
		if !busy {
			return nil
		}
		busy = false
		return im.settle(<-stored)
	}
	batches := [2][]importRow{}
	for n := 0; ; n++ {
		batch, end, err := im.read(ctx, in, batches[n%2][:0])
		batches[n%2] = batch
		if err = errors.Join(err, wait()); err != nil {
			return err
		}
		if len(batch) > 0 {
			busy = true
			go func() { stored <- im.store(ctx, batch) }()
		}
		if end {
			return wait()
		}
	}
}

// settle adds a stored batch to the result and tells of it.
func (im *importer) settle(o outcome) error {
	if o.err != nil {
		return o.err
	}
	im.result.Created += o.created
	im.result.Updated += o.updated
	im.result.OptedOut += o.optedOut
	im.result.Accepted += o.created + o.updated
	for _, r := range o.rejected {
		im.reject(r.Line, r.Email, r.Reason)
	}
	im.total()
	if im.options.Progress != nil {
		im.options.Progress(im.result)
	}
	return nil
}

func (im *importer) total() {
	im.result.Rows = im.result.Accepted + im.result.Duplicate + im.result.Rejected
}

// read parses up to importBatch good rows.
func (im *importer) read(ctx context.Context, in *textReader, batch []importRow) (rows []importRow, end bool, err error) {
	for len(batch) < importBatch {
		cells, err := in.Read()
		if err == io.EOF {
			return batch, true, nil
		}
		if err != nil {
			return batch, true, err
		}
		if blank(cells) {
			continue
		}
		if im.rows()%1024 == 0 && ctx.Err() != nil {
			return batch, true, ctx.Err()
		}
		batch = extend(batch)
		row := &batch[len(batch)-1]
		row.line, _ = in.FieldPos(0)
		if reason := im.plan.row(cells, row, im.s.zone()); reason != "" {
			im.reject(row.line, row.email, reason)
			batch = batch[:len(batch)-1]
			continue
		}
		row.hash = im.s.hash(row.email)
		if _, twice := im.seen[row.hash.short()]; twice {
			im.result.Duplicate++
			batch = batch[:len(batch)-1]
			continue
		}
		im.seen[row.hash.short()] = struct{}{}
	}
	return batch, false, nil
}

func (im *importer) rows() int64 {
	return int64(len(im.seen)) + im.result.Duplicate + im.result.Rejected
}

// extend lengthens a batch by a row whose slices are used again.
func extend(batch []importRow) []importRow {
	if len(batch) < cap(batch) {
		return batch[:len(batch)+1]
	}
	return append(batch, importRow{})
}

func blank(cells []string) bool {
	for _, cell := range cells {
		if cell != "" {
			return false
		}
	}
	return true
}

func (im *importer) reject(line int, email, reason string) {
	im.result.Rejected++
	if len(im.result.Rejects) < maxRejects {
		im.result.Rejects = append(im.result.Rejects, Reject{line, email, reason})
	}
	im.report.add(line, email, reason)
}

// report is the CSV of rejected rows. Its errors do not stop the import.
type report struct{ out *csv.Writer }

func newReport(w io.Writer) *report {
	if w == nil {
		return &report{}
	}
	r := &report{csv.NewWriter(w)}
	_ = r.out.Write([]string{"line", "email", "reason"}) // kept by the writer for Error
	return r
}

func (r *report) add(line int, email, reason string) {
	if r.out != nil {
		_ = r.out.Write([]string{strconv.Itoa(line), safeCell(email), safeCell(reason)})
	}
}

func (r *report) close() error {
	if r.out == nil {
		return nil
	}
	r.out.Flush()
	if err := r.out.Error(); err != nil {
		return fmt.Errorf("write the report of rejected rows: %w", err)
	}
	return nil
}
