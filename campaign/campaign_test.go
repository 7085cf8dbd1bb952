package campaign

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"pabal/audience"
	"pabal/spool"
)

func TestCampaignReachesEveryoneOnce(t *testing.T) {
	h := open(t, t.TempDir())
	h.enrol(t, 50)
	if err := h.people.Unsubscribe(t.Context(), 7, audience.Person, "t"); err != nil {
		t.Fatal(err)
	}
	h.drain(t)
	c := h.draft(t, simple, Campaign{Topic: "sale"})
	started, err := h.store.Start(t.Context(), c.ID, 49)
	if err != nil {
		t.Fatal(err)
	}
	if started.TemplateVersion != 1 || started.From == "" || started.Audience != 50 || started.Sealed.IsZero() {
		t.Errorf("sealed as %+v", started)
	}
	done := waitState(t, h.store, c.ID, spool.Done)
	if done.Accepted != 49 || done.Skips["unsubscribed"] != 1 || done.Skipped != 1 {
		t.Fatalf("counts %+v", done.Counts)
	}
	links := map[string]bool{}
	for _, m := range h.ses.mails {
		got := readMail(t, m.Data)
		sub, err := h.people.ByEmail(m.To)
		if err != nil || !strings.Contains(got.html, "<p>"+sub.Name+"님 본문") {
			t.Errorf("%s got %q, %v", m.To, got.html, err)
		}
		link := got.header.Get("List-Unsubscribe")
		id, campaign, err := h.people.Verify(strings.Trim(link[strings.LastIndex(link, "/")+1:], ">"))
		if err != nil || id != sub.ID || campaign != c.ID || links[link] {
			t.Errorf("%s has the link %s: %d, %d, %v", m.To, link, id, campaign, err)
		}
		links[link] = true
	}
	if len(links) != 49 {
		t.Errorf("%d links, want 49", len(links))
	}
	if _, err := h.store.Start(t.Context(), c.ID, -1); !errors.Is(err, ErrState) {
		t.Errorf("second start: %v", err)
	}
	if _, err := h.store.Edit(t.Context(), Campaign{ID: c.ID, Template: "t"}); !errors.Is(err, ErrState) {
		t.Errorf("edit after start: %v", err)
	}
}

func TestStartHoldsWhenTheCountDiffers(t *testing.T) {
	h := open(t, t.TempDir())
	h.enrol(t, 3)
	c := h.draft(t, simple, Campaign{})
	got, err := h.store.Start(t.Context(), c.ID, 2)
	if err != nil || got.State != spool.Held || got.Reason == "" {
		t.Fatalf("got %s %q, %v", got.State, got.Reason, err)
	}
	if got, err = h.store.Resume(t.Context(), c.ID); err != nil || got.State != spool.Running {
		t.Errorf("resume: %s, %v", got.State, err)
	}
	if got, err = h.store.Pause(t.Context(), c.ID); err != nil || got.State != spool.Paused {
		t.Errorf("pause: %s, %v", got.State, err)
	}
	if got, err = h.store.Cancel(t.Context(), c.ID); err != nil || got.State != spool.Cancelled || got.Skips["cancelled"] != 3 {
		t.Errorf("cancel: %+v, %v", got, err)
	}
	if _, err = h.store.Resume(t.Context(), c.ID); !errors.Is(err, ErrState) {
		t.Errorf("resume after cancel: %v", err)
	}
}

func TestDraftCanBeCancelledOnly(t *testing.T) {
	h := open(t, t.TempDir())
	c := h.draft(t, simple, Campaign{})
	if _, err := h.store.Pause(t.Context(), c.ID); !errors.Is(err, ErrState) {
		t.Errorf("pause of a draft: %v", err)
	}
	for _, err := range h.store.Recipients(t.Context(), c.ID, nil) {
		if !errors.Is(err, ErrState) {
			t.Errorf("recipients of a draft: %v", err)
		}
	}
	got, err := h.store.Cancel(t.Context(), c.ID)
	if err != nil || got.State != spool.Cancelled {
		t.Errorf("cancel: %+v, %v", got, err)
	}
	if _, err := h.store.Start(t.Context(), c.ID, -1); !errors.Is(err, ErrState) {
		t.Errorf("start of a cancelled draft: %v", err)
	}
}

// A crash may fall between any two steps of a start.
func TestRestartFinishesAStart(t *testing.T) {
	for name, crash := range map[string]func(t *testing.T, h *house, c Campaign){
		"sealed only": func(*testing.T, *house, Campaign) {},
		"header only": func(t *testing.T, h *house, c Campaign) { begin(t, h, c) },
		"half frozen": func(t *testing.T, h *house, c Campaign) {
			begin(t, h, c)
			rows := []spool.Row{{Subscriber: 1}, {Subscriber: 2, Skip: "unsubscribed"}, {Subscriber: 3}}
			if err := h.spool.PutBatch(t.Context(), c.ID, rows, spool.Mark{Subscriber: 3}); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			h := open(t, dir)
			h.enrol(t, 2500)
			c := h.draft(t, simple, Campaign{})
			sealed, err := h.store.seal(spool.WithCaller(t.Context(), "mina"), c, -1, nil, nil)
			if err != nil {
				t.Fatal(err)
			}
			crash(t, h, sealed)
			h.close(t)

			h = open(t, dir)
			if got, _ := h.store.Campaign(c.ID); got.State != spool.Freezing {
				t.Fatalf("after the crash: %s", got.State)
			}
			h.enrol(t, 2600) // a hundred newcomers
			ctx, cancel := context.WithCancel(t.Context())
			ran := make(chan error, 1)
			go func() { ran <- h.store.Run(ctx) }()
			got := waitState(t, h.store, c.ID, spool.Running)
			cancel()
			if err := <-ran; err != nil {
				t.Fatal(err)
			}
			want := int64(2500)
			if name == "sealed only" {
				if len(got.Acts) != 1 || got.Acts[0].What != "start" || got.Acts[0].By != "mina" {
					t.Errorf("who started it: %+v", got.Acts)
				}
				want = 2600 // the header, which fixes the newest, was not written yet
			}
			if got.Audience != want {
				t.Errorf("audience %d, want %d", got.Audience, want)
			}
			seen := 0
			for m, err := range h.store.Recipients(t.Context(), c.ID, nil) {
				if seen++; err != nil || m.To == "" {
					t.Fatalf("recipient %+v, %v", m, err)
				}
			}
			if int64(seen) != want {
				t.Errorf("%d recipients, want %d", seen, want)
			}
		})
	}
}

func begin(t *testing.T, h *house, c Campaign) {
	t.Helper()
	newest, err := h.people.MaxID()
	if err == nil {
		err = h.spool.Begin(t.Context(), spool.Ledger{Campaign: c.ID, FromDomain: "example.com", MaxID: newest, Expect: -1})
	}
	if err != nil {
		t.Fatal(err)
	}
}

func TestTemplateChangedAfterStartChangesNothing(t *testing.T) {
	h := open(t, t.TempDir())
	h.enrol(t, 1)
	c := h.draft(t, simple, Campaign{})
	if _, err := h.store.Start(t.Context(), c.ID, -1); err != nil {
		t.Fatal(err)
	}
	if _, err := h.store.PutTemplate(t.Context(), Template{Name: "t", Subject: "new", HTML: "new"}); err != nil {
		t.Fatal(err)
	}
	h.drain(t)
	waitState(t, h.store, c.ID, spool.Done)
	if got := readMail(t, h.ses.mails[0].Data); !strings.Contains(got.html, "손님1님 본문") {
		t.Errorf("got %q", got.html)
	}
}

func TestLastCheckBeforeTheCall(t *testing.T) {
	for _, c := range []struct {
		name string
		lane spool.Lane
		gate func(h *house, g *gate)
		to   string
		want string
	}{
		{"opted out at the gate", spool.Bulk, func(h *house, g *gate) {
			g.waited = time.Second
			g.during = func() { _ = h.people.Unsubscribe(context.Background(), 1, audience.Person, "") }
		}, "p1@example.com", "skipped: unsubscribed"},
		{"opted out before", spool.Bulk, func(h *house, g *gate) { _ = h.people.Unsubscribe(context.Background(), 1, audience.Person, "") }, "p1@example.com", "skipped: unsubscribed"},
		{"old address suppressed", spool.Bulk, func(h *house, g *gate) {
			_ = h.people.Suppress(context.Background(), audience.Suppression{Email: "old@example.com", Reason: "bounce", At: time.Now()})
		}, "old@example.com", "skipped: suppressed"},
		{"legacy mail to a suppressed address", spool.Transactional, func(h *house, g *gate) {
			_ = h.people.Suppress(context.Background(), audience.Suppression{Email: "x@example.com", Reason: "bounce", At: time.Now()})
		}, "x@example.com", "skipped: suppressed"},
		{"stopped at the gate", spool.Bulk, func(h *house, g *gate) { g.err = context.Canceled }, "p1@example.com", "stopped while waiting"},
		{"opted out too late", spool.Bulk, func(h *house, g *gate) {
			g.waited = time.Millisecond
			g.during = func() { _ = h.people.Unsubscribe(context.Background(), 1, audience.Person, "") }
		}, "p1@example.com", ""},
		{"legacy mail", spool.Transactional, func(h *house, g *gate) { g.waited = time.Second }, "x@example.com", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := open(t, t.TempDir())
			h.enrol(t, 1)
			camp := h.draft(t, simple, Campaign{})
			if _, err := h.store.seal(t.Context(), camp, -1, nil, nil); err != nil {
				t.Fatal(err)
			}
			c.gate(h, h.gate)
			m := &spool.Message{Lane: c.lane, To: c.to, Tag: "s-0-1-1", Data: []byte("body")}
			if c.lane == spool.Bulk {
				m = &spool.Message{Lane: c.lane, Campaign: camp.ID, Subscriber: 1, To: c.to, Tag: "s-1-1-1"}
			}
			id, err := h.store.Sender(h.gate, h.ses).Send(t.Context(), m)
			sent := len(h.ses.mails) == 1
			if c.want == "" && (err != nil || !sent || id == "") || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want) || sent) {
				t.Errorf("got %v, sent %v, want %q", err, sent, c.want)
			}
			if c.lane == spool.Transactional && sent && string(h.ses.mails[0].Data) != "body" {
				t.Error("the body was touched")
			}
		})
	}
}

func TestLetterThatCannotBeMadeFailsForGood(t *testing.T) {
	h := open(t, t.TempDir())
	h.enrol(t, 1)
	c := h.draft(t, `<p>{{Coupon}} {{UnsubscribeURL}}</p>`, Campaign{})
	if _, err := h.store.seal(t.Context(), c, -1, nil, nil); err != nil {
		t.Fatal(err)
	}
	_, err := h.store.Sender(h.gate, h.ses).Send(t.Context(), &spool.Message{Lane: spool.Bulk, Campaign: c.ID, Subscriber: 1, To: "p1@example.com"})
	var se *spool.SendError
	if !errors.As(err, &se) || se.Class != spool.Permanent || !strings.Contains(se.Text, "no value for Coupon") {
		t.Errorf("got %v", err)
	}
}

func TestTestMailIsMarkedAndOutsideTheLedger(t *testing.T) {
	h := open(t, t.TempDir())
	h.enrol(t, 2)
	c := h.draft(t, simple, Campaign{})
	id, err := h.store.Test(t.Context(), c.ID, "p2@example.com", "Me@Example.com")
	if err != nil {
		t.Fatal(err)
	}
	var body strings.Builder
	if err := h.spool.Body(id, &body); err != nil {
		t.Fatal(err)
	}
	m, err := h.spool.Message(id)
	if err != nil || m.Lane != spool.Transactional || m.To != "Me@example.com" || m.Subject != "[테스트] 손님2님" {
		t.Errorf("queued %+v, %v", m, err)
	}
	got := readMail(t, []byte(body.String()))
	if !strings.Contains(got.html, "손님2님") || !strings.Contains(got.html, `/u/test"`) || got.header.Get("To") != "<Me@example.com>" && got.header.Get("To") != "Me@example.com" {
		t.Errorf("got %q to %q", got.html, got.header.Get("To"))
	}
	if now, _ := h.store.Campaign(c.ID); now.State != spool.Draft || now.Audience != 0 {
		t.Errorf("the test changed the campaign: %+v", now)
	}
	for _, bad := range [][2]string{{"", "nobody"}, {"none@example.com", "a@example.com"}} {
		if _, err := h.store.Test(t.Context(), c.ID, bad[0], bad[1]); err == nil {
			t.Errorf("test as %q to %q went", bad[0], bad[1])
		}
	}
}

func TestPreviewShowsMissingFields(t *testing.T) {
	h := open(t, t.TempDir())
	h.enrol(t, 1)
	c := h.draft(t, `<p>{{Name}} {{Coupon}} {{default Points "0"}}</p>`, Campaign{})
	l, err := h.store.Preview(t.Context(), c.ID, "")
	if err != nil || !slices.Equal(l.Missing, []string{"Coupon"}) || l.Subject != "손님1님" || l.Text != "손님1  0" || l.Bytes < 500 || l.From != "예제 상점 <shop@example.com>" {
		t.Errorf("got %+v, %v", l, err)
	}
	if _, err := h.store.Preview(t.Context(), c.ID, "none@example.com"); !errors.Is(err, ErrNotFound) {
		t.Errorf("preview as nobody: %v", err)
	}
}
