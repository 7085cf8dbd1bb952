package cli

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"pabal/eml"
)

const regenerate = "go generate ./cli"

func TestConfigurationReferenceIsWhatTheCodeSays(t *testing.T) {
	for lang, name := range referenceFiles {
		want, err := reference(lang)
		if err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(filepath.Join("../docs", name))
		if err != nil || string(got) != string(want) {
			t.Errorf("docs/%s is not what the code makes (%v): run %s and commit it", name, err, regenerate)
		}
	}
}

func TestEverySettingIsDescribedInBothLanguages(t *testing.T) {
	korean, err := koreanSettings(settingsFile)
	if err != nil {
		t.Fatal(err)
	}
	english := map[string]documentedKey{}
	for _, k := range documentedKeys(defaultFile) {
		english[k.name] = k
		if korean[k.name].korean == "" {
			t.Errorf("cli/settings.txt lacks %s: add a line \"%s [what it may be] 한국어 설명\", then run %s", k.name, k.name, regenerate)
		}
		if k.english == "" {
			t.Errorf("cli/pabal.toml says nothing behind %s: add a comment to its line, then run %s", k.name, regenerate)
		}
		delete(korean, k.name)
	}
	for name := range korean {
		t.Errorf("cli/settings.txt describes %s, which is not in cli/pabal.toml", name)
	}
	known := defaults().keys()
	for _, key := range known {
		if _, there := english[key]; !there && key != "topic" && key != "route" {
			t.Errorf("cli/pabal.toml lacks %s", key)
		}
		delete(english, key)
	}
	for name, k := range english {
		if !k.section() {
			t.Errorf("cli/pabal.toml has %s, which is no setting", name)
		}
	}
}

// valueRange is one of numbers, sizes or time spans.
var valueRange = regexp.MustCompile(`^(>?[0-9.]+[A-Za-z]*?)\.\.([0-9.]+[A-Za-z]*)$`)

// What the page says a key may be is what the check takes, and nothing else.
func TestAllowedValuesAreThoseTheCheckTakes(t *testing.T) {
	korean, err := koreanSettings(settingsFile)
	if err != nil {
		t.Fatal(err)
	}
	tried := 0
	for _, s := range defaults().settings() {
		allowed := korean[s.key].allowed
		switch m := valueRange.FindStringSubmatch(allowed); {
		case strings.Contains(allowed, "|"):
			tried++
			for word := range strings.SplitSeq(allowed, "|") {
				if said := complaintAbout(t, s.key, word); strings.Contains(said, strconv.Quote(word)) {
					t.Errorf("%s: %q is allowed, and refused: %s", s.key, word, said)
				}
			}
			if complaintAbout(t, s.key, "nonsense") == "" {
				t.Errorf("%s takes \"nonsense\", though it may be only %s", s.key, allowed)
			}
		case m != nil:
			tried++
			tryRange(t, s, m[1], m[2])
		}
	}
	if tried < 25 {
		t.Errorf("only %d settings were tried: is settings.txt read?", tried)
	}
}

// tryRange tries both ends of a range and a step beyond each.
func tryRange(t *testing.T, s setting, first, last string) {
	t.Helper()
	first, open := strings.CutPrefix(first, ">")
	if said := complaintAbout(t, s.key, first); (said == "") == open {
		t.Errorf("%s = %s: got %q, want it refused: %t", s.key, first, said, open)
	}
	if said := complaintAbout(t, s.key, last); said != "" {
		t.Errorf("%s = %s: %s", s.key, last, said)
	}
	for text, step := range map[string]float64{first: -1, last: 1} {
		beyond := stepAway(s.field.Type(), text, step)
		if complaintAbout(t, s.key, beyond) == "" {
			t.Errorf("%s takes %s, which is beyond %s..%s", s.key, beyond, first, last)
		}
	}
}

// stepAway is the value a step away.
func stepAway(kind reflect.Type, text string, step float64) string {
	switch kind {
	case reflect.TypeFor[Size]():
		var n Size
		if n.UnmarshalText([]byte(text)) == nil {
			return strconv.FormatInt(int64(n)+int64(step), 10)
		}
	case reflect.TypeFor[Duration]():
		if d, err := time.ParseDuration(text); err == nil {
			return (d + time.Duration(step*float64(time.Millisecond))).String()
		}
	}
	f, _ := strconv.ParseFloat(text, 64)
	if kind.Kind() == reflect.Float64 {
		step /= 100
	}
	return strconv.FormatFloat(f+step, 'f', -1, 64)
}

// complaintAbout is what is said of a value, "" if nothing about its own key.
func complaintAbout(t *testing.T, key, value string) string {
	t.Helper()
	name := setting{key: key}.variable()
	env := []string{name + "=" + value, "PABAL_CONFIG=" + writeFile(t, "pabal.toml", "")}
	if key != "body_memory" {
		env = append(env, "PABAL_BODY_MEMORY=1GB") // has to hold three of the largest mails
	}
	_, err := load("", env)
	if problem, ok := errors.AsType[*eml.Problem](err); ok && strings.HasPrefix(problem.What, name+": ") {
		return problem.What
	}
	return ""
}

func TestKoreanSettingsThatCannotBeReadAreSaid(t *testing.T) {
	for _, text := range []string{"ses.region", "ses.region 가\nses.region 나"} {
		if _, err := koreanSettings(text); err == nil {
			t.Errorf("%q: nothing is said", text)
		}
	}
}
