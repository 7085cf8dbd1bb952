package audience

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
	"slices"

	"pabal/eml"
)

// A file of rows is what an import works on: the cells of an uploaded file,
// whatever it was, in UTF-8. Each row is four parts: its line as a uvarint, how
// many cells as a uvarint, the length of each as a uvarint, the cells. The first
// row is the header. Size and CRC-32C of the whole are in the import's record.

// rowFile is what there is to know of a file of rows.
type rowFile struct {
	name  string
	size  int64
	sum   uint32
	count int64 // without the header
}

func castagnoli() *crc32.Table { return crc32.MakeTable(crc32.Castagnoli) }

// keepRows reads a table to its end into a file of rows, which is on disk then.
// What stops a table is found here, before anything is stored.
func (s *Store) keepRows(ctx context.Context, t rowSource, o ImportOptions) (file rowFile, p *plan, err error) {
	f, err := os.CreateTemp(s.importFolder(), "rows-*")
	if err != nil {
		return file, nil, fmt.Errorf("keep the rows of the file: %w", err)
	}
	file.name = filepath.Base(f.Name())
	w := &rowWriter{out: bufio.NewWriterSize(f, 256<<10), table: castagnoli()}
	if p, err = copyRows(ctx, t, o, w); err == nil {
		err = errors.Join(w.out.Flush(), f.Sync())
	}
	if err = errors.Join(err, f.Close()); err == nil {
		err = syncDir(s.importFolder())
	}
	if err != nil {
		return file, nil, errors.Join(err, os.Remove(f.Name()))
	}
	file.size, file.sum, file.count = w.size, w.sum, w.count
	return file, p, nil
}

func copyRows(ctx context.Context, t rowSource, o ImportOptions, w *rowWriter) (*plan, error) {
	header, line, err := t.next()
	if err == io.EOF {
		return nil, noHeader()
	}
	if err != nil {
		return nil, err
	}
	header = slices.Clone(header)
	if err := w.write(header, line); err != nil {
		return nil, err
	}
	w.count = 0
	p, err := newPlan(header, o.Map, o.Skip)
	if err != nil {
		return nil, err
	}
	for {
		cells, line, err := t.next()
		switch {
		case err == io.EOF:
			return p, nil
		case err != nil:
			return nil, err
		case blank(cells):
			continue
		}
		if err := w.write(trim(cells, p.width), line); err != nil {
			return nil, err
		}
		if w.count%4096 == 0 && ctx.Err() != nil {
			return nil, ctx.Err()
		}
	}
}

// trim takes off empty cells past the width: separators at the end of lines.
func trim(cells []string, width int) []string {
	for len(cells) > width && cells[len(cells)-1] == "" {
		cells = cells[:len(cells)-1]
	}
	return cells
}

// rowWriter writes rows and sums them up.
type rowWriter struct {
	out   *bufio.Writer
	table *crc32.Table
	buf   []byte
	size  int64
	sum   uint32
	count int64
}

func (w *rowWriter) write(cells []string, line int) error {
	b := binary.AppendUvarint(binary.AppendUvarint(w.buf[:0], uint64(line)), uint64(len(cells)))
	for _, cell := range cells {
		b = binary.AppendUvarint(b, uint64(len(cell)))
	}
	for _, cell := range cells {
		b = append(b, cell...)
	}
	w.buf = b
	w.size += int64(len(b))
	w.sum = crc32.Update(w.sum, w.table, b)
	w.count++
	if _, err := w.out.Write(b); err != nil {
		return fmt.Errorf("keep the rows of the file: %w", err)
	}
	return nil
}

// rowReader reads a file of rows.
type rowReader struct {
	f     *os.File
	in    *bufio.Reader
	sizes []int
	cells []string
	buf   []byte
	count int64 // rows read so far without the header
}

// errRows is a file of rows that is not as it was written.
var errRows = errors.New("the rows kept of the file are damaged")

// openRows opens the rows of an import and proves that they are as they were
// written.
func (s *Store) openRows(record importRecord) (*rowReader, error) {
	again := "import the file again; what was stored of it is found then"
	if record.State == ImportDiscarded {
		return nil, &eml.Problem{What: "the import was discarded", Hint: again, Err: ErrNotFound}
	}
	f, err := os.Open(s.importFile(record.File))
	if errors.Is(err, os.ErrNotExist) {
		return nil, &eml.Problem{What: "the rows kept of the file are not there any more", Hint: again, Err: err}
	}
	if err != nil {
		return nil, fmt.Errorf("open the rows of the import: %w", err)
	}
	sum := crc32.New(castagnoli())
	if size, err := io.Copy(sum, f); err != nil || size != record.Size || sum.Sum32() != record.Sum {
		return nil, errors.Join(&eml.Problem{What: errRows.Error(), Hint: again, Err: errors.Join(errRows, err)}, f.Close())
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return &rowReader{f: f, in: bufio.NewReaderSize(f, 256<<10), count: -1}, nil
}

func (r *rowReader) close() error { return r.f.Close() }

// next is the next row; its cells are good until the call after it.
func (r *rowReader) next() (cells []string, line int, err error) {
	number, err := binary.ReadUvarint(r.in)
	if err != nil {
		return nil, 0, err // io.EOF: the end
	}
	n, err := binary.ReadUvarint(r.in)
	if err != nil || n > maxRowBytes {
		return nil, 0, errRows
	}
	total, sizes := 0, r.sizes[:0]
	for range n {
		size, err := binary.ReadUvarint(r.in)
		if err != nil || size > maxRowBytes {
			return nil, 0, errRows
		}
		sizes = append(sizes, int(size))
		total += int(size)
	}
	if total > 2*maxRowBytes {
		return nil, 0, errRows
	}
	r.buf = slices.Grow(r.buf[:0], total)[:total]
	if _, err := io.ReadFull(r.in, r.buf); err != nil {
		return nil, 0, errRows
	}
	text := string(r.buf)
	cells = r.cells[:0]
	for _, size := range sizes {
		cells, text = append(cells, text[:size]), text[size:]
	}
	r.cells, r.sizes = cells, sizes
	r.count++
	return cells, int(number), nil
}
