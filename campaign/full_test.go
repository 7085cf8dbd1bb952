package campaign

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

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
		if _, err := h.store.Start(ctx, id, -1); !errors.Is(err, spool.ErrFull) {
			t.Fatalf("start on a full disk: %v", err)
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
