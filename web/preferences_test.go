package web

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"pabal/audience"
)

// The fake list has nobody to choose for but when it fails.
func (l *list) Get(uint64) (audience.Subscriber, error) {
	return audience.Subscriber{}, l.err
}
func (l *list) ByEmail(string) (audience.Subscriber, error) {
	return audience.Subscriber{}, audience.ErrNotFound
}
func (l *list) Former(uint64) (audience.Subscriber, bool, error) {
	return audience.Subscriber{}, false, nil
}
func (l *list) Suppressed(string) (audience.Suppression, bool, error) {
	return audience.Suppression{}, false, l.err
}
func (l *list) Prefer(context.Context, uint64, audience.Preferences, *bool, string) (audience.Subscriber, error) {
	return audience.Subscriber{}, l.err
}

// preferencePages are the pages over a real store with one person, and the link of theirs.
func preferencePages(t *testing.T) (*Server, *audience.Store, uint64, string) {
	t.Helper()
	_, people, id := subscriber(t)
	people.Topics = []audience.Topic{{ID: "sale", Korean: "세일 소식", English: "Sales", Commercial: true, Default: true},
		{ID: "event", Korean: "행사 초대", English: "Invitations", Commercial: true}}
	s := New(people, nil)
	s.Company, s.step = "무신사 & <Co>", time.Millisecond
	return s, people, id, "/p/" + people.Token(id, 3)
}

func person(t *testing.T, people *audience.Store, id uint64) audience.Subscriber {
	t.Helper()
	sub, err := people.Get(id)
	if err != nil {
		t.Fatal(err)
	}
	return sub
}

func saved(values ...string) string {
	v := url.Values{"action": {"save"}, "shown": {"sale", "event"}}
	for _, pair := range values {
		name, value, _ := strings.Cut(pair, "=")
		v.Add(name, value)
	}
	return v.Encode()
}

func TestPreferencesAreShownAndSaved(t *testing.T) {
	s, people, id, link := preferencePages(t)
	before := ask(t, s, http.MethodGet, link, "", "")
	for _, want := range []string{`<html lang="ko">`, "무신사 &amp; &lt;Co&gt;", `value="sale" checked`, `value="event">`, `value="all" checked`, "세일 소식"} {
		if !strings.Contains(before.body, want) {
			t.Errorf("before: %q is not on the page\n%s", want, before.body)
		}
	}
	after := ask(t, s, http.MethodPost, link, form, saved("topic=event", "frequency=weekly", "language=en"))
	for _, body := range []string{after.body, ask(t, s, http.MethodGet, link, "", "").body} {
		for _, want := range []string{`<html lang="en">`, `value="sale">`, `value="event" checked`, `value="weekly" checked`, `value="en" checked`, "Invitations"} {
			if !strings.Contains(body, want) {
				t.Errorf("after: %q is not on the page\n%s", want, body)
			}
		}
	}
	if !strings.Contains(after.body, `role="status">Your preferences are saved.`) || !strings.Contains(after.body, "<title>Your preferences are saved. Mail") {
		t.Errorf("it does not say that it was saved: %s", after.body)
	}
	sub := person(t, people, id)
	if !slices.Equal(sub.TopicsOff, []string{"sale"}) || !slices.Equal(sub.TopicsOn, []string{"event"}) || sub.Frequency != "weekly" || sub.Language != "en" || !sub.Consent.Subscribed {
		t.Errorf("stored %+v", sub)
	}
	history, err := people.History(id)
	if last := history[len(history)-1]; err != nil || last.Source != audience.Person || last.Detail != "preference page, link of campaign 3" || len(last.Changed) != 4 {
		t.Errorf("history %+v, %v", history, err)
	}
}

func TestNothingButAFormOfThePageChangesPreferences(t *testing.T) {
	s, people, id, link := preferencePages(t)
	before, err := people.History(id)
	if err != nil {
		t.Fatal(err)
	}
	for _, method := range []string{http.MethodGet, http.MethodHead} {
		for _, query := range []string{"", "?lang=en", "?action=off", "?action=save&frequency=weekly"} {
			if got := ask(t, s, method, link+query, "", ""); got.status != 200 {
				t.Errorf("%s %s: %d", method, query, got.status)
			}
		}
	}
	for _, body := range []string{"", "List-Unsubscribe=One-Click", "action=delete", "%zz", saved("frequency=hourly", "language=fr", "topic=sale", "topic=other"),
		"action=save&topic=event&frequency=%00"} { // the last shows no topic: none is switched
		if got := ask(t, s, http.MethodPost, link, form, body); got.status != 200 {
			t.Errorf("POST %q: %d", body, got.status)
		}
	}
	for _, method := range []string{http.MethodPut, http.MethodDelete, http.MethodOptions} {
		if got := ask(t, s, method, link, form, "action=off"); got.status != 405 {
			t.Errorf("%s: %d", method, got.status)
		}
	}
	if got := ask(t, s, http.MethodPost, link, form, "action=off&x="+strings.Repeat("x", maxForm)); got.status != 413 {
		t.Errorf("too long: %d", got.status)
	}
	after, err := people.History(id)
	if sub := person(t, people, id); err != nil || len(after) != len(before) || !sub.Consent.Subscribed || sub.Frequency != "" {
		t.Errorf("changed: %+v %+v, %v", sub, after, err)
	}
}

func TestAllOffAndBack(t *testing.T) {
	s, people, id, link := preferencePages(t)
	out := ask(t, s, http.MethodPost, link+"?lang=en", form, "action=off")
	if out.status != 200 || !strings.Contains(out.body, `value="on"`) || strings.Contains(out.body, "fieldset>") {
		t.Errorf("after all off: %d %s", out.status, out.body)
	}
	if _, reason, err := people.Check(id, ""); err != nil || reason != "unsubscribed" {
		t.Errorf("check: %q, %v", reason, err)
	}
	if got := ask(t, s, http.MethodGet, link, "", ""); !strings.Contains(got.body, `value="on"`) {
		t.Errorf("opened again: %s", got.body)
	}
	for range 2 { // a reload sends the form again
		back := ask(t, s, http.MethodPost, link+"?lang=en", form, "action=on")
		if back.status != 200 || !strings.Contains(back.body, "You will get mail again.") || !strings.Contains(back.body, `value="save"`) {
			t.Errorf("after coming back: %d %s", back.status, back.body)
		}
	}
	if sub := person(t, people, id); !sub.Consent.Subscribed || sub.Consent.Source != audience.Person {
		t.Errorf("consent %+v", sub.Consent)
	}
}

func TestASuppressedAddressAndAnErasedPersonGetTheTruth(t *testing.T) {
	s, people, id, link := preferencePages(t)
	if err := people.Suppress(t.Context(), audience.Suppression{Email: "kim@example.com", Reason: "bounce", At: time.Now()}); err != nil {
		t.Fatal(err)
	}
	for _, body := range []string{"", "action=on", saved("frequency=weekly")} {
		got := ask(t, s, http.MethodPost, link+"?lang=en", form, body)
		if got.status != 200 || !strings.Contains(got.body, "mail to it came back") || strings.Contains(got.body, "<button") || strings.Contains(got.body, "kim@") {
			t.Errorf("%q: %d %s", body, got.status, got.body)
		}
	}
	if sub := person(t, people, id); sub.Frequency != "" {
		t.Errorf("changed: %+v", sub)
	}
	ask(t, s, http.MethodPost, link, form, "action=off") // refusing more is always heard
	if sub := person(t, people, id); sub.Consent.Subscribed {
		t.Errorf("consent %+v", sub.Consent)
	}
	gone := "/p/" + people.Token(id+1, 3)
	for _, method := range []string{http.MethodGet, http.MethodPost} {
		if got := ask(t, s, method, gone+"?lang=en", form, "action=on"); got.status != 200 || !strings.Contains(got.body, "was deleted") || strings.Contains(got.body, "<button") {
			t.Errorf("%s: %d %s", method, got.status, got.body)
		}
	}
}

// A bad link is answered as that of a person who has not chosen yet.
func TestPreferencePageDoesNotTellGoodLinksFromBad(t *testing.T) {
	for _, body := range []string{"GET", "", "action=off", "action=on", saved("topic=sale", "topic=event", "frequency=monthly", "language=en"), saved("language=ko")} {
		s, people, id, link := preferencePages(t)
		method := http.MethodPost
		if body == "GET" {
			method, body = http.MethodGet, ""
		}
		history, err := people.History(id)
		if err != nil {
			t.Fatal(err)
		}
		bad := []answer{}
		for _, token := range []string{"bad", link[3:] + "A", "%00", "..%2f", strings.Repeat("x", 3000)} {
			bad = append(bad, ask(t, s, method, "/p/"+token, form, body))
		}
		if after, err := people.History(id); err != nil || len(after) != len(history) {
			t.Errorf("a bad link changed somebody: %+v, %v", after, err)
		}
		good := ask(t, s, method, link, form, body)
		for i, got := range bad {
			good.header.Del("Date")
			got.header.Del("Date")
			if got.status != good.status || got.body != good.body || strings.Join(got.header["Content-Length"], "") != strings.Join(good.header["Content-Length"], "") || len(got.header) != len(good.header) {
				t.Errorf("%s %q, bad link %d: %d %v\n%s\nwant %d %v\n%s", method, body, i, got.status, got.header, got.body, good.status, good.header, good.body)
			}
		}
	}
}

func TestPreferencePageTakesTheSameTimeForAnyLink(t *testing.T) {
	s, _, _, link := preferencePages(t)
	s.step = 50 * time.Millisecond
	for _, target := range []string{link, "/p/bad"} {
		for body, method := range map[string]string{"": http.MethodGet, "action=none": http.MethodPost, "action=off": http.MethodPost} {
			began := time.Now()
			ask(t, s, method, target, form, body)
			if took := time.Since(began); took < s.step {
				t.Errorf("%s %s %q took %v, want a whole step of %v", method, target, body, took, s.step)
			}
		}
	}
}

func TestPreferencesThatCannotBeKeptAreNotSaidToBe(t *testing.T) {
	s := testPages(&list{err: errors.New("disk full")})
	for _, method := range []string{http.MethodGet, http.MethodPost} {
		if got := ask(t, s, method, "/p/good", form, saved()); got.status != 503 || strings.Contains(got.body, "저장했습니다.") || strings.Contains(got.body, "disk") {
			t.Errorf("%s: %d %s", method, got.status, got.body)
		}
	}
}

func TestPreferenceLinkOfATestMailIsDead(t *testing.T) {
	s, _, _, _ := preferencePages(t)
	for _, method := range []string{http.MethodGet, http.MethodPost} {
		if got := ask(t, s, method, "/p/test?lang=en", form, "action=off"); got.status != 200 || !strings.Contains(got.body, "from a test mail") {
			t.Errorf("%s: %d %s", method, got.status, got.body)
		}
	}
}

func TestPreferencePageSpeaksTheReadersLanguage(t *testing.T) {
	s, people, id, link := preferencePages(t)
	for _, c := range []struct{ stored, query, accept, want string }{
		{"", "", "", "ko"}, {"", "", "en-US,en;q=0.9", "en"}, {"", "?lang=ko", "en", "ko"},
		{"ko", "", "en", "ko"}, {"en", "", "ko", "en"}, {"en", "?lang=ko", "en", "ko"}, {"en", "?lang=fr", "ko", "en"},
	} {
		if _, err := people.Prefer(t.Context(), id, audience.Preferences{Language: &c.stored}, nil, ""); err != nil {
			t.Fatal(err)
		}
		r, err := http.NewRequest(http.MethodGet, link+c.query, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Accept-Language", c.accept)
		got := httptest.NewRecorder()
		s.ServeHTTP(got, r)
		if got.Header().Get("Content-Language") != c.want || !strings.Contains(got.Body.String(), `<html lang="`+c.want+`">`) {
			t.Errorf("%+v: %s", c, got.Header().Get("Content-Language"))
		}
	}
}

// What a screen reader and a keyboard need, as far as the text tells; the
// browser tests look at the rest.
func TestPreferencePageCanBeUsedByEverybody(t *testing.T) {
	s, _, _, link := preferencePages(t)
	got := ask(t, s, http.MethodGet, link, "", "")
	boxes := regexp.MustCompile(`<input type="(checkbox|radio)"`).FindAllString(got.body, -1)
	labelled := regexp.MustCompile(`<label class="choice"><input type="(checkbox|radio)"[^>]*> <span[^>]*>[^<]+</span></label>`).FindAllString(got.body, -1)
	if len(boxes) != 7 || len(labelled) != len(boxes) {
		t.Errorf("%d boxes and buttons, %d with a label", len(boxes), len(labelled))
	}
	if n := strings.Count(got.body, "<legend>"); n != 3 || strings.Count(got.body, "<fieldset") != n {
		t.Errorf("%d legends", n)
	}
	if strings.Count(got.body, "<h1>") != 1 || strings.Contains(got.body, "<script") || strings.Contains(got.body, "style=") {
		t.Errorf("headings, scripts or styles: %s", got.body)
	}
	for name, want := range map[string]string{"Referrer-Policy": "no-referrer", "Cache-Control": "no-store", "X-Frame-Options": "DENY", "X-Robots-Tag": "noindex, nofollow"} {
		if got.header.Get(name) != want {
			t.Errorf("%s: %q", name, got.header.Get(name))
		}
	}
	if csp := got.header.Get("Content-Security-Policy"); !strings.Contains(csp, "default-src 'none'") || !strings.Contains(csp, "form-action 'self'") {
		t.Errorf("policy %q", csp)
	}
}

func FuzzPreferenceForm(f *testing.F) {
	f.Add("action=save&shown=sale&topic=sale&frequency=weekly&language=ko")
	f.Add("action=save&shown=sale&shown=sale&frequency=&language=%ff")
	f.Add("action=on")
	s := testPages(&list{})
	s.Topics = []audience.Topic{{ID: "sale"}, {ID: "event"}}
	f.Fuzz(func(t *testing.T, body string) {
		values, err := url.ParseQuery(body)
		if err != nil && values == nil {
			return
		}
		p := s.chosen(values)
		if len(p.Topics) > 2 || p.Frequency != nil && !slices.Contains([]string{"all", "weekly", "monthly"}, *p.Frequency) || p.Language != nil && !slices.Contains([]string{"ko", "en"}, *p.Language) {
			t.Errorf("%q: %+v", body, p)
		}
		for id := range p.Topics {
			if !slices.Contains(values["shown"], id) {
				t.Errorf("%q switches %s, which was not shown", body, id)
			}
		}
	})
}
