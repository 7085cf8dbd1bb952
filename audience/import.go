package audience

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"slices"
)

// ImportOptions say how a CSV or XLSX file is read.
type ImportOptions struct {
	Name     string             `json:"name"`           // file name, for history and report
	Map      map[string]string  `json:"map"`            // our field -> column header: email=이메일
	Skip     []string           `json:"skip,omitempty"` // headers of columns nothing is taken of
	Tags     []string           `json:"tags"`
	Encoding string             `json:"encoding"` // of CSV; "" finds it out; utf-8, utf-16, utf-16be, cp949
	Sheet    string             `json:"sheet"`    // of XLSX; "" is the first one that can be seen
	Report   io.Writer          `json:"-"`        // CSV of rejected rows (ReportColumns); nil for none
	Progress func(ImportResult) `json:"-"`        // after each batch; nil for none
}

// ImportResult counts: Rows = Accepted + Duplicate + Rejected; Accepted =
// Created + Updated + Unchanged.
type ImportResult struct {
	Rows           int64             `json:"rows"`
	Accepted       int64             `json:"accepted"`
	Created        int64             `json:"created"`
	Updated        int64             `json:"updated"`
	Duplicate      int64             `json:"duplicate"` // a later row of an address
	Rejected       int64             `json:"rejected"`
	Unchanged      int64             `json:"unchanged"`           // was there and had no news
	Encoding       string            `json:"encoding"`            // as it was read: utf-8, utf-16, utf-16be, cp949, xlsx
	Delimiter      string            `json:"delimiter,omitempty"` // of CSV
	Sheet          string            `json:"sheet,omitempty"`     // of XLSX
	Columns        map[string]string `json:"columns"`             // our field or attribute -> header used
	ConsentAssumed bool              `json:"consent_assumed"`
	OptedOut       int64             `json:"opted_out"`         // rows that say subscribed of somebody who opted out: kept out
	Rejects        []Reject          `json:"rejects,omitempty"` // the first 20
	Total          int64             `json:"total"`             // rows the file has
	Import         uint32            `json:"import"`            // its number (Store.Imports)
}

// ImportError says why a file was not read at all: nothing was changed. Line
// and Column (in characters) are from 1, 0 where there is none. Code is one of
// ImportCodes, "" where nobody has a word of their own for it.
type ImportError struct {
	Line, Column  int
	Message, Hint string
	Code          string
	Args          []string // what of the file the code is about
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

// ImportCSV reads r, a CSV or XLSX file, to its end: BeginImport and RunImport
// in one, with their errors. The result says what is stored also after an error.
func (s *Store) ImportCSV(ctx context.Context, r io.Reader, o ImportOptions) (ImportResult, error) {
	id, err := s.BeginImport(ctx, r, o)
	if err != nil {
		return ImportResult{}, err
	}
	result, err := s.RunImport(ctx, id, o.Progress)
	if err != nil || o.Report == nil {
		return result, err
	}
	return result, s.WriteImportReport(id, o.Report)
}

// BeginImport takes a file over: when it returns, the whole file has been read
// once and its rows are on disk beside the store, under the number returned,
// but nobody is changed yet. A file that cannot be read as CSV or XLSX, or has
// no e-mail column, is an *ImportError and leaves nothing; so does an r that
// breaks off.
func (s *Store) BeginImport(ctx context.Context, r io.Reader, o ImportOptions) (id uint32, err error) {
	for _, tag := range o.Tags {
		if reason := badLabel(tag); reason != "" {
			return 0, &ImportError{Message: fmt.Sprintf("the tag %q %s", tag, reason), Hint: "use a short word"}
		}
	}
	if err := s.makeImportFolder(); err != nil {
		return 0, err
	}
	t, err := readTable(ctx, s.importFolder(), r, o.Encoding, o.Sheet)
	if err != nil {
		return 0, err
	}
	defer t.close()
	rows, p, err := s.keepRows(ctx, t, o)
	if err != nil {
		return 0, err
	}
	record := importRecord{Name: o.Name, State: ImportRunning, Map: o.Map, Skip: o.Skip, Tags: o.Tags, File: rows.name, Size: rows.size, Sum: rows.sum, Result: t.about()}
	record.Result.Columns, record.Result.ConsentAssumed, record.Result.Total = p.used, p.consent < 0, rows.count
	if id, err = s.createImport(ctx, &record); err != nil {
		return 0, errors.Join(err, os.Remove(s.importFile(rows.name)))
	}
	return id, nil
}

// RunImport stores the rows of an import, from where it was left, and returns
// its result; of one that is done already, the result it had. The first row of
// an address counts, later ones are duplicates. An empty cell leaves what is
// known. How far it is, and the counts so far, are committed with each batch of
// importBatch rows: after a kill, an outage or ctx's end the next RunImport, or
// ResumeImports, goes on behind the last one, and counts nothing twice. Columns
// that are no field of ours become attributes unless they are skipped. One import runs at a time, others
// wait; those that began before this one and are running come first, so that
// an older file never has the last word.
//
// Without a consent column everybody is subscribed, as Assumed; with one, true,
// 1, y, yes and 동의 are yes and everything else, an empty cell too, is no. A
// person who opted out stays out whatever the file says; only a column mapped
// as consent_at brings back those who agreed after they had left. ErrNotFound.
func (s *Store) RunImport(ctx context.Context, id uint32, progress func(ImportResult)) (ImportResult, error) {
	select {
	case s.importing <- struct{}{}:
		defer func() { <-s.importing }()
	case <-ctx.Done():
		return ImportResult{}, ctx.Err()
	}
	older, err := s.runningImports(id)
	if err != nil {
		return ImportResult{}, err
	}
	for _, one := range older {
		if _, err := s.runImport(ctx, one, nil); err != nil && ctx.Err() != nil {
			return ImportResult{}, err
		} // else its record says why it stopped
	}
	return s.runImport(ctx, id, progress)
}

// runImport is RunImport for whoever holds importing.
func (s *Store) runImport(ctx context.Context, id uint32, progress func(ImportResult)) (ImportResult, error) {
	record, err := s.importRecord(id)
	if err != nil || record.State == ImportDone {
		return record.Result, err
	}
	im, err := s.newImporter(id, record, progress)
	if err == nil {
		err = im.run(ctx)
		err = errors.Join(err, im.close())
	}
	// Also after an error: what is stored has to be found.
	err = errors.Join(err, s.flush(context.WithoutCancel(ctx)))
	if err == nil {
		err = s.finishImport(ctx, im)
	}
	if err != nil {
		err = s.stopImport(ctx, id, err)
	}
	if im == nil {
		return record.Result, err
	}
	if im.seen = nil; im.record.Result.Rows > manyRows {
		debug.FreeOSMemory() // by itself the runtime gives it back over minutes
	}
	return im.record.Result, err
}

// importer is one run over the rows of an import.
type importer struct {
	s        *Store
	id       uint32
	record   importRecord // as committed
	rows     *rowReader
	plan     *plan
	progress func(ImportResult)
	seen     *hashSet // of the addresses so far
	report   *report
	columns  []uint32 // attribute numbers by column, 0 before first use
	tags     []uint32
}

// batch is what was read for one commit.
type batch struct {
	rows      []importRow
	rejects   []Reject
	duplicate int64
	last      int64 // which row of the file it ends with, from 1
}

// outcome is what a commit did.
type outcome struct {
	record importRecord // as it is after it
	added  []Reject     // rows the store would not take
	err    error
}

func (s *Store) newImporter(id uint32, record importRecord, progress func(ImportResult)) (*importer, error) {
	rows, err := s.openRows(record)
	if err != nil {
		return nil, err
	}
	im := &importer{s: s, id: id, record: record, rows: rows, progress: progress, seen: newHashSet(record.Result.Total),
		report: &report{path: s.reportFile(id)}}
	header, _, err := rows.next()
	if err == nil {
		im.plan, err = newPlan(slices.Clone(header), record.Map, record.Skip)
	}
	if err != nil {
		return nil, errors.Join(err, rows.close())
	}
	return im, nil
}

func (im *importer) close() error { return errors.Join(im.rows.close(), im.report.close()) }

// run parses one batch while the one before it is being stored.
func (im *importer) run(ctx context.Context) error {
	if err := im.replay(ctx); err != nil {
		return err
	}
	stored := make(chan outcome, 1)
	var storing *batch
	wait := func() error {
		if storing == nil {
			return nil
		}
		b := storing
		storing = nil
		return im.settle(b, <-stored)
	}
	batches := [2]batch{}
	for n := 0; ; n++ {
		b := &batches[n%2]
		end, err := im.read(ctx, b)
		if err = errors.Join(err, wait()); err != nil {
			return err
		}
		if b.last > 0 {
			storing = b
			go func() { stored <- im.store(ctx, b) }()
		}
		if end {
			return wait()
		}
	}
}

// settle takes over what a commit did and tells of it.
func (im *importer) settle(b *batch, o outcome) error {
	if o.err != nil {
		return o.err
	}
	im.record = o.record
	im.report.add(inOrder(b.rejects, o.added)...)
	if im.progress != nil {
		im.progress(im.record.Result)
	}
	return nil
}

// inOrder is two lists of rejected rows as one in the file's order.
func inOrder(a, b []Reject) []Reject {
	if len(b) == 0 {
		return a
	}
	all := slices.Concat(a, b)
	slices.SortStableFunc(all, func(a, b Reject) int { return a.Line - b.Line })
	return all
}

// read parses up to importBatch good rows. b.last stays 0 where there are none.
func (im *importer) read(ctx context.Context, b *batch) (end bool, err error) {
	*b = batch{rows: b.rows[:0], rejects: b.rejects[:0]}
	for len(b.rows) < importBatch && len(b.rejects) < importBatch {
		cells, line, err := im.rows.next()
		if err == io.EOF {
			return true, nil
		}
		if err != nil {
			return true, err
		}
		if b.last = im.rows.count; b.last%1024 == 0 && ctx.Err() != nil {
			return true, ctx.Err()
		}
		b.rows = extend(b.rows)
		row := &b.rows[len(b.rows)-1]
		row.line, row.number = line, b.last
		if reject, ok := im.parse(cells, row); reject != nil || !ok {
			b.rows = b.rows[:len(b.rows)-1]
			if reject != nil {
				b.rejects = append(b.rejects, *reject)
			} else {
				b.duplicate++
			}
		}
	}
	return false, nil
}

// parse reads one row. It is not ok where the address was there before.
func (im *importer) parse(cells []string, row *importRow) (reject *Reject, ok bool) {
	if wrong := im.plan.row(cells, row, im.s.zone()); wrong.code != "" {
		r := wrong.reject(row)
		return &r, false
	}
	row.hash = im.s.hash(row.email)
	return nil, im.seen.add(row.hash.short())
}

// replay reads again what a run before this one stored: for the addresses that
// were there, and for the report.
func (im *importer) replay(ctx context.Context) error {
	if im.record.Mark == 0 {
		return nil
	}
	refused, err := im.s.refusedRows(im.id)
	if err != nil {
		return err
	}
	var row importRow
	for im.rows.count < im.record.Mark {
		cells, line, err := im.rows.next()
		if err == io.EOF {
			return fmt.Errorf("import %d: its rows end before its mark", im.id)
		}
		if err == nil && im.rows.count%1024 == 0 {
			err = ctx.Err()
		}
		if err != nil {
			return err
		}
		row.line = line
		reject, ok := im.parse(cells, &row)
		if code, was := refused[im.rows.count]; ok && was {
			r := wrong{code: code, text: row.external}.reject(&row)
			reject = &r
		}
		if reject != nil {
			im.report.add(*reject)
		}
	}
	return nil
}

// extend lengthens a batch by a row whose slices are used again.
func extend(rows []importRow) []importRow {
	if len(rows) < cap(rows) {
		return rows[:len(rows)+1]
	}
	return append(rows, importRow{})
}

func blank(cells []string) bool {
	for _, cell := range cells {
		if cell != "" {
			return false
		}
	}
	return true
}
