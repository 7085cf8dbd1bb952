package sesclient

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// crowd lets n calls come to the gate at once, in order, and returns the
// instants they passed.
func crowd(t *testing.T, p *Pace, n int) []time.Time {
	t.Helper()
	instants := make([]time.Time, n)
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() {
			began := time.Now()
			waited, err := p.Wait(t.Context())
			instants[i] = time.Now()
			if err != nil || waited != instants[i].Sub(began) {
				t.Errorf("call %d: said it waited %s, it was %s; %v", i, waited, instants[i].Sub(began), err)
			}
		})
		synctest.Wait()
	}
	all.Wait()
	return instants
}

// Whatever piles up between reservation and call (a stalled disk), the gate
// alone keeps the limit, and lets calls pass in the order they came.
func TestGateHoldsBackACrowd(t *testing.T) {
	for rate, last := range map[float64]time.Duration{0.5: 126 * time.Second, 1: 63 * time.Second, 1.9: 63 * time.Second, 14: 4 * time.Second, 50: time.Second} {
		t.Run(fmt.Sprint(rate), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := knowing(Options{}, account24(rate))
				began := time.Now()
				instants := crowd(t, p, 64)
				if !slices.IsSortedFunc(instants, time.Time.Compare) {
					t.Errorf("out of order: %v", instants)
				}
				if got, limit := busiest(instants), max(1, int(rate)); got != limit {
					t.Errorf("%d calls in the busiest second, want %d", got, limit)
				}
				if got := instants[63].Sub(began); got != last {
					t.Errorf("the last of 64 passed after %s, want %s", got, last)
				}
			})
		})
	}
}

func TestGateRemembersOverAChangeOfRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := knowing(Options{}, account24(50))
		instants := crowd(t, p, 10)
		p.setFacts(account24(20), p.factsMark(), time.Now())
		instants = append(instants, crowd(t, p, 15)...)
		if got := busiest(instants); got != 20 {
			t.Errorf("%d calls in the busiest second after the rate fell to 20", got)
		}
		p.setFacts(account24(30), p.factsMark(), time.Now())
		instants = append(instants, crowd(t, p, 40)...)
		if got := busiest(instants); got > 30 {
			t.Errorf("%d calls in the busiest second after the rate rose to 30", got)
		}
	})
}

func TestGateCountsNothingForACallThatLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := knowing(Options{}, account24(1))
		crowd(t, p, 1)
		for range 5 {
			ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
			if waited, err := p.Wait(ctx); waited != 100*time.Millisecond || !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("%s, %v", waited, err)
			}
			cancel()
		}
		if waited, err := p.Wait(t.Context()); waited != 500*time.Millisecond || err != nil {
			t.Errorf("waited %s, %v; want the rest of the second", waited, err)
		}
	})
}
