package audience

import (
	"bufio"
	"context"
	"encoding/csv"
	"fmt"
	"io"
	"iter"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// exportDate is how times are written: spreadsheets know it, and so does ImportCSV.
const exportDate = "2006-01-02 15:04:05"

// ExportOptions say how subscribers are written.
type ExportOptions struct {
	Segment *Segment // nil means everyone
	NoBOM   bool     // without the byte order mark that spreadsheet programs need for Korean in CSV
}

// exportColumns are the columns before the attributes; they stay as they are.
func exportColumns() []string {
	return []string{"id", "email", "name", "gender", "created_at", "external_id", "subscribed", "consent_source",
		"consent_time", "consent_assumed", "suppressed", "topics_off", "frequency", "language", "tags", "updated_at", "topics_on"}
}

// ExportCSV writes everyone the segment selects, in id order over one snapshot,
// with formula-safe cells; times are in Zone. After the fixed columns comes one
// for each attribute in use. Imported into a store that does not know them, the
// same people come out, to the second; into one that does, the words of each
// person and of the operator there stand. It returns how many were written.
func (s *Store) ExportCSV(ctx context.Context, w io.Writer, o ExportOptions) (int64, error) {
	buffered := bufio.NewWriterSize(w, 64<<10)
	if !o.NoBOM {
		_, _ = buffered.WriteString("\uFEFF") // errors stay in the writer until Flush
	}
	out := csv.NewWriter(buffered)
	n, err := s.exportRows(ctx, o.Segment, out.Write)
	if out.Flush(); err == nil {
		err = out.Error()
	}
	if flushed := buffered.Flush(); err == nil {
		err = flushed
	}
	if err != nil {
		return n, fmt.Errorf("export after %d subscribers: %w", n, err)
	}
	return n, nil
}

// ExportXLSX is ExportCSV as a workbook of one sheet, all cells texts. A sheet
// holds 1,048,575 people: more are an *eml.Problem.
func (s *Store) ExportXLSX(ctx context.Context, w io.Writer, o ExportOptions) (int64, error) {
	out, err := newSheetWriter(w, "subscribers")
	if err != nil {
		return 0, fmt.Errorf("export: %w", err)
	}
	n, err := s.exportRows(ctx, o.Segment, out.row)
	if err == nil {
		err = out.close()
	}
	if err != nil {
		return n, fmt.Errorf("export after %d subscribers: %w", n, err)
	}
	return n, nil
}

// exportRows hands out the header and a row for each subscriber.
func (s *Store) exportRows(ctx context.Context, seg *Segment, write func(cells []string) error) (n int64, err error) {
	attributes, err := s.Attributes()
	if err != nil {
		return 0, err
	}
	cells := exportColumns()
	for _, name := range attributes {
		cells = append(cells, safeCell(name))
	}
	if err := write(cells); err != nil {
		return 0, err
	}
	var sub Subscriber
	err = s.scan(ctx, seg, 0, everyone, func(r *row) error {
		if err := s.fill(r, &sub); err != nil {
			return err
		}
		cells = s.exportRow(cells[:0], &sub, r.suppressed())
		for _, name := range attributes {
			cells = append(cells, safeCell(sub.Attributes[name]))
		}
		n++
		return write(cells)
	})
	return n, err
}

func (s *Store) exportRow(cells []string, sub *Subscriber, suppressed bool) []string {
	zone := s.zone()
	date := func(t time.Time) string {
		if t.IsZero() {
			return ""
		}
		return t.In(zone).Format(exportDate)
	}
	return append(cells, strconv.FormatUint(sub.ID, 10), safeCell(sub.Email), safeCell(sub.Name), sub.Gender,
		date(sub.CreatedAt), safeCell(sub.ExternalID), strconv.FormatBool(sub.Consent.Subscribed), string(sub.Consent.Source),
		date(sub.Consent.At), strconv.FormatBool(sub.Consent.Assumed), strconv.FormatBool(suppressed),
		safeCell(joinLabels(sub.TopicsOff)), sub.Frequency, sub.Language, safeCell(joinLabels(sub.Tags)), date(sub.UpdatedAt), safeCell(joinLabels(sub.TopicsOn)))
}

// joinLabels is a list of tags or topics in one cell: bars between them, and a
// backslash before a bar or backslash of their own, for splitLabels.
func joinLabels(labels []string) string {
	var b strings.Builder
	for i, label := range labels {
		if i > 0 {
			b.WriteByte('|')
		}
		for _, r := range []byte(label) {
			if r == '|' || r == '\\' {
				b.WriteByte('\\')
			}
			b.WriteByte(r)
		}
	}
	return b.String()
}

// splitLabels is what joinLabels joined. Before another character a backslash
// stands for itself, as in files of earlier versions.
func splitLabels(cell string) iter.Seq[string] {
	return func(yield func(string) bool) {
		label := make([]byte, 0, len(cell))
		for i := 0; i < len(cell); i++ {
			switch {
			case cell[i] == '\\' && i+1 < len(cell) && (cell[i+1] == '|' || cell[i+1] == '\\'):
				i++
				label = append(label, cell[i])
			case cell[i] == '|':
				if !yield(string(label)) {
					return
				}
				label = label[:0]
			default:
				label = append(label, cell[i])
			}
		}
		yield(string(label))
	}
}

// safeCell keeps a spreadsheet program from running a cell: what begins like a
// formula gets an apostrophe (OWASP, CSV injection), and so does what begins as
// if it had got one, for unsafeguard.
func safeCell(cell string) string {
	if guarded(cell) {
		return "'" + cell
	}
	return cell
}

// guarded reports whether a cell begins like a formula, apostrophes aside; the
// wide signs are taken for the others where Korean or Japanese is typed.
func guarded(cell string) bool {
	first, _ := utf8.DecodeRuneInString(strings.TrimLeft(cell, "'"))
	return first != utf8.RuneError && strings.ContainsRune("=+-@\t\r\n＝＋－＠", first)
}
