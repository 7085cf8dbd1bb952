package campaign

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"pabal/audience"
	"pabal/spool"
)

// fickle is SES with an answer for some addresses.
type fickle struct {
	remember
	answers map[string]error
}

func (f *fickle) Send(ctx context.Context, m *spool.Message) (string, error) {
	if err := f.answers[m.To]; err != nil {
		return "", err
	}
	return f.remember.Send(ctx, m)
}

// letters are the first letters after p of those a segment selects.
func (h *house) whom(t *testing.T, expression string) string {
	t.Helper()
	seg, err := audience.ParseSegment(expression, nil)
	if err != nil {
		t.Fatalf("%s: %v", expression, err)
	}
	var out strings.Builder
	err = h.people.Walk(t.Context(), seg, "", 0, 1<<40, func(sub *audience.Subscriber, _ string) error {
		fmt.Fprintf(&out, "%d", sub.ID)
		return nil
	})
	if err != nil {
		t.Fatalf("%s: %v", expression, err)
	}
	return out.String()
}

func TestSegmentsAskEarlierCampaigns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := open(t, t.TempDir())
		h.people.Past = h.store
		h.enrol(t, 6)
		ses := &fickle{answers: map[string]error{"p2@example.com": &spool.SendError{Class: spool.Permanent, Text: "no"},
			"p4@example.com": &spool.SendError{Class: spool.Ambiguous, Text: "lost"}}}
		h.spool.Sender = h.store.Sender(h.gate, ses)
		if err := h.people.Unsubscribe(t.Context(), 3, audience.Person, ""); err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- h.spool.Run(ctx) }()
		send := func(name, segment string) Campaign {
			c := h.draft(t, simple, Campaign{Name: name, Segment: segment})
			if _, err := h.store.Start(t.Context(), c.ID, -1); err != nil {
				t.Fatal(err)
			}
			time.Sleep(10 * time.Second)
			synctest.Wait()
			return waitState(t, h.store, c.ID, spool.Done)
		}
		send("여름 세일", "")
		time.Sleep(40 * 24 * time.Hour)
		send("second", `email in ["p1@example.com", "p2@example.com"]`)
		// What was frozen must not depend on the campaign that is being frozen.
		third := send("third", `not selected(last(1)) and received(1)`)
		if third.Audience != 2 || third.Accepted != 2 {
			t.Errorf("third: %+v", third.Counts)
		}
		h.draft(t, simple, Campaign{Name: "draft"})
		for kind, id := range map[spool.FeedbackKind]uint64{spool.Delivered: 1, spool.Bounced: 5, spool.Complained: 6, spool.Opened: 6, spool.MachineOpened: 1, spool.Clicked: 1, spool.Delayed: 6} {
			m, err := h.spool.Recipient(1, id)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := h.spool.Feedback(t.Context(), []spool.Feedback{{Kind: kind, SESID: m.SESID}}); err != nil {
				t.Fatal(err)
			}
		}
		for expression, want := range map[string]string{
			`selected()`:                        "123456",
			`received(1)`:                       "16",
			`accepted("여름 세일")`:                 "156",
			`delivered(1) and clicked(1)`:       "1",
			`opened()`:                          "6",
			`bounced() and not delayed()`:       "5",
			`complained(last(3))`:               "6",
			`delayed(1)`:                        "6",
			`failed(1)`:                         "2",
			`failed(last())`:                    "",
			`skipped(1)`:                        "3",
			`unknown(1)`:                        "4",
			`received(2)`:                       "1",
			`received(last())`:                  "56",
			`received(last(2))`:                 "156",
			`received(days(30))`:                "156",
			`not received(days(30))`:            "234",
			`received() >= 2`:                   "16",
			`received() == 0`:                   "234",
			`selected(last(2)) == 1`:            "1256",
			`received(2, "third")`:              "156",
			`received(4)`:                       "",
			`failed(days(30)) or unknown(1)`:    "24",
			`failed(days(60)) and failed() > 1`: "2",
		} {
			if got := h.whom(t, expression); got != want {
				t.Errorf("%s selects %q, want %q", expression, got, want)
			}
		}
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

func TestCampaignThatIsNotThereIsSaidWithItsPlace(t *testing.T) {
	h := open(t, t.TempDir())
	h.people.Past = h.store
	h.enrol(t, 1)
	h.draft(t, simple, Campaign{Name: "여름 세일"})
	for expression, want := range map[string][2]string{
		`gender == "" and opened(99)`:      {"there is no campaign 99", "campaign list"},
		`gender == "" and opened("여름 새일")`: {"no campaign called", "did you mean 여름 세일?"},
	} {
		_, err := h.store.Create(t.Context(), Campaign{Template: "t", Segment: expression})
		var wrong *audience.SegmentError
		if !errors.As(err, &wrong) || wrong.Column != 18 || !strings.Contains(wrong.Message, want[0]) || !strings.Contains(wrong.Hint, want[1]) {
			t.Errorf("%s: %v", expression, err)
		}
	}
}
