package audience

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"pabal/eml"
)

// drawCondition is any row a builder may make.
func drawCondition(t *rapid.T) Condition {
	fields := []string{AttributeField, "tag", "topic"}
	for _, w := range words() {
		fields = append(fields, w.name)
	}
	fields = append(fields, deedWords()...)
	c := Condition{Field: rapid.SampledFrom(fields).Draw(t, "field")}
	kind, _ := kindOf(c.Field)
	comparisons := kind.comparisons()
	if c.Field == "frequency" {
		comparisons = comparisons[:3]
	}
	c.Comparison = rapid.SampledFrom(comparisons).Draw(t, "comparison")
	text := rapid.OneOf(rapid.SampledFrom([]string{"가 나", `a"b\c`, "x\ty", "12a", "Null\u200b😀", "'"}), rapid.StringN(1, 8, 24).Filter(func(s string) bool {
		return strings.ToValidUTF8(s, "") == s && !strings.ContainsRune(s, 0)
	}))
	if c.Field == AttributeField {
		c.Attribute = rapid.OneOf(rapid.SampledFrom([]string{"포인트", "brand", "선호 브랜드", "not", "email", "opened", "2x", "a-b", "len", "_"}), text.Filter(func(s string) bool { return badLabel(s) == "" })).Draw(t, "attribute")
	}
	least, most := c.wants(kind)
	for range rapid.IntRange(least, min(most, 3)).Draw(t, "values") {
		v := ""
		switch {
		case slices.Contains([]Comparison{Equals, More, Less, AtLeast, AtMost}, c.Comparison):
			v = rapid.SampledFrom([]string{"0", "-12", "12500", "0.25", "-3.5"}).Draw(t, "number")
		case kind == KindCampaign && (c.Comparison == Of || c.Comparison == NotOf):
			v = rapid.SampledFrom([]string{"12", "7", "여름 세일", `"x"`}).Draw(t, "campaign")
		case kind == KindCampaign:
			v = fmt.Sprint(rapid.IntRange(1, 100).Draw(t, "n"))
		case kind == KindDate:
			v = rapid.SampledFrom([]string{"2026-01-31", "30 days ago", "오늘"}).Draw(t, "date")
		case kind == KindChoice:
			w, _ := wordOf(c.Field)
			v = rapid.SampledFrom(w.choices).Draw(t, "choice")
		default:
			v = text.Draw(t, "text")
		}
		c.Values = append(c.Values, v)
	}
	if c.Comparison == Of || c.Comparison == NotOf { // written numbers first
		slices.SortStableFunc(c.Values, func(a, b string) int { return digitsFirst(a) - digitsFirst(b) })
	}
	return c
}

func digitsFirst(s string) int {
	if strings.Trim(s, "0123456789") == "" {
		return 0
	}
	return 1
}

func TestConditionsComeBackFromTheirExpression(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := Conditions{Rows: rapid.SliceOfN(rapid.Custom(drawCondition), 0, 5).Draw(t, "rows")}
		c.Any = len(c.Rows) > 1 && rapid.Bool().Draw(t, "any")
		source, err := c.Expression()
		if err != nil {
			t.Fatalf("%+v: %v", c, err)
		}
		back, ok := ParseConditions(source)
		if !ok || back.Any != c.Any || fmt.Sprintf("%q", back.Rows) != fmt.Sprintf("%q", c.Rows) {
			t.Fatalf("%s\ncame back as %v %+v\nwant %+v", source, ok, back, c)
		}
	})
}

func TestExpressionsOfAnotherFormAreNoRows(t *testing.T) {
	for _, source := range []string{`gender == "male" and (tag("a") or tag("b"))`, `tag("a") and tag("b") or tag("c")`, `not (tag("a") and tag("b"))`,
		`gender == "male" ? tag("a") : tag("b")`, `lower(brand) == "x"`, `포인트 + 1 > 2`, `"a" == brand`, `email matches "^a"`, `not (brand == "x")`,
		`opened(last(3)) >= 2`, `brand in [1, 2]`, `brand in []`, `brand > "a"`, `true`, `opened("12")`, `not not tag("a")`, `created_at != "2026-01-01"`, `((`} {
		if c, ok := ParseConditions(source); ok {
			t.Errorf("%s: became %+v", source, c)
		}
	}
	for source, want := range map[string]string{
		``:                                     `{false []}`,
		`Gender == "여" and not opted_in`:       `{false [{gender  is [여]} {subscribed  no []}]}`,
		`tag("a") || not Opened(last())`:       `{true [{tag  yes [a]} {opened  not_of_last [1]}]}`,
		`brand == "" and name not contains ""`: ``,
		`(tag("a") and tag("b")) and tag("c")`: `{false [{tag  yes [a]} {tag  yes [b]} {tag  yes [c]}]}`,
	} {
		c, ok := ParseConditions(source)
		if got := fmt.Sprint(c); ok != (want != "") || ok && got != want {
			t.Errorf("%s: %v %s, want %s", source, ok, got, want)
		}
	}
}

func TestRowsThatMeanNothingAreRefused(t *testing.T) {
	for _, c := range []Condition{{}, {Field: "nosuch", Comparison: Is, Values: []string{"x"}}, {Field: "email", Comparison: More, Values: []string{"1"}},
		{Field: "email", Comparison: Is}, {Field: "email", Comparison: Is, Values: []string{""}}, {Field: "email", Comparison: Empty, Values: []string{"x"}},
		{Field: AttributeField, Comparison: Is, Values: []string{"x"}}, {Field: AttributeField, Attribute: "a", Comparison: More, Values: []string{"many"}},
		{Field: "tag", Comparison: Yes}, {Field: "tag", Comparison: Yes, Values: []string{""}}, {Field: "opened", Comparison: OfLast, Values: []string{"0"}},
		{Field: "opened", Comparison: OfDays, Values: []string{"x"}}, {Field: "frequency", Comparison: Empty}, {Field: "gender", Comparison: Is, Values: []string{"x"}},
		{Field: "created_at", Comparison: Since, Values: []string{"soon"}}, {Field: "Opened", Comparison: Ever}} {
		source, err := Conditions{Rows: []Condition{c}}.Expression()
		var problem *eml.Problem
		var wrong *SegmentError
		if !errors.As(err, &problem) && !errors.As(err, &wrong) {
			t.Errorf("%+v became %s, %v", c, source, err)
		}
	}
}

func TestExplainNamesTheConditionsThatDecide(t *testing.T) {
	s, ctx := open(t), context.Background()
	importText(t, s, people, ImportOptions{})
	s.Past = &ledgers{campaigns: []PastCampaign{{ID: 3, Name: "봄", Started: time.Now().Add(-time.Hour)}},
		rows: map[uint64][]PastRow{3: {{Subscriber: 1, Deeds: Selected | Opened, At: time.Now().UnixMilli()}}}}
	for _, c := range []struct {
		expression string
		id         uint64
		want       string // condition=truth, * decides
		selected   bool
		mailable   bool
	}{
		{``, 1, ``, true, true},
		{`gender == "female" and 포인트 > 100`, 1, `gender == "female"=true* 포인트 > 100=true*`, true, true},
		{`gender == "female" and 포인트 > 100`, 2, `gender == "female"=true 포인트 > 100=false*`, false, false},
		{`gender == "male" and not (domain == "x" or opted_in)`, 3, `gender == "male"=true* domain == "x"=false* opted_in=false*`, true, false},
		{`tag("x") or opened(3) or domain == "naver.com"`, 1, `tag("x")=false opened(3)=true* domain == "naver.com"=true*`, true, true},
		{`tag("x") or opened(3)`, 4, `tag("x")=false* opened(3)=false*`, false, false},
		{`gender == "male" ? tag("x") : created_at == ""`, 4, `gender == "male"=false* tag("x")=false created_at == ""=true*`, true, true},
	} {
		x, err := s.Explain(ctx, mustSegment(t, c.expression), "", c.id)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, a := range x.Conditions {
			got = append(got, fmt.Sprintf("%s=%v%s", a.Condition, a.True, map[bool]string{true: "*"}[a.Decides]))
		}
		if strings.Join(got, " ") != c.want || x.Selected != c.selected || x.Mailable != c.mailable || x.Subscriber.ID != c.id {
			t.Errorf("%s for %d: %s, selected %v, mailable %v; want %s, %v, %v", c.expression, c.id, strings.Join(got, " "), x.Selected, x.Mailable, c.want, c.selected, c.mailable)
		}
	}
	x, err := s.Explain(ctx, mustSegment(t, `포인트 >= 5 and opened() > 0 and created_at < "today" and tag("q") and brand != "z" and 100 / len(name) > 5`), "", 1)
	if err != nil || len(x.Conditions) != 6 {
		t.Fatalf("%+v, %v", x, err)
	}
	for i, want := range []string{"포인트 12,500", "opened() 1", "created_at 2026-01-01 00:00", `tag("q") false`, "brand 무신사", "name 가"} {
		if v := x.Conditions[i].Values; len(v) != 1 || v[0].Field+" "+v[0].Value != want {
			t.Errorf("value %d: %+v, want %s", i, v, want)
		}
	}
	if v := x.Conditions[1].Values[0]; len(v.Campaigns) != 1 || v.Campaigns[0].Name != "봄" {
		t.Errorf("campaigns: %+v", v)
	}
	if x, err := s.Explain(ctx, nil, "", 3); err != nil || x.Skip != skipUnsubscribed || x.Mailable {
		t.Errorf("opted out: %+v, %v", x, err)
	}
	if err := s.Suppress(ctx, Suppression{Email: "a@naver.com", Reason: "bounce"}); err != nil {
		t.Fatal(err)
	}
	if x, err := s.Explain(ctx, nil, "", 1); err != nil || x.Skip == "" || x.Suppression == nil {
		t.Errorf("suppressed: %+v, %v", x, err)
	}
	if _, err := s.Explain(ctx, nil, "", 99); !errors.Is(err, ErrNotFound) {
		t.Errorf("nobody: %v", err)
	}
}

func mustSegment(t *testing.T, expression string) *Segment {
	t.Helper()
	if expression == "" {
		return nil
	}
	return mustParse(t, expression)
}

func TestBuilderOffersWhatExists(t *testing.T) {
	s, ctx := open(t), context.Background()
	importText(t, s, people, ImportOptions{Tags: []string{"vip"}})
	s.Past = &ledgers{campaigns: []PastCampaign{{ID: 1, Name: "first", Started: time.Now()}, {ID: 2, Name: "draft"}, {ID: 3, Name: "봄", Started: time.Now()}}}
	fields, err := s.Fields()
	if err != nil {
		t.Fatal(err)
	}
	names := map[string]bool{}
	for _, f := range fields {
		names[f.Name+f.Attribute] = true
		kind, ok := kindOf(f.Name)
		if !ok || kind != f.Kind || len(f.Comparisons) == 0 {
			t.Errorf("field %+v", f)
		}
		_, err := s.Values(ctx, f.Name, f.Attribute, 0)
		if problem := (*eml.Problem)(nil); f.Listed != !errors.As(err, &problem) {
			t.Errorf("values of %s: listed %v, %v", f.Name, f.Listed, err)
		}
	}
	for _, want := range []string{"email", "attribute포인트", "attribute선호 브랜드", "tag", "opened", "consent_source"} {
		if !names[want] {
			t.Errorf("%s is not offered", want)
		}
	}
	for _, c := range []struct{ field, attribute, want string }{
		{AttributeField, "BRAND", "[{무신사  2} {zara  1}] false"},
		{"gender", "", "[{female  2} {male  1}] false"},
		{"domain", "", "[{naver.com  2} {example.com  1}] true"},
		{"tag", "", "[{vip  4}] false"},
		{"topic", "", "[] false"},
		{"opened", "", "[{3 봄 0} {1 first 0}] false"},
		{AttributeField, "nobody", "[] false"},
	} {
		limit := 2
		v, err := s.Values(ctx, c.field, c.attribute, limit)
		if got := fmt.Sprint(v.Values, v.More); err != nil || got != c.want {
			t.Errorf("%s %s: %s, want %s, %v", c.field, c.attribute, got, c.want, err)
		}
	}
}
