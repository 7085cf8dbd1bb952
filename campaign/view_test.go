package campaign

import (
	"errors"
	"path"
	"strings"
	"testing"
	"time"

	"pabal/audience"
	"pabal/eml"
	"pabal/spool"
)

const viewed = simple + `<p><a href="{{ViewURL}}">웹에서 보기</a></p>`

// token is the last part of the link that stands behind a text in a letter.
func token(t *testing.T, html, label string) string {
	t.Helper()
	before, _, ok := strings.Cut(html, `">`+label)
	if !ok {
		t.Fatalf("no %s in %q", label, html)
	}
	return path.Base(before[strings.LastIndex(before, `href="`)+len(`href="`):])
}

func TestRecipientSeesTheirLetterInABrowser(t *testing.T) {
	h := open(t, t.TempDir())
	h.store.Settings.ViewFor = 24 * time.Hour
	h.enrol(t, 3)
	h.drain(t)
	c := h.draft(t, viewed, Campaign{})
	if _, err := h.store.Start(t.Context(), c.ID, -1); err != nil {
		t.Fatal(err)
	}
	waitState(t, h.store, c.ID, spool.Done)
	for _, m := range h.ses.mails {
		got := readMail(t, m.Data)
		if strings.Contains(got.html, "/v/") != strings.Contains(got.text, "/v/") || !strings.Contains(got.html, "/v/") {
			t.Errorf("the link is in one part only: %q, %q", got.html, got.text)
		}
		seen, err := h.store.OpenView(t.Context(), token(t, got.html, "웹에서"))
		if err != nil {
			t.Fatal(err)
		}
		if sent := strings.ReplaceAll(got.html, "\r\n", "\n"); seen.HTML != sent || seen.Page() != sent {
			t.Errorf("sent %q, shown %q", sent, seen.HTML)
		}
		if sub, _, err := h.people.Verify(token(t, seen.HTML, "수신거부")); err != nil || sub != seen.Subscriber {
			t.Errorf("the refusal in it is of %d, %v, want %d", sub, err, seen.Subscriber)
		}
	}

	// Who was erased has no letter any more, and nobody has a wrong one.
	first := h.people.ViewToken(1, c.ID)
	if _, err := h.people.Erase(t.Context(), "p1@example.com", "t"); err != nil {
		t.Fatal(err)
	}
	h.store.Settings.ViewFor = time.Hour
	for name, token := range map[string]string{"erased": first, "not in it": h.people.ViewToken(99, c.ID), "no campaign": h.people.ViewToken(2, 99)} {
		if l, err := h.store.OpenView(t.Context(), token); !errors.Is(err, ErrNotFound) {
			t.Errorf("%s: %+v, %v", name, l, err)
		}
	}
	second := h.people.ViewToken(2, c.ID)
	for name, span := range map[string]time.Duration{"too old": time.Nanosecond, "off": 0} {
		h.store.Settings.ViewFor = span
		if l, err := h.store.OpenView(t.Context(), second); !errors.Is(err, ErrNotFound) {
			t.Errorf("%s: %+v, %v", name, l, err)
		}
	}
	h.store.Settings.ViewFor = time.Hour
	if _, err := h.store.OpenView(t.Context(), second); err != nil {
		t.Error(err)
	}
	for _, bad := range []string{"", "x", second[:len(second)-1] + "_", h.people.Token(2, c.ID), h.people.PreviewToken(2, c.ID, time.Now().Add(time.Hour))} {
		if _, err := h.store.OpenView(t.Context(), bad); !errors.Is(err, audience.ErrToken) {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

// A letter that has not gone is nobody's to see: a draft's link would show it
// before its time.
func TestUnsentLetterIsNotShown(t *testing.T) {
	h := open(t, t.TempDir())
	h.store.Settings.ViewFor = time.Hour
	h.enrol(t, 2)
	c := h.draft(t, viewed, Campaign{})
	if _, err := h.store.OpenView(t.Context(), h.people.ViewToken(1, c.ID)); !errors.Is(err, ErrNotFound) {
		t.Errorf("draft: %v", err)
	}
	if _, err := h.store.Start(t.Context(), c.ID, -1); err != nil { // nothing drains
		t.Fatal(err)
	}
	if _, err := h.store.OpenView(t.Context(), h.people.ViewToken(1, c.ID)); !errors.Is(err, ErrNotFound) {
		t.Errorf("pending: %v", err)
	}
}

func TestViewLinkIsAnUnknownFieldWhereLettersAreNotShown(t *testing.T) {
	h := open(t, t.TempDir())
	h.enrol(t, 1)
	c := h.draft(t, viewed, Campaign{})
	for span, blocked := range map[time.Duration]bool{0: true, time.Hour: false} {
		h.store.Settings.ViewFor = span
		if p, err := h.store.Preflight(t.Context(), c.ID); err != nil || p.Blocked != blocked {
			t.Errorf("%s: %+v, %v", span, p, err)
		}
	}
}

func TestPreviewLinkShowsALetterWithDeadLinks(t *testing.T) {
	h := open(t, t.TempDir())
	h.store.Settings.ViewFor = time.Hour
	h.enrol(t, 3)
	c := h.draft(t, viewed, Campaign{})
	link, err := h.store.PreviewLink(t.Context(), c.ID, Whom{Nth: 2})
	if err != nil || !strings.HasPrefix(link.URL, localURL+"/l/") || link.Email != "p2@example.com" {
		t.Fatalf("%+v, %v", link, err)
	}
	if left := time.Until(link.Until); left > PreviewFor || left < PreviewFor-2*time.Second {
		t.Errorf("good for %s", left)
	}
	l, err := h.store.OpenPreview(t.Context(), path.Base(link.URL))
	if err != nil || l.Email != "p2@example.com" || !strings.Contains(l.HTML, "손님2") {
		t.Fatalf("%+v, %v", l, err)
	}
	for _, label := range []string{"수신거부", "웹에서"} {
		if got := token(t, l.HTML, label); got != testToken {
			t.Errorf("the link %s leads to %s", label, got)
		}
	}
	if _, err := h.people.Erase(t.Context(), "p2@example.com", "t"); err != nil {
		t.Fatal(err)
	}
	if _, err := h.store.OpenPreview(t.Context(), path.Base(link.URL)); !errors.Is(err, ErrNotFound) {
		t.Errorf("after an erasure: %v", err)
	}
	h.store.Settings.LoopbackSES = false
	if _, err := h.store.PreviewLink(t.Context(), c.ID, Whom{}); !strings.Contains(err.Error(), "public address") {
		t.Errorf("without a public address: %v", err)
	}
}

// Images that the mail carries are in the page too.
func TestPageHasTheImagesOfTheMail(t *testing.T) {
	l := Letter{HTML: `<img src="cid:logo@x"><img src="cid:other">`, inline: []eml.Part{
		{ContentType: "image/png", ContentID: "logo@x", Coded: eml.AppendBase64(nil, make([]byte, 100))}}}
	if got := l.Page(); !strings.Contains(got, `src="data:image/png;base64,AAAA`) || strings.ContainsAny(got, "\r\n") || !strings.Contains(got, "cid:other") {
		t.Errorf("got %q", got)
	}
}

func TestAudienceIsSteppedThrough(t *testing.T) {
	h := open(t, t.TempDir())
	h.enrol(t, 5)
	if err := h.people.Unsubscribe(t.Context(), 3, audience.Person, "t"); err != nil {
		t.Fatal(err)
	}
	c := h.draft(t, simple, Campaign{Segment: `email != "p1@example.com"`}) // 2, 4, 5 may be mailed
	for _, w := range []struct {
		whom Whom
		want string // an address, or what is wrong
		nth  int64
	}{
		{Whom{}, "p2@example.com", 1}, {Whom{Nth: 1}, "p2@example.com", 1}, {Whom{Nth: 2}, "p4@example.com", 2}, {Whom{Nth: 3}, "p5@example.com", 3},
		{Whom{Nth: 4}, "only 3", 0}, {Whom{After: 2}, "p4@example.com", 0}, {Whom{After: 4}, "p5@example.com", 0}, {Whom{After: 5}, "the last", 0},
		{Whom{Before: 5}, "p4@example.com", 0}, {Whom{Before: 4}, "p2@example.com", 0}, {Whom{Before: 2}, "the first", 0},
		{Whom{Email: "p1@example.com", Nth: 2}, "p1@example.com", 0},
	} {
		l, err := h.store.PreviewAs(t.Context(), c.ID, w.whom)
		if got := l.Email; err == nil && (got != w.want || l.Nth != w.nth) {
			t.Errorf("%+v: %s, number %d; want %s, %d", w.whom, got, l.Nth, w.want, w.nth)
		}
		if err != nil && (!errors.Is(err, ErrNotFound) || !strings.Contains(err.Error(), w.want)) {
			t.Errorf("%+v: %v, want %s", w.whom, err, w.want)
		}
	}
	if l, err := h.store.Preview(t.Context(), c.ID, "p3@example.com"); err != nil || l.Skip != "unsubscribed" {
		t.Errorf("somebody who left: %+v, %v", l, err)
	}
}

func TestTestsGoToSeveralOrToNobody(t *testing.T) {
	h := open(t, t.TempDir())
	h.store.Settings.ViewFor = time.Hour
	h.enrol(t, 2)
	c := h.draft(t, viewed, Campaign{Attachments: []Attachment{h.put(t, "쿠폰.pdf", []byte("%PDF"))}})
	if err := h.people.Suppress(t.Context(), audience.Suppression{Email: "gone@example.com", Reason: "bounce"}); err != nil {
		t.Fatal(err)
	}
	many := strings.Split(strings.Repeat("x", maxTests), "")
	for i := range many {
		many[i] = strings.Repeat("a", i+1) + "@example.com"
	}
	for want, to := range map[string][]string{"is suppressed (bounce)": {"a@example.com", "Gone@example.com"}, "1 to 10": {}, "not 11": append(many, "b@example.com")} {
		if sent, err := h.store.Tests(t.Context(), c.ID, "", to); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %+v, %v; want %s", to, sent, err, want)
		}
	}
	if st, err := h.spool.Status(); err != nil || st.Pending != 0 {
		t.Fatalf("%d are queued, %v", st.Pending, err)
	}
	sent, err := h.store.Tests(t.Context(), c.ID, "p2@example.com", []string{"me@example.com", " ME@example.com", "boss@example.com"})
	if err != nil || len(sent) != 2 || sent[0].To != "me@example.com" || sent[1].To != "boss@example.com" || sent[0].Message == sent[1].Message {
		t.Fatalf("%+v, %v", sent, err)
	}
	for _, m := range sent {
		var body strings.Builder
		if err := h.spool.Body(m.Message, &body); err != nil {
			t.Fatal(err)
		}
		got := readTree(t, []byte(body.String()))
		if subject := eml.DecodeHeader(got.header.Get("Subject")); subject != "[테스트] 손님2님" {
			t.Errorf("subject %q", subject)
		}
		html := string(got.parts[3].data)
		for _, label := range []string{"수신거부", "웹에서"} {
			if link := token(t, html, label); link != testToken {
				t.Errorf("the link %s leads to %s", label, link)
			}
		}
		if last := got.parts[len(got.parts)-1]; last.name != "쿠폰.pdf" {
			t.Errorf("the file is missing: %q", got.types())
		}
		if link := got.header.Get("List-Unsubscribe"); link != "<"+localURL+"/u/test>" {
			t.Errorf("List-Unsubscribe %s", link)
		}
	}
	if now, err := h.store.Campaign(c.ID); err != nil || now.State != spool.Draft || now.Audience != 0 {
		t.Errorf("the campaign is %s with %d, %v", now.State, now.Audience, err)
	}
}

func TestDryRunMakesEveryLetterAndChangesNothing(t *testing.T) {
	h := open(t, t.TempDir())
	h.enrol(t, 3*dryPage/2)
	if err := h.people.Unsubscribe(t.Context(), 7, audience.Person, "t"); err != nil {
		t.Fatal(err)
	}
	if _, err := h.people.Set(t.Context(), audience.Edit{Email: "p8@example.com", Name: new(string)}); err != nil {
		t.Fatal(err)
	}
	c := h.draft(t, simple, Campaign{})
	last, made, skipped, failed := uint64(0), 0, 0, 0
	err := h.store.DryRun(t.Context(), c.ID, 0, func(l *DryLetter) error {
		if l.Subscriber <= last {
			t.Errorf("%d comes after %d", l.Subscriber, last)
		}
		last = l.Subscriber
		switch {
		case l.Skip != "":
			skipped++
		case l.Problem != "":
			failed++
			if l.Hint == "" || l.Email != "p8@example.com" {
				t.Errorf("%+v", l)
			}
		default:
			made++
			if got := readMail(t, l.Mail); token(t, got.html, "수신거부") != testToken || !strings.Contains(got.header.Get("To"), l.Email) {
				t.Errorf("%s got %q", l.Email, got.html)
			}
		}
		return nil
	})
	if want := 3*dryPage/2 - 2; err != nil || made != want || skipped != 1 || failed != 1 {
		t.Errorf("%d made, %d skipped, %d failed, %v; want %d, 1, 1", made, skipped, failed, err, want)
	}
	made = 0
	if err := h.store.DryRun(t.Context(), c.ID, 3, func(*DryLetter) error { made++; return nil }); err != nil || made != 3 {
		t.Errorf("limited to 3: %d, %v", made, err)
	}
	stop := errors.New("stop")
	if err := h.store.DryRun(t.Context(), c.ID, 0, func(*DryLetter) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("got %v", err)
	}
	if now, err := h.store.Campaign(c.ID); err != nil || now.State != spool.Draft {
		t.Errorf("the campaign is %s, %v", now.State, err)
	}
	if _, err := h.spool.Ledger(c.ID); !errors.Is(err, spool.ErrNotFound) {
		t.Errorf("it has a ledger: %v", err)
	}
}

// A picture that is named on every line does not fill the memory.
func TestPageWithManyPicturesIsBounded(t *testing.T) {
	l := Letter{HTML: strings.Repeat(`<img src="cid:logo@x">`, 1000), inline: []eml.Part{
		{ContentType: "image/png", ContentID: "logo@x", Coded: eml.AppendBase64(nil, make([]byte, 1<<20))}}}
	if got := l.Page(); len(got) > maxPage || !strings.Contains(got, "data:image/png") || !strings.HasSuffix(got, `"cid:logo@x">`) {
		t.Errorf("%d bytes", len(got))
	}
}
