package sesclient

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"pabal/spool"
)

func accountAnswer(w http.ResponseWriter, r *http.Request) {
	writeJSON(w, map[string]any{
		"ProductionAccessEnabled": false, "SendingEnabled": true, "EnforcementStatus": "HEALTHY",
		"SendQuota": map[string]float64{"Max24HourSend": 200, "MaxSendRate": 1, "SentLast24Hours": 17},
	})
}

func TestAccountFactsOnTheWire(t *testing.T) {
	fake := newFakeSES(t, false)
	c := fake.client(t, "")
	if s := c.Status(); s.Region != "ap-northeast-2" || !s.CheckedAt.IsZero() || s.Aim != 0.9 {
		t.Errorf("before anything is known: %+v", s)
	}
	fake.answers(accountAnswer)
	s, err := c.Account(t.Context(), time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	if s.Rate != 1 || s.Aim != 0.9 || s.Quota24h != 200 || s.Sent24h != 17 || !s.Sandbox || !s.SendingEnabled ||
		s.Enforcement != "HEALTHY" || s.CheckedAt.IsZero() || s.Error != "" {
		t.Errorf("%+v", s)
	}
	for range 10 {
		if _, err := c.Account(t.Context(), time.Minute); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(fake.got()); n != 1 || fake.got()[0].path != "/v2/email/account" {
		t.Errorf("%d calls for facts a minute old, want 1", n)
	}
}

func TestAccountFailureKeepsOldFacts(t *testing.T) {
	fake := newFakeSES(t, false)
	c := fake.client(t, "")
	fake.answers(accountAnswer)
	if _, err := c.Account(t.Context(), 0); err != nil {
		t.Fatal(err)
	}
	fake.answers(apiError(429, "TooManyRequestsException", "Rate exceeded"))
	s, err := c.Account(t.Context(), 0)
	wantRefusal(t, err, spool.Rate, "all")
	if s.Rate != 1 || s.Error != "TooManyRequestsException: Rate exceeded" {
		t.Errorf("%+v", s)
	}
	if s.Aim != 0.9 {
		t.Errorf("aim %g: a refused GetAccount slowed the sending down", s.Aim)
	}
}

func TestProbe(t *testing.T) {
	fake := newFakeSES(t, false)
	for name, tc := range map[string]struct {
		account map[string]any
		class   spool.Class
	}{
		"works":         {map[string]any{"SendingEnabled": true, "SendQuota": map[string]float64{"Max24HourSend": 200, "MaxSendRate": 1}}, ""},
		"paused":        {map[string]any{"SendingEnabled": false}, spool.Account},
		"shut down":     {map[string]any{"SendingEnabled": true, "EnforcementStatus": "SHUTDOWN"}, spool.Account},
		"quota used up": {map[string]any{"SendingEnabled": true, "SendQuota": map[string]float64{"Max24HourSend": 200, "MaxSendRate": 1, "SentLast24Hours": 200}}, spool.Quota},
	} {
		t.Run(name, func(t *testing.T) {
			fake.answers(func(w http.ResponseWriter, r *http.Request) { writeJSON(w, tc.account) })
			err := fake.client(t, "").Pace.Probe(t.Context())
			var refusal *spool.SendError
			if tc.class == "" && err != nil || tc.class != "" && (!errors.As(err, &refusal) || refusal.Class != tc.class) {
				t.Errorf("got %v, want %q", err, tc.class)
			}
		})
	}
}

// counted is a GetAccount that takes a while and counts.
type counted struct {
	calls atomic.Int64
	mu    sync.Mutex
	begun []time.Time
	err   error
}

func (c *counted) fetch(ctx context.Context) (facts, error) {
	c.calls.Add(1)
	c.mu.Lock()
	c.begun = append(c.begun, time.Now())
	err := c.err
	c.mu.Unlock()
	return facts{rate: 14, max24: -1, enabled: true}, errors.Join(pause(ctx, time.Now().Add(200*time.Millisecond)), err)
}

func TestGetAccountIsSharedAndOnceASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var source counted
		a := newAccount(source.fetch)
		var all sync.WaitGroup
		for range 50 {
			for range 5 {
				all.Go(func() {
					if f, err := a.get(t.Context(), 0); err != nil || f.rate != 14 {
						t.Error(f, err)
					}
				})
			}
			time.Sleep(100 * time.Millisecond)
		}
		all.Wait()
		if n := source.calls.Load(); n < 4 || n > 7 {
			t.Errorf("%d calls for 250 questions in 5 s", n)
		}
		for i, at := range source.begun[1:] {
			if gap := at.Sub(source.begun[i]); gap < time.Second {
				t.Errorf("call %d came %s after the one before", i+1, gap)
			}
		}
	})
}

// runClient is a client whose facts come from a function.
func runClient(source *counted) *Client {
	c := &Client{Pace: newPace(Options{}), log: logger(Options{}), account: newAccount(source.fetch)}
	c.account.changed, c.account.starts, c.Pace.probe = c.Pace.setFacts, c.Pace.factsMark, c.probe
	return c
}

func TestRunRefreshesEveryMinuteAndAfterRefusals(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var source counted
		c := runClient(&source)
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- c.Run(ctx) }()
		time.Sleep(10*time.Minute + time.Second)
		if n := source.calls.Load(); n != 10 && n != 11 {
			t.Errorf("%d calls in ten minutes", n)
		}
		before := source.calls.Load()
		c.Pace.Report(spool.Bulk, &spool.SendError{Class: spool.Quota})
		time.Sleep(1500 * time.Millisecond)
		if n := source.calls.Load() - before; n != 1 {
			t.Errorf("%d calls after a quota refusal, want one at once", n)
		}
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

func TestRunAsksLessOftenWhileSESIsAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source := counted{err: errors.New("away")}
		c := runClient(&source)
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
		defer cancel()
		if err := c.Run(ctx); err != nil {
			t.Error(err)
		}
		if n := source.calls.Load(); n < 11 || n > 15 {
			t.Errorf("%d calls in ten minutes without an answer", n)
		}
		if s := c.Status(); !strings.Contains(s.Error, "away") {
			t.Errorf("status says %q", s.Error)
		}
	})
}
