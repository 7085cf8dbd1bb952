package audience

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"testing"
	"unicode/utf16"
)

const (
	testRels     = `<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="r1" Type="http://x/officeDocument" Target="xl/workbook.xml"/></Relationships>`
	testBook     = `<workbook xmlns:r="x"><sheets><sheet name="숨김" sheetId="1" state="hidden" r:id="rId9"/><sheet name="고객" sheetId="2" r:id="rId1"/><sheet name="둘째" sheetId="3" r:id="rId2"/></sheets></workbook>`
	testBookRels = `<Relationships><Relationship Id="rId1" Type="http://x/worksheet" Target="worksheets/sheet1.xml"/><Relationship Id="rId2" Type="http://x/worksheet" Target="/xl/worksheets/sheet2.xml"/>` +
		`<Relationship Id="rId9" Type="http://x/worksheet" Target="worksheets/sheet9.xml"/><Relationship Id="rId3" Type="http://x/sharedStrings" Target="sharedStrings.xml"/><Relationship Id="rId4" Type="http://x/styles" Target="styles.xml"/></Relationships>`
	testStyles = `<styleSheet><numFmts><numFmt numFmtId="164" formatCode="000\-0000\-0000"/><numFmt numFmtId="165" formatCode="yyyy&quot;년&quot;\ m&quot;월&quot;\ d&quot;일&quot;"/><numFmt numFmtId="166" formatCode="0.00E+00"/></numFmts>` +
		`<cellXfs><xf numFmtId="0"/><xf numFmtId="14"/><xf numFmtId="164"/><xf numFmtId="165"/><xf numFmtId="22"/><xf numFmtId="3"/><xf numFmtId="166"/></cellXfs></styleSheet>`
	testStrings = `<sst><si><t>이메일</t></si><si><r><t>이</t></r><r><t>름</t></r><rPh><t>phonetic</t></rPh></si><si><t xml:space="preserve"> 김 &amp; 이 </t></si><si/></sst>`
)

// book is an XLSX file with the sheet given; parts add to it, or take away where empty.
func book(t testing.TB, sheet string, parts map[string]string) []byte {
	t.Helper()
	all := map[string]string{"_rels/.rels": testRels, "xl/workbook.xml": testBook, "xl/_rels/workbook.xml.rels": testBookRels, "xl/styles.xml": testStyles,
		"xl/sharedStrings.xml": testStrings, "xl/worksheets/sheet1.xml": sheet, "xl/worksheets/sheet2.xml": "<worksheet><sheetData><row><c t=\"inlineStr\"><is><t>email</t></is></c></row></sheetData></worksheet>"}
	for name, text := range parts {
		if all[name] = text; text == "" {
			delete(all, name)
		}
	}
	var out bytes.Buffer
	z := zip.NewWriter(&out)
	for name, text := range all {
		w, err := z.Create(name)
		if err == nil {
			_, err = io.WriteString(w, text)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func sheetOf(rows string) string {
	return `<?xml version="1.0"?><!-- x --><worksheet><dimension ref="A1:Z9"/><sheetData>` + rows + `</sheetData><pageMargins/></worksheet>`
}

// rowsOf reads a file as a table.
func rowsOf(t testing.TB, file []byte, sheet string) (rows [][]string, lines []int, err error) {
	t.Helper()
	table, err := readTable(context.Background(), t.TempDir(), bytes.NewReader(file), "", sheet)
	if err != nil {
		return nil, nil, err
	}
	defer table.close()
	for {
		cells, line, err := table.next()
		if err == io.EOF {
			return rows, lines, nil
		}
		if err != nil {
			return rows, lines, err
		}
		rows, lines = append(rows, slices.Clone(cells)), append(lines, line)
	}
}

func TestWorkbookIsReadAsAPersonSeesIt(t *testing.T) {
	sheet := sheetOf(`<row r="1"><c r="A1"/></row>` + // nothing in it: not the header
		`<row r="2"><c r="A2" t="s"><v>0</v></c><c r="B2" t="s"><v>1</v></c><c r="C2" t="inlineStr"><is><r><t>전화</t></r><r><t>번호</t></r></is></c><c r="D2" t="str"><f>"가"&amp;"입"</f><v>가입</v></c><c r="E2" t="inlineStr"><is><t>ID</t></is></c><c r="F2" t="inlineStr"><is><t>ok</t></is></c></row>` +
		`<row r="4"><c r="A4" t="inlineStr"><is><t>a@example.com</t></is></c><c r="B4" t="s"><v>2</v></c><c r="C4" s="2"><v>1012345678</v></c><c r="D4" s="1"><v>46024</v></c><c r="E4"><v>1.2345678901E10</v></c><c r="F4" t="b"><v>1</v></c></row>` +
		`<x:row><x:c t='inlineStr'><x:is><x:t><![CDATA[b<@example.com]]></x:t></x:is></x:c><x:c t="s"><x:v>3</x:v></x:c><x:c/><x:c s="4"><x:v>46024.75</x:v></x:c><x:c s="5"><x:v>1234567</x:v></x:c><x:c t="e"><x:v>#N/A</x:v></x:c></x:row>` +
		`<row r="9"><c r="D9" s="3"><v>46024</v></c><c r="B9" t="inlineStr"><is><t>a_x000A_b_x_&#44620;</t></is></c><c r="F9" s="6"><v>12345678901234567</v></c></row>`)
	rows, lines, err := rowsOf(t, book(t, sheet, nil), "")
	if err != nil {
		t.Fatal(err)
	}
	want := [][]string{
		{"이메일", "이름", "전화번호", "가입", "ID", "ok"},
		{"a@example.com", " 김 & 이 ", "010-1234-5678", "2026-01-02", "12345678901", "TRUE"},
		{"b<@example.com", "", "", "2026-01-02 18:00:00", "1,234,567", ""},
		{"", "a\nb_x_까", "", "2026-01-02", "", "12345678901234567"},
	}
	if len(rows) != len(want) || !slices.Equal(lines, []int{2, 4, 5, 9}) {
		t.Fatalf("got %q on lines %v", rows, lines)
	}
	for i := range want {
		if !slices.Equal(rows[i], want[i]) {
			t.Errorf("row %d: got %q, want %q", i, rows[i], want[i])
		}
	}
}

func TestNumbersAreShownByTheirFormat(t *testing.T) {
	for _, c := range []struct {
		id        int
		code      string
		raw       string
		want      string
		since1904 bool
	}{
		{code: "", raw: "1.0123456789E10", want: "10123456789"},
		{code: "General", raw: "0.30000000000000004", want: "0.3"},
		{code: "General", raw: "-12.5", want: "-12.5"},
		{code: "General", raw: "1E+30", want: "1E+30"},
		{code: "General", raw: "98765432109876543210", want: "98765432109876543210"},
		{code: "0", raw: "5.6", want: "6"},
		{code: "00000", raw: "42", want: "00042"},
		{code: "000-0000-0000", raw: "1012345678", want: "010-1234-5678"},
		{code: `[<=9999999]###\-####;\(0##\)\ ###\-####`, raw: "5551234", want: "555-1234"},
		{code: `[<=9999999]###\-####;\(0##\)\ ###\-####`, raw: "25551234", want: "(002) 555-1234"},
		{code: "0##-####-####", raw: "1012345678", want: "010-1234-5678"},
		{code: "#,##0", raw: "1234567", want: "1,234,567"},
		{code: "#,##0", raw: "0", want: "0"},
		{code: "#,##0;-#,##0", raw: "-1234", want: "-1,234"},
		{code: `"₩"#,##0`, raw: "15000", want: "₩15,000"},
		{code: `[$₩-412]#,##0.00`, raw: "15000.5", want: "₩15,000.50"},
		{code: "0.0#", raw: "2.5", want: "2.5"},
		{code: "0%", raw: "0.15", want: "15%"},
		{code: `#,##0"점"`, raw: "1200", want: "1,200점"},
		{code: "#,##0원", raw: "1200", want: "1,200원"},
		{code: "0.00E+00", raw: "1012345678", want: "1012345678"},
		{code: "# ?/?", raw: "0.5", want: "0.5"},
		{code: "@", raw: "821012345678", want: "821012345678"},
		{code: "#,##0,", raw: "1200", want: "1200"},
		{code: "0;;;", raw: "7", want: "7"},
		{code: "yyyy-mm-dd", raw: "46024", want: "2026-01-02"},
		{code: "yyyy-mm-dd", raw: "46024", want: "2030-01-03", since1904: true},
		{code: "yyyy-mm-dd hh:mm:ss", raw: "46024.999999", want: "2026-01-03 00:00:00"},
		{code: "h:mm", raw: "0.5", want: "12:00:00"},
		{code: "[h]:mm", raw: "0.25", want: "06:00:00"},
		{code: "mm월", raw: "46024", want: "2026-01-02"},
		{code: "yyyy-mm-dd", raw: "1", want: "1900-01-01"},
		{code: "yyyy-mm-dd", raw: "61", want: "1900-03-01"},
		{code: "yyyy-mm-dd", raw: "-5", want: "-5"},
		{code: "yyyy-mm-dd", raw: "99999999", want: "99999999"},
		{code: `"day"0`, raw: "3", want: "day3"},
		{id: 14, raw: "46024", want: "2026-01-02"},
		{id: 31, raw: "46024", want: "2026-01-02"},
		{id: 21, raw: "0.75", want: "18:00:00"},
		{code: "0", raw: "n/a", want: "n/a"},
	} {
		f := newNumberFormat(c.id, c.code)
		if got := f.text(c.raw, c.since1904); got != c.want {
			t.Errorf("%d %q of %s: got %q, want %q", c.id, c.code, c.raw, got, c.want)
		}
	}
	var none *numberFormat
	if got := none.text("5", false); got != "5" {
		t.Errorf("no format: %q", got)
	}
}

func TestWorkbookAndCSVOfTheSamePeopleAreTheSame(t *testing.T) {
	text, err := os.ReadFile("../testdata/customers.csv")
	if err != nil {
		t.Fatal(err)
	}
	a, b := open(t), open(t)
	importText(t, a, string(text), ImportOptions{Name: "customers.csv"})
	var file bytes.Buffer
	out, err := newSheetWriter(&file, "고객")
	if err != nil {
		t.Fatal(err)
	}
	rows, _, err := rowsOf(t, text, "")
	if err != nil {
		t.Fatal(err)
	}
	for _, cells := range rows {
		if err := out.row(cells); err != nil {
			t.Fatal(err)
		}
	}
	if err := out.close(); err != nil {
		t.Fatal(err)
	}
	res := importText(t, b, file.String(), ImportOptions{Name: "customers.xlsx"})
	if res.Encoding != "xlsx" || res.Sheet != "고객" || res.Created != 200 {
		t.Errorf("got %+v", res)
	}
	same(t, a, b)
	sound(t, b)
}

// same compares two audiences but for when they came in.
func same(t *testing.T, a, b *Store) {
	t.Helper()
	all := func(s *Store) (list []string) {
		for sub, err := range s.List(context.Background(), 0, "", nil) {
			if err != nil {
				t.Fatal(err)
			}
			at := sub.CreatedAt
			sub.UpdatedAt, sub.Consent.At = at, at
			list = append(list, fmt.Sprintf("%+v", sub))
		}
		return list
	}
	one, two := all(a), all(b)
	for i := range max(len(one), len(two)) {
		if i >= len(one) || i >= len(two) || one[i] != two[i] {
			t.Fatalf("subscriber %d differs:\n%s\n%s", i, at(one, i), at(two, i))
		}
	}
}

func at(list []string, i int) string {
	if i < len(list) {
		return list[i]
	}
	return "none"
}

// compoundFile is the head of a file as Office wrote them before 2007, with a name in it.
func compoundFile(name string) []byte {
	b := append([]byte{0xD0, 0xCF, 0x11, 0xE0, 0xA1, 0xB1, 0x1A, 0xE1}, make([]byte, 70_000)...)
	for _, u := range utf16.Encode([]rune(name)) {
		b = binary.LittleEndian.AppendUint16(b, u)
	}
	return append(b, make([]byte, 512)...)
}

func TestFileThatIsNoWorkbookIsToldAsWhatItIs(t *testing.T) {
	whole := book(t, sheetOf(`<row><c t="inlineStr"><is><t>email</t></is></c></row>`), nil)
	bomb := sheetOf(`<row><c t="inlineStr"><is><t>email</t></is></c></row>` + strings.Repeat(" ", 40<<20))
	deep := sheetOf(`<row><c t="inlineStr"><is><t>email</t></is></c></row><row><c t="inlineStr"><is><t>` + strings.Repeat("x", 2<<20) + `</t></is></c></row>`)
	only := func(parts ...string) []byte {
		var out bytes.Buffer
		z := zip.NewWriter(&out)
		for _, name := range parts {
			if w, err := z.Create(name); err != nil {
				t.Fatal(err)
			} else if _, err = io.WriteString(w, "x"); err != nil {
				t.Fatal(err)
			}
		}
		if err := z.Close(); err != nil {
			t.Fatal(err)
		}
		return out.Bytes()
	}
	var many []string
	for i := range maxParts + 1 {
		many = append(many, fmt.Sprint("p", i))
	}
	good := sheetOf(`<row><c t="inlineStr"><is><t>email</t></is></c></row>`)
	for _, c := range []struct {
		name, sheet string
		file        []byte
		want        string
	}{
		{"password", "", compoundFile("EncryptedPackage"), "has a password"},
		{"xls", "", compoundFile("Workbook"), "old kind (.xls)"},
		{"web page", "", []byte("\uFEFF  <HTML><table><tr><td>email"), "web page"},
		{"zip", "", only("readme.txt"), "a ZIP archive, not a workbook"},
		{"ods", "", only("mimetype", "content.xml"), ".ods"},
		{"many parts", "", only(many...), "too many parts"},
		{"cut", "", whole[:len(whole)-30], "damaged"},
		{"wrong sheet", "셋째", whole, `no sheet "셋째"`},
		{"docx", "", book(t, good, map[string]string{"_rels/.rels": strings.ReplaceAll(testRels, "xl/workbook.xml", "word/document.xml")}), "not a workbook"},
		{"xlsb", "", book(t, good, map[string]string{"_rels/.rels": strings.ReplaceAll(testRels, "workbook.xml", "workbook.bin")}), ".xlsb"},
		{"bomb", "", book(t, bomb, nil), "unpacks to 40 MB"},
		{"long cell", "", book(t, deep, nil), "over 1 MB"},
		{"no sheet part", "", book(t, good, map[string]string{"xl/worksheets/sheet1.xml": ""}), "is missing"},
		{"no string", "", book(t, sheetOf(`<row><c t="s"><v>77</v></c></row>`), nil), "damaged"},
		{"broken xml", "", book(t, `<worksheet><sheetData><row><c t="inlineStr"><is><t>email</t></is></c></row>`, nil), "damaged"},
		{"document type", "", book(t, `<!DOCTYPE x [<!ENTITY a "b">]>`+good, nil), "document type"},
		{"entity", "", book(t, sheetOf(`<row><c t="inlineStr"><is><t>&lol;</t></is></c></row>`), nil), "damaged"},
		{"empty sheet", "", book(t, sheetOf(``), nil), "no header line"},
		{"wide", "", book(t, sheetOf(`<row><c r="A1" t="inlineStr"><is><t>email</t></is></c><c r="XFD1" t="inlineStr"><is><t>x</t></is></c></row>`), nil), "columns, more than"},
		{"beyond the sheet", "", book(t, sheetOf(`<row><c r="ZZZZZZ1"><v>1</v></c></row>`), nil), "damaged"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := open(t)
			_, err := s.ImportCSV(context.Background(), bytes.NewReader(c.file), ImportOptions{Sheet: c.sheet})
			var wrong *ImportError
			if !errors.As(err, &wrong) || !strings.Contains(wrong.Message, c.want) || wrong.Hint == "" {
				t.Fatalf("got %v, want %q", err, c.want)
			}
			if left, err := os.ReadDir(s.importFolder()); err != nil || len(left) > 0 {
				t.Errorf("%v was left behind, %v", left, err)
			}
			if list, err := s.Imports(); err != nil || len(list) > 0 {
				t.Errorf("an import was begun: %+v %v", list, err)
			}
		})
	}
}

// TestTheTableOfContentsOfAnArchiveIsBounded: an archive may hold millions of
// names that would all be read into memory.
func TestTheTableOfContentsOfAnArchiveIsBounded(t *testing.T) {
	file := book(t, sheetOf(""), map[string]string{strings.Repeat("x", 60_000): "1"})
	guarded := &boundedAt{in: bytes.NewReader(file), left: 10_000}
	if _, err := zip.NewReader(guarded, int64(len(file))); err == nil {
		t.Error("the whole table of contents was read")
	}
}
