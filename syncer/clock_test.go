package syncer

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"pabal/audience"
)

func zoneOf(t *testing.T, name string) *time.Location {
	t.Helper()
	zone, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return zone
}

func TestTheHourThatComesTwiceIsReadFromItsFirstTime(t *testing.T) {
	zone := zoneOf(t, "America/New_York")
	c := Config{Zone: zone}
	x := &table{Config: &c, forms: []form{asLocal}}
	at := func(utc string) int64 {
		parsed, err := time.Parse(time.DateTime, utc)
		if err != nil {
			t.Fatal(err)
		}
		return parsed.UnixMicro()
	}
	for _, c := range []struct{ since, now, want string }{
		{"2026-07-01 12:00:00", "2026-07-01 12:10:00", "2026-07-01 08:00:00.000000"},
		{"2026-11-01 05:45:00", "2026-11-01 06:10:00", "2026-11-01 00:45:00.000000"}, // 01:45 daylight, then 01:10 standard
		{"2026-11-01 06:10:00", "2026-11-01 06:20:00", "2026-11-01 01:10:00.000000"},
		{"2026-03-08 06:55:00", "2026-03-08 07:10:00", "2026-03-08 01:55:00.000000"}, // 02:00 does not exist
	} {
		if got := x.from(at(c.since), at(c.now)); got != c.want {
			t.Errorf("from %s: got %v, want %s", c.since, got, c.want)
		}
	}
	x.forms[0] = asUTC
	if got := x.from(at("2026-11-01 05:45:00"), at("2026-11-01 06:10:00")); got != "2026-11-01 05:45:00.000000" {
		t.Errorf("TIMESTAMP: got %v", got)
	}
	x.forms[0], x.seconds = asNumber, 1e3
	if got := x.from(1_700_000_000_123_456, 0); got != int64(1_700_000_000_123) {
		t.Errorf("number: got %v", got)
	}
}

func TestMicrosReadsEveryFormOfUpdatedAt(t *testing.T) {
	c := Config{Zone: zoneOf(t, "Asia/Seoul")}
	x := &table{Config: &c, forms: []form{asLocal}, seconds: 1e6}
	for _, v := range []struct {
		form form
		raw  string
		want int64
	}{
		{asUTC, "2026-01-01 00:00:00", 1767225600e6}, {asUTC, "2026-01-01 00:00:00.250000", 1767225600e6 + 250000},
		{asLocal, "2026-01-01 09:00:00", 1767225600e6}, {asLocal, "2026-01-02", 1767279600e6},
		{asNumber, "1767225600", 1767225600e6}, {asUTC, "0000-00-00 00:00:00", 0}, {asUTC, "", 0}, {asUTC, "x", 0},
	} {
		x.forms[0] = v.form
		if got := x.micros([]byte(v.raw)); got != v.want {
			t.Errorf("%d %q: got %d, want %d", v.form, v.raw, got, v.want)
		}
	}
}

func TestWantsFullWhenATickCouldMissSomething(t *testing.T) {
	const minute = int64(60e6)
	const overlap = 5 * time.Minute
	base := int64(1_700_000_000e6)
	whole := mark{Plan: "p", Watermark: base, Ours: base, LastFull: time.UnixMicro(base)}
	for _, c := range []struct {
		name      string
		change    func(*mark)
		updated   bool
		now, ours int64
		want      string
	}{
		{"a tick", func(*mark) {}, true, base + 10*minute, base + 10*minute, ""},
		{"little drift", func(*mark) {}, true, base + 10*minute, base + 11*minute, ""},
		{"first", func(m *mark) { m.Watermark = 0 }, true, base, base, "first load"},
		{"plan", func(m *mark) { m.Plan = "q" }, true, base, base, "the configuration of the source changed"},
		{"no column", func(*mark) {}, false, base, base, "there is no updated_at"},
		{"server back", func(*mark) {}, true, base - 10*minute, base + minute, "the clock of the server or ours was set"},
		{"server back, tick far", func(*mark) {}, true, base + 52*minute, base + 60*minute, "the clock of the server or ours was set"},
		{"server ahead", func(*mark) {}, true, base + 60*minute, base + minute, "the clock of the server or ours was set"},
		{"failed", func(m *mark) { m.LastFull = time.Time{} }, true, base, base, "the last full sync failed"},
		{"daily", func(*mark) {}, true, base + 1441*minute, base + 1441*minute, "daily"},
	} {
		m := whole
		c.change(&m)
		if got := m.wantsFull("p", c.updated, overlap, c.now, c.ours); got != c.want {
			t.Errorf("%s: got %q, want %q", c.name, got, c.want)
		}
	}
}

func TestAMarkIsReadBackAndAForeignOneBeginsAnew(t *testing.T) {
	m := mark{Plan: "p", Watermark: 5, Run: &run{Full: true, At: &position{Key: []byte{0, 1}, Raw: "x"}}}
	got := readMark(m.bytes())
	if got.Plan != "p" || got.Watermark != 5 || !got.Run.Full || string(got.Run.At.Key) != "\x00\x01" || got.Run.At.Raw != "x" {
		t.Errorf("got %+v", got)
	}
	if got := readMark([]byte("{")); got.Watermark != 0 || got.Run != nil {
		t.Errorf("got %+v", got)
	}
}

func TestTheWaitAfterAFailureGrowsToALimit(t *testing.T) {
	for _, c := range []struct {
		failures    int
		every, want time.Duration
	}{{1, time.Hour, firstWait}, {2, time.Hour, 2 * firstWait}, {3, time.Hour, 4 * firstWait}, {50, time.Hour, mostWait}, {50, time.Minute, time.Minute}, {1, time.Second, firstWait}} {
		if got := wait(c.failures, c.every); got != c.want {
			t.Errorf("%d, every %v: got %v, want %v", c.failures, c.every, got, c.want)
		}
	}
}

func TestDailyIsTheNextTimeOfDay(t *testing.T) {
	seoul := zoneOf(t, "Asia/Seoul")
	for after, want := range map[string]string{"2026-01-01 02:59:00": "2026-01-01 03:00:00", "2026-01-01 03:00:00": "2026-01-02 03:00:00", "2026-12-31 23:00:00": "2027-01-01 03:00:00"} {
		at, err := time.ParseInLocation(time.DateTime, after, seoul)
		if err != nil {
			t.Fatal(err)
		}
		if got := daily(at, "03:00").Format(time.DateTime); got != want {
			t.Errorf("after %s: got %s, want %s", after, got, want)
		}
	}
}

func TestNextFollowsTheStatus(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		now := time.Now()
		s := &Syncer{config: Config{Every: time.Hour}}
		if !s.due() {
			t.Error("the first sync is due at once")
		}
		s.status = Status{LastGood: now}
		if s.due() || !s.next().Equal(now.Add(time.Hour)) {
			t.Errorf("next %v", s.next())
		}
		s.status = Status{LastGood: now.Add(-time.Hour), LastTry: now, Failures: 1}
		if got := s.next(); !got.Equal(now.Add(firstWait)) {
			t.Errorf("after a failure: %v", got)
		}
	})
}

// TestASyncThatFailedIsTriedAgainSoon whoever asked for it: the timer waits for
// its own next time, an hour away, and learns of it.
func TestASyncThatFailedIsTriedAgainSoon(t *testing.T) {
	store, err := audience.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	batch, err := store.NewSyncBatch(audience.SyncOptions{})
	if err == nil {
		_, err = store.Sync(context.Background(), batch, func(audience.SyncResult) []byte { return mark{LastGood: time.Now()}.bytes() })
	}
	c := good()
	c.DSN, c.Every = "u:p@tcp(127.0.0.1:1)/shop", time.Hour
	s, err2 := New(store, c, nil)
	if err = errors.Join(err, err2); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	defer func() { cancel(); <-ended }()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	next := func(good func(time.Duration) bool) {
		for !good(time.Until(s.Status().Next)) {
			select {
			case <-tick.C:
			case <-ctx.Done():
				t.Fatalf("next in %v", time.Until(s.Status().Next))
			}
		}
	}
	next(func(d time.Duration) bool { return d > 50*time.Minute })
	if _, err := s.Sync(ctx, Order{}); err == nil {
		t.Fatal("somebody answers at port 1")
	}
	next(func(d time.Duration) bool { return d < time.Minute })
}
