package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"strings"
	"time"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"

	"golang.org/x/text/width"

	"pabal/eml"
)

// Rules for output: stdout carries data and nothing else; with --json it is one
// object, or one object a line for a list. Questions, progress and errors go to
// stderr. Tables are for people, aligned by terminal cells (Korean takes two),
// and every foreign text in them has passed eml.Visible.

// writeJSON writes one object on one line, with < and & as they are.
func writeJSON(w io.Writer, v any) error {
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return fmt.Errorf("write output: %w", err)
	}
	if _, err := w.Write(escaped(out.Bytes())); err != nil {
		return fmt.Errorf("write output: %w", err)
	}
	return nil
}

// escaped is JSON with what a terminal would obey and JSON lets stand (C1
// controls, text direction) as \u escapes: the same value to a program.
func escaped(text []byte) []byte {
	if bytes.IndexFunc(text, obeyed) < 0 {
		return text
	}
	var out bytes.Buffer
	for _, r := range string(text) {
		if !obeyed(r) {
			out.WriteRune(r)
			continue
		}
		for _, unit := range utf16.Encode([]rune{r}) {
			fmt.Fprintf(&out, `\u%04x`, unit)
		}
	}
	return out.Bytes()
}

// obeyed reports what eml.Visible makes visible and JSON does not escape itself.
func obeyed(r rune) bool {
	return r >= 0x7f && r != utf8.RuneError && (unicode.IsControl(r) || unicode.Is(unicode.Cf, r))
}

// foreign is where text of others goes as it is: on a terminal line by line
// through eml.Visible, elsewhere unchanged.
func (a *app) foreign() io.WriteCloser {
	if !isTerminal(a.stdout) {
		return untouched{a.stdout}
	}
	return &visible{w: a.stdout}
}

type untouched struct{ io.Writer }

func (untouched) Close() error { return nil }

// visible writes whole lines, and at Close what is left.
type visible struct {
	w    io.Writer
	rest []byte
}

func (v *visible) Write(p []byte) (int, error) {
	v.rest = append(v.rest, p...)
	for {
		line, after, whole := bytes.Cut(v.rest, []byte("\n"))
		if !whole && len(line) < 64<<10 {
			return len(p), nil
		}
		if _, err := io.WriteString(v.w, eml.Visible(string(bytes.TrimSuffix(line, []byte("\r"))))+"\n"); err != nil {
			return 0, err
		}
		v.rest = after
	}
}

func (v *visible) Close() error {
	if len(v.rest) == 0 {
		return nil
	}
	_, err := v.Write([]byte("\n"))
	return err
}

// cells is how many columns of a terminal a text takes. Escapes do not occur:
// what is printed has passed eml.Visible.
func cells(s string) int {
	n := 0
	for _, r := range s {
		n += runeCells(r)
	}
	return n
}

func runeCells(r rune) int {
	if unicode.In(r, unicode.Mn, unicode.Me, unicode.Cf) || r >= 0x1160 && r <= 0x11ff { // jamo join the one before
		return 0
	}
	switch width.LookupRune(r).Kind() {
	case width.EastAsianWide, width.EastAsianFullwidth:
		return 2
	}
	return 1
}

// clip shortens a text to n cells, with … in the last.
func clip(s string, n int) string {
	if cells(s) <= n {
		return s
	}
	used := 0
	for i, r := range s {
		if used+runeCells(r) > n-1 {
			return s[:i] + "…"
		}
		used += runeCells(r)
	}
	return s
}

// table gathers rows and writes them aligned.
type table struct {
	head  []string
	rows  [][]string
	right map[int]bool // columns aligned right: numbers
	whole bool         // cells are never cut
}

const maxCellWidth = 48 // of a table's column on a terminal; a file or a pipe gets the whole text

func newTable(head ...string) *table { return &table{head: head, right: map[int]bool{}} }

func (t *table) numbers(columns ...int) *table {
	for _, c := range columns {
		t.right[c] = true
	}
	return t
}

// add takes foreign text as it is.
func (t *table) add(row ...string) {
	for i := range row {
		row[i] = eml.Visible(row[i])
		if !t.whole {
			row[i] = clip(row[i], maxCellWidth)
		}
	}
	t.rows = append(t.rows, row)
}

func (t *table) writeTo(w io.Writer) error {
	widths := make([]int, len(t.head))
	all := append([][]string{t.head}, t.rows...)
	for _, row := range all {
		for i, cell := range row {
			widths[i] = max(widths[i], cells(cell))
		}
	}
	var out bytes.Buffer
	for _, row := range all {
		line := ""
		for i, cell := range row {
			pad := strings.Repeat(" ", widths[i]-cells(cell))
			if t.right[i] {
				line += pad + cell + "  "
			} else {
				line += cell + pad + "  "
			}
		}
		out.WriteString(strings.TrimRight(line, " ") + "\n")
	}
	if _, err := w.Write(out.Bytes()); err != nil {
		return fmt.Errorf("write output: %w", err)
	}
	return nil
}

// whole makes tables that cut nothing.
func whole(fresh func() *table) func() *table {
	return func() *table {
		t := fresh()
		t.whole = true
		return t
	}
}

// tableBatch is how many rows are aligned together, so that a list of a million
// begins at once and does not stay in memory.
const tableBatch = 500

// show writes a list: objects a line with --json, else tables of row's cells.
func show[T any](a *app, all iter.Seq2[T, error], fresh func() *table, row func(T) []string) error {
	if !isTerminal(a.stdout) {
		fresh = whole(fresh)
	}
	t := fresh()
	for v, err := range all {
		if err != nil {
			return err
		}
		if a.json {
			if err := writeJSON(a.stdout, v); err != nil {
				return err
			}
			continue
		}
		t.add(row(v)...)
		if len(t.rows) == tableBatch {
			if err := t.writeTo(a.stdout); err != nil {
				return err
			}
			t = fresh()
		}
	}
	if a.json || len(t.rows) == 0 {
		return nil
	}
	return t.writeTo(a.stdout)
}

// each makes a walk of a slice.
func each[T any](all []T, err error) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		if err != nil {
			var zero T
			yield(zero, err)
			return
		}
		for _, v := range all {
			if !yield(v, nil) {
				return
			}
		}
	}
}

// one writes a single value: the object with --json, else the lines of text.
func one(a *app, v any, text func(w *report)) error {
	if a.json {
		return writeJSON(a.stdout, v)
	}
	r := &report{zone: a.zone()}
	text(r)
	return r.writeTo(a.stdout)
}

// report is text for people: labels and values in two columns, and lines.
type report struct {
	zone  *time.Location // of the times in it
	out   bytes.Buffer
	pairs [][2]string
}

// pair adds "label  value"; an empty value is left out.
func (r *report) pair(label, value string) {
	if value != "" {
		r.pairs = append(r.pairs, [2]string{label, eml.Visible(value)})
	}
}

// line adds a line of our own making; foreign text in it has passed eml.Visible.
func (r *report) line(format string, args ...any) {
	r.flush()
	fmt.Fprintf(&r.out, format+"\n", args...)
}

func (r *report) flush() {
	widest := 0
	for _, p := range r.pairs {
		widest = max(widest, cells(p[0]))
	}
	for _, p := range r.pairs {
		fmt.Fprintf(&r.out, "%s%s  %s\n", p[0], strings.Repeat(" ", widest-cells(p[0])), p[1])
	}
	r.pairs = nil
}

func (r *report) writeTo(w io.Writer) error {
	r.flush()
	if _, err := w.Write(r.out.Bytes()); err != nil {
		return fmt.Errorf("write output: %w", err)
	}
	return nil
}

// when is a time for people in the campaigns' zone, which it names; "" for none.
func when(t time.Time, zone *time.Location) string {
	if t.IsZero() {
		return ""
	}
	return t.In(zone).Format("2006-01-02 15:04:05 MST")
}

func (r *report) when(t time.Time) string { return when(t, r.zone) }

func (a *app) when(t time.Time) string { return when(t, a.zone()) }

// zone is the campaigns' as the daemon has it, or as the configuration has it for
// a command that read it and asked no daemon; else the machine's.
func (a *app) zone() *time.Location {
	switch {
	case a.daemon != nil:
	case a.configured != nil:
		return a.configured.zone()
	default:
		return time.Local
	}
	return a.daemon.Zone()
}

// span is a time span without needless digits.
func span(seconds float64) string {
	d := time.Duration(seconds * float64(time.Second))
	if d > time.Minute {
		d = d.Round(time.Second)
	} else {
		d = d.Round(100 * time.Millisecond)
	}
	return d.String()
}

// commas writes 1234567 as 1,234,567.
func commas(n int64) string {
	if n < 0 {
		return "-" + commas(-n)
	}
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
