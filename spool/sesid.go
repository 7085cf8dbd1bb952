package spool

import (
	"encoding/binary"
	"encoding/hex"
	"strconv"
	"time"

	"go.etcd.io/bbolt"
)

// SES message ids look like
// 0100019a3b2c7d9a-1f2e3d4c-5b6a-7988-a0b1-c2d3e4f50617-000000: 60 characters
// of 27 bytes' worth. Packed they are 0x01 and those bytes, which keeps their
// order (they begin with a time); any other id is 0x00 and itself.
const (
	sesIDLength  = 60
	packedLength = 28
	packedForm   = 0x01
	plainForm    = 0x00
)

var sesIDGroups = [...]int{16, 8, 4, 4, 4, 12}

// packSESID packs an id; "" stays "".
func packSESID(id string) string {
	if id == "" {
		return ""
	}
	if p, ok := packHex(id); ok {
		return p
	}
	return string([]byte{plainForm}) + id
}

func packHex(id string) (string, bool) {
	if len(id) != sesIDLength {
		return "", false
	}
	out := make([]byte, 0, packedLength)
	out = append(out, packedForm)
	rest := id
	for _, n := range sesIDGroups {
		part := rest[:n]
		b, err := hex.AppendDecode(out, []byte(part))
		if err != nil || rest[n] != '-' {
			return "", false
		}
		out, rest = b, rest[n+1:]
	}
	n, err := strconv.ParseUint(rest, 10, 24)
	if err != nil {
		return "", false
	}
	out = append(out, byte(n>>16), byte(n>>8), byte(n))
	packed := string(out)
	return packed, unpackSESID(packed) == id // upper-case hex and the like stay plain
}

// unpackSESID is the inverse of packSESID.
func unpackSESID(p string) string {
	if p == "" {
		return ""
	}
	if p[0] != packedForm || len(p) != packedLength {
		return p[1:]
	}
	out := make([]byte, 0, sesIDLength)
	rest := []byte(p[1:])
	for _, n := range sesIDGroups {
		out = append(hex.AppendEncode(out, rest[:n/2]), '-')
		rest = rest[n/2:]
	}
	n := uint64(rest[0])<<16 | uint64(rest[1])<<8 | uint64(rest[2])
	digits := strconv.FormatUint(n, 10)
	for range 6 - len(digits) {
		out = append(out, '0')
	}
	return string(append(out, digits...))
}

// packSESIDs packs several ids into one text, each with its length before it.
func packSESIDs(ids []string) string {
	var out []byte
	for _, id := range ids {
		p := packSESID(id)
		out = append(binary.AppendUvarint(out, uint64(len(p))), p...)
	}
	return string(out)
}

// unpackSESIDs is the inverse of packSESIDs.
func unpackSESIDs(p string) (ids []string, err error) {
	t := tailReader{b: []byte(p)}
	for len(t.b) > 0 && t.err == nil {
		ids = append(ids, unpackSESID(t.text()))
	}
	return ids, t.err
}

// idSpread is how far the time in a SES id may be from now.
const idSpread = 24 * time.Hour

// fillOfIDs is how full pages of the index are left where an id goes in: nearly
// full when ids rise with time, as SES's do. Where they come in no order (other
// servers) a page that full would be split at once.
func fillOfIDs(packed string, now time.Time) float64 {
	if len(packed) != packedLength || packed[0] != packedForm {
		return bbolt.DefaultFillPercent
	}
	ms := binary.BigEndian.Uint64([]byte(packed[1:])) & (1<<48 - 1)
	if d := now.Sub(fromMillis(ms)); d < -idSpread || d > idSpread {
		return bbolt.DefaultFillPercent
	}
	return 0.9
}
