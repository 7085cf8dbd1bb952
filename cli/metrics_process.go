package cli

import (
	"bufio"
	"bytes"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// ticks of /proc's clock in a second, the same on every Linux that Go runs on
// (getconf CLK_TCK).
const ticks = 100

// processFacts is what the kernel says of this process; zero where it does not say.
type processFacts struct {
	started         float64 // unix seconds
	cpu             float64 // seconds
	resident        int64   // bytes
	anonymous       int64   // bytes
	descriptors     int64
	mostDescriptors int64
}

// readProcess asks the kernel (proc(5)).
func readProcess() (p processFacts) {
	stat, _ := os.ReadFile("/proc/self/stat") // without it, zero
	whole, _ := os.ReadFile("/proc/stat")
	p.readStat(stat, bootTime(whole))
	memory, _ := os.ReadFile("/proc/self/status")
	p.readMemory(memory)
	if dir, err := os.Open("/proc/self/fd"); err == nil {
		names, _ := dir.Readdirnames(-1)
		p.descriptors = int64(len(names))
		_ = dir.Close() // only read
	}
	var most unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_NOFILE, &most) == nil {
		p.mostDescriptors = int64(min(most.Cur, 1<<62))
	}
	return p
}

// readStat reads a process's stat: its fields begin behind the name, which may
// hold anything.
func (p *processFacts) readStat(stat []byte, boot float64) {
	end := bytes.LastIndexByte(stat, ')')
	fields := strings.Fields(string(stat[end+1:]))
	if end < 0 || len(fields) < 20 {
		return
	}
	field := func(n int) float64 { // as proc(5) counts them; the first behind the name is 3
		v, _ := strconv.ParseFloat(fields[n-3], 64)
		return v
	}
	p.cpu = (field(14) + field(15)) / ticks
	if boot > 0 {
		p.started = boot + field(22)/ticks
	}
}

// bootTime is when the kernel started, unix seconds, 0 when it does not say.
func bootTime(stat []byte) (at float64) {
	if _, rest, found := bytes.Cut(stat, []byte("\nbtime ")); found {
		line, _, _ := bytes.Cut(rest, []byte("\n"))
		at, _ = strconv.ParseFloat(string(line), 64)
	}
	return at
}

// readMemory reads a process's status.
func (p *processFacts) readMemory(status []byte) {
	lines := bufio.NewScanner(bytes.NewReader(status))
	for lines.Scan() {
		name, value, _ := strings.Cut(lines.Text(), ":")
		kB, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(value), " kB"), 10, 64)
		if err != nil {
			continue
		}
		switch name {
		case "VmRSS":
			p.resident = kB << 10
		case "RssAnon":
			p.anonymous = kB << 10
		}
	}
}
