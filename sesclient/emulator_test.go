package sesclient

import (
	"context"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"pabal/sesclient/emulator"
	"pabal/spool"
)

// onEmulator is a client of an emulator over a real connection.
func onEmulator(t *testing.T, o emulator.Options) (*Client, *emulator.Server) {
	t.Helper()
	server, err := emulator.New(o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	url, wait, err := server.Listen(ctx, "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cancel()
		if err := wait(); err != nil {
			t.Error(err)
		}
	})
	return newClient(t, Options{Region: "ap-northeast-2", Endpoint: url, Credentials: Credentials{"AKID", "secret"}, NoDNS: true}), server
}

// By the emulator's own clock and with its rules: never faster than allowed,
// hardly anything refused (a loaded machine may bunch calls on their way), each
// mail with its id. How near it comes to the aim is told on a synthetic clock.
func TestPaceAgainstTheEmulator(t *testing.T) {
	const rate, mails = 50, 90
	c, server := onEmulator(t, emulator.Options{Rate: rate, Latency: 30 * time.Millisecond})
	if _, err := c.Account(t.Context(), 0); err != nil {
		t.Fatal(err)
	}
	var calls sync.WaitGroup
	var accepted atomic.Int64
	for accepted.Load() < mails && t.Context().Err() == nil {
		n, err := c.Pace.Take(t.Context(), spool.Bulk, 16)
		if err != nil {
			t.Fatal(err)
		}
		for range n {
			calls.Go(func() {
				if _, err := c.Pace.Wait(t.Context()); err != nil {
					t.Error(err)
				}
				_, err := c.Send(t.Context(), testMail(1000))
				c.Pace.Report(spool.Bulk, err)
				if err == nil {
					accepted.Add(1)
				} else if Classify(err).Class != spool.Rate {
					t.Error(err)
				}
			})
		}
	}
	calls.Wait()
	if got := server.MaxPerSecond(); got > rate+1 {
		t.Errorf("%d accepted in one second, limit %d", got, rate)
	}
	if got := server.Throttled(); got > mails/10 {
		t.Errorf("%d throttled", got)
	}
	log := server.Accepted()
	if len(log) != int(accepted.Load()) {
		t.Errorf("%d in the emulator's log, %d were accepted", len(log), accepted.Load())
	}
	if a := log[0]; a.XPabalID != "st0re-3-7-1" || a.Tags["pabal"] != "st0re-3-7-1" || len(a.To) != 1 {
		t.Errorf("first accepted call: %+v", a)
	}
}

// The emulator's faults, told by hand from the table in the package's manual.
func TestFaultsOfTheEmulator(t *testing.T) {
	c, server := onEmulator(t, emulator.Options{Rate: -1})
	for kind, want := range map[string]struct {
		class spool.Class
		scope spool.Scope
	}{
		"throttle": {spool.Rate, "all"}, "throttling": {spool.Rate, "all"}, "api_throttle": {spool.Rate, "all"},
		"quota": {spool.Quota, "all"}, "error500": {spool.Temporary, ""}, "unavailable": {spool.Temporary, ""},
		"html503": {spool.Temporary, ""}, "bare502": {spool.Ambiguous, ""}, "reset": {spool.Ambiguous, ""},
		"lost": {spool.Ambiguous, ""}, "garbage": {spool.Ambiguous, ""},
		"paused": {spool.Account, "all"}, "suspended": {spool.Account, "all"},
		"unverified": {spool.Identity, "from:example.com"}, "unverified_identity": {spool.Identity, "from:example.com"},
		"bad_request": {spool.Permanent, ""}, "rejected": {spool.Permanent, ""}, "too_large": {spool.Permanent, ""},
		"not_found": {spool.Configuration, "all"}, "access_denied": {spool.Credentials, "all"},
		"expired_token": {spool.Credentials, "all"}, "clock_skew": {spool.Credentials, "all"},
	} {
		server.SetFault(emulator.Fault{Kind: kind, Count: 1})
		before := server.Calls("SendEmail")
		_, err := c.Send(t.Context(), testMail(100))
		server.ClearFaults()
		refusal := Classify(err)
		if refusal == nil || refusal.Class != want.class || refusal.Scope != want.scope {
			t.Errorf("%s: got %v, want %s %s", kind, err, want.class, want.scope)
		}
		if n := server.Calls("SendEmail") - before; n > 1 {
			t.Errorf("%s: %d calls", kind, n)
		}
	}
	if _, err := c.Send(t.Context(), testMail(100)); err != nil {
		t.Errorf("after the faults: %v", err)
	}
}

func TestSandboxOfTheEmulator(t *testing.T) {
	c, _ := onEmulator(t, emulator.Options{Sandbox: true, Rate: 100, Verified: []string{"example.com", "friend@example.net"}})
	m := testMail(100)
	_, err := c.Send(t.Context(), m)
	refusal := wantRefusal(t, err, spool.Permanent, "")
	if !strings.Contains(refusal.Text, "sandbox") {
		t.Errorf("text %q", refusal.Text)
	}
	m.To = "friend@example.net"
	if _, err := c.Send(t.Context(), m); err != nil {
		t.Error(err)
	}
	for address, want := range map[string]bool{"shop@example.com": true, "friend@example.net": true, "customer@example.net": false} {
		if got, err := c.Verified(t.Context(), address); got != want || err != nil {
			t.Errorf("%s: %t, %v", address, got, err)
		}
	}
	if s, err := c.Account(t.Context(), 0); err != nil || !s.Sandbox || s.Quota24h != 200 {
		t.Errorf("%+v, %v", s, err)
	}
}
