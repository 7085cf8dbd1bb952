package sesclient

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"pabal/spool"
)

func TestVerifiedByAddressDomainAndParent(t *testing.T) {
	list := []Identity{
		{Name: "example.com", Type: "domain", Verified: true}, {Name: "Me@Own.Example.org", Type: "address", Verified: true},
		{Name: "pending.net", Type: "domain"}, {Name: "you@pending.net", Type: "address"},
	}
	for address, want := range map[string]bool{
		"shop@example.com": true, "shop@EXAMPLE.com": true, "a@mail.example.com": true, "a@b.c.example.com": true, "example.com": true,
		"shop@notexample.com": false, "shop@com": false, "shop@example.com.evil": false,
		"Me@own.example.ORG": true, "me@own.example.org": false, "other@own.example.org": false, "own.example.org": false,
		"you@pending.net": false, "x@pending.net": false, "": false, "@": false,
	} {
		if got := covers(list, address); got != want {
			t.Errorf("%q: %t, want %t", address, got, want)
		}
	}
}

func TestIdentitiesOnTheWire(t *testing.T) {
	fake := newFakeSES(t, false)
	fake.answers(func(w http.ResponseWriter, r *http.Request) {
		page := map[string]any{"EmailIdentities": []map[string]any{
			{"IdentityName": "example.com", "IdentityType": "DOMAIN", "SendingEnabled": true, "VerificationStatus": "SUCCESS"}}, "NextToken": "more"}
		if len(fake.got()) == 2 {
			page = map[string]any{"EmailIdentities": []map[string]any{
				{"IdentityName": "a@pending.net", "IdentityType": "EMAIL_ADDRESS", "SendingEnabled": false, "VerificationStatus": "PENDING"}}}
		}
		writeJSON(w, page)
	})
	c := fake.client(t, "")
	list, err := c.Identities(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	want := []Identity{{"example.com", "domain", true, "SUCCESS"}, {"a@pending.net", "address", false, "PENDING"}}
	if fmt.Sprint(list) != fmt.Sprint(want) {
		t.Errorf("got %v, want %v", list, want)
	}
	var second struct{ NextToken string }
	if err := json.Unmarshal(fake.got()[1].body, &second); err != nil || second.NextToken != "more" {
		t.Errorf("second page asked with %+v, %v", second, err)
	}
	for address, want := range map[string]bool{"x@example.com": true, "a@pending.net": false} {
		if got, err := c.Verified(t.Context(), address); got != want || err != nil {
			t.Errorf("%s: %t, %v", address, got, err)
		}
	}
	if n := len(fake.got()); n != 2 {
		t.Errorf("%d calls, want the two pages once", n)
	}
}

func TestVerifiedFailureIsReadable(t *testing.T) {
	fake := newFakeSES(t, false)
	fake.answers(apiError(403, "AccessDeniedException", "not authorized to perform ses:ListEmailIdentities"))
	_, err := fake.client(t, "").Verified(t.Context(), "a@example.com")
	wantRefusal(t, err, spool.Credentials, "all")
}

func TestVerifiedIsCachedAndAskedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var calls atomic.Int64
		var fail atomic.Bool
		c := &Client{identities: newIdentities(func(ctx context.Context) ([]Identity, error) {
			calls.Add(1)
			if fail.Load() {
				return nil, errors.New("away")
			}
			return []Identity{{Name: "example.com", Type: "domain", Verified: true}}, pause(ctx, time.Now().Add(time.Second))
		})}
		ask := func(address string, want bool, total int64) {
			t.Helper()
			if got, err := c.Verified(t.Context(), address); got != want || err != nil {
				t.Errorf("%s: %t, %v", address, got, err)
			}
			if n := calls.Load(); n != total {
				t.Errorf("%s: %d listings so far, want %d", address, n, total)
			}
		}
		var crowd sync.WaitGroup
		for range 20 {
			crowd.Go(func() { _, _ = c.Verified(t.Context(), "a@example.com") })
		}
		crowd.Wait()
		ask("b@example.com", true, 1)
		ask("b@other.com", false, 1)
		time.Sleep(61 * time.Second)
		ask("b@example.com", true, 1) // a yes holds
		ask("b@other.com", false, 2)  // a no is looked for again
		time.Sleep(301 * time.Second)
		ask("b@example.com", true, 3)
		fail.Store(true)
		time.Sleep(301 * time.Second)
		if _, err := c.Verified(t.Context(), "b@example.com"); err == nil {
			t.Error("an old yes was given out although SES could not be asked")
		}
	})
}

// Mail must not wait for SES at every turn while it cannot be reached.
func TestMailIsNotHeldUpWhileSESCannotBeAsked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var calls atomic.Int64
		var fail atomic.Bool
		fail.Store(true)
		c := &Client{identities: newIdentities(func(ctx context.Context) ([]Identity, error) {
			calls.Add(1)
			if fail.Load() { // nothing answers
				<-ctx.Done()
				return nil, ctx.Err()
			}
			return []Identity{{Name: "example.com", Type: "domain", Verified: true}}, nil
		})}
		ask := func(address string, yes, known bool, wait time.Duration) {
			t.Helper()
			began := time.Now()
			ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
			defer cancel()
			got, err := c.MaySend(ctx, address)
			if got != yes || (err == nil) != known || time.Since(began) != wait {
				t.Errorf("%s: %t, %v after %v, want %t, known %t, after %v", address, got, err, time.Since(began), yes, known, wait)
			}
		}
		ask("a@example.com", false, false, 5*time.Second)
		ask("a@example.com", false, false, 0)
		fail.Store(false)
		time.Sleep(30 * time.Second)
		ask("a@example.com", true, true, 0)
		fail.Store(true)
		time.Sleep(time.Hour)
		ask("a@example.com", true, true, 5*time.Second)
		ask("a@other.com", false, true, 0)
		ask("a@example.com", true, true, 0)
		if n := calls.Load(); n != 3 {
			t.Errorf("%d listings, want 3", n)
		}
	})
}
