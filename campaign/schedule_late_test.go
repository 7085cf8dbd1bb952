package campaign

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"pabal/eml"
	"pabal/spool"
)

// The sync before a scheduled start takes as long as it takes; what is late
// after it is not sent.
func TestStartThatItsSyncMadeTooLateIsHeld(t *testing.T) {
	h, w, c := scheduled(t, t.TempDir())
	h.store.Source = stepSource(func(context.Context) error { w.set(due.Add(DefaultLate + time.Second)); return nil })
	h.clockwork(t)
	w.set(due)
	h.looked()
	held := waitState(t, h.store, c.ID, spool.Held)
	if held.HeldFor != HeldLate || !held.Sealed.IsZero() || len(h.mailed()) > 0 {
		t.Errorf("held as %q: %s", held.HeldFor, held.Reason)
	}
}

// A host that dies right after the seal and is off for a night does not mail
// everyone in the morning: a person lets it go on.
func TestStartCutOffForLongerThanItMayBeLateIsHeld(t *testing.T) {
	for name, half := range map[string]bool{"sealed": false, "half frozen": true} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			h, w, c := scheduled(t, dir)
			w.set(due)
			sealed, err := h.store.sealAs(t.Context(), c.ID, func(c *Campaign) error { c.Expect, c.Most = -1, c.Schedule.Most(); return nil })
			if err != nil {
				t.Fatal(err)
			}
			if half {
				begin(t, h, sealed)
				if err := h.spool.PutBatch(t.Context(), c.ID, []spool.Row{{Subscriber: 1}}, spool.Mark{Subscriber: 1}); err != nil {
					t.Fatal(err)
				}
			}
			h.close(t)
			h = open(t, dir)
			w.set(due.Add(9 * time.Hour))
			h.store.clock = w.now
			h.clockwork(t)
			held := waitState(t, h.store, c.ID, spool.Held)
			if held.Pending != 20 || len(h.mailed()) > 0 || !strings.Contains(held.Reason, "interrupted") || !strings.Contains(held.Reason, "10:00") {
				t.Errorf("held with %d pending: %s", held.Pending, held.Reason)
			}
			if _, err := h.store.Resume(t.Context(), c.ID); err != nil {
				t.Fatal(err)
			}
			waitState(t, h.store, c.ID, spool.Done)
			h.wantEachOnce(t, 20)
		})
	}
}

// Who gives a campaign a window while it is being started has given it one, or
// is told that it was not taken.
func TestWindowSetDuringAStartIsNotLost(t *testing.T) {
	h := open(t, t.TempDir())
	h.enrol(t, 1)
	window := spool.Window{Hours: "00:00-00:01", Zone: "Asia/Seoul"}
	taken := 0
	for range 60 {
		c := h.draft(t, simple, Campaign{})
		var both sync.WaitGroup
		var set error
		both.Go(func() { _, set = h.store.SetWindow(t.Context(), c.ID, &window) })
		both.Go(func() {
			sealed, err := h.store.seal(t.Context(), c, -1, nil, nil)
			if err == nil {
				err = h.store.freeze(t.Context(), sealed)
			}
			if err != nil {
				t.Error(err)
			}
		})
		both.Wait()
		now, err := h.store.Campaign(c.ID)
		switch {
		case err != nil:
			t.Fatal(err)
		case set == nil && now.Window == nil:
			t.Fatalf("campaign %d is %s without the window it was given", c.ID, now.State)
		case set != nil && !errors.Is(set, ErrState):
			t.Fatal(set)
		case set == nil:
			taken++
		}
	}
	t.Logf("%d of 60 were taken", taken)
}

// What is started is what was checked.
func TestStartOfWhatWasEditedDuringItsPreflightIsRefused(t *testing.T) {
	h := open(t, t.TempDir())
	h.enrol(t, 3)
	c := h.draft(t, simple, Campaign{Segment: `email == "p1@example.com"`})
	edits := 0
	h.store.Source = stepSource(func(ctx context.Context) error {
		edits++
		c.Segment = ""
		_, err := h.store.Edit(ctx, c)
		return err
	})
	if _, err := h.store.Start(t.Context(), c.ID, -1); !errors.Is(err, ErrState) || !strings.Contains(fmt.Sprint(err), "edited") {
		t.Errorf("started: %v", err)
	}
	if now, err := h.store.Campaign(c.ID); err != nil || now.State != spool.Draft || edits == 0 {
		t.Errorf("it is %s after %d edits, %v", now.State, edits, err)
	}
}

func TestCopyOfTheLongestNameHasOneThatFits(t *testing.T) {
	h := open(t, t.TempDir())
	h.enrol(t, 1)
	c := h.draft(t, simple, Campaign{Name: strings.Repeat("가", maxName)})
	for n := 2; n <= 3; n++ {
		again, err := h.store.Copy(t.Context(), c.ID, "")
		if want := strings.Repeat("가", maxName-4) + fmt.Sprintf(" (%d)", n); err != nil || again.Name != want {
			t.Errorf("copy %d: %q, %v", n, again.Name, err)
		}
	}
}

// A table that does not answer for some minutes is waited for.
func TestScheduledStartWaitsForItsSync(t *testing.T) {
	h, w, c := scheduled(t, t.TempDir())
	broken := true
	asked := make(chan struct{}, 1)
	h.store.Source = stepSource(func(context.Context) error {
		if broken {
			broken = false
			asked <- struct{}{}
			return &eml.Problem{What: "MySQL does not answer", Hint: "start it"}
		}
		return nil
	})
	h.clockwork(t)
	w.set(due)
	h.looked()
	<-asked
	h.looked()
	done := waitState(t, h.store, c.ID, spool.Done)
	if done.Reason != "" {
		t.Errorf("done, because %s", done.Reason)
	}
	h.wantEachOnce(t, 20)
}

func TestScheduledStartWhoseSyncNeverWorksIsHeldForIt(t *testing.T) {
	h, w, c := scheduled(t, t.TempDir())
	broken := error(&eml.Problem{What: "MySQL does not answer", Hint: "start it"})
	h.store.Source = stepSource(func(context.Context) error { return broken })
	h.clockwork(t)
	w.set(due)
	h.looked()
	for now, err := range h.store.Watch(t.Context(), c.ID) {
		if err != nil || now.State != spool.Scheduled {
			t.Fatalf("it is %s, %v", now.State, err)
		}
		if strings.Contains(now.Reason, "not in step") {
			break
		}
	}
	w.set(due.Add(DefaultLate + time.Second))
	h.looked()
	held := waitState(t, h.store, c.ID, spool.Held)
	if held.HeldFor != HeldBlocked || !strings.Contains(held.Reason, "not in step") || !strings.Contains(held.Reason, "30m") || len(h.mailed()) > 0 {
		t.Errorf("held as %q: %s", held.HeldFor, held.Reason)
	}
	if _, err := h.store.Unschedule(t.Context(), c.ID); err != nil {
		t.Fatal(err)
	}
}
