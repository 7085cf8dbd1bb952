package alarm

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"pabal/spool"
)

// hook is a real server that remembers what it was told.
type hook struct {
	*httptest.Server
	mu     sync.Mutex
	status int
	told   []Event
	heard  chan Event
	check  func(*http.Request, []byte)
}

func newHook(t *testing.T) *hook {
	h := &hook{status: 200, heard: make(chan Event, 100)}
	h.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		h.mu.Lock()
		defer h.mu.Unlock()
		if h.check != nil {
			h.check(r, body)
		}
		var e Event
		if err := json.Unmarshal(body, &e); err != nil {
			t.Error(err)
		}
		if h.status == 302 {
			w.Header().Set("Location", "http://127.0.0.1:9/elsewhere")
		}
		w.WriteHeader(h.status)
		if h.status == 200 {
			h.told = append(h.told, e)
			h.heard <- e
		}
	}))
	t.Cleanup(h.Close)
	return h
}

func (h *hook) answer(status int) { h.mu.Lock(); h.status = status; h.mu.Unlock() }

func TestWebhookIsToldSignedJSON(t *testing.T) {
	h := newHook(t)
	secret := []byte("s3cret")
	h.check = func(r *http.Request, body []byte) {
		if got, want := r.Header.Get(HeaderSignature), Sign(secret, r.Header.Get(HeaderTimestamp), body); got != want || got == "" {
			t.Errorf("signature %q, want %q", got, want)
		}
		if r.Header.Get("Content-Type") != "application/json; charset=utf-8" || r.Method != http.MethodPost {
			t.Errorf("%s %v", r.Method, r.Header)
		}
		var m map[string]any
		if err := json.Unmarshal(body, &m); err != nil || m["name"] != Held || m["event"] != Began || m["what_ko"] != "보류" || m["id"] == nil || m["host"] != "h" {
			t.Errorf("body %s, %v", body, err)
		}
	}
	e := Event{ID: "1", Event: Began, Host: "h", At: time.Now(), Alarm: Alarm{Name: Held, What: "held", WhatKo: "보류"}}
	if err := (&Webhook{URL: h.URL, Secret: secret}).Post(t.Context(), e); err != nil {
		t.Error(err)
	}
	if len(h.told) != 1 {
		t.Errorf("told %d times", len(h.told))
	}
}

func TestFormatsOfChats(t *testing.T) {
	e := Event{ID: "1", Event: Began, Host: "h", Alarm: Alarm{Name: Held, What: "held <!channel>", WhatKo: "보류", Hint: "do", HintKo: "하세요", Page: "docs/alarms.md#held"}}
	for _, c := range []struct{ format, lang, want, not string }{
		{FormatSlack, "en", `{"text":"[pabal h] alarm began: held \u0026lt;!channel\u0026gt;`, "<!channel>"},
		{FormatSlack, "ko", `경보 시작: 보류`, "began"},
		{FormatJandi, "ko", `"connectInfo":[{"title":"하세요"`, "began"},
	} {
		h := &Webhook{Format: c.format, Lang: c.lang}
		b, err := json.Marshal(h.body(&e))
		if err != nil || !strings.Contains(string(b), c.want) || strings.Contains(string(b), c.not) {
			t.Errorf("%s, %s: %s, %v", c.format, c.lang, b, err)
		}
	}
}

// TestWebhookErrorsDoNotNameTheAddress, which is a secret, and no redirect is followed.
func TestWebhookErrorsDoNotNameTheAddress(t *testing.T) {
	h := newHook(t)
	for _, status := range []int{302, 404, 500} {
		h.answer(status)
		err := (&Webhook{URL: h.URL + "/T0KEN"}).Post(t.Context(), Event{})
		if err == nil || strings.Contains(err.Error(), "T0KEN") {
			t.Errorf("%d: %v", status, err)
		}
	}
	h.Close()
	if err := (&Webhook{URL: h.URL + "/T0KEN"}).Post(t.Context(), Event{}); err == nil || strings.Contains(err.Error(), "T0KEN") {
		t.Errorf("nobody there: %v", err)
	}
}

// TestWebhookThatIsDownIsToldLater, in order and each event once, over a
// restart in between; nothing else waits for it.
func TestWebhookThatIsDownIsToldLater(t *testing.T) {
	h := newHook(t)
	h.answer(500)
	keep := &kept{}
	var mu sync.Mutex
	facts := Facts{Holds: []spool.Hold{{Scope: spool.ScopeAll, Class: spool.Operator, Reason: "x"}}}
	start := func() (w *Watch, stop func()) {
		w, err := New(keep)
		if err != nil {
			t.Fatal(err)
		}
		w.Every, w.Webhook = time.Millisecond, &Webhook{URL: h.URL}
		w.Look = func() Facts { mu.Lock(); defer mu.Unlock(); return facts }
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- w.Run(ctx) }()
		return w, func() { cancel(); <-done }
	}
	w, stop := start()
	waitFor(t, func() bool { w.mu.Lock(); defer w.mu.Unlock(); return w.trouble != "" })
	mu.Lock()
	facts.Holds = nil
	mu.Unlock()
	waitFor(t, func() bool { w.mu.Lock(); defer w.mu.Unlock(); return len(w.known.Alarms) == 0 || onlyUndelivered(w) })
	stop()
	h.answer(200)
	_, stop = start()
	defer stop()
	for _, want := range []string{Began, Ended} {
		var e Event
		for e.Name != Held {
			select {
			case e = <-h.heard:
			case <-time.After(20 * time.Second):
				t.Fatal("the webhook is not told")
			}
		}
		if e.Event != want {
			t.Errorf("told %s, want %s", e.Event, want)
		}
	}
	ids := map[string]int{}
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, e := range h.told {
		if ids[e.ID]++; ids[e.ID] > 1 {
			t.Errorf("%s was told %d times", e.ID, ids[e.ID])
		}
	}
}

func onlyUndelivered(w *Watch) bool {
	for _, e := range w.known.Alarms {
		if e.Name != Undelivered {
			return false
		}
	}
	return true
}

// waitFor looks until something holds.
func waitFor(t *testing.T, holds func() bool) {
	t.Helper()
	limit := time.NewTimer(20 * time.Second)
	defer limit.Stop()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-tick.C:
		case <-limit.C:
			t.Fatal("it does not come to hold")
		}
	}
}

func TestTrialTellsEveryPlaceAndSaysHowItWent(t *testing.T) {
	h := newHook(t)
	w, err := New(&kept{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Test(t.Context(), "kim"); !errors.Is(err, ErrNowhere) {
		t.Errorf("nowhere to tell: %v", err)
	}
	w.Webhook, w.Mailer = &Webhook{URL: h.URL}, &mailbox{closed: true}
	trials, err := w.Test(t.Context(), "kim")
	if err != nil || len(trials) != 2 || !trials[0].Good || trials[1].Good || trials[1].Error == "" {
		t.Errorf("trials %+v, %v", trials, err)
	}
	if e := <-h.heard; e.Event != TestMade || !strings.Contains(e.What, "kim") {
		t.Errorf("told %+v", e)
	}
}
