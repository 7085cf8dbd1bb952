package audience

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// maxStrings bounds the shared strings of a workbook: 8 bytes of disk each.
const maxStrings = 64 << 20

// sharedStrings are the texts that cells of a workbook refer to by number. They
// are in a file without a name, mapped: the pages are the kernel's to drop.
type sharedStrings struct {
	texts, ends []byte // the texts one after another; where each ends, u64
}

// openStrings unpacks the shared strings.
func (w *workbook) openStrings(dir, part string) error {
	in, err := w.large(part)
	if err != nil {
		return err
	}
	w.strings, err = readStrings(dir, in)
	return errors.Join(err, in.Close())
}

func readStrings(dir string, in io.Reader) (*sharedStrings, error) {
	texts, err := newMapped(dir)
	if err != nil {
		return nil, err
	}
	defer texts.close()
	ends, err := newMapped(dir)
	if err != nil {
		return nil, err
	}
	defer ends.close()
	if err := eachString(in, func(text []byte) error {
		if texts.size/8 > maxLargePart || ends.size/8 > maxStrings {
			return errRowTooLong
		}
		if err := texts.write(text); err != nil {
			return err
		}
		return ends.write(binary.LittleEndian.AppendUint64(nil, uint64(texts.size)))
	}); err != nil {
		return nil, err
	}
	s := &sharedStrings{}
	if s.texts, err = texts.mapping(); err == nil {
		s.ends, err = ends.mapping()
	}
	if err != nil {
		return nil, errors.Join(err, s.close())
	}
	return s, nil
}

// eachString reads the items of the part; text is good until fn returns.
func eachString(in io.Reader, fn func(text []byte) error) error {
	x := newXMLReader(in)
	var text []byte
	item, value, phonetic := 0, 0, 0 // depths, 0 for nothing
	for {
		token, err := x.next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		switch {
		case token == textRun && item > 0 && value > 0 && phonetic == 0:
			text, err = x.text(text, maxRowBytes)
		case token == textRun:
			err = x.drop()
		case token == startTag && string(x.name) == "si":
			item, text = x.depth, text[:0]
		case token == startTag && string(x.name) == "t":
			value = x.depth
		case token == startTag && string(x.name) == "rPh":
			phonetic = x.depth
		case token == endTag:
			if item > 0 && x.depth < item {
				err = fn([]byte(unescapeControls(string(text))))
			}
			item, value, phonetic = still(item, x.depth), still(value, x.depth), still(phonetic, x.depth)
		}
		if err != nil {
			return err
		}
	}
}

// appendTo appends the text that a cell's value is the number of.
func (s *sharedStrings) appendTo(dst, number []byte) ([]byte, error) {
	if s == nil {
		return dst, errXML
	}
	// number is at the end of dst's own array: read it before anything is appended.
	n, err := strconv.ParseUint(string(number), 10, 63)
	if err != nil || n >= uint64(len(s.ends)/8) {
		return dst, errXML
	}
	start, end := uint64(0), binary.LittleEndian.Uint64(s.ends[n*8:])
	if n > 0 {
		start = binary.LittleEndian.Uint64(s.ends[(n-1)*8:])
	}
	return append(dst, s.texts[start:end]...), nil
}

func (s *sharedStrings) close() error {
	if s == nil {
		return nil
	}
	var err error
	for _, b := range [][]byte{s.texts, s.ends} {
		if b != nil {
			err = errors.Join(err, unix.Munmap(b))
		}
	}
	s.texts, s.ends = nil, nil
	return err
}

// mappedFile is a file without a name, written once and then mapped.
type mappedFile struct {
	f    *os.File
	out  *bufio.Writer
	size int64
}

func newMapped(dir string) (*mappedFile, error) {
	f, err := os.CreateTemp(dir, "strings-*")
	if err != nil {
		return nil, fmt.Errorf("unpack the workbook: %w", err)
	}
	if err := os.Remove(f.Name()); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return &mappedFile{f: f, out: bufio.NewWriterSize(f, 64<<10)}, nil
}

func (m *mappedFile) write(b []byte) error {
	m.size += int64(len(b))
	_, err := m.out.Write(b)
	return err
}

// mapping is the whole file, nil for an empty one.
func (m *mappedFile) mapping() ([]byte, error) {
	if err := m.out.Flush(); err != nil {
		return nil, fmt.Errorf("unpack the workbook: %w", err)
	}
	if m.size == 0 {
		return nil, nil
	}
	b, err := unix.Mmap(int(m.f.Fd()), 0, int(m.size), unix.PROT_READ, unix.MAP_SHARED)
	if err != nil {
		return nil, fmt.Errorf("unpack the workbook: %w", err)
	}
	return b, nil
}

func (m *mappedFile) close() { _ = m.f.Close() } // the mapping stays

// openStyles reads what cells look like.
func (w *workbook) openStyles(part string) error {
	var styles struct {
		Formats []struct {
			ID   int    `xml:"numFmtId,attr"`
			Code string `xml:"formatCode,attr"`
		} `xml:"numFmts>numFmt"`
		Cells []struct {
			Format int `xml:"numFmtId,attr"`
		} `xml:"cellXfs>xf"`
	}
	if err := w.small(part, &styles); err != nil {
		return err
	}
	codes := map[int]string{}
	for _, f := range styles.Formats {
		codes[f.ID] = f.Code
	}
	known := map[int]*numberFormat{}
	for _, cell := range styles.Cells {
		if _, ok := known[cell.Format]; !ok {
			known[cell.Format] = newNumberFormat(cell.Format, codes[cell.Format])
		}
		w.formats = append(w.formats, known[cell.Format])
	}
	return nil
}
