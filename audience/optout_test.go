package audience

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestUnsubscribeIsInTheLogAndInTheStoreOnce(t *testing.T) {
	dir := t.TempDir()
	s, ctx := openAt(t, dir), context.Background()
	importText(t, s, "email\na@example.com\n", ImportOptions{Name: "a.csv"})
	id := byEmail(t, s, "a@example.com").ID
	var wait sync.WaitGroup
	for range 8 {
		wait.Go(func() {
			if err := s.Unsubscribe(ctx, id, Person, "campaign 3"); err != nil {
				t.Error(err)
			}
		})
	}
	wait.Wait()
	if err := s.Unsubscribe(ctx, id, Operator, "again"); err != nil {
		t.Fatal(err)
	}
	h, err := s.History(id)
	if err != nil || len(h) != 2 || h[1].Source != Person || h[1].Detail != "campaign 3" || !h[1].Applied {
		t.Errorf("history: %+v %v", h, err)
	}
	if _, reason, err := s.Check(id, ""); err != nil || reason != "unsubscribed" {
		t.Errorf("check: %q %v", reason, err)
	}
	log, err := os.ReadFile(filepath.Join(dir, logName))
	if err != nil || !bytes.Contains(log, []byte(`"id":1`)) || bytes.Contains(log, []byte("a@example")) || log[len(log)-1] != '\n' {
		t.Errorf("log: %q %v", log, err)
	}
	if from, err := s.replayFrom(); err != nil || from != int64(len(log)) {
		t.Errorf("the store knows %d of %d bytes of the log: %v", from, len(log), err)
	}
	if err := s.Unsubscribe(ctx, 99, Person, ""); !errors.Is(err, ErrNotFound) {
		t.Errorf("nobody: %v", err)
	}
	// The operator cannot undo what the person said, the person can.
	sub, err := s.Set(ctx, Edit{Email: "a@example.com", Subscribed: ptr(true), Name: ptr("새 이름")})
	if err != nil || sub.Consent.Subscribed || sub.Name != "새 이름" {
		t.Errorf("operator: %+v %v", sub, err)
	}
	sub, err = s.Set(ctx, Edit{Email: "a@example.com", Subscribed: ptr(true), Source: Person})
	if err != nil || !sub.Consent.Subscribed || sub.Consent.Source != Person {
		t.Errorf("person: %+v %v", sub, err)
	}
	sound(t, s)
}

func TestARestoredBackupDoesNotForgetOptOuts(t *testing.T) {
	dir := t.TempDir()
	s, ctx := openAt(t, dir), context.Background()
	importText(t, s, "email\na@example.com\nb@example.com\nc@example.com\nd@example.com\n", ImportOptions{})
	if err := s.Unsubscribe(ctx, 1, Person, ""); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	backup, err := os.ReadFile(filepath.Join(dir, FileName))
	if err != nil {
		t.Fatal(err)
	}
	s = openAt(t, dir)
	if err := s.Unsubscribe(ctx, 2, Person, "campaign 9"); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Set(ctx, Edit{Email: "c@example.com", Subscribed: ptr(false)}); err != nil {
		t.Fatal(err)
	}
	for _, email := range []string{"d@example.com", "new@example.com"} {
		if err := s.Suppress(ctx, Suppression{Email: email, Reason: "complaint"}); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, FileName), backup, 0o600); err != nil {
		t.Fatal(err)
	}
	log, err := os.OpenFile(filepath.Join(dir, logName), os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := log.WriteString("not json\n{\"at\":\"2026-"); err != nil { // torn by a crash
		t.Fatal(err)
	}
	_ = log.Close()
	for n := range int64(2) { // the second time there is nothing to do
		s = openAt(t, dir)
		if count, err := s.Count(ctx, nil, ""); err != nil || count.Skipped["unsubscribed"] != 3 || count.Skipped["suppressed"] != 1+n {
			t.Fatalf("got %+v %v", count, err)
		}
		h, err := s.History(2)
		if err != nil || len(h) != 2 || h[1].Detail != "campaign 9" {
			t.Errorf("history: %+v %v", h, err)
		}
		if res := importText(t, s, "email\nnew@example.com\n", ImportOptions{}); res.OptedOut != 1 {
			t.Errorf("an address that nobody had: %+v", res)
		}
		sound(t, s)
		if err := s.Unsubscribe(ctx, 2, Person, ""); err != nil { // appends behind the torn line
			t.Fatal(err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestAFilesRefusalLeavesTheLaterTimeOnTheAddress(t *testing.T) {
	x := newTable(t)
	x.optedOutAt("b@example.com", Operator)
	importText(t, x.s, "email,subscribed,consent_source,consent_time\nb@example.com,no,person,2020-01-01T00:00:00Z\n", ImportOptions{})
	sub := byEmail(t, x.s, "b@example.com")
	var mark Consent
	if err := x.s.update(context.Background(), func(u *update) error { mark = u.addressConsent(x.s.hash(sub.Email)); return nil }); err != nil {
		t.Fatal(err)
	}
	if mark != sub.Consent || mark.Source != Person || mark.At.Year() == 2020 {
		t.Errorf("the address has %+v, the person %+v", mark, sub.Consent)
	}
}

func TestSuppressionHoldsForEverySpelling(t *testing.T) {
	s, ctx := open(t), context.Background()
	importText(t, s, "email\na@example.com\n", ImportOptions{})
	if err := s.Suppress(ctx, Suppression{Email: "A@Example.COM", Reason: "bounce", Detail: "550"}); err != nil {
		t.Fatal(err)
	}
	if err := s.Suppress(ctx, Suppression{Email: "a@example.com", Reason: "operator"}); err != nil {
		t.Fatal(err)
	}
	if err := s.Suppress(ctx, Suppression{Email: "later@example.com", Reason: "operator"}); err != nil {
		t.Fatal(err)
	}
	importText(t, s, "email\nlater@example.com\n", ImportOptions{})
	if sup, ok, err := s.Suppressed("a@EXAMPLE.com"); !ok || err != nil || sup.Reason != "bounce" || sup.Detail != "550" || sup.At.IsZero() {
		t.Errorf("got %+v %v %v", sup, ok, err)
	}
	for id := range uint64(2) {
		if _, reason, err := s.Check(id+1, ""); err != nil || reason != "suppressed" {
			t.Errorf("check %d: %q %v", id+1, reason, err)
		}
	}
	var list []string
	for sup, err := range s.Suppressions() {
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, sup.Email)
	}
	slices.Sort(list)
	if !slices.Equal(list, []string{"A@example.com", "later@example.com"}) {
		t.Errorf("list: %q", list)
	}
	for range s.Suppressions() {
		break
	}
	sound(t, s)
	if err := s.Unsuppress(ctx, "A@example.com"); err != nil {
		t.Fatal(err)
	}
	if _, reason, err := s.Check(1, ""); err != nil || reason != "unsubscribed" { // only the person comes back
		t.Errorf("after: %q %v", reason, err)
	}
	if err := s.Unsuppress(ctx, "later@example.com"); err != nil {
		t.Fatal(err)
	}
	if _, reason, err := s.Check(2, ""); err != nil || reason != "" {
		t.Errorf("after, the operator's own: %q %v", reason, err)
	}
	if err := s.Unsuppress(ctx, "a@example.com"); !errors.Is(err, ErrNotFound) {
		t.Errorf("twice: %v", err)
	}
	for _, bad := range []Suppression{{Email: "x", Reason: "bounce"}, {Email: "x@example.com", Reason: "whim"}} {
		if s.Suppress(ctx, bad) == nil {
			t.Errorf("%+v was taken", bad)
		}
	}
	sound(t, s)
}

func TestAComplaintEndsConsentForGood(t *testing.T) {
	s, ctx := open(t), context.Background()
	importText(t, s, "email\na@example.com\n", ImportOptions{})
	for _, reason := range []string{"bounce", "complaint", "complaint"} {
		if err := s.Suppress(ctx, Suppression{Email: "a@example.com", Reason: reason}); err != nil {
			t.Fatal(err)
		}
	}
	if sup, _, _ := s.Suppressed("a@example.com"); sup.Reason != "complaint" {
		t.Errorf("got %+v", sup)
	}
	if err := s.Unsuppress(ctx, "a@example.com"); err != nil {
		t.Fatal(err)
	}
	if sub, reason, err := s.Check(1, ""); err != nil || reason != "unsubscribed" || sub.Consent.Source != Complaint {
		t.Errorf("got %q %+v %v", reason, sub.Consent, err)
	}
}

func TestAnOptOutThatIsNotInTheLogIsNotAcknowledged(t *testing.T) {
	s, ctx := open(t), context.Background()
	importText(t, s, "email\na@example.com\n", ImportOptions{})
	_ = s.optouts.f.Close()
	if err := s.Unsubscribe(ctx, 1, Person, ""); err == nil || !strings.Contains(err.Error(), logName) {
		t.Errorf("got %v", err)
	}
	if _, reason, err := s.Check(1, ""); reason != "" || err != nil {
		t.Errorf("got %q %v", reason, err)
	}
	if _, err := s.Set(ctx, Edit{Email: "b@example.com", Create: true}); err == nil || s.Err() == nil {
		t.Errorf("the store goes on: %v, %v", err, s.Err())
	}
}

func TestAClockSetBackDoesNotMakeAPersonsWordOlder(t *testing.T) {
	s, ctx := open(t), context.Background()
	now := time.Date(2026, 5, 1, 0, 0, 0, 0, time.UTC)
	s.Now = func() time.Time { now = now.Add(-time.Hour); return now }
	if _, err := s.Set(ctx, Edit{Email: "a@example.com", Create: true, Subscribed: ptr(true), Source: Person}); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if err := s.Unsubscribe(ctx, 1, Person, ""); err != nil {
			t.Fatal(err)
		}
		if _, reason, err := s.Check(1, ""); reason != "unsubscribed" || err != nil {
			t.Errorf("after the opt-out: %q %v", reason, err)
		}
		if sub, err := s.Set(ctx, Edit{Email: "a@example.com", Subscribed: ptr(true), Source: Person}); err != nil || !sub.Consent.Subscribed {
			t.Errorf("after the return: %+v %v", sub, err)
		}
		if sub, err := s.Set(ctx, Edit{Email: "a@example.com", Subscribed: ptr(false), Source: Person}); err != nil || sub.Consent.Subscribed {
			t.Errorf("after the opt-out by an edit: %+v %v", sub, err)
		}
		if sub, err := s.Set(ctx, Edit{Email: "a@example.com", Subscribed: ptr(true), Source: Person}); err != nil || !sub.Consent.Subscribed {
			t.Errorf("after the second return: %+v %v", sub, err)
		}
	}
	sound(t, s)
}
