package spool

import (
	"context"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"
	_ "time/tzdata"
)

func zone(t *testing.T, name string) *time.Location {
	t.Helper()
	z, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return z
}

func wall(t *testing.T, text string) time.Time {
	t.Helper()
	w, err := time.Parse("2006-01-02 15:04", text)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// The days on which clocks are changed, in zones that do it each in their way.
func TestInstantOfAWallClock(t *testing.T) {
	for _, c := range []struct {
		zone, wall, want string // want in UTC
		clock            Clock
	}{
		{"Asia/Seoul", "2026-12-01 10:00", "2026-12-01 01:00", ClockOnce},
		{"America/New_York", "2026-03-08 01:59", "2026-03-08 06:59", ClockOnce},
		{"America/New_York", "2026-03-08 02:00", "2026-03-08 07:00", ClockGap}, // 03:00 EDT
		{"America/New_York", "2026-03-08 02:30", "2026-03-08 07:00", ClockGap},
		{"America/New_York", "2026-03-08 03:00", "2026-03-08 07:00", ClockOnce},
		{"America/New_York", "2026-11-01 00:59", "2026-11-01 04:59", ClockOnce},
		{"America/New_York", "2026-11-01 01:30", "2026-11-01 05:30", ClockTwice}, // the first: EDT
		{"America/New_York", "2026-11-01 02:00", "2026-11-01 07:00", ClockOnce},
		{"Europe/London", "2026-03-29 01:30", "2026-03-29 01:00", ClockGap},
		{"Europe/London", "2026-10-25 01:30", "2026-10-25 00:30", ClockTwice},
		{"Australia/Lord_Howe", "2026-10-04 02:10", "2026-10-03 15:30", ClockGap}, // half an hour
		{"Australia/Lord_Howe", "2026-04-05 01:45", "2026-04-04 14:45", ClockTwice},
		{"America/Sao_Paulo", "2018-11-04 00:00", "2018-11-04 03:00", ClockGap}, // a day without a midnight
		{"Pacific/Apia", "2011-12-30 12:00", "2011-12-30 10:00", ClockGap},      // a day that was left out
		{"Asia/Kathmandu", "2026-06-01 00:00", "2026-05-31 18:15", ClockOnce},
	} {
		at, clock := Instant(wall(t, c.wall), zone(t, c.zone))
		if got := at.UTC().Format("2006-01-02 15:04"); got != c.want || clock != c.clock {
			t.Errorf("%s in %s: %s UTC, %q; want %s, %q", c.wall, c.zone, got, clock, c.want, c.clock)
		}
	}
}

// Whatever the zone, an instant shows its wall time unless that is in a gap, and
// later walls never come earlier.
func TestInstantIsMonotonic(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 1))
	for _, name := range []string{"America/New_York", "Europe/Dublin", "Africa/Casablanca", "Asia/Tehran", "America/Santiago", "Antarctica/Troll", "Asia/Seoul"} {
		z := zone(t, name)
		for range 3000 {
			w := time.Date(2020+r.IntN(15), 1, 1, 0, r.IntN(366*24*60), 0, 0, time.UTC)
			at, clock := Instant(w, z)
			if shown := at.Format("2006-01-02 15:04"); (shown == w.Format("2006-01-02 15:04")) != (clock != ClockGap) {
				t.Fatalf("%s in %s is %v, clock %q", w, name, at, clock)
			}
			if next, _ := Instant(w.Add(time.Minute), z); next.Before(at) {
				t.Fatalf("%s in %s is %v, a minute later %v", w, name, at, next)
			}
		}
	}
}

func TestWindowIsRead(t *testing.T) {
	for _, c := range []struct{ hours, days, want string }{
		{"09-20", "", "09:00-20:00 Asia/Seoul"},
		{"9:30-18", "MON-Fri", "mon-fri 09:30-18:00 Asia/Seoul"},
		{"00-24", "sat,sun", "sat,sun 00:00-24:00 Asia/Seoul"},
		{"22-06", "fri-mon", "mon,fri-sun 22:00-06:00 Asia/Seoul"},
		{"09-20", "wed,mon,tue,fri", "mon-wed,fri 09:00-20:00 Asia/Seoul"},
		{"09-20", "tue-mon", "09:00-20:00 Asia/Seoul"},
	} {
		w, err := ParseWindow(c.hours, c.days, "Asia/Seoul")
		if err != nil || w.String() != c.want {
			t.Errorf("%s %s: %q, %v; want %q", c.hours, c.days, w, err, c.want)
		}
		if again, err := ParseWindow(w.Hours, w.Days, w.Zone); again != w {
			t.Errorf("%q is read back as %q, %v", w, again, err)
		}
	}
	for _, bad := range [][3]string{{"09", "", "Asia/Seoul"}, {"09-09", "", "Asia/Seoul"}, {"24-09", "", "Asia/Seoul"}, {"09-25", "", "Asia/Seoul"}, {"09-20:7", "", "Asia/Seoul"},
		{"-", "", "Asia/Seoul"}, {"09-20", "someday", "Asia/Seoul"}, {"09-20", "mon-", "Asia/Seoul"}, {"09-20", "", ""}, {"09-20", "", "Local"}, {"09-20", "", "Asia/Nowhere"}, {"+9-20", "", "Asia/Seoul"}} {
		if w, err := ParseWindow(bad[0], bad[1], bad[2]); err == nil {
			t.Errorf("%q was taken as %q", bad, w)
		}
	}
}

func FuzzParseWindow(f *testing.F) {
	for _, s := range [][3]string{{"09-20", "mon-fri", "Asia/Seoul"}, {"22:30-06", "", "America/New_York"}, {"00-24", "sun,sat", "UTC"}, {"2-3", "sun", "America/New_York"}} {
		f.Add(s[0], s[1], s[2], int64(1_772_950_000))
	}
	f.Fuzz(func(t *testing.T, hours, days, zone string, at int64) {
		w, err := ParseWindow(hours, days, zone)
		if err != nil {
			return
		}
		if again, err := ParseWindow(w.Hours, w.Days, w.Zone); err != nil || again != w {
			t.Fatalf("%q is read back as %q, %v", w, again, err)
		}
		now := time.Unix(at%(1<<33), 0)
		opens, closes, err := w.Span(now)
		if err != nil || !closes.After(opens) || !closes.After(now) || opens.Sub(now) > 9*24*time.Hour {
			t.Fatalf("%q at %v: %v to %v, %v", w, now, opens, closes, err)
		}
	})
}

func TestWindowSpans(t *testing.T) {
	for _, c := range []struct{ hours, days, zone, at, opens, closes string }{ // all in the zone
		{"09-20", "mon-fri", "Asia/Seoul", "2026-11-20 08:59", "2026-11-20 09:00", "2026-11-20 20:00"}, // a Friday
		{"09-20", "mon-fri", "Asia/Seoul", "2026-11-20 19:59", "2026-11-20 09:00", "2026-11-20 20:00"},
		{"09-20", "mon-fri", "Asia/Seoul", "2026-11-20 20:00", "2026-11-23 09:00", "2026-11-23 20:00"},
		{"22-06", "fri", "Asia/Seoul", "2026-11-21 05:00", "2026-11-20 22:00", "2026-11-21 06:00"}, // past midnight, of the day it opens
		{"22-06", "fri", "Asia/Seoul", "2026-11-21 06:00", "2026-11-27 22:00", "2026-11-28 06:00"},
		{"00-24", "sun", "America/New_York", "2026-11-01 12:00", "2026-11-01 00:00", "2026-11-02 00:00"}, // 25 hours
		{"02-04", "sun", "America/New_York", "2026-03-08 00:00", "2026-03-08 03:00", "2026-03-08 04:00"}, // an hour of it is in the gap
		{"02:00-02:30", "sun", "America/New_York", "2026-03-08 00:00", "2026-03-15 02:00", "2026-03-15 02:30"},
	} {
		w, err := ParseWindow(c.hours, c.days, c.zone)
		if err != nil {
			t.Fatal(err)
		}
		z := zone(t, c.zone)
		now, _ := Instant(wall(t, c.at), z)
		opens, closes, err := w.Span(now)
		show := func(at time.Time) string { return at.In(z).Format("2006-01-02 15:04") }
		if err != nil || show(opens) != c.opens || show(closes) != c.closes {
			t.Errorf("%s at %s: %s to %s, %v; want %s to %s", w, c.at, show(opens), show(closes), err, c.opens, c.closes)
		}
	}
}

// fenced makes campaign 1 of n, with a window by the clock of the bubble, which
// begins at midnight UTC on Saturday, 2000-01-01.
func (b *bench) fenced(n int, hours, days string) {
	b.t.Helper()
	w, err := ParseWindow(hours, days, "UTC")
	if err != nil {
		b.t.Fatal(err)
	}
	if err := b.Begin(b.t.Context(), Ledger{Campaign: 1, FromDomain: "example.com", MaxID: uint64(n), Expect: -1, Window: &w}); err != nil {
		b.t.Fatal(err)
	}
	b.freeze(1, n)
}

func TestCampaignWaitsForItsWindow(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		b.run()
		b.fenced(10, "09-20", "mon-fri")
		after(time.Minute)
		monday := time.Date(2000, 1, 3, 9, 0, 0, 0, time.UTC)
		l := b.state(1)
		if b.sender.total() != 0 || l.State != Running || l.Hold == nil || l.Hold.Class != OutsideWindow || !l.Hold.Until.Equal(monday) || l.Hold.Manual {
			t.Fatalf("%d calls, %s, hold %+v", b.sender.total(), l.State, l.Hold)
		}
		st, err := b.Status()
		if err != nil || len(st.Held) != 1 || st.Held[0].Scope != CampaignScope(1) || st.OldestSeconds != 0 {
			t.Errorf("status: %+v, %v", st, err)
		}
		for time.Now().Before(monday) {
			after(min(time.Until(monday), time.Hour) - 1)
			if b.sender.total() > 0 {
				t.Fatalf("sent at %v", time.Now())
			}
			after(1)
		}
		after(time.Second)
		if l = b.state(1); l.State != Done || l.Accepted != 10 || !b.sender.at[0].Equal(monday) {
			t.Errorf("%s, %d accepted, the first at %v", l.State, l.Accepted, b.sender.at[0])
		}
		b.proved()
	})
}

// What is not done when the window closes, retries too, waits without using up
// a try, over a restart as well.
func TestRetriesWaitForTheWindow(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		b.RetryDelays = []time.Duration{time.Minute}
		after(19*time.Hour + 59*time.Minute + 50*time.Second)
		b.sender.fn = func(_ context.Context, m *Message, n int) error {
			if n == 1 && (m.Subscriber == 1 || m.Subscriber == 9) {
				return &SendError{Class: Temporary, Text: "later"}
			}
			return nil
		}
		b.run()
		b.fenced(9, "09-20", "")
		after(8 * time.Second)
		if l := b.state(1); l.Accepted != 7 || l.Pending != 2 {
			t.Fatalf("before it closes: %+v", l.Counts)
		}
		after(time.Hour)
		if got := b.message("c1-1"); got.Tries != 1 || got.Attempts != 1 {
			t.Errorf("a try was used up outside the window: %+v", got)
		}
		b.halt()
		b.run()
		after(12*time.Hour - time.Minute)
		if b.sender.total() != 9 {
			t.Errorf("%d calls, want 9", b.sender.total())
		}
		after(2 * time.Minute)
		l := b.state(1)
		if l.State != Done || l.Accepted != 9 || b.sender.total() != 11 {
			t.Errorf("after it opened: %s, %+v, %d calls", l.State, l.Counts, b.sender.total())
		}
		for _, at := range b.sender.at {
			if h := at.UTC().Hour(); h < 9 || h >= 20 {
				t.Errorf("a call at %v", at)
			}
		}
		b.proved()
	})
}

// A campaign outside its window keeps no other from sending, and a person may
// take the window off.
func TestWindowIsOfItsCampaignOnly(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		b.run()
		b.fenced(3, "09-20", "")
		b.freeze(2, 5)
		b.put("a@example.com")
		after(time.Second)
		if l := b.state(2); l.State != Done || b.sender.total() != 6 {
			t.Errorf("%s, %d calls", l.State, b.sender.total())
		}
		if err := b.SetWindow(WithCaller(t.Context(), "kim"), 1, nil); err != nil {
			t.Fatal(err)
		}
		after(time.Second)
		l := b.state(1)
		if l.State != Done || len(l.Acts) != 1 || l.Acts[0].What != "window" || l.Acts[0].By != "kim" {
			t.Errorf("%s, %+v", l.State, l.Acts)
		}
		if err := b.SetWindow(t.Context(), 1, nil); err == nil {
			t.Error("a campaign that is done got a window")
		}
	})
}

// The pace may be waited for until the window has closed.
func TestNothingIsLeasedAfterTheWindowClosed(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		after(19*time.Hour + 59*time.Minute)
		b.fenced(3, "09-20", "")
		due, _, err := b.ledgerCandidates(3)
		if err != nil || len(due) != 3 {
			t.Fatalf("%v, %v", due, err)
		}
		after(time.Minute)
		if leased, err := b.lease(Bulk, due, 0); err != nil || len(leased) > 0 {
			t.Errorf("leased %v, %v", leased, err)
		}
		if due, next, _ := b.ledgerCandidates(3); len(due) > 0 || time.Until(next) > windowLook {
			t.Errorf("%d due, next look at %v", len(due), next)
		}
		synctest.Wait()
		b.proved()
	})
}
