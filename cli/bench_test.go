//go:build bench

package cli

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"testing"
	"time"
)

// The bench measures the promised speeds (make bench). Rates on a shared
// machine say little, so every promise is a ratio: ours and the peer, or the
// limit, are measured in the same run, in turns, and the medians are kept.

const (
	benchRounds = 3
	benchDoc    = "../docs/performance.md"
	benchBegin  = "<!-- measured by make bench -->"
	benchEnd    = "<!-- end of what make bench measured -->"
)

// row is one promise and what became of it.
type row struct {
	work, ours, peer, ratio, goal string
	met                           bool
}

// benchParts are the parts of the bench, in the order of the table.
func benchParts() []benchPart {
	return []benchPart{
		{"intake", benchIntake},
		{"tls", benchTLS},
		{"lone", benchLone},
		{"crowd", benchCrowd},
		{"written", benchWritten},
		{"restart", benchRestart},
		{"drain", benchDrain},
		{"fifty", benchFifty},
		{"promise", benchPromise},
		{"compose", benchCompose},
		{"ledger", benchLedger},
		{"million", benchMillion},
		{"screens", benchScreens},
		{"sync", benchSync},
	}
}

type benchPart struct {
	name string
	run  func(*testing.T) []row
}

// TestBench measures all parts, or those that -run Bench/NAME names, and
// prints the table. After a whole run the table goes into docs/performance.md.
// A goal that is missed is shown, not failed: the page explains it.
func TestBench(t *testing.T) {
	var table []string
	whole := true
	for _, p := range benchParts() {
		ran := false
		t.Run(p.name, func(t *testing.T) {
			before := loadAverage()
			rows := p.run(t)
			load := before + "-" + loadAverage()
			for _, r := range rows {
				table = append(table, r.line(load))
				t.Log(r.line(load))
			}
			ran = true
		})
		whole = whole && ran
	}
	text := "| work | ours | peer or limit | ratio | goal | met | load |\n|---|---|---|---|---|---|---|\n" + strings.Join(table, "\n") + "\n"
	fmt.Print("\n", text, "\n")
	if whole {
		keepTable(t, aboutRun(t)+"\n\n"+text)
	}
}

func (r row) line(load string) string {
	met := "**no**"
	if r.met {
		met = "yes"
	}
	return "| " + strings.Join([]string{r.work, r.ours, r.peer, r.ratio, r.goal, met, load}, " | ") + " |"
}

// keepTable replaces the measured part of the page.
func keepTable(t *testing.T, text string) {
	t.Helper()
	page, err := os.ReadFile(benchDoc)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, found := bytes.Cut(page, []byte(benchBegin))
	_, after, ended := bytes.Cut(rest, []byte(benchEnd))
	if !found || !ended {
		t.Fatalf("%s has no place for the table", benchDoc)
	}
	page = slices.Concat(before, []byte(benchBegin+"\n"), []byte(text), []byte(benchEnd), after)
	if err := os.WriteFile(benchDoc, page, 0o644); err != nil {
		t.Fatal(err)
	}
}

// aboutRun is when and where this was measured, with what.
func aboutRun(t *testing.T) string {
	growing, again := syncs(t)
	words := []string{time.Now().Format(time.DateOnly), fmt.Sprintf("%d CPUs", runtime.NumCPU())}
	info, _ := os.ReadFile("/proc/cpuinfo") // a description only
	if m := regexp.MustCompile(`model name\s*: (.*)`).FindSubmatch(info); m != nil {
		words = append(words, string(m[1]))
	}
	sha := "without SHA-NI"
	if bytes.Contains(info, []byte(" sha_ni")) {
		sha = "with SHA-NI"
	}
	words = append(words, sha, "kernel "+output("uname", "-r"), "store on "+output("stat", "-f", "-c", "%T", os.TempDir()), runtime.Version())
	if build, ok := debug.ReadBuildInfo(); ok {
		for _, d := range build.Deps {
			if name, wanted := strings.CutPrefix(d.Path, "go.etcd.io/"); wanted {
				words = append(words, name+" "+d.Version)
			} else if strings.HasSuffix(d.Path, "/service/sesv2") || strings.HasSuffix(d.Path, "/go-smtp") {
				words = append(words, d.Path[strings.LastIndex(d.Path, "/")+1:]+" "+d.Version)
			}
		}
	}
	words = append(words, "Postfix "+output("/usr/sbin/postconf", "-h", "-d", "mail_version"),
		"fdatasync of 4 KB "+milliseconds(growing)+" in a file that grows, "+milliseconds(again)+" in one that does not")
	return strings.Join(words, ", ") + "."
}

func output(name string, args ...string) string {
	out, err := exec.Command(name, args...).Output()
	if err != nil {
		return "?"
	}
	return strings.TrimSpace(string(out))
}
