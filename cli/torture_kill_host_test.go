//go:build host

package cli

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"pabal/campaign"
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

// tortureKillAtSchedule kills around the time of a scheduled start, and again
// while the next process makes it good.
func tortureKillAtSchedule(t *testing.T, row *row, runs int) {
	stores(t, row, runs, func(t *testing.T) {
		r := newRig(t, row, emulator.Options{}, "")
		r.start()
		r.warmUp()
		for range min(killsOfOneStore, (runs-row.runs+1)/2) {
			made, err := r.client().CreateCampaign(t.Context(), campaign.Campaign{Name: "by itself", Template: "hello"})
			if err != nil {
				t.Fatal(err)
			}
			due := scheduleSoon(t, r.client(), made.ID, -1)
			wait := time.Until(due) - killStep + rand.N(4*killStep)
			for range 2 {
				r.killUnderMail(wait)
				r.start()
				wait = rand.N(longestLife)
			}
			startedOnce(t, waitDone(t.Context(), t, r.client(), made.ID))
			r.lookOver()
		}
		r.prove()
		r.stop(r.p)
	})
}

// killUnderMail is killUnderLoad with applications' mail only.
func (r *rig) killUnderMail(life time.Duration) {
	ctx, cancel := context.WithCancel(r.t.Context())
	var all sync.WaitGroup
	all.Go(func() { submitUntil(ctx, r.p.where.SMTP[0], r.books, r.pace) })
	<-time.NewTimer(life).C
	r.p.kill()
	cancel()
	all.Wait()
	r.crashed()
}
