package emulator

import (
	"context"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/sesv2"
)

// clock is moved by hand.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func newClock() *clock { return &clock{at: time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)} }

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

func TestRateIsASlidingWindowOfOneSecond(t *testing.T) {
	k := newClock()
	s, c := local(t, Options{Rate: 3, Now: k.now})
	steps := []struct {
		after time.Duration
		ok    bool
	}{
		{0, true}, {600 * time.Millisecond, true}, {300 * time.Millisecond, true}, // full at 0, 600, 900
		{99 * time.Millisecond, false}, {time.Millisecond, true}, // the first is a second old at 1000
		{599 * time.Millisecond, false}, {time.Millisecond, true}, // 600 goes at 1600
	}
	for i, step := range steps {
		k.add(step.after)
		_, err := send(t, c, raw(mailText, "a@example.net"))
		if step.ok && err != nil {
			t.Fatalf("step %d: %v", i, err)
		}
		if !step.ok {
			wantCode(t, err, "TooManyRequestsException", "Maximum sending rate exceeded.")
			wantStatus(t, err, 429)
		}
	}
	if s.MaxPerSecond() != 3 || s.Throttled() != 2 {
		t.Errorf("max per second %d, throttled %d, want 3 and 2", s.MaxPerSecond(), s.Throttled())
	}
	if want := []Window{{0, 3}, {1, 2}}; !slices.Equal(s.Windows(), want) {
		t.Errorf("windows %v, want %v", s.Windows(), want)
	}
}

func TestRateCountsRecipients(t *testing.T) {
	k := newClock()
	s, c := local(t, Options{Rate: 3, Now: k.now})
	mustSend(t, c, raw(mailText, "a@example.net", "b@example.net"))
	_, err := send(t, c, raw(mailText, "a@example.net", "b@example.net"))
	wantCode(t, err, "TooManyRequestsException", "")
	mustSend(t, c, raw(mailText, "a@example.net"))
	k.add(time.Second)
	mustSend(t, c, raw(mailText, "1@example.net", "2@example.net", "3@example.net", "4@example.net")) // more than ever fits: alone
	if s.MaxPerSecond() != 4 {
		t.Errorf("max per second %d, want 4", s.MaxPerSecond())
	}
}

func TestRateBelowOneASecond(t *testing.T) {
	k := newClock()
	_, c := local(t, Options{Rate: 0.2, Now: k.now})
	mustSend(t, c, raw(mailText, "a@example.net"))
	k.add(5*time.Second - time.Millisecond)
	_, err := send(t, c, raw(mailText, "a@example.net"))
	wantCode(t, err, "TooManyRequestsException", "")
	k.add(time.Millisecond)
	mustSend(t, c, raw(mailText, "a@example.net"))
}

// TestRateHoldsForAnyArrival checks the rule and MaxPerSecond against a plain
// count over every window that begins at an accepted mail.
func TestRateHoldsForAnyArrival(t *testing.T) {
	seed := rand.Uint64()
	rng := rand.New(rand.NewPCG(seed, 1))
	k := newClock()
	s, c := local(t, Options{Rate: 14, Quota: -1, Now: k.now, Keep: -1})
	for range 600 {
		k.add(time.Duration(rng.IntN(120)) * time.Millisecond)
		send(t, c, raw(mailText, "a@example.net")) // refused or not
	}
	log, most := s.Accepted(), 0
	for i := range log {
		n := 0
		for j := i; j < len(log) && log[j].At.Sub(log[i].At) < time.Second; j++ {
			n++
		}
		most = max(most, n)
	}
	if most > 14 || most != s.MaxPerSecond() || s.Throttled() == 0 {
		t.Errorf("seed %d: %d in a second, MaxPerSecond %d, throttled %d", seed, most, s.MaxPerSecond(), s.Throttled())
	}
}

func TestQuotaRollsOverItsWindow(t *testing.T) {
	k := newClock()
	s, c := local(t, Options{Rate: -1, Quota: 3, QuotaWindow: time.Hour, Now: k.now})
	mustSend(t, c, raw(mailText, "a@example.net"))
	k.add(20 * time.Minute)
	mustSend(t, c, raw(mailText, "b@example.net", "c@example.net"))
	mustSend(t, c, raw(mailText, "success+x@simulator.amazonses.com")) // counts to the rate alone
	_, err := send(t, c, raw(mailText, "d@example.net"))
	wantCode(t, err, "LimitExceededException", "Daily message quota exceeded.")
	k.add(40*time.Minute - time.Millisecond)
	_, err = send(t, c, raw(mailText, "d@example.net"))
	wantCode(t, err, "LimitExceededException", "")
	k.add(time.Millisecond)
	mustSend(t, c, raw(mailText, "d@example.net"))
	_, err = send(t, c, raw(mailText, "e@example.net"))
	wantCode(t, err, "LimitExceededException", "")
	out, err := c.GetAccount(context.Background(), &sesv2.GetAccountInput{})
	if err != nil || out.SendQuota.SentLast24Hours != 3 || out.SendQuota.Max24HourSend != 3 {
		t.Errorf("quota is %+v, %v", out, err)
	}
	if st := s.State(); st.Accepted != 4 || st.Recipients != 5 || st.Sent != 3 {
		t.Errorf("state is %+v", st)
	}
}

func TestQuotaMemoryIsBounded(t *testing.T) {
	q := quota{max: -1, span: 24 * time.Hour}
	now := newClock().at
	for range 200_000 {
		now = now.Add(time.Second)
		q.add(now, 1)
	}
	if len(q.parts) > quotaParts+1 {
		t.Errorf("%d parts kept", len(q.parts))
	}
	if got := q.sent(now); got < 86_400 || got > 86_410 {
		t.Errorf("sent in 24 h of one a second is %d, want 86,400 and up to one part more", got)
	}
}

func TestWindowMemoryIsBounded(t *testing.T) {
	w := window{span: time.Second}
	now := newClock().at
	for range 100_000 {
		now = now.Add(time.Millisecond)
		w.expire(now)
		w.add(now, 1)
	}
	if w.sum != 1000 || cap(w.hits) > 10_000 {
		t.Errorf("sum %d, room for %d hits", w.sum, cap(w.hits))
	}
}

func TestAccountChangesWhileRunning(t *testing.T) {
	k := newClock()
	s, c := local(t, Options{Rate: 1, Now: k.now})
	mustSend(t, c, raw(mailText, "a@example.net"))
	s.SetAccount(Account{Rate: ptr(2.0), Quota: ptr(10.0)})
	mustSend(t, c, raw(mailText, "a@example.net"))
	_, err := send(t, c, raw(mailText, "a@example.net"))
	wantCode(t, err, "TooManyRequestsException", "")
	k.add(time.Second)
	s.SetAccount(Account{Paused: ptr(true)})
	_, err = send(t, c, raw(mailText, "a@example.net"))
	wantCode(t, err, "SendingPausedException", "paused")
	s.SetAccount(Account{Paused: ptr(false), Suspended: ptr(true)})
	_, err = send(t, c, raw(mailText, "a@example.net"))
	wantCode(t, err, "AccountSuspendedException", "")
	out, err := c.GetAccount(context.Background(), &sesv2.GetAccountInput{})
	if err != nil || out.SendingEnabled || *out.EnforcementStatus != "SHUTDOWN" || out.SendQuota.MaxSendRate != 2 {
		t.Errorf("account is %+v, %v", out, err)
	}
	s.SetAccount(Account{Suspended: ptr(false)})
	mustSend(t, c, raw(mailText, "a@example.net"))
}

// TestClockOfATestBubble runs the rules on the fake clock of synctest, with the
// real client and no socket.
func TestClockOfATestBubble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, c := local(t, Options{Sandbox: true, Verified: []string{"example.com", "example.net"}, Latency: 50 * time.Millisecond})
		begin := time.Now()
		sent := 0
		for sent < 200 {
			_, err := send(t, c, raw(mailText, "a@example.net"))
			if err != nil {
				wantCode(t, err, "TooManyRequestsException", "")
				time.Sleep(250 * time.Millisecond) // the bubble's clock
				continue
			}
			sent++
		}
		if took := time.Since(begin); took < 199*time.Second || took > 212*time.Second {
			t.Errorf("200 mails at 1/s took %v", took)
		}
		_, err := send(t, c, raw(mailText, "a@example.net"))
		wantCode(t, err, "LimitExceededException", "Daily message quota exceeded.")
		time.Sleep(24 * time.Hour)
		mustSend(t, c, raw(mailText, "a@example.net"))
		if s.MaxPerSecond() != 1 {
			t.Errorf("%d in one second", s.MaxPerSecond())
		}
	})
}

func TestAPIRateHoldsEverythingButSends(t *testing.T) {
	k := newClock()
	_, c := local(t, Options{APIRate: 1, Now: k.now})
	ctx := context.Background()
	if _, err := c.GetAccount(ctx, &sesv2.GetAccountInput{}); err != nil {
		t.Fatal(err)
	}
	_, err := c.GetEmailTemplate(ctx, &sesv2.GetEmailTemplateInput{TemplateName: ptr("x")})
	wantCode(t, err, "TooManyRequestsException", "Rate exceeded")
	mustSend(t, c, raw(mailText, "a@example.net"))
	k.add(time.Second)
	if _, err := c.GetAccount(ctx, &sesv2.GetAccountInput{}); err != nil {
		t.Fatal(err)
	}
}
