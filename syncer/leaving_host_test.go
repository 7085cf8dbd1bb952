//go:build host

package syncer

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"
)

// TestAWrongColumnRemovesNobody: rows that are nobody to write to any more, all
// at once, are no more believed than rows that are gone.
func TestAWrongColumnRemovesNobody(t *testing.T) {
	for name, c := range map[string]struct {
		spoil func(w *world)
		order Order
	}{
		"another column as the address": {func(w *world) { w.config.Columns.Email = "Gender" }, Order{}},
		"deleted_at that is always set": {func(w *world) { w.config.Columns.DeletedAt = "update_at" }, Order{}},
		"addresses emptied, a tick":     {func(w *world) { w.exec("UPDATE User SET Email = ''") }, Order{}},
		"addresses emptied, a full one": {func(w *world) { w.exec("UPDATE User SET Email = ''") }, Order{Full: true}},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.exec("INSERT INTO User (Email, SubscriptionStatus) SELECT CONCAT('u', seq, '@example.com'), 'true' FROM seq_1_to_6000")
			w.sync(Order{})
			kept := w.config
			c.spoil(w)
			for range 2 {
				if _, err := w.syncer().Sync(context.Background(), c.order); !errors.Is(err, ErrShrunk) || w.syncer().Status().LastFull.IsZero() != true {
					t.Fatalf("got %v", problemText(err))
				}
				if got := len(w.people()); got != 6000 {
					t.Fatalf("%d subscribers left", got)
				}
			}
			w.config = kept
			w.exec("UPDATE User SET Email = CONCAT('u', id, '@example.com')")
			if got := w.sync(Order{}); !got.Full || got.Removed != 0 || len(w.people()) != 6000 {
				t.Errorf("after it was mended: %+v", got)
			}
			c.spoil(w)
			w.sync(Order{Full: true, Shrink: true})
			w.want()
		})
	}
}

// TestAFewRowsThatLeaveLeaveAtOnce, and one that is taken back while the tick
// reads stays.
func TestAFewRowsThatLeaveLeaveAtOnce(t *testing.T) {
	w := newWorld(t)
	w.exec("INSERT INTO User (Email, SubscriptionStatus) VALUES ('a@example.com', 'true'), ('b@example.com', 'true'), ('c@example.com', 'true')")
	w.sync(Order{})
	w.exec("UPDATE User SET Email = 'nobody' WHERE id = 2")
	if got := w.sync(Order{}); got.Removed != 1 || got.Invalid != 1 {
		t.Errorf("got %+v", got)
	}
	w.want("+a@example.com", "+c@example.com")
}

// TestAPassWithRowsKeptBackBeginsAnewAfterAKill: which rows were to leave was
// only in memory.
func TestAPassWithRowsKeptBackBeginsAnewAfterAKill(t *testing.T) {
	for _, full := range []bool{false, true} {
		w := newWorld(t)
		w.exec("INSERT INTO User (Email, Name, SubscriptionStatus) SELECT CONCAT('u', seq, '@example.com'), REPEAT('x', 90), 'true' FROM seq_1_to_9000")
		w.sync(Order{})
		w.exec("UPDATE User SET Name = REPEAT('y', 90); UPDATE User SET Email = '' WHERE id = 1")
		if full { // nothing but the full pass sees it
			w.exec("UPDATE User SET update_at = '2020-01-01' WHERE id = 1")
		} else { // it is among the first that changed
			w.exec("UPDATE User SET update_at = update_at - INTERVAL 1 SECOND WHERE id = 1")
		}
		good := w.config.DSN
		p := w.throughProxy()
		p.cutAfter.Store(900_000)
		if _, err := w.syncer().Sync(context.Background(), Order{Full: full}); err == nil {
			t.Fatal("it was not cut")
		}
		w.close()
		w.open()
		b, err := w.store.SyncMark()
		if m := readMark(b); err != nil || m.Run == nil || !m.Run.Again || m.Run.At == nil {
			t.Fatalf("the mark when it was cut: %s, %v", b, err)
		}
		w.config.DSN = good
		w.sync(Order{})
		if people := w.people(); len(people) != 8999 || !strings.HasPrefix(people["u9000@example.com"].Name, "y") {
			t.Errorf("full %v: %d subscribers", full, len(people))
		}
	}
}

// TestASlowConnectionIsNoClockThatWasSet: the clocks are compared at one instant.
func TestASlowConnectionIsNoClockThatWasSet(t *testing.T) {
	w := newWorld(t)
	w.config.Overlap = 2 * time.Second
	w.exec("INSERT INTO User (Email, SubscriptionStatus) VALUES ('a@example.com', 'true')")
	w.sync(Order{})
	s, asked := w.syncer(), 0
	s.Now = func() time.Time {
		if asked++; asked == 1 { // when the sync began; connecting takes 10 s
			return time.Now().Add(-10 * time.Second)
		}
		return time.Now()
	}
	if got, err := s.Sync(context.Background(), Order{}); err != nil || got.Full {
		t.Errorf("got %+v, %v", got, err)
	}
}

// TestAnAnswerThatTricklesEnds: each byte comes in time, the answer does not.
func TestAnAnswerThatTricklesEnds(t *testing.T) {
	for _, query := range []string{"UTC_TIMESTAMP", "LIMIT 0", "ORDER BY"} {
		w := newWorld(t)
		w.config.QueryLimit = 400 * time.Millisecond
		w.exec("INSERT INTO User (Email, SubscriptionStatus) VALUES ('a@example.com', 'true')")
		w.throughProxy().trickle.Store(&query)
		begin := time.Now()
		_, err := w.syncer().Sync(context.Background(), Order{})
		if err == nil || !strings.Contains(err.Error(), "did not answer within") {
			t.Errorf("%s: got %v", query, problemText(err))
		}
		if took := time.Since(begin); took > 5*time.Second {
			t.Errorf("%s: it took %v", query, took)
		}
	}
}
