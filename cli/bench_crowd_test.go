//go:build bench

package cli

import (
	"fmt"
	"io"
	"os"
	"testing"
	"time"
)

const (
	crowdIdle, crowdSlow, crowdFast = 200, 50, 8
	crowdSize                       = 10 << 10
	crowdPause                      = 100 * time.Millisecond // between two lines of a slow client
	crowdGoal                       = 0.8
	crowdFiles                      = crowdIdle + crowdSlow + crowdFast + 50 // ours besides
	crowdMemory                     = 128                                    // MB: 64 of the process, and body_memory
)

// benchCrowd is 8 fast clients alone, and beside 200 that say nothing and 50
// that are slow with a text: what the fast ones keep of their rate, and what
// the others cost.
func benchCrowd(t *testing.T) []row {
	h, p := heldHost(t)
	h.warm(t, p, crowdSize, 30_000)
	address := p.where.SMTP[0]
	rate := func() float64 { return submitFor(t, address, crowdFast, crowdSize, intakeTime) }
	var files, memory float64
	beside, alone, ratio := inTurns(func() float64 {
		leave := crowd(t, address)
		defer leave()
		stop := watched(50*time.Millisecond, func() float64 { return float64(openFiles(t, p.Process.Pid)) })
		got := rate()
		files, memory = max(files, stop()), max(memory, anonymous(t, p.Process.Pid))
		return got
	}, rate)
	h.stop(p)
	return []row{{fmt.Sprintf("%d fast clients beside %d idle and %d slow ones, 10 KB", crowdFast, crowdIdle, crowdSlow),
		fmt.Sprintf("%.0f/s; %.0f files open, RssAnon %.0f MB", beside, files, memory), fmt.Sprintf("alone %.0f/s", alone),
		times(ratio), fmt.Sprintf("≥ %.1f ×; %d files, %d MB", crowdGoal, crowdFiles, crowdMemory),
		ratio >= crowdGoal && files <= crowdFiles && memory <= crowdMemory}}
}

// crowd opens the idle and the slow connections; leave closes them.
func crowd(t *testing.T, address string) (leave func()) {
	t.Helper()
	quit := make(chan struct{})
	var all []*prober
	for i := range crowdIdle + crowdSlow {
		p, err := dialProber(address)
		if err != nil {
			t.Fatalf("connection %d: %v", i, err)
		}
		all = append(all, p)
		if i >= crowdIdle {
			go p.dawdle(quit)
		}
	}
	return func() {
		close(quit)
		for _, p := range all {
			p.conn.Close()
		}
	}
}

// dawdle sends the lines of a mail one by one, until quit.
func (p *prober) dawdle(quit <-chan struct{}) {
	tick := time.NewTicker(crowdPause)
	defer tick.Stop()
	text := "MAIL FROM:<app@example.com>\r\nRCPT TO:<minji@example.net>\r\nDATA\r\nFrom: app@example.com\r\n\r\n"
	for {
		if _, err := io.WriteString(p.conn, text); err != nil {
			return
		}
		text = "a line of a slow client\r\n"
		select {
		case <-tick.C:
		case <-quit:
			return
		}
	}
}

// openFiles is how many descriptors a process has.
func openFiles(t testing.TB, pid int) int {
	t.Helper()
	all, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
	if err != nil {
		t.Fatal(err)
	}
	return len(all)
}
