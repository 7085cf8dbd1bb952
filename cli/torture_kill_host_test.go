//go:build host

package cli

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"pabal/sesclient/emulator"
)

const (
	killsOfOneStore = 25                     // then a new one is begun: first starts are hit too
	longestLife     = 300 * time.Millisecond // from the load's begin to the kill
)

// tortureKill kills at random instants. After each kill everything that was
// acknowledged is looked for and the sums proved, while the next load is on its
// way; at the end of a store's life all of it is settled and compared.
func tortureKill(t *testing.T, row *row, runs int) {
	stores(t, row, runs, func(t *testing.T) {
		r := newRig(t, row, emulator.Options{}, "")
		r.start()
		r.warmUp()
		for range min(killsOfOneStore, runs-row.runs) {
			r.killUnderLoad(rand.N(longestLife))
			r.start()
			r.lookOver()
		}
		r.prove()
		r.stop(r.p)
	})
}

// stores tortures one store after the other until the faults are as many as
// asked for. A store that fails its proof is the last.
func stores(t *testing.T, row *row, runs int, one func(t *testing.T)) {
	for n, before := 1, -1; before < row.runs && row.runs < runs && !t.Failed(); n++ {
		before = row.runs // it stays when -run asks for something else
		t.Run(fmt.Sprintf("store %d", n), one)
	}
}

func (r *rig) killUnderLoad(life time.Duration) {
	stop := r.load()
	timer := time.NewTimer(life)
	<-timer.C
	r.p.kill()
	stop()
	r.crashed()
}

// tortureKillAtSES kills when SES has accepted calls and answered none of them:
// the instant at which nobody can know.
func tortureKillAtSES(t *testing.T, row *row, runs int) {
	stores(t, row, runs, func(t *testing.T) {
		r := newRig(t, row, emulator.Options{Rate: rigRate, Quota: -1, Latency: 30 * time.Millisecond}, "")
		r.start()
		r.warmUp()
		for range min(killsOfOneStore, runs-row.runs) {
			stop := r.load()
			if err := r.ses.WaitAccepted(t.Context(), r.ses.Count()+1+rand.IntN(40)); err != nil {
				t.Fatal(err)
			}
			r.p.kill()
			stop()
			r.crashed()
			r.start()
			r.lookOver()
		}
		r.prove()
		r.stop(r.p)
	})
}
