package audience

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"testing"
	"time"
)

// outsSince is the feed back to the shop.
func outsSince(t testing.TB, s *Store, since time.Time) (list []OptOut) {
	t.Helper()
	for out, err := range s.OptedOut(context.Background(), since) {
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, out)
	}
	return list
}

func TestTheFeedBackToTheShopMissesNobody(t *testing.T) {
	s, ctx := open(t), context.Background()
	now := day(10)
	s.Now = func() time.Time { return now }
	rows := make([]SyncRow, 9)
	for i := range rows {
		rows[i] = SyncRow{Key: []byte{byte(i)}, ID: fmt.Sprint(i), Email: fmt.Sprintf("p%d@example.com", i), Subscribed: i != 8, UpdatedAt: 1}
	}
	syncRows(t, s, rows...)
	if list := outsSince(t, s, time.Time{}); len(list) != 0 {
		t.Errorf("what the table said itself: %+v", list)
	}
	told := map[string]bool{}
	since := time.Time{}
	page := func() {
		for _, out := range outsSince(t, s, since) {
			if out.RecordedAt.Before(since) {
				t.Errorf("%+v was recorded before %v", out, since)
			}
			told[out.ExternalID], since = true, out.RecordedAt
		}
	}
	for i := range 7 {
		if i == 3 {
			now = now.Add(-time.Hour) // the clock is set back
		} else if i != 5 { // and two in one millisecond, on both sides of a page
			now = now.Add(time.Second)
		}
		switch i {
		case 0: // told late
			if err := s.Complained(ctx, "e", "p0@example.com", day(2), "abuse"); err != nil {
				t.Fatal(err)
			}
		default:
			if err := s.Unsubscribe(ctx, byEmail(t, s, fmt.Sprintf("p%d@example.com", i)).ID, Person, fmt.Sprint("campaign ", i)); err != nil {
				t.Fatal(err)
			}
		}
		page()
	}
	if len(told) != 7 {
		t.Errorf("told of %v, want 7", told)
	}
	if _, err := s.Set(ctx, Edit{Email: "p1@example.com", Subscribed: ptr(true), Source: Person}); err != nil {
		t.Fatal(err)
	}
	erase(t, s, "p2@example.com")
	list := outsSince(t, s, time.Time{})
	if len(list) != 5 || list[0].ExternalID != "0" || list[0].Source != Complaint || !list[0].At.Equal(day(2)) || list[0].Detail != "abuse" || list[1].Detail != "campaign 3" {
		t.Errorf("list: %+v", list)
	}
	sound(t, s)
}

func TestAnOldStoreTellsTheShopOfThoseOptedOutByNow(t *testing.T) {
	s, ctx := open(t), context.Background()
	importText(t, s, "email,동의\na@example.com,1\nb@example.com,0\n", ImportOptions{})
	if err := s.Unsubscribe(ctx, 1, Person, ""); err != nil {
		t.Fatal(err)
	}
	err := s.update(ctx, func(u *update) error { return errors.Join(u.tx.DeleteBucket(bucketOuts), addConsent(u.tx)) })
	if err != nil {
		t.Fatal(err)
	}
	if list := outsSince(t, s, time.Time{}); len(list) != 2 {
		t.Errorf("got %+v", list)
	}
	sound(t, s)
}

func BenchmarkOptedOutOfAMillion(b *testing.B) {
	s := open(b)
	var text bytes.Buffer
	text.WriteString("email,동의\n")
	for i := range 1_000_000 {
		fmt.Fprintf(&text, "p%d@example.com,%d\n", i, i%10)
	}
	importText(b, s, text.String(), ImportOptions{})
	since := time.Now()
	if err := s.Unsubscribe(context.Background(), 500_001, Person, ""); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if n := len(outsSince(b, s, since)); n != 1 {
			b.Fatal(n)
		}
	}
}
