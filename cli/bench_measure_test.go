//go:build bench

package cli

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// inTurns measures ours and the peer benchRounds times each, the one and the
// other first, and returns the medians, of the ratios of each round too.
func inTurns(measureOurs, measurePeer func() float64) (ours, peer, ratio float64) {
	var all, peers, ratios []float64
	for round := range benchRounds {
		var a, b float64
		if round%2 == 0 {
			b = measurePeer()
			a = measureOurs()
		} else {
			a = measureOurs()
			b = measurePeer()
		}
		all, peers, ratios = append(all, a), append(peers, b), append(ratios, a/b)
	}
	return median(all), median(peers), median(ratios)
}

func median[T float64 | time.Duration](values []T) T { return quantile(values, 0.5) }

func quantile[T float64 | time.Duration](values []T, q float64) T {
	if len(values) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(values))
	return sorted[min(int(q*float64(len(sorted))), len(sorted)-1)]
}

// cpuOf is the user and system time a process has used so far, in nanoseconds:
// its CPU clock, whose id is made of the pid (clock_getcpuclockid(3)).
func cpuOf(t testing.TB, pid int) time.Duration {
	t.Helper()
	var ts unix.Timespec
	if err := unix.ClockGettime(int32(^pid<<3|2), &ts); err != nil {
		t.Fatalf("CPU clock of process %d: %v", pid, err)
	}
	return time.Duration(ts.Nano())
}

// cpuOfTree is that of a process and all it has started, ended or not, to a
// hundredth of a second.
func cpuOfTree(t testing.TB, pid int) time.Duration {
	t.Helper()
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0 // it has ended: its parent has counted it
	}
	_, rest, _ := strings.Cut(string(stat), ") ") // the name may hold spaces
	var ticks int
	for _, field := range strings.Fields(rest)[11:15] { // utime, stime and those of children (proc(5))
		n, err := strconv.Atoi(field)
		if err != nil {
			t.Fatal(err)
		}
		ticks += n
	}
	total := time.Duration(ticks) * time.Second / 100
	children, _ := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", pid, pid)) // gone: as above
	for _, c := range strings.Fields(string(children)) {
		n, err := strconv.Atoi(c)
		if err != nil {
			t.Fatal(err)
		}
		total += cpuOfTree(t, n)
	}
	return total
}

// anonymous is the memory of a process that no file backs, in MB.
func anonymous(t testing.TB, pid int) float64 {
	t.Helper()
	return float64(procField(t, pid, "status", "RssAnon:")) / 1024
}

func procField(t testing.TB, pid int, file, name string) int64 {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/%s", pid, file))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if value, ok := strings.CutPrefix(line, name); ok {
			n, err := strconv.ParseInt(strings.Fields(value)[0], 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			return n
		}
	}
	t.Fatalf("/proc/%d/%s has no %s", pid, file, name)
	return 0
}

// loadAverage is that of the last minute: how busy others keep this machine.
func loadAverage() string {
	text, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return "?"
	}
	return strings.Fields(string(text))[0]
}

// watched samples a value until stop is called, which returns the largest.
func watched(every time.Duration, sample func() float64) (stop func() float64) {
	quit, largest := make(chan struct{}), make(chan float64)
	go func() {
		tick := time.NewTicker(every)
		defer tick.Stop()
		most := sample()
		for {
			select {
			case <-tick.C:
				most = max(most, sample())
			case <-quit:
				largest <- max(most, sample())
				return
			}
		}
	}()
	return func() float64 {
		close(quit)
		return <-largest
	}
}

// syncs is how long this disk takes to make 4 KB durable: at the end of a file
// that grows, and over what was written before. A commit of ours is two syncs.
func syncs(t testing.TB) (growing, again time.Duration) {
	t.Helper()
	const n = 300
	f, err := os.Create(filepath.Join(t.TempDir(), "probe"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var took [2][]time.Duration
	for round := range took {
		for i := range n {
			begun := time.Now()
			if _, err := f.WriteAt(make([]byte, 4096), int64(i)*4096); err != nil {
				t.Fatal(err)
			}
			if err := unix.Fdatasync(int(f.Fd())); err != nil {
				t.Fatal(err)
			}
			took[round] = append(took[round], time.Since(begun))
		}
	}
	return median(took[0]), median(took[1])
}

func times(x float64) string              { return fmt.Sprintf("%.2f ×", x) }
func milliseconds(d time.Duration) string { return fmt.Sprintf("%.2f ms", float64(d)/1e6) }
