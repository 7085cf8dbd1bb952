package sesclient

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pabal/spool"
)

// knowing is a pace that has heard of an account.
func knowing(o Options, f facts) *Pace {
	p := newPace(o)
	p.setFacts(f, p.factsMark(), time.Now())
	return p
}

func account24(rate float64) facts { return facts{rate: rate, max24: -1, enabled: true} }

// drain makes calls in a lane until ctx ends, most of them at once, each
// taking callTime, and notes the instants the gate let them pass.
func drain(ctx context.Context, t *testing.T, p *Pace, lane spool.Lane, most int, callTime time.Duration) func() []time.Time {
	t.Helper()
	var mu sync.Mutex
	var instants []time.Time
	var calls sync.WaitGroup
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			n, err := p.Take(ctx, lane, most)
			if err != nil {
				return
			}
			for range n {
				calls.Go(func() {
					if _, err := p.Wait(context.WithoutCancel(ctx)); err != nil {
						t.Errorf("gate: %v", err)
					}
					mu.Lock()
					instants = append(instants, time.Now())
					mu.Unlock()
					time.Sleep(callTime) // the call, on the test's clock
					p.Report(lane, nil)
				})
			}
		}
	}()
	return func() []time.Time {
		<-done
		calls.Wait()
		return instants
	}
}

// busiest is the largest number of instants in any window [t, t+1s).
func busiest(instants []time.Time) int {
	slices.SortFunc(instants, time.Time.Compare)
	most, from := 0, 0
	for i, at := range instants {
		for at.Sub(instants[from]) >= time.Second {
			from++
		}
		most = max(most, i-from+1)
	}
	return most
}

func TestPaceKeepsItsAimAndNeverExceedsTheRate(t *testing.T) {
	for _, rate := range []float64{0.5, 1, 2, 5, 10, 14, 50, 200, 1000} {
		for _, most := range []int{1, 16} {
			t.Run(fmt.Sprintf("%g a second, %d at once", rate, most), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					const span = 60 * time.Second
					p := knowing(Options{}, account24(rate))
					ctx, cancel := context.WithTimeout(t.Context(), span)
					defer cancel()
					instants := drain(ctx, t, p, spool.Bulk, most, 50*time.Millisecond)()
					aim := 0.9 * rate
					if got, want := float64(len(instants)), 0.95*aim*span.Seconds(); got < want-1 {
						t.Errorf("%g calls in %s, want at least %g", got, span, want)
					}
					if got, limit := busiest(instants), max(1, int(rate)); got > limit {
						t.Errorf("%d calls in one second, limit %d", got, limit)
					}
				})
			})
		}
	}
}

// A dispatcher that comes 90 ms late now and then (a slow commit, a busy
// machine) loses nothing, at any rate.
func TestPaceMakesUpForAStallingDispatcher(t *testing.T) {
	const span = 60 * time.Second
	for _, rate := range []float64{1, 5, 14, 200} {
		t.Run(fmt.Sprintf("%g a second", rate), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := knowing(Options{}, account24(rate))
				ctx, cancel := context.WithTimeout(t.Context(), span)
				defer cancel()
				var instants []time.Time
				slot := time.Duration(float64(time.Second) / (0.9 * rate))
				for i := 0; ; i++ {
					n, err := p.Take(ctx, spool.Bulk, 32)
					if err != nil {
						break
					}
					for range n {
						if _, err := p.Wait(t.Context()); err != nil {
							t.Fatal(err)
						}
						instants = append(instants, time.Now())
						p.Report(spool.Bulk, nil)
					}
					if i%2 == 0 {
						time.Sleep(slot + 90*time.Millisecond)
					}
				}
				if got, want := float64(len(instants)), 0.98*0.9*rate*span.Seconds()-1; got < want {
					t.Errorf("%g calls, want at least %g", got, want)
				}
				if got := busiest(instants); got > int(rate) {
					t.Errorf("%d calls in one second, limit %g", got, rate)
				}
			})
		})
	}
}

func TestSandboxTakes222SecondsFor200Mails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := knowing(Options{}, facts{rate: 1, max24: 200, enabled: true, sandbox: true})
		began := time.Now()
		for i := range 200 {
			if _, err := p.Take(t.Context(), spool.Transactional, 1); err != nil {
				t.Fatalf("mail %d: %v", i+1, err)
			}
			p.Report(spool.Transactional, nil)
		}
		if got := time.Since(began).Round(time.Second); got != 222*time.Second {
			t.Errorf("200 mails took %s, want 222s", got)
		}
		_, err := p.Take(t.Context(), spool.Transactional, 1)
		refusal := wantRefusal(t, err, spool.Quota, "lane:transactional")
		if want := "2000-01-02 00:01 UTC"; !strings.Contains(refusal.Text, want) {
			t.Errorf("text %q does not name the hour it goes on, %s", refusal.Text, want)
		}
	})
}

func TestPaceStartsWithoutABurst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPace(Options{})
		began := time.Now()
		if n, err := p.Take(t.Context(), spool.Bulk, 100); n != 1 || err != nil {
			t.Fatalf("before the first facts: %d, %v; want 1", n, err)
		}
		if got := time.Since(began); got < time.Second {
			t.Errorf("the first mail went after %s, before anything was known", got)
		}
		p.setFacts(account24(100), p.factsMark(), time.Now())
		if n, _ := p.Take(t.Context(), spool.Bulk, 100); n != 1 {
			t.Errorf("right after the facts %d went at once, want 1", n)
		}
		time.Sleep(time.Hour)
		if n, _ := p.Take(t.Context(), spool.Bulk, 100); n > 10 {
			t.Errorf("after an idle hour %d went at once, want at most 0.1 s worth", n)
		}
	})
}

func TestRateRefusalHalvesOnceAndRecovers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := knowing(Options{}, account24(100))
		aim := func() float64 { return p.status().Aim }
		refusal := &spool.SendError{Class: spool.Rate}
		for range 20 { // calls in flight are refused together
			p.Report(spool.Bulk, refusal)
		}
		if got := aim(); got != 45 {
			t.Fatalf("aim %g after a refusal, want 45", got)
		}
		time.Sleep(1100 * time.Millisecond)
		p.Report(spool.Bulk, refusal)
		if got := aim(); got != 22.5 {
			t.Fatalf("aim %g after a second one, want 22.5", got)
		}
		for range 10 {
			time.Sleep(2 * time.Second)
			p.Report(spool.Bulk, refusal)
		}
		if got := aim(); got < 8.99 || got > 9.01 {
			t.Fatalf("aim %g after many, want the floor 9", got)
		}
		time.Sleep(time.Minute)
		if got := aim(); got > 9.01 {
			t.Fatalf("aim %g: it recovered without an acceptance", got)
		}
		p.Report(spool.Bulk, refusal)
		began := time.Now()
		for aim() < 90 && time.Since(began) < time.Minute {
			time.Sleep(100 * time.Millisecond)
			p.Report(spool.Bulk, nil)
		}
		if got := time.Since(began); got < 25*time.Second || got > 31*time.Second {
			t.Errorf("recovered in %s, want about 30s", got)
		}
		select {
		case <-p.kick:
		default:
			t.Error("a rate refusal did not ask for new facts")
		}
	})
}

func TestRateRefusalStopsWhatWasSavedUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := knowing(Options{}, account24(100))
		time.Sleep(time.Second)
		p.Report(spool.Bulk, &spool.SendError{Class: spool.Rate})
		began := time.Now()
		if n, err := p.Take(t.Context(), spool.Bulk, 16); n != 1 || err != nil || time.Since(began) < 20*time.Millisecond {
			t.Errorf("right after a refusal %d went after %s, %v", n, time.Since(began), err)
		}
	})
}

func TestUnlimitedAccountSlowsDownWhenRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := knowing(Options{}, account24(-1))
		if n, err := p.Take(t.Context(), spool.Bulk, 64); n != 64 || err != nil {
			t.Fatalf("unlimited: %d, %v", n, err)
		}
		if waited, err := p.Wait(t.Context()); waited != 0 || err != nil {
			t.Fatalf("unlimited gate: %s, %v", waited, err)
		}
		if s := p.status(); s.Aim != -1 || s.Rate != -1 || s.Concurrency != 16 {
			t.Errorf("status %+v", s)
		}
		p.Report(spool.Bulk, &spool.SendError{Class: spool.Rate})
		if n, err := p.Take(t.Context(), spool.Bulk, 64); n >= 64 || err != nil {
			t.Errorf("after a refusal %d went at once, %v", n, err)
		}
	})
}

func TestTakeReturnsWhenItsContextEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := knowing(Options{}, account24(1))
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		defer cancel()
		var all sync.WaitGroup
		for range 3 {
			all.Go(func() {
				if n, err := p.Take(ctx, spool.Bulk, 1); n != 0 || !errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("%d, %v", n, err)
				}
			})
		}
		all.Wait()
		if n, err := p.Take(t.Context(), spool.Bulk, 1); n != 1 || err != nil {
			t.Errorf("the lane is stuck: %d, %v", n, err)
		}
	})
}

func TestReturnedReservationsAreHandedOutAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := knowing(Options{}, facts{rate: 1, max24: 1, enabled: true})
		if _, err := p.Take(t.Context(), spool.Transactional, 1); err != nil {
			t.Fatal(err)
		}
		_, err := p.Take(t.Context(), spool.Transactional, 1)
		wantRefusal(t, err, spool.Quota, "lane:transactional")
		p.Return(spool.Transactional, 1)
		began := time.Now()
		if _, err := p.Take(t.Context(), spool.Transactional, 1); err != nil {
			t.Fatal(err)
		}
		if waited := time.Since(began); waited != 0 {
			t.Errorf("waited %s for a reservation given back", waited)
		}
		p.Report(spool.Transactional, &spool.SkipError{Reason: spool.SkipUnsubscribed})
		if _, err := p.Take(t.Context(), spool.Transactional, 1); err != nil {
			t.Errorf("after a skip: %v", err)
		}
	})
}

func TestFactsTakeEffectAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := knowing(Options{}, account24(0.01))
		went := make(chan time.Time)
		began := time.Now()
		go func() {
			_, _ = p.Take(t.Context(), spool.Bulk, 1)
			went <- time.Now()
		}()
		time.Sleep(time.Second)
		p.setFacts(account24(50), p.factsMark(), time.Now())
		if waited := (<-went).Sub(began); waited > 1100*time.Millisecond {
			t.Errorf("the waiting one went after %s, want soon after the new facts", waited)
		}
	})
}

func TestConcurrencyFollowsCallTime(t *testing.T) {
	p := knowing(Options{}, account24(14))
	if got := p.Concurrency(); got != 4 {
		t.Errorf("14/s with 100 ms: %d, want 4", got)
	}
	for range 200 {
		p.observe(time.Second)
	}
	if got := p.Concurrency(); got < 27 || got > 28 {
		t.Errorf("14/s with 1 s: %d, want 28", got)
	}
	p.setFacts(account24(200), 0, time.Now())
	if got := p.Concurrency(); got != 64 {
		t.Errorf("200/s with 1 s: %d, want 64", got)
	}
	if got := newPace(Options{Concurrency: 7}).Concurrency(); got != 7 {
		t.Errorf("as configured: %d, want 7", got)
	}
}

func TestOddFactsDoNotBreakThePace(t *testing.T) {
	nan := func() float64 { var zero float64; return zero / zero }()
	for _, rate := range []float64{0, -0.5, nan, 1e-3, 99999, 1e300} {
		p := knowing(Options{}, facts{rate: rate, max24: nan})
		if aim := p.status().Aim; !(aim > 0 || aim == -1) {
			t.Errorf("rate %g: aim %g", rate, aim)
		}
		if _, err := p.Wait(t.Context()); err != nil {
			t.Errorf("rate %g: gate: %v", rate, err)
		}
	}
}

func wantRefusal(t *testing.T, err error, class spool.Class, scope spool.Scope) *spool.SendError {
	t.Helper()
	var refusal *spool.SendError
	if !errors.As(err, &refusal) || refusal.Class != class || refusal.Scope != scope {
		t.Fatalf("got %v, want %s for %s", err, class, scope)
	}
	return refusal
}

func BenchmarkGate(b *testing.B) {
	for name, rate := range map[string]float64{"unlimited": -1, "limited": 99999} {
		b.Run(name, func(b *testing.B) {
			p := knowing(Options{}, account24(rate))
			for b.Loop() {
				if rate > 0 {
					p.gate.last[p.gate.next] = 0 // never has to wait
				}
				if _, err := p.Wait(b.Context()); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
