package audience

import (
	"fmt"
	"testing"
	"time"
)

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
