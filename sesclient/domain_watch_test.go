package sesclient

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// kept is a keeper in memory: what a store would hold after a restart.
type kept struct{ b []byte }

func (k *kept) SaveDomains(b []byte) error   { k.b = slices.Clone(b); return nil }
func (k *kept) LoadDomains() ([]byte, error) { return k.b, nil }

// town watched: what SES and the DNS say of each domain, and who was looked at.
type watchedTown struct {
	watch  *DomainWatch
	client *Client
	keeper *kept
	mu     sync.Mutex // of what follows, once the watch runs
	list   []Identity
	faults map[string][]Fault
	fails  error
	looks  []string
	log    strings.Builder
}

func newWatchedTown(t *testing.T, keeper *kept) *watchedTown {
	t.Helper()
	w := &watchedTown{keeper: keeper, faults: map[string][]Fault{}, list: []Identity{{Name: "example.com", Type: "domain", Verified: true}, {Name: "Other.example.net", Type: "domain", Verified: true},
		{Name: "pending.example.org", Type: "domain"}, {Name: "me@example.edu", Type: "address", Verified: true}}}
	w.client = &Client{log: slog.New(slog.NewTextHandler(&w.log, nil))}
	var err error
	if w.watch, err = w.client.WatchDomains("shop@example.com", keeper); err != nil {
		t.Fatal(err)
	}
	w.watch.list = func(context.Context) ([]Identity, error) {
		w.mu.Lock()
		defer w.mu.Unlock()
		return slices.Clone(w.list), w.fails
	}
	w.watch.look = func(_ context.Context, from string) (Domain, error) {
		w.mu.Lock()
		defer w.mu.Unlock()
		name := strings.ToLower(domainOf(from))
		w.looks = append(w.looks, name)
		if w.fails != nil {
			return newDomain(from), w.fails
		}
		d := newDomain(from)
		d.Identity, d.Faults, d.DKIM.Domain = name, w.faults[name], name
		w.client.domains.seen(d)
		return d, nil
	}
	return w
}

// change does something to the town while the watch runs.
func (w *watchedTown) change(do func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	do()
}

func (w *watchedTown) alarms() string {
	var out []string
	for _, a := range w.watch.Alarms() {
		text := a.Name
		for _, f := range a.Faults {
			text += " " + f.Part + "/" + f.Case
		}
		if a.Error != "" {
			text += " (" + a.Error + ")"
		}
		out = append(out, text)
	}
	return strings.Join(out, ", ")
}

// running runs the watch in the test's bubble; stop ends it.
func (w *watchedTown) running(t *testing.T) (stop func()) {
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- w.watch.Run(ctx) }()
	return func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}

func TestDomainsAreLookedAtDaily(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWatchedTown(t, &kept{})
		defer w.running(t)()
		time.Sleep(72*time.Hour + 2*time.Minute)
		synctest.Wait()
		slices.Sort(w.looks)
		if got := strings.Join(slices.Compact(slices.Clone(w.looks)), " "); got != "example.com other.example.net" || len(w.looks) != 8 {
			t.Errorf("looked %d times: %v", len(w.looks), w.looks)
		}
		if got := w.alarms(); got != "" {
			t.Errorf("alarms %s", got)
		}
	})
}

// A fault is an alarm when it is still there ten minutes later, over a restart
// too, and ends with the look that finds it mended.
func TestFaultThatStaysIsAnAlarm(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		keeper := &kept{}
		w := newWatchedTown(t, keeper)
		stop := w.running(t)
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		w.change(func() {
			w.faults["other.example.net"] = []Fault{{Part: "dkim", Case: "dns", Level: "warn", Data: map[string]string{"domain": "other.example.net"}}, {Part: "mail_from", Case: "none", Level: "note"}}
		})
		time.Sleep(24*time.Hour + time.Minute)
		synctest.Wait()
		if got := w.alarms(); got != "" {
			t.Errorf("at once: %s", got)
		}
		time.Sleep(12 * time.Minute)
		synctest.Wait()
		if got := w.alarms(); got != "other.example.net dkim/dns mail_from/none" || strings.Count(w.log.String(), "domain of a sender is amiss") != 1 {
			t.Errorf("got %s\n%s", got, w.log.String())
		}
		since := w.watch.Alarms()[0].Since
		stop()

		faults := w.faults
		w = newWatchedTown(t, keeper)
		w.faults = faults
		if got := w.watch.Alarms(); len(got) != 1 || !got[0].Since.Equal(since) {
			t.Errorf("after a restart: %+v", got)
		}
		stop = w.running(t)
		time.Sleep(2 * time.Hour)
		synctest.Wait()
		if strings.Contains(w.log.String(), "amiss") {
			t.Errorf("told again: %s", w.log.String())
		}
		w.change(func() { delete(w.faults, "other.example.net") })
		w.watch.look(t.Context(), "other.example.net") // somebody checks
		if got := w.alarms(); got != "" || !strings.Contains(w.log.String(), "mended") {
			t.Errorf("after mending: %s\n%s", got, w.log.String())
		}
		stop()
	})
}

// A fault that was gone ten minutes later is none.
func TestPassingFaultIsNoAlarm(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWatchedTown(t, &kept{})
		w.faults["example.com"] = []Fault{{Part: "dmarc", Case: "missing", Level: "warn"}}
		defer w.running(t)()
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		for range 3 { // somebody who mends it checks again and again meanwhile
			time.Sleep(time.Minute)
			if _, err := w.watch.look(t.Context(), "example.com"); err != nil {
				t.Fatal(err)
			}
		}
		w.change(func() { delete(w.faults, "example.com") })
		time.Sleep(48 * time.Hour)
		synctest.Wait()
		if got := w.alarms(); got != "" || strings.Contains(w.log.String(), "amiss") {
			t.Errorf("got %s\n%s", got, w.log.String())
		}
	})
}

// Neither a silent DNS nor a silent SES is a fault of the domain until a day of it.
func TestSilenceIsAnAlarmAfterADay(t *testing.T) {
	for name, silence := range map[string]func(*watchedTown){
		"DNS": func(w *watchedTown) {
			w.faults["example.com"] = []Fault{{Part: "dns_silent", Level: "warn", Data: map[string]string{"error": "no answer"}}}
			w.list = w.list[:1]
		},
		"SES": func(w *watchedTown) { w.fails = errors.New("no answer") },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWatchedTown(t, &kept{})
				silence(w)
				defer w.running(t)()
				time.Sleep(23 * time.Hour)
				synctest.Wait()
				looks := 0
				w.change(func() { looks = len(w.looks) })
				if got := w.alarms(); got != "" || looks < 20 {
					t.Errorf("within a day: %s after %d looks", got, looks)
				}
				time.Sleep(3 * time.Hour)
				synctest.Wait()
				if got := w.alarms(); !strings.HasPrefix(got, "example.com (no answer)") {
					t.Errorf("after a day: %s", got)
				}
				w.change(func() {
					w.fails = nil
					clear(w.faults)
				})
				time.Sleep(2 * time.Hour)
				synctest.Wait()
				if got := w.alarms(); got != "" {
					t.Errorf("after an answer: %s", got)
				}
			})
		})
	}
}

// A domain that SES no longer verifies is watched on; one taken out of SES is not.
func TestDomainThatLostItsVerificationIsWatchedOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWatchedTown(t, &kept{})
		defer w.running(t)()
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		w.change(func() {
			w.list[1].Verified = false
			w.faults["other.example.net"] = []Fault{{Part: "dkim", Case: "off", Level: "block"}}
		})
		time.Sleep(25 * time.Hour)
		synctest.Wait()
		if got := w.alarms(); got != "other.example.net dkim/off" {
			t.Errorf("got %s", got)
		}
		w.change(func() { w.list = w.list[:1] })
		time.Sleep(2 * time.Hour)
		synctest.Wait()
		if got := w.alarms(); got != "" {
			t.Errorf("taken out: %s", got)
		}
	})
}

func TestDamagedWatchIsSaid(t *testing.T) {
	c := &Client{log: slog.New(slog.DiscardHandler)}
	if _, err := c.WatchDomains("", &kept{[]byte("{")}); err == nil {
		t.Error("took half a state")
	}
}
