package cli

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// tableRow is a line of a page's table of metrics: name, type, labels, meaning.
var tableRow = regexp.MustCompile("(?m)^\\| `((?:pabal|process|go)_[a-z_]+)` \\| (\\w+) \\|(.*?)\\| (.+) \\|$")

// TestPagesNameEveryMetricAndNoOther, in the order of /metrics, with type and
// labels; what one is about in English is its HELP.
func TestPagesNameEveryMetricAndNoOther(t *testing.T) {
	for _, page := range []string{"../docs/watching.md", "../docs/watching.ko.md"} {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		var said []string
		for _, row := range tableRow.FindAllStringSubmatch(string(text), -1) {
			meaning := row[4]
			if strings.HasSuffix(page, ".ko.md") {
				meaning = ""
			}
			said = append(said, strings.Join([]string{row[1], row[2], strings.NewReplacer("`", "", " ", "").Replace(row[3]), meaning}, "|"))
		}
		list := metricList()
		for i := range max(len(list), len(said)) {
			want, got := "nothing", "nothing"
			if i < len(list) {
				m := &list[i]
				if want = strings.Join([]string{m.name, m.kind, strings.Join(m.labels, ","), m.help}, "|"); strings.HasSuffix(page, ".ko.md") {
					want = strings.TrimSuffix(want, m.help)
				}
			}
			if i < len(said) {
				got = said[i]
			}
			if got != want {
				t.Fatalf("%s, row %d of the table of metrics:\ngot  %s\nwant %s", page, i+1, got, want)
			}
		}
	}
}

// TestPagesNameTheValuesOfLabels that the code gives.
func TestPagesNameTheValuesOfLabels(t *testing.T) {
	values := map[string][]string{"lane": nil, "source": sources[:], "scope": scopeKinds(), "class": nil, "state": nil, "answer": {"accepted"}}
	for _, l := range lanes() {
		values["lane"] = append(values["lane"], l.String())
	}
	for _, c := range holdClasses() {
		values["class"] = append(values["class"], string(c))
	}
	for _, s := range states() {
		values["state"] = append(values["state"], string(s))
	}
	for _, c := range answers()[1:] {
		values["answer"] = append(values["answer"], string(c))
	}
	for _, page := range []string{"../docs/watching.md", "../docs/watching.ko.md"} {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		for label, want := range values {
			row := regexp.MustCompile("(?m)^\\| `" + label + "` \\| (.*) \\|$").FindStringSubmatch(string(text))
			if row == nil {
				t.Errorf("%s does not tell the values of %s", page, label)
				continue
			}
			var got []string
			for _, m := range regexp.MustCompile("`([a-z_]+)`").FindAllStringSubmatch(row[1], -1) {
				got = append(got, m[1])
			}
			if strings.Join(got, " ") != strings.Join(want, " ") {
				t.Errorf("%s: %s is\ngot  %q\nwant %q", page, label, got, want)
			}
		}
	}
}
