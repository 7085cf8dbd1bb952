package sesclient

import (
	"net/http"
	"strings"
	"testing"
)

// An event destination that is switched off tells nothing; an answer is asked
// for once a minute.
func TestTracksReadsTheConfigurationSet(t *testing.T) {
	fake := newFakeSES(t, false)
	fake.answers(func(w http.ResponseWriter, r *http.Request) {
		writeJSON(w, map[string]any{"EventDestinations": []map[string]any{
			{"Name": "a", "Enabled": true, "MatchingEventTypes": []string{"DELIVERY", "OPEN"}},
			{"Name": "b", "Enabled": false, "MatchingEventTypes": []string{"CLICK"}}}})
	})
	c := fake.client(t, "")
	for range 3 {
		if opens, clicks, err := c.Tracks(t.Context(), "main"); !opens || clicks || err != nil {
			t.Errorf("opens %t, clicks %t, %v", opens, clicks, err)
		}
	}
	if got := fake.got(); len(got) != 1 || !strings.Contains(got[0].path, "/configuration-sets/main/event-destinations") {
		t.Errorf("asked with %v", got)
	}
	if _, _, err := c.Tracks(t.Context(), "other"); err != nil || len(fake.got()) != 2 {
		t.Errorf("another set: %v", err)
	}
}

func TestTracksSaysWhenSESDoesNotAnswer(t *testing.T) {
	fake := newFakeSES(t, false)
	fake.answers(func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(http.StatusForbidden) })
	if _, _, err := fake.client(t, "").Tracks(t.Context(), "main"); err == nil {
		t.Error("no error")
	}
}
