package cli

import (
	"math"
	"testing"
	"time"

	"pabal/sesclient/emulator"
	"pabal/spool"
)

// Every answer SES is known to give, end to end: what the call becomes, how
// many calls were made, what is held.
func TestEveryAnswerOfSES(t *testing.T) {
	const p, a, f, u = spool.Pending, spool.Accepted, spool.Failed, spool.Unknown
	for _, c := range []struct {
		fault       emulator.Fault
		queue, bulk spool.Outcome // after 40 s
		calls       int           // in the queue by then; 0: not fixed
		hold        spool.Scope
		manual      bool
	}{
		{fault: emulator.Fault{Kind: "throttle"}, queue: p, bulk: p},
		{fault: emulator.Fault{Kind: "throttle", Count: 2}, queue: a, bulk: a, calls: 3},
		{fault: emulator.Fault{Kind: "throttling"}, queue: p, bulk: p},
		{fault: emulator.Fault{Kind: "api_throttle"}, queue: p, bulk: p},
		{fault: emulator.Fault{Kind: "quota"}, queue: p, bulk: p, calls: 2, hold: "all"},
		{fault: emulator.Fault{Kind: "error500"}, queue: f, bulk: f, calls: 4},
		{fault: emulator.Fault{Kind: "error500", Count: 2}, queue: a, bulk: a, calls: 3},
		{fault: emulator.Fault{Kind: "unavailable"}, queue: f, bulk: f, calls: 4},
		{fault: emulator.Fault{Kind: "html503"}, queue: f, bulk: f, calls: 4},
		{fault: emulator.Fault{Kind: "bare502"}, queue: u, bulk: u, calls: 4},
		{fault: emulator.Fault{Kind: "bare502", Count: 1}, queue: a, bulk: u, calls: 2},
		{fault: emulator.Fault{Kind: "reset", Count: 1}, queue: a, bulk: u, calls: 2},
		{fault: emulator.Fault{Kind: "lost", Count: 1}, queue: a, bulk: u, calls: 2},
		{fault: emulator.Fault{Kind: "garbage", Count: 1}, queue: a, bulk: u, calls: 2},
		{fault: emulator.Fault{Kind: "hang", Count: 1}, queue: a, bulk: u, calls: 2},
		{fault: emulator.Fault{Kind: "slow", Delay: 10 * time.Second}, queue: a, bulk: a, calls: 1},
		{fault: emulator.Fault{Kind: "paused"}, queue: p, bulk: p, calls: 1, hold: "all"},
		{fault: emulator.Fault{Kind: "suspended"}, queue: p, bulk: p, calls: 1, hold: "all", manual: true},
		{fault: emulator.Fault{Kind: "unverified"}, queue: p, bulk: p, calls: 1, hold: "from:example.com"},
		{fault: emulator.Fault{Kind: "unverified_identity", Text: "Email address is not verified. The following identities failed the check in region AP-NORTHEAST-2: shop@example.com"},
			queue: p, bulk: p, calls: 1, hold: "from:example.com"},
		{fault: emulator.Fault{Kind: "bad_request"}, queue: f, bulk: f, calls: 1},
		{fault: emulator.Fault{Kind: "rejected"}, queue: f, bulk: f, calls: 1},
		{fault: emulator.Fault{Kind: "too_large"}, queue: f, bulk: f, calls: 1},
		{fault: emulator.Fault{Kind: "access_denied"}, queue: p, bulk: p, calls: 1, hold: "all"},
		{fault: emulator.Fault{Kind: "expired_token"}, queue: p, bulk: p, calls: 1, hold: "all"},
		{fault: emulator.Fault{Kind: "clock_skew"}, queue: p, bulk: p, calls: 1, hold: "all"},
		{fault: emulator.Fault{Kind: "not_found"}, queue: p, bulk: p, calls: 1, hold: "configuration_set:main"},
	} {
		t.Run(c.fault.Kind, func(t *testing.T) {
			inWorld(t, emulator.Options{}, func(t *testing.T, w *world) {
				pass(2 * time.Second) // account facts
				w.ses.SetFault(c.fault)
				id := w.put("a@example.net", 0)
				pass(40 * time.Second)
				m := w.message(id)
				if m.Outcome != c.queue {
					t.Errorf("queue: %s (%s), want %s", m.Outcome, m.Reason, c.queue)
				}
				if c.calls > 0 && w.ses.Calls("SendEmail") != c.calls {
					t.Errorf("queue: %d calls, want %d", w.ses.Calls("SendEmail"), c.calls)
				}
				if m.Outcome == p && m.Tries != 0 {
					t.Errorf("queue: %d tries used up by an answer that is not about the message", m.Tries)
				}
				w.wantHold(c.hold, c.manual)
			})
			inWorld(t, emulator.Options{}, func(t *testing.T, w *world) {
				pass(2 * time.Second)
				w.ses.SetFault(c.fault)
				w.campaign(1, 1)
				pass(40 * time.Second)
				if m := w.message("c1-1"); m.Outcome != c.bulk {
					t.Errorf("bulk: %s (%s), want %s", m.Outcome, m.Reason, c.bulk)
				}
				if c.bulk == u && w.ses.Calls("SendEmail") != 1 {
					t.Errorf("bulk: %d calls after a lost answer, want 1", w.ses.Calls("SendEmail"))
				}
			})
		})
	}
}

// wantHold fails the test unless exactly this is held ("" for nothing).
func (w *world) wantHold(scope spool.Scope, manual bool) {
	w.t.Helper()
	holds := w.spool.Holds()
	if scope == "" {
		if len(holds) > 0 {
			w.t.Errorf("held: %+v, want nothing", holds)
		}
		return
	}
	if len(holds) != 1 || holds[0].Scope != scope || holds[0].Manual != manual || holds[0].Reason == "" || holds[0].Hint == "" {
		w.t.Errorf("held: %+v, want %q (manual %v) with reason and hint", holds, scope, manual)
	}
}

// Two hours of refused connections, of 503 and of bare 502 on every call: none
// may fail, and all of it ends by itself.
func TestTwoHoursWithoutSES(t *testing.T) {
	for name, set := range map[string]func(w *world, on bool){
		"refused": func(w *world, on bool) { w.net.refuse(on) },
		"503":     func(w *world, on bool) { w.every("html503", on) },
		"502":     func(w *world, on bool) { w.every("bare502", on) },
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, emulator.Options{}, func(t *testing.T, w *world) {
				pass(time.Minute) // account facts, and idle connections gone
				set(w, true)
				w.campaign(1, 100)
				first := w.put("a@example.net", 0)
				pass(time.Hour)
				late := w.put("b@example.net", 0)
				pass(time.Hour)
				if l := w.ledger(1); l.Failed != 0 || l.Accepted != 0 {
					t.Errorf("after two hours: %d failed, %d accepted", l.Failed, l.Accepted)
				}
				set(w, false)
				pass(5 * time.Minute)
				l := w.ledger(1)
				if l.Failed != 0 || l.State != spool.Done {
					t.Errorf("afterwards: %d failed, %s; want none, done", l.Failed, l.State)
				}
				if name != "502" && l.Accepted != 100 {
					t.Errorf("%d accepted, want 100", l.Accepted)
				}
				if l.Unknown > 4 {
					t.Errorf("%d unknown, want at most the calls that were open", l.Unknown)
				}
				for _, id := range []string{first, late} {
					if m := w.message(id); m.Outcome != spool.Accepted {
						t.Errorf("%s is %s (%s), want accepted", id, m.Outcome, m.Reason)
					}
				}
				w.wantHold("", false)
			})
		})
	}
}

func (w *world) every(kind string, on bool) {
	if !on {
		w.ses.ClearFaults()
		return
	}
	w.ses.SetFault(emulator.Fault{Kind: kind, Op: "*"})
}

// The owner's scenario at sandbox settings: 200 mails of 100 KB within 300 s;
// what comes after them waits, and the hold names the hour it goes.
func TestSandboxTakesTwoHundredAndHoldsTheRest(t *testing.T) {
	inWorld(t, emulator.Options{Sandbox: true, Verified: []string{"example.com", "example.net"}}, func(t *testing.T, w *world) {
		began := time.Now()
		w.size = 100 << 10
		w.campaign(1, 200)
		pass(300 * time.Second)
		log := w.ses.Accepted()
		if len(log) != 200 {
			t.Fatalf("%d accepted in 300 s, want 200", len(log))
		}
		took := log[199].At.Sub(began)
		t.Logf("200 mails of 100 KB at 1/s: %v", took)
		if took > 230*time.Second {
			t.Errorf("took %v, want about 222 s", took)
		}
		if n := w.ses.MaxPerSecond(); n > 2 {
			t.Errorf("%d in one second, want at most 1 and one more", n)
		}
		late := w.put("late@example.net", 0)
		pass(time.Minute)
		holds := w.spool.Holds()
		if len(holds) != 1 || holds[0].Class != spool.Quota || holds[0].Until.IsZero() {
			t.Fatalf("holds %+v, want one of the quota with its end", holds)
		}
		until := holds[0].Until
		if d := until.Sub(began.Add(24 * time.Hour)); d < -time.Minute || d > 6*time.Minute {
			t.Errorf("announced %v, want about 24 h after the first mail (%v)", until, began.Add(24*time.Hour))
		}
		pass(time.Until(until) + 2*time.Minute)
		m := w.message(late)
		if m.Outcome != spool.Accepted {
			t.Fatalf("after %v: %s (%s), want accepted", until, m.Outcome, m.Reason)
		}
		if off := math.Abs(m.At.Sub(until).Seconds()); off > 90 {
			t.Errorf("sent at %v, announced for %v", m.At, until)
		}
	})
}

// P5 and P6 on the emulator's clock: never above the rate, hardly below the
// aim, and a lone mail is not kept waiting by a campaign of 10,000.
func TestCampaignKeepsThePaceAndLetsLoneMailPass(t *testing.T) {
	inWorld(t, emulator.Options{Latency: 50 * time.Millisecond}, func(t *testing.T, w *world) {
		pass(2 * time.Second)
		w.campaign(1, 10_000)
		pass(time.Minute) // past any start
		before := len(w.ses.Accepted())
		for i := range 12 {
			id := w.put("lone@example.net", 0)
			pass(5 * time.Second)
			if m := w.message(id); m.Outcome != spool.Accepted {
				t.Errorf("lone mail %d: %s after 5 s", i, m.Outcome)
			}
		}
		rate := float64(len(w.ses.Accepted())-before) / 60
		t.Logf("%.2f mails a second over 60 s, aim %.2f, most in any second %d", rate, 14*0.9, w.ses.MaxPerSecond())
		if rate < 0.95*14*0.9 {
			t.Errorf("%.2f mails a second, want at least 95 %% of %.2f", rate, 14*0.9)
		}
		if n := w.ses.MaxPerSecond(); n > 15 {
			t.Errorf("%d in one second, SES allows 14", n)
		}
		if n := w.ses.Throttled(); n > 0 {
			t.Errorf("%d calls were throttled", n)
		}
	})
}
