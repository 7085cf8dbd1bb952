package spool

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"
)

func TestLogSaysWhoDidWhatByHand(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		var log bytes.Buffer
		b.Logger = slog.New(slog.NewTextHandler(&log, nil))
		b.sender.fn = func(_ context.Context, m *Message, n int) error {
			if n == 1 {
				return refusal(Permanent, "")
			}
			return nil
		}
		ids := b.put("a@example.com", "b@example.com")
		b.freeze(1, 3)
		b.run()
		after(time.Second)
		ctx := WithCaller(t.Context(), "minji")
		resent, err := b.Resend(ctx, 1, Failed)
		if err != nil || resent != 3 {
			t.Errorf("%d sent again, %v", resent, err)
		}
		b.halt()
		b.freeze(2, 1)
		err = errors.Join(b.Retry(ctx, ids[0]), b.Discard(ctx, ids[1]), b.Pause(ctx, 2, ""), b.Resume(ctx, 2), b.Cancel(ctx, 2),
			b.Hold(ctx, Hold{Scope: LaneScope(Bulk), Class: Operator, Manual: true, Reason: "why"}), b.Release(ctx, LaneScope(Bulk)))
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range []string{
			`act="resend failed" by=minji campaign=1 messages=3`, "act=retry by=minji message=" + ids[0], "act=discard by=minji message=" + ids[1],
			"act=pause by=minji campaign=2", "act=resume by=minji campaign=2", "act=cancel by=minji campaign=2",
			`msg="hold began" part=spool scope=lane:bulk class=operator reason=why manual=true by=minji`, "act=release by=minji scope=lane:bulk",
		} {
			if !strings.Contains(log.String(), want) {
				t.Errorf("the log does not say %s", want)
			}
		}
		if m := b.message(ids[1]); m.Outcome != Failed || !strings.HasPrefix(m.Reason, discarded) {
			t.Errorf("discarded: %s, %q", m.Outcome, m.Reason)
		}
		b.proved()
	})
}

// Who settled an unknown outcome, and when, stands in its ledger: one act for
// what came between two of a person.
func TestOutcomesSettledFromFeedbackAreAnAct(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		var log bytes.Buffer
		b.Logger = slog.New(slog.NewTextHandler(&log, nil))
		lost(b)
		b.freeze(3, 3)
		b.run()
		after(time.Minute)
		b.halt()
		for i, tag := range []string{"-3-1-1", "-3-2-1", "-3-2-1"} {
			b.feed(Feedback{Kind: Delivered, SESID: sesID(7 + min(i, 1)), Tag: b.StoreID() + tag})
		}
		acts := b.state(3).Acts
		if len(acts) != 1 || acts[0].What != settleUnknown || acts[0].By != "" || acts[0].Count != 2 || acts[0].At.IsZero() {
			t.Errorf("acts %+v, want one that settled 2", acts)
		}
		if n := strings.Count(log.String(), "outcomes settled from feedback"); n != 2 {
			t.Errorf("%d lines in the log, want 2:\n%s", n, log.String())
		}
		if _, err := b.Resend(WithCaller(t.Context(), "minji"), 3, Unknown); err != nil {
			t.Fatal(err)
		}
		b.feed(Feedback{Kind: Delivered, SESID: sesID(9), Tag: b.StoreID() + "-3-3-1"})
		if acts = b.state(3).Acts; len(acts) != 2 || acts[1].By != "minji" {
			t.Errorf("acts %+v: what waited to be sent again was not unknown any more", acts)
		}
		b.proved()
	})
}

func TestResendOfNobodyChangesNothing(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		b.freeze(1, 2)
		b.run()
		after(time.Second)
		before := b.state(1)
		after(time.Hour)
		if n, err := b.Resend(t.Context(), 1, Failed); n != 0 || err != nil {
			t.Errorf("%d, %v", n, err)
		}
		if l := b.state(1); l.State != Done || !l.Ended.Equal(before.Ended) || len(l.Acts) != 0 || l.Resend != nil {
			t.Errorf("%+v, want it done since %v", l, before.Ended)
		}
	})
}

// With nothing to send, the end of an outage cannot be proved: status says that
// the next mail will tell, and not that SES is still asked.
func TestHoldThatOnlyWaitsForAMessageSaysSo(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		began := time.Now()
		down := func() error {
			if time.Since(began) < 4*time.Minute {
				return &SendError{Class: Ambiguous, Text: "the answer was lost"}
			}
			return nil
		}
		b.pace.probe = down
		b.sender.fn = func(context.Context, *Message, int) error { return down() }
		b.freeze(1, 4)
		b.run()
		after(3 * time.Minute)
		if h := b.Holds(); len(h) != 1 || h[0].Hint != hintOutage || h[0].NextProbe.IsZero() {
			t.Errorf("SES does not answer: %+v", h)
		}
		after(3 * time.Minute)
		if h := b.Holds(); len(h) != 1 || h[0].Hint != hintTested || !h[0].NextProbe.IsZero() {
			t.Errorf("SES answers, nothing waits: %+v", h)
		}
		b.halt()
		b.run() // what is on disk says nothing of that
		if h := b.holds.stored(ScopeAll); h == nil || h.Hint != hintOutage {
			t.Errorf("stored: %+v", h)
		}
		id := b.put("a@example.com")[0]
		after(time.Second)
		if m := b.message(id); m.Outcome != Accepted || len(b.Holds()) != 0 {
			t.Errorf("%s, %+v; want accepted and nothing held", m.Outcome, b.Holds())
		}
	})
}
