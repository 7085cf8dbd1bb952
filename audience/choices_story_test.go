package audience

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	bolt "go.etcd.io/bbolt"
)

// chooser is a table with somebody at kim@example.com, row 1, who can choose.
func chooser(t *testing.T) table {
	t.Helper()
	return chooserAt(t, t.TempDir())
}

func chooserAt(t *testing.T, dir string) table {
	t.Helper()
	x := table{t: t, s: openAt(t, dir)}
	x.s.Topics = []Topic{{ID: "sale", Commercial: true, Default: true}, {ID: "event", Commercial: true}}
	x.sync(tableRow{id: "1", email: "kim@example.com", yes: true, updated: 1})
	return x
}

// prefer is what somebody does on their preference page.
func (x table) prefer(email string, sale, event bool, frequency string) {
	x.t.Helper()
	p := Preferences{Topics: map[string]bool{"sale": sale, "event": event}, Frequency: &frequency}
	if _, err := x.s.Prefer(context.Background(), byEmail(x.t, x.s, email).ID, p, nil, "link"); err != nil {
		x.t.Fatal(err)
	}
}

// chose fails unless that is what holds for an address.
func (x table) chose(email string, sale, event bool, frequency string) {
	x.t.Helper()
	sub := byEmail(x.t, x.s, email)
	gotSale, gotEvent := !slices.Contains(sub.TopicsOff, "sale"), slices.Contains(sub.TopicsOn, "event") && !slices.Contains(sub.TopicsOff, "event")
	if gotSale != sale || gotEvent != event || sub.Frequency != frequency {
		x.t.Errorf("%s: sale %v, event %v, frequency %q; want %v, %v, %q", email, gotSale, gotEvent, sub.Frequency, sale, event, frequency)
	}
	sound(x.t, x.s)
}

// exported is a file of an export with one person.
func exported(email, off, frequency, on string) string {
	return strings.Join(exportColumns(), ",") + "\n1," + email + ",,,,,yes,import,,,," + off + "," + frequency + ",,,," + on + "\n"
}

// ways are those by which a record ends and its address comes again.
func ways() map[string]func(x *table) {
	return map[string]func(x *table){
		"row deleted, inserted": func(x *table) {
			x.sync(tableRow{id: "1", gone: true})
			x.sync(tableRow{id: "1", email: "Kim@Example.com", yes: true, updated: 5})
		},
		"row deleted, another inserted by a full pass": func(x *table) {
			x.sync(tableRow{id: "1", gone: true})
			x.options.Load = true
			x.sync(tableRow{id: "2", email: "kim@example.com", yes: true, updated: 5})
		},
		"row deleted, in a file": func(x *table) {
			x.sync(tableRow{id: "1", gone: true})
			importText(x.t, x.s, exported("kim@example.com", "", "", "sale|event"), ImportOptions{})
		},
		"row deleted, by the operator": func(x *table) {
			x.sync(tableRow{id: "1", gone: true})
			if _, err := x.s.Set(context.Background(), Edit{Email: "kim@example.com", Create: true}); err != nil {
				x.t.Fatal(err)
			}
		},
		"the process starts again": func(x *table) {
			x.t.Helper()
			if err := x.s.Close(); err != nil {
				x.t.Fatal(err)
			}
			topics := x.s.Topics
			x.s = openAt(x.t, x.s.dir)
			x.s.Topics = topics
		},
	}
}

func TestWhatSomebodyChoseOutlivesTheirRow(t *testing.T) {
	for name, way := range ways() {
		if name == "the process starts again" {
			continue
		}
		t.Run(name, func(t *testing.T) {
			x := chooser(t)
			x.prefer("kim@example.com", true, true, "all")
			x.prefer("kim@example.com", false, false, "weekly")
			way(&x)
			x.chose("kim@example.com", false, false, "weekly")
			x.prefer("kim@example.com", true, true, "all") // their own later return
			x.sync(tableRow{id: "1", gone: true}, tableRow{id: "2", gone: true})
			way(&x)
			x.chose("kim@example.com", true, true, "")
			_, err := x.s.Set(context.Background(), Edit{Email: "kim@example.com", Preferences: Preferences{Topics: map[string]bool{"sale": false}}})
			if err != nil {
				t.Fatal(err)
			}
			way(&x)
			x.chose("kim@example.com", false, true, "")
		})
	}
}

func TestTheOperatorDoesNotLoosenWhatWasChosenBeforeTheRowCameAgain(t *testing.T) {
	x := chooser(t)
	x.prefer("kim@example.com", false, false, "monthly")
	x.sync(tableRow{id: "1", gone: true})
	x.sync(tableRow{id: "2", email: "kim@example.com", yes: true, updated: 5})
	for _, p := range []Preferences{{Topics: map[string]bool{"sale": true}}, {Frequency: ptr("weekly")}} {
		if _, err := x.s.Set(context.Background(), Edit{Email: "kim@example.com", Preferences: p}); err == nil {
			t.Errorf("%+v was taken", p)
		}
	}
	x.chose("kim@example.com", false, false, "monthly")
}

// moves are changes of addresses in the table, kim's and lee's.
func TestARefusedTopicIsRefusedWhereverTheAddressAndThePersonGo(t *testing.T) {
	kim, lee := "kim@example.com", "lee@example.com"
	for name, c := range map[string]struct {
		also []tableRow   // rows there from the beginning
		then [][]tableRow // batches
		off  []string     // addresses without sale afterwards
		on   []string     // addresses with it
	}{
		"renamed":                      {nil, [][]tableRow{{{id: "1", email: "new@example.com"}}}, []string{"new@example.com"}, []string{lee}},
		"renamed, another gets theirs": {nil, [][]tableRow{{{id: "1", email: "new@example.com"}}, {{id: "3", email: kim}}}, []string{"new@example.com", kim}, []string{lee}},
		"to where somebody is":         {nil, [][]tableRow{{{id: "1", email: lee}}}, []string{lee}, nil},
		"to where somebody was":        {nil, [][]tableRow{{{id: "2", gone: true}}, {{id: "1", email: lee}}}, []string{lee}, nil},
		"somebody comes":               {nil, [][]tableRow{{{id: "2", email: kim}}}, []string{kim}, nil},
		"somebody comes after":         {nil, [][]tableRow{{{id: "1", gone: true}}, {{id: "2", email: kim}}}, []string{kim}, nil},
		"a row leaves them":            {[]tableRow{{id: "5", email: kim}}, [][]tableRow{{{id: "5", email: "new@example.com"}}}, []string{kim, "new@example.com"}, []string{lee}},
		"a row leaves them for lee":    {[]tableRow{{id: "5", email: kim}}, [][]tableRow{{{id: "5", email: lee}}}, []string{kim, lee}, nil},
		"exchanged in one batch":       {nil, [][]tableRow{{{id: "1", email: lee}, {id: "2", email: kim}}}, []string{kim, lee}, nil},
		"exchanged in two":             {nil, [][]tableRow{{{id: "1", email: lee}}, {{id: "2", email: kim}}}, []string{kim, lee}, nil},
		"exchanged in two, lee first":  {nil, [][]tableRow{{{id: "2", email: kim}}, {{id: "1", email: lee}}}, []string{kim, lee}, nil},
		"a chain":                      {nil, [][]tableRow{{{id: "1", email: lee}, {id: "2", email: "new@example.com"}}}, []string{lee}, []string{"new@example.com"}},
	} {
		for _, load := range []bool{false, true} {
			t.Run(name, func(t *testing.T) {
				x := chooser(t)
				x.options.Load = load
				x.sync(append(c.also, tableRow{id: "2", email: lee, yes: true, updated: 1})...)
				x.prefer(kim, false, true, "weekly")
				x.prefer(lee, true, true, "all")
				for i, rows := range c.then {
					for j := range rows {
						rows[j].yes, rows[j].updated = true, int64(i+2)
					}
					x.sync(rows...)
				}
				for i, list := range [][]string{c.off, c.on} {
					for _, email := range list {
						sub := byEmail(t, x.s, email)
						if off := slices.Contains(sub.TopicsOff, "sale"); off != (i == 0) || (sub.Frequency == "weekly") != off {
							t.Errorf("%s has sale off %v, frequency %q", email, off, sub.Frequency)
						}
					}
				}
			})
		}
	}
}

func TestAWishForATopicStaysWithThePersonNotTheOldAddress(t *testing.T) {
	x := chooser(t)
	x.prefer("kim@example.com", true, true, "all")
	x.sync(tableRow{id: "1", email: "new@example.com", yes: true, updated: 2})
	x.sync(tableRow{id: "2", email: "kim@example.com", yes: true, updated: 2})
	x.chose("new@example.com", true, true, "")
	x.chose("kim@example.com", true, false, "")
}

func TestTheirOwnLaterChoiceHoldsAfterAnExchange(t *testing.T) {
	x := chooser(t)
	x.sync(tableRow{id: "2", email: "lee@example.com", yes: true, updated: 1})
	x.prefer("kim@example.com", false, false, "weekly")
	x.sync(tableRow{id: "1", email: "lee@example.com", yes: true, updated: 2})
	x.sync(tableRow{id: "2", email: "kim@example.com", yes: true, updated: 2})
	for _, email := range []string{"kim@example.com", "lee@example.com"} {
		x.chose(email, false, false, "weekly")
		x.prefer(email, true, true, "all")
		ways()["the process starts again"](&x)
		x.chose(email, true, true, "")
		x.sync(tableRow{id: "1", email: "lee@example.com", yes: true, updated: 9}, tableRow{id: "2", email: "kim@example.com", yes: true, updated: 9})
	}
}

func TestARestoredBackupDoesNotForgetATopicSwitchedOff(t *testing.T) {
	dir := t.TempDir()
	x := chooserAt(t, dir)
	x.sync(tableRow{id: "2", email: "lee@example.com", yes: true, updated: 1}, tableRow{id: "3", email: "park@example.com", yes: true, updated: 1})
	x.prefer("lee@example.com", false, false, "monthly")
	x.prefer("park@example.com", false, false, "monthly")
	x.s = restoring(t, dir, x.s, func(s *Store) {
		s.Topics = x.s.Topics
		y := table{t: t, s: s}
		y.prefer("kim@example.com", false, false, "weekly")
		y.prefer("lee@example.com", true, true, "all")
		if _, err := s.Set(context.Background(), Edit{Email: "park@example.com", Preferences: Preferences{Topics: map[string]bool{"sale": true}}}); err == nil {
			t.Error("the operator loosened a choice")
		}
		y.sync(tableRow{id: "4", email: "new@example.com", yes: true, updated: 2})
		if _, err := s.Set(context.Background(), Edit{Email: "new@example.com", Preferences: Preferences{Topics: map[string]bool{"new topic": false, "sale": false}}}); err != nil {
			t.Fatal(err)
		}
	})
	for range 2 {
		x.chose("kim@example.com", false, false, "weekly")
		x.chose("lee@example.com", true, true, "")
		x.chose("park@example.com", false, false, "monthly")
		x.sync(tableRow{id: "4", email: "new@example.com", yes: true, updated: 2})
		x.chose("new@example.com", false, false, "")
		if sub := byEmail(t, x.s, "new@example.com"); !slices.Contains(sub.TopicsOff, "new topic") {
			t.Errorf("got %+v", sub)
		}
		for id := range uint64(3) {
			if h, err := x.s.History(id + 1); err != nil || len(h) < 2 || h[len(h)-1].Source != Person || h[len(h)-1].Detail != "link" {
				t.Errorf("history of %d: %+v %v", id+1, h, err)
			}
		}
		// The whole log once more changes nothing.
		if err := x.s.update(context.Background(), func(u *update) error { return u.tx.Bucket(bucketMeta).Delete(metaOptOuts) }); err != nil {
			t.Fatal(err)
		}
		if err := x.s.Close(); err != nil {
			t.Fatal(err)
		}
		x.s = openAt(t, dir)
	}
}

func TestErasingLeavesRefusedTopicsAndNoWishes(t *testing.T) {
	ctx, dir := context.Background(), t.TempDir()
	x := chooserAt(t, dir)
	x.prefer("kim@example.com", false, true, "weekly")
	for n := range 3 {
		switch n {
		case 0:
			if err := x.s.EraseDone(ctx, erase(t, x.s, "kim@example.com").ID); err != nil {
				t.Fatal(err)
			}
		case 1: // the log from its beginning
			if err := x.s.update(ctx, func(u *update) error { return u.tx.Bucket(bucketMeta).Delete(metaOptOuts) }); err != nil {
				t.Fatal(err)
			}
		}
		if err := x.s.Close(); err != nil {
			t.Fatal(err)
		}
		x.s = openAt(t, dir)
		sound(t, x.s)
	}
	if err := x.s.Unsuppress(ctx, "kim@example.com"); err != nil {
		t.Fatal(err)
	}
	importText(t, x.s, "email,subscribed\nkim@example.com,yes\n", ImportOptions{})
	x.chose("kim@example.com", false, false, "weekly")
}

// TestSomebodyWhoLosesTheirAddressAndGoesToAnotherIsOnePerson: their record
// came from a file, so it would stay without a row.
func TestSomebodyWhoLosesTheirAddressAndGoesToAnotherIsOnePerson(t *testing.T) {
	x := newTable(t)
	importText(t, x.s, "email,subscribed\nb@example.com,yes\n", ImportOptions{})
	x.sync(tableRow{id: "1", email: "a@example.com", yes: true, updated: 1}, tableRow{id: "2", email: "b@example.com", yes: true, updated: 1}, tableRow{id: "3", email: "c@example.com", yes: true, updated: 1})
	x.prefer("b@example.com", false, true, "weekly")
	x.sync(tableRow{id: "1", email: "b@example.com", yes: true, updated: 2}, tableRow{id: "2", email: "c@example.com", yes: true, updated: 2})
	x.want(map[string]string{"b@example.com": "+", "c@example.com": "+"})
	for _, email := range []string{"b@example.com", "c@example.com"} {
		x.chose(email, false, false, "weekly")
	}
}

// TestAnOldStoreGivesAddressesTheirChoices: who chose, and when, as the history says.
func TestAnOldStoreGivesAddressesTheirChoices(t *testing.T) {
	ctx := context.Background()
	x := chooser(t)
	x.prefer("kim@example.com", false, true, "weekly")
	importText(t, x.s, exported("file@example.com", "sale", "monthly", ""), ImportOptions{})
	err := x.s.update(ctx, func(u *update) error {
		return errors.Join(u.tx.DeleteBucket([]byte("choices")), addChoicesTo(u.tx))
	})
	if err != nil {
		t.Fatal(err)
	}
	sound(t, x.s)
	if _, err := x.s.Set(ctx, Edit{Email: "kim@example.com", Preferences: Preferences{Topics: map[string]bool{"sale": true}}}); err == nil {
		t.Error("the operator loosened what the person chose")
	}
	if _, err := x.s.Set(ctx, Edit{Email: "file@example.com", Preferences: Preferences{Topics: map[string]bool{"sale": true}}}); err != nil {
		t.Errorf("what a file said: %v", err)
	}
	x.sync(tableRow{id: "1", gone: true})
	x.sync(tableRow{id: "2", email: "kim@example.com", yes: true, updated: 2})
	x.chose("kim@example.com", false, true, "weekly")
	x.chose("file@example.com", true, false, "monthly")
}

func addChoicesTo(tx *bolt.Tx) error { return addChoices(tx) }
