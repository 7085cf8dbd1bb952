//go:build host

package cli

// The fault suite: the real binary, loaded from all sides, broken in every way
// a machine breaks, and audited after each. docs/reliability.md says what is
// proved and holds the table of the last whole run.
//
// In `make test` each fault has the count of the plan's short form; with
// TORTURE=whole (`make torture`) that of the whole plan. TORTURE_SOAK is how
// long the soak lasts. TORTURE_REPORT names the file whose table gets a line
// for each fault that ran; a fault can be run alone with -run TestTorture/NAME.

import (
	"cmp"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

// fault is one line of the plan.
type fault struct {
	name  string // of the subtest
	title string // of the line in the table
	short int    // runs in `make test`
	whole int    // runs in `make torture`
	run   func(t *testing.T, row *row, runs int)
}

// row is what became of a fault's runs.
type row struct {
	title string
	runs  int           // faults that struck
	lost  int           // recipients nobody accounts for
	twice int           // copies beyond the first, all of them listed
	worst time.Duration // from start to the greeting of SMTP, after the fault
	note  string
	date  string
}

// plan is in the order of the table.
func plan() []fault {
	return []fault{
		{"kill", "SIGKILL at a random instant, SMTP and campaign under load", 50, 1000, tortureKill},
		{"kill-at-ses", "SIGKILL while SES has the call and we no answer", 30, 300, tortureKillAtSES},
		{"kill-at-schedule", "SIGKILL around the time of a scheduled start, SMTP under load", 6, 200, tortureKillAtSchedule},
		{"power", "power cut, SMTP and campaign under load", 30, 300, torturePower("")},
		{"power-commit-1", "power cut, mounted with commit=1", 3, 30, torturePower("commit=1")},
		{"power-commit-1000", "power cut, mounted with commit=1000", 3, 30, torturePower("commit=1000")},
		{"power-writeback", "power cut, mounted with data=writeback", 3, 30, torturePower("data=writeback")},
		{"power-first-start", "power cut within 200 ms of the very first start", 10, 100, tortureFirstStart},
		{"power-compact", "power cut while a start compacts a large queue", 2, 100, tortureCompact},
		{"power-migrate", "power cut while a start brings old files to a new format", 10, 100, tortureMigrate},
		{"errors", "EIO, then ENOSPC, from the n-th write, sync, truncate, rename and open", 0, everyCall, sweepCalls(ioErrors())},
		{"kill-at-call", "SIGKILL at the n-th sync and at the n-th write to a socket", 0, everyCall, sweepCalls(killings())},
		{"full-by-us", "a disk of 64 MB filled by our own growth", 3, 20, tortureFullByUs},
		{"full-by-others", "a disk filled by somebody else", 3, 20, tortureFullByOthers},
		{"read-only", "the file system turns read-only", 2, 10, tortureReadOnly},
		{"block-errors", "the block device answers EIO, for good until it is mended", 2, 20, tortureBlockErrors},
		{"replay", "crash states built from a trace: any sectors written after the last sync", 100, 2000, tortureReplay},
		{"soak", "soak: SMTP, campaigns and opt-outs with a fault a minute or more", 0, 0, tortureSoak},
		{"bits", "one bit flipped in a store that waits to be started", 40, 500, tortureBits},
		{"damage", "a store file damaged, foreign, missing or locked, in 14 ways", 1, 20, tortureDamage},
		{"backup", "backup at a random point of a running campaign, the host lost, restored", 2, 50, tortureBackup},
		{"backup-killed", "SIGKILL of a backup and of a restore at a random instant", 3, 50, tortureBackupKilled},
		{"second", "a second daemon on the same folder", 5, 20, tortureSecond},
		{"term", "SIGTERM under load, with idle clients and one in the middle of a text", 10, 100, tortureTerm},
		{"files", "64 file descriptors, twice as many clients", 3, 20, tortureFiles},
		{"connections", "more connections than allowed", 1, 20, tortureConnections},
		{"memory", "OOM kill at a limit of memory, SMTP and campaign under load", 3, 20, tortureMemory},
		{"full-queue", "SIGKILL with 100,000 mails queued", 2, 20, tortureFullQueue},
		{"power-no-sync", "power cut with every sync switched off", 2, 20, tortureWithoutSync},
	}
}

func TestTorture(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Fatal("the fault suite mounts file systems and cuts their power: run it as root")
	}
	var rows []*row
	for _, f := range plan() {
		t.Run(f.name, func(t *testing.T) {
			r := &row{title: f.title, date: time.Now().Format(time.DateOnly)}
			rows = append(rows, r)
			defer r.conclude(t, time.Now())
			f.run(t, r, f.runs())
		})
	}
	if len(rows) > 0 {
		t.Logf("\n%s", tableOf(rows))
	}
}

// wholePlan asks for the counts of the whole plan.
func wholePlan() bool { return os.Getenv("TORTURE") == "whole" }

func (f fault) runs() int {
	if wholePlan() {
		return f.whole
	}
	return f.short
}

// conclude puts a line into the report as soon as its fault is through: a run
// of hours must not lose it.
func (r *row) conclude(t *testing.T, begun time.Time) {
	if t.Failed() {
		r.note = "**failed** " + r.note
	}
	t.Logf("%s\ntook %v", r, time.Since(begun).Round(time.Second))
	if file := os.Getenv("TORTURE_REPORT"); file != "" {
		if err := mergeReport(file, []*row{r}); err != nil {
			t.Error(err)
		}
	}
}

const tableHead = "| fault | runs | lost | duplicated, all listed | worst recovery | date | |\n|---|---:|---:|---:|---:|---|---|\n"

func (r *row) String() string {
	worst := "–"
	if r.worst > 0 {
		worst = fmt.Sprintf("%.2f s", r.worst.Seconds())
	}
	return fmt.Sprintf("| %s | %d | %d | %d | %s | %s | %s |", r.title, r.runs, r.lost, r.twice, worst, r.date, r.note)
}

func tableOf(rows []*row) string {
	var out strings.Builder
	out.WriteString(tableHead)
	for _, r := range rows {
		fmt.Fprintln(&out, r)
	}
	return out.String()
}

// mergeReport puts the rows into the table of a file: a line for a fault that
// did not run this time stays as it was, with its own date.
func mergeReport(file string, rows []*row) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	head, rest, found := strings.Cut(string(text), tableHead)
	if !found {
		return fmt.Errorf("%s has no table to write the results into", file)
	}
	lines := map[string]string{}
	for line := range strings.Lines(rest) {
		if !strings.HasPrefix(line, "| ") {
			break
		}
		rest = rest[len(line):]
		lines[strings.Split(line, " | ")[0]] = line
	}
	for _, r := range rows {
		lines["| "+r.title] = r.String() + "\n"
	}
	order := func(line string) int {
		return slices.IndexFunc(plan(), func(f fault) bool { return "| "+f.title == strings.Split(line, " | ")[0] })
	}
	var sorted []string
	for _, line := range lines {
		if order(line) >= 0 { // a fault that is no longer in the plan is dropped
			sorted = append(sorted, line)
		}
	}
	slices.SortFunc(sorted, func(a, b string) int { return cmp.Compare(order(a), order(b)) })
	return os.WriteFile(file, []byte(head+tableHead+strings.Join(sorted, "")+rest), 0o644)
}
