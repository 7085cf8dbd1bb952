package spool

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"
)

// A mail goes to another address as a new message: the old one keeps what
// became of it, and each tells of the other.
func TestEditSendsTheTextToAnotherAddress(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		b.sender.fn = refuseFor
		ids := b.put("bad@example.com", "bad2@example.com")
		b.run()
		after(time.Minute)
		ctx := WithCaller(t.Context(), "minji")
		newID, err := b.Edit(ctx, ids[0], "good@example.com")
		if err != nil {
			t.Fatal(err)
		}
		after(time.Minute)
		old, m := b.message(ids[0]), b.message(newID)
		if m.Outcome != Accepted || m.To != "good@example.com" || m.Attempts != 1 || m.MaybeTwice || m.Subject != "주문 확인" {
			t.Errorf("new: %+v", m)
		}
		if want := discarded + "sent to another address as " + newID + ": MessageRejected: not this one"; old.Outcome != Failed || old.To != "bad@example.com" || old.Reason != want || old.Dead() {
			t.Errorf("old: %+v, want the reason %q", old, want)
		}
		if len(old.Acts) != 1 || old.Acts[0].By != "minji" || old.Acts[0].What != "edit" || old.Acts[0].Reason != "sent as "+newID || old.Acts[0].At.IsZero() {
			t.Errorf("acts of the old: %+v", old.Acts)
		}
		if len(m.Acts) != 1 || m.Acts[0].Reason != "in place of "+ids[0] {
			t.Errorf("acts of the new: %+v", m.Acts)
		}
		var text bytes.Buffer
		if err := b.Body(ids[1], &text); err != nil {
			t.Errorf("the other recipient's text: %v", err)
		}
		for id, to := range map[string]string{ids[0]: "c@example.com", newID: "c@example.com", ids[1]: "BAD2@Example.com"} {
			if _, err := b.Edit(ctx, id, to); !errors.Is(err, ErrState) {
				t.Errorf("edit %s to %s: %v, want ErrState", id, to, err)
			}
		}
		if _, err := b.Edit(ctx, "q99", "c@example.com"); !errors.Is(err, ErrNotFound) {
			t.Errorf("edit of what is not there: %v", err)
		}
		b.proved()
	})
}

// What waits under a hold can be sent elsewhere too, and so can what may have
// been sent: the old message stays unknown.
func TestEditOfWhatWaitsAndOfWhatIsUnknown(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		b.TransactionalLeave, b.TellFailures = true, true
		b.sender.fn = refuseFor
		lost := b.put("lost@example.com")[0]
		b.run()
		after(time.Minute)
		b.halt()
		if m := b.message(lost); m.Outcome != Unknown || !m.Dead() {
			t.Fatalf("%+v", m)
		}
		waits := b.put("typo@example.com")[0]
		first, err1 := b.Edit(t.Context(), lost, "good@example.com")
		second, err2 := b.Edit(t.Context(), waits, "good2@example.com")
		if err := errors.Join(err1, err2); err != nil {
			t.Fatal(err)
		}
		if m := b.message(lost); m.Outcome != Unknown || m.Dead() {
			t.Errorf("old: %+v", m)
		}
		if m := b.message(waits); m.Outcome != Skipped || m.Reason != SkipCancelled {
			t.Errorf("old: %+v", m)
		}
		b.run()
		after(time.Minute)
		for _, id := range []string{first, second} {
			if m := b.message(id); m.Outcome != Accepted || m.MaybeTwice {
				t.Errorf("new: %+v", m)
			}
		}
		b.feed(Feedback{Kind: Bounced, SESID: sesID(1), Tag: b.StoreID() + "-0-" + lost[1:] + "-1"})
		if m := b.message(first); m.Bounced {
			t.Error("news of the old message was taken for the new one's")
		}
		b.proved()
	})
}

func TestActsOfAMessageAreKept(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		b.sender.fn = refuseFor
		id := b.put("bad@example.com")[0]
		b.run()
		for range messageActs + 3 {
			after(time.Minute)
			if err := b.Retry(WithCaller(t.Context(), "minji"), id); err != nil {
				t.Fatal(err)
			}
		}
		after(time.Minute)
		if err := b.Discard(WithCaller(t.Context(), "jun"), id); err != nil {
			t.Fatal(err)
		}
		acts := b.message(id).Acts
		if len(acts) != messageActs || acts[0].What != "retry" || acts[0].By != "minji" || acts[messageActs-1].What != "discard" || acts[messageActs-1].By != "jun" {
			t.Errorf("%d acts: %+v", len(acts), acts)
		}
		if err := b.Retry(t.Context(), id); !errors.Is(err, ErrState) || !strings.Contains(err.Error(), "its text is not kept any more") {
			t.Errorf("retry of what was discarded: %v", err)
		}
	})
}
