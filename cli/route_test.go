package cli

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/mail"
	"net/smtp"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"pabal/sesclient/emulator"
	"pabal/spool"
)

// A mail about a topic, from the application to SES and back by its link.
func TestMailAboutATopicHasALinkThatRefusesIt(t *testing.T) {
	h := newHost(t, emulator.Options{Rate: 200}, `PABAL_TOPIC=[{id = "sale", title_ko = "세일", title_en = "Sales"}]`,
		`PABAL_ROUTE=[{name = "news", from = ["news@example.com"], topic = "sale", configuration_set = "news", tags = {app = "shop"}}]`)
	p := h.serve()
	send := func(n int) string {
		t.Helper()
		text := "From: news@example.com\r\nX-Pabal-Tag: n=" + fmt.Sprint(n) + "\r\nSubject: sale\r\n\r\nhello\r\n"
		if err := smtp.SendMail(p.where.SMTP[0], nil, "bounce@example.com", []string{"minji@example.net"}, []byte(text)); err != nil {
			t.Fatal(err)
		}
		return fmt.Sprintf("q%d", n)
	}
	send(1)
	a, err := (&demo{ses: h.ses}).await(t.Context(), 0)
	if err != nil || a.Tags["app"] != "shop" || a.Tags["n"] != "1" || !strings.Contains(a.Tags["pabal"], "-0-1-1") {
		t.Fatalf("%+v, %v", a, err)
	}
	raw, _ := h.ses.Raw(a.ID)
	if head, _, _ := bytes.Cut(raw, []byte("\r\n\r\n")); bytes.Contains(head, []byte("X-Pabal-Tag")) || bytes.Count(head, []byte("List-Unsubscribe")) != 1 {
		t.Errorf("header\n%s", head)
	}
	_, rest, _ := strings.Cut(string(raw), "List-Unsubscribe: <")
	link, _, _ := strings.Cut(rest, ">")
	refuseByLink(t, link)
	id := send(2)
	m := awaitOutcome(t, h, id)
	if m.Outcome != spool.Skipped || m.Reason != spool.SkipUnsubscribed || m.Attempts != 0 || m.Topic != "sale" {
		t.Errorf("after the refusal: %+v", m)
	}
	person, err := h.client().Subscriber(t.Context(), "minji@example.net")
	if err != nil || person.Consent.Subscribed || person.Consent.Source != "person" {
		t.Errorf("%+v, %v", person, err)
	}
	if shown := h.pabal("subscriber", "show", "minji@example.net", "--history"); !strings.Contains(shown, "unsubscribe link of mail q1") {
		t.Errorf("history\n%s", shown)
	}
	if log := h.ses.Accepted(); len(log) != 1 {
		t.Errorf("SES has %d mails", len(log))
	}
	h.stop(p)
}

func refuseByLink(t *testing.T, link string) {
	t.Helper()
	answer, err := http.PostForm(link, url.Values{"List-Unsubscribe": {"One-Click"}})
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s", link, answer.Status)
	}
}

// awaitOutcome waits until a mail of the queue waits no more.
func awaitOutcome(t *testing.T, h *host, id string) spool.Message {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		m, err := h.client().Message(ctx, id)
		if err != nil {
			t.Fatal(err)
		}
		if m.Outcome != spool.Pending && m.Outcome != spool.Sending {
			return m
		}
		<-tick.C
	}
}

// With a public https address the mail has what one click needs (RFC 8058), and
// neither can come from the application.
func TestMailAboutATopicCanBeRefusedWithOneClick(t *testing.T) {
	h := newHost(t, emulator.Options{Rate: 200}, `PABAL_TOPIC=[{id = "sale", title_ko = "세일", title_en = "Sales"}]`,
		`PABAL_ROUTE=[{topic = "sale"}]`, "PABAL_WEB_PUBLIC_URL=https://mail.example.com")
	p := h.serve()
	text := "From: a@example.com\r\nList-Unsubscribe: <mailto:app@example.com>\r\nList-Unsubscribe-Post: own\r\n\r\nhello\r\n"
	if err := smtp.SendMail(p.where.SMTP[0], nil, "a@example.com", []string{"minji@example.net"}, []byte(text)); err != nil {
		t.Fatal(err)
	}
	a, err := (&demo{ses: h.ses}).await(t.Context(), 0)
	if err != nil {
		t.Fatal(err)
	}
	raw, _ := h.ses.Raw(a.ID)
	letter, err := mail.ReadMessage(bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	links, posts := letter.Header["List-Unsubscribe"], letter.Header["List-Unsubscribe-Post"]
	if len(links) != 1 || !strings.HasPrefix(links[0], "<https://mail.example.com/u/") || !slices.Equal(posts, []string{"List-Unsubscribe=One-Click"}) {
		t.Fatalf("%q, %q", links, posts)
	}
	// The proxy in front hands it to the daemon.
	refuseByLink(t, "http://"+p.where.Web+strings.TrimSuffix(strings.TrimPrefix(links[0], "<https://mail.example.com"), ">"))
	if person, err := h.client().Subscriber(t.Context(), "minji@example.net"); err != nil || person.Consent.Subscribed || person.Consent.Source != "person" {
		t.Errorf("%+v, %v", person, err)
	}
	h.stop(p)
}

// A person who refuses while a mail waits, and one whose record was deleted and
// came again under another number: what counts is the instant of sending.
func TestTheRefusalBetweenIntakeAndSendingCounts(t *testing.T) {
	h := newHost(t, emulator.Options{Rate: 200}, `PABAL_TOPIC=[{id = "sale", title_ko = "세일", title_en = "Sales"}]`,
		`PABAL_ROUTE=[{topic = "sale", lane = "bulk"}]`)
	p := h.serve()
	h.pabal("spool", "hold", "lane:bulk")
	if err := smtp.SendMail(p.where.SMTP[0], nil, "a@example.com", []string{"a@example.net", "b@example.net"}, []byte("From: a@example.com\r\n\r\nhi\r\n")); err != nil {
		t.Fatal(err)
	}
	h.pabal("subscriber", "set", "a@example.net", "--create", "--unsubscribe")
	h.stop(p)
	p = h.serve() // what was asked of the mail is kept with it
	h.pabal("spool", "release", "lane:bulk")
	if m := awaitOutcome(t, h, "q1"); m.Outcome != spool.Skipped || m.Reason != spool.SkipUnsubscribed || m.Lane != spool.Bulk {
		t.Errorf("refused meanwhile: %+v", m)
	}
	if m := awaitOutcome(t, h, "q2"); m.Outcome != spool.Accepted || m.Route != "route 1" {
		t.Errorf("the other: %+v", m)
	}
	if shown := h.pabal("trace", "a@example.net"); !strings.Contains(shown, "rule route 1; topic sale") || !strings.Contains(shown, "skipped  unsubscribed") {
		t.Errorf("trace\n%s", shown)
	}
	h.stop(p)
}
