package spool

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"testing"
	"time"
)

func TestBlankLeavesOutcomesAndSumsAndNothingOfThePerson(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		const gone = "Gone@example.com"
		well := false
		b.Addresses = book{1: "a@example.com", 2: "b@example.com", 3: gone, 4: "d@example.com", 5: "e@example.com"}
		b.sender.fn = func(ctx context.Context, m *Message, n int) error {
			if m.Lane == Transactional && !well {
				return &SendError{Class: Permanent, Text: "550 " + m.To + " is unknown"}
			}
			return failing(&well)(ctx, m, n)
		}
		b.freeze(1, 5)
		sent := b.put("gone@example.com", "other@example.com")
		b.run()
		after(time.Minute)
		b.halt()
		waits := b.put("gone@example.com", "other@example.com")
		b.freeze(2, 5)
		before := b.state(1).Counts

		done, err := b.Blank(t.Context(), 3, is("gone@EXAMPLE.com"))
		if want := (Blanked{Rows: 2, Messages: 2, Dropped: 2}); err != nil || done != want {
			t.Errorf("got %+v %v, want %+v", done, err, want)
		}
		if again, err := b.Blank(t.Context(), 3, is("gone@EXAMPLE.com")); err != nil || again != (Blanked{}) {
			t.Errorf("again: %+v %v", again, err)
		}
		if c := b.state(1).Counts; c.Failed != before.Failed || c.Audience != before.Audience || c.Accepted != before.Accepted {
			t.Errorf("outcomes changed: %+v, before %+v", c, before)
		}
		if l := b.state(2); l.Skips[SkipErased] != 1 || l.Pending != 4 {
			t.Errorf("a campaign that waits: %+v", l.Counts)
		}
		if m := b.message(waits[0]); m.Outcome != Skipped || m.Reason != SkipErased || m.To != "" || m.Subject != "" {
			t.Errorf("a mail that waited: %+v", m)
		}
		if m := b.message(waits[1]); m.Outcome != Pending || m.To != "other@example.com" {
			t.Errorf("another's mail: %+v", m)
		}
		if m := b.message(sent[0]); m.Outcome != Failed || m.Reason != SkipErased || b.Retry(t.Context(), m.ID) == nil {
			t.Errorf("a mail that failed: %+v", m)
		}
		row, err := b.Recipient(1, 3)
		if err != nil || row.To != "" || row.Outcome != Failed || !row.Erased {
			t.Errorf("row: %+v %v", row, err)
		}
		if found, err := b.Find(t.Context(), gone, []uint64{3}); err != nil || len(found) != 2 || strings.Contains(strings.ToLower(texts(found)), "gone@") {
			t.Errorf("trace: %s %v", texts(found), err)
		}
		b.proved()
		well = true
		b.run()
		after(time.Minute)
		for _, c := range b.sender.calls {
			if c.Campaign == 2 && c.Subscriber == 3 {
				t.Error("it was sent after all")
			}
		}
		if l := b.state(2); l.State != Done || l.Skipped != 1 || l.Accepted != 4 {
			t.Errorf("the other campaign: %+v", l)
		}
		b.proved()
	})
}

// is tells an address in any spelling.
func is(address string) func(string) bool {
	return func(s string) bool { return strings.EqualFold(s, address) }
}

// A person's row was deleted and inserted again, and another person has the
// number they had: all rows that keep the address are found and blanked, and
// nothing else changes.
func TestRowsOfEarlierNumbersAreFoundAndBlankedByTheirAddress(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		const gone = "gone@example.com"
		b.Addresses = book{1: gone, 2: "b@example.com"}
		b.freeze(1, 2)
		b.run()
		after(time.Minute)
		b.halt()
		b.Addresses = book{1: "other@example.com", 2: gone}
		b.freeze(2, 2)
		b.run()
		after(time.Minute)
		b.sender.fn = func(context.Context, *Message, int) error { return &SendError{Class: Temporary, Text: "451 later"} }
		b.Addresses = book{1: gone, 2: "b@example.com"}
		b.freeze(3, 2)
		after(100 * time.Millisecond)
		b.halt()
		b.Addresses = book{1: "other@example.com"}
		if m := b.message("c3-1"); m.Outcome != Pending || m.To != gone {
			t.Fatalf("it does not wait for a retry: %+v", m)
		}
		if found, err := b.Find(t.Context(), "GONE@example.com", []uint64{2}); err != nil || len(found) != 5 { // c1-2 c2-2 c3-2, c1-1 c3-1
			t.Errorf("trace: %s %v", texts(found), err)
		}
		before := b.state(1).Counts
		var marks []RowMark
		var all Blanked
		blank := func(batch []Message, at RowMark) error {
			marks = append(marks, at)
			done, err := b.BlankRows(t.Context(), batch, is(gone))
			all.add(done)
			return err
		}
		for range 2 {
			if err := b.WalkRows(t.Context(), RowMark{}, is(gone), blank); err != nil {
				t.Fatal(err)
			}
		}
		if all != (Blanked{Rows: 3}) || len(marks) != 6 || marks[0].Campaign != 1 || marks[5].Campaign != 3 {
			t.Errorf("blanked %+v, marks %v", all, marks)
		}
		if err := b.WalkRows(t.Context(), marks[1], is("b@example.com"), func(batch []Message, at RowMark) error {
			if at.Campaign != 3 {
				t.Errorf("from %v it looked at %v", marks[1], at)
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		if c := b.state(1).Counts; c.Accepted != before.Accepted || c.Audience != before.Audience {
			t.Errorf("sums changed: %+v, before %+v", c, before)
		}
		if m := b.message("c3-1"); m.Outcome != Pending || m.To != "" || m.Erased {
			t.Errorf("the mail that waits is another's now: %+v", m)
		}
		if m := b.message("c1-2"); m.To != "b@example.com" {
			t.Errorf("another's row: %+v", m)
		}
		b.proved()
		b.sender.fn = nil
		b.run()
		after(time.Hour)
		if m := b.message("c3-1"); m.Outcome != Accepted || m.To != "other@example.com" {
			t.Errorf("it was to go to whom the number is now: %+v", m)
		}
		b.proved()
	})
}

func texts(list []Message) string {
	b, _ := json.Marshal(list)
	return string(b)
}

func TestBlankComesBackForWhatIsBeingSent(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		hang := make(chan struct{})
		b.sender.fn = func(context.Context, *Message, int) error { <-hang; return nil }
		b.freeze(1, 1)
		id := b.put("s1@example.com")[0]
		b.run()
		after(time.Second)
		done, err := b.Blank(t.Context(), 1, is("s1@example.com"))
		if err != nil || done.Busy != 2 {
			t.Errorf("got %+v %v, want 2 busy", done, err)
		}
		close(hang)
		after(time.Second)
		if done, err = b.Blank(t.Context(), 1, is("s1@example.com")); err != nil || done.Busy != 0 || done.Rows != 1 || done.Messages < 1 {
			t.Errorf("afterwards: %+v %v", done, err)
		}
		if m := b.message(id); m.Outcome != Accepted || m.To != "" || m.SESID == "" {
			t.Errorf("got %+v", m)
		}
		b.proved()
	})
}

func TestFeedbackAfterwardsCountsWithoutItsText(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		b.freeze(1, 1)
		b.run()
		after(time.Second)
		if _, err := b.Blank(t.Context(), 1, nil); err != nil {
			t.Fatal(err)
		}
		m, err := b.Recipient(1, 1)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := b.Feedback(t.Context(), []Feedback{{SESID: m.SESID, Kind: Bounced, News: "550 s1@example.com"}}); err != nil {
			t.Fatal(err)
		}
		if m, err = b.Recipient(1, 1); err != nil || !m.Bounced || m.News != "" || b.state(1).Bounced != 1 {
			t.Errorf("got %+v %v", m, err)
		}
		b.proved()
	})
}

// A report or digest that SES did not take keeps a text with others' addresses:
// it goes with anybody who is erased. What waits to be sent still goes.
func TestErasingDropsTheTextsOfReportsThatFailed(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		b.TellFailures = true
		b.sender.fn = refuseFor
		b.put("bad-gone@example.com")
		b.run()
		after(time.Second)
		env := Envelope{FromDomain: "example.com", To: []string{"bad-ops@example.com"}}
		id, err := b.TellDigest(t.Context(), 0, env, []byte("bad-gone@example.com: not this one"))
		if err != nil {
			t.Fatal(err)
		}
		after(time.Second)
		if m := b.message(id); m.Outcome != Failed {
			t.Fatalf("the digest is %s", m.Outcome)
		}
		if done, err := b.Blank(t.Context(), 0, is("bad-gone@example.com")); err != nil || done.Messages != 2 {
			t.Errorf("%+v %v, want the mail and the digest", done, err)
		}
		if err := b.Body(id, io.Discard); !errors.Is(err, ErrNotFound) && !errors.Is(err, ErrState) {
			t.Errorf("text of the digest: %v", err)
		}
		if err := b.Retry(t.Context(), id); !errors.Is(err, ErrState) {
			t.Errorf("retry of a digest without a text: %v", err)
		}
		if again, err := b.Blank(t.Context(), 0, is("bad-gone@example.com")); err != nil || again != (Blanked{}) {
			t.Errorf("again: %+v %v", again, err)
		}
		b.proved()
	})
}
