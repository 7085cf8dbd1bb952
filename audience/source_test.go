package audience

import (
	"context"
	"fmt"
	"testing"
)

func TestForgettingTheSourceKeepsPeopleAndNoYesOfIts(t *testing.T) {
	x, ctx := newTable(t), context.Background()
	importText(t, x.s, "email,external_id,subscribed\nfile@example.com,F1,yes\n", ImportOptions{})
	rows := []tableRow{{id: "f", email: "file@example.com", yes: true, updated: 1}}
	const people = 2*forgetRows + 5
	for n := range people - 1 {
		rows = append(rows, tableRow{id: fmt.Sprint(n), email: fmt.Sprintf("u%d@example.com", n), yes: n != 7, updated: 1})
	}
	x.sync(rows...)
	if _, err := x.s.Set(ctx, Edit{Email: "u3@example.com", Subscribed: ptr(true), Source: Person, AddTags: []string{"vip"}}); err != nil {
		t.Fatal(err)
	}
	if err := x.s.SyncForget(ctx); err != nil {
		t.Fatal(err)
	}
	sound(t, x.s)
	if keys, err := x.s.SyncKeys(nil, 1); err != nil || len(keys) > 0 {
		t.Errorf("rows are known: %q %v", keys, err)
	}
	count, err := x.s.Count(ctx, nil, "")
	if err != nil || count.Selected != people || count.Mailable != 2 { // the file's yes and the person's
		t.Errorf("got %+v %v", count, err)
	}
	x.sync(tableRow{id: "7", email: "u3@example.com", yes: true, updated: 1}, tableRow{id: "3", email: "u8@example.com", yes: true, updated: 1}, tableRow{id: "8", email: "u7@example.com", yes: true, updated: 1})
	for email, want := range map[string]bool{"u3@example.com": true, "u8@example.com": true, "u7@example.com": false, "u9@example.com": false, "file@example.com": true} {
		if sub := byEmail(t, x.s, email); sub.Consent.Subscribed != want {
			t.Errorf("%s: %+v", email, sub.Consent)
		}
	}
	if sub := byEmail(t, x.s, "u3@example.com"); len(sub.Tags) != 1 || sub.ExternalID != "7" {
		t.Errorf("got %+v", sub)
	}
	h, err := x.s.History(byEmail(t, x.s, "u9@example.com").ID)
	if err != nil || len(h) != 2 || h[1].Detail != DetailSource || h[1].Subscribed {
		t.Errorf("history %+v %v", h, err)
	}
}

func TestASampleOfRowsIsOfBothEnds(t *testing.T) {
	x := newTable(t)
	var rows []tableRow
	for n := range 20 {
		rows = append(rows, tableRow{id: fmt.Sprintf("%02d", n), email: fmt.Sprintf("u%d@example.com", n), updated: 1})
	}
	for _, c := range []struct {
		rows, limit int
		want        string
	}{{20, 4, "[s00 s01 s19 s18]"}, {3, 4, "[s00 s01 s02]"}, {1, 4, "[s00]"}, {0, 4, "[]"}} {
		y := newTable(t)
		y.sync(rows[:c.rows]...)
		if keys, err := y.s.SyncSample(c.limit); err != nil || fmt.Sprintf("%s", keys) != c.want {
			t.Errorf("%d rows: %s %v, want %s", c.rows, keys, err, c.want)
		}
	}
	x.sync(rows...)
	b, err := x.s.NewSyncBatch(SyncOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range []SyncRow{{Key: []byte("s00"), Email: "U0@example.com"}, {Key: []byte("s01"), Email: "x@example.com"}, {Key: []byte("s99"), Email: "y@example.com"}, {Key: []byte("s02"), Gone: true}} {
		b.Add(&r)
	}
	if same, other, err := x.s.SyncSame(b); err != nil || same != 1 || other != 1 {
		t.Errorf("same %d, other %d, %v", same, other, err)
	}
}
