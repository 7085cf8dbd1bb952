package backup

import (
	"archive/tar"
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"reflect"
	"slices"

	"github.com/klauspost/compress/zstd"

	"pabal/eml"
)

// ReadHead reads what an archive says of itself. name is for messages. Errors
// are *eml.Problem around ErrForeign, ErrDamaged or ErrNewer.
func ReadHead(r io.Reader, name string) (h Head, err error) {
	var b [8]byte
	if _, err := io.ReadFull(r, b[:]); err != nil {
		if err == io.EOF || err == io.ErrUnexpectedEOF {
			return h, foreign(name)
		}
		return h, fmt.Errorf("read %s: %w", name, err)
	}
	size := binary.LittleEndian.Uint32(b[4:])
	if binary.LittleEndian.Uint32(b[:]) != skippable || size > maxHead {
		return h, foreign(name)
	}
	text := make([]byte, size)
	if _, err := io.ReadFull(r, text); err != nil {
		return h, damaged(name, "it is cut short")
	}
	if json.Unmarshal(text, &h) != nil || h.Format < 1 {
		return h, foreign(name)
	}
	if h.Format > Format {
		return h, &eml.Problem{What: fmt.Sprintf("%s was written by a newer pabal (%s)", eml.Visible(name), eml.Visible(eml.Cut(h.Version, 100))),
			Hint: "restore it with that version or a newer one", Err: ErrNewer}
	}
	return h, nil
}

// Extract unpacks an archive into dir, which has to be there and empty, and
// returns its manifest when all of it is proved. What it made by an error is for
// the caller to remove. progress is called with the bytes unpacked so far; it may
// be nil. name is for messages. Errors are those of ReadHead, ctx's and the file
// system's.
func Extract(ctx context.Context, r io.Reader, name, dir string, progress func(done, total int64)) (m Manifest, err error) {
	in := bufio.NewReaderSize(r, 1<<20)
	head, err := ReadHead(in, name)
	if err != nil {
		return m, err
	}
	source := &watched{r: in}
	unpacker, err := zstd.NewReader(source, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(maxWindow))
	if err != nil {
		return m, err
	}
	defer unpacker.Close()
	if progress == nil {
		progress = func(int64, int64) {}
	}
	x := &extraction{ctx: ctx, in: tar.NewReader(unpacker), dir: dir, progress: func(done int64) { progress(done, head.Bytes) }}
	m, err = x.all()
	if err == nil {
		err = x.ends(unpacker)
	}
	if err == nil && !reflect.DeepEqual(m.Head, head) {
		err = errors.New("its head says something else than its manifest")
	}
	switch {
	case err == nil:
		return m, syncFolders(dir)
	case ctx.Err() != nil:
		return m, ctx.Err()
	case source.err != nil: // of the disk or network it comes from
		return m, fmt.Errorf("read %s: %w", name, source.err)
	case x.failed != nil: // of the disk it goes to
		return m, fmt.Errorf("unpack %s: %w", name, x.failed)
	}
	return m, damaged(name, "%v", err)
}

// watched keeps an error of its reader other than the end.
type watched struct {
	r   io.Reader
	err error
}

func (w *watched) Read(b []byte) (int, error) {
	n, err := w.r.Read(b)
	if err != nil && err != io.EOF {
		w.err = err
	}
	return n, err
}

type extraction struct {
	ctx      context.Context
	in       *tar.Reader
	dir      string
	progress func(done int64)
	done     int64
	files    []File // as they came
	failed   error  // of writing
}

// all unpacks every file and compares them with the manifest.
func (x *extraction) all() (m Manifest, err error) {
	for {
		h, err := x.in.Next()
		if err != nil {
			return m, fmt.Errorf("it is cut short or torn (%w)", err)
		}
		if h.Name == ManifestName {
			break
		}
		if err := x.one(h); err != nil {
			return m, err
		}
	}
	text, err := io.ReadAll(io.LimitReader(x.in, maxManifest+1))
	if err != nil {
		return m, err
	}
	if err := json.Unmarshal(text, &m); err != nil {
		return m, fmt.Errorf("its manifest cannot be read: %w", err)
	}
	return m, m.compare(x.files)
}

// compare proves that what came is what the manifest lists.
func (m *Manifest) compare(came []File) error {
	if len(came) != len(m.Files) {
		return fmt.Errorf("it has %d files, its manifest lists %d", len(came), len(m.Files))
	}
	for i, want := range m.Files {
		if got := came[i]; got.Name != want.Name || got.Bytes != want.Bytes || got.SHA256 != want.SHA256 {
			return fmt.Errorf("%s is not what was packed", eml.Visible(want.Name))
		}
	}
	for i, name := range stores() {
		if i >= len(came) || came[i].Name != name {
			return fmt.Errorf("%s is missing", name)
		}
	}
	return nil
}

// one unpacks a file.
func (x *extraction) one(h *tar.Header) error {
	known := slices.ContainsFunc(x.files, func(f File) bool { return f.Name == h.Name })
	if h.Typeflag != tar.TypeReg || !nameAllowed.MatchString(h.Name) || known || len(x.files) == maxFiles {
		return fmt.Errorf("it holds %s, which has no place in a backup", eml.Visible(eml.Cut(h.Name, 200)))
	}
	to := filepath.Join(x.dir, filepath.FromSlash(h.Name))
	if path.Dir(h.Name) != "." {
		if err := os.MkdirAll(filepath.Dir(to), 0o700); err != nil {
			x.failed = err
			return err
		}
	}
	f, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		x.failed = err
		return err
	}
	sum := sha256.New()
	n, err := io.Copy(io.MultiWriter(counting{x, f}, sum), x.in)
	if synced := errors.Join(f.Sync(), f.Close()); synced != nil && err == nil {
		x.failed, err = synced, synced
	}
	x.files = append(x.files, File{Name: h.Name, Bytes: n, SHA256: hex.EncodeToString(sum.Sum(nil))})
	return err
}

// counting writes to a file, tells of it, and keeps what went wrong.
type counting struct {
	x *extraction
	w io.Writer
}

func (c counting) Write(b []byte) (int, error) {
	if err := c.x.ctx.Err(); err != nil {
		return 0, err
	}
	n, err := c.w.Write(b)
	if err != nil {
		c.x.failed = err
	}
	c.x.done += int64(n)
	c.x.progress(c.x.done)
	return n, err
}

// ends proves that nothing stands behind the manifest, and has the decompressor
// read its checksum.
func (x *extraction) ends(unpacker io.Reader) error {
	if _, err := x.in.Next(); err != io.EOF {
		return errors.New("something stands behind its manifest")
	}
	switch n, err := io.Copy(io.Discard, io.LimitReader(unpacker, 1)); {
	case err != nil:
		return fmt.Errorf("its end is torn: %w", err)
	case n > 0:
		return errors.New("something stands behind its end")
	}
	return nil
}

func syncFolders(dir string) error {
	return filepath.WalkDir(dir, func(name string, d os.DirEntry, err error) error {
		if err != nil || !d.IsDir() {
			return err
		}
		f, err := os.Open(name)
		if err != nil {
			return err
		}
		return errors.Join(f.Sync(), f.Close())
	})
}
