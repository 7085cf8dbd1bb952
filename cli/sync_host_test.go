//go:build host

package cli

import (
	"errors"
	"strings"
	"testing"
	"time"

	"pabal/audience"
	"pabal/campaign"
	"pabal/eml"
	"pabal/sesclient/emulator"
	"pabal/spool"
	"pabal/syncer"
)

// TestACampaignGoesToTheCustomersAsTheyAreNow: what changed in the table right
// before the start counts, an opt-out by the link outlives the table's yes, and
// no campaign starts while the table cannot be read.
func TestACampaignGoesToTheCustomersAsTheyAreNow(t *testing.T) {
	m := startMariaDB(t)
	m.shop()
	m.exec(`INSERT INTO shop.User (Email, Name, SubscriptionStatus) VALUES ('a@example.com', '가', 'true'), ('b@example.com', '나', 'true'), ('c@example.com', '다', 'true')`)
	h := newHost(t, emulator.Options{}, append(shopEnv(), "PABAL_MYSQL_DSN=root@tcp("+m.addr+")/shop")...)
	p := h.serve()
	c, ctx := h.client(), t.Context()
	if got, err := c.Sync(ctx, syncer.Order{}); err != nil || got.Read < 3 {
		t.Fatalf("%+v, %v", got, err)
	}
	b, err := c.Subscriber(ctx, "b@example.com")
	if err != nil {
		t.Fatal(err)
	}
	no := false
	if _, err := c.SetSubscriber(ctx, audience.Edit{Email: b.Email, Subscribed: &no}); err != nil {
		t.Fatal(err)
	}
	if _, err := c.PutTemplate(ctx, campaign.Template{Name: "hello", Subject: "{{Name}}님", HTML: `<p>{{Name}}님</p><a href="{{UnsubscribeURL}}">수신거부</a>`}); err != nil {
		t.Fatal(err)
	}
	start := func() (uint64, error) {
		made, err := c.CreateCampaign(ctx, campaign.Campaign{Template: "hello"})
		if err != nil {
			t.Fatal(err)
		}
		_, err = c.Start(ctx, made.ID, -1)
		return made.ID, err
	}
	m.exec(`UPDATE shop.User SET Name = 'new' WHERE id = 1; UPDATE shop.User SET Name = 'x' WHERE id = 2; UPDATE shop.User SET SubscriptionStatus = 'false' WHERE id = 3;
		INSERT INTO shop.User (Email, Name, SubscriptionStatus) VALUES ('d@example.com', '라', 'true')`)
	id, err := start()
	if err != nil {
		t.Fatal(err)
	}
	waitDone(ctx, t, c, id)
	got := map[string]string{}
	for m, err := range c.Recipients(ctx, id, "") {
		if err != nil {
			t.Fatal(err)
		}
		got[m.To] = m.Outcome.String() + m.Reason
	}
	want := map[string]string{"a@example.com": spool.Accepted.String(), "b@example.com": spool.Skipped.String() + "unsubscribed", "c@example.com": spool.Skipped.String() + "unsubscribed", "d@example.com": spool.Accepted.String()}
	for email, outcome := range want {
		if got[email] != outcome {
			t.Errorf("%s: got %q, want %q", email, got[email], outcome)
		}
	}
	if status := h.pabal("status"); !strings.Contains(status, "from the table User") || !strings.Contains(status, "may do more than read") {
		t.Errorf("status:\n%s", status)
	}
	m.exec("RENAME TABLE shop.User TO shop.Away")
	if _, err := start(); !errors.Is(err, campaign.ErrBlocked) {
		t.Errorf("started without the table: %v", err)
	}
	m.exec("RENAME TABLE shop.Away TO shop.User")
	if _, err := start(); err != nil {
		t.Errorf("the table is back: %v", err)
	}
	h.stop(p)
}

// TestASyncOlderThanItsLimitBlocksTheStart: one that took so long that what it
// saw first is older than max_age_at_start, and one that is still reading.
func TestASyncOlderThanItsLimitBlocksTheStart(t *testing.T) {
	m := startMariaDB(t)
	m.shop()
	m.exec("INSERT INTO shop.User (Email, SubscriptionStatus) VALUES ('a@example.com', 'true')")
	people, err := audience.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer people.Close()
	s, err := syncer.New(people, syncer.Config{DSN: "root@tcp(" + m.addr + ")/shop", Table: "User", SubscribedYes: []string{"true"},
		Columns: syncer.Columns{ID: "id", Email: "Email", UpdatedAt: "update_at", Subscribed: "SubscriptionStatus"}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	late := 2 * time.Hour
	s.Now = func() time.Time { return time.Now().Add(-late) } // it began so long ago
	said := func(maxAge, limit time.Duration) string {
		t.Helper()
		err := step{s, maxAge, limit}.InStep(t.Context())
		var problem *eml.Problem
		if err == nil {
			return ""
		} else if !errors.As(err, &problem) || problem.Hint == "" {
			t.Fatalf("got %v", err)
		}
		return problem.What
	}
	if got := said(time.Hour, time.Minute); !strings.Contains(got, "longer than mysql.max_age_at_start") {
		t.Errorf("got %q", got)
	}
	if got := said(3*time.Hour, time.Minute); got != "" {
		t.Errorf("got %q", got)
	}
	late = 0
	if got := said(time.Hour, time.Minute); got != "" {
		t.Errorf("got %q", got)
	}
	lock, err := m.db.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Close()
	if _, err := lock.ExecContext(t.Context(), "LOCK TABLES shop.User WRITE"); err != nil {
		t.Fatal(err)
	}
	if got := said(time.Hour, 200*time.Millisecond); !strings.Contains(got, "still being read") {
		t.Errorf("got %q", got)
	}
}
