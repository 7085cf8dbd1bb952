package audience

import (
	"context"
	"slices"
	"testing"
)

// keeps fails unless the person with this id has this address, and switched the
// topic off if they did before.
func (x table) keeps(id uint64, email string, off bool) {
	x.t.Helper()
	sub, err := x.s.Get(id)
	if err != nil || sub.Email != email || slices.Contains(sub.TopicsOff, "sale") != off {
		x.t.Errorf("person %d: got %+v, %v; want %s, sale off: %v", id, sub, err, email, off)
	}
}

// TestPeopleWhoChangePlacesStayThemselves: two whose addresses are exchanged,
// a chain where each gets the address of the next, and an address that goes to
// somebody new, all in one sync.
func TestPeopleWhoChangePlacesStayThemselves(t *testing.T) {
	for _, load := range []bool{false, true} {
		for name, c := range map[string]struct {
			rows []tableRow
			want [3]string // of the persons 1, 2, 3
		}{
			"two":       {[]tableRow{{id: "1", email: "b@example.com"}, {id: "2", email: "a@example.com"}}, [3]string{"b@example.com", "a@example.com", "c@example.com"}},
			"backwards": {[]tableRow{{id: "2", email: "a@example.com"}, {id: "1", email: "b@example.com"}}, [3]string{"b@example.com", "a@example.com", "c@example.com"}},
			"a circle":  {[]tableRow{{id: "1", email: "b@example.com"}, {id: "2", email: "c@example.com"}, {id: "3", email: "a@example.com"}}, [3]string{"b@example.com", "c@example.com", "a@example.com"}},
			"a chain":   {[]tableRow{{id: "1", email: "b@example.com"}, {id: "2", email: "c@example.com"}, {id: "3", email: "d@example.com"}}, [3]string{"b@example.com", "c@example.com", "d@example.com"}},
			"a new one": {[]tableRow{{id: "0", email: "a@example.com"}, {id: "1", email: "d@example.com"}}, [3]string{"d@example.com", "b@example.com", "c@example.com"}},
		} {
			t.Run(name, func(t *testing.T) {
				x := newTable(t)
				x.options.Load = load
				x.sync(tableRow{id: "1", email: "a@example.com", yes: true, updated: 1}, tableRow{id: "2", email: "b@example.com", yes: true, updated: 1}, tableRow{id: "3", email: "c@example.com", yes: true, updated: 1})
				var ids [3]uint64
				for i, email := range []string{"a@example.com", "b@example.com", "c@example.com"} {
					ids[i] = byEmail(t, x.s, email).ID
				}
				if _, err := x.s.Prefer(context.Background(), ids[0], Preferences{Topics: map[string]bool{"sale": false}}, nil, "link"); err != nil {
					t.Fatal(err)
				}
				for i := range c.rows {
					c.rows[i].yes, c.rows[i].updated = true, 2
				}
				x.sync(c.rows...)
				for i, email := range c.want {
					x.keeps(ids[i], email, i == 0 || email == "a@example.com") // what was refused there holds
				}
			})
		}
	}
}

// TestARefusalStaysOnTheAddressWhenPeopleChangePlaces: whoever gets it.
func TestARefusalStaysOnTheAddressWhenPeopleChangePlaces(t *testing.T) {
	x := newTable(t)
	x.sync(tableRow{id: "1", email: "a@example.com", yes: true, updated: 1}, tableRow{id: "2", email: "b@example.com", yes: true, updated: 1})
	if err := x.s.Unsubscribe(context.Background(), byEmail(t, x.s, "b@example.com").ID, Person, "link"); err != nil {
		t.Fatal(err)
	}
	x.sync(tableRow{id: "1", email: "b@example.com", yes: true, updated: 2}, tableRow{id: "2", email: "a@example.com", yes: true, updated: 2})
	x.want(map[string]string{"a@example.com": "-", "b@example.com": "-"})
}
