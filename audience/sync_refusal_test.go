package audience

import (
	"context"
	"testing"
	"time"
)

// optedOutAt leaves a refusal of source at an address, and nobody there.
func (x table) optedOutAt(address string, source Source) {
	x.t.Helper()
	x.sync(tableRow{id: "9", email: address, yes: true, updated: 1})
	if err := x.s.Unsubscribe(context.Background(), byEmail(x.t, x.s, address).ID, source, ""); err != nil {
		x.t.Fatal(err)
	}
	x.sync(tableRow{id: "9", gone: true})
}

func TestAnAddressKeepsTheStrongerRefusalWhenSomebodyMovesThere(t *testing.T) {
	x, ctx := newTable(t), context.Background()
	x.optedOutAt("b@example.com", Person)
	x.sync(tableRow{id: "1", email: "a@example.com", yes: true, updated: 1})
	if err := x.s.Unsubscribe(ctx, byEmail(t, x.s, "a@example.com").ID, Operator, ""); err != nil {
		t.Fatal(err)
	}
	x.sync(tableRow{id: "1", email: "b@example.com", yes: true, updated: 2})
	yes := true
	sub, err := x.s.Set(ctx, Edit{Email: "b@example.com", Subscribed: &yes})
	if err != nil || sub.Consent.Subscribed || sub.Consent.Source != Person {
		t.Errorf("an operator undid what a person refused: %+v %v", sub.Consent, err)
	}
	x.sync(tableRow{id: "1", gone: true})
	x.sync(tableRow{id: "2", email: "b@example.com", yes: true, updated: 3})
	if c := byEmail(t, x.s, "b@example.com").Consent; c.Subscribed || c.Source != Person {
		t.Errorf("the address forgot who refused: %+v", c)
	}
}

func TestAYesGivenAtAnotherAddressUndoesNoRefusal(t *testing.T) {
	x, ctx := newTable(t), context.Background()
	x.optedOutAt("b@example.com", Person)
	x.sync(tableRow{id: "1", email: "a@example.com", yes: true, updated: 1})
	a := byEmail(t, x.s, "a@example.com").ID
	yes := true
	if err := x.s.Unsubscribe(ctx, a, Person, ""); err != nil {
		t.Fatal(err)
	}
	if _, err := x.s.Prefer(ctx, a, Preferences{}, &yes, ""); err != nil {
		t.Fatal(err)
	}
	x.want(map[string]string{"a@example.com": "+"})
	x.sync(tableRow{id: "1", email: "b@example.com", yes: true, updated: 2})
	x.want(map[string]string{"b@example.com": "-"})
	if _, err := x.s.Prefer(ctx, a, Preferences{}, &yes, ""); err != nil { // who gets the mail there says so themselves
		t.Fatal(err)
	}
	x.want(map[string]string{"b@example.com": "+"})
}

func TestABounceStaysOnTheAddress(t *testing.T) {
	x := newTable(t)
	x.sync(tableRow{id: "1", email: "a@example.com", yes: true, updated: 1})
	if err := x.s.Unsubscribe(context.Background(), byEmail(t, x.s, "a@example.com").ID, Bounce, ""); err != nil {
		t.Fatal(err)
	}
	x.sync(tableRow{id: "1", email: "b@example.com", yes: true, updated: 2})
	x.want(map[string]string{"b@example.com": "+"})
	x.sync(tableRow{id: "2", email: "a@example.com", yes: true, updated: 2})
	x.want(map[string]string{"a@example.com": "-", "b@example.com": "+"})
}

func TestDeleteAndInsertDoesNotSubscribeAgain(t *testing.T) {
	for _, source := range []Source{Person, Complaint, Bounce, Operator, MySQL} {
		t.Run(string(source), func(t *testing.T) {
			x := newTable(t)
			x.sync(tableRow{id: "1", email: "a@example.com", yes: source != MySQL, updated: 1})
			if source != MySQL {
				if err := x.s.Unsubscribe(context.Background(), byEmail(t, x.s, "a@example.com").ID, source, ""); err != nil {
					t.Fatal(err)
				}
			}
			x.sync(tableRow{id: "1", gone: true})
			x.want(map[string]string{})
			got := x.sync(tableRow{id: "2", email: "a@example.com", yes: true, updated: 2})
			x.want(map[string]string{"a@example.com": "-"})
			if got.KeptOut != 1 {
				t.Errorf("kept out: %d", got.KeptOut)
			}
		})
	}
}

func TestMySQLTakesBackOnlyItsOwnRefusalWhereItIsTrusted(t *testing.T) {
	ctx := context.Background()
	for _, trust := range []bool{false, true} {
		x := newTable(t)
		x.options.Trusted = trust
		x.sync(tableRow{id: "1", email: "own@example.com", updated: 1}, tableRow{id: "2", email: "person@example.com", yes: true, updated: 1},
			tableRow{id: "3", email: "two@example.com", updated: 1}, tableRow{id: "4", email: "two@example.com", yes: true, updated: 1})
		if err := x.s.Unsubscribe(ctx, byEmail(t, x.s, "person@example.com").ID, Person, ""); err != nil {
			t.Fatal(err)
		}
		x.sync(tableRow{id: "1", email: "own@example.com", yes: true, updated: 2}, tableRow{id: "2", email: "person@example.com", updated: 2}, tableRow{id: "3", gone: true})
		x.sync(tableRow{id: "2", email: "person@example.com", yes: true, updated: 3}, tableRow{id: "4", email: "two@example.com", yes: true, updated: 1})
		own := map[bool]string{true: "+", false: "-"}[trust]
		x.want(map[string]string{"own@example.com": own, "person@example.com": "-", "two@example.com": own})
	}
}

func TestADatedConsentBringsBackOnlyIfItIsNewer(t *testing.T) {
	ctx := context.Background()
	x := newTable(t)
	x.sync(tableRow{id: "1", email: "a@example.com", yes: true, updated: 1})
	at := time.Now()
	if err := x.s.Unsubscribe(ctx, byEmail(t, x.s, "a@example.com").ID, Person, ""); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		consent time.Time
		want    string
	}{{at.Add(-time.Hour), "-"}, {at.Add(time.Hour), "-"}, {at, "-"}} { // before, in the future, no later
		x.sync(tableRow{id: "1", email: "a@example.com", yes: true, updated: 2, consent: c.consent})
		x.want(map[string]string{"a@example.com": c.want})
	}
	x.s.Now = func() time.Time { return at.Add(2 * time.Hour) }
	x.sync(tableRow{id: "1", email: "a@example.com", yes: true, updated: 3, consent: at.Add(90 * time.Minute)})
	x.want(map[string]string{"a@example.com": "+"})
}

func TestAnOldRefusalOfMySQLDoesNotUndoAReturn(t *testing.T) {
	ctx, yes := context.Background(), true
	x := newTable(t)
	now := time.Now()
	row := tableRow{id: "1", email: "a@example.com", updated: now.Add(-time.Hour).Unix()}
	x.sync(row)
	if _, err := x.s.Set(ctx, Edit{Email: "a@example.com", Subscribed: &yes, Source: Person}); err != nil {
		t.Fatal(err)
	}
	x.sync(row)
	row.name, row.updated = "a", now.Add(time.Second).Unix() // changed for another reason
	x.sync(row)
	x.want(map[string]string{"a@example.com": "+a"})
	row.yes, row.updated = true, now.Add(2*time.Second).Unix()
	x.sync(row)
	row.yes, row.updated = false, now.Add(3*time.Second).Unix()
	x.s.Now = func() time.Time { return now.Add(10 * time.Second) }
	x.sync(row)
	x.want(map[string]string{"a@example.com": "-a"})
}
