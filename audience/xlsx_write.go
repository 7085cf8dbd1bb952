package audience

import (
	"archive/zip"
	"bufio"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"pabal/eml"
)

// maxSheetLines is what a sheet of Excel holds, the header too.
const maxSheetLines = 1 << 20

// sheetWriter writes a workbook of one sheet as it comes, in constant memory.
type sheetWriter struct {
	zip  *zip.Writer
	out  *bufio.Writer
	rows int
}

// sheetParts are what a workbook has beside its sheet.
func sheetParts(sheet string) [][2]string {
	const (
		head     = `<?xml version="1.0" encoding="UTF-8" standalone="yes"?>` + "\n"
		types    = "application/vnd.openxmlformats-officedocument.spreadsheetml."
		relation = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
		packages = "http://schemas.openxmlformats.org/package/2006/"
	)
	return [][2]string{
		{"[Content_Types].xml", head + `<Types xmlns="` + packages + `content-types"><Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>` +
			`<Override PartName="/xl/workbook.xml" ContentType="` + types + `sheet.main+xml"/><Override PartName="/xl/worksheets/sheet1.xml" ContentType="` + types + `worksheet+xml"/></Types>`},
		{"_rels/.rels", head + `<Relationships xmlns="` + packages + `relationships"><Relationship Id="rId1" Type="` + relation + `/officeDocument" Target="xl/workbook.xml"/></Relationships>`},
		{"xl/workbook.xml", head + `<workbook xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main" xmlns:r="` + relation + `"><sheets><sheet name="` + sheet + `" sheetId="1" r:id="rId1"/></sheets></workbook>`},
		{"xl/_rels/workbook.xml.rels", head + `<Relationships xmlns="` + packages + `relationships"><Relationship Id="rId1" Type="` + relation + `/worksheet" Target="worksheets/sheet1.xml"/></Relationships>`},
	}
}

func newSheetWriter(w io.Writer, sheet string) (*sheetWriter, error) {
	s := &sheetWriter{zip: zip.NewWriter(w)}
	for _, part := range sheetParts(sheet) {
		out, err := s.zip.Create(part[0])
		if err != nil {
			return nil, err
		}
		if _, err := io.WriteString(out, part[1]); err != nil {
			return nil, err
		}
	}
	out, err := s.zip.Create("xl/worksheets/sheet1.xml")
	if err != nil {
		return nil, err
	}
	s.out = bufio.NewWriterSize(out, 64<<10)
	_, err = s.out.WriteString(`<?xml version="1.0" encoding="UTF-8" standalone="yes"?>` + "\n" +
		`<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>`)
	return s, err
}

// row writes cells as texts; errors of the writer are kept for close.
func (s *sheetWriter) row(cells []string) error {
	if s.rows++; s.rows > maxSheetLines {
		return &eml.Problem{What: fmt.Sprintf("a sheet holds only %d people", maxSheetLines-1), Hint: "export CSV, or a part with --segment"}
	}
	fmt.Fprintf(s.out, `<row r="%d">`, s.rows)
	for i, cell := range cells {
		if cell == "" {
			continue
		}
		fmt.Fprintf(s.out, `<c r="%s%d" t="inlineStr"><is><t xml:space="preserve">`, columnName(i), s.rows)
		s.text(cell)
		_, _ = s.out.WriteString("</t></is></c>")
	}
	_, err := s.out.WriteString("</row>")
	return err
}

// text writes XML; what XML cannot hold is written as _x0001_, and so is what
// looks like it.
func (s *sheetWriter) text(text string) {
	for i, r := range text {
		switch {
		case r == '&':
			_, _ = s.out.WriteString("&amp;")
		case r == '<':
			_, _ = s.out.WriteString("&lt;")
		case r == '>':
			_, _ = s.out.WriteString("&gt;")
		case r < 0x20 && r != '\n' && r != '\t', r == 0xFFFE, r == 0xFFFF:
			fmt.Fprintf(s.out, "_x%04X_", r)
		case r == '_' && strings.HasPrefix(text[i:], "_x"):
			_, _ = s.out.WriteString("_x005F_")
		case r == utf8.RuneError:
			_, _ = s.out.WriteString("\uFFFD")
		default:
			_, _ = s.out.WriteRune(r)
		}
	}
}

// columnName is A for 0, AA for 26.
func columnName(i int) string {
	if i < 26 {
		return string(rune('A' + i))
	}
	return columnName(i/26-1) + string(rune('A'+i%26))
}

func (s *sheetWriter) close() error {
	if _, err := s.out.WriteString("</sheetData></worksheet>"); err != nil {
		return err
	}
	if err := s.out.Flush(); err != nil {
		return err
	}
	return s.zip.Close()
}
