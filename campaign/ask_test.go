package campaign

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"pabal/audience"
	"pabal/spool"
)

func TestTheMailThatAsksGoesOnceADayAndItsLinkBringsThePersonBack(t *testing.T) {
	h := open(t, t.TempDir())
	h.store.Settings.PublicURL = "https://mail.example.com/"
	h.enrol(t, 2)
	if err := h.people.Unsubscribe(t.Context(), 1, audience.Person, "t"); err != nil {
		t.Fatal(err)
	}
	var links []string
	english := "en"
	if _, err := h.people.Prefer(t.Context(), 2, audience.Preferences{Language: &english}, nil, ""); err != nil {
		t.Fatal(err)
	}
	for n, want := range map[int]string{1: "메일을 받으시겠습니까? - 예제상점", 2: "Do you want our mail? - 예제상점"} {
		id, err := h.store.AskMail(t.Context(), fmt.Sprintf("P%d@example.com", n))
		if err != nil {
			t.Fatal(err)
		}
		m, err := h.spool.Message(id)
		if err != nil || m.Lane != spool.Transactional || m.Subject != want || m.From != "shop@example.com" {
			t.Errorf("queued %+v %v, want subject %q", m, err, want)
		}
		var raw bytes.Buffer
		if err := h.spool.Body(id, &raw); err != nil {
			t.Fatal(err)
		}
		got := readMail(t, raw.Bytes())
		at := strings.Index(got.text, "https://mail.example.com/c/")
		if at < 0 || !strings.Contains(got.html, "https://mail.example.com/c/") || !strings.Contains(got.text, "서울시 중구 1") || got.header.Get("Auto-Submitted") != "auto-generated" {
			t.Fatalf("mail %+v", got)
		}
		link, _, _ := strings.Cut(got.text[at:], "\n")
		links = append(links, strings.TrimSpace(strings.TrimPrefix(link, "https://mail.example.com/c/")))
	}
	if _, err := h.store.AskMail(t.Context(), "p1@example.com"); !errors.Is(err, audience.ErrAsked) {
		t.Errorf("asked again: %v", err)
	}
	for _, link := range links {
		sub, err := h.people.Confirm(t.Context(), link)
		if err != nil || !sub.Consent.Subscribed || sub.Consent.Source != audience.Person {
			t.Errorf("%+v %v", sub, err)
		}
	}
}

func TestWhoeverCannotBeAskedIsNotMarkedAsAsked(t *testing.T) {
	h := open(t, t.TempDir())
	h.enrol(t, 1)
	h.store.Settings.LoopbackSES = false
	if _, err := h.store.AskMail(t.Context(), "p1@example.com"); err == nil || !strings.Contains(err.Error(), "public address") {
		t.Errorf("without an address for the link: %v", err)
	}
	h.store.Settings.LoopbackSES = true
	h.store.Settings.From = "shop@example.com\x00"
	if _, err := h.store.AskMail(t.Context(), "p1@example.com"); err == nil {
		t.Error("a sender that cannot be was taken")
	}
	h.store.Settings.From = "shop@example.com"
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := h.store.AskMail(ctx, "p1@example.com"); err == nil {
		t.Error("asked although nobody waits")
	}
	if _, err := h.store.AskMail(t.Context(), "p1@example.com"); err != nil {
		t.Errorf("afterwards: %v", err)
	}
	if _, err := h.store.AskMail(t.Context(), "nobody@example.com"); !errors.Is(err, audience.ErrNotFound) {
		t.Errorf("nobody: %v", err)
	}
}

// TestEachLaneHonoursWhatBindsIt looks at what the sender does between lease
// and call, and again after a wait at the gate, for every reason not to mail.
func TestEachLaneHonoursWhatBindsIt(t *testing.T) {
	h, ctx := open(t, t.TempDir()), t.Context()
	h.enrol(t, 40)
	made := h.draft(t, simple, Campaign{Topic: "sale"})
	if _, err := h.store.seal(t.Context(), made, -1, nil, nil); err != nil {
		t.Fatal(err)
	}
	address := func(n uint64) string { return fmt.Sprintf("p%d@example.com", n) }
	out := func(source audience.Source) func(uint64) error {
		return func(n uint64) error { return h.people.Unsubscribe(ctx, n, source, "t") }
	}
	block := func(reason string) func(uint64) error {
		return func(n uint64) error {
			return h.people.Suppress(ctx, audience.Suppression{Email: address(n), Reason: reason})
		}
	}
	soft := func(n uint64) (err error) {
		for i := range 5 {
			_, failed := h.people.Bounced(ctx, fmt.Sprint(i), address(n), false, time.Now().Add(time.Duration(i-10)*time.Hour), "")
			err = errors.Join(err, failed)
		}
		return err
	}
	topicOff := func(n uint64) error {
		_, err := h.people.Prefer(ctx, n, audience.Preferences{Topics: map[string]bool{"sale": false}}, nil, "")
		return err
	}
	erase := func(n uint64) error {
		_, err := h.people.Erase(ctx, address(n), "t")
		return err
	}
	sender, next := h.store.Sender(h.gate, h.ses), uint64(0)
	for _, c := range []struct {
		name                string
		do                  func(uint64) error
		bulk, transactional string // skip reasons
	}{
		{"nothing", func(uint64) error { return nil }, "", ""},
		{"person opts out", out(audience.Person), "unsubscribed", ""},
		{"operator opts out", out(audience.Operator), "unsubscribed", ""},
		{"table opts out", out(audience.MySQL), "unsubscribed", ""},
		{"complaint", block("complaint"), "suppressed", "suppressed"},
		{"hard bounce", block("bounce"), "suppressed", "suppressed"},
		{"operator's list", block("operator"), "suppressed", "suppressed"},
		{"five soft bounces", soft, "suppressed", "suppressed"},
		{"topic off", topicOff, "topic_off", ""},
		{"erased", erase, "erased", "suppressed"},
	} {
		for _, late := range []bool{false, true} {
			for lane, want := range map[spool.Lane]string{spool.Bulk: c.bulk, spool.Transactional: c.transactional} {
				next++
				n := next
				act := func() {
					if err := c.do(n); err != nil {
						t.Error(err)
					}
				}
				h.gate.waited, h.gate.during = checkAgain+time.Millisecond, nil
				if late {
					h.gate.during = act
				} else {
					act()
				}
				m := &spool.Message{Lane: lane, To: address(n), Data: []byte("x")}
				if lane == spool.Bulk {
					m.Campaign, m.Subscriber, m.Data = made.ID, n, nil
				}
				before := len(h.ses.mails)
				_, err := sender.Send(ctx, m)
				wantSkip(t, fmt.Sprintf("%s, at the gate %v, %s lane", c.name, late, lane), err, want)
				if sent := len(h.ses.mails) > before; sent != (want == "") {
					t.Errorf("%s, at the gate %v, %s lane: sent %v", c.name, late, lane, sent)
				}
			}
		}
	}
}

func wantSkip(t *testing.T, lane string, err error, want string) {
	t.Helper()
	var skip *spool.SkipError
	switch {
	case want == "" && err != nil:
		t.Errorf("%s: %v, want it sent", lane, err)
	case want != "" && (!errors.As(err, &skip) || skip.Reason != want):
		t.Errorf("%s: %v, want skipped: %s", lane, err, want)
	}
}
