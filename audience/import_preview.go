package audience

import (
	"context"
	"errors"
	"io"
	"slices"
)

// previewRows is how many rows a preview shows.
const previewRows = 5

// ImportPreview is what a file would be read as. Nothing is stored for it.
type ImportPreview struct {
	Name      string          `json:"name"`
	Encoding  string          `json:"encoding"`
	Delimiter string          `json:"delimiter,omitempty"`
	Sheet     string          `json:"sheet,omitempty"`
	Sheets    []string        `json:"sheets,omitempty"` // of XLSX
	Columns   []PreviewColumn `json:"columns"`
	First     [][]string      `json:"first"`     // the first 5 rows, cells as they stand in the file
	Rows      int64           `json:"rows"`      // with something in them
	Duplicate int64           `json:"duplicate"` // rows of an address that came before
	Rejected  int64           `json:"rejected"`  // those that cannot be read; an import may reject more beside what is stored
	Rejects   []Reject        `json:"rejects,omitempty"`
	Consent   bool            `json:"consent"`           // there is a column of consent; without one everybody new counts as subscribed
	Problem   string          `json:"problem,omitempty"` // why it cannot be imported with this mapping
	Hint      string          `json:"hint,omitempty"`
	Code      string          `json:"code,omitempty"` // of the problem: one of ImportCodes
	Args      []string        `json:"args,omitempty"` // what it is about
}

// PreviewColumn is a column of the file.
type PreviewColumn struct {
	Header string `json:"header"`
	Field  string `json:"field,omitempty"`     // our field it is
	As     string `json:"attribute,omitempty"` // or the attribute; neither: nothing is taken of it
}

// PreviewImport reads a file as ImportCSV would, to its end, and stores
// nothing. A mapping that does not work is told as Problem and Hint, so that a
// person can choose another one; a file that cannot be read is an *ImportError.
func (s *Store) PreviewImport(ctx context.Context, r io.Reader, o ImportOptions) (ImportPreview, error) {
	preview := ImportPreview{Name: o.Name, Columns: []PreviewColumn{}, First: [][]string{}}
	if err := s.makeImportFolder(); err != nil {
		return preview, err
	}
	t, err := readTable(ctx, s.importFolder(), r, o.Encoding, o.Sheet)
	if err != nil {
		return preview, err
	}
	defer t.close()
	about := t.about()
	preview.Encoding, preview.Delimiter, preview.Sheet = about.Encoding, about.Delimiter, about.Sheet
	if book, ok := t.(*workbook); ok {
		preview.Sheets = book.sheets
	}
	header, _, err := t.next()
	if err == io.EOF {
		return preview, noHeader()
	}
	if err != nil {
		return preview, err
	}
	header = slices.Clone(header)
	p, err := newPlan(slices.Clone(header), o.Map, o.Skip)
	var bad *ImportError
	if errors.As(err, &bad) {
		preview.Problem, preview.Hint, preview.Code, preview.Args = bad.Message, bad.Hint, bad.Code, bad.Args
	} else if err != nil {
		return preview, err
	}
	preview.columns(header, p, o.Skip)
	return preview, preview.read(ctx, s, t, p, len(header))
}

func noHeader() error {
	return &ImportError{Code: FileNoHeader, Line: 1, Message: "the file has no header line", Hint: "put the names of the columns into the first line"}
}

// columns says what became of each column; p is nil where the mapping failed:
// then it is what each header alone would be.
func (v *ImportPreview) columns(header []string, p *plan, skip []string) {
	skipped := func(header string) bool {
		return slices.ContainsFunc(skip, func(name string) bool { return oneLine(name) == header })
	}
	for i, name := range header {
		c := PreviewColumn{Header: unsafeguard(oneLine(name))}
		switch {
		case skipped(c.Header):
		case p == nil:
			c.Field = fieldOf(c.Header)
		default:
			for field := range fieldWords() {
				if *p.field(field) == i {
					c.Field = field
				}
			}
			for _, a := range p.attributes {
				if a.index == i {
					c.As = a.name
				}
			}
		}
		v.Columns = append(v.Columns, c)
	}
	v.Consent = p != nil && p.consent >= 0
}

// read counts the rows.
func (v *ImportPreview) read(ctx context.Context, s *Store, t rowSource, p *plan, width int) error {
	var row importRow
	seen := newHashSet(0)
	for {
		cells, line, err := t.next()
		switch {
		case err == io.EOF:
			return nil
		case err != nil:
			return err
		case blank(cells):
			continue
		}
		if v.Rows++; v.Rows%4096 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		cells = trim(cells, width)
		if len(v.First) < previewRows {
			v.First = append(v.First, slices.Clone(cells))
		}
		if p == nil {
			continue
		}
		row.line = line
		if wrong := p.row(cells, &row, s.zone()); wrong.code != "" {
			if v.Rejected++; len(v.Rejects) < maxRejects {
				v.Rejects = append(v.Rejects, wrong.reject(&row))
			}
			continue
		}
		if !seen.add(s.hash(row.email).short()) {
			v.Duplicate++
		}
	}
}
