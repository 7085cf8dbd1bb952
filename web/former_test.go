package web

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"pabal/audience"
	"pabal/spool"
)

// shop brings rows of the customers' table.
func shop(t *testing.T, people *audience.Store, rows ...audience.SyncRow) {
	t.Helper()
	b, err := people.NewSyncBatch(audience.SyncOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for i := range rows {
		if reason := b.Add(&rows[i]); reason != "" {
			t.Fatal(reason)
		}
	}
	if _, err := people.Sync(t.Context(), b, nil); err != nil {
		t.Fatal(err)
	}
}

func holder(t *testing.T, people *audience.Store, email string) audience.Subscriber {
	t.Helper()
	sub, err := people.ByEmail(email)
	if err != nil {
		t.Fatal(err)
	}
	return sub
}

// removedPages are the pages when retention has removed what was known of every
// mail, and the token in a mail to somebody whose row is deleted since.
func removedPages(t *testing.T) (s *Server, people *audience.Store, token string) {
	t.Helper()
	_, people, _ = subscriber(t)
	shop(t, people, audience.SyncRow{Key: []byte("1"), Email: "Old@example.com", Subscribed: true, UpdatedAt: 1})
	token = people.Token(holder(t, people, "old@example.com").ID, 3)
	shop(t, people, audience.SyncRow{Key: []byte("1"), Gone: true})
	s = New(people, nil)
	s.step = time.Millisecond
	s.Mailed = func(uint64, uint64) (string, error) { return "", errors.New("removed by retention") }
	return s, people, token
}

// Their row was deleted and inserted again, and retention has removed what was
// known of the mail: who is in the audience can refuse mail by its link.
func TestALinkHoldsHoweverOldItIs(t *testing.T) {
	s, people, token := removedPages(t)
	shop(t, people, audience.SyncRow{Key: []byte("2"), Email: "old@example.com", Subscribed: true, UpdatedAt: 2})
	id := holder(t, people, "old@example.com").ID
	if got := ask(t, s, http.MethodPost, "/p/"+token, form, "action=save&frequency=weekly"); got.status != 200 {
		t.Errorf("save: %d", got.status)
	}
	if sub, err := people.Get(id); err != nil || sub.Frequency != "weekly" {
		t.Errorf("chosen: %q %v", sub.Frequency, err)
	}
	for range 2 {
		if got := ask(t, s, http.MethodPost, "/u/"+token, form, "List-Unsubscribe=One-Click"); got.status != 200 {
			t.Errorf("opt-out: %d %s", got.status, got.body)
		}
		if _, reason, err := people.Check(id, ""); err != nil || reason != spool.SkipUnsubscribed {
			t.Errorf("after the opt-out: %q, %v", reason, err)
		}
	}
	sound(t, people)
}

func TestAnOldLinkOfSomebodyWhoIsGoneHoldsShouldTheyComeAgain(t *testing.T) {
	s, people, token := removedPages(t)
	for range 2 {
		if got := ask(t, s, http.MethodPost, "/u/"+token, form, ""); got.status != 200 {
			t.Errorf("opt-out: %d", got.status)
		}
	}
	shop(t, people, audience.SyncRow{Key: []byte("2"), Email: "old@example.com", Subscribed: true, UpdatedAt: 2})
	if sub := holder(t, people, "old@example.com"); sub.Consent.Subscribed || sub.Consent.Source != audience.Person {
		t.Errorf("who came again: %+v", sub.Consent)
	}
	sound(t, people)
}

func TestAnOldLinkOfAnErasedPersonIsNoFault(t *testing.T) {
	s, people, _ := removedPages(t)
	token := people.Token(holder(t, people, "kim@example.com").ID, 3)
	if _, err := people.Erase(t.Context(), "kim@example.com", "root"); err != nil {
		t.Fatal(err)
	}
	for _, method := range []string{http.MethodGet, http.MethodPost} {
		if got := ask(t, s, method, "/p/"+token, form, "action=off"); got.status != 200 {
			t.Errorf("%s of the preferences: %d", method, got.status)
		}
	}
	if got := ask(t, s, http.MethodPost, "/u/"+token, form, ""); got.status != 200 {
		t.Errorf("opt-out: %d", got.status)
	}
	sound(t, people)
}

// Who moved before their row went refuses mail at both addresses.
func TestAnOldLinkHoldsAtTheAddressTheyMovedTo(t *testing.T) {
	_, people, _ := subscriber(t)
	shop(t, people, audience.SyncRow{Key: []byte("1"), Email: "old@example.com", Subscribed: true, UpdatedAt: 1})
	token := people.Token(holder(t, people, "old@example.com").ID, 3)
	shop(t, people, audience.SyncRow{Key: []byte("1"), Email: "new@example.com", Subscribed: true, UpdatedAt: 2})
	shop(t, people, audience.SyncRow{Key: []byte("1"), Gone: true})
	shop(t, people, audience.SyncRow{Key: []byte("2"), Email: "new@example.com", Subscribed: true, UpdatedAt: 3},
		audience.SyncRow{Key: []byte("3"), Email: "old@example.com", Subscribed: true, UpdatedAt: 3})
	s := New(people, nil)
	s.step = time.Millisecond
	s.Mailed = func(uint64, uint64) (string, error) { return "old@example.com", nil }
	if got := ask(t, s, http.MethodPost, "/u/"+token, form, ""); got.status != 200 {
		t.Errorf("opt-out: %d", got.status)
	}
	for _, email := range []string{"old@example.com", "new@example.com"} {
		if holder(t, people, email).Consent.Subscribed {
			t.Errorf("%s still gets mail", email)
		}
	}
}

func sound(t *testing.T, people *audience.Store) {
	t.Helper()
	if faults, err := people.CheckStore(t.Context()); err != nil || len(faults) > 0 {
		t.Errorf("faults %s, %v", strings.Join(faults, "; "), err)
	}
}
