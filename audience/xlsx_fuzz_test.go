package audience

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

// FuzzWorkbook: any file is read or refused as an *ImportError.
func FuzzWorkbook(f *testing.F) {
	f.Add(book(f, sheetOf(`<row r="1"><c r="A1" t="s"><v>0</v></c></row><row><c t="inlineStr"><is><t>a@b.kr</t></is></c></row>`), nil))
	f.Add(compoundFile("EncryptedPackage")[:2000])
	f.Fuzz(func(t *testing.T, file []byte) { mustRead(t, file) })
}

// FuzzSheet: the same of a sheet, its strings and its styles.
func FuzzSheet(f *testing.F) {
	f.Add(sheetOf(`<row r="1"><c r="A1" t="s"><v>0</v></c></row>`), testStrings, testStyles)
	f.Add(sheetOf(`<row><c s="1"><v>46024.5</v></c><c t="b"><v>1</v></c><c><is><t><![CDATA[x]]>&#x41;</t></is></c></row>`), `<sst><si><t/></si></sst>`, `<styleSheet><cellXfs><xf numFmtId="3"/></cellXfs></styleSheet>`)
	f.Fuzz(func(t *testing.T, sheet, texts, styles string) {
		mustRead(t, book(t, sheet, map[string]string{"xl/sharedStrings.xml": texts, "xl/styles.xml": styles}))
	})
}

func mustRead(t *testing.T, file []byte) {
	rows, _, err := rowsOf(t, file, "")
	var wrong *ImportError
	if err != nil && !errors.As(err, &wrong) {
		t.Fatalf("%v is no ImportError", err)
	}
	for _, cells := range rows {
		for _, cell := range cells {
			if !utf8.ValidString(cell) && bytes.HasPrefix(file, []byte("PK\x03\x04")) {
				t.Fatalf("%q is not UTF-8", cell)
			}
		}
	}
}

// FuzzXML: what the standard reader takes, ours takes with the same names and text.
func FuzzXML(f *testing.F) {
	f.Add(sheetOf(`<row r="1"><c r='A>1' t="s"><v> 0&amp;&#65; </v></c><c/></row>`))
	f.Add("<a><![CDATA[<x>]]>&lt;<b/>t<!-- <c> --></a>")
	f.Fuzz(func(t *testing.T, text string) {
		d := xml.NewDecoder(strings.NewReader(text))
		var want []string
		for {
			token, err := d.Token()
			if err == io.EOF {
				break
			}
			if err != nil {
				return // ours need not be as strict
			}
			switch token := token.(type) {
			case xml.StartElement:
				want = append(want, "<"+token.Name.Local)
			case xml.EndElement:
				want = append(want, ">")
			case xml.CharData:
				want = addText(want, string(token))
			case xml.Directive:
				return
			}
		}
		if strings.Contains(text, "\r") || strings.Count(text, ":") > 0 {
			return // line ends and odd names are not ours to judge
		}
		if got, err := tokensOf(text); err != nil || !slices.Equal(got, want) {
			t.Fatalf("%q: got %q %v, want %q", text, got, err, want)
		}
	})
}

func addText(list []string, text string) []string {
	if text == "" {
		return list
	}
	if n := len(list); n > 0 && strings.HasPrefix(list[n-1], "=") {
		list[n-1] += text
		return list
	}
	return append(list, "="+text)
}

func tokensOf(text string) (got []string, err error) {
	x := newXMLReader(strings.NewReader(text))
	for {
		token, err := x.next()
		if err == io.EOF {
			return got, nil
		}
		if err != nil {
			return got, err
		}
		switch token {
		case startTag:
			got = append(got, "<"+string(x.name))
		case endTag:
			got = append(got, ">")
		case textRun:
			b, err := x.text(nil, maxRowBytes)
			if err != nil {
				return got, err
			}
			got = addText(got, string(b))
		}
	}
}

func TestXMLIsReadAlikeHoweverItIsCut(t *testing.T) {
	text := sheetOf(`<row r="1"><c r="A1" t="s"><v>` + strings.Repeat("긴 글&amp;", 20_000) + `</v></c><c a="x>y"/><!--` + strings.Repeat("-x", 50_000) + `--></row>`)
	want, err := tokensOf(text)
	if err != nil {
		t.Fatal(err)
	}
	x := newXMLReader(&slowly{strings.NewReader(text)})
	var value []byte
	for {
		token, err := x.next()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if token == textRun {
			if value, err = x.text(value, maxRowBytes); err != nil {
				t.Fatal(err)
			}
		}
	}
	if string(value) != strings.Repeat("긴 글&", 20_000) || !slices.Contains(want, "="+string(value)) {
		t.Errorf("got %d bytes of text", len(value))
	}
}

// slowly reads seven bytes at a time.
type slowly struct{ in io.Reader }

func (s *slowly) Read(p []byte) (int, error) { return s.in.Read(p[:min(7, len(p))]) }
