//go:build host

package cli

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
	"time"

	"pabal/audience"
	"pabal/sesclient/emulator"
)

const (
	soakPeople  = 5000
	soakRate    = 200                    // recipients a second: 720,000 in an hour
	soakPace    = 350 * time.Millisecond // between mails of one of eight sessions: half a megabyte a second
	soakShort   = 20 * time.Second
	soakWhole   = 5 * time.Minute
	soakFaults  = 20 // of one soak, at least
	soakMost    = time.Minute
	soakGrowth  = 1.1 // of the memory, from the second third to the last
	soakLeeway  = 4 << 20
	rssAnonFile = "/proc/%d/status"
)

// tortureSoak loads for long and breaks something every minute or more often.
func tortureSoak(t *testing.T, row *row, _ int) {
	length := soakShort
	if wholePlan() {
		length = soakWhole
	}
	if text := os.Getenv("TORTURE_SOAK"); text != "" {
		var err error
		if length, err = time.ParseDuration(text); err != nil {
			t.Fatalf("TORTURE_SOAK: %v", err)
		}
	}
	d := newDisk(t, diskSize*8, "")
	r := newRig(t, row, emulator.Options{Rate: rigRate, Quota: -1, Latency: rigLatency}, d.data())
	r.start()
	r.warmUp()
	r.pace = soakPace
	if _, err := r.client().Import(t.Context(), strings.NewReader(people(soakPeople)), audience.ImportOptions{Name: "people.csv"}); err != nil {
		t.Fatal(err)
	}
	rate := float64(soakRate) // the daemon learns it at its next start
	r.ses.SetAccount(emulator.Account{Rate: &rate})
	memory := r.soak(d, length)
	r.prove()
	r.stop(r.p)
	row.note = fmt.Sprintf("%v; %s recipients at SES; memory %s", length, commas(int64(r.ses.Count())), r.flat(memory))
}

// soak loads and breaks, and returns the daemon's memory before each fault.
func (r *rig) soak(d *disk, length time.Duration) (memory []int64) {
	r.t.Helper()
	every := min(soakMost, length/soakFaults)
	for end := time.Now().Add(length); time.Now().Before(end); {
		stop := r.load()
		timer := time.NewTimer(every)
		<-timer.C
		memory = append(memory, r.rssAnon())
		switch rand.IntN(3) {
		case 0:
			r.p.kill()
		case 1:
			d.cut()
			r.p.kill()
			d.restore()
		case 2:
			r.host.stop(r.p)
			r.crashes-- // nobody may be left in doubt
		}
		stop()
		r.crashed()
		r.start()
		r.lookOver()
		r.compareBodies()
	}
	return memory
}

// compareBodies proves I4 for what came since the last time: SES keeps the text
// of 10,000 mails, and an hour has more.
func (r *rig) compareBodies() {
	r.t.Helper()
	a := newAudit(nil, nil)
	r.bodies(a, r.ses.Accepted())
	for _, fault := range a.faults {
		r.t.Error(fault)
	}
}

// rssAnon is the memory of the daemon that is no file, in bytes.
func (r *rig) rssAnon() (n int64) {
	r.t.Helper()
	text, err := os.ReadFile(fmt.Sprintf(rssAnonFile, r.p.Process.Pid))
	if err != nil {
		r.t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(text), "RssAnon:")
	if _, err := fmt.Sscan(rest, &n); err != nil {
		r.t.Fatal(err)
	}
	return n << 10
}

// flat wants the memory not to grow from the second third to the last.
func (r *rig) flat(memory []int64) string {
	r.t.Helper()
	third := len(memory) / 3
	second, last := mean(memory[third:2*third]), mean(memory[2*third:])
	if float64(last) > soakGrowth*float64(second)+soakLeeway {
		r.t.Errorf("memory grew from %d to %d MB", second>>20, last>>20)
	}
	return fmt.Sprintf("%d, then %d MB", second>>20, last>>20)
}

func mean(values []int64) (sum int64) {
	for _, v := range values {
		sum += v
	}
	return sum / int64(max(1, len(values)))
}
