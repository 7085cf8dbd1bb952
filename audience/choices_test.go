package audience

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// TestTwoWordsAboutATopicAtOneAddress: all pairs, in both orders of coming to light.
func TestTwoWordsAboutATopicAtOneAddress(t *testing.T) {
	say := func(text string, at int64) choice {
		one := choice{topic: 1, at: at, source: Source(strings.Fields(text)[0])}
		if strings.HasSuffix(text, "off") {
			one.value = 1
		}
		return one
	}
	for pair, want := range map[[2]string]string{ // the first was said first
		{"person off", "person on"}:      "person on", // their own later choice
		{"person on", "person off"}:      "person off",
		{"person off", "operator on"}:    "person off", // nobody loosens it
		{"person on", "operator off"}:    "operator off",
		{"operator off", "person on"}:    "person on",
		{"operator on", "person off"}:    "person off",
		{"operator off", "operator on"}:  "operator on",
		{"operator on", "operator off"}:  "operator off",
		{"person off", "import on"}:      "person off",
		{"operator off", "import on"}:    "operator off",
		{"import off", "import on"}:      "import off", // a file does not know when it was said
		{"import off", "person on"}:      "person on",
		{"import off", "operator on"}:    "operator on",
		{"person on", "import off"}:      "import off",
		{"person off", "operator off"}:   "person off",
		{"operator off", "person off"}:   "person off",
		{"person on", "operator on"}:     "person on",
		{"import on", "operator off"}:    "operator off",
		{"import on", "person off"}:      "person off",
		{"operator on", "import off"}:    "import off",
		{"operator off", "operator off"}: "operator off",
	} {
		a, b := say(pair[0], 1), say(pair[1], 2)
		w := say(want, 0)
		orders := [][2]choice{{a, b}, {b, a}}
		if strings.HasPrefix(pair[0], "import") || strings.HasPrefix(pair[1], "import") {
			orders = orders[:1] // a file is as new as its import
		}
		for _, o := range orders {
			if got := o[0].hear(o[1]); got.value != w.value || got.source != w.source {
				t.Errorf("%s, then %s, heard %v first: %s %d, want %s", pair[0], pair[1], o[0].at, got.source, got.value, want)
			}
		}
	}
}

// TestThePersonsLastWordIsHeardInAnyOrder: if it is the last of all it stands,
// and if it is a refusal nobody else undoes it.
func TestThePersonsLastWordIsHeardInAnyOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		words := make(choices, rapid.IntRange(1, 6).Draw(t, "words"))
		var last choice // of the person
		for i := range words {
			words[i] = choice{topic: 1, value: byte(rapid.IntRange(0, 1).Draw(t, "value")), at: int64(i + 1),
				source: rapid.SampledFrom([]Source{Person, Operator, Import}).Draw(t, "source")}
			if words[i].source == Person {
				last = words[i]
			}
		}
		if last.source == "" {
			return
		}
		shuffled := rapid.Permutation(words).Draw(t, "order")
		if words[len(words)-1].source == Import { // as new as it is heard
			shuffled = words
		}
		got := choices{}.hear(shuffled).of(1)
		if got.value < last.value || last.at == int64(len(words)) && got.value != last.value && !slices.ContainsFunc(shuffled, func(c choice) bool { return c.source == Import }) {
			t.Fatalf("the person's last word was %+v, of %+v stands %+v", last, shuffled, got)
		}
	})
}

// TestFromAnotherAddressComeRefusalsOnly: the stricter of two holds, whenever it was said.
func TestFromAnotherAddressComeRefusalsOnly(t *testing.T) {
	for here := range byte(3) {
		for there := range byte(3) {
			for _, at := range []int64{1, 5} {
				list := choices{{value: here, source: Person, at: 3}}.carry(choices{{value: there, source: Operator, at: at}, {topic: 4, source: Person, at: at}}, 9)
				got := list.of(0)
				if got.value != max(here, there) || len(list) != 1 || there > here && got.at != 9 || there <= here && got.source != Person {
					t.Errorf("here %d, from there %d: %+v", here, there, list)
				}
			}
		}
	}
}

// TestALimitMadeStricterBetweenTwoOthersStands: it came to light last.
func TestALimitMadeStricterBetweenTwoOthersStands(t *testing.T) {
	weekly := choice{value: 1, source: Person, at: 4}.hear(choice{value: 1, source: Operator, at: 6})
	if got := weekly.hear(choice{value: 2, source: Person, at: 5}); got.value != 2 {
		t.Errorf("got %+v", got)
	}
}

func TestChoicesComeBackAsTheyWereStored(t *testing.T) {
	list := choices{{value: 2, source: Person, at: 1764000000000}, {topic: 300, value: 1, source: Operator, at: 5}, {topic: 7, source: Import, at: 9}}
	got, err := readChoices(list.pack())
	if err != nil || !slices.Equal(got, list) {
		t.Errorf("got %+v, %v", got, err)
	}
	if size := len(choices{{topic: 1, value: 1, source: Person, at: 1}}.pack()); size != 12 {
		t.Errorf("one choice takes %d bytes", size)
	}
}

func FuzzReadChoices(f *testing.F) {
	f.Add(choices{{value: 2, source: Person, at: 1}, {topic: 300, value: 1, source: Operator, at: 5}}.pack())
	f.Add([]byte{1})
	f.Add([]byte{1, 5, 2, 1, 0, 0, 0, 0, 0, 0, 0, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		list, err := readChoices(b)
		if err != nil {
			return
		}
		if again, err := readChoices(list.pack()); err != nil || !slices.Equal(again, list) {
			t.Errorf("%x: %+v, then %+v, %v", b, list, again, err)
		}
	})
}

func TestCheckFindsChoicesThatDoNotFit(t *testing.T) {
	for want, breakIt := range map[string]func(u *update, h addressHash) error{
		"record and the choices": func(u *update, h addressHash) error { return u.keepChoices(h, nil) },
		"has no name":            func(u *update, h addressHash) error { return u.keepChoices(h, choices{{topic: 99, source: Person}}) },
		"not of version":         func(u *update, h addressHash) error { return u.tx.Bucket(bucketChoices).Put(h[:], []byte("x")) },
		"more than refusals": func(u *update, h addressHash) error {
			return u.blocked.Put(h[:], []byte(`{"reason":"erased"}`))
		},
	} {
		x := chooser(t)
		x.prefer("kim@example.com", false, true, "weekly")
		if err := x.s.update(t.Context(), func(u *update) error { return breakIt(u, x.s.hash("kim@example.com")) }); err != nil {
			t.Fatal(err)
		}
		faults, err := x.s.CheckStore(t.Context())
		if err != nil || !slices.ContainsFunc(faults, func(f string) bool { return strings.Contains(f, want) }) {
			t.Errorf("want %q in %q, %v", want, faults, err)
		}
	}
}

func TestWhatWasChosenIsInTheLogWithoutAnAddress(t *testing.T) {
	x := chooser(t)
	x.prefer("kim@example.com", false, true, "weekly")
	x.prefer("kim@example.com", false, true, "weekly") // nothing new
	x.prefer("kim@example.com", false, true, "all")
	log := []byte(readLog(t, x.s.dir))
	for _, want := range []string{`"by":"person"`, `"sale":false`, `"event":true`, `"frequency":"weekly"`, `"frequency":""`} {
		if !bytes.Contains(log, []byte(want)) {
			t.Errorf("no %s in %s", want, log)
		}
	}
	if bytes.Count(log, []byte("\n")) != 2 || bytes.Contains(log, []byte("kim")) || bytes.Contains(log, []byte(`"source"`)) {
		t.Errorf("log: %s", log)
	}
}

func TestWhatIsKnownOfAnAddressHasItsChoices(t *testing.T) {
	x := chooser(t)
	x.prefer("kim@example.com", false, true, "weekly")
	x.sync(tableRow{id: "1", gone: true})
	known, err := x.s.Known("KIM@example.com")
	if err != nil {
		t.Fatal(err)
	}
	got := ""
	for _, c := range known.Chosen {
		got += fmt.Sprintf("%s=%s by %s;", c.Topic, c.Choice, c.Source)
	}
	if want := "event=on by person;sale=off by person;=weekly by person;"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	x.sync(tableRow{id: "2", email: "kim@example.com", yes: true, updated: 2})
	h, err := x.s.History(byEmail(t, x.s, "kim@example.com").ID)
	if err != nil || len(h) != 2 || h[1].Detail != DetailKept || h[1].Source != Person || len(h[1].Changed) != 3 {
		t.Errorf("history %+v, %v", h, err)
	}
}
