package audience

import (
	"bytes"
	"context"
	"encoding/binary"
	"io"
	"slices"
	"strings"
)

// rowSource is a file of rows, whatever wrote it.
type rowSource interface {
	// next is the next row and its line; the first one is the header. Cells are
	// good until the next call. io.EOF at the end, an *ImportError for what
	// cannot be read.
	next() (cells []string, line int, err error)
	// about is what there is to say of the file: encoding, delimiter, sheet.
	about() ImportResult
	close()
}

// readTable copies r into dir, without a name there, and finds out what it is.
func readTable(ctx context.Context, dir string, r io.Reader, encoding, sheet string) (rowSource, error) {
	c, err := copyText(ctx, dir, r, encoding)
	if err != nil {
		return nil, err
	}
	t, err := c.table(dir, sheet)
	if err != nil {
		c.close()
		return nil, err
	}
	return t, nil
}

func (c *copiedText) table(dir, sheet string) (rowSource, error) {
	if bytes.HasPrefix(c.head, []byte("PK\x03\x04")) {
		return openWorkbook(c.f, c.size, dir, sheet)
	}
	if err := c.judge(); err != nil {
		return nil, err
	}
	if sheet != "" {
		return nil, &ImportError{Message: "the file is text, which has no sheets", Hint: "leave --sheet out"}
	}
	return newTextTable(c)
}

// saveAs is what to do about files that are neither CSV nor XLSX.
const saveAs = `open it in the spreadsheet program, save it as an Excel workbook (.xlsx) without a password or as "CSV UTF-8", and import that`

// judge sets the encoding of a text file from its head, and refuses what is no
// text, by what it is.
func (c *copiedText) judge() error {
	head := c.head
	start := strings.ToLower(string(bytes.TrimLeft(head[:min(len(head), 1024)], "\xEF\xBB\xBF \t\r\n")))
	page := strings.HasPrefix(start, "<html") || strings.HasPrefix(start, "<!doctype") || strings.HasPrefix(start, "<table") ||
		strings.HasPrefix(start, "<?xml") || strings.HasPrefix(start, "<meta")
	switch {
	case len(head) == 0:
		return &ImportError{Code: FileEmpty, Message: "the file is empty", Hint: "export it again, with a header line"}
	case bytes.HasPrefix(head, []byte{0xD0, 0xCF, 0x11, 0xE0}):
		return c.oldOffice()
	case page:
		return &ImportError{Code: FileWebPage, Message: "this is a web page or XML that only has the name of a spreadsheet file", Hint: saveAs}
	case c.encoding != "":
		return nil
	case bytes.HasPrefix(head, []byte("\xEF\xBB\xBF")):
		c.encoding = utf8Text
	case bytes.HasPrefix(head, []byte{0xFF, 0xFE}), bytes.HasPrefix(head, []byte{0xFE, 0xFF}):
		c.encoding = utf16Text
	case bytes.IndexByte(head, 0) >= 0:
		if c.encoding = wideText(head); c.encoding == "" {
			return &ImportError{Code: FileNotText, Line: 1 + bytes.Count(head[:bytes.IndexByte(head, 0)], []byte("\n")), Message: "this is not a text file", Hint: saveAs}
		}
	case c.validUTF8:
		c.encoding = utf8Text
	default:
		c.encoding = cp949Text
	}
	return nil
}

// wideText tells UTF-16 without a byte order mark by where its zero bytes are:
// line ends and separators have one, in the same half of each unit. "" is neither.
func wideText(head []byte) string {
	var zeros [2]int
	for i, b := range head {
		if b == 0 {
			zeros[i%2]++
		}
	}
	few := len(head) / 5 // addresses and digits are most of such a file
	switch {
	case zeros[0] == 0 && zeros[1] > few:
		return utf16Text
	case zeros[1] == 0 && zeros[0] > few:
		return utf16bigText
	}
	return ""
}

// oldOffice tells the two kinds of Microsoft's compound files apart: a workbook
// with a password, and one of before 2007. Stream names are UTF-16.
func (c *copiedText) oldOffice() error {
	var name []byte
	for _, r := range "EncryptedPackage" {
		name = binary.LittleEndian.AppendUint16(name, uint16(r))
	}
	in, kept := io.NewSectionReader(c.f, 0, min(c.size, 64<<20)), 0
	buf := make([]byte, 64<<10)
	for {
		n, err := in.Read(buf[kept:])
		if bytes.Contains(buf[:kept+n], name) {
			return &ImportError{Code: FilePassword, Message: "the workbook has a password", Hint: "take the password off in the spreadsheet program (File, Info, Protect Workbook), save, and import that"}
		}
		if err != nil {
			break
		}
		kept = copy(buf, buf[max(0, kept+n-len(name)):kept+n])
	}
	return &ImportError{Code: FileOldExcel, Message: "this is a workbook of the old kind (.xls)", Hint: saveAs}
}

// textTable is CSV, or text with other separators.
type textTable struct {
	c      *copiedText
	in     *textReader
	header []string // until next has given it
	first  int      // its line
	line   int      // where the last row began
}

// separators are tried in this order. One that gives a column of e-mail
// addresses is taken before others, then the one that makes most columns.
const separators = ",;\t|"

// newTextTable reads the header line.
func newTextTable(c *copiedText) (*textTable, error) {
	if err := c.proveEncoding(); err != nil {
		return nil, err
	}
	t := &textTable{c: c}
	var failed error
	best, most := ',', 0
	for _, comma := range separators {
		c.comma = comma
		header, line, err := c.header()
		if err == io.EOF {
			return t, nil // next says so
		}
		if err != nil {
			if failed == nil {
				failed = err // of the comma
			}
			continue
		}
		worth := len(header)
		if slices.ContainsFunc(header, func(name string) bool { return fieldOf(name) == "email" }) {
			worth += maxRowBytes // more columns than any header has
		}
		if worth > most {
			most, best, t.header, t.first = worth, comma, header, line
		}
	}
	if t.header == nil {
		return nil, c.explain(failed, 1)
	}
	c.comma = best
	t.in = c.csv()
	for t.line < t.first {
		if _, err := t.in.Read(); err != nil {
			return nil, c.explain(err, t.line+1)
		}
		t.line, _ = t.in.FieldPos(0)
	}
	return t, nil
}

// header is the first line but for one that only names the separator, as Excel
// has it: sep=;
func (c *copiedText) header() (header []string, line int, err error) {
	in := c.csv()
	for {
		if header, err = in.Read(); err != nil {
			return nil, 0, err
		}
		line, _ = in.FieldPos(0)
		if word := strings.ToLower(strings.Join(header, "")); line > 1 || word != "sep=" && (len(word) != len("sep=;") || !strings.HasPrefix(word, "sep=")) {
			return slices.Clone(header), line, nil
		}
	}
}

func (t *textTable) next() ([]string, int, error) {
	if header := t.header; header != nil {
		t.header = nil
		return header, t.first, nil
	}
	if t.in == nil {
		return nil, 0, io.EOF
	}
	cells, err := t.in.Read()
	if err == io.EOF {
		return nil, 0, err
	}
	if err != nil {
		return nil, 0, t.c.explain(err, t.line+1)
	}
	t.line, _ = t.in.FieldPos(0)
	return cells, t.line, nil
}

func (t *textTable) about() ImportResult {
	return ImportResult{Encoding: t.c.encoding, Delimiter: string(t.c.comma)}
}

func (t *textTable) close() { t.c.close() }
