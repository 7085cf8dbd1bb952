package audience

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"
)

func TestOnlyTheLinkOfTheMailThatAskedBringsSomebodyBack(t *testing.T) {
	s, ctx := open(t), context.Background()
	now := day(10)
	s.Now = func() time.Time { return now }
	importText(t, s, "email\na@example.com\nb@example.com\n", ImportOptions{})
	if err := s.Unsubscribe(ctx, 1, Person, ""); err != nil {
		t.Fatal(err)
	}
	now = now.Add(time.Hour)
	sub, token, err := s.Ask(ctx, "A@example.com")
	if err != nil || sub.ID != 1 || token == "" {
		t.Fatalf("%+v %q %v", sub, token, err)
	}
	if strings.ContainsAny(token, "+/=") || len(token) > 52 {
		t.Errorf("token %q", token)
	}
	if _, _, err := s.Ask(ctx, "a@example.com"); !errors.Is(err, ErrAsked) {
		t.Errorf("asked twice in a day: %v", err)
	}
	if _, _, err := s.Verify(token); !errors.Is(err, ErrToken) {
		t.Errorf("it passes for an unsubscribe link: %v", err)
	}
	unsubscribe := s.Token(1, 3)
	flipped := []byte(token)
	flipped[10] ^= 1
	for name, bad := range map[string]string{"unsubscribe": unsubscribe, "flipped": string(flipped), "cut": token[:len(token)-2], "none": "", "long": strings.Repeat("A", 70)} {
		if _, err := s.Confirm(ctx, bad); !errors.Is(err, ErrToken) {
			t.Errorf("%s link: %v", name, err)
		}
	}
	if byEmail(t, s, "a@example.com").Consent.Subscribed {
		t.Fatal("subscribed before the yes")
	}
	now = now.Add(time.Hour)
	for range 2 { // clicked twice
		if sub, err = s.Confirm(ctx, token); err != nil || !sub.Consent.Subscribed || sub.Consent.Source != Person {
			t.Errorf("%+v %v", sub.Consent, err)
		}
	}
	h, err := s.History(1)
	if err != nil || len(h) != 3 || h[2].Source != Person || !h[2].Subscribed || !strings.Contains(h[2].Detail, "confirmed by the link") {
		t.Errorf("history %+v %v", h, err)
	}
	if _, _, err := s.Ask(ctx, "a@example.com"); !errors.Is(err, ErrAsked) {
		t.Errorf("asked although they said yes: %v", err)
	}
	now = now.Add(time.Hour)
	if err := s.Unsubscribe(ctx, 1, Person, ""); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Confirm(ctx, token); !errors.Is(err, ErrToken) {
		t.Errorf("the old link undid a later refusal: %v", err)
	}
	sound(t, s)
}

func TestALinkThatAskedIsGoodForAWeekAndOneAddress(t *testing.T) {
	s, ctx := open(t), context.Background()
	now := day(10)
	s.Now = func() time.Time { return now }
	syncRows(t, s, SyncRow{Key: []byte("1"), ID: "1", Email: "a@example.com", UpdatedAt: 1})
	_, token, err := s.Ask(ctx, "a@example.com")
	if err != nil {
		t.Fatal(err)
	}
	now = now.Add(ConfirmFor + time.Second)
	if _, err := s.Confirm(ctx, token); !errors.Is(err, ErrToken) {
		t.Errorf("after a week: %v", err)
	}
	_, token, err = s.Ask(ctx, "a@example.com")
	if err != nil {
		t.Fatal(err)
	}
	syncRows(t, s, SyncRow{Key: []byte("1"), ID: "1", Email: "new@example.com", UpdatedAt: 2})
	if _, err := s.Confirm(ctx, token); !errors.Is(err, ErrToken) {
		t.Errorf("the old mailbox spoke for the new address: %v", err)
	}
	sound(t, s)
}

func TestWhoIsNotAsked(t *testing.T) {
	s, ctx := open(t), context.Background()
	importText(t, s, "email\na@example.com\n", ImportOptions{})
	if err := s.Suppress(ctx, Suppression{Email: "a@example.com", Reason: "complaint"}); err != nil {
		t.Fatal(err)
	}
	if _, _, err := s.Ask(ctx, "a@example.com"); !errors.Is(err, ErrSuppressed) || !strings.Contains(err.Error(), "complaint") {
		t.Errorf("suppressed: %v", err)
	}
	if err := s.Unsuppress(ctx, "a@example.com"); err != nil {
		t.Fatal(err)
	}
	if _, _, err := s.Ask(ctx, "a@example.com"); err != nil {
		t.Errorf("off the list: %v", err)
	}
	if err := s.Unask(ctx, "a@example.com"); err != nil {
		t.Fatal(err)
	}
	if _, _, err := s.Ask(ctx, "a@example.com"); err != nil {
		t.Errorf("the mail had not gone: %v", err)
	}
	if _, _, err := s.Ask(ctx, "nobody@example.com"); !errors.Is(err, ErrNotFound) {
		t.Errorf("nobody: %v", err)
	}
	e := erase(t, s, "a@example.com")
	if _, _, err := s.Ask(ctx, "a@example.com"); !errors.Is(err, ErrNotFound) || e.Subscriber != 1 {
		t.Errorf("erased: %v", err)
	}
}

func FuzzConfirm(f *testing.F) {
	s := open(f)
	importText(f, s, "email\na@example.com\n", ImportOptions{})
	_, token, err := s.Ask(context.Background(), "a@example.com")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(token)
	f.Add(s.Token(1, 1))
	f.Fuzz(func(t *testing.T, text string) {
		if c, err := s.openConfirm(text); err == nil && text != token {
			t.Errorf("%q opened as %+v", text, c)
		}
	})
}
