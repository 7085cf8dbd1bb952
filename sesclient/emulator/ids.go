package emulator

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"time"
)

// idMaker makes message ids as SES's look:
// 0100019a3b2c7d9a-1f2e3d4c-5b6a-7988-a0b1-c2d3e4f50617-000000, of which the
// first part is 0100 and the milliseconds since 1970. They rise strictly,
// unless random is set.
type idMaker struct {
	random bool
	millis int64
	seq    uint32
}

func (m *idMaker) next(now time.Time) string {
	if m.random {
		return formatID(rand.Uint64(), rand.Uint32())
	}
	if ms := now.UnixMilli(); ms > m.millis {
		m.millis, m.seq = ms, rand.Uint32()>>1
	} else {
		m.seq++ // 2^31 more fit into the millisecond
	}
	return formatID(0x0100<<48|uint64(m.millis)&(1<<48-1), m.seq)
}

func formatID(first uint64, second uint32) string {
	tail := rand.Uint64()
	return fmt.Sprintf("%016x-%08x-%04x-%04x-%04x-%012x-000000", first, second,
		tail>>48, tail>>32&0xffff, tail>>16&0xffff, rand.Uint64()>>16)
}

// validID reports whether s can be one of our ids: it becomes a file name.
func validID(s string) bool {
	return len(s) == len("0100019a3b2c7d9a-1f2e3d4c-5b6a-7988-a0b1-c2d3e4f50617-000000") &&
		strings.Trim(s, "0123456789abcdef-") == ""
}
