package audience

import (
	"cmp"
	"math/bits"
	"slices"
	"sync"
)

// maxPending is how many entries are kept in memory, in 11 MB, before they are
// written to the e-mail index.
const maxPending = 1 << 19

// entry is one line of the e-mail index.
type entry struct{ short, id uint64 }

func sortEntries(list []entry) {
	slices.SortFunc(list, func(a, b entry) int {
		return cmp.Or(cmp.Compare(a.short, b.short), cmp.Compare(a.id, b.id))
	})
}

// pending holds what is not in the e-mail index yet: short hash -> id. It is a
// table of slots in the order of the hashes, which are as good as random: an
// entry is in its slot or a little after it, so that the table is nearly sorted
// as it stands. (A Go map was a tenth of a load's time, and had to be copied
// and sorted.)
type pending struct {
	mu     sync.RWMutex
	slots  []entry // short and id 0: free; id 0: taken out
	used   int     // slots that are not free
	live   int     // entries
	grown  int     // how often the slots changed
	rounds int     // how often it became empty
}

// spare are slots past the end, for what has no room before it.
const spare = 512

// at is the slot of a hash or, where it is not in the table, a free one; -1 if
// there is neither.
func (p *pending) at(short uint64) int {
	if len(p.slots) == 0 {
		return -1
	}
	home, _ := bits.Mul64(short, uint64(len(p.slots)-spare))
	for i := int(home); i < len(p.slots); i++ {
		if e := p.slots[i]; e.short == short || e == (entry{}) {
			return i
		}
	}
	return -1
}

// add reports false where the hash is taken, or there is no room for it. id is not 0.
func (p *pending) add(short, id uint64) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if short == 0 { // looks like a free slot
		return false
	}
	if p.used >= (len(p.slots)-spare)*4/5 {
		p.grow()
	}
	return p.put(entry{short, id})
}

func (p *pending) put(e entry) bool {
	i := p.at(e.short)
	if i < 0 || p.slots[i].id != 0 {
		return false
	}
	if p.slots[i].short == 0 {
		p.used++
	}
	p.slots[i] = e
	p.live++
	return true
}

// grow makes room for twice the entries there are, but for no more than are
// kept before they are written.
func (p *pending) grow() {
	old := p.slots
	p.grown++
	p.slots, p.used, p.live = make([]entry, max(1024, min(p.live*5/2, maxPending*4/3), p.live*3/2)+spare), 0, 0
	for _, e := range old {
		if e.id != 0 {
			p.put(e)
		}
	}
}

// get is an id, 0 if there is none.
func (p *pending) get(short uint64) uint64 {
	p.mu.RLock()
	defer p.mu.RUnlock()
	if i := p.at(short); i >= 0 && p.slots[i].short == short {
		return p.slots[i].id
	}
	return 0
}

// remove takes entries out that are there as they are given.
func (p *pending) remove(list []entry) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, e := range list {
		if i := p.at(e.short); i >= 0 && p.slots[i] == e && e.id != 0 {
			p.slots[i].id = 0
			p.live--
		}
	}
	if p.live == 0 {
		p.slots, p.used, p.rounds = nil, 0, p.rounds+1
	}
}

func (p *pending) size() int {
	p.mu.RLock()
	defer p.mu.RUnlock()
	return p.live
}

// each calls fn with every entry.
func (p *pending) each(fn func(entry)) {
	p.mu.RLock()
	defer p.mu.RUnlock()
	for _, e := range p.slots {
		if e.id != 0 {
			fn(e)
		}
	}
}

// walk is where a flush of pending stands.
type walk struct {
	from  int
	grown int // of the table that from is of: another one is begun anew
	round int // rounds when it began
}

func (p *pending) walk() walk {
	p.mu.RLock()
	defer p.mu.RUnlock()
	return walk{grown: p.grown, round: p.rounds}
}

// next are up to limit entries, sorted and but for a few of them after those
// before. None are left when all that were there when the walk began are given
// and taken out; what was added since is given or not.
func (p *pending) next(w *walk, limit int) (batch []entry) {
	p.mu.RLock()
	defer p.mu.RUnlock()
	if w.round != p.rounds {
		return nil
	}
	if w.grown != p.grown {
		w.from, w.grown = 0, p.grown
	}
	for ; w.from < len(p.slots) && len(batch) < limit; w.from++ {
		if e := p.slots[w.from]; e.id != 0 {
			batch = append(batch, e)
		}
	}
	sortEntries(batch)
	return batch
}
