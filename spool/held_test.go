package spool

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// heldCase is what SES answers to mail from bad.example (or to everybody) for a day.
type heldCase struct {
	name   string
	answer SendError
	others bool // mail of others goes on meanwhile
	person bool // it waits for a person
	calls  int  // in 24 hours, at most
}

func heldCases() []heldCase {
	bad := FromScope("bad.example")
	return []heldCase{
		{"24-hour quota", SendError{Class: Quota, Text: "Daily message quota exceeded"}, false, false, 24 * 120},
		{"account paused", SendError{Class: Account, Text: "Account is paused"}, false, false, 160},
		{"account suspended", SendError{Class: Account, Manual: true, Text: "suspended"}, false, true, 1},
		{"From domain not verified", SendError{Class: Identity, Scope: bad, Text: "not verified"}, true, false, 160},
		{"configuration set paused", SendError{Class: Configuration, Scope: ConfigurationSetScope("main"), Text: "paused"}, false, false, 160},
		{"credentials", SendError{Class: Credentials, Text: "expired"}, false, false, 160},
		{"our own store", SendError{Class: Storage, NoCall: true, Text: "cannot be read"}, false, false, 160},
	}
}

// A day under each hold: no try is used up, it is probed slowly, it says so in
// status, log and events, and it ends by itself, or waits for a person.
func TestADayUnderEachHold(t *testing.T) {
	for _, c := range heldCases() {
		t.Run(c.name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, b *bench) { dayUnder(t, b, c) })
		})
	}
}

func dayUnder(t *testing.T, b *bench, c heldCase) {
	var log bytes.Buffer
	var mended atomic.Bool
	b.Logger, b.ConfigurationSet = slog.New(slog.NewTextHandler(&log, nil)), "main"
	b.sender.fn = func(_ context.Context, m *Message, _ int) error {
		if mended.Load() || c.others && m.FromDomain != "bad.example" {
			return nil
		}
		refused := c.answer
		return &refused
	}
	var ids []string
	for i := range 3 {
		put, err := b.Put(t.Context(), Envelope{FromDomain: "bad.example", To: []string{fmt.Sprintf("x%d@example.net", i)}}, []byte("x"))
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, put...)
	}
	b.pace.slots = 2 // so that no more than two learn of it by themselves
	b.run()
	after(time.Minute)
	other := b.put("a@example.com")[0]
	after(24 * time.Hour)
	if got := b.message(other).Outcome == Accepted; got != c.others {
		t.Errorf("mail of others was sent: %v, want %v", got, c.others)
	}
	for _, id := range ids {
		if m := b.message(id); m.Outcome != Pending || m.Tries != 0 {
			t.Errorf("%s is %s after %d tries, want pending after none", id, m.Outcome, m.Tries)
		}
	}
	if n := b.sender.total(); n > c.calls+3 {
		t.Errorf("%d calls in a day, want at most %d", n, c.calls)
	}
	held := b.Holds()
	if len(held) != 1 || held[0].Class != c.answer.Class || held[0].Hint == "" || held[0].Manual != c.person || time.Since(held[0].Since) < 23*time.Hour {
		t.Fatalf("held %+v", held)
	}
	if n := strings.Count(log.String(), "hold began"); n != 1 {
		t.Errorf("the log says %d times that a hold began:\n%s", n, log.String())
	}
	if st, err := b.Status(); err != nil || len(st.Held) != 1 || st.OldestSeconds < 23*3600 {
		t.Errorf("status %+v, %v", st, err)
	}
	mended.Store(true)
	after(11 * time.Minute)
	if c.person {
		if b.sender.total() != 1 && b.sender.total() != 2 || len(b.Holds()) != 1 {
			t.Errorf("%d calls, held %+v: nobody has released it", b.sender.total(), b.Holds())
		}
		if err := b.Release(t.Context(), held[0].Scope); err != nil {
			t.Fatal(err)
		}
		after(2 * heldDelay)
	}
	for _, id := range append(ids, other) {
		if m := b.message(id); m.Outcome != Accepted {
			t.Errorf("afterwards %s is %s (%s)", id, m.Outcome, m.Reason)
		}
	}
	if n := strings.Count(log.String(), "hold ended"); n != 1 || len(b.Holds()) != 0 {
		t.Errorf("the log says %d times that a hold ended; held %+v", n, b.Holds())
	}
	b.proved()
}

// Attempts are told apart in the tag SES gives back, however often a hold was
// tested with the same message.
func TestAttemptsAreToldApartThroughALongHold(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		tags := map[string]bool{}
		b.sender.fn = func(_ context.Context, m *Message, n int) error {
			if tags[m.Tag] {
				t.Errorf("call %d has the tag %s, as one before", n, m.Tag)
			}
			tags[m.Tag] = true
			return refusal(Identity, FromScope("example.com"))
		}
		id := b.put("a@example.com")[0]
		b.run()
		after(3 * 24 * time.Hour)
		if m := b.message(id); m.Attempts < 400 || m.Attempts != b.sender.count(id) {
			t.Errorf("%d attempts, %d calls; want over 400", m.Attempts, b.sender.count(id))
		}
		b.halt()
		b.proved()
	})
}

// Campaigns that are held do not take turns with those that are sent.
func TestHeldCampaignsLeaveTheirTurn(t *testing.T) {
	b := newBench(t, t.TempDir())
	for id := uint64(1); id <= 10; id++ {
		b.freeze(id, 20)
		if id < 10 {
			if err := b.Hold(t.Context(), Hold{Scope: CampaignScope(id), Class: Operator, Reason: "x", Manual: true}); err != nil {
				t.Fatal(err)
			}
		}
	}
	due, _, err := b.ledgerCandidates(10)
	if err != nil || len(due) != 10 {
		t.Errorf("%d candidates beside nine held campaigns, want 10 (%v)", len(due), err)
	}
}
