package web

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"pabal/audience"
	"pabal/spool"
)

// subscriber opens a real store with one person in it.
func subscriber(t *testing.T) (dir string, people *audience.Store, id uint64) {
	t.Helper()
	dir = t.TempDir()
	people, err := audience.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { people.Close() })
	yes := true
	sub, err := people.Set(t.Context(), audience.Edit{Email: "kim@example.com", Subscribed: &yes, Create: true})
	if err != nil {
		t.Fatal(err)
	}
	return dir, people, sub.ID
}

func TestLinkInAMailUnsubscribesItsReader(t *testing.T) {
	for _, body := range []string{"", "List-Unsubscribe=One-Click"} {
		dir, people, id := subscriber(t)
		s := New(people, nil)
		s.step = time.Millisecond
		link := "/u/" + people.Token(id, 3)

		if got := ask(t, s, http.MethodGet, link, "", ""); got.status != 200 {
			t.Fatalf("GET: %d", got.status)
		}
		if _, reason, err := people.Check(id, ""); err != nil || reason != "" {
			t.Fatalf("after GET: %q, %v, want still subscribed", reason, err)
		}
		for range 2 { // scanners and people call it again
			if got := ask(t, s, http.MethodPost, link, form, body); got.status != 200 {
				t.Fatalf("POST: %d %s", got.status, got.body)
			}
			if _, reason, err := people.Check(id, ""); err != nil || reason != spool.SkipUnsubscribed {
				t.Errorf("after POST: %q, %v, want unsubscribed", reason, err)
			}
		}
		log, err := os.ReadFile(filepath.Join(dir, "optouts.log"))
		if err != nil || len(log) == 0 {
			t.Errorf("optouts.log: %q, %v", log, err)
		}
		history, err := people.History(id)
		if err != nil || len(history) == 0 || history[len(history)-1].Source != audience.Person ||
			!strings.Contains(history[len(history)-1].Detail, "campaign 3") {
			t.Errorf("history %+v, %v", history, err)
		}
	}
}

func TestForgedLinksUnsubscribeNobody(t *testing.T) {
	_, people, id := subscriber(t)
	s := New(people, nil)
	s.step = time.Millisecond
	token := people.Token(id, 3)
	for i := range token {
		other := byte('A')
		if token[i] == other {
			other = 'B'
		}
		forged := token[:i] + string(other) + token[i+1:]
		if got := ask(t, s, http.MethodPost, "/u/"+forged, form, ""); got.status != 200 {
			t.Errorf("%s: %d", forged, got.status)
		}
		if _, reason, err := people.Check(id, ""); err != nil || reason != "" {
			t.Fatalf("%s unsubscribed: %q, %v", forged, reason, err)
		}
	}
}

// Their row was deleted and inserted again since the mail: the link is theirs
// all the same, and the opt-out must not be lost.
func TestALinkHoldsWhenItsReaderHasAnotherID(t *testing.T) {
	_, people, id := subscriber(t)
	gone := people.Token(id+7, 3) // an id that nobody has
	s := New(people, nil)
	s.step = time.Millisecond
	s.Mailed = func(subscriber, campaign uint64) (string, error) {
		if subscriber == id+7 && campaign == 3 {
			return "Kim@example.com", nil
		}
		return "", nil
	}
	if got := ask(t, s, http.MethodPost, "/p/"+gone, form, "action=save&frequency=weekly"); got.status != 200 {
		t.Fatalf("save: %d", got.status)
	}
	if sub, err := people.Get(id); err != nil || sub.Frequency != "weekly" {
		t.Errorf("chosen: %q %v", sub.Frequency, err)
	}
	if got := ask(t, s, http.MethodPost, "/u/"+gone, form, "List-Unsubscribe=One-Click"); got.status != 200 {
		t.Fatalf("opt-out: %d", got.status)
	}
	if _, reason, err := people.Check(id, ""); err != nil || reason != spool.SkipUnsubscribed {
		t.Errorf("after the opt-out: %q, %v", reason, err)
	}
	for _, link := range []string{"/u/" + people.Token(id+8, 3), "/u/" + people.Token(id+7, 0)} { // nobody knows whose
		if got := ask(t, s, http.MethodPost, link, form, ""); got.status != 200 {
			t.Errorf("%s: %d", link, got.status)
		}
	}
}

func TestALinkOfSomebodyWhoIsGoneHoldsShouldTheyComeAgain(t *testing.T) {
	_, people, id := subscriber(t)
	s := New(people, nil)
	s.step = time.Millisecond
	s.Mailed = func(uint64, uint64) (string, error) { return "lee@example.com", nil }
	for range 2 {
		if got := ask(t, s, http.MethodPost, "/u/"+people.Token(id+7, 3), form, ""); got.status != 200 {
			t.Fatalf("opt-out: %d", got.status)
		}
	}
	yes := true
	sub, err := people.Set(t.Context(), audience.Edit{Email: "lee@example.com", Subscribed: &yes, Create: true})
	if err != nil || sub.Consent.Subscribed || sub.Consent.Source != audience.Person {
		t.Errorf("who came again: %+v %v", sub.Consent, err)
	}
}
