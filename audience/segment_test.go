package audience

import (
	"context"
	"errors"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"
)

// people is a small audience that the segments below know.
const people = "email,name,gender,created_at,포인트,brand,선호 브랜드,subscribed\n" +
	"a@naver.com,가,여,2026-01-01 00:00:00,\"12,500\",무신사,x y,1\n" +
	"b@gmail.com,나,여,2025-12-31 23:59:59,90,zara,,1\n" +
	"c@naver.com,다,남,2026-01-31 23:30:00,,,,0\n" +
	"d@example.com,라,,,0,무신사,,1\n"

func TestSegmentsSelect(t *testing.T) {
	s, ctx := open(t), context.Background()
	importText(t, s, people, ImportOptions{})
	if _, err := s.Set(ctx, Edit{Email: "b@gmail.com", AddTags: []string{"vip2026"}}); err != nil {
		t.Fatal(err)
	}
	for expression, want := range map[string]string{
		"": "abcd",
		`gender == "female" and created_at >= "2026-01-01"`: "a",
		`gender == "여"`:                                       "ab",
		`Gender != "F"`:                                       "cd",
		`gender == ""`:                                        "d",
		`created_at >= "2026-01-01"`:                          "ac",
		`CreatedAt < "2026.01.01"`:                            "b",
		`created_at <= "2026-01-31"`:                          "abc",
		`created_at <= "2026-01-31 23:00"`:                    "ab",
		`created_at > "2025-12-31"`:                           "ac",
		`"2026-01-01" <= created_at`:                          "ac",
		`created_at == "2026-01-01"`:                          "a",
		`created_at != "2026-01-01"`:                          "bcd",
		`created_at == ""`:                                    "d",
		`created_at != ""`:                                    "abc",
		`created_at >= "2025-12-31T15:00:00Z"`:                "ac",
		`not (created_at < "2026-01-01")`:                     "acd",
		`not created_at < "2026-01-01" and domain != "x"`:     "acd",
		`not gender == "F"`:                                   "cd",
		`!attr("선호 브랜드") == "x y" or not 포인트 >= 90`:           "bcd",
		`not brand in ["zara"] and not brand contains "무"`:    "c",
		`tag("vip2026")`:                                      "b",
		`not tag("vip2026")`:                                  "acd",
		`tag("VIP2026")`:                                      "",
		`포인트 >= 90`:                                           "ab",
		`90 <= 포인트 and 포인트 < 100.5`:                           "b",
		`포인트 == 0`:                                            "d",
		`포인트 != ""`:                                           "abd",
		`포인트 > -1`:                                            "abd",
		`brand == "무신사"`:                                      "ad",
		`BRAND in ["zara", "무신사"]`:                            "abd",
		`attr("선호 브랜드") == "x y"`:                             "a",
		`nosuch == "x"`:                                       "",
		`nosuch == ""`:                                        "abcd",
		`domain == "naver.com"`:                               "ac",
		`email startsWith "a" or name == "나"`:                 "ab",
		`email matches "^[ab]@"`:                              "ab",
		`lower(brand) contains "zar"`:                         "b",
		`len(name) == 1`:                                      "abcd",
		`opted_in`:                                            "abd",
		`!subscribed`:                                         "c",
		`gender == "female" ? tag("vip2026") : true`:          "bcd",
		"gender == \"female\"\n  and domain == \"naver.com\"": "a",
	} {
		seg, err := ParseSegment(expression, nil)
		if err != nil {
			t.Errorf("%s: %v", expression, err)
			continue
		}
		var walked, matched strings.Builder
		err = s.Walk(ctx, seg, "", 0, 99, func(sub *Subscriber, _ string) error { walked.WriteByte(sub.Email[0]); return nil })
		if err != nil || walked.String() != want {
			t.Errorf("%s selects %q, want %q: %v", expression, walked.String(), want, err)
		}
		for sub, err := range s.List(ctx, 0, "", nil) {
			if err != nil {
				t.Fatal(err)
			}
			ok, err := seg.Match(&sub)
			if err != nil {
				t.Errorf("%s: %v", expression, err)
			}
			if ok {
				matched.WriteByte(sub.Email[0])
			}
		}
		if matched.String() != want {
			t.Errorf("%s matches %q, want %q", expression, matched.String(), want)
		}
	}
}

func TestSegmentErrorsSayWhereAndWhatToDo(t *testing.T) {
	for _, c := range []struct {
		expression   string
		line, column int
		message      string
		hint         string
	}{
		{`gender = "female"`, 1, 8, "", "=="},
		{"gender == \"female\"\nand created_at >= \"someday\"", 2, 19, "is not a date", "2026-01-31"},
		{`tag("a") and (tag("b")`, 1, 22, "ends too early", "close the brackets"},
		{`gender == female`, 1, 11, "without quotes", `"female"`},
		{`gender == "woman2"`, 1, 11, "nobody has", "male"},
		{`gender == “female”`, 1, 11, "", "straight quotes"},
		{`gender == "female" AND 포인트 > 1`, 1, 20, "", "lower case"},
		{`포인트 + 1`, 1, 5, "mismatched", "number"},
		{`name`, 1, 1, "true or false", "compare it"},
		{`created_at`, 1, 1, "compared with a date", "created_at >="},
		{`created_at > 5`, 1, 14, "compared with a date", "2026"},
		{`shout("x")`, 1, 1, "no function shout", "tag"},
		{`tag(name)`, 1, 1, "one text in quotes", `tag("vip2026")`},
		{`email matches name`, 1, 15, "pattern in quotes", ""},
		{`email matches "("`, 1, 15, "pattern is broken", "backslash"},
		{`email == "x`, 1, 12, "", "close the quotes"},
		{`filter([1,2,3], {# > 1})`, 1, 1, "", ""},
		{`1..1000000 == nil`, 1, 1, "", ""},
		{`let x = 1; x == 1`, 1, 1, "", ""},
		{`name.foo == "x"`, 1, 5, "", ""},
		{strings.Repeat("x", maxExpression+1), 1, 1, "over", "tag"},
		{strings.Repeat("(", 3000), 1, 1, "", ""},
		{strings.Repeat("a==1 or ", 400) + "true", 1, 1, "", ""},
	} {
		_, err := ParseSegment(c.expression, time.UTC)
		var wrong *SegmentError
		if !errors.As(err, &wrong) {
			t.Errorf("%.60s: got %v, want a SegmentError", c.expression, err)
			continue
		}
		if !strings.Contains(wrong.Message, c.message) || !strings.Contains(wrong.Hint, c.hint) || wrong.Hint == "" || wrong.Source != c.expression {
			t.Errorf("%.60s: %q, hint %q, want %q, %q", c.expression, wrong.Message, wrong.Hint, c.message, c.hint)
		}
		if c.message+c.hint != "" && (wrong.Line != c.line || wrong.Column != c.column) {
			t.Errorf("%.60s: at %d:%d, want %d:%d", c.expression, wrong.Line, wrong.Column, c.line, c.column)
		}
	}
}

func TestSegmentNamesItsAttributes(t *testing.T) {
	seg, err := ParseSegment(`포인트 > 5 and attr("x y") == "1" and gender == "male" and tag("t")`, nil)
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(seg.Names(), "|"); got != "포인트|x y" {
		t.Errorf("got %q", got)
	}
}

func TestNamesNobodyHasAreSaidWithWhatWasMeant(t *testing.T) {
	s := open(t)
	importText(t, s, people, ImportOptions{Tags: []string{"vip2026"}})
	count, err := s.Count(context.Background(), mustParse(t, `gendr == "x" or brnd == "y" or xyz == "z" or tag("vip") or tag("qqq") or brand == ""`), "")
	if err != nil || fmt.Sprint(count.Doubts) != "{[gendr brnd xyz] [vip qqq] map[brnd:brand gendr:gender vip:vip2026]}" {
		t.Errorf("%+v, %v", count.Doubts, err)
	}
	if d := s.Doubts(nil); d.Unknown != nil || d.Meant != nil {
		t.Errorf("everyone: %+v", d)
	}
}

// What the manual shows is what the parser takes.
func TestExamplesOfTheManualAreExpressions(t *testing.T) {
	text, err := os.ReadFile("../docs/segments.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(string(text), "| wish | expression |")
	table, _, _ = strings.Cut(table, "\n## ")
	n := 0
	for _, example := range regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(table, -1) {
		if _, err := ParseSegment(example[1], nil); err != nil {
			t.Errorf("%s: %v", example[1], err)
		}
		n++
	}
	if n < 15 {
		t.Errorf("found only %d examples", n)
	}
	for _, name := range append(deedWords(), "tag", "topic", "attr") {
		if !strings.Contains(string(text), "`"+name+"(") {
			t.Errorf("the manual does not tell of %s()", name)
		}
	}
	for _, w := range words() {
		if !strings.Contains(string(text), "`"+w.name+"`") {
			t.Errorf("the manual does not tell of %s", w.name)
		}
	}
}

func FuzzSegment(f *testing.F) {
	f.Add(`gender == "female" and created_at >= "2026-01-01"`)
	f.Add(`tag("x") or attr("y") < 3 ? 포인트 in [1,2] : !opted_in`)
	f.Add(`(((`)
	f.Add(`opened(last(3)) >= 2 and not received(days(30), 12) or clicked("여름", 7)`)
	f.Add(`created_at >= "30일 전" and consent_at != "1 month ago" and not topic("sale")`)
	f.Add(`!frequency == "weekly" or consent_source in ["person", ""] and suppressed`)
	f.Fuzz(func(t *testing.T, source string) {
		seg, err := ParseSegment(source, time.UTC)
		if err != nil {
			var wrong *SegmentError
			if !errors.As(err, &wrong) || wrong.Line < 1 || wrong.Column < 1 || wrong.Hint == "" {
				t.Fatalf("%q: %#v", source, err)
			}
			return
		}
		if c, ok := ParseConditions(source); ok {
			built, err := c.Expression()
			again, same := ParseConditions(built)
			if err != nil || !same || fmt.Sprintf("%+q", again.Rows) != fmt.Sprintf("%+q", c.Rows) {
				t.Fatalf("%q: rows %+v, which make %q, %v", source, c, built, err)
			}
		}
		sub := Subscriber{Email: "a@example.com", Attributes: map[string]string{"y": "1"}}
		if _, err := seg.Match(&sub); err != nil && !errors.As(err, new(*SegmentError)) {
			t.Fatalf("%q: %v", source, err)
		}
	})
}

// Addresses and domains are the same in every spelling, as everywhere, and an
// attribute in a list of numbers is one of them.
func TestSegmentsKnowAddressesInEverySpellingAndListsOfNumbers(t *testing.T) {
	s, ctx := open(t), context.Background()
	importText(t, s, "email,포인트\na@naver.com,\"12,500\"\nBig@gmail.com,90\nc@naver.com,\nd@쇼핑.kr,0\n", ImportOptions{})
	for expression, want := range map[string]string{
		`email == "big@GMAIL.com"`:                     "B",
		`email != "BIG@gmail.com"`:                     "acd",
		`not email == "big@gmail.com"`:                 "acd",
		`"A@naver.com" == email`:                       "a",
		`email in ["big@Gmail.COM", "D@쇼핑.kr"]`:        "Bd",
		`email not in ["big@Gmail.COM"]`:               "acd",
		`email == "nobody"`:                            "",
		`email contains "Big"`:                         "B", // as it is written
		`domain == "Naver.com"`:                        "ac",
		`domain in ["쇼핑.kr", "GMAIL.com"]`:             "Bd",
		`domain != "쇼핑.KR"`:                            "aBc",
		`포인트 in [0, 90]`:                               "Bd",
		`포인트 not in [0, 90]`:                           "ac",
		`포인트 not in [0, 90] and 포인트 != ""`:             "a",
		`not attr("포인트") in [12500.0]`:                 "Bcd",
		`포인트 in ["90"]`:                                "B",
		`포인트 in [-1] or 포인트 in [0]`:                    "d",
		`not (포인트 >= 90) and not (포인트 < 90)`:           "c", // who has none, neither
		`not domain == "Naver.com" and not 포인트 in [0]`: "B",
	} {
		seg, err := ParseSegment(expression, nil)
		if err != nil {
			t.Errorf("%s: %v", expression, err)
			continue
		}
		got := ""
		err = s.Walk(ctx, seg, "", 0, 99, func(sub *Subscriber, _ string) error { got += sub.Email[:1]; return nil })
		if err != nil || got != want {
			t.Errorf("%s selects %q, want %q: %v", expression, got, want, err)
		}
		big := byEmail(t, s, "big@gmail.com")
		x, err := s.Explain(ctx, seg, "", big.ID)
		if err != nil || x.Selected != strings.Contains(want, "B") || len(x.Conditions) == 0 {
			t.Errorf("%s: %+v %v", expression, x, err)
		}
		for _, c := range x.Conditions {
			if c.Error != "" {
				t.Errorf("%s: %s: %s", expression, c.Condition, c.Error)
			}
		}
	}
	_, err := ParseSegment(`포인트 in [1, "2"]`, nil)
	var wrong *SegmentError
	if !errors.As(err, &wrong) || !strings.Contains(wrong.Hint, "numbers or") {
		t.Errorf("got %v", err)
	}
}
