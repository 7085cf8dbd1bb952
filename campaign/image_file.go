package campaign

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	bolt "go.etcd.io/bbolt"

	"pabal/eml"
)

// ImageFile is an image by its name for recipients, as /i/ has it: hash and
// extension. Its content is read from the store piece by piece: a page that
// anybody may ask for a thousand times at once costs no memory of the image's
// size. ErrNotFound for anything else, attachments too.
func (s *Store) ImageFile(name string) (contentType string, content io.ReadSeeker, err error) {
	hash, ext, _ := strings.Cut(name, ".")
	k := fileKey(hash)
	missing := fmt.Errorf("image %s: %w", eml.Visible(name), ErrNotFound)
	if k == nil || hash != strings.ToLower(hash) {
		return "", nil, missing
	}
	err = s.db.View(func(tx *bolt.Tx) error {
		raw, err := sealedFile(tx, k)
		if err != nil {
			return missing
		}
		data, err := unsealed(raw)
		if err != nil {
			return fmt.Errorf("image %s: %w", eml.Visible(name), err)
		}
		if contentType = http.DetectContentType(data); imageExt(contentType) != "."+ext {
			return missing
		}
		content = &storedFile{store: s, key: k, size: int64(len(data))}
		return nil
	})
	return contentType, content, err
}

// sealedFile is what is stored of a file, good within the transaction only.
func sealedFile(tx *bolt.Tx, k []byte) ([]byte, error) {
	b := tx.Bucket(bucketFiles).Bucket(k)
	if b == nil {
		return nil, ErrNotFound
	}
	return b.Get([]byte("data")), nil
}

// storedFile reads a file whose checksum was seen to fit. Each Read is a
// transaction of its own, which lasts no longer than the copy. It is not for
// use by two at the same time.
type storedFile struct {
	store *Store
	key   []byte
	at    int64
	size  int64
}

// Read implements io.Reader.
func (f *storedFile) Read(p []byte) (n int, err error) {
	if f.at >= f.size {
		return 0, io.EOF
	}
	err = f.store.db.View(func(tx *bolt.Tx) error {
		raw, err := sealedFile(tx, f.key)
		if err != nil {
			return err
		}
		if int64(len(raw)) != f.size+sealSize {
			return errSeal
		}
		n = copy(p, raw[f.at:f.size])
		return nil
	})
	f.at += int64(n)
	return n, err
}

// Seek implements io.Seeker.
func (f *storedFile) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekCurrent:
		offset += f.at
	case io.SeekEnd:
		offset += f.size
	}
	if offset < 0 {
		return f.at, errors.New("seek before the beginning of a file")
	}
	f.at = offset
	return offset, nil
}
