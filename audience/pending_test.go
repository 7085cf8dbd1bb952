package audience

import (
	"math/rand/v2"
	"testing"
)

// TestPendingIsASet holds the table against a map through adding, taking out
// and flushing.
func TestPendingIsASet(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	var p pending
	want := map[uint64]uint64{}
	hash := func() uint64 { return r.Uint64N(5000) * 0xFFFF_FFFF_FFFF / 4 } // some twice
	for n := range uint64(50_000) {
		short := hash()
		switch r.IntN(5) {
		case 0, 1, 2:
			_, taken := want[short]
			if p.add(short, n+1) == (taken || short == 0) {
				t.Fatalf("add %d: taken %v", short, taken)
			}
			if !taken && short != 0 {
				want[short] = n + 1
			}
		case 3:
			p.remove([]entry{{short, want[short]}, {hash(), 1 << 60}}) // the second is not there as it is given
			delete(want, short)
		default:
			if got := p.get(short); got != want[short] {
				t.Fatalf("get %d: got %d, want %d", short, got, want[short])
			}
		}
		if p.size() != len(want) {
			t.Fatalf("got %d entries, want %d", p.size(), len(want))
		}
	}
}

// TestAFlushGivesWhatWasPending: also what the table was moved for meanwhile,
// and not for ever while others add.
func TestAFlushGivesWhatWasPending(t *testing.T) {
	var p pending
	r := rand.New(rand.NewPCG(1, 2))
	before := map[uint64]bool{}
	for id := range uint64(3000) {
		short := r.Uint64()
		before[short] = p.add(short, id+1)
	}
	given, unsorted, last := 0, 0, uint64(0)
	for at := p.walk(); ; {
		batch := p.next(&at, 500)
		if len(batch) == 0 {
			break
		}
		for _, e := range batch {
			if before[e.short] {
				delete(before, e.short)
			}
			if e.short < last {
				unsorted++
			}
			last = e.short
			given++
		}
		p.remove(batch)
		for range 400 {
			p.add(r.Uint64(), 1)
		}
		if given > 100_000 {
			t.Fatal("it does not end")
		}
	}
	if len(before) > 0 {
		t.Errorf("%d of those before were not given", len(before))
	}
	if unsorted > given/10 {
		t.Errorf("%d of %d are before their neighbours", unsorted, given)
	}
}

func TestSeenNeverDeniesWhomItKnows(t *testing.T) {
	f := &seen{bits: make([]uint64, 1<<seenBits/64)}
	r := rand.New(rand.NewPCG(3, 4))
	known := make([]uint64, 100_000)
	for i := range known {
		known[i] = r.Uint64()
		f.add(known[i])
	}
	for _, short := range known {
		if f.none(short) {
			t.Fatalf("%x is known", short)
		}
	}
	strangers := 0
	for range 100_000 {
		if !f.none(r.Uint64()) {
			strangers++
		}
	}
	if strangers > 100 {
		t.Errorf("%d of 100,000 strangers are taken for known", strangers)
	}
}
