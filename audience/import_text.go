package audience

import (
	"bytes"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/korean"
	"golang.org/x/text/encoding/unicode"
)

// The encodings by the names they are reported by.
const (
	utf8Text     = "utf-8"
	utf16Text    = "utf-16" // as its byte order mark says, else little-endian
	utf16bigText = "utf-16be"
	cp949Text    = "cp949"
)

// copiedText is the whole file as it came, in a file that has no name any more.
type copiedText struct {
	f         *os.File
	size      int64
	head      []byte // the first bytes
	encoding  string // "" until judge
	validUTF8 bool
	comma     rune
}

func (c *copiedText) close() { _ = c.f.Close() } // only read, and gone with it

// headSize is bytes: what judge looks at.
const headSize = 4096

// copyText copies r. Its encoding judge finds out: a byte order mark says it,
// valid UTF-8 is UTF-8, else it is CP949, which proveEncoding then proves.
func copyText(ctx context.Context, dir string, r io.Reader, name string) (*copiedText, error) {
	encoding, err := encodingName(name)
	if err != nil {
		return nil, err
	}
	f, err := os.CreateTemp(dir, "import-*")
	if err != nil {
		return nil, fmt.Errorf("copy the file: %w", err)
	}
	c := &copiedText{f: f, encoding: encoding, comma: ','}
	if err := errors.Join(os.Remove(f.Name()), c.fill(ctx, r)); err != nil {
		c.close()
		return nil, err
	}
	return c, nil
}

// encodingName is our name of an encoding; "" stays.
func encodingName(name string) (string, error) {
	switch strings.NewReplacer("-", "", "_", "").Replace(strings.ToLower(name)) {
	case "":
		return "", nil
	case "utf8", "utf8bom":
		return utf8Text, nil
	case "utf16", "utf16le":
		return utf16Text, nil
	case "utf16be":
		return utf16bigText, nil
	case "cp949", "euckr", "ms949", "uhc", "ksc5601":
		return cp949Text, nil
	}
	return "", &ImportError{Message: fmt.Sprintf("the encoding %q is not known", name), Hint: "use utf-8, utf-16, utf-16be or cp949, or leave it out"}
}

// fill copies and looks at what comes by.
func (c *copiedText) fill(ctx context.Context, r io.Reader) error {
	valid := utf8Check{}
	buf := make([]byte, 256<<10)
	for {
		n, err := r.Read(buf)
		if c.size += int64(n); c.size > maxFileBytes {
			return &ImportError{Code: FileTooLarge, Message: fmt.Sprintf("the file is over %d GB", maxFileBytes>>30), Hint: "import it in parts"}
		}
		if _, err := c.f.Write(buf[:n]); err != nil {
			return fmt.Errorf("copy the file: %w", err)
		}
		if len(c.head) < headSize {
			c.head = append(c.head, buf[:min(n, headSize-len(c.head))]...)
		}
		valid.add(buf[:n])
		if err == io.EOF { // not io.ErrUnexpectedEOF: so ends an upload that broke off
			break
		}
		if err := errors.Join(err, ctx.Err()); err != nil {
			return fmt.Errorf("read the file: %w", err)
		}
	}
	c.validUTF8 = valid.ok()
	return nil
}

// utf8Check is utf8.Valid over pieces.
type utf8Check struct {
	rest []byte // of a character cut by the end of a piece
	bad  bool
}

func (u *utf8Check) add(b []byte) {
	if u.bad {
		return
	}
	for len(u.rest) > 0 && len(b) > 0 && !utf8.FullRune(u.rest) {
		u.rest, b = append(u.rest, b[0]), b[1:]
	}
	if len(u.rest) > 0 && utf8.FullRune(u.rest) {
		u.bad, u.rest = !utf8.Valid(u.rest), nil
	}
	end := len(b) - cutRune(b)
	u.rest = append(u.rest, b[end:]...)
	u.bad = u.bad || !utf8.Valid(b[:end])
}

func (u *utf8Check) ok() bool { return !u.bad && len(u.rest) == 0 }

// text is the file from its beginning as UTF-8 with LF line ends.
func (c *copiedText) text() io.Reader {
	file := io.Reader(io.NewSectionReader(c.f, 0, 1<<62))
	var decoder *encoding.Decoder
	switch c.encoding {
	case utf16Text:
		decoder = unicode.UTF16(unicode.LittleEndian, unicode.UseBOM).NewDecoder()
	case utf16bigText:
		decoder = unicode.UTF16(unicode.BigEndian, unicode.UseBOM).NewDecoder()
	case cp949Text:
		decoder = korean.EUCKR.NewDecoder() // which knows the whole of CP949
	default:
		decoder = unicode.UTF8BOM.NewDecoder() // bad bytes become U+FFFD
	}
	return &lineReader{in: decoder.Reader(file)}
}

// lineReader makes every line end LF, a lone CR too.
type lineReader struct {
	in   io.Reader
	wasC bool // the last byte was CR
}

func (l *lineReader) Read(p []byte) (int, error) {
	for {
		n, err := l.in.Read(p)
		if m := l.clean(p[:n]); m > 0 || err != nil || n == 0 {
			return m, err
		}
	}
}

func (l *lineReader) clean(p []byte) int {
	if !l.wasC && bytes.IndexByte(p, '\r') < 0 {
		return len(p)
	}
	n := 0
	for _, b := range p {
		was := l.wasC
		l.wasC = b == '\r'
		switch {
		case b == '\n' && was:
			continue
		case b == '\r':
			b = '\n'
		}
		p[n] = b
		n++
	}
	return n
}

// textReader is a CSV reader that will not take in a row of any size.
type textReader struct {
	*csv.Reader
	guard *guard
}

func (c *copiedText) csv() *textReader {
	g := &guard{in: c.text()}
	in := &textReader{csv.NewReader(g), g}
	in.Comma = c.comma
	in.FieldsPerRecord = -1
	in.ReuseRecord = true
	return in
}

// Read is the next row, in cells that are good until the next call.
func (t *textReader) Read() ([]string, error) {
	t.guard.since = 0
	return t.Reader.Read()
}

var errRowTooLong = errors.New("row is too long")

// guard fails when one row takes more than maxRowBytes.
type guard struct {
	in    io.Reader
	since int
}

func (g *guard) Read(p []byte) (int, error) {
	if g.since > maxRowBytes {
		return 0, errRowTooLong
	}
	n, err := g.in.Read(p)
	g.since += n
	return n, err
}

// explain turns an error of the CSV reader into ours. line is where the row begins.
func (c *copiedText) explain(err error, line int) error {
	var wrong *csv.ParseError
	switch {
	case errors.Is(err, errRowTooLong):
		return &ImportError{Code: FileRow, Line: line, Column: 1, Message: "a row is over 1 MB: most likely a quote opens and never closes", Hint: "close the quote, or double it where it belongs to the text"}
	case !errors.As(err, &wrong):
		return fmt.Errorf("read the file: %w", err)
	}
	e := &ImportError{Code: FileRow, Line: wrong.Line, Column: wrong.Column, Message: wrong.Err.Error(), Hint: "open the line in an editor and mend it"}
	switch wrong.Err {
	case csv.ErrQuote:
		e.Message, e.Hint = "text goes on after the quote that closes the cell, or the quote never closes", `a quote inside a cell is written twice: "그녀는 ""안녕""이라고 했다"`
		e.Line, e.Column = wrong.Line, wrong.Column
	case csv.ErrBareQuote:
		e.Message, e.Hint = "a quote stands in the middle of a cell", `put the whole cell in quotes and write the inner one twice: "5"" tape"`
	}
	if strings.Contains(e.Message, "never closes") && wrong.StartLine != wrong.Line {
		e.Message += fmt.Sprintf(" (the row begins on line %d)", wrong.StartLine)
	}
	e.Column = c.characters(e.Line, e.Column)
	return e
}

// characters is a column in bytes as one in characters.
func (c *copiedText) characters(line, column int) int {
	in, text := c.text(), make([]byte, 0, 4096)
	buf := make([]byte, 32<<10)
	for n := 1; n <= line; {
		size, err := in.Read(buf)
		for _, b := range buf[:size] {
			switch {
			case b == '\n':
				n++
			case n == line && len(text) < column-1:
				text = append(text, b)
			}
		}
		if err != nil {
			break
		}
	}
	return utf8.RuneCount(text) + 1
}
