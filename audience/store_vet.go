package audience

import (
	"encoding/binary"
	"fmt"
	"hash/fnv"
	"io"
	"os"
	"strconv"
	"strings"
)

// Where bbolt keeps what vet looks at: two meta pages at the start, each with a
// page header of 16 bytes, then magic, version, page size, flags, root, free
// list, high-water mark, transaction and checksum.
const (
	pageSize   = 4096
	metaOffset = 16
	metaSize   = 64
	boltMagic  = 0xED0CDAED
)

// vet refuses a file that bbolt would take for a new store (0 bytes), panic on
// or be killed by (cut short): bbolt maps the file and cannot report that.
func vet(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if info.Size() == 0 {
		return fmt.Errorf("%s is empty (0 bytes): restore a backup", path)
	}
	var pages uint64
	for n := range int64(2) {
		b := make([]byte, metaSize)
		if _, err := f.ReadAt(b, n*pageSize+metaOffset); err != nil && err != io.EOF {
			return err
		}
		if metaOK(b) {
			pages = max(pages, binary.NativeEndian.Uint64(b[40:]))
		}
	}
	switch {
	case pages == 0:
		return fmt.Errorf("%s is not a pabal store, or its head is damaged: restore a backup", path)
	case info.Size() < int64(pages)*pageSize:
		return fmt.Errorf("%s is cut short (%d of at least %d bytes): restore a backup", path, info.Size(), int64(pages)*pageSize)
	}
	return nil
}

func metaOK(b []byte) bool {
	sum := fnv.New64a()
	sum.Write(b[:56])
	return binary.NativeEndian.Uint32(b) == boltMagic && binary.NativeEndian.Uint32(b[8:]) == pageSize &&
		binary.NativeEndian.Uint64(b[56:]) == sum.Sum64()
}

// holder names the process that has a file locked, as far as the kernel tells.
func holder(path string) string {
	locks, err := os.ReadFile("/proc/locks")
	ino, err2 := inode(path)
	if err != nil || err2 != nil {
		return "another process"
	}
	suffix := ":" + strconv.FormatUint(ino, 10)
	for line := range strings.Lines(string(locks)) {
		// 1: FLOCK  ADVISORY  WRITE 4711 fe:00:262147 0 EOF
		if f := strings.Fields(line); len(f) > 5 && f[1] == "FLOCK" && strings.HasSuffix(f[5], suffix) {
			return "process " + f[4]
		}
	}
	return "another process"
}
