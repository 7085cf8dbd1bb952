package audience

import (
	"bufio"
	"context"
	"encoding/csv"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
)

// exportDate is how times are written: spreadsheets know it, and so does ImportCSV.
const exportDate = "2006-01-02 15:04:05"

// exportColumns are the columns before the attributes; they stay as they are.
func exportColumns() []string {
	return []string{"id", "email", "name", "gender", "created_at", "external_id", "subscribed", "consent_source",
		"consent_time", "consent_assumed", "suppressed", "topics_off", "frequency", "language", "tags", "updated_at"}
}

// ExportCSV writes everyone the segment selects, in id order over one snapshot,
// with a BOM (spreadsheet programs need it for Korean) and formula-safe cells;
// times are in Zone. After the fixed columns comes one for each attribute in
// use. It returns how many subscribers were written.
func (s *Store) ExportCSV(ctx context.Context, w io.Writer, seg *Segment) (int64, error) {
	attributes, err := s.Attributes()
	if err != nil {
		return 0, err
	}
	buffered := bufio.NewWriterSize(w, 64<<10)
	_, _ = buffered.WriteString("\uFEFF") // errors stay in the writer until Flush
	out := csv.NewWriter(buffered)
	cells := exportColumns()
	for _, name := range attributes {
		cells = append(cells, safeCell(name))
	}
	var n int64
	var sub Subscriber
	err = out.Write(cells)
	if err == nil {
		err = s.scan(ctx, seg, 0, everyone, func(r *row) error {
			if err := s.fill(r, &sub); err != nil {
				return err
			}
			cells = s.exportRow(cells[:0], &sub, r.suppressed())
			for _, name := range attributes {
				cells = append(cells, safeCell(sub.Attributes[name]))
			}
			n++
			return out.Write(cells)
		})
	}
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
		safeCell(strings.Join(sub.TopicsOff, "|")), sub.Frequency, sub.Language, safeCell(strings.Join(sub.Tags, "|")), date(sub.UpdatedAt))
}

// safeCell keeps a spreadsheet program from running a cell: what begins like a
// formula gets an apostrophe (OWASP, CSV injection).
func safeCell(cell string) string {
	if cell != "" && formula(cell[0]) {
		return "'" + cell
	}
	return cell
}

func formula(first byte) bool { return strings.IndexByte("=+-@\t\r", first) >= 0 }
