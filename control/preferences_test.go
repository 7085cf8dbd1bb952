package control

import (
	"testing"

	"pabal/audience"
)

func TestOperatorReadsAndChangesPreferences(t *testing.T) {
	r := newRig(t)
	r.server.People.Topics = []audience.Topic{{ID: "sale", Korean: "세일", English: "Sale", Commercial: true, Default: true}, {ID: "event", Korean: "행사", English: "Events"}}
	topics, err := r.Topics(t.Context())
	if err != nil || len(topics) != 2 || topics[0].Korean != "세일" {
		t.Fatalf("topics %+v, %v", topics, err)
	}
	yes, weekly := true, "weekly"
	if _, err := r.SetSubscriber(t.Context(), audience.Edit{Email: "minji@example.com", Subscribed: &yes, Create: true}); err != nil {
		t.Fatal(err)
	}
	p, err := r.Preferences(t.Context(), "Minji@example.com")
	if err != nil || !p.Subscribed || !p.Topics[0].Wanted || p.Topics[1].Wanted || p.Frequency != "" {
		t.Errorf("before: %+v, %v", p, err)
	}
	p, err = r.SetPreferences(t.Context(), "minji@example.com", audience.Preferences{Topics: map[string]bool{"sale": false, "event": true}, Frequency: &weekly})
	if err != nil || p.Topics[0].Wanted || !p.Topics[1].Wanted || p.Frequency != "weekly" {
		t.Errorf("after: %+v, %v", p, err)
	}
	person, err := r.Subscriber(t.Context(), "minji@example.com")
	if err != nil || len(person.History) != 2 || person.History[1].Source != audience.Operator || person.History[1].Detail == "" {
		t.Errorf("history: %+v, %v", person.History, err)
	}
	_, err = r.SetPreferences(t.Context(), "minji@example.com", audience.Preferences{Topics: map[string]bool{"sail": false}})
	wantProblem(t, err, `there is no topic "sail"`, "sale, event", nil)
	_, err = r.Preferences(t.Context(), "nobody@example.com")
	wantProblem(t, err, "no subscriber has the address", "", audience.ErrNotFound)
}
