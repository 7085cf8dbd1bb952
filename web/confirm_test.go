package web

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"pabal/audience"
)

// asked is a person who opted out and was asked.
func asked(t *testing.T) (*Server, *audience.Store, string) {
	t.Helper()
	_, people, id := subscriber(t)
	if err := people.Unsubscribe(t.Context(), id, audience.Person, ""); err != nil {
		t.Fatal(err)
	}
	_, token, err := people.Ask(t.Context(), "kim@example.com")
	if err != nil {
		t.Fatal(err)
	}
	s := New(people, nil)
	s.step = time.Millisecond
	return s, people, "/c/" + token
}

func TestOnlyTheButtonSubscribes(t *testing.T) {
	s, people, link := asked(t)
	for _, method := range []string{http.MethodGet, http.MethodHead} {
		if got := ask(t, s, method, link, "", ""); got.status != 200 {
			t.Errorf("%s: %d", method, got.status)
		}
	}
	if sub, err := people.Get(1); err != nil || sub.Consent.Subscribed {
		t.Fatalf("a look subscribed: %+v %v", sub, err)
	}
	if got := ask(t, s, http.MethodPut, link, "", ""); got.status != http.StatusMethodNotAllowed {
		t.Errorf("PUT: %d", got.status)
	}
	if got := ask(t, s, http.MethodPost, link, form, strings.Repeat("x", maxBody+1)); got.status != http.StatusRequestEntityTooLarge {
		t.Errorf("a long body: %d", got.status)
	}
	for range 2 {
		if got := ask(t, s, http.MethodPost, link, form, ""); got.status != 200 || !strings.Contains(got.body, "요청을 처리했습니다") {
			t.Errorf("POST: %d %s", got.status, got.body)
		}
	}
	if sub, err := people.Get(1); err != nil || !sub.Consent.Subscribed || sub.Consent.Source != audience.Person {
		t.Errorf("after the button: %+v %v", sub, err)
	}
}

func TestAGoodAndABadConfirmLinkGetTheSamePage(t *testing.T) {
	s, _, link := asked(t)
	s.step = 20 * time.Millisecond
	for _, method := range []string{http.MethodGet, http.MethodPost} {
		var first answer
		for i, target := range []string{link, "/c/bad", link[:len(link)-3], "/c/" + strings.Repeat("A", 300)} {
			began := time.Now()
			got := ask(t, s, method, target+"?lang=en", form, "")
			if i == 0 {
				first = got
			}
			if got.status != first.status || got.body != first.body {
				t.Errorf("%s %s: %d, another page than the good link's", method, target, got.status)
			}
			if took := time.Since(began); method == http.MethodPost && took < s.step {
				t.Errorf("%s %s took %v, below a step", method, target, took)
			}
		}
	}
}

// broken is an audience that cannot write.
type broken struct{}

func (broken) Confirm(context.Context, string) (audience.Subscriber, error) {
	return audience.Subscriber{}, errors.New("disk")
}

func TestAYesThatWasNotRecordedIsNotAcknowledged(t *testing.T) {
	s := testPages(&list{})
	s.confirms = broken{}
	if got := ask(t, s, http.MethodPost, "/c/any", form, ""); got.status != http.StatusServiceUnavailable || !strings.Contains(got.body, "기록하지 못했습니다") {
		t.Errorf("%d %s", got.status, got.body)
	}
}
