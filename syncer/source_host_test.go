//go:build host

package syncer

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"pabal/audience"
	"pabal/eml"
)

// two is a world with thirty people, of whom the first opted out of a topic and
// the second of all, and a table Other with others under the same ids.
func two(t *testing.T) *world {
	t.Helper()
	w := newWorld(t)
	w.exec("INSERT INTO User (Email, Name, SubscriptionStatus) SELECT CONCAT('u', seq, '@example.com'), 'U', 'true' FROM seq_1_to_30")
	w.exec("CREATE TABLE Other LIKE User; INSERT INTO Other (id, Email, Name, SubscriptionStatus) SELECT seq, CONCAT('u', seq + 20, '@example.com'), 'O', 'true' FROM seq_1_to_30")
	w.sync(Order{})
	people, ctx := w.people(), context.Background()
	if _, err := w.store.Prefer(ctx, people["u1@example.com"].ID, audience.Preferences{Topics: map[string]bool{"sale": false}}, nil, "link"); err != nil {
		t.Fatal(err)
	}
	if err := w.store.Unsubscribe(ctx, people["u2@example.com"].ID, audience.Person, "link"); err != nil {
		t.Fatal(err)
	}
	if _, err := w.store.Set(ctx, audience.Edit{Email: "u25@example.com", AddTags: []string{"vip"}}); err != nil {
		t.Fatal(err)
	}
	return w
}

func TestAnotherTableTakesNobodyToAStranger(t *testing.T) {
	w := two(t)
	before := w.people()
	w.config.Table = "Other"
	s := w.syncer()
	for _, o := range []Order{{}, {Full: true}, {Full: true, Shrink: true}} {
		_, err := s.Sync(context.Background(), o)
		var problem *eml.Problem
		if !errors.As(err, &problem) || problem.Code != CodeSource || !strings.Contains(problem.Hint, "--new-source") || s.Status().Code != CodeSource {
			t.Fatalf("%+v: got %v", o, err)
		}
	}
	for email, sub := range w.people() {
		if before[email].ID != sub.ID || before[email].Name != sub.Name {
			t.Errorf("%s was changed: %+v", email, sub)
		}
	}
	w.config.Table = "User" // it was a mistake
	w.sync(Order{})

	w.config.Table = "Other"
	w.sync(Order{Full: true, New: true})
	w.sync(Order{})
	after := w.people()
	for _, email := range []string{"u25@example.com", "u30@example.com"} { // in both
		if sub := after[email]; sub.ID != before[email].ID || sub.Name != "O" || !sub.Consent.Subscribed {
			t.Errorf("%s: %+v", email, sub)
		}
	}
	if sub := after["u25@example.com"]; !slices.Equal(sub.Tags, []string{"vip"}) || sub.ExternalID != "5" {
		t.Errorf("got %+v", sub)
	}
	if sub := after["u1@example.com"]; sub.Consent.Subscribed || !slices.Equal(sub.TopicsOff, []string{"sale"}) || sub.ExternalID != "" {
		t.Errorf("somebody whom only the old table knew: %+v", sub)
	}
	if sub := after["u2@example.com"]; sub.Consent.Subscribed || sub.Consent.Source != audience.Person {
		t.Errorf("an opt-out: %+v", sub.Consent)
	}
	if sub := after["u50@example.com"]; !sub.Consent.Subscribed || len(sub.TopicsOff) > 0 {
		t.Errorf("somebody new: %+v", sub)
	}
	if len(after) != 50 {
		t.Errorf("%d people", len(after))
	}
}

// TestTheSamePeopleElsewhereNeedNoWord: a server that moved, a query in place of
// the table, a database that was renamed.
func TestTheSamePeopleElsewhereNeedNoWord(t *testing.T) {
	w := two(t)
	before := w.people()["u25@example.com"].ID
	w.exec("CREATE TABLE Moved LIKE User; INSERT INTO Moved SELECT * FROM User; UPDATE Moved SET Email = 'new@example.com' WHERE id = 25")
	w.config.Table = "Moved"
	if result := w.sync(Order{}); !result.Full {
		t.Error("not every row was read")
	}
	if sub := w.people()["new@example.com"]; sub.ID != before || !slices.Equal(sub.Tags, []string{"vip"}) {
		t.Errorf("got %+v", sub)
	}
	w.config.Query = "SELECT * FROM Moved"
	w.sync(Order{})
	w.config.DSN = strings.Replace(w.config.DSN, "127.0.0.1", "localhost", 1)
	w.sync(Order{})
	if n := len(w.people()); n != 30 {
		t.Errorf("%d people", n)
	}
}

// TestAKillWhileTheOldSourceIsForgottenIsSeen: the pass after it looks again.
func TestAKillWhileTheOldSourceIsForgottenIsSeen(t *testing.T) {
	w := two(t)
	killed := func() {
		b, err := w.store.NewSyncBatch(audience.SyncOptions{})
		if err == nil {
			_, err = w.store.Sync(context.Background(), b, func(audience.SyncResult) []byte { return mark{Source: forgetting, Plan: w.config.plan()}.bytes() })
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	killed()
	w.sync(Order{}) // the same people
	w.exec("RENAME TABLE User TO Old, Other TO User")
	killed()
	if _, err := w.syncer().Sync(context.Background(), Order{}); w.config.explain(err) == nil || !strings.Contains(err.Error(), "other people") {
		t.Errorf("got %v", err)
	}
	w.sync(Order{New: true})
	if sub := w.people()["u25@example.com"]; sub.ExternalID != "5" || !slices.Equal(sub.Tags, []string{"vip"}) {
		t.Errorf("got %+v", sub)
	}
}
