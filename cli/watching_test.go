package cli

import (
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const (
	rulesFile     = "../packaging/prometheus/pabal.rules.yml"
	rulesTests    = "../packaging/prometheus/pabal.rules.test.yml"
	dashboardFile = "../packaging/grafana/pabal.json"
)

func text(t *testing.T, file string) string {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// rulesOf are the expressions of the alerts, by name. In the file each stands in
// one line.
func rulesOf(t *testing.T) map[string]string {
	t.Helper()
	rules := map[string]string{}
	for _, m := range regexp.MustCompile(`- alert: (\w+)\n +expr: '(.*)'\n`).FindAllStringSubmatch(text(t, rulesFile), -1) {
		rules[m[1]] = strings.ReplaceAll(m[2], "''", "'")
	}
	if n := strings.Count(text(t, rulesFile), "- alert:"); len(rules) != n || n < 10 {
		t.Fatalf("%d alerts were read of %d", len(rules), n)
	}
	return rules
}

// panelsOf are the expressions of the dashboard, by panel and letter.
func panelsOf(t *testing.T) map[string]string {
	t.Helper()
	var board struct {
		UID    string
		Panels []struct {
			ID      int
			Title   string
			Type    string
			GridPos struct{ X, Y, W, H int }
			Targets []struct{ Expr, RefID string }
		}
	}
	if err := json.Unmarshal([]byte(text(t, dashboardFile)), &board); err != nil {
		t.Fatal(err)
	}
	exprs, ids := map[string]string{}, map[int]bool{}
	for _, p := range board.Panels {
		if ids[p.ID] || p.GridPos.X+p.GridPos.W > 24 || p.Title == "" || p.Type != "row" && len(p.Targets) == 0 {
			t.Errorf("panel %d %q: its number is another's, it does not fit, or it shows nothing", p.ID, p.Title)
		}
		ids[p.ID] = true
		for _, target := range p.Targets {
			exprs[fmt.Sprintf("%s (%d) %s", p.Title, p.ID, target.RefID)] = target.Expr
		}
	}
	if board.UID != "pabal" || len(exprs) < 20 {
		t.Fatalf("dashboard %q with %d expressions", board.UID, len(exprs))
	}
	return exprs
}

// asked are the metrics an expression asks for, with what stands in their braces.
var asked = regexp.MustCompile(`\b((?:pabal|process|go)_[a-z_]+)\b(?:\{([^}]*)\})?`)

var (
	matcher  = regexp.MustCompile(`([a-z_]+)\s*(?:=~|!~|!=|=)\s*"[^"]*"`)
	grouping = regexp.MustCompile(`\b(?:by|on)\s*\(([^)]*)\)`)
)

// TestDashboardAndRulesAskForMetricsThatExist, with labels they have.
func TestDashboardAndRulesAskForMetricsThatExist(t *testing.T) {
	labels := map[string][]string{}
	for _, m := range metricList() {
		names := append([]string{"instance", "job"}, m.labels...)
		if m.kind != histogram {
			labels[m.name] = names
			continue
		}
		labels[m.name+"_bucket"], labels[m.name+"_sum"], labels[m.name+"_count"] = append(names, "le"), names, names
	}
	all := panelsOf(t)
	for name, expr := range rulesOf(t) {
		all[name] = expr
	}
	shown := map[string]bool{}
	for where, expr := range all {
		var known []string
		for _, m := range asked.FindAllStringSubmatch(expr, -1) {
			has, found := labels[m[1]]
			if !found {
				t.Errorf("%s: there is no metric %s", where, m[1])
			}
			shown[m[1]] = true
			known = append(known, has...)
			for _, label := range matcher.FindAllStringSubmatch(m[2], -1) {
				if !slices.Contains(has, label[1]) {
					t.Errorf("%s: %s has no label %s", where, m[1], label[1])
				}
			}
		}
		for _, by := range grouping.FindAllStringSubmatch(expr, -1) {
			for _, label := range strings.Split(by[1], ",") {
				if label = strings.TrimSpace(label); !slices.Contains(known, label) {
					t.Errorf("%s: nothing in it has the label %s", where, label)
				}
			}
		}
	}
	if len(shown) < 40 {
		t.Errorf("only %d metrics were seen in them: the test does not read what it should", len(shown))
	}
}

// TestEveryAlertIsTestedAndDocumented: a case in which it fires, one in which it
// does not, and a line on both pages.
func TestEveryAlertIsTestedAndDocumented(t *testing.T) {
	tests := text(t, rulesTests)
	rules := rulesOf(t)
	for name := range rules {
		fires := regexp.MustCompile(`alertname: `+name+`\n +exp_alerts:`).FindAllString(tests, -1)
		silent := strings.Count(tests, "alertname: "+name+"\n") - len(fires)
		if len(fires) == 0 || silent == 0 {
			t.Errorf("%s: %d cases in which it fires, %d in which it does not", name, len(fires), silent)
		}
	}
	for _, page := range []string{"../docs/watching.md", "../docs/watching.ko.md"} {
		rows := regexp.MustCompile("(?m)^\\| `(Pabal\\w+)` \\| (critical|warning) \\| .+ \\| \\[").FindAllStringSubmatch(text(t, page), -1)
		for _, row := range rows {
			if _, found := rules[row[1]]; !found || !regexp.MustCompile(`alert: `+row[1]+`\n(?: .*\n){1,3}? +severity: `+row[2]+"\n").MatchString(text(t, rulesFile)) {
				t.Errorf("%s: there is no alert %s that is %s", page, row[1], row[2])
			}
		}
		if len(rows) != len(rules) {
			t.Errorf("%s names %d alerts of %d", page, len(rows), len(rules))
		}
	}
}

// TestEveryAlertLeadsIntoTheHandbook, in both languages.
func TestEveryAlertLeadsIntoTheHandbook(t *testing.T) {
	parts := map[string]bool{}
	links := regexp.MustCompile(`handbook: 'handbook\.md#(.+)'`).FindAllStringSubmatch(text(t, rulesFile), -1)
	if n := len(rulesOf(t)); len(links) != n {
		t.Errorf("%d alerts of %d lead into the handbook", len(links), n)
	}
	for _, link := range links {
		before, each := strings.CutSuffix(link[1], "{{ $labels.class }}")
		if !each {
			parts[link[1]] = true
			continue
		}
		for _, class := range holdClasses() {
			parts[before+string(class)] = true
		}
	}
	for _, page := range []string{"../docs/handbook.md", "../docs/handbook.ko.md"} {
		for part := range parts {
			if !strings.Contains(text(t, page), `<a id="`+part+`"></a>`) {
				t.Errorf("%s has no part %s", page, part)
			}
		}
	}
}
