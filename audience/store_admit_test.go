package audience

import (
	"bytes"
	"slices"
	"testing"
	"time"
)

var admitTopics = []Topic{{ID: "sale", Default: true, Commercial: true}, {ID: "event", Commercial: true}}

func admit(t *testing.T, s *Store, email, topic string) (Subscriber, string) {
	t.Helper()
	sub, reason, err := s.Admit(t.Context(), email, topic, "topic "+topic)
	if err != nil {
		t.Fatal(err)
	}
	return sub, reason
}

func TestSomebodyAnApplicationMailsIsKnownAndHasSaidNothing(t *testing.T) {
	s := open(t)
	s.Topics = admitTopics
	sub, reason := admit(t, s, "New@Example.net", "sale")
	if reason != "" || sub.ID == 0 || sub.Consent.Subscribed || sub.Consent.Source != SMTP || !sub.Consent.Unsaid() {
		t.Fatalf("%+v, %q", sub, reason)
	}
	again, reason := admit(t, s, "new@example.net", "sale")
	if again.ID != sub.ID || reason != "" {
		t.Errorf("the second mail: %+v, %q", again, reason)
	}
	history, err := s.History(sub.ID)
	if err != nil || len(history) != 1 || history[0].Source != SMTP || history[0].Subscribed || history[0].Detail != "topic sale" {
		t.Errorf("history %+v, %v", history, err)
	}
	if _, reason, _ := s.Check(sub.ID, ""); reason != skipUnsubscribed {
		t.Errorf("a campaign would reach them: %q", reason)
	}
	for out, err := range s.OptedOut(t.Context(), time.Time{}) {
		t.Errorf("told as an opt-out: %+v, %v", out, err)
	}
	if faults, err := s.CheckStore(t.Context()); err != nil || len(faults) > 0 {
		t.Errorf("check: %q, %v", faults, err)
	}
	importText(t, s, "email,subscribed\nnew@example.net,yes\n", ImportOptions{})
	if sub := byEmail(t, s, "new@example.net"); !sub.Consent.Subscribed || sub.Consent.Source != Import {
		t.Errorf("a file's yes is the first word: %+v", sub.Consent)
	}
}

// It never brings anybody back, whatever refused and in whatever record.
func TestARefusalOnTheAddressKeepsAnApplicationsTopicMailAway(t *testing.T) {
	for _, source := range []Source{Person, Complaint, Bounce, Operator} {
		s := open(t)
		s.Topics = admitTopics
		if err := s.UnsubscribeAddress(t.Context(), "a@example.net", source, "x"); err != nil {
			t.Fatal(err)
		}
		if sub, reason := admit(t, s, "a@example.net", "sale"); reason == "" || sub.ID != 0 {
			t.Errorf("%s refused at an address of nobody: %+v, %q", source, sub, reason)
		}
		admit(t, s, "b@example.net", "sale")
		sub := byEmail(t, s, "b@example.net")
		if err := s.Unsubscribe(t.Context(), sub.ID, source, "x"); err != nil {
			t.Fatal(err)
		}
		after, reason := admit(t, s, "b@example.net", "sale")
		if reason != skipUnsubscribed || after.Consent.Subscribed || after.Consent.Source != source {
			t.Errorf("%s refused: %+v, %q", source, after.Consent, reason)
		}
	}
	s := open(t)
	importText(t, s, "email,subscribed\nno@example.net,no\nyes@example.net,yes\n", ImportOptions{})
	if _, reason := admit(t, s, "no@example.net", ""); reason != skipUnsubscribed {
		t.Errorf("a file's no: %q", reason)
	}
	if sub, reason := admit(t, s, "yes@example.net", ""); reason != "" || sub.Consent.Source != Import {
		t.Errorf("a file's yes: %+v %q", sub, reason)
	}
}

func TestTopicsAndSuppressionKeepAnApplicationsMailAway(t *testing.T) {
	s := open(t)
	s.Topics = admitTopics
	sub, _ := admit(t, s, "a@example.net", "sale")
	if _, err := s.Prefer(t.Context(), sub.ID, Preferences{Topics: map[string]bool{"sale": false, "event": true}}, nil, "page"); err != nil {
		t.Fatal(err)
	}
	for topic, want := range map[string]string{"sale": skipTopicOff, "event": ""} {
		if _, reason := admit(t, s, "a@example.net", topic); reason != want {
			t.Errorf("%s: %q, want %q", topic, reason, want)
		}
	}
	if sub, reason := admit(t, s, "stranger@example.net", "event"); reason != skipTopicOff || sub.ID != 0 {
		t.Errorf("a topic that only those get who asked for it: %+v %q", sub, reason)
	}
	s.Topics = nil // taken out of the configuration while a mail waits
	if _, reason := admit(t, s, "a@example.net", "sale"); reason != skipTopicOff {
		t.Errorf("what was chosen about a topic that is gone: %q", reason)
	}
	if err := s.Suppress(t.Context(), Suppression{Email: "b@example.net", Reason: "operator"}); err != nil {
		t.Fatal(err)
	}
	if sub, reason := admit(t, s, "b@example.net", ""); reason != skipSuppressed || sub.ID != 0 {
		t.Errorf("suppressed: %+v %q", sub, reason)
	}
	if _, _, err := s.Admit(t.Context(), "nobody", "", ""); err == nil {
		t.Error("no address was taken")
	}
}

func TestTwoMailsToSomebodyNewMakeOneSubscriber(t *testing.T) {
	s := open(t)
	ids := make(chan uint64, 20)
	for range cap(ids) {
		go func() {
			sub, _, err := s.Admit(t.Context(), "a@example.net", "", "")
			if err != nil {
				t.Error(err)
			}
			ids <- sub.ID
		}()
	}
	var all []uint64
	for range cap(ids) {
		all = append(all, <-ids)
	}
	slices.Sort(all)
	if all = slices.Compact(all); len(all) != 1 {
		t.Errorf("subscribers %d", all)
	}
}

// Unsaid is nothing said: whoever speaks is the first, and it undoes nothing.
func TestNothingSaidYetGivesWayToEveryWordAndUndoesNone(t *testing.T) {
	unsaid := Consent{Source: SMTP, Assumed: true, At: time.UnixMilli(5000)}
	everyPair(func(_, b Source, _, at time.Time, k kind) {
		for _, yes := range []bool{true, false} {
			word := Consent{yes, b, at, false}
			if got, v := decide(unsaid, word, k); got != word || v != applied {
				t.Errorf("%+v after nothing: got %+v %v", word, got, v)
			}
			if got, v := decide(word, unsaid, k); got != word || v != nothingNew {
				t.Errorf("nothing after %+v: got %+v %v", word, got, v)
			}
		}
	})
}

func TestWhoSaidNothingYetComesBackFromAnExportSo(t *testing.T) {
	s := open(t)
	admit(t, s, "a@example.net", "")
	var file bytes.Buffer
	if _, err := s.ExportCSV(t.Context(), &file, ExportOptions{}); err != nil {
		t.Fatal(err)
	}
	other := open(t)
	importText(t, other, file.String(), ImportOptions{})
	if c := byEmail(t, other, "a@example.net").Consent; !c.Unsaid() || c.Source != SMTP {
		t.Errorf("in another store: %+v", c)
	}
	if known, err := other.Known("a@example.net"); err != nil || known.OptOut != nil {
		t.Errorf("a refusal stays on the address: %+v, %v", known, err)
	}
	importText(t, s, file.String(), ImportOptions{})
	if c := byEmail(t, s, "a@example.net").Consent; !c.Unsaid() {
		t.Errorf("in its own: %+v", c)
	}
	for out := range other.OptedOut(t.Context(), time.Time{}) {
		t.Errorf("told as an opt-out: %+v", out)
	}
}
