package store

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Where bbolt keeps what is read here: two pages at the start, each with a page
// header of 16 bytes and then magic, version, page size, flags (u32), root page,
// its sequence, free list, end of use in pages, transaction, checksum (u64).
const (
	headOffset  = 16
	headSize    = 64
	boltMagic   = 0xED0CDAED
	boltVersion = 2
)

// head is one of the two: the newer one that is whole is the file's state.
type head struct {
	ok    bool
	pages uint64 // end of what is used
	tx    uint64
}

type heads [2]head

func readHeads(r io.ReaderAt) (h heads, err error) {
	for i := range h {
		b := make([]byte, headSize)
		if _, err := r.ReadAt(b, int64(i)*pageSize+headOffset); err != nil && !errors.Is(err, io.EOF) {
			return h, err
		}
		h[i] = parseHead(b)
	}
	return h, nil
}

func parseHead(b []byte) head {
	sum := fnv.New64a()
	sum.Write(b[:56])
	n := binary.NativeEndian
	return head{
		ok: n.Uint32(b) == boltMagic && n.Uint32(b[4:]) == boltVersion && n.Uint32(b[8:]) == pageSize &&
			n.Uint64(b[56:]) == sum.Sum64() && n.Uint64(b[16:]) < n.Uint64(b[40:]),
		pages: n.Uint64(b[40:]), tx: n.Uint64(b[48:]),
	}
}

// newest is the head bbolt goes by; not ok when both are damaged.
func (h heads) newest() head {
	if h[0].ok && (!h[1].ok || h[0].tx > h[1].tx) {
		return h[0]
	}
	return h[1]
}

// vet refuses a file that bbolt would take for a new one (0 bytes), be killed by
// (cut: mapped memory without a file behind it) or open one commit too old.
func vet(f *os.File) (notes []string, err error) {
	path := f.Name()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if info.Size() == 0 {
		return nil, damaged(path, "it is empty (0 bytes)")
	}
	h, err := readHeads(f)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	now := h.newest()
	if !now.ok {
		return nil, damaged(path, "it is not a store of pabal, or both its heads are lost")
	}
	if need := int64(now.pages) * pageSize; now.pages > 1<<50 || info.Size() < need {
		return nil, damaged(path, "it is cut short, %d of at least %d bytes", info.Size(), need)
	}
	if h[0].ok && h[1].ok {
		return nil, nil
	}
	return lostHead(path, h)
}

// lostHead is about a file with one damaged head. It is written in one sector,
// so no crash tears it. If it was the newer one, bbolt would go on without the
// last commit and not say a word.
func lostHead(path string, h heads) (notes []string, err error) {
	good, bad := h[0], h[1]
	if !good.ok {
		good, bad = bad, good
	}
	name := filepath.Base(path)
	if bad.tx+1 == good.tx {
		return []string{"the older of the two heads of " + name + " is damaged: nothing is lost, but look after the disk"}, nil
	}
	if _, marked := readMark(path); marked {
		hint := restoreHint + "; or, to go on without the last commit, delete " + markPath(path)
		return nil, problem(ErrDamaged, hint, "%s is damaged: one of its two heads is lost, and with it perhaps what was acknowledged last", path)
	}
	return []string{"one of the two heads of " + name + " is damaged: what was acknowledged last may be missing"}, nil
}

// holder names the process that has a file locked, as far as the kernel tells.
func holder(f *os.File) string {
	var st unix.Stat_t
	locks, err := os.ReadFile("/proc/locks")
	if err != nil || unix.Fstat(int(f.Fd()), &st) != nil {
		return "another process"
	}
	suffix := ":" + strconv.FormatUint(st.Ino, 10)
	for line := range strings.Lines(string(locks)) {
		// 1: FLOCK  ADVISORY  WRITE 4711 fe:00:262147 0 EOF
		if f := strings.Fields(line); len(f) > 5 && f[1] == "FLOCK" && strings.HasSuffix(f[5], suffix) && f[4] != "0" {
			return "process " + f[4]
		}
	}
	return "another process"
}
