package alarm

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pabal/spool"
)

// kept is a memory that survives a watch.
type kept struct {
	mu    sync.Mutex
	b     []byte
	fails error
}

func (k *kept) SaveAlarms(b []byte) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.fails != nil {
		return k.fails
	}
	k.b = slices.Clone(b)
	return nil
}

func (k *kept) LoadAlarms() ([]byte, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return slices.Clone(k.b), nil
}

// scene is a watch over facts that a test changes.
type scene struct {
	t     *testing.T
	keep  *kept
	mu    sync.Mutex
	facts Facts
	log   bytes.Buffer
	mails *mailbox // nil: none
}

func newScene(t *testing.T) *scene { return &scene{t: t, keep: &kept{}} }

func (s *scene) set(change func(*Facts)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(&s.facts)
}

// run runs a watch for a while, as a daemon that is killed then.
func (s *scene) run(d time.Duration) *Watch {
	s.t.Helper()
	w, err := New(s.keep)
	if err != nil {
		s.t.Fatal(err)
	}
	w.After, w.Repeat, w.Host = time.Minute, 24*time.Hour, "host"
	w.Logger = slog.New(slog.NewTextHandler(&s.log, nil))
	w.Look = func() Facts {
		s.mu.Lock()
		defer s.mu.Unlock()
		f := s.facts
		f.At = time.Now()
		return f
	}
	if s.mails != nil {
		w.Mailer = s.mails
	}
	ctx, cancel := context.WithTimeout(s.t.Context(), d)
	defer cancel()
	if err := w.Run(ctx); err != nil {
		s.t.Fatal(err)
	}
	return w
}

// lines is how often a message stands in the journal.
func (s *scene) lines(message string) int { return strings.Count(s.log.String(), `msg="`+message+`"`) }

func (s *scene) want(began, goesOn, ended int) {
	s.t.Helper()
	if b, g, e := s.lines("alarm began"), s.lines("alarm goes on"), s.lines("alarm ended"); b != began || g != goesOn || e != ended {
		s.t.Errorf("the journal has %d began, %d goes on, %d ended; want %d, %d, %d:\n%s", b, g, e, began, goesOn, ended, s.log.String())
	}
}

func outage(since time.Time) func(*Facts) {
	return func(f *Facts) {
		f.Holds = []spool.Hold{{Scope: spool.ScopeAll, Class: spool.Outage, Reason: "503", Since: since}}
	}
}

func over(f *Facts) { f.Holds = nil }

func TestConditionThatBeginsAndEndsIsToldOnceEach(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScene(t)
		s.set(outage(time.Now()))
		s.run(59 * time.Second)
		s.want(0, 0, 0)
		w := s.run(10 * time.Minute)
		s.want(1, 0, 0)
		if all := w.Told(); len(all) != 1 || all[0].Name != Held || all[0].Level != Grave || all[0].Told.IsZero() {
			t.Errorf("told are %+v", all)
		}
		s.set(over)
		w = s.run(4 * time.Minute)
		s.want(1, 0, 0)
		if len(w.Alarms()) != 0 || len(w.Told()) != 1 {
			t.Errorf("now %v, told %v", w.Alarms(), w.Told())
		}
		w = s.run(2 * time.Minute)
		s.want(1, 0, 1)
		if len(w.Told()) != 0 {
			t.Errorf("told are still %v", w.Told())
		}
	})
}

// A restart at any time tells nothing again: what was told is remembered.
func TestRestartTellsNothingAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScene(t)
		s.set(outage(time.Now()))
		for range 30 {
			s.run(25 * time.Second)
		}
		s.want(1, 0, 0)
		s.set(over)
		for range 30 {
			s.run(25 * time.Second)
		}
		s.want(1, 0, 1)
	})
}

func TestConditionThatComesAndGoesIsToldOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScene(t)
		for range 60 {
			s.set(outage(time.Now()))
			s.run(35 * time.Second)
			s.set(over)
			s.run(35 * time.Second)
		}
		s.want(1, 0, 0)
		s.run(6 * time.Minute)
		s.want(1, 0, 1)
	})
}

func TestShortConditionIsToldToNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScene(t)
		s.set(outage(time.Now()))
		s.run(30 * time.Second)
		s.set(over)
		s.run(10 * time.Minute)
		s.want(0, 0, 0)
	})
}

func TestWhatGoesOnIsToldAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScene(t)
		s.set(outage(time.Now()))
		s.run(49*time.Hour + 5*time.Minute)
		s.want(1, 2, 0)
	})
}

// A certificate that ends soon becomes worse when it has ended.
func TestWorseIsToldAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScene(t)
		s.set(func(f *Facts) { f.Ends = map[string]time.Time{"SMTP": time.Now().Add(time.Hour)} })
		s.run(59 * time.Minute)
		s.want(1, 0, 0)
		s.run(5 * time.Minute)
		s.want(1, 1, 0)
	})
}

func TestClockThatIsSetBackKeepsAlarms(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScene(t)
		s.set(outage(time.Now().Add(100 * time.Hour))) // from before the clock was set back
		w := s.run(5 * time.Minute)
		s.want(1, 0, 0)
		if since := w.Alarms()[0].Since; since.After(time.Now()) {
			t.Errorf("since %s, which is to come", since)
		}
	})
}

func TestNotesAreShownAndToldToNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScene(t)
		s.set(func(f *Facts) { f.SES.Sandbox = true })
		w := s.run(time.Hour)
		s.want(0, 0, 0)
		if all := w.Alarms(); len(all) != 1 || all[0].Name != Sandbox || len(w.Told()) != 0 {
			t.Errorf("alarms %v, told %v", all, w.Told())
		}
	})
}

func TestQuotaIsNearTillItIsWellBelow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScene(t)
		sent := func(n float64) { s.set(func(f *Facts) { f.SES.Quota24h, f.SES.Sent24h = 1000, n }) }
		for _, step := range []struct {
			sent float64
			near int
		}{{890, 0}, {900, 1}, {870, 1}, {849, 0}, {870, 0}} {
			sent(step.sent)
			w := s.run(time.Minute)
			if got := len(w.Alarms()); got != step.near {
				t.Errorf("at %v of 1000: %d alarms, want %d", step.sent, got, step.near)
			}
		}
	})
}

// What cannot be kept is told all the same, and kept as soon as that works.
func TestFullDiskDoesNotKeepAlarmsFromBeingTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScene(t)
		s.keep.fails = errors.New("no space left on device")
		s.set(func(f *Facts) { f.Disk.NearlyFull = true })
		s.run(time.Minute)
		s.want(1, 0, 0)
		if s.lines("alarms were not kept") == 0 {
			t.Error("nobody is told that alarms were not kept")
		}
	})
}

func TestDamagedMemoryIsBegunAnew(t *testing.T) {
	for _, b := range []string{"{", `{"alarms":{"held all":null},"events":null}`} {
		w, err := New(&kept{b: []byte(b)})
		if w == nil || (err == nil) != (b != "{") {
			t.Fatalf("%s: %v, %v", b, w, err)
		}
		w.Look = func() Facts { return Facts{} }
		w.round(t.Context())
		if len(w.Alarms()) != 0 {
			t.Errorf("%s: %v", b, w.Alarms())
		}
	}
}

// mailbox takes mails while it is open.
type mailbox struct {
	mu     sync.Mutex
	closed bool
	ids    []string
	events []string
}

func (m *mailbox) Open() bool    { m.mu.Lock(); defer m.mu.Unlock(); return !m.closed }
func (m *mailbox) Mailed(string) {}
func (m *mailbox) Mail(_ context.Context, id string, events []Event) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.ids = append(m.ids, id)
	for _, e := range events {
		m.events = append(m.events, e.Event)
	}
	return nil
}

// TestMailWaitsTillSESTakesIt: all that happened meanwhile is in one.
func TestMailWaitsTillSESTakesIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScene(t)
		s.mails = &mailbox{closed: true}
		s.set(outage(time.Now()))
		s.run(10 * time.Minute)
		if len(s.mails.ids) != 0 {
			t.Errorf("mailed %v though SES takes nothing", s.mails.ids)
		}
		s.set(over)
		s.mails.closed = false
		s.run(30 * time.Second)
		s.run(10 * time.Minute)
		if len(s.mails.ids) != 2 || !slices.Equal(s.mails.events, []string{Began, Ended}) {
			t.Errorf("mails %v with %v", s.mails.ids, s.mails.events)
		}
	})
}
