package campaign

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"pabal/audience"
	"pabal/spool"
)

// house is the real stores in a folder, with SES and its pace played.
type house struct {
	dir    string
	people *audience.Store
	spool  *spool.Spool
	store  *Store
	ses    *remember
	gate   *gate
	facts  *accounts
}

func open(t testing.TB, dir string) *house {
	t.Helper()
	h := &house{dir: dir, ses: &remember{}, gate: &gate{}, facts: &accounts{facts: AccountFacts{MaxSendRate: 1000, Max24Hour: -1, SendingEnabled: true, RateShare: 0.9, QuotaShare: 0.95}}}
	var err error
	if h.people, err = audience.Open(dir); err != nil {
		t.Fatal(err)
	}
	if h.spool, err = spool.Open(dir); err != nil {
		t.Fatal(err)
	}
	if h.store, err = Open(dir, h.people, h.spool); err != nil {
		t.Fatal(err)
	}
	h.store.Settings = Settings{From: "예제 상점 <shop@example.com>", Company: "예제상점", Address: "서울시 중구 1", Phone: "02-123-4567", LoopbackSES: true,
		Events: true, ConfigurationSet: "main"}
	h.store.Accounts = h.facts
	h.store.Logger = slog.New(slog.NewTextHandler(t.Output(), nil))
	h.spool.Sender, h.spool.Pace, h.spool.Addresses = h.store.Sender(h.gate, h.ses), openRoad{}, h.store
	t.Cleanup(func() { h.close(t) })
	return h
}

func (h *house) close(t testing.TB) {
	t.Helper()
	if h.store == nil {
		return
	}
	if err := errors.Join(h.store.Close(), h.spool.Close(), h.people.Close()); err != nil {
		t.Error(err)
	}
	h.store = nil
}

// drain runs the spool until the test ends.
func (h *house) drain(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- h.spool.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

// remember is SES: it keeps what it was given.
type remember struct {
	mu    sync.Mutex
	mails []spool.Message
}

func (r *remember) Send(_ context.Context, m *spool.Message) (string, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	kept := *m
	kept.Data = slices.Clone(m.Data)
	r.mails = append(r.mails, kept)
	return fmt.Sprintf("0100018c-%06d", len(r.mails)), nil
}

// gate says how long it held a call, and lets a test act meanwhile.
type gate struct {
	waited time.Duration
	during func()
	err    error
}

func (g *gate) Wait(context.Context) (time.Duration, error) {
	if g.during != nil {
		g.during()
	}
	return g.waited, g.err
}

type openRoad struct{}

func (openRoad) Take(_ context.Context, _ spool.Lane, max int) (int, error) { return max, nil }
func (openRoad) Return(spool.Lane, int)                                     {}
func (openRoad) Report(spool.Lane, error)                                   {}
func (openRoad) Concurrency() int                                           { return 4 }
func (openRoad) Probe(context.Context) error                                { return nil }
func (openRoad) QuotaFrees(spool.Lane) (time.Time, bool)                    { return time.Time{}, false }

type accounts struct {
	facts    AccountFacts
	err      error
	refused  map[string]bool
	asked    int
	verified error
}

func (a *accounts) Facts(context.Context) (AccountFacts, error) { return a.facts, a.err }
func (a *accounts) Verified(_ context.Context, address string) (bool, error) {
	a.asked++
	return !a.refused[address], a.verified
}

func (h *house) enrol(t testing.TB, n int) { h.enrolAs(t, "p", n) }

func (h *house) enrolAs(t testing.TB, prefix string, n int) {
	t.Helper()
	var csv strings.Builder
	csv.WriteString("email,name,city,subscribed\n")
	for i := range n {
		fmt.Fprintf(&csv, "%s%d@example.com,손님%d,서울,yes\n", prefix, i+1, i+1)
	}
	if _, err := h.people.ImportCSV(t.Context(), strings.NewReader(csv.String()), audience.ImportOptions{Name: "t.csv"}); err != nil {
		t.Fatal(err)
	}
}

const simple = `<p>{{Name}}님 {{Body}} <a href="{{UnsubscribeURL}}">수신거부</a></p>`

// footer is what a letter needs besides, for preflight to find nothing.
const footer = `<p>{{Company}} | {{Address}} | {{Phone}} | help@shop.example.com | unsubscribe</p>`

func (h *house) draft(t testing.TB, html string, c Campaign) Campaign {
	t.Helper()
	if _, err := h.store.PutTemplate(t.Context(), Template{Name: "t", Subject: "{{Name}}님", HTML: html}); err != nil {
		t.Fatal(err)
	}
	c.Template = "t"
	if c.Values == nil {
		c.Values = map[string]string{"Body": "본문"}
	}
	made, err := h.store.Create(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	return made
}

func waitState(t *testing.T, s *Store, id uint64, want spool.State) Campaign {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	var last Campaign
	for c, err := range s.Watch(ctx, id) {
		if err != nil {
			t.Fatal(err)
		}
		if last = c; c.State == want {
			return c
		}
	}
	t.Fatalf("campaign %d is %s, want %s: %+v", id, last.State, want, last)
	return last
}

func TestTemplatesHaveVersions(t *testing.T) {
	dir := t.TempDir()
	h := open(t, dir)
	for i, html := range []string{"<p>{{Name}}\r\n</p>", "<p>{{name}} {{City}}</p>"} {
		got, err := h.store.PutTemplate(t.Context(), Template{Name: " 환영 ", Purpose: "w", Subject: " s ", HTML: html})
		if err != nil || got.Version != i+1 || got.Name != "환영" || got.Subject != "s" {
			t.Fatalf("got %+v, %v", got, err)
		}
	}
	h.close(t)
	h = open(t, dir)
	first, err := h.store.Template("환영", 1)
	if err != nil || first.HTML != "<p>{{Name}}\n</p>" || !slices.Equal(first.Fields, []string{"Name"}) {
		t.Errorf("version 1: %+v, %v", first, err)
	}
	all, err := h.store.Templates()
	if err != nil || len(all) != 1 || all[0].Version != 2 || all[0].HTML != "" || !slices.Equal(all[0].Fields, []string{"name", "City"}) {
		t.Errorf("templates: %+v, %v", all, err)
	}
	for name, version := range map[string]int{"환영": 3, "other": 0} {
		if _, err := h.store.Template(name, version); !errors.Is(err, ErrNotFound) {
			t.Errorf("%s %d: %v", name, version, err)
		}
	}
	var te *TemplateError
	if _, err := h.store.PutTemplate(t.Context(), Template{Name: "환영", Subject: "s", HTML: "{{#if a}}"}); !errors.As(err, &te) {
		t.Errorf("a broken template: %v", err)
	}
	if newest, _ := h.store.Template("환영", 0); newest.Version != 2 {
		t.Errorf("a broken template left version %d", newest.Version)
	}
}

func TestDraftIsChecked(t *testing.T) {
	h := open(t, t.TempDir())
	c := h.draft(t, simple, Campaign{Values: map[string]string{"Body": "a\r\nb"}})
	if c.State != spool.Draft || c.Name != "t" || c.Values["Body"] != "a\nb" || c.ID != 1 {
		t.Fatalf("got %+v", c)
	}
	for name, bad := range map[string]Campaign{
		"template": {Template: "none"}, "segment": {Template: "t", Segment: "gender ="}, "from": {Template: "t", From: "nobody"},
		"reply-to": {Template: "t", ReplyTo: "a b"}, "values": {Template: "t", Values: map[string]string{"a": "1", "A": "2"}},
		"big": {Template: "t", Values: map[string]string{"a": strings.Repeat("x", maxValues)}}, "name": {Template: "t", Name: "a\x1b"},
	} {
		if got, err := h.store.Create(t.Context(), bad); err == nil {
			t.Errorf("%s: stored %+v", name, got)
		}
		bad.ID = c.ID
		if _, err := h.store.Edit(t.Context(), bad); err == nil {
			t.Errorf("%s: edited", name)
		}
	}
	edited, err := h.store.Edit(t.Context(), Campaign{ID: c.ID, Template: "t", Name: "둘째", Topic: "sale"})
	if err != nil || edited.Name != "둘째" || !edited.CreatedAt.Equal(c.CreatedAt) {
		t.Errorf("edit: %+v, %v", edited, err)
	}
	if _, err := h.store.Edit(t.Context(), Campaign{ID: 99, Template: "t"}); !errors.Is(err, ErrNotFound) {
		t.Errorf("edit of nothing: %v", err)
	}
}
