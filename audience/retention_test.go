package audience

import (
	"context"
	"errors"
	"testing"
	"time"
)

func TestWhoRefusedLongAgoIsRemovedAndStaysOut(t *testing.T) {
	s, ctx := open(t), context.Background()
	syncRows(t, s, SyncRow{Key: []byte("1"), Email: "shop@example.com", Subscribed: true, UpdatedAt: 1})
	importText(t, s, "email,name,동의\nout@example.com,가,1\nin@example.com,나,1\nlate@example.com,다,1\nnever@example.com,라,0\n", ImportOptions{Name: "a.csv"})
	for _, email := range []string{"shop@example.com", "out@example.com"} {
		if err := s.Unsubscribe(ctx, byEmail(t, s, email).ID, Person, "campaign 3"); err != nil {
			t.Fatal(err)
		}
	}
	before := time.Now().Add(time.Second)
	s.Now = func() time.Time { return before.Add(time.Hour) }
	if err := s.Unsubscribe(ctx, byEmail(t, s, "late@example.com").ID, Person, "campaign 4"); err != nil {
		t.Fatal(err)
	}
	if n, err := s.RemoveRefused(ctx, before, true); err != nil || n != 2 {
		t.Fatalf("would remove %d, %v; want out@ and never@", n, err)
	}
	if n, err := s.RemoveRefused(ctx, before, false); err != nil || n != 2 {
		t.Fatalf("removed %d, %v; want 2", n, err)
	}
	sound(t, s)
	if in := holding(t, s, "out@example.com"); len(in) > 0 {
		t.Errorf("still in %q", in)
	}
	for email, there := range map[string]bool{"out@example.com": false, "never@example.com": false, "shop@example.com": true, "in@example.com": true, "late@example.com": true} {
		if _, err := s.ByEmail(email); (err == nil) != there || err != nil && !errors.Is(err, ErrNotFound) {
			t.Errorf("%s: %v, want there: %v", email, err, there)
		}
	}
	importText(t, s, "email,동의\nout@example.com,1\n", ImportOptions{Name: "b.csv"})
	if sub := byEmail(t, s, "out@example.com"); sub.Consent.Subscribed || sub.Consent.Source != Person {
		t.Errorf("who refused came back as %+v", sub.Consent)
	}
	if n, err := s.RemoveRefused(ctx, before, false); err != nil || n != 1 {
		t.Errorf("who was brought again: removed %d, %v", n, err)
	}
	sound(t, s)
}
