package audience

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
)

// ledgers is a Past in memory, read in batches as small as asked for.
type ledgers struct {
	campaigns []PastCampaign
	rows      map[uint64][]PastRow
	reads     int
	err       error
}

func (l *ledgers) PastCampaigns() ([]PastCampaign, error) { return l.campaigns, l.err }

func (l *ledgers) PastRows(campaign, after uint64, dst []PastRow) ([]PastRow, error) {
	l.reads++
	for _, row := range l.rows[campaign] {
		if row.Subscriber > after && len(dst) < cap(dst) {
			dst = append(dst, row)
		}
	}
	return dst, l.err
}

// whom are the first letters of those an expression selects.
func whom(t *testing.T, s *Store, seg *Segment) string {
	t.Helper()
	var walked strings.Builder
	err := s.Walk(context.Background(), seg, "", 0, everyone, func(sub *Subscriber, _ string) error { walked.WriteByte(sub.Email[0]); return nil })
	if err != nil {
		t.Fatalf("%s: %v", seg.Source, err)
	}
	return walked.String()
}

func mustParse(t testing.TB, expression string) *Segment {
	t.Helper()
	seg, err := ParseSegment(expression, nil)
	if err != nil {
		t.Fatalf("%s: %v", expression, err)
	}
	return seg
}

func TestSegmentsKnowConsentPreferencesAndDates(t *testing.T) {
	s, ctx := open(t), context.Background()
	now := time.Date(2026, 3, 31, 12, 0, 0, 0, time.UTC)
	s.Now = func() time.Time { return now }
	importText(t, s, "email,created_at,subscribed\na@example.com,2026-03-31,1\nb@example.com,2026-03-01,1\nc@example.com,2025-03-31,0\nd@example.com,,1\n", ImportOptions{})
	if err := s.Unsubscribe(ctx, 2, Person, ""); err != nil {
		t.Fatal(err)
	}
	if err := s.Suppress(ctx, Suppression{Email: "d@example.com", Reason: "operator"}); err != nil {
		t.Fatal(err)
	}
	err := s.update(ctx, func(u *update) error {
		p, err := u.get(1)
		if err != nil {
			return err
		}
		off, err := s.names.need(topicName, "sale")
		if err != nil {
			return err
		}
		p.topics, p.freq, p.language = append(p.topics, off), 1, 2
		p.updated = now.AddDate(0, 0, -5).UnixMilli()
		s.names.count(topicName, off, 1)
		return u.put(p)
	})
	if err != nil {
		t.Fatal(err)
	}
	now = now.AddDate(0, 0, 1) // 1 April
	for expression, want := range map[string]string{
		`frequency == "weekly"`:                                 "a",
		`frequency == "all"`:                                    "bcd",
		`frequency == ""`:                                       "bcd",
		`frequency in ["weekly", "monthly"]`:                    "a",
		`language == "EN"`:                                      "a",
		`topic("sale")`:                                         "bcd",
		`not topic("sale")`:                                     "a",
		`topic("nobody switched it off")`:                       "abcd",
		`consent_source == "person"`:                            "b",
		`consent_source in ["import", "Operator"] and opted_in`: "ad",
		`consent_at >= "today"`:                                 "",
		`consent_at >= "yesterday"`:                             "abcd",
		`consent_at >= "2026-03-31" and not subscribed`:         "bc",
		`suppressed`:                                            "d",
		`not suppressed and subscribed`:                         "a",
		`updated_at < "3 days ago"`:                             "a",
		`created_at >= "1일 전"`:                                  "a",
		`created_at == "어제"`:                                    "a",
		`created_at >= "1 month ago"`:                           "ab",
		`created_at >= "1개월 전"`:                                 "ab",
		`created_at < "1 year ago"`:                             "c",
		`created_at >= "1년 전"`:                                  "ab",
		`created_at <= "4 weeks ago"`:                           "bc",
		`created_at != "yesterday"`:                             "bcd",
		`"30일 전" <= created_at`:                                 "a",
	} {
		if got := whom(t, s, mustParse(t, expression)); got != want {
			t.Errorf("%s selects %q, want %q", expression, got, want)
		}
	}
	seg := mustParse(t, `created_at >= "yesterday"`)
	if got := whom(t, s, seg.At(now.AddDate(0, 0, 2))); got != "" {
		t.Errorf("two days later it selects %q, want nobody", got)
	}
	if got := whom(t, s, seg); got != "a" {
		t.Errorf("At changed the segment itself: %q", got)
	}
}

func TestAMonthAgoOfThe31stIsALastDay(t *testing.T) {
	for text, want := range map[string]string{"1 month ago": "2026-02-28", "13 months ago": "2025-02-28", "1 year ago": "2025-03-31",
		"2주 전": "2026-03-17", "today": "2026-03-31", "0 days ago": "2026-03-31", "36600일 전": "1926-01-15"} {
		d, ok := parseAgo(text)
		if got := d.from(time.Date(2026, 3, 31, 23, 59, 0, 0, time.UTC)).Format(time.DateOnly); !ok || got != want {
			t.Errorf("%s: %s, %v; want %s", text, got, ok, want)
		}
	}
	for _, text := range []string{"36601 days ago", "-1 days ago", "99999 years ago", "3 days", "days ago", "5229주 전"} {
		if _, ok := parseAgo(text); ok {
			t.Errorf("%q was taken for a day", text)
		}
	}
}

func TestDeedsAreReadBesideTheSubscribersOnce(t *testing.T) {
	s, ctx := open(t), context.Background()
	var csv strings.Builder
	csv.WriteString("email\n")
	for i := range 500 {
		fmt.Fprintf(&csv, "p%d@example.com\n", i)
	}
	importText(t, s, csv.String(), ImportOptions{})
	start := time.Now().Add(-time.Hour)
	past := &ledgers{rows: map[uint64][]PastRow{}}
	for c := uint64(1); c <= 300; c++ {
		past.campaigns = append(past.campaigns, PastCampaign{ID: c, Name: fmt.Sprint("c", c), Started: start})
	}
	for id := uint64(1); id <= 500; id++ {
		row := PastRow{Subscriber: id, Deeds: Selected | Accepted | Received, At: start.UnixMilli()}
		if id%5 == 0 {
			row.Deeds |= Opened
		}
		past.rows[7] = append(past.rows[7], row)
		if id%2 == 0 {
			past.rows[9] = append(past.rows[9], row)
		}
	}
	s.Past = past
	for expression, want := range map[string]int64{
		`opened(7)`: 100, `opened(9)`: 50, `opened() == 2`: 50, `received(7) and not opened(7)`: 400, `not received()`: 0,
		`received(9) and not opened(7, "c9")`: 200, `received() == 1`: 250, `received(days(1))`: 500, `clicked()`: 0,
	} {
		count, err := s.Count(ctx, mustParse(t, expression), "")
		if err != nil || count.Selected != want {
			t.Errorf("%s: %+v %v, want %d", expression, count, err, want)
		}
	}
	past.reads = 0
	if _, err := s.Count(ctx, mustParse(t, `received(7) and opened(7) and not bounced(7)`), ""); err != nil || past.reads != 1 {
		t.Errorf("%d reads of one ledger for three conditions, want 1; %v", past.reads, err)
	}
	past.err = errors.New("disk")
	if _, err := s.Count(ctx, mustParse(t, `received(7)`), ""); !errors.Is(err, past.err) {
		t.Errorf("a ledger that cannot be read: %v", err)
	}
	s.Past = nil
	var wrong *SegmentError
	if _, err := s.Count(ctx, mustParse(t, `email == "" or received(7)`), ""); !errors.As(err, &wrong) || wrong.Column != 16 || wrong.Hint == "" {
		t.Errorf("without ledgers: %v", err)
	}
}

func TestDeedErrorsSayWhereAndWhatWasMeant(t *testing.T) {
	for _, c := range []struct {
		expression string
		column     int
		message    string
		hint       string
	}{
		{`opend(12)`, 1, "no function opend", "did you mean opened?"},
		{`tagg("x")`, 1, "no function tagg", "did you mean tag?"},
		{`opened`, 1, "of which campaigns", "opened(last(3))"},
		{`gender == "" and received`, 18, "of which campaigns", "received(days(30))"},
		{`opened(last(0))`, 8, "1 to 100", ""},
		{`opened(days())`, 8, "one number", "days(30)"},
		{`opened(days(30), 12)`, 8, "which campaigns", ""},
		{`opened(first(3))`, 8, "which campaigns", "last(3)"},
		{`opened(-1)`, 8, "takes campaigns", "12"},
		{`opened(name)`, 8, "takes campaigns", "Summer sale"},
		{`last(3)`, 1, "inside a deed", "opened(last(3))"},
		{`gender == "femail"`, 11, "nobody has", "did you mean female?"},
		{`language == "de"`, 13, "nobody has", `"ko", "en" or ""`},
		{`frequency == "week"`, 14, "nobody has", "did you mean weekly?"},
		{`frequency in ["dayly"]`, 15, "nobody has", `"all", "weekly", "monthly"`},
		{`consent_source == "persn"`, 19, "nobody has", "did you mean person?"},
		{`updated_at > "soon"`, 14, "not a date", "30 days ago"},
		{`포인트 or true`, 1, "alone", "compare it"},
		{`not frequency`, 5, "alone", "compare it"},
	} {
		_, err := ParseSegment(c.expression, time.UTC)
		var wrong *SegmentError
		if !errors.As(err, &wrong) {
			t.Errorf("%s: got %v, want a SegmentError", c.expression, err)
			continue
		}
		if wrong.Column != c.column || !strings.Contains(wrong.Message, c.message) || !strings.Contains(wrong.Hint, c.hint) || wrong.Hint == "" {
			t.Errorf("%s: column %d, %q, hint %q; want %d, %q, %q", c.expression, wrong.Column, wrong.Message, wrong.Hint, c.column, c.message, c.hint)
		}
	}
}

func TestNearestWord(t *testing.T) {
	for text, want := range map[string]string{"opend": "opened", "recieved": "received", "xyzzy": "", "clicke": "clicked", "여름세일": "여름 세일", "a": ""} {
		if got := nearest(text, append(deedWords(), "여름 세일", "겨울 세일")); got != want {
			t.Errorf("%s: %q, want %q", text, got, want)
		}
	}
}
