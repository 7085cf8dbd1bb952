//go:build bench

package cli

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"testing"
)

// benchCompose is what one letter of the retailer's 100-KB template costs: its
// fields filled in and its MIME made, against copying the result, and against
// html/template with base64.
func benchCompose(t *testing.T) []row {
	const goal = 12e3 // ns
	letters := microbench(t, "campaign", "BenchmarkComposeWelcome", "20000x")
	ours, floor, plain := letters("coded"), letters("memcpy"), letters("stdlib")
	people := microbench(t, "audience", "BenchmarkMillion/count$", "5x")
	const scanGoal = 1e6
	scan := 1e6 / people("count") * 1e9
	return []row{
		{"render + MIME of a 100-KB mail, CPU", fmt.Sprintf("%.1f µs", ours/1e3), fmt.Sprintf("memcpy %.1f µs; html/template + base64 %.0f µs", floor/1e3, plain/1e3),
			times(ours/floor) + " and " + fmt.Sprintf("%.3f ×", ours/plain), "≤ 12 µs", ours <= goal},
		{"segment scan, 1,000,000 subscribers, two conditions", fmt.Sprintf("%.2f M rows per CPU second", scan/1e6), "1 M", times(scan / scanGoal), "≥ 1 M rows/s", scan >= scanGoal},
	}
}

// microbench runs Go benchmarks of a package that report cpu-ns/op and returns
// how to ask for one's median by the last part of its name.
func microbench(t *testing.T, pkg, name, iterations string) func(which string) float64 {
	t.Helper()
	binary := filepath.Join(t.TempDir(), pkg+".test")
	if out, err := exec.Command("go", "test", "-c", "-o", binary, "../"+pkg).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	found := map[string][]float64{}
	line := regexp.MustCompile(`(?m)^Benchmark\w+/(\S+?)(?:-\d+)?\s.*?([0-9.e+]+) cpu-ns/op`)
	for range benchRounds {
		cmd := exec.Command(binary, "-test.run", "^$", "-test.bench", name, "-test.benchtime", iterations)
		cmd.Dir = "../" + pkg
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		for _, m := range line.FindAllSubmatch(out, -1) {
			n, err := strconv.ParseFloat(string(m[2]), 64)
			if err != nil {
				t.Fatal(err)
			}
			found[string(m[1])] = append(found[string(m[1])], n)
		}
	}
	return func(which string) float64 {
		if len(found[which]) == 0 {
			t.Fatalf("%s of %s told no cpu-ns/op of %s: %v", name, pkg, which, found)
		}
		return median(found[which])
	}
}
