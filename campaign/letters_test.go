package campaign

import (
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"pabal/audience"
)

// shopLetter is a file of testdata/letters: lines of "key: value", then --- and
// the HTML.
type shopLetter struct {
	name, rule, subject, topic, text, html string
	values                                 map[string]string
}

func readLetters(t *testing.T, folder string) []shopLetter {
	t.Helper()
	files, err := filepath.Glob("../testdata/letters/" + folder + "/*.html")
	if err != nil {
		t.Fatal(err)
	}
	var all []shopLetter
	for _, file := range files {
		head, html, ok := strings.Cut(readFile(t, file), "\n---\n")
		if !ok {
			t.Fatalf("%s has no line ---", file)
		}
		l := shopLetter{name: strings.TrimSuffix(filepath.Base(file), ".html"), html: html, values: map[string]string{}}
		for line := range strings.Lines(head) {
			key, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ":")
			value = strings.ReplaceAll(strings.TrimPrefix(value, " "), `\n`, "\n")
			switch word, name, _ := strings.Cut(key, " "); word {
			case "rule":
				l.rule = value
			case "subject":
				l.subject = value
			case "topic":
				l.topic = value
			case "text":
				l.text = value
			case "set":
				l.values[name] = value
			case "repeat":
				n, err := strconv.Atoi(value)
				if err != nil {
					t.Fatalf("%s: %v", file, err)
				}
				l.values[name] = strings.Repeat("가을 세일 ", n/14)
			default:
				t.Fatalf("%s: %q is not known", file, line)
			}
		}
		all = append(all, l)
	}
	return all
}

// shop is a house with the customers and the settings the letters are for.
func shop(t *testing.T) *house {
	t.Helper()
	h := open(t, t.TempDir())
	h.store.Logger = nil
	h.people.Topics = []audience.Topic{{ID: "sale", Korean: "세일 소식", English: "Sales", Commercial: true, Default: true},
		{ID: "order", Korean: "주문 안내", English: "Orders", Default: true}}
	h.store.Settings.Checks = Checks{AdLabel: "(광고)", ConsentYears: 2, SuppressedShare: 0.05}
	const people = `email,name,gender,grade,coupon,points,link,nickname,city,store,subscribed
minji@example.com,김민지,여,VIP,FALL10,"12,300",https://shop.example.com/c/1,민지,서울,강남점,yes
chulsoo@example.com,이철수,남,GOLD,FALL10,800,shop coupon,,부산,서면점,yes
jane@example.com,Jane Park,여,GOLD,FALL10,0,https://shop.example.com/c/3,Jane,Seoul,Gangnam,yes
`
	if _, err := h.people.ImportCSV(t.Context(), strings.NewReader(people), audience.ImportOptions{Name: "shop.csv"}); err != nil {
		t.Fatal(err)
	}
	return h
}

// check is the preflight of a letter. A template that is refused when it is put
// is found by the rule of those that an older version took.
func (h *house) check(t *testing.T, l shopLetter) []Finding {
	t.Helper()
	_, err := h.store.PutTemplate(t.Context(), Template{Name: l.name, Subject: l.subject, HTML: l.html, Text: l.text})
	var broken *TemplateError
	if errors.As(err, &broken) {
		if broken.Line == 0 {
			t.Errorf("%s: %v has no place", l.name, broken)
		}
		p, err := h.store.unreadable(t.Context(), Campaign{}, broken)
		if err != nil {
			t.Fatal(err)
		}
		return p.Findings
	}
	if err != nil {
		t.Fatalf("%s: %v", l.name, err)
	}
	c, err := h.store.Create(t.Context(), Campaign{Template: l.name, Topic: l.topic, Values: l.values})
	if err != nil {
		t.Fatalf("%s: %v", l.name, err)
	}
	p, err := h.store.Preflight(t.Context(), c.ID)
	if err != nil {
		t.Fatalf("%s: %v", l.name, err)
	}
	return p.Findings
}

func TestEveryBadLetterIsFoundByItsRule(t *testing.T) {
	h := shop(t)
	all := readLetters(t, "bad")
	if len(all) < 40 {
		t.Fatalf("%d bad letters, want 40 or more", len(all))
	}
	for _, l := range all {
		found := h.check(t, l)
		at := slices.IndexFunc(found, func(f Finding) bool { return f.Rule == l.rule })
		if at < 0 {
			t.Errorf("%s: %s was not found, but %s", l.name, l.rule, rulesOf(found))
			continue
		}
		for _, f := range found {
			if f.Rule != l.rule && !follows(l, f.Rule) {
				t.Errorf("%s: found %s too (%s)", l.name, f.Rule, f.What)
			}
		}
	}
}

// follows are findings that a bad letter brings along by its nature.
func follows(l shopLetter, rule string) bool {
	return slices.Contains(map[string][]string{
		"images-only":              {RuleRefusal, RuleSenderBlock, RuleTextPart},
		"raw-value":                {RuleLinkPlaceholder},
		"link-in-a-raw-value":      {RuleUnescaped},
		"empty-text":               {RuleNoUnsubscribe},
		"unsubscribe-in-a-comment": {RuleRefusal},
		"unsubscribe-for-some":     {RuleRefusal},
	}[l.name], rule)
}

func rulesOf(found []Finding) string {
	var all []string
	for _, f := range found {
		all = append(all, string(f.Level)+" "+f.Rule+"/"+f.Case+" "+strings.Join(f.Examples, "; "))
	}
	return strings.Join(all, ", ")
}

func TestGoodLettersOfShopsAreNotBlocked(t *testing.T) {
	h := shop(t)
	all := readLetters(t, "good")
	if len(all) < 20 {
		t.Fatalf("%d good letters, want 20 or more", len(all))
	}
	for _, l := range all {
		for _, f := range h.check(t, l) {
			if f.Level != Note {
				t.Errorf("%s: %s %s/%s: %s %q", l.name, f.Level, f.Rule, f.Case, f.What, f.Examples)
			}
		}
	}
}

// Every rule has its words in both languages, each finding fills them in, and
// the documentation lists the same rules with the same levels.
func TestEveryRuleHasWordsAndIsDocumented(t *testing.T) {
	doc, err := os.ReadFile("../docs/preflight.md")
	if err != nil {
		t.Fatal(err)
	}
	var documented []string
	for line := range strings.Lines(string(doc)) {
		if rest, ok := strings.CutPrefix(line, "| `"); ok {
			documented = append(documented, strings.Join(strings.Fields(strings.ReplaceAll(rest, "`", "")), " "))
		}
	}
	english, korean := englishWords(), koreanWords()
	for i, r := range Rules() {
		want := r.ID + " | "
		for n, l := range r.Levels {
			want += strings.Repeat(", ", min(n, 1)) + string(l)
		}
		if want += " | "; r.Final {
			want += "never |"
		}
		if i >= len(documented) || !strings.HasPrefix(documented[i], want) {
			t.Errorf("docs/preflight.md has no line %q as number %d", want, i+1)
		}
		if !slices.ContainsFunc(slices.Collect(maps.Keys(english)), func(key string) bool { return strings.Split(key, "/")[0] == r.ID }) {
			t.Errorf("%s has no words", r.ID)
		}
	}
	if len(documented) != len(Rules()) {
		t.Errorf("docs/preflight.md has %d rules, the code %d", len(documented), len(Rules()))
	}
	for key, en := range english {
		ko, ok := korean[key]
		if !ok || ko.what == "" || ko.why == "" || ko.how == "" || en.what == "" || en.why == "" || en.how == "" {
			t.Errorf("%s has no words in one of the languages", key)
		}
		if ruleOf(strings.Split(key, "/")[0]).ID == "" {
			t.Errorf("%s are words of no rule", key)
		}
	}
	if len(korean) != len(english) {
		t.Errorf("%d words in Korean, %d in English", len(korean), len(english))
	}
}
