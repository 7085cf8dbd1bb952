package audience

import (
	"archive/zip"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path"
	"slices"
	"strings"

	"golang.org/x/text/unicode/norm"
)

// An XLSX file is a ZIP archive of XML parts (ECMA-376). This reader takes one
// sheet of it row by row: cells as a person sees them, dates as ISO. Its memory
// is a row and the styles; shared strings, which may be as large as the sheet,
// are unpacked into a file. What it unpacks is bounded: a small file can claim
// to be a huge one.
const (
	xlsxText = "xlsx" // the encoding that is reported

	maxDirectory  = 4 << 20 // bytes of the archive's table of contents; ours have 1 KB
	maxParts      = 5000
	maxSmallPart  = 16 << 20 // bytes of a part that is read whole: workbook, relations, styles
	maxLargePart  = 4 << 30  // bytes of a sheet or the shared strings; 1M rows of 10 columns are 0.6 GB
	maxRatio      = 250      // unpacked to packed, past smallRatio bytes; sheets have 5 to 40, a bomb 1,000
	smallRatio    = 32 << 20
	maxSheetRows  = 4 << 20
	maxSheetCells = 16384 // columns of Excel
)

// workbook is one sheet of an XLSX file, being read.
type workbook struct {
	f       *os.File
	zip     *zip.Reader
	sheet   string // its name
	sheets  []string
	strings *sharedStrings
	formats []*numberFormat // by cell style
	is1904  bool            // days are counted from 1904
	in      io.Closer
	xml     *xmlReader

	cells []string
	arena []byte   // texts of the row's cells
	spans [][2]int // of the cells in it
	line  int
	width int // of the header, 0 before it
	last  int // column of the cell read last, -1 before the first
	inRow bool
}

// openWorkbook opens a sheet by name, "" for the first that can be seen. dir is
// where the shared strings go, without a name. The file is closed with it.
func openWorkbook(f *os.File, size int64, dir, sheet string) (*workbook, error) {
	guarded := &boundedAt{in: f, left: maxDirectory}
	archive, err := zip.NewReader(guarded, size)
	if err != nil && guarded.left < 0 || err == nil && len(archive.File) > maxParts {
		return nil, notXLSX("the workbook's archive has too many parts")
	}
	if err != nil {
		return nil, notXLSX("the workbook is damaged: it is no whole ZIP archive")
	}
	guarded.left = math.MaxInt64
	w := &workbook{f: f, zip: archive}
	if err := w.open(dir, sheet); err != nil {
		return nil, errors.Join(w.explain(err), w.release())
	}
	return w, nil
}

// boundedAt fails after so many bytes: the table of contents is read into memory.
type boundedAt struct {
	in   io.ReaderAt
	left int64
}

func (b *boundedAt) ReadAt(p []byte, off int64) (int, error) {
	if b.left -= int64(len(p)); b.left < 0 {
		return 0, zip.ErrFormat
	}
	return b.in.ReadAt(p, off)
}

func notXLSX(message string) error {
	return &ImportError{Code: FileNotExcel, Message: message, Hint: saveAs}
}

func (w *workbook) open(dir, sheet string) error {
	book, err := w.bookPart()
	if err != nil {
		return err
	}
	var about struct {
		Properties struct {
			Date1904 string `xml:"date1904,attr"`
		} `xml:"workbookPr"`
		Sheets []sheetEntry `xml:"sheets>sheet"`
	}
	if err := w.small(book, &about); err != nil {
		return err
	}
	w.is1904 = about.Properties.Date1904 == "1" || about.Properties.Date1904 == "true"
	chosen, err := chooseSheet(about.Sheets, sheet)
	if err != nil {
		return err
	}
	w.sheet = chosen.Name
	for _, s := range about.Sheets {
		w.sheets = append(w.sheets, s.Name)
	}
	related, err := w.relations(book)
	if err != nil {
		return err
	}
	var part string
	for _, r := range related {
		switch {
		case r.ID == chosen.ID:
			part = r.Target
		case strings.HasSuffix(r.Type, "/sharedStrings"):
			err = w.openStrings(dir, r.Target)
		case strings.HasSuffix(r.Type, "/styles"):
			err = w.openStyles(r.Target)
		}
		if err != nil {
			return err
		}
	}
	in, err := w.large(part)
	if err != nil {
		return err
	}
	w.in, w.xml = in, newXMLReader(in)
	return nil
}

// bookPart is the name of the workbook's main part.
func (w *workbook) bookPart() (string, error) {
	related, err := w.relations("")
	if err != nil && w.part("xl/workbook.xml") == nil {
		if w.part("content.xml") != nil {
			return "", notXLSX("this is an OpenDocument spreadsheet (.ods), not Excel's")
		}
		return "", notXLSX("this is a ZIP archive, not a workbook")
	}
	for _, r := range related {
		if strings.HasSuffix(r.Type, "/officeDocument") {
			switch {
			case strings.HasSuffix(r.Target, ".bin"):
				return "", notXLSX("this is a binary workbook (.xlsb)")
			case !strings.Contains(r.Target, "workbook"):
				return "", notXLSX("this is an Office document, not a workbook")
			}
			return r.Target, nil
		}
	}
	return "xl/workbook.xml", nil
}

type sheetEntry struct {
	Name  string `xml:"name,attr"`
	State string `xml:"state,attr"`
	ID    string `xml:"id,attr"`
}

func chooseSheet(sheets []sheetEntry, wanted string) (sheetEntry, error) {
	var names []string
	for _, s := range sheets {
		if wanted != "" && strings.EqualFold(norm.NFC.String(s.Name), norm.NFC.String(wanted)) || wanted == "" && s.State != "hidden" && s.State != "veryHidden" {
			return s, nil
		}
		names = append(names, s.Name)
	}
	switch {
	case len(sheets) == 0:
		return sheetEntry{}, notXLSX("the workbook has no sheet")
	case wanted == "":
		return sheets[0], nil
	}
	return sheetEntry{}, &ImportError{Message: fmt.Sprintf("the workbook has no sheet %q", wanted), Hint: "the sheets are " + quotedList(names)}
}

type relation struct {
	ID     string `xml:"Id,attr"`
	Type   string `xml:"Type,attr"`
	Target string `xml:"Target,attr"`
}

// relations are those of a part, "" for the archive, with whole target names.
func (w *workbook) relations(part string) ([]relation, error) {
	folder, name := path.Split(part)
	var list struct {
		Relations []relation `xml:"Relationship"`
	}
	if err := w.small(folder+"_rels/"+name+".rels", &list); err != nil {
		return nil, err
	}
	for i, r := range list.Relations {
		if strings.HasPrefix(r.Target, "/") {
			list.Relations[i].Target = strings.TrimPrefix(path.Clean(r.Target), "/")
		} else {
			list.Relations[i].Target = path.Join(folder, r.Target)
		}
	}
	return list.Relations, nil
}

// part is a part by name, in any case as the standard has it, nil if there is none.
func (w *workbook) part(name string) *zip.File {
	i := slices.IndexFunc(w.zip.File, func(f *zip.File) bool { return strings.EqualFold(f.Name, name) })
	if i < 0 {
		return nil
	}
	return w.zip.File[i]
}

// small reads a part whole.
func (w *workbook) small(name string, into any) error {
	f := w.part(name)
	if f == nil {
		return notXLSX(fmt.Sprintf("the workbook is damaged: its part %q is missing", name))
	}
	if f.UncompressedSize64 > maxSmallPart {
		return notXLSX(fmt.Sprintf("the workbook's part %q is too large", name))
	}
	in, err := f.Open()
	if err != nil {
		return err
	}
	d := xml.NewDecoder(io.LimitReader(in, maxSmallPart))
	return errors.Join(d.Decode(into), in.Close())
}

// large opens a part that is read as it comes.
func (w *workbook) large(name string) (io.ReadCloser, error) {
	f := w.part(name)
	switch {
	case f == nil:
		return nil, notXLSX(fmt.Sprintf("the workbook is damaged: its part %q is missing", name))
	case f.UncompressedSize64 > maxLargePart,
		f.UncompressedSize64 > smallRatio && f.UncompressedSize64/max(1, f.CompressedSize64) > maxRatio:
		return nil, &ImportError{Code: FileTooLarge, Message: fmt.Sprintf("the workbook's part %q unpacks to %d MB, more than a list of people has", name, f.UncompressedSize64>>20),
			Hint: "remove columns and rows that are not needed, or save it as CSV UTF-8 and import that"}
	}
	return f.Open()
}

// explain is an error of the archive or its XML as one for people.
func (w *workbook) explain(err error) error {
	var wrong *ImportError
	switch {
	case errors.As(err, &wrong):
		return err
	case errors.Is(err, errRowTooLong):
		return &ImportError{Code: FileTooLarge, Line: w.line, Message: "a row is over 1 MB", Hint: "remove the column with the long texts"}
	case w.f != nil && errors.Is(err, os.ErrClosed):
		return err
	}
	var system *os.PathError
	if errors.As(err, &system) {
		return fmt.Errorf("read the file: %w", err)
	}
	return &ImportError{Code: FileNotExcel, Line: w.line, Message: "the workbook is damaged: " + err.Error(), Hint: saveAs}
}

func (w *workbook) about() ImportResult { return ImportResult{Encoding: xlsxText, Sheet: w.sheet} }

func (w *workbook) close() {
	_ = w.release() // only read, and gone with it
	_ = w.f.Close()
}

// release lets go of everything but the file.
func (w *workbook) release() error {
	var err error
	if w.in != nil {
		err = w.in.Close()
	}
	return errors.Join(err, w.strings.close())
}
