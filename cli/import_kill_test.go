package cli

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"pabal/audience"
	"pabal/sesclient/emulator"
)

const (
	importKillRows     = 60_000
	importKills        = 6
	importKillLongest  = 400 * time.Millisecond // the import of them takes about so long
	importKillPatience = time.Minute
)

// importKillFile is n rows, and what an import of them comes to.
func importKillFile(n int) (text string, created, duplicate, rejected int64) {
	var out strings.Builder
	out.WriteString("이메일,이름,동의\n")
	for i := range n {
		switch {
		case i%100 == 50:
			fmt.Fprintf(&out, "broken %d,x,Y\n", i)
			rejected++
		case i > 10_000 && i%100 == 70:
			fmt.Fprintf(&out, "user%05d@example.net,다시,Y\n", i-10_001)
			if (i-10_001)%100 == 50 || (i-10_001)%100 == 70 && i-10_001 > 10_000 {
				created++
			} else {
				duplicate++
			}
		default:
			fmt.Fprintf(&out, "user%05d@example.net,고객%d,Y\n", i, i)
			created++
		}
	}
	return out.String(), created, duplicate, rejected
}

// TestKillNineDuringImportsLosesAndDoublesNothing kills the daemon at random
// instants of imports, and at some the command too, and then proves that every
// file that was taken over is stored whole, once, with sums and report that are
// right, and that those that were not have changed nothing.
func TestKillNineDuringImportsLosesAndDoublesNothing(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	h := newHost(t, emulator.Options{Rate: 10, Quota: -1})
	text, created, duplicate, rejected := importKillFile(importKillRows)
	path := filepath.Join(h.dir, "people.csv")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	p := h.serve()
	middle := 0
	for range importKills {
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() {
			f, err := os.Open(path)
			if err == nil {
				_, err = h.client().Import(ctx, f, audience.ImportOptions{Name: "people.csv"})
				err = errors.Join(err, f.Close())
			}
			ended <- err
		}()
		timer := time.NewTimer(time.Duration(random.Int64N(int64(importKillLongest))))
		<-timer.C
		if random.IntN(3) == 0 {
			stop() // the command dies first
			timer.Reset(time.Duration(random.Int64N(int64(importKillLongest))))
			<-timer.C
		}
		p.kill()
		if err := <-ended; err != nil {
			middle++
		}
		stop()
		p = h.serve()
	}
	if middle == 0 {
		t.Error("no kill hit an import: the test shows nothing")
	}
	f, err := os.Open(path) // and one that nobody disturbs: by its turn all others are done
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	ctx, cancel := context.WithTimeout(t.Context(), importKillPatience)
	defer cancel()
	last, err := h.client().Import(ctx, f, audience.ImportOptions{Name: "last.csv"})
	if err != nil {
		t.Fatal(err)
	}
	runs, sum := 0, int64(0)
	for im, err := range h.client().Imports(ctx) {
		if err != nil {
			t.Fatal(err)
		}
		runs++
		r := im.Result
		sum += r.Created
		if im.State != audience.ImportDone || r.Accepted != created || r.Created+r.Updated+r.Unchanged != created || r.Duplicate != duplicate || r.Rejected != rejected || r.Rows != importKillRows {
			t.Errorf("import %d: %+v, want %d accepted, %d duplicate, %d rejected", im.ID, im, created, duplicate, rejected)
		}
		var report strings.Builder
		if err := h.client().ImportReport(ctx, im.ID, &report); err != nil || int64(strings.Count(report.String(), "\n")) != rejected+1 {
			t.Errorf("the report of import %d has %d lines, %v", im.ID, strings.Count(report.String(), "\n"), err)
		}
	}
	count, err := h.client().Count(ctx, "", "")
	if err != nil || count.Selected != created || sum != created || last.Created != 0 && runs > 1 {
		t.Errorf("%d people, %d were created, want %d: %v", count.Selected, sum, created, err)
	}
	t.Logf("%d of %d kills hit, %d imports were taken over", middle, importKills, runs)
	left, err := filepath.Glob(filepath.Join(h.dir, "data", "imports", "rows-*"))
	if err != nil || len(left) > 0 {
		t.Errorf("left behind: %q %v", left, err)
	}
	h.stop(p)
	h.pabal("check") // fails the test where a sum or an index does not hold
}
