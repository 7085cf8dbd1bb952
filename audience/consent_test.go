package audience

import (
	"fmt"
	"testing"
	"time"
)

// TestNoSourceResubscribesOverAStrongerOne goes through all pairs: what source
// B's yes and no make of source A's no and yes.
func TestNoSourceResubscribesOverAStrongerOne(t *testing.T) {
	sources := []Source{Person, Complaint, Bounce, Operator, MySQL, Import, SMTP}
	before, at := time.UnixMilli(1000), time.UnixMilli(2000)
	// who may undo whose refusal; the person may undo every one.
	undo := map[Source][]Source{Operator: {Operator, MySQL, Import, SMTP}, Person: sources}
	for _, a := range sources {
		for _, b := range sources {
			allowed := false
			for _, s := range undo[b] {
				allowed = allowed || s == a
			}
			got, v := decide(Consent{false, a, before, false}, Consent{true, b, at, false}, stated)
			if got.Subscribed != allowed || (v == applied) != allowed || (v == refused) == allowed {
				t.Errorf("%s said no, %s says yes: got %+v %v, want subscribed %v", a, b, got, v, allowed)
			}
			got, v = decide(Consent{true, a, before, false}, Consent{false, b, at, false}, stated)
			if got.Subscribed || v != applied || got.Source != b {
				t.Errorf("%s said yes, %s says no: got %+v %v", a, b, got, v)
			}
			got, _ = decide(Consent{false, a, before, false}, Consent{false, b, at, false}, stated)
			if want := max(a.strength(), b.strength()); got.Subscribed || got.Source.strength() != want {
				t.Errorf("%s said no, %s says no: got %+v, want strength %d", a, b, got, want)
			}
			got, _ = decide(Consent{true, a, before, false}, Consent{true, b, at, false}, stated)
			if want := max(a.strength(), b.strength()); !got.Subscribed || got.Source.strength() != want {
				t.Errorf("%s said yes, %s says yes: got %+v, want strength %d", a, b, got, want)
			}
			got, _ = decide(Consent{false, a, before, false}, Consent{true, b, at, false}, dated)
			if !got.Subscribed {
				t.Errorf("%s said no, a dated yes came by %s: got %+v", a, b, got)
			}
			got, _ = decide(Consent{false, a, at, false}, Consent{true, b, before, false}, dated)
			if got.Subscribed && b != Operator {
				t.Errorf("%s said no, an older dated yes came by %s: got %+v", a, b, got)
			}
			got, _ = decide(Consent{false, a, before, false}, Consent{true, b, at, false}, trusted)
			if want := allowed || a == MySQL && b == MySQL; got.Subscribed != want {
				t.Errorf("%s said no, %s says yes and is trusted: got %+v, want %v", a, b, got, want)
			}
		}
	}
}

func TestAnOldRefusalDoesNotEndThePersonsReturn(t *testing.T) {
	back := Consent{true, Person, time.UnixMilli(2000), false}
	for _, source := range []Source{Person, Complaint, MySQL} {
		if got, v := decide(back, Consent{false, source, time.UnixMilli(1000), false}, stated); got != back || v != refused {
			t.Errorf("%s from before: got %+v %v", source, got, v)
		}
	}
	if got, _ := decide(Consent{true, Import, time.UnixMilli(2000), true}, Consent{false, Person, time.UnixMilli(1000), false}, stated); got.Subscribed {
		t.Error("a refusal read back from the log lost against an import")
	}
}

func TestAnExplicitYesTakesThePlaceOfAnAssumedOne(t *testing.T) {
	for _, c := range []struct{ now, next, want bool }{{true, false, false}, {false, true, false}, {true, true, true}} {
		got, _ := decide(Consent{true, Import, time.UnixMilli(1), c.now}, Consent{true, Import, time.UnixMilli(2), c.next}, stated)
		if got.Assumed != c.want {
			t.Errorf("assumed %v, then %v: got %v", c.now, c.next, got.Assumed)
		}
	}
}

func ExampleImportError() {
	fmt.Println((&ImportError{Line: 3, Column: 17, Message: "a quote stands in the middle of a cell"}).Error())
	// Output: line 3, column 17: a quote stands in the middle of a cell
}
