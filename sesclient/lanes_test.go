package sesclient

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pabal/spool"
)

func TestLanesShareTheRate(t *testing.T) {
	for _, rate := range []float64{2, 14, 50, 200} {
		t.Run(fmt.Sprintf("%g a second", rate), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := knowing(Options{}, account24(rate))
				ctx, cancel := context.WithTimeout(t.Context(), 100*time.Second)
				defer cancel()
				bulk := drain(ctx, t, p, spool.Bulk, 4, time.Millisecond)
				transactional := drain(ctx, t, p, spool.Transactional, 4, time.Millisecond)
				b, x := float64(len(bulk())), float64(len(transactional()))
				aim := 0.9 * rate * 100
				if b < 0.09*aim || b > 0.12*aim {
					t.Errorf("bulk got %g of %g, want a tenth", b, aim)
				}
				if b+x < 0.95*aim {
					t.Errorf("both got %g of %g", b+x, aim)
				}
			})
		})
	}
}

// A lone transactional mail now and then waits no longer than a slot while a
// campaign runs, and costs the campaign nothing but its own slot.
func TestTransactionalMailGoesFirst(t *testing.T) {
	for _, rate := range []float64{1, 14, 50} {
		t.Run(fmt.Sprintf("%g a second", rate), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := knowing(Options{}, account24(rate))
				ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
				defer cancel()
				bulk := drain(ctx, t, p, spool.Bulk, 16, time.Millisecond)
				slot := time.Duration(float64(time.Second) / (0.9 * rate))
				sent := 0.
				for range 10 {
					time.Sleep(4321 * time.Millisecond)
					began := time.Now()
					if n, err := p.Take(ctx, spool.Transactional, 1); n != 1 || err != nil {
						t.Fatal(n, err)
					}
					if _, err := p.Wait(ctx); err != nil {
						t.Fatal(err)
					}
					if waited := time.Since(began); waited > slot+time.Second/20 {
						t.Errorf("waited %s, a slot is %s", waited, slot)
					}
					p.Report(spool.Transactional, nil)
					sent++
				}
				if got, want := float64(len(bulk()))+sent, 0.95*0.9*rate*60; got < want-1 {
					t.Errorf("%g mails in all, want at least %g", got, want)
				}
			})
		})
	}
}

// While transactional mail keeps coming, bulk leaves its share standing: a
// sudden handful of transactional mail finds it there.
func TestReserveStandsReadyForTransactionalMail(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := knowing(Options{}, account24(200))
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		bulk := drain(ctx, t, p, spool.Bulk, 32, time.Millisecond)
		for range 10 {
			if _, err := p.Take(ctx, spool.Transactional, 1); err != nil {
				t.Fatal(err)
			}
			time.Sleep(700 * time.Millisecond)
		}
		if n, _ := p.Take(ctx, spool.Transactional, 100); n < 10 {
			t.Errorf("a handful found %d ready, want at least 10", n)
		}
		bulk()
	})
}

func TestLaneIsServedInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := knowing(Options{}, account24(10))
		var order []int
		var mu sync.Mutex
		var all sync.WaitGroup
		for i := range 20 {
			all.Go(func() {
				if _, err := p.Take(t.Context(), spool.Bulk, 1); err != nil {
					t.Error(err)
				}
				mu.Lock()
				order = append(order, i)
				mu.Unlock()
			})
			synctest.Wait()
		}
		all.Wait()
		if !slices.IsSorted(order) {
			t.Errorf("served in the order %v", order)
		}
	})
}
