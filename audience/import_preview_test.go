package audience

import (
	"bytes"
	"encoding/binary"
	"errors"
	"slices"
	"strings"
	"testing"
	"unicode/utf16"

	"golang.org/x/text/unicode/norm"
)

func TestPreviewSaysHowAFileWouldBeReadAndStoresNothing(t *testing.T) {
	s := open(t)
	p, err := s.PreviewImport(t.Context(), strings.NewReader(korean3), ImportOptions{Name: "a.csv", Map: map[string]string{"grade": "포인트"}})
	if err != nil {
		t.Fatal(err)
	}
	want := []PreviewColumn{{"이메일", "email", ""}, {"이름", "name", ""}, {"성별", "gender", ""}, {"가입일", "created_at", ""}, {"포인트", "", "grade"}, {"수신동의", "subscribed", ""}}
	if p.Encoding != "utf-8" || p.Delimiter != "," || p.Rows != 5 || p.Rejected != 1 || p.Duplicate != 1 || !p.Consent || !slices.Equal(p.Columns, want) ||
		len(p.First) != 5 || p.First[0][1] != "김민준" || len(p.Rejects) != 1 || p.Problem != "" {
		t.Errorf("got %+v", p)
	}
	if p, err = s.PreviewImport(t.Context(), strings.NewReader("고객,성함\na@example.com,김\n"), ImportOptions{}); err != nil || p.Problem == "" || p.Hint == "" ||
		p.Columns[1].Field != "name" || len(p.First) != 1 || p.Rows != 1 {
		t.Errorf("without an address: %+v %v", p, err)
	}
	if p, err = s.PreviewImport(t.Context(), strings.NewReader("고객,성함\na@example.com,김\n"), ImportOptions{Map: map[string]string{"email": "고객"}}); err != nil || p.Problem != "" || p.Columns[0].Field != "email" || p.Consent {
		t.Errorf("mapped: %+v %v", p, err)
	}
	file := book(t, sheetOf(`<row><c t="s"><v>0</v></c></row><row><c t="inlineStr"><is><t>a@example.com</t></is></c></row>`), nil)
	if p, err = s.PreviewImport(t.Context(), bytes.NewReader(file), ImportOptions{}); err != nil || p.Sheet != "고객" || len(p.Sheets) != 3 || p.Rows != 1 || p.Encoding != "xlsx" {
		t.Errorf("workbook: %+v %v", p, err)
	}
	var wrong *ImportError
	if _, err = s.PreviewImport(t.Context(), strings.NewReader("email,name\na@example.com,\"x\n"), ImportOptions{}); !errors.As(err, &wrong) {
		t.Errorf("broken: %v", err)
	}
	if id, _ := s.MaxID(); id != 0 {
		t.Error("people were stored")
	}
	if list, err := s.Imports(); err != nil || len(list) > 0 {
		t.Errorf("imports: %+v %v", list, err)
	}
}

func TestTextIsReadInTheFormsThatSpreadsheetsWrite(t *testing.T) {
	plain := "email,이름,memo\na@example.com,김민지,x\n"
	wide := func(order binary.AppendByteOrder, text string) string {
		var b []byte
		for _, u := range utf16.Encode([]rune(text)) {
			b = order.AppendUint16(b, u)
		}
		return string(b)
	}
	for _, c := range []struct{ name, text, encoding, delimiter string }{
		{"tabs", strings.ReplaceAll(plain, ",", "\t"), "utf-8", "\t"},
		{"semicolons", strings.ReplaceAll(plain, ",", ";"), "utf-8", ";"},
		{"bars", strings.ReplaceAll(plain, ",", "|"), "utf-8", "|"},
		{"separator named", "sep=;\r\n" + strings.ReplaceAll(plain, ",", ";"), "utf-8", ";"},
		{"comma named", "sep=,\n" + plain, "utf-8", ","},
		{"other separators in names", strings.Replace(plain, "memo", "memo a;b;c;d", 1), "utf-8", ","},
		{"trailing commas", strings.NewReplacer("memo", "memo,,", "x\n", "x,,\n").Replace(plain), "utf-8", ","},
		{"trailing commas in rows only", strings.ReplaceAll(plain, "x\n", "x,,,\n"), "utf-8", ","},
		{"empty lines", "\n\n" + plain + "\n,,\n\n", "utf-8", ","},
		{"decomposed", norm.NFD.String(plain), "utf-8", ","},
		{"utf-16le", wide(binary.LittleEndian, "\uFEFF"+plain), "utf-16", ","},
		{"utf-16be", wide(binary.BigEndian, "\uFEFF"+plain), "utf-16", ","},
		{"utf-16le without mark", wide(binary.LittleEndian, plain), "utf-16", ","},
		{"utf-16be without mark", wide(binary.BigEndian, plain), "utf-16be", ","},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := open(t)
			res := importText(t, s, c.text, ImportOptions{})
			a := byEmail(t, s, "a@example.com")
			if res.Encoding != c.encoding || res.Delimiter != c.delimiter || res.Created != 1 || res.Rejected != 0 || a.Name != "김민지" || len(a.Attributes) != 1 {
				t.Errorf("got %+v, %+v", res, a)
			}
		})
	}
}

func TestUnchangedRowsAreCountedApart(t *testing.T) {
	s := open(t)
	text := "email,name,회원번호,tags,포인트\na@example.com,가,1,t,5\nb@example.com,나,2,,6\n"
	importText(t, s, text, ImportOptions{})
	before := byEmail(t, s, "a@example.com")
	res := importText(t, s, text, ImportOptions{})
	if res.Unchanged != 2 || res.Accepted != 2 || res.Updated != 0 || byEmail(t, s, "a@example.com").UpdatedAt != before.UpdatedAt {
		t.Errorf("got %+v", res)
	}
	for _, change := range []string{"email,회원번호\na@example.com,11\n", "email,포인트\na@example.com,9\n", "email,tags\na@example.com,u\n", "email,동의\na@example.com,n\n"} {
		if res := importText(t, s, change, ImportOptions{}); res.Updated != 1 || res.Unchanged != 0 {
			t.Errorf("%q: %+v", change, res)
		}
	}
	sound(t, s)
}
