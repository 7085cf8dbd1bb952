package backup

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/klauspost/compress/zstd"
)

// skippable is the first of the frame kinds that decompressors pass over (RFC
// 8878, 3.1.2), little-endian.
const skippable = 0x184D2A50

// Write writes an archive of the parts, in their order, and returns the manifest
// that ends it. Version, Store, Taken, Finished and Counts of m are set. ctx
// stops it; what is written then is no archive.
func Write(ctx context.Context, w io.Writer, m Manifest, parts []Part) (Manifest, error) {
	m.Format, m.Bytes, m.Files = Format, 0, nil
	for _, p := range parts {
		if !nameAllowed.MatchString(p.Name) || slices.ContainsFunc(m.Files, func(f File) bool { return f.Name == p.Name }) {
			return m, fmt.Errorf("put %q into a backup: there is no place for it", p.Name)
		}
		m.Bytes += p.Bytes
		m.Files = append(m.Files, p.File)
	}
	out := stoppable{ctx, w}
	if err := writeHead(out, m.Head); err != nil {
		return m, fmt.Errorf("write backup: %w", err)
	}
	packer, err := zstd.NewWriter(out, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1), zstd.WithEncoderCRC(true))
	if err != nil {
		return m, err
	}
	if err := errors.Join(writeFiles(packer, &m, parts), packer.Close()); err != nil {
		return m, fmt.Errorf("write backup: %w", err)
	}
	return m, nil
}

// stoppable ends writing with its context.
type stoppable struct {
	ctx context.Context
	w   io.Writer
}

func (s stoppable) Write(b []byte) (int, error) {
	if err := s.ctx.Err(); err != nil {
		return 0, err
	}
	return s.w.Write(b)
}

func writeHead(w io.Writer, h Head) error {
	text, err := json.Marshal(h)
	if err != nil {
		return err
	}
	b := binary.LittleEndian.AppendUint32(nil, skippable)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(text)))
	_, err = w.Write(append(b, text...))
	return err
}

// writeFiles writes the tar; it completes the manifest.
func writeFiles(w io.Writer, m *Manifest, parts []Part) error {
	out := tar.NewWriter(w)
	for i, p := range parts {
		sum := sha256.New()
		if err := out.WriteHeader(entry(p.Name, p.Bytes, m.Taken)); err != nil {
			return err
		}
		n, err := p.WriteTo(io.MultiWriter(out, sum))
		if err != nil {
			return fmt.Errorf("%s: %w", p.Name, err)
		}
		if n != p.Bytes {
			return fmt.Errorf("%s: it has %d bytes and was to have %d", p.Name, n, p.Bytes)
		}
		m.Files[i].SHA256 = hex.EncodeToString(sum.Sum(nil))
	}
	text, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return err
	}
	if err := out.WriteHeader(entry(ManifestName, int64(len(text)), m.Taken)); err != nil {
		return err
	}
	if _, err := io.Copy(out, bytes.NewReader(text)); err != nil {
		return err
	}
	return out.Close()
}

func entry(name string, size int64, at time.Time) *tar.Header {
	return &tar.Header{Typeflag: tar.TypeReg, Name: name, Size: size, Mode: 0o600, ModTime: at.Truncate(time.Second), Format: tar.FormatPAX}
}
