package audience

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// suppressions are the list as reason by address, "?" where only its hash is known.
func suppressions(t testing.TB, s *Store) []string {
	t.Helper()
	var list []string
	for sup, err := range s.Suppressions() {
		if err != nil {
			t.Fatal(err)
		}
		email := sup.Email
		if email == "" {
			email = "?"
		}
		list = append(list, fmt.Sprint(email, " ", sup.Reason, sup.Soft))
	}
	slices.Sort(list)
	return list
}

func TestARestoredBackupKnowsWhoWasSuppressedSince(t *testing.T) {
	dir, ctx := t.TempDir(), context.Background()
	s := openAt(t, dir)
	now := day(20)
	s.Now = func() time.Time { return now }
	importText(t, s, "email\nout@example.com\nloud@example.com\nheld@example.com\nfreed@example.com\nback@example.com\nlisted@example.com\n", ImportOptions{})
	if err := s.Unsubscribe(ctx, byEmail(t, s, "out@example.com").ID, Person, ""); err != nil {
		t.Fatal(err)
	}
	for _, email := range []string{"freed@example.com", "back@example.com"} {
		if err := s.Suppress(ctx, Suppression{Email: email, Reason: "operator", At: day(10)}); err != nil {
			t.Fatal(err)
		}
	}
	s = restoring(t, dir, s, func(s *Store) {
		s.Now = func() time.Time { return now }
		do := func(err error) {
			t.Helper()
			if err != nil {
				t.Fatal(err)
			}
		}
		_, err := s.Bounced(ctx, "e1", "out@example.com", true, day(20), "550 out@example.com") // says nothing new about consent
		do(err)
		do(s.Complained(ctx, "e2", "loud@example.com", day(20), ""))
		do(s.Complained(ctx, "e3", "App.Only@example.com", day(20), ""))
		do(s.Suppress(ctx, Suppression{Email: "held@example.com", Reason: "operator", Detail: "held@example.com asked"}))
		for _, email := range []string{"freed@example.com", "back@example.com"} {
			do(s.Unsuppress(ctx, email))
		}
		do(s.Suppress(ctx, Suppression{Email: "back@example.com", Reason: "operator"}))
		if added, err := s.suppressMany(ctx, []Suppression{{Email: "listed@example.com", Reason: "operator"}}); err != nil || added != 1 {
			t.Fatal(added, err)
		}
	})
	want := []string{"? complaintfalse", "back@example.com operatorfalse", "held@example.com operatorfalse", "listed@example.com operatorfalse",
		"loud@example.com complaintfalse", "out@example.com bouncefalse"}
	for range 2 { // the second time the whole log is read
		if got := suppressions(t, s); !slices.Equal(got, want) {
			t.Errorf("got  %q\nwant %q", got, want)
		}
		if log := readLog(t, dir); strings.Contains(log, "@") {
			t.Errorf("the log tells who it was: %s", log)
		}
		if _, reason, err := s.Check(byEmail(t, s, "out@example.com").ID, ""); err != nil || reason != "suppressed" {
			t.Errorf("check: %q %v", reason, err)
		}
		if _, ok, err := s.Suppressed("app.only@example.com"); !ok || err != nil {
			t.Errorf("an application could write to who complained: %v", err)
		}
		if err := s.Unsuppress(ctx, "freed@example.com"); !errors.Is(err, ErrNotFound) {
			t.Errorf("freed: %v", err)
		}
		sound(t, s)
		if err := s.update(ctx, func(u *update) error { return u.tx.Bucket(bucketMeta).Delete(metaOptOuts) }); err != nil {
			t.Fatal(err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		s = openAt(t, dir)
	}
	// The event comes again, or SES's list is pulled: the entry gets its address.
	if err := s.Complained(ctx, "e3", "App.Only@example.com", day(20), "abuse"); err != nil {
		t.Fatal(err)
	}
	if got := suppressions(t, s); slices.Contains(got, "? complaintfalse") || len(got) != len(want) {
		t.Errorf("got %q", got)
	}
	sound(t, s)
}

// The log is read from its beginning by a store that knows it all: what was
// taken off the list stays off, and what came after it stays on.
func TestALogReadFromItsBeginningTakesNothingNewerOffTheList(t *testing.T) {
	dir, ctx := t.TempDir(), context.Background()
	s := openAt(t, dir)
	s.Now = func() time.Time { return day(5) }
	if err := s.Suppress(ctx, Suppression{Email: "a@example.com", Reason: "operator", At: day(2)}); err != nil {
		t.Fatal(err)
	}
	if err := s.Unsuppress(ctx, "a@example.com"); err != nil {
		t.Fatal(err)
	}
	for n := range softLimit {
		if _, err := s.Bounced(ctx, fmt.Sprint("soft", n), "a@example.com", false, day(6+n), "later"); err != nil {
			t.Fatal(err)
		}
	}
	want := suppressions(t, s)
	if len(want) != 1 || want[0] != "a@example.com bouncetrue" {
		t.Fatalf("got %q", want)
	}
	if err := s.update(ctx, func(u *update) error { return u.tx.Bucket(bucketMeta).Delete(metaOptOuts) }); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = openAt(t, dir)
	if got := suppressions(t, s); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	sound(t, s)
}
