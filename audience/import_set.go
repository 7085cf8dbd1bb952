package audience

// hashSet holds short hashes: 8 bytes each in a table at most three quarters
// full, a fourth of what a map takes while it grows. It is made as large as the
// file needs. One goroutine uses it.
type hashSet struct {
	slots []uint64 // 0 is free
	used  int
	zero  bool // the hash 0 is in it
}

const minSlots = 1 << 10

// newHashSet has room for n hashes; more make it grow.
func newHashSet(n int64) *hashSet {
	size := minSlots
	for int64(size)*3/4 < n {
		size *= 2
	}
	return &hashSet{slots: make([]uint64, size)}
}

// add reports false for a hash that is there.
func (h *hashSet) add(short uint64) bool {
	if short == 0 {
		was := h.zero
		h.zero = true
		return !was
	}
	at := h.slot(short)
	if h.slots[at] == short {
		return false
	}
	h.slots[at] = short
	if h.used++; h.used > len(h.slots)/4*3 {
		h.grow()
	}
	return true
}

// slot is where a hash is, or the free one where it belongs.
func (h *hashSet) slot(short uint64) int {
	mask := len(h.slots) - 1
	at := int(short) & mask
	for h.slots[at] != 0 && h.slots[at] != short {
		at = (at + 1) & mask
	}
	return at
}

func (h *hashSet) grow() {
	old := h.slots
	h.slots = make([]uint64, 2*len(old))
	for _, short := range old {
		if short != 0 {
			h.slots[h.slot(short)] = short
		}
	}
}
