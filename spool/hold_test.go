package spool

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"go.etcd.io/bbolt"
)

func refusal(c Class, sc Scope) error { return &SendError{Class: c, Scope: sc, Code: "X", Text: "no"} }

// An answer to a probe says nothing about a hold that took the place of the one
// it was sent for.
func TestProbeEndsOnlyTheHoldItWasSentFor(t *testing.T) {
	for name, replace := range map[string]func(b *bench) error{
		"a person took it over": func(b *bench) error {
			return b.Hold(b.t.Context(), Hold{Class: Operator, Reason: "stop it", Manual: true})
		},
		"it was released and another began": func(b *bench) error {
			return errors.Join(b.Release(b.t.Context(), ScopeAll), b.Hold(b.t.Context(), Hold{Class: Credentials, Reason: "expired"}))
		},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, b *bench) {
				answer := make(chan struct{})
				b.sender.fn = func(_ context.Context, _ *Message, n int) error {
					if n == 1 {
						return refusal(Account, ScopeAll)
					}
					<-answer
					return nil
				}
				id := b.put("a@example.com")[0]
				b.run()
				after(slowProbe + time.Second)
				if b.sender.count(id) != 2 {
					t.Fatalf("%d calls, want the probe on its way", b.sender.count(id))
				}
				if err := replace(b); err != nil {
					t.Fatal(err)
				}
				close(answer)
				after(time.Second)
				if h := b.Holds(); len(h) != 1 || h[0].Class == Account {
					t.Errorf("holds %+v, want the one that came later", h)
				}
				if m := b.message(id); m.Outcome != Accepted {
					t.Errorf("the probe: %s, want accepted", m.Outcome)
				}
			})
		})
	}
}

// A probe that comes to nothing at the lease must wake the other lane, which
// saw the probe taken and went to sleep.
func TestProbeThatIsNotLeasedIsHandedOn(t *testing.T) {
	b := newBench(t, t.TempDir())
	b.freeze(1, 1)
	if err := b.Hold(t.Context(), Hold{Class: Outage, Reason: "down"}); err != nil {
		t.Fatal(err)
	}
	b.holds.m[ScopeAll].halfOpen = true
	due, _, err := b.ledgerCandidates(4)
	if err != nil || len(due) != 1 {
		t.Fatalf("candidates %v, %v", due, err)
	}
	due[0].skip = SkipErased
	for range len(b.kicks[Transactional]) {
		<-b.kicks[Transactional]
	}
	if leased, err := b.lease(Bulk, due, 0); err != nil || len(leased) != 0 {
		t.Fatalf("leased %v, %v; want nothing", leased, err)
	}
	if b.holds.m[ScopeAll].probing || len(b.kicks[Transactional]) == 0 {
		t.Error("the probe was not handed on to the transactional lane")
	}
}

func TestSkippedMessageHandsItsProbeOn(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		b.sender.fn = func(_ context.Context, m *Message, _ int) error {
			if m.Lane == Bulk {
				return &SkipError{SkipUnsubscribed}
			}
			return nil
		}
		if err := b.Hold(t.Context(), Hold{Class: Outage, Reason: "down"}); err != nil {
			t.Fatal(err)
		}
		b.freeze(1, 20)
		id := b.put("a@example.com")[0]
		b.run()
		after(6 * time.Second)
		if m := b.message(id); m.Outcome != Accepted || len(b.Holds()) != 0 {
			t.Errorf("mail is %s, holds %v; want accepted, none", m.Outcome, b.Holds())
		}
		if l := b.state(1); l.State != Done {
			t.Errorf("campaign is %s, want done", l.State)
		}
	})
}

func TestHoldsEndOnDiskAsInMemory(t *testing.T) {
	b := newBench(t, t.TempDir())
	for range 20 {
		var wg sync.WaitGroup
		for i := range 16 {
			wg.Go(func() {
				if i%2 == 0 {
					if err := b.Hold(t.Context(), Hold{Class: Operator, Reason: "x", Manual: true}); err != nil {
						t.Error(err)
					}
				} else if err := b.Release(t.Context(), ScopeAll); err != nil && !errors.Is(err, ErrNotFound) {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		err := b.ledger.View(func(tx *bbolt.Tx) error {
			if onDisk := tx.Bucket(bHolds).Get([]byte(ScopeAll)) != nil; onDisk != (len(b.Holds()) == 1) {
				t.Fatalf("held on disk: %v, in memory: %v", onDisk, b.Holds())
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

func TestLaterAnswerNamesTheHold(t *testing.T) {
	dir := t.TempDir()
	s, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	var since time.Time
	for i, c := range []struct {
		put    Hold
		want   Class
		manual bool
	}{
		{Hold{Class: Outage}, Outage, false},
		{Hold{Class: Account}, Account, false}, // SES answers again, and says why
		{Hold{Class: Outage}, Account, false},
		{Hold{Class: Operator, Manual: true}, Operator, true},
		{Hold{Class: Quota}, Operator, true},
		{Hold{Class: Account, Manual: true}, Operator, true},
	} {
		if err := s.Hold(t.Context(), c.put); err != nil {
			t.Fatal(err)
		}
		h := s.Holds()
		if len(h) != 1 || h[0].Class != c.want || h[0].Manual != c.manual {
			t.Fatalf("step %d: %s put, got %+v; want %s", i, c.put.Class, h, c.want)
		}
		if i == 0 {
			since = h[0].Since
		} else if !c.manual && !h[0].Since.Equal(since) {
			t.Errorf("step %d: since %v, want %v kept", i, h[0].Since, since)
		}
		if h[0].NextProbe.IsZero() != c.manual {
			t.Errorf("step %d: next probe %v of a hold that is manual: %v", i, h[0].NextProbe, c.manual)
		}
		if i != 1 && i != 5 {
			continue
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		if s, err = Open(dir); err != nil {
			t.Fatal(err)
		}
		if h := s.Holds(); len(h) != 1 || h[0].Class != c.want || h[0].Manual != c.manual || h[0].NextProbe.IsZero() != c.manual {
			t.Errorf("step %d: after a restart %+v, want %s", i, h, c.want)
		}
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

// A hold whose scope does not reach the refused message would let every other
// message be refused in turn, and this one every five seconds.
func TestHoldReachesTheMessageThatWasRefused(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		b.sender.fn = func(context.Context, *Message, int) error {
			return refusal(Configuration, ConfigurationSetScope("not ours"))
		}
		for range 40 {
			b.put("a@example.com")
		}
		b.run()
		after(50 * time.Second)
		if n := b.sender.total(); n > 2*b.pace.Concurrency() {
			t.Errorf("%d calls in 50 s, want those in flight and no more", n)
		}
		if h := b.Holds(); len(h) != 1 || h[0].Scope != LaneScope(Transactional) {
			t.Errorf("holds %+v, want the lane", h)
		}
	})
}

func TestFromDomainIsHeldHoweverItIsSpelt(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		b.sender.fn = func(context.Context, *Message, int) error { return refusal(Identity, FromScope("bad.example")) }
		if _, err := b.Put(t.Context(), Envelope{FromDomain: "Bad.Example", To: []string{"a@example.com"}}, nil); err != nil {
			t.Fatal(err)
		}
		if err := b.Begin(t.Context(), Ledger{Campaign: 1, FromDomain: "BAD.example", Expect: -1}); err != nil {
			t.Fatal(err)
		}
		if err := b.PutBatch(t.Context(), 1, []Row{{Subscriber: 1}}, Mark{Subscriber: 1, Done: true}); err != nil {
			t.Fatal(err)
		}
		b.run()
		after(10 * time.Second)
		if h := b.Holds(); len(h) != 1 || h[0].Scope != "from:bad.example" {
			t.Errorf("holds %+v, want only from:bad.example", h)
		}
		if n := b.sender.total(); n > 2 {
			t.Errorf("%d calls, want one a lane at most", n)
		}
	})
}

// The first of what is in flight are enough for an outage; the others were
// judged before it and get their tries back too.
func TestOutageGivesBackTheTriesOfEveryCallInFlight(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		b.pace.slots = 16
		b.pace.probe = func() error { return errors.New("down") }
		b.sender.fn = func(context.Context, *Message, int) error {
			time.Sleep(time.Second)
			return refusal(Temporary, "")
		}
		var ids []string
		for range 12 {
			ids = append(ids, b.put("a@example.com")...)
		}
		b.run()
		after(4 * time.Second)
		if n := b.sender.total(); n != 12 {
			t.Fatalf("%d calls, want 12", n)
		}
		for _, id := range ids {
			if m := b.message(id); m.Tries != 0 || m.Outcome != Pending {
				t.Errorf("%s: %d tries used, %s; want 0, pending", id, m.Tries, m.Outcome)
			}
		}
		b.proved()
	})
}

func TestPersonsHoldIsNoOutage(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		b.sender.fn = func(context.Context, *Message, int) error {
			time.Sleep(time.Second)
			return refusal(Temporary, "")
		}
		id := b.put("a@example.com")[0]
		b.run()
		after(time.Millisecond)
		if err := b.Hold(t.Context(), Hold{Class: Operator, Reason: "x", Manual: true}); err != nil {
			t.Fatal(err)
		}
		after(time.Minute)
		if m := b.message(id); m.Tries != 1 || m.Attempts != 1 {
			t.Errorf("%d tries of %d attempts used, want 1 of 1: SES did refuse it", m.Tries, m.Attempts)
		}
	})
}

func TestWhatNeverReachedSESDoesNotEndAnOutage(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		b.sender.fn = func(context.Context, *Message, int) error { return refusal(Temporary, "") }
		damaged := b.put("a@example.com")[0]
		err := b.queue.do(0, func(tx *bbolt.Tx) error { return tx.Bucket(bBodies).Bucket(u64(1)).Put(kBody, []byte("other")) })
		if err != nil {
			t.Fatal(err)
		}
		if err := b.Hold(t.Context(), Hold{Class: Outage, Reason: "down"}); err != nil {
			t.Fatal(err)
		}
		b.run()
		after(6 * time.Second)
		if m := b.message(damaged); m.Outcome != Failed || m.Attempts != 0 {
			t.Errorf("damaged mail: %s after %d attempts, want failed after none", m.Outcome, m.Attempts)
		}
		if len(b.Holds()) != 1 {
			t.Error("the outage ended although SES was not asked")
		}
		if b.pace.reserved != 0 || len(b.pace.reports) != 0 {
			t.Errorf("%d reserved, %d calls reported; want none", b.pace.reserved, len(b.pace.reports))
		}
	})
}

func TestCallsCutAtTheStopAreNoOutage(t *testing.T) {
	for _, class := range []Class{Network, Ambiguous} {
		inBubble(t, func(t *testing.T, b *bench) {
			b.sender.fn = func(ctx context.Context, _ *Message, _ int) error { <-ctx.Done(); return refusal(class, "") }
			b.freeze(1, 10)
			b.run()
			after(time.Second)
			b.halt()
			if h := b.Holds(); len(h) != 0 {
				t.Errorf("%s: holds %+v after a stop, want none", class, h)
			}
			b.proved()
		})
	}
}
