package audience

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"pabal/eml"
)

// shop is a store with topics and somebody who agreed to mail.
func shop(t *testing.T) (*Store, uint64) {
	t.Helper()
	s := open(t)
	s.Topics = []Topic{{ID: "sale", Korean: "세일", English: "Sale", Commercial: true, Default: true},
		{ID: "event", Korean: "행사", English: "Events", Commercial: true},
		{ID: "terms", Korean: "약관", English: "Terms", Default: true}}
	sub, err := s.Set(t.Context(), Edit{Email: "kim@example.com", Subscribed: ptr(true), Create: true, Source: Import})
	if err != nil {
		t.Fatal(err)
	}
	return s, sub.ID
}

func (s *Store) reason(t *testing.T, id uint64, topic string) string {
	t.Helper()
	_, reason, err := s.Check(id, topic)
	if err != nil {
		t.Fatal(err)
	}
	return reason
}

func TestTopicsAreOnOrOffByDefaultAndByChoice(t *testing.T) {
	s, id := shop(t)
	want := map[string]string{"": "", "sale": "", "event": skipTopicOff, "terms": "", "undefined": ""}
	for topic, reason := range want {
		if got := s.reason(t, id, topic); got != reason {
			t.Errorf("by default %q: %q, want %q", topic, got, reason)
		}
	}
	sub, err := s.Prefer(t.Context(), id, Preferences{Topics: map[string]bool{"sale": false, "event": true, "terms": true}}, nil, "link")
	if err != nil || !slices.Equal(sub.TopicsOff, []string{"sale"}) || !slices.Equal(sub.TopicsOn, []string{"event"}) {
		t.Fatalf("got %+v, %v", sub, err)
	}
	for topic, reason := range map[string]string{"sale": skipTopicOff, "event": "", "terms": ""} {
		if got := s.reason(t, id, topic); got != reason {
			t.Errorf("chosen %q: %q, want %q", topic, got, reason)
		}
	}
	for expression, want := range map[string]int64{`topic("sale")`: 0, `topic("event")`: 1, `topic("terms")`: 1} {
		seg, err := ParseSegment(expression, s.zone())
		if err != nil {
			t.Fatal(err)
		}
		if count, err := s.Count(t.Context(), seg, ""); err != nil || count.Selected != want {
			t.Errorf("%s selects %d, %v, want %d", expression, count.Selected, err, want)
		}
	}
	for i, topic := range s.Topics {
		if got := topic.Wants(&sub); got != []bool{false, true, true}[i] {
			t.Errorf("%s: wanted %v", topic.ID, got)
		}
	}
	s.Topics = s.Topics[:1] // what is defined no more stays as it was chosen
	if sub, err = s.Get(id); err != nil || !slices.Equal(sub.TopicsOn, []string{"event"}) {
		t.Errorf("got %+v, %v", sub, err)
	}
	sound(t, s)
}

func TestOneChangeIsOneLineOfHistory(t *testing.T) {
	s, id := shop(t)
	p := Preferences{Topics: map[string]bool{"sale": false}, Frequency: ptr("weekly"), Language: ptr("en")}
	for range 2 { // the second time it is nothing new
		sub, err := s.Prefer(t.Context(), id, p, nil, "preference page of campaign 3")
		if err != nil || sub.Frequency != "weekly" || sub.Language != "en" || !sub.Consent.Subscribed {
			t.Fatalf("got %+v, %v", sub, err)
		}
	}
	lines, err := s.History(id)
	if err != nil || len(lines) != 2 {
		t.Fatalf("history %+v, %v", lines, err)
	}
	last := lines[1]
	if last.Source != Person || last.Detail != "preference page of campaign 3" || !last.Subscribed || last.At.IsZero() ||
		!slices.Equal(last.Changed, []string{"topic sale off", "frequency weekly", "language en"}) {
		t.Errorf("line %+v", last)
	}
	sound(t, s)
}

func TestAllOffIsAnOptOutAndComingBackThePersonsOwnAct(t *testing.T) {
	s, id := shop(t)
	ctx := t.Context()
	if _, err := s.Prefer(ctx, id, Preferences{}, ptr(false), "page"); err != nil {
		t.Fatal(err)
	}
	if got := s.reason(t, id, ""); got != skipUnsubscribed {
		t.Errorf("after all off: %q", got)
	}
	log, err := os.ReadFile(filepath.Join(s.dir, logName))
	if err != nil || strings.Count(string(log), "\n") != 1 {
		t.Errorf("optouts.log %q, %v", log, err)
	}
	for _, source := range []Source{Operator, MySQL, Import} {
		if sub, err := s.Set(ctx, Edit{Email: "kim@example.com", Subscribed: ptr(true), Source: source}); err != nil || sub.Consent.Subscribed {
			t.Errorf("%s: %+v, %v, want still out", source, sub.Consent, err)
		}
	}
	sub, err := s.Prefer(ctx, id, Preferences{}, ptr(true), "page")
	if err != nil || !sub.Consent.Subscribed || sub.Consent.Source != Person {
		t.Fatalf("got %+v, %v", sub.Consent, err)
	}
	if got := s.reason(t, id, ""); got != "" {
		t.Errorf("after coming back: %q", got)
	}
	if err := errors.Join(s.Close()); err != nil {
		t.Fatal(err)
	}
	again := openAt(t, s.dir) // the log is read again and does not undo the return
	if got := again.reason(t, id, ""); got != "" {
		t.Errorf("after a restart: %q", got)
	}
	sound(t, again)
}

func TestNobodyLoosensWhatThePersonChose(t *testing.T) {
	s, id := shop(t)
	ctx := t.Context()
	set := func(p Preferences) (Subscriber, error) {
		return s.Set(ctx, Edit{Email: "kim@example.com", Preferences: p, Detail: "shop"})
	}
	if _, err := set(Preferences{Topics: map[string]bool{"terms": false}, Frequency: ptr("weekly")}); err != nil {
		t.Fatal(err)
	}
	if sub, err := set(Preferences{Topics: map[string]bool{"terms": true}, Frequency: ptr("all")}); err != nil || sub.Frequency != "" || len(sub.TopicsOff) > 0 {
		t.Errorf("the operator's own word: %+v, %v", sub, err)
	}
	if _, err := s.Prefer(ctx, id, Preferences{Topics: map[string]bool{"sale": false}, Frequency: ptr("weekly")}, nil, "page"); err != nil {
		t.Fatal(err)
	}
	for name, p := range map[string]Preferences{"topic": {Topics: map[string]bool{"sale": true}, Language: ptr("ko")}, "frequency": {Frequency: ptr("")}} {
		_, err := set(p)
		var problem *eml.Problem
		if !errors.As(err, &problem) || problem.Hint == "" {
			t.Errorf("%s: %v, want a refusal", name, err)
		}
	}
	if sub, err := set(Preferences{Frequency: ptr("monthly")}); err != nil || sub.Frequency != "monthly" || sub.Language != "" {
		t.Errorf("stricter: %+v, %v", sub, err)
	}
	if sub, err := s.Prefer(ctx, id, Preferences{Topics: map[string]bool{"sale": true}, Frequency: ptr("all")}, nil, "page"); err != nil || sub.Frequency != "" || len(sub.TopicsOff) > 0 {
		t.Errorf("the person: %+v, %v", sub, err)
	}
	sound(t, s)
}

func TestWhatCannotBeChosenIsRefused(t *testing.T) {
	s, id := shop(t)
	for name, p := range map[string]Preferences{"frequency": {Frequency: ptr("daily")}, "language": {Language: ptr("fr")},
		"topic": {Topics: map[string]bool{"a\nb": false}}, "empty topic": {Topics: map[string]bool{"": false}}} {
		if _, err := s.Prefer(t.Context(), id, p, nil, ""); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
	if _, err := s.Prefer(t.Context(), 99, Preferences{}, ptr(false), ""); !errors.Is(err, ErrNotFound) {
		t.Errorf("nobody: %v", err)
	}
	for topic, good := range map[string]bool{"": true, "sale": true, "nope": false} {
		if err := s.CheckTopic(topic); (err == nil) != good {
			t.Errorf("topic %q: %v", topic, err)
		}
	}
	s.Topics = nil
	if err := s.CheckTopic("nope"); err != nil {
		t.Errorf("while none is defined: %v", err)
	}
}

func TestWalkAndCountSkipForFrequencyWhatIsCommercial(t *testing.T) {
	s, id := shop(t)
	importText(t, s, "email\nb@example.com\nc@example.com\n", ImportOptions{})
	if _, err := s.Prefer(t.Context(), id, Preferences{Frequency: ptr("monthly")}, nil, ""); err != nil {
		t.Fatal(err)
	}
	var asked []uint64
	s.Attempted = func(id uint64, since time.Time) (bool, error) {
		asked = append(asked, id)
		return since.Before(time.Now().Add(-48 * time.Hour)), nil // mailed two days ago
	}
	s.Now = func() time.Time { return time.Date(2026, 11, 20, 9, 0, 0, 0, zoneOr(nil)) }
	for topic, want := range map[string]int64{"": 1, "sale": 1, "terms": 0} {
		count, err := s.Count(context.Background(), nil, topic)
		if err != nil || count.Skipped[skipFrequency] != want || count.Mailable != 3-want {
			t.Errorf("count %q: %+v, %v, want %d", topic, count, err, want)
		}
		walked := int64(0)
		err = s.Walk(context.Background(), nil, topic, 0, 99, func(_ *Subscriber, skip string) error {
			if skip == skipFrequency {
				walked++
			}
			return nil
		})
		if err != nil || walked != want {
			t.Errorf("walk %q: %d, %v", topic, walked, err)
		}
	}
	for _, a := range asked {
		if a != id {
			t.Errorf("asked about subscriber %d, who wants all mail", a)
		}
	}
	boom := errors.New("disk")
	s.Attempted = func(uint64, time.Time) (bool, error) { return false, boom }
	if _, err := s.Count(context.Background(), nil, ""); !errors.Is(err, boom) {
		t.Errorf("count: %v, want the error", err)
	}
}

func TestAWeekAndAMonthAreOfTheCalendar(t *testing.T) {
	s := open(t)
	s.Zone = zoneOr(nil)
	at := func(text string) time.Time {
		v, err := time.ParseInLocation("2006-01-02 15:04", text, s.Zone)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	for _, c := range []struct {
		frequency  byte
		mailed     string
		room, full string // the first instant with room, the last without
	}{
		{1, "2026-11-16 10:00", "2026-11-23 00:00", "2026-11-22 23:59"},
		{1, "2026-11-16 23:59", "2026-11-23 00:00", "2026-11-22 23:59"},
		{1, "2026-12-28 08:00", "2027-01-04 00:00", "2027-01-03 23:59"},
		{2, "2026-11-01 10:00", "2026-12-01 00:00", "2026-11-30 23:59"},
		{2, "2027-02-01 10:00", "2027-03-01 00:00", "2027-02-28 00:00"},
		{2, "2027-01-31 10:00", "2027-02-28 00:00", "2027-02-27 23:59"},
		{2, "2028-01-30 10:00", "2028-02-29 00:00", "2028-02-28 23:59"},
		{2, "2027-02-28 10:00", "2027-03-28 00:00", "2027-03-27 23:59"},
		{2, "2026-12-15 10:00", "2027-01-15 00:00", "2027-01-14 23:59"},
		{2, "2027-03-31 10:00", "2027-04-30 00:00", "2027-04-29 23:59"},
	} {
		if mailed := at(c.mailed); !mailed.Before(s.since(c.frequency, at(c.room))) || mailed.Before(s.since(c.frequency, at(c.full))) {
			t.Errorf("frequency %d, mailed %s: room should be from %s on, not at %s", c.frequency, c.mailed, c.room, c.full)
		}
	}
	if !s.since(0, time.Now()).IsZero() {
		t.Error("somebody who wants all mail has a limit")
	}
}
