package spool

import (
	"context"
	"errors"
	"testing"
	"time"

	"go.etcd.io/bbolt"
)

func TestCancelThatACrashCutShortIsFinished(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		b.freeze(1, 10)
		if err := b.setState(t.Context(), 1, Cancelling, "", Running); err != nil {
			t.Fatal(err)
		}
		b.run()
		after(time.Second)
		if l := b.state(1); l.State != Cancelled || l.Skips[SkipCancelled] != 10 || b.sender.total() != 0 {
			t.Errorf("got %s, %v, %d calls; want cancelled, 10, none", l.State, l.Skips, b.sender.total())
		}
	})
}

// The oldest mail goes first whatever its domain, and a domain that begins like
// another is not stepped over with it.
func TestQueueIsLeasedInOrderOfTimeAcrossDomains(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		domains := []string{"shop.example.org", "b.example", "shop.example", "a.example"}
		for _, d := range domains {
			if _, err := b.Put(t.Context(), Envelope{FromDomain: d, To: []string{"a@example.com"}}, nil); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Second)
		}
		due, _, err := b.queueCandidates(Transactional, 3)
		if err != nil || len(due) != 3 {
			t.Fatalf("%v, %v", due, err)
		}
		for i, c := range due {
			if c.domain != domains[i] {
				t.Errorf("place %d: %s, want %s", i, c.domain, domains[i])
			}
		}
		if err := b.Hold(t.Context(), Hold{Scope: FromScope("shop.example"), Class: Operator, Manual: true}); err != nil {
			t.Fatal(err)
		}
		if due, _, _ = b.queueCandidates(Transactional, 9); len(due) != 3 {
			t.Errorf("%d due with one domain held, want 3", len(due))
		}
	})
}

func TestStaleDueEntryDoesNotSendBeforeTheTime(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		id := b.put("a@example.com")[0]
		m := b.message(id)
		err := b.change(id, func(m *Message) { m.NextTry = time.Now().Add(4 * time.Second) })
		if err != nil {
			t.Fatal(err)
		}
		plant(t, b.queue.Store, func(tx *bbolt.Tx) error { return tx.Bucket(bDue).Put(queueDue(&m), nil) })
		b.run()
		after(2 * time.Second)
		if b.sender.total() != 0 {
			t.Error("sent before its time")
		}
		after(3 * time.Second)
		if b.sender.total() != 1 {
			t.Errorf("%d calls, want 1", b.sender.total())
		}
		b.proved()
	})
}

func TestNothingIsLeasedFromACampaignPausedMeanwhile(t *testing.T) {
	b := newBench(t, t.TempDir())
	b.freeze(1, 1)
	due, _, err := b.ledgerCandidates(1)
	if err == nil {
		err = b.Pause(t.Context(), 1, "")
	}
	if err != nil || len(due) != 1 {
		t.Fatalf("%v, %v", due, err)
	}
	if leased, err := b.lease(Bulk, due, 0); err != nil || len(leased) != 0 {
		t.Errorf("leased %v, %v; want nothing", leased, err)
	}
}

func TestCampaignWhoseLastAreGoneIsDone(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		b.Addresses = book{}
		b.run()
		b.freeze(1, 3) // while the drain is idle
		after(time.Second)
		if l := b.state(1); l.State != Done || l.Skips[SkipErased] != 3 || l.Ended.IsZero() {
			t.Errorf("got %+v, want done", l)
		}
	})
}

func TestRefusalThatComesAfterTheOutageBeganCostsNoTry(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		b.pace.probe = func() error { return errors.New("down") }
		late := ""
		b.sender.fn = func(_ context.Context, m *Message, _ int) error {
			if m.ID == late {
				time.Sleep(2 * time.Second)
			}
			return refusal(Temporary, "")
		}
		for range 3 {
			b.put("a@example.com")
		}
		late = b.put("late@example.com")[0]
		b.run()
		after(3 * time.Second)
		if m := b.message(late); m.Tries != 0 || m.Attempts != 1 {
			t.Errorf("%d tries of %d attempts used, want 0 of 1", m.Tries, m.Attempts)
		}
	})
}

// SES answers the probe and refuses every mail: one message at a time is tried,
// none uses up a try, and the end of it is found.
func TestOutageOfMailAloneEndsByItself(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		up := time.Now().Add(10 * time.Minute)
		b.sender.fn = func(context.Context, *Message, int) error {
			if time.Now().Before(up) {
				return refusal(Temporary, "")
			}
			return nil
		}
		if err := b.Hold(t.Context(), Hold{Class: Outage, Reason: "down"}); err != nil {
			t.Fatal(err)
		}
		id := b.put("a@example.com")[0]
		b.run()
		after(9 * time.Minute)
		if m := b.message(id); m.Tries != 0 || m.Attempts < 8 || m.Attempts > 14 {
			t.Errorf("after 9 minutes %d tries used in %d attempts; want none in about 11", m.Tries, m.Attempts)
		}
		after(3 * time.Minute)
		if m := b.message(id); m.Outcome != Accepted || len(b.Holds()) != 0 {
			t.Errorf("%s, holds %v; want accepted, none", m.Outcome, b.Holds())
		}
	})
}

func TestCutLastTryIsPutBack(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		b.MaxTries = 1
		b.pace.probe = func() error { return errors.New("cut") }
		b.sender.fn = func(ctx context.Context, _ *Message, _ int) error { <-ctx.Done(); return refusal(Ambiguous, "") }
		id := b.put("a@example.com")[0]
		b.run()
		after(time.Second)
		b.halt()
		if m := b.message(id); m.Outcome != Pending || !m.MaybeTwice || len(b.Holds()) != 0 {
			t.Errorf("%s, maybe twice %v, holds %v; want pending, listed, none", m.Outcome, m.MaybeTwice, b.Holds())
		}
	})
}

func TestRateAndNetworkArePutBackAtAMeasure(t *testing.T) {
	for class, most := range map[Class]int{Rate: 45, Network: 23} {
		inBubble(t, func(t *testing.T, b *bench) {
			b.sender.fn = func(context.Context, *Message, int) error { return refusal(class, "") }
			id := b.put("a@example.com")[0]
			b.run()
			after(20 * time.Second)
			if n := b.sender.count(id); n > most || n < 5 {
				t.Errorf("%s: %d calls in 20 s, want 5 to %d", class, n, most)
			}
			if m := b.message(id); m.Tries != 0 {
				t.Errorf("%s: %d tries used, want none", class, m.Tries)
			}
		})
	}
}

func TestManyRateRefusalsAreNoOutage(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		b.sender.fn = func(context.Context, *Message, int) error { return refusal(Rate, "") }
		b.put("a@example.com", "b@example.com", "c@example.com", "d@example.com")
		b.run()
		after(10 * time.Second)
		if h := b.Holds(); len(h) != 0 {
			t.Errorf("holds %+v, want none", h)
		}
	})
}

func TestBodyMemoryIsGivenBackAfterTheCall(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		b.BodyMemory = 30 // one body
		ids := append(b.put("a@example.com"), b.put("b@example.com")...)
		b.run()
		after(time.Second)
		for _, id := range ids {
			if m := b.message(id); m.Outcome != Accepted {
				t.Errorf("%s: %s, want accepted", id, m.Outcome)
			}
		}
	})
}

func TestRefusalForGoodAfterALostAnswerIsUnknown(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		b.sender.fn = func(_ context.Context, _ *Message, n int) error {
			if n == 1 {
				return refusal(Ambiguous, "")
			}
			return refusal(Permanent, "")
		}
		id := b.put("a@example.com")[0]
		b.run()
		after(10 * time.Second)
		if m := b.message(id); m.Outcome != Unknown {
			t.Fatalf("got %s, want unknown: the first may have gone out", m.Outcome)
		}
		b.sender.mu.Lock()
		b.sender.fn = nil
		b.sender.mu.Unlock()
		if err := b.Retry(t.Context(), id); err != nil {
			t.Fatal(err)
		}
		after(time.Second)
		if m := b.message(id); m.Outcome != Accepted || !m.MaybeTwice {
			t.Errorf("retried by hand: %s, maybe twice %v; want accepted at once, true", m.Outcome, m.MaybeTwice)
		}
	})
}

func TestOneMessageAtATimeTestsAHold(t *testing.T) {
	b := newBench(t, t.TempDir())
	if err := b.Hold(t.Context(), Hold{Class: Outage}); err != nil {
		t.Fatal(err)
	}
	scopes := []Scope{ScopeAll, LaneScope(Bulk)}
	if n := b.holds.limit(scopes); n != 0 {
		t.Errorf("held: %d may pass", n)
	}
	b.holds.open(b.holds.m[ScopeAll])
	if n := b.holds.limit(scopes); n != 1 {
		t.Errorf("half open: %d may pass, want 1", n)
	}
	first, ok := b.holds.claim(scopes)
	if !ok || len(first) != 1 {
		t.Fatalf("claimed %v, %v", first, ok)
	}
	if _, ok := b.holds.claim(scopes); ok || b.holds.limit(scopes) != 0 {
		t.Error("a second message may pass while the first is on its way")
	}
}

func TestPausedAccountIsAskedMoreAndMoreSlowlyAndNotMailed(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		var at []time.Time
		b.pace.probe = func() error { at = append(at, time.Now()); return errors.New("paused") }
		b.sender.fn = func(context.Context, *Message, int) error { return refusal(Account, ScopeAll) }
		b.put("a@example.com")
		b.run()
		after(time.Hour)
		if b.sender.total() != 1 {
			t.Errorf("%d calls while the account is paused, want the first", b.sender.total())
		}
		if len(at) < 6 {
			t.Fatalf("%d probes in an hour", len(at))
		}
		for i := 1; i < len(at); i++ {
			if got, want := at[i].Sub(at[i-1]), min(2*slowProbe<<(i-1), slowProbeMax); got != want {
				t.Errorf("probe %d after %v, want %v", i, got, want)
			}
		}
	})
}

func TestMarkBeyondTheRowsIsKept(t *testing.T) {
	b := newBench(t, t.TempDir())
	if err := b.Begin(t.Context(), Ledger{Campaign: 1, Expect: -1}); err != nil {
		t.Fatal(err)
	}
	if err := b.PutBatch(t.Context(), 1, []Row{{Subscriber: 3}}, Mark{Subscriber: 50}); err != nil {
		t.Fatal(err)
	}
	if l := b.state(1); l.Frozen != 50 {
		t.Errorf("frozen to %d, want 50", l.Frozen)
	}
}

func TestStatusCountsTheLastSeconds(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		b.run()
		for range 5 {
			b.put("a@example.com")
			after(time.Second)
		}
		st, err := b.Status()
		if err != nil {
			t.Fatal(err)
		}
		sum := 0
		for _, n := range st.Recent {
			sum += n
		}
		if st.PerSecond != 1 || sum != 5 || st.Recent[len(st.Recent)-1] != 1 || st.OldestSeconds != 0 {
			t.Errorf("%v a second, %v, oldest %d s; want 1 in each of the last five, 0", st.PerSecond, st.Recent, st.OldestSeconds)
		}
	})
}

func TestUnknownSentAgainByHandMayGoTwice(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		b.TransactionalLeave = true
		b.sender.fn = func(_ context.Context, _ *Message, n int) error {
			if n == 1 {
				return refusal(Ambiguous, "")
			}
			return nil
		}
		id := b.put("a@example.com")[0]
		b.run()
		after(time.Second)
		if err := b.Retry(t.Context(), id); err != nil {
			t.Fatal(err)
		}
		after(time.Second)
		if m := b.message(id); m.Outcome != Accepted || !m.MaybeTwice {
			t.Errorf("%s, maybe twice %v; want accepted, true", m.Outcome, m.MaybeTwice)
		}
	})
}

func TestHoldIsProbedAtOnceAfterARestart(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		if err := b.Hold(t.Context(), Hold{Class: Account, Reason: "paused"}); err != nil {
			t.Fatal(err)
		}
		b.put("a@example.com")
		again := newBench(t, copyStore(t, b.dir))
		again.run()
		after(time.Second)
		if again.sender.total() != 1 || len(again.Holds()) != 0 {
			t.Errorf("%d calls, holds %v a second after the start; want 1, none", again.sender.total(), again.Holds())
		}
	})
}

func TestResendThatWasCutShortCanBeGoneOnWith(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		b.sender.fn = func(_ context.Context, _ *Message, n int) error {
			if n == 1 {
				return refusal(Permanent, "")
			}
			return nil
		}
		b.freeze(1, 5)
		b.run()
		after(time.Second)
		err := b.ledger.do(64, func(tx *bbolt.Tx) error {
			l, err := b.ledgerSums().header(1)
			if err == nil {
				l.State, l.Resend = Running, &Resend{Outcome: Failed, Before: time.Now()}
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := b.Resend(t.Context(), 1, Unknown); !errors.Is(err, ErrState) {
			t.Errorf("resend of the other outcome meanwhile: %v, want ErrState", err)
		}
		if n, err := b.Resend(t.Context(), 1, Failed); n != 5 || err != nil {
			t.Errorf("went on with %d, %v; want 5", n, err)
		}
		after(time.Second)
		if l := b.state(1); l.State != Done || l.Accepted != 5 || l.Resend != nil {
			t.Errorf("got %+v, want done, 5 accepted", l)
		}
		b.proved()
	})
}

func TestActsOfACopyAreItsOwn(t *testing.T) {
	l := &Ledger{}
	for i := range actsKept {
		l.act(Act{Count: int64(i)})
	}
	c := l.clone()
	c.act(Act{Count: -1})
	if l.Acts[0].Count != 0 || len(c.Acts) != actsKept || c.Acts[0].Count != 1 {
		t.Errorf("the first act is now %d, the copy's %d; want 0 and 1", l.Acts[0].Count, c.Acts[0].Count)
	}
}
