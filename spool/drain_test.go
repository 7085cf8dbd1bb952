package spool

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"testing"
	"time"
)

func TestMailIsSentAndItsBodyGone(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		ids := b.put("a@example.com", "b@example.com")
		b.run()
		after(time.Second)
		for _, id := range ids {
			m := b.message(id)
			if m.Outcome != Accepted || m.SESID == "" || m.Attempts != 1 {
				t.Errorf("%s: got %s, SES id %q, %d attempts; want accepted, an id, 1", id, m.Outcome, m.SESID, m.Attempts)
			}
			if err := b.Body(id, os.Stderr); !errors.Is(err, ErrNotFound) {
				t.Errorf("body of %s: got %v, want it gone", id, err)
			}
		}
		if got := string(b.sender.calls[0].Data); got != "Subject: hi\r\n\r\nbody\r\n" {
			t.Errorf("sent %q, want the bytes that were put", got)
		}
		if want := b.StoreID() + "-0-" + b.sender.calls[0].ID[1:] + "-1"; b.sender.calls[0].Tag != want {
			t.Errorf("tag %q, want %q", b.sender.calls[0].Tag, want)
		}
		found, err := b.Find(t.Context(), b.message(ids[1]).SESID, nil)
		if err != nil || len(found) != 1 || found[0].ID != ids[1] {
			t.Errorf("find by SES id: %v, %v; want %s", found, err, ids[1])
		}
		b.proved()
	})
}

func TestAnswersOfSES(t *testing.T) {
	refuse := func(c Class, sc Scope) func(context.Context, *Message, int) error {
		return func(context.Context, *Message, int) error {
			return &SendError{Class: c, Scope: sc, Code: "X", Text: "no"}
		}
	}
	for _, c := range []struct {
		name        string
		answer      func(context.Context, *Message, int) error
		queue, bulk Outcome // after two seconds and then a minute without the fault...
		calls       int     // in the queue, in the first 20 s
		hold        Scope
	}{
		{"permanent", refuse(Permanent, ""), Failed, Failed, 1, ""},
		{"temporary", refuse(Temporary, ""), Failed, Failed, 4, ""},
		{"ambiguous", refuse(Ambiguous, ""), Unknown, Unknown, 4, ""},
		{"unclassified", func(context.Context, *Message, int) error { return errors.New("reset") }, Unknown, Unknown, 4, ""},
		{"skip", func(context.Context, *Message, int) error { return &SkipError{SkipUnsubscribed} }, Skipped, Skipped, 1, ""},
		{"rate", refuse(Rate, ""), Pending, Pending, -1, ""},
		{"quota", refuse(Quota, LaneScope(Transactional)), Pending, Pending, 1, "lane:transactional"},
		{"account", refuse(Account, ScopeAll), Pending, Pending, 1, "all"},
		{"identity", refuse(Identity, FromScope("example.com")), Pending, Pending, 1, "from:example.com"},
		{"configuration", refuse(Configuration, ConfigurationSetScope("main")), Pending, Pending, 1, "configuration_set:main"},
		{"credentials", refuse(Credentials, ""), Pending, Pending, 1, "all"},
	} {
		t.Run(c.name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, b *bench) {
				b.sender.fn, b.ConfigurationSet = c.answer, "main"
				id := b.put("a@example.com")[0]
				b.run()
				after(20 * time.Second)
				m := b.message(id)
				if m.Outcome != c.queue {
					t.Errorf("queue: got %s (%s), want %s", m.Outcome, m.Reason, c.queue)
				}
				if c.calls >= 0 && b.sender.count(id) != c.calls {
					t.Errorf("queue: %d calls, want %d", b.sender.count(id), c.calls)
				}
				if m.Outcome == Pending && m.Tries != 0 {
					t.Errorf("queue: %d tries used up, want none", m.Tries)
				}
				held := slices.ContainsFunc(b.Holds(), func(h Hold) bool { return h.Scope == c.hold && h.Hint != "" })
				if held != (c.hold != "") {
					t.Errorf("holds %v, want %q", b.Holds(), c.hold)
				}
				b.proved()
			})
			inBubble(t, func(t *testing.T, b *bench) {
				b.sender.fn = c.answer
				b.freeze(1, 1)
				b.run()
				after(20 * time.Second)
				if m := b.message("c1-1"); m.Outcome != c.bulk {
					t.Errorf("bulk: got %s (%s), want %s", m.Outcome, m.Reason, c.bulk)
				}
				if c.bulk == Unknown && b.sender.total() != 1 {
					t.Errorf("bulk: %d copies, want 1: an answer that was lost is not sent again", b.sender.total())
				}
				b.proved()
			})
		})
	}
}

func TestRetriesAreSpacedAndStored(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		b.jitter = func() float64 { return 1 }
		b.sender.fn = func(context.Context, *Message, int) error { return &SendError{Class: Temporary, Text: "503"} }
		id := b.put("a@example.com")[0]
		b.run()
		after(1500 * time.Millisecond) // first try and first retry
		b.halt()
		if m := b.message(id); m.Tries != 2 || m.Outcome != Pending {
			t.Fatalf("got %d tries, %s; want 2, pending", m.Tries, m.Outcome)
		}
		b.run() // as after a restart
		after(20 * time.Second)
		var gaps []time.Duration
		for i := 1; i < len(b.sender.at); i++ {
			gaps = append(gaps, b.sender.at[i].Sub(b.sender.at[i-1]).Round(10*time.Millisecond))
		}
		if want := []time.Duration{time.Second, 2 * time.Second, 4 * time.Second}; !slices.Equal(gaps, want) {
			t.Errorf("gaps %v, want %v", gaps, want)
		}
	})
}

func TestLostAnswerIsSentAgainOnlyInTheTransactionalLane(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		b.sender.fn = func(_ context.Context, m *Message, n int) error {
			if n == 1 {
				return &SendError{Class: Ambiguous, Text: "timeout"}
			}
			return nil
		}
		id := b.put("a@example.com")[0]
		b.freeze(1, 1)
		b.run()
		after(10 * time.Second)
		if m := b.message(id); m.Outcome != Accepted || !m.MaybeTwice || m.Attempts != 2 {
			t.Errorf("queue: %+v; want accepted, maybe twice, 2 attempts", m)
		}
		if m := b.message("c1-1"); m.Outcome != Unknown || m.Attempts != 1 {
			t.Errorf("bulk: %+v; want unknown after 1 attempt", m)
		}
		if l := b.state(1); l.State != Done || l.Unknown != 1 {
			t.Errorf("campaign is %s with %d unknown, want done with 1", l.State, l.Unknown)
		}
	})
}

// Two hours of each fault on every call, the probe's too: nothing may fail.
func TestOutageOfTwoHoursFailsNobody(t *testing.T) {
	for _, class := range []Class{Network, Temporary, Ambiguous} {
		t.Run(string(class), func(t *testing.T) {
			inBubble(t, func(t *testing.T, b *bench) {
				began := time.Now()
				down := func() error {
					if time.Since(began) < 2*time.Hour {
						return &SendError{Class: class, Text: "down"}
					}
					return nil
				}
				b.sender.fn = func(context.Context, *Message, int) error { return down() }
				b.pace.probe = down
				b.put("a@example.com", "b@example.com")
				b.freeze(1, 50)
				b.run()
				after(time.Hour)
				if got := b.state(1); got.Failed != 0 || got.Pending == 0 {
					t.Errorf("after an hour: %d failed, %d pending", got.Failed, got.Pending)
				}
				if b.Holds() == nil || b.Holds()[0].Class != Outage {
					t.Errorf("holds %v, want an outage", b.Holds())
				}
				lone := b.put("late@example.com")[0] // alone in its lane, while it lasts
				after(90 * time.Minute)
				l := b.state(1)
				if l.Failed != 0 || l.State != Done {
					t.Errorf("%d failed, state %s; want none, done", l.Failed, l.State)
				}
				if class != Ambiguous && l.Accepted != 50 {
					t.Errorf("%d accepted, want 50", l.Accepted)
				}
				// The slots of the first two may be taken again before the third answer is lost.
				if most := b.pace.Concurrency() + outageRunLength - 1; class == Ambiguous && l.Unknown > int64(most) {
					t.Errorf("%d unknown, want at most %d: the calls in flight and the two lost before it was an outage", l.Unknown, most)
				}
				if m := b.message(lone); m.Outcome != Accepted {
					t.Errorf("lone mail: %s (%s), want accepted", m.Outcome, m.Reason)
				}
				if len(b.Holds()) != 0 {
					t.Errorf("still held: %v", b.Holds())
				}
				b.proved()
			})
		})
	}
}

// One mail alone never makes three in a row; it must not fail in an outage either.
func TestLoneMailOutlivesAnOutage(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		began := time.Now()
		down := func() error {
			if time.Since(began) < 2*time.Hour {
				return &SendError{Class: Temporary, Text: "503"}
			}
			return nil
		}
		b.sender.fn = func(context.Context, *Message, int) error { return down() }
		b.pace.probe = down
		id := b.put("a@example.com")[0]
		b.run()
		after(3 * time.Hour)
		if m := b.message(id); m.Outcome != Accepted {
			t.Errorf("got %s (%s), want accepted", m.Outcome, m.Reason)
		}
	})
}

func TestOutageGivesTriesBack(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		b.sender.fn = func(context.Context, *Message, int) error { return &SendError{Class: Temporary, Text: "503"} }
		b.pace.probe = func() error { return errors.New("down") }
		ids := b.put("a@example.com", "b@example.com", "c@example.com")
		b.run()
		after(3 * time.Second)
		for _, id := range ids {
			if m := b.message(id); m.Tries != 0 || m.Outcome != Pending {
				t.Errorf("%s: %d tries used, %s; want 0, pending", id, m.Tries, m.Outcome)
			}
		}
	})
}

func TestProbesOfAnOutageSlowDownToOneAMinute(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		var at []time.Time
		b.pace.probe = func() error { at = append(at, time.Now()); return errors.New("down") }
		b.sender.fn = func(context.Context, *Message, int) error { return &SendError{Class: Network, Text: "refused"} }
		b.put("a@example.com", "b@example.com", "c@example.com", "d@example.com")
		b.run()
		after(10 * time.Minute)
		if len(at) < 8 {
			t.Fatalf("%d probes in ten minutes", len(at))
		}
		for i := 1; i < len(at); i++ {
			want := min(10*time.Second<<(i-1), time.Minute)
			if got := at[i].Sub(at[i-1]); got != want {
				t.Errorf("probe %d after %v, want %v", i, got, want)
			}
		}
	})
}

func TestQuotaHoldsALaneAndEndsByItself(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		free := time.Now().Add(3 * time.Hour)
		b.pace.frees = free
		b.pace.quota = func(l Lane) error {
			if l == Bulk && time.Now().Before(free) {
				return &SendError{Class: Quota, Scope: LaneScope(Bulk), Text: "quota used up"}
			}
			return nil
		}
		b.freeze(1, 3)
		id := b.put("a@example.com")[0]
		b.run()
		after(time.Minute)
		l := b.state(1)
		if l.Hold == nil || !l.Hold.Until.Equal(free) || l.Sending+l.Accepted != 0 {
			t.Errorf("hold %+v, want until %v and nothing sent", l.Hold, free)
		}
		if m := b.message(id); m.Outcome != Accepted {
			t.Errorf("the other lane: %s, want accepted", m.Outcome)
		}
		after(3 * time.Hour)
		if l := b.state(1); l.State != Done || l.Accepted != 3 || l.Hold != nil {
			t.Errorf("after it freed: %s, %d accepted, hold %v", l.State, l.Accepted, l.Hold)
		}
	})
}

func TestHeldDomainDoesNotHoldUpAnother(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		b.sender.fn = func(_ context.Context, m *Message, _ int) error {
			if m.FromDomain == "bad.example" {
				return &SendError{Class: Identity, Scope: FromScope("bad.example"), Text: "not verified"}
			}
			return nil
		}
		for i := range 300 {
			if _, err := b.Put(t.Context(), Envelope{FromDomain: "bad.example", To: []string{fmt.Sprintf("x%d@example.com", i)}}, []byte("x")); err != nil {
				t.Fatal(err)
			}
		}
		id := b.put("a@example.com")[0]
		b.run()
		after(5 * time.Second)
		if m := b.message(id); m.Outcome != Accepted {
			t.Errorf("got %s, want accepted", m.Outcome)
		}
		if n := b.sender.total(); n > 12 {
			t.Errorf("%d calls, want few: a held domain is only probed", n)
		}
		b.proved()
	})
}

func TestManualHoldWaitsForAPerson(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		if err := b.Hold(t.Context(), Hold{Scope: LaneScope(Bulk), Class: Operator, Reason: "maintenance", Manual: true}); err != nil {
			t.Fatal(err)
		}
		b.freeze(1, 2)
		b.run()
		after(24 * time.Hour)
		if b.sender.total() != 0 {
			t.Fatalf("%d calls under a manual hold", b.sender.total())
		}
		if err := b.Release(t.Context(), LaneScope(Bulk)); err != nil {
			t.Fatal(err)
		}
		after(time.Second)
		if l := b.state(1); l.State != Done || l.Accepted != 2 {
			t.Errorf("after the release: %s, %d accepted", l.State, l.Accepted)
		}
		if err := b.Release(t.Context(), LaneScope(Bulk)); !errors.Is(err, ErrNotFound) {
			t.Errorf("second release: %v, want ErrNotFound", err)
		}
	})
}
