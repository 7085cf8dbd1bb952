package spool

import (
	"context"
	"fmt"
	"testing"
	"time"
)

// paced is an Addresser for people who want mail a week at most.
type paced struct{ every time.Duration }

func (p paced) Address(id uint64) (string, time.Time, error) {
	return fmt.Sprintf("s%d@example.com", id), time.Now().Add(-p.every), nil
}

const week = 7 * 24 * time.Hour

// skips fails unless a campaign skipped n for how often people want mail and
// mailed the rest.
func (b *bench) skips(campaign uint64, n int64) {
	b.t.Helper()
	l := b.state(campaign)
	if l.Skips[SkipFrequency] != n || l.Accepted != l.Audience-n || l.State != Done {
		b.t.Errorf("campaign %d: %s, %d accepted and %v skipped of %d, want %d for frequency", campaign, l.State, l.Accepted, l.Skips, l.Audience, n)
	}
}

func TestSecondMailWithinAWeekIsSkipped(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		b.Addresses = paced{week}
		b.run()
		b.freeze(1, 20)
		after(time.Second)
		b.freeze(2, 30) // 21 to 30 have had nothing
		after(time.Second)
		b.skips(1, 0)
		b.skips(2, 20)
		after(week)
		b.freeze(3, 30)
		after(time.Second)
		b.skips(3, 0)
		b.proved()
	})
}

func TestOfTwoCampaignsAtOnceOneMailsEverybodyOnce(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		const people = 200
		b.Addresses = paced{week}
		b.sender.fn = func(ctx context.Context, _ *Message, _ int) error { return pause(ctx, 20*time.Millisecond) }
		b.freeze(1, people)
		b.freeze(2, people)
		b.run()
		after(time.Minute)
		one, two := b.state(1), b.state(2)
		if one.Accepted+two.Accepted != people || one.Skips[SkipFrequency]+two.Skips[SkipFrequency] != people {
			t.Errorf("%d and %d accepted, %v and %v skipped; want each of %d people mailed once", one.Accepted, two.Accepted, one.Skips, two.Skips, people)
		}
		for id := range uint64(people) {
			if n := b.sender.count(rowID(1, id+1)) + b.sender.count(rowID(2, id+1)); n != 1 {
				t.Errorf("subscriber %d was mailed %d times", id+1, n)
			}
		}
		b.proved()
	})
}

func TestARetryOfTheSameCampaignIsNoSecondMail(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		b.Addresses = paced{week}
		b.sender.fn = func(_ context.Context, m *Message, n int) error {
			if n < 3 && m.Subscriber%4 == 0 {
				return &SendError{Class: Temporary, Text: "later"}
			}
			return nil
		}
		b.freeze(1, 8)
		b.run()
		after(time.Minute)
		b.skips(1, 0)
		b.proved()
	})
}

// What counts for the next campaign, by what became of the mail of this one.
func TestOnlyAnAttemptThatMayHaveArrivedCounts(t *testing.T) {
	for name, c := range map[string]struct {
		err     error
		outcome Outcome
		skipped int64
	}{
		"accepted": {nil, Accepted, 1},
		"refused":  {&SendError{Class: Permanent, Text: "no"}, Failed, 0},
		"lost":     {&SendError{Class: Ambiguous, Text: "reset"}, Unknown, 1},
		"skipped":  {&SkipError{Reason: SkipTopicOff}, Skipped, 0},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, b *bench) {
				b.Addresses = paced{week}
				b.sender.fn = func(_ context.Context, m *Message, _ int) error {
					if m.Campaign == 1 {
						return c.err
					}
					return nil
				}
				b.run()
				b.freeze(1, 1)
				after(time.Minute)
				if m := b.message(rowID(1, 1)); m.Outcome != c.outcome {
					t.Fatalf("first campaign: %s, want %s", m.Outcome, c.outcome)
				}
				if got, err := b.Attempted(1, time.Now().Add(-week)); err != nil || got != (c.skipped == 1) {
					t.Errorf("attempted: %v, %v", got, err)
				}
				b.freeze(2, 1)
				after(time.Minute)
				b.skips(2, c.skipped)
			})
		})
	}
}

func TestAMailThatWaitsForItsRetryCounts(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		b.Addresses = paced{week}
		b.RetryDelays = []time.Duration{time.Hour}
		b.sender.fn = func(_ context.Context, m *Message, n int) error {
			if m.Campaign == 1 && n == 1 {
				return &SendError{Class: Temporary, Text: "later"}
			}
			return nil
		}
		b.run()
		b.freeze(1, 1)
		after(time.Minute)
		b.freeze(2, 1)
		after(time.Minute)
		b.skips(2, 1)
		after(2 * time.Hour)
		b.skips(1, 0)
		b.proved()
	})
}

// What another campaign is sending may still end without a mail: refused, or
// skipped by the last check. Then it has not used up the week.
func TestAMailThatIsBeingSentIsWaitedFor(t *testing.T) {
	for name, c := range map[string]struct {
		err     error
		skipped int64
	}{"accepted": {nil, 1}, "refused": {&SendError{Class: Permanent, Text: "no"}, 0}, "skipped": {&SkipError{Reason: SkipTopicOff}, 0}} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, b *bench) {
				b.Addresses = paced{week}
				b.sender.fn = func(ctx context.Context, m *Message, _ int) error {
					if m.Campaign == 2 {
						return nil
					}
					if err := pause(ctx, 8*time.Second); err != nil {
						return err
					}
					return c.err
				}
				b.run()
				b.freeze(1, 1)
				after(time.Second)
				b.freeze(2, 1)
				after(time.Second)
				if m := b.message(rowID(2, 1)); m.Outcome != Pending || m.Reason != waitsForOther || m.Attempts != 0 {
					t.Errorf("while the other is being sent: %+v", m)
				}
				after(time.Minute)
				b.skips(2, c.skipped)
				b.proved()
			})
		})
	}
}

func TestAResendIsJudgedByOtherCampaignsToo(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		b.Addresses = paced{week}
		refuse := true
		b.sender.fn = func(context.Context, *Message, int) error {
			if refuse {
				return &SendError{Class: Permanent, Text: "no"}
			}
			return nil
		}
		b.run()
		b.freeze(1, 2)
		after(time.Minute)
		refuse = false
		b.freeze(2, 1) // the first of them gets this one
		after(time.Minute)
		if n, err := b.Resend(t.Context(), 1, Failed); err != nil || n != 2 {
			t.Fatalf("resent %d, %v", n, err)
		}
		after(time.Minute)
		b.skips(2, 0)
		b.skips(1, 1)
		b.proved()
	})
}

func TestMailThatIsNotCommercialNeitherCountsNorIsKeptBack(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		b.Addresses = paced{week}
		b.run()
		for _, unlimited := range []bool{true, false, true} {
			id := uint64(len(b.ledgers) + 1)
			if err := b.Begin(t.Context(), Ledger{Campaign: id, FromDomain: "example.com", MaxID: 1, Expect: -1, Unlimited: unlimited}); err != nil {
				t.Fatal(err)
			}
			if err := b.PutBatch(t.Context(), id, []Row{{Subscriber: 1}}, Mark{Subscriber: 1, Done: true}); err != nil {
				t.Fatal(err)
			}
			after(time.Minute)
			b.skips(id, 0)
		}
	})
}

// pause is a call that takes a while.
func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// BenchmarkLeaseWithLimits drains a campaign while 30 others, each with a row
// for everybody, may have tried them since: when nobody limits their mail, and
// when everybody does, and every row is looked at. CPU per row.
func BenchmarkLeaseWithLimits(b *testing.B) {
	for name, people := range map[string]Addresser{"nobody": book(nil), "everybody": paced{week}} {
		b.Run(name, func(b *testing.B) { leaseWithLimits(b, people) })
	}
}

func leaseWithLimits(b *testing.B, people Addresser) {
	const rows, others = 20_000, 30
	var cpu time.Duration
	for range b.N {
		s, err := Open(b.TempDir())
		if err != nil {
			b.Fatal(err)
		}
		ctx, stop := context.WithCancel(context.Background())
		for id := uint64(2); id < 2+others; id++ { // tried by nobody: no row ends the search
			frozenAs(b, s, id, rows)
			if err := s.Pause(ctx, id, "for the benchmark"); err != nil {
				b.Fatal(err)
			}
		}
		frozen(b, s, rows)
		sender := &instant{all: rows, ended: make(chan struct{})}
		s.Sender, s.Pace, s.Addresses = sender, &freePace{}, people
		before := cpuTime()
		go func() { <-sender.ended; stop() }()
		if err := s.Run(ctx); err != nil {
			b.Fatal(err)
		}
		cpu += cpuTime() - before
		if l, err := s.Ledger(1); err != nil || l.Accepted != rows {
			b.Fatalf("%+v, %v", l, err)
		}
		if err := s.Close(); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(cpu.Microseconds())/float64(b.N)/rows, "µs-CPU/row")
}
