package cli

import (
	"reflect"
	"testing"

	"pabal/campaign"
)

// A plan, and the question after it, is said in both languages.
func TestPlanHasItsWordsInBothLanguages(t *testing.T) {
	en := planTexts("en")
	ko := planTexts("ko")
	for i, field := range reflect.VisibleFields(reflect.TypeFor[planText]()) {
		if field.Type.Kind() != reflect.String {
			continue
		}
		a, b := reflect.ValueOf(en).Field(i).String(), reflect.ValueOf(ko).Field(i).String()
		if a == "" || b == "" {
			t.Errorf("%s: %q in English, %q in Korean", field.Name, a, b)
		}
	}
	for code := range en.notes {
		if ko.notes[code] == "" {
			t.Errorf("note %s has no Korean", code)
		}
	}
	if len(en.notes) != len(ko.notes) || en.notes[campaign.NoteTakes] == "" {
		t.Errorf("%d notes in English, %d in Korean", len(en.notes), len(ko.notes))
	}
}
