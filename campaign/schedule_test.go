package campaign

import (
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"pabal/audience"
	"pabal/eml"
	"pabal/spool"
)

// wallClock is a clock on the wall that a test sets.
type wallClock struct{ at atomic.Pointer[time.Time] }

func (w *wallClock) set(at time.Time) { w.at.Store(&at) }
func (w *wallClock) now() time.Time   { return *w.at.Load() }

var (
	evening = time.Date(2026, 11, 30, 9, 0, 0, 0, time.UTC)           // 18:00 in Seoul
	order   = ScheduleOrder{At: "2026-12-01 10:00", Expect: 20}       // 16 hours later
	due     = time.Date(2026, 12, 1, 1, 0, 0, 0, time.UTC)            //
	slow    = spool.Brake{BouncePercent: 5, Window: 1000, Minimum: 5} //
)

// scheduled is a house of 20 people with a campaign that is to start at due, the
// clock on the evening before.
func scheduled(t *testing.T, dir string) (*house, *wallClock, Campaign) {
	t.Helper()
	h := open(t, dir)
	h.enrol(t, 20)
	w := &wallClock{}
	w.set(evening)
	h.store.clock = w.now
	c, err := h.store.Schedule(spool.WithCaller(t.Context(), "minji"), h.draft(t, simple, Campaign{}).ID, order)
	if err != nil {
		t.Fatal(err)
	}
	return h, w, c
}

// clockwork runs what the daemon runs, until stop or the test's end.
func (h *house) clockwork(t *testing.T) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	var all sync.WaitGroup
	for _, run := range []func(context.Context) error{h.store.Run, h.store.RunSchedule, h.spool.Run} {
		all.Go(func() {
			if err := run(ctx); err != nil {
				t.Error(err)
			}
		})
	}
	stop = sync.OnceFunc(func() { cancel(); all.Wait() })
	t.Cleanup(stop)
	return stop
}

// looked has RunSchedule look at the clock, for as long as the test wants.
func (h *house) looked() { h.store.lookAtClock() }

func (h *house) mailed() map[string]int {
	h.ses.mu.Lock()
	defer h.ses.mu.Unlock()
	n := map[string]int{}
	for _, m := range h.ses.mails {
		n[m.To]++
	}
	return n
}

func (h *house) wantEachOnce(t *testing.T, n int) {
	t.Helper()
	got := h.mailed()
	if len(got) != n {
		t.Errorf("%d people were mailed, want %d", len(got), n)
	}
	for to, times := range got {
		if times != 1 {
			t.Errorf("%s was mailed %d times", to, times)
		}
	}
}

func TestScheduledCampaignStartsOnceAtItsTime(t *testing.T) {
	h, w, c := scheduled(t, t.TempDir())
	if c.State != spool.Scheduled || !c.Schedule.Due.Equal(due) || c.Schedule.Zone != "Asia/Seoul" || c.Schedule.By != "minji" || c.TemplateVersion != 1 {
		t.Fatalf("scheduled as %+v, %+v", c, c.Schedule)
	}
	// A new version of the template is not what was confirmed.
	if _, err := h.store.PutTemplate(t.Context(), Template{Name: "t", Subject: "other", HTML: simple}); err != nil {
		t.Fatal(err)
	}
	h.clockwork(t)
	w.set(due.Add(-time.Second))
	for range 3 {
		h.looked()
	}
	if now, err := h.store.Campaign(c.ID); err != nil || now.State != spool.Scheduled {
		t.Fatalf("before its time it is %s, %v", now.State, err)
	}
	w.set(due)
	h.looked()
	done := waitState(t, h.store, c.ID, spool.Done)
	if done.Accepted != 20 || done.TemplateVersion != 1 || done.Schedule == nil || done.Most != 25 {
		t.Errorf("got %+v", done)
	}
	for _, at := range []time.Time{evening, due, due.Add(time.Minute)} { // the clock is set back, and it is due again
		w.set(at)
		h.looked()
	}
	if _, err := h.store.Unschedule(t.Context(), c.ID); !errors.Is(err, ErrState) {
		t.Errorf("schedule taken off a campaign that ran: %v", err)
	}
	h.wantEachOnce(t, 20)
}

func TestLateScheduleIsHeldAndNotStarted(t *testing.T) {
	dir := t.TempDir()
	h, _, c := scheduled(t, dir)
	h.close(t) // the host is off at the time
	h = open(t, dir)
	w := &wallClock{}
	w.set(due.Add(DefaultLate + time.Second))
	h.store.clock = w.now
	h.clockwork(t)
	held := waitState(t, h.store, c.ID, spool.Held)
	if held.HeldFor != HeldLate || !strings.Contains(held.Reason, "10:00") || !held.Sealed.IsZero() || len(h.mailed()) > 0 {
		t.Errorf("held as %q: %s", held.HeldFor, held.Reason)
	}
	_, err := h.store.Resume(t.Context(), c.ID)
	if problem, ok := errors.AsType[*eml.Problem](err); !ok || !errors.Is(err, ErrState) || !strings.Contains(problem.Hint, "campaign start") {
		t.Errorf("resume: %v", err)
	}
	if _, err := h.store.Start(t.Context(), c.ID, 20); err != nil { // the person decides
		t.Fatal(err)
	}
	waitState(t, h.store, c.ID, spool.Done)
	h.wantEachOnce(t, 20)
}

// A start that is late by less goes, and a clock that jumps forward is a delay
// as any other.
func TestScheduleLateWithinItsLimitStarts(t *testing.T) {
	h, w, c := scheduled(t, t.TempDir())
	h.clockwork(t)
	w.set(due.Add(DefaultLate))
	h.looked()
	waitState(t, h.store, c.ID, spool.Done)
	h.wantEachOnce(t, 20)
}

// stepSource is the customers' table.
type stepSource func(context.Context) error

func (s stepSource) InStep(ctx context.Context) error { return s(ctx) }

func TestScheduledStartSyncsFirst(t *testing.T) {
	h, w, c := scheduled(t, t.TempDir())
	h.store.Source = stepSource(func(ctx context.Context) error { // a customer of this night
		_, err := h.people.ImportCSV(ctx, strings.NewReader("email,name,subscribed\nnew@example.com,새 손님,yes\n"), audience.ImportOptions{Name: "night.csv"})
		return err
	})
	h.clockwork(t)
	w.set(due)
	h.looked()
	waitState(t, h.store, c.ID, spool.Done)
	h.wantEachOnce(t, 21)
}

func TestScheduledStartIsHeldWhereSomethingIsInTheWay(t *testing.T) {
	for name, test := range map[string]struct {
		spoil func(t *testing.T, h *house)
		want  HeldFor
		says  string
	}{
		"switched off": {func(t *testing.T, h *house) { h.facts.facts.SendingEnabled = false }, HeldBlocked, "switched sending off"},
		"grown":        {func(t *testing.T, h *house) { h.enrolMore(t, 6) }, HeldGrown, "20 recipients were confirmed, now there are 26"},
	} {
		t.Run(name, func(t *testing.T) {
			h, w, c := scheduled(t, t.TempDir())
			test.spoil(t, h)
			h.clockwork(t)
			w.set(due)
			h.looked()
			held := waitState(t, h.store, c.ID, spool.Held)
			if held.HeldFor != test.want || !strings.Contains(held.Reason, test.says) || len(h.mailed()) > 0 {
				t.Errorf("held as %q: %s", held.HeldFor, held.Reason)
			}
			again := order
			again.At, again.Expect = "2026-12-02 10:00", -1
			h.store.Source, h.facts.facts.SendingEnabled = nil, true
			if c, err := h.store.Schedule(t.Context(), c.ID, again); err != nil || c.State != spool.Scheduled || c.HeldFor != "" || c.Reason != "" {
				t.Errorf("another time: %+v, %v", c, err)
			}
		})
	}
}

// enrolMore adds people who are not there yet.
func (h *house) enrolMore(t *testing.T, n int) {
	t.Helper()
	h.enrolAs(t, "later", n)
}

// A few more than were confirmed are no accident.
func TestScheduledStartTakesAFewMore(t *testing.T) {
	h, w, c := scheduled(t, t.TempDir())
	h.enrolMore(t, 5)
	h.clockwork(t)
	w.set(due)
	h.looked()
	waitState(t, h.store, c.ID, spool.Done)
	h.wantEachOnce(t, 25)
}

// Whatever a person does while preflight walks wins.
func TestScheduleTakenOffDuringItsPreflightDoesNotStart(t *testing.T) {
	for name, act := range map[string]func(*house, uint64) error{
		"taken off": func(h *house, id uint64) error { _, err := h.store.Unschedule(context.Background(), id); return err },
		"edited": func(h *house, id uint64) error {
			_, err := h.store.Edit(context.Background(), Campaign{ID: id, Template: "t", Values: map[string]string{"Body": "다른 본문"}})
			return err
		},
		"cancelled": func(h *house, id uint64) error { _, err := h.store.Cancel(context.Background(), id); return err },
	} {
		t.Run(name, func(t *testing.T) {
			h, w, c := scheduled(t, t.TempDir())
			asked := make(chan error, 8)
			h.store.Source = stepSource(func(context.Context) error { asked <- act(h, c.ID); return nil })
			h.clockwork(t)
			w.set(due)
			h.looked()
			if err := <-asked; err != nil {
				t.Fatal(err)
			}
			h.looked()
			now, err := h.store.Campaign(c.ID)
			if err != nil || now.State != spool.Draft && now.State != spool.Cancelled || !now.Sealed.IsZero() || len(h.mailed()) > 0 {
				t.Errorf("it is %s, %v", now.State, err)
			}
		})
	}
}

// A crash at any point between its time and its first mail: it starts once.
func TestCrashDuringAScheduledStart(t *testing.T) {
	sealed := func(t *testing.T, h *house, c Campaign) Campaign {
		t.Helper()
		sealed, err := h.store.sealAs(t.Context(), c.ID, func(c *Campaign) error { c.Expect, c.Most = -1, c.Schedule.Most(); return nil })
		if err != nil {
			t.Fatal(err)
		}
		return sealed
	}
	for name, crash := range map[string]func(t *testing.T, h *house, c Campaign){
		"before preflight": func(*testing.T, *house, Campaign) {},
		"after preflight": func(t *testing.T, h *house, c Campaign) {
			if _, err := h.store.Preflight(t.Context(), c.ID); err != nil {
				t.Fatal(err)
			}
		},
		"sealed": func(t *testing.T, h *house, c Campaign) { sealed(t, h, c) },
		"header": func(t *testing.T, h *house, c Campaign) { begin(t, h, sealed(t, h, c)) },
		"half frozen": func(t *testing.T, h *house, c Campaign) {
			begin(t, h, sealed(t, h, c))
			if err := h.spool.PutBatch(t.Context(), c.ID, []spool.Row{{Subscriber: 1}, {Subscriber: 2}}, spool.Mark{Subscriber: 2}); err != nil {
				t.Fatal(err)
			}
		},
		"frozen": func(t *testing.T, h *house, c Campaign) {
			if err := h.store.freeze(t.Context(), sealed(t, h, c)); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			h, w, c := scheduled(t, dir)
			w.set(due)
			crash(t, h, c)
			h.close(t)
			h = open(t, dir)
			w.set(due.Add(time.Minute))
			h.store.clock = w.now
			stop := h.clockwork(t)
			waitState(t, h.store, c.ID, spool.Done)
			stop()
			h.wantEachOnce(t, 20)
			all, err := h.store.Campaigns()
			if err != nil || len(all) != 1 {
				t.Errorf("%d campaigns, %v", len(all), err)
			}
		})
	}
}

func TestScheduleFollowsTheClocksOfItsZone(t *testing.T) {
	h := open(t, t.TempDir())
	h.enrol(t, 1)
	w := &wallClock{}
	h.store.clock = w.now
	id := h.draft(t, simple, Campaign{}).ID
	for _, c := range []struct {
		at, zone, want string
		clock          spool.Clock
	}{
		{"2026-12-01 10:00", "Asia/Seoul", "2026-12-01 01:00", spool.ClockOnce},
		{"2026-12-01T10:00", "America/New_York", "2026-12-01 15:00", spool.ClockOnce},
		{"2026-07-01 10:00", "America/New_York", "2026-07-01 14:00", spool.ClockOnce},
		{"2026-03-08 02:30", "America/New_York", "2026-03-08 07:00", spool.ClockGap},
		{"2026-11-01 01:30", "America/New_York", "2026-11-01 05:30", spool.ClockTwice},
	} {
		w.set(time.Date(2026, 2, 1, 0, 0, 0, 0, time.UTC))
		got, err := h.store.Schedule(t.Context(), id, ScheduleOrder{At: c.at, Zone: c.zone, Expect: -1})
		if err != nil {
			t.Fatal(err)
		}
		if shown := got.Schedule.Due.Format("2006-01-02 15:04"); shown != c.want || got.Schedule.Clock != c.clock {
			t.Errorf("%s in %s: %s, %q; want %s, %q", c.at, c.zone, shown, got.Schedule.Clock, c.want, c.clock)
		}
	}
	// A country gives up its summer time: what is stored is the wall time.
	raw, err := h.store.record(id)
	if err != nil || raw.Schedule.Wall != "2026-11-01 01:30" {
		t.Fatalf("stored as %+v, %v", raw.Schedule, err)
	}
	raw.Schedule.Due = time.Time{}
	if raw = raw.withDue(); raw.Schedule.Due.IsZero() {
		t.Error("its time is not computed anew")
	}
}
