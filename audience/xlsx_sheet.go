package audience

import (
	"bytes"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"
)

// The rows of a sheet, one after the other.

// next is the next row that has a cell, as wide as the header.
func (w *workbook) next() ([]string, int, error) {
	for {
		found, err := w.row()
		if err == io.EOF {
			return nil, 0, err
		}
		if err != nil {
			return nil, 0, w.explain(err)
		}
		if !found {
			continue
		}
		if w.width == 0 {
			w.width = len(w.cells)
		}
		for len(w.cells) < w.width {
			w.cells = append(w.cells, "")
		}
		return w.cells, w.line, nil
	}
}

// row reads up to the end of a row; it is not found where no cell has a text.
func (w *workbook) row() (found bool, err error) {
	w.arena, w.spans, w.inRow = w.arena[:0], w.spans[:0], false
	for {
		token, err := w.xml.next()
		if err != nil {
			return false, err
		}
		switch {
		case token == textRun:
			err = w.xml.drop()
		case token == startTag && string(w.xml.name) == "row":
			w.inRow = true
			err = w.beginRow()
		case token == startTag && w.inRow && string(w.xml.name) == "c":
			err = w.cell()
		case token == endTag && w.inRow && string(w.xml.name) == "row":
			w.endRow()
			return len(w.cells) > 0, nil
		}
		if err != nil {
			return false, err
		}
	}
}

func (w *workbook) beginRow() error {
	w.line++
	w.last = -1
	if r := w.xml.attr("r"); r != nil {
		n, err := strconv.Atoi(string(r))
		if err != nil || n < 1 {
			return errXML
		}
		w.line = n
	}
	if w.line > maxSheetRows {
		return &ImportError{Code: FileTooLarge, Line: w.line, Message: "the sheet has too many rows", Hint: "import it in parts"}
	}
	return nil
}

// endRow makes texts of the row's cells and drops empty ones at the end.
func (w *workbook) endRow() {
	text := string(w.arena)
	valid := utf8.ValidString(text)
	w.cells = w.cells[:0]
	for _, s := range w.spans {
		cell := text[s[0]:s[1]]
		if !valid {
			cell = strings.ToValidUTF8(cell, "\uFFFD")
		}
		w.cells = append(w.cells, cell)
	}
	for len(w.cells) > 0 && w.cells[len(w.cells)-1] == "" {
		w.cells = w.cells[:len(w.cells)-1]
	}
}

// cell reads a cell up to its end tag.
func (w *workbook) cell() error {
	column, ok := columnOf(w.xml.attr("r"), w.last+1)
	if !ok {
		return errXML
	}
	w.last = column
	kind := string(w.xml.attr("t"))
	style, _ := strconv.Atoi(string(w.xml.attr("s"))) // none is 0
	start := len(w.arena)
	depth, value, phonetic := w.xml.depth, 0, 0 // depth of what is being taken, 0 for nothing
	for {
		token, err := w.xml.next()
		if err != nil {
			return err
		}
		name := string(w.xml.name)
		switch {
		case token == textRun && value > 0 && phonetic == 0:
			w.arena, err = w.xml.text(w.arena, maxRowBytes)
		case token == textRun:
			err = w.xml.drop()
		case token == startTag && name == "rPh":
			phonetic = w.xml.depth
		case token == startTag && (name == "v" && kind != "inlineStr" || name == "t" && kind == "inlineStr"):
			value = w.xml.depth
		case token == endTag && w.xml.depth < depth:
			return w.endCell(column, start, kind, style)
		case token == endTag:
			value, phonetic = still(value, w.xml.depth), still(phonetic, w.xml.depth)
		}
		if err != nil {
			return err
		}
	}
}

// still is a depth that is open yet, else 0.
func still(depth, now int) int {
	if now < depth {
		return 0
	}
	return depth
}

// columnOf is the column of a cell's name, such as 2 of C7; without a name it
// is the next one.
func columnOf(name []byte, next int) (column int, ok bool) {
	if len(name) == 0 {
		return next, next < maxSheetCells
	}
	letters := bytes.TrimRight(name, "0123456789")
	for _, c := range letters {
		if c |= 0x20; c < 'a' || c > 'z' || column > maxSheetCells {
			return 0, false
		}
		column = column*26 + int(c-'a') + 1
	}
	return column - 1, column >= 1 && column <= maxSheetCells
}

// endCell turns the value since start into what a person sees.
func (w *workbook) endCell(column, start int, kind string, style int) error {
	var err error
	switch raw := w.arena[start:]; kind {
	case "s":
		w.arena, err = w.strings.appendTo(w.arena[:start], raw)
	case "b":
		w.arena = append(w.arena[:start], map[bool]string{true: "TRUE", false: "FALSE"}[string(raw) == "1" || string(raw) == "true"]...)
		if len(raw) == 0 {
			w.arena = w.arena[:start]
		}
	case "e":
		w.arena = w.arena[:start] // #N/A is no name
	case "str", "inlineStr":
		w.arena = append(w.arena[:start], unescapeControls(string(raw))...)
	case "d":
		w.arena = append(w.arena[:start], strings.Replace(string(raw), "T", " ", 1)...)
	default:
		var f *numberFormat
		if style >= 0 && style < len(w.formats) {
			f = w.formats[style]
		}
		w.arena = append(w.arena[:start], f.text(string(raw), w.is1904)...)
	}
	if err != nil || len(w.arena) == start {
		return err
	}
	if len(w.arena) > maxRowBytes {
		return errRowTooLong
	}
	if column > maxColumns {
		column = maxColumns // one too many, which is what the header or the row is told
	}
	for len(w.spans) <= column {
		w.spans = append(w.spans, [2]int{})
	}
	w.spans[column] = [2]int{start, len(w.arena)}
	return nil
}

// unescapeControls reads _x000D_ as the character (ECMA-376, 22.9.2.19).
func unescapeControls(s string) string {
	if !strings.Contains(s, "_x") {
		return s
	}
	var b strings.Builder
	for {
		i := strings.Index(s, "_x")
		if i < 0 || i+7 > len(s) {
			b.WriteString(s)
			return b.String()
		}
		n, err := strconv.ParseUint(s[i+2:i+6], 16, 16)
		if err != nil || s[i+6] != '_' || !utf8.ValidRune(rune(n)) {
			b.WriteString(s[:i+2])
			s = s[i+2:]
			continue
		}
		b.WriteString(s[:i])
		b.WriteRune(rune(n))
		s = s[i+7:]
	}
}
