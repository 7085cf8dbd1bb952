//go:build host

package cli

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"pabal/sesclient"
	"pabal/smtpd"
	"pabal/syncer"
)

// promtool runs Debian's, of the package prometheus. Its files are unpacked
// only: installed, the package would start a server.
func promtool(t *testing.T, input string, args ...string) {
	t.Helper()
	tool, err := exec.LookPath("promtool")
	if err != nil {
		if tool, err = filepath.Abs("../testdata/unpacked/usr/bin/promtool"); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command(tool, args...)
	cmd.Stdin = strings.NewReader(input)
	if out, err := cmd.CombinedOutput(); err != nil || bytes.Contains(out, []byte("FAILED")) {
		t.Fatalf("promtool %s: %v (is it there? testdata/apt-install)\n%s", strings.Join(args, " "), err, out)
	}
}

// TestPromtoolAcceptsTheMetrics: every one of them, with a value.
func TestPromtoolAcceptsTheMetrics(t *testing.T) {
	r, err := scraped(t).read()
	if err != nil {
		t.Fatal(err)
	}
	r.ses.CheckedAt, r.ses.Quota24h = time.Now(), -1
	r.sync = &syncer.Status{LastGood: time.Now()}
	r.smtp.Drop, r.smtp.Replies = &smtpd.DropStats{}, map[string]int64{"250": 1}
	r.feedback.Waiting, r.backup = 1, 1
	r.calls.Codes = map[string]int64{sesclient.CodeOther: 1}
	r.ends, r.web = map[string]time.Time{"smtp": time.Now()}, map[string]map[int]int64{"public": {200: 1}}
	var out bytes.Buffer
	writeMetrics(&out, metricList(), r)
	for _, m := range metricList() {
		if !strings.Contains(out.String(), "\n"+m.name+" ") && !strings.Contains(out.String(), "\n"+m.name+"{") && m.kind != histogram {
			t.Errorf("%s has no value", m.name)
		}
	}
	promtool(t, out.String(), "check", "metrics")
}

// TestPromtoolProvesTheRules: each alert fires in its case and is silent in the
// normal one.
func TestPromtoolProvesTheRules(t *testing.T) {
	promtool(t, "", "check", "rules", rulesFile)
	promtool(t, "", "test", "rules", rulesTests)
}

// TestPromtoolReadsTheDashboard: as rules, with Grafana's variables filled in.
func TestPromtoolReadsTheDashboard(t *testing.T) {
	exprs := panelsOf(t)
	var rules strings.Builder
	rules.WriteString("groups: [{name: dashboard, rules: [\n")
	for i, where := range slices.Sorted(maps.Keys(exprs)) {
		expr := strings.NewReplacer("$instance", ".*", "$__rate_interval", "1m").Replace(exprs[where])
		if strings.Contains(expr, "$") {
			t.Errorf("%s: an unknown variable: %s", where, expr)
		}
		fmt.Fprintf(&rules, "{record: panel_%d, expr: '%s'},\n", i, strings.ReplaceAll(expr, "'", "''"))
	}
	rules.WriteString("]}]\n")
	file := filepath.Join(t.TempDir(), "dashboard.yml")
	if err := os.WriteFile(file, []byte(rules.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	promtool(t, "", "check", "rules", file)
}
