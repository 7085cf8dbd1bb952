package campaign

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"pabal/eml"
	"pabal/spool"
)

// A freeze that the disk has no room for is finished by itself when it has.
func TestFreezeGoesOnWhenTheDiskHasRoomAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := open(t, t.TempDir())
		h.enrol(t, 5)
		id := h.draft(t, "<p>{{Name}}</p>{{UnsubscribeURL}}", Campaign{}).ID
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- h.store.Run(ctx) }()
		h.spool.MaxMessage = 1 << 60 // no disk has so much free
		_, err := h.store.Start(ctx, id, -1)
		var told *eml.Problem
		if !errors.Is(err, spool.ErrFull) || !errors.As(err, &told) || !strings.Contains(told.What, "is started") || !strings.Contains(told.Hint, "pabal campaign cancel 1") {
			t.Fatalf("start on a full disk: %v, %+v", err, told)
		}
		if c, err := h.store.Campaign(id); err != nil || c.State != spool.Freezing {
			t.Fatalf("meanwhile %s, %v", c.State, err)
		}
		h.store.mu.Lock() // which every freeze takes: it sees the change
		h.spool.MaxMessage = 0
		h.store.mu.Unlock()
		time.Sleep(2 * fullRetry)
		synctest.Wait()
		if c, err := h.store.Campaign(id); err != nil || c.State != spool.Running || c.Audience != 5 {
			t.Errorf("then %s to %d, %v", c.State, c.Audience, err)
		}
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

// Run sees a campaign the moment it is sealed and may begin with it before the
// start does. The person is not told that it failed.
func TestStartWaitsForAFreezeThatIsOnTheWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := open(t, t.TempDir())
		h.enrol(t, 5)
		id := h.draft(t, "<p>{{Name}}</p>{{UnsubscribeURL}}", Campaign{}).ID
		if err := h.store.claim(t.Context(), id); err != nil { // as Run would
			t.Fatal(err)
		}
		type answer struct {
			c   Campaign
			err error
		}
		answered := make(chan answer, 1)
		go func() {
			c, err := h.store.Start(t.Context(), id, 5)
			answered <- answer{c, err}
		}()
		synctest.Wait()
		select {
		case a := <-answered:
			t.Errorf("answered meanwhile: %s, %v", a.c.State, a.err)
			h.store.release(id)
			return
		default:
		}
		h.store.release(id)
		if a := <-answered; a.err != nil || a.c.State != spool.Running || a.c.Audience != 5 {
			t.Errorf("%s to %d, %v", a.c.State, a.c.Audience, a.err)
		}
	})
}

// Who starts while pabal stops is told that the start goes on later.
func TestStartThatMeetsAStopSaysThatItGoesOn(t *testing.T) {
	h := open(t, t.TempDir())
	h.enrol(t, 5)
	id := h.draft(t, "<p>{{Name}}</p>{{UnsubscribeURL}}", Campaign{}).ID
	close(h.store.closing)
	_, err := h.store.Start(t.Context(), id, -1)
	h.store.closing = make(chan struct{}) // so that it can be closed
	var told *eml.Problem
	if !errors.As(err, &told) || !strings.Contains(told.Hint, "when pabal serve runs again") {
		t.Errorf("%v, %+v", err, told)
	}
}
