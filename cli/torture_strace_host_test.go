//go:build host

package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"pabal/sesclient/emulator"
)

const (
	sweepMails   = 20
	sweepMisses  = 2                      // runs without a hit that end a sweep: how threads share calls varies
	sweepLast    = 5000                   // a sweep that is not through by then never ends
	endsWithin   = 15 * time.Second       // after a failed sync: open calls have 9 s
	tracerWithin = 5 * time.Second        // for the tracer to have written its file
	sweepLatency = 500 * time.Microsecond // of SES
)

// goTrace finds the lines of a Go program that died of a fault nobody caught. A
// complaint that quotes such a line, as of the process that walks a damaged
// store, is none.
var goTrace = regexp.MustCompile(`(?m)^(goroutine \d+|panic: |fatal error: |unexpected fault address|\[signal )`)

// effect is what strace does to the n-th call of a thread.
type effect struct{ call, what string }

func (e effect) String() string { return e.call + " " + e.what }

// ioErrors is what a failing and a full disk answer.
func ioErrors() (all []effect) {
	for _, call := range []string{"pwrite64", "fdatasync", "fsync", "ftruncate", "rename,renameat,renameat2", "openat"} {
		all = append(all, effect{call, "error=EIO"}, effect{call, "error=ENOSPC"})
	}
	return all
}

// killings end the process as a call begins.
func killings() []effect {
	return []effect{{"fdatasync", "signal=KILL"}, {"fsync", "signal=KILL"}, {"write", "signal=KILL"}}
}

// sweepCalls is torture by strace: the n-th call of each thread meets the effect, for
// n from 1 until a run is not hit any more. (strace counts by thread, so that a
// run may be hit more than once.) In short form n grows by half of itself.
func sweepCalls(effects []effect) func(t *testing.T, row *row, runs int) {
	return func(t *testing.T, row *row, runs int) {
		for _, e := range effects {
			for n, missed := 1, 0; missed < sweepMisses; n = nextOf(n, runs) {
				if n > sweepLast {
					t.Fatalf("%s: still hit at call %d", e, n)
				}
				missed++
				t.Run(fmt.Sprintf("%s %d", e, n), func(t *testing.T) {
					if oneInjection(t, row, e, n) {
						missed = 0
						row.runs++
					}
				})
			}
		}
	}
}

// nextOf is the next call to hit; all of them when runs asks for that.
func nextOf(n, runs int) int {
	if runs == everyCall {
		return n + 1
	}
	return n + max(1, n/2)
}

// everyCall as a number of runs asks for the whole sweep.
const everyCall = -1

// oneInjection runs the daemon with one fault set, submits, then starts it
// without and audits. It reports whether the fault struck.
func oneInjection(t *testing.T, row *row, e effect, n int) bool {
	r := newRig(t, row, emulator.Options{Rate: 5000, Quota: -1, Latency: sweepLatency}, "")
	trace := filepath.Join(r.dir, "trace")
	err := r.tryStart("strace", "-D", "-f", "-q", "-e", "signal=kill", "-o", trace,
		"-e", "trace="+e.call, "-e", fmt.Sprintf("inject=%s:%s:when=%d", e.call, e.what, n))
	killed := strings.HasPrefix(e.what, "signal=")
	if err == nil {
		r.submitSome(killed)
		if sync := strings.Contains(e.call, "sync"); sync && !killed && hits(t, trace, r.p, false) > 0 {
			r.endsByItself()
		}
	}
	struck := 0
	if killed && r.hasEnded() {
		struck = 1 // strace marks no killing
	}
	r.p.kill()
	struck += hits(t, trace, r.p, true)
	if struck == 0 && err != nil {
		t.Fatalf("it did not start although nothing was injected: %v\n%s", err, r.log())
	}
	r.judgeEnd(killed)
	r.crashes += max(struck, 1)
	if struck > 0 {
		r.start()
		r.prove()
		r.stop(r.p)
	}
	return struck > 0
}

// submitSome submits over one session after the other, as long as the daemon
// lives. Every reply but 250 has to be one after which clients keep the mail.
func (r *rig) submitSome(killed bool) {
	r.t.Helper()
	for r.books.next < sweepMails {
		c, err := dialSMTP(r.p.where.SMTP[0])
		if err != nil {
			return // it has ended, or it refuses to greet: no mail was taken
		}
		for r.books.next < sweepMails && err == nil {
			var s submission
			if s, err = c.submit(r.books, mailSize()); s.code >= 500 {
				r.t.Errorf("a fault of ours was answered %d %s: the client would drop the mail", s.code, s.reply)
			}
		}
		c.conn.Close()
	}
}

// hasEnded tells whether the daemon was killed while we submitted.
func (r *rig) hasEnded() bool {
	if r.p.where.SMTP != nil && r.books.count(0) == 0 && r.books.next >= sweepMails {
		return false
	}
	select {
	case <-r.p.ended:
		return true
	case <-time.After(tracerWithin):
		return false
	}
}

// endsByItself waits for the end that has to follow a failed sync.
func (r *rig) endsByItself() {
	r.t.Helper()
	select {
	case <-r.p.ended:
	case <-time.After(endsWithin):
		r.t.Errorf("what it met ends the daemon, and it goes on\n%s", r.log())
	}
}

// judgeEnd looks at how the process ended: by our kill, or with exit code 1 and
// one line that says why; never with a trace.
func (r *rig) judgeEnd(killed bool) {
	r.t.Helper()
	log := r.log()
	if goTrace.MatchString(log) {
		r.t.Errorf("the daemon died with a trace:\n%s", log)
		return
	}
	if code := r.p.ProcessState.ExitCode(); code != -1 && code != exitFailed && !killed {
		r.t.Errorf("exit code %d, want %d\n%s", code, exitFailed, log)
	} else if code == exitFailed && lastError(log) == (complaint{}) {
		r.t.Errorf("it ended without a word why:\n%s", log)
	}
}

// complaint is how a command says with --json why it failed.
type complaint struct {
	Error string `json:"error"`
	Hint  string `json:"hint"`
}

// lastError is the complaint on the last line of a log; zero for none.
func lastError(log string) (c complaint) {
	lines := strings.Split(strings.TrimSpace(log), "\n")
	if json.Unmarshal([]byte(lines[len(lines)-1]), &c) != nil {
		return complaint{}
	}
	return c
}

// leaderEnded is the tracer's last line, when every thread is gone.
func leaderEnded(pid int) *regexp.Regexp {
	return regexp.MustCompile(fmt.Sprintf(`(?m)^%d +\+\+\+ `, pid))
}

// hits counts the faults in a trace; ended waits for the tracer to be through.
func hits(t *testing.T, trace string, p *process, ended bool) int {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), tracerWithin)
	defer cancel()
	var text []byte
	err := eventually(ctx, func() bool {
		text, _ = os.ReadFile(trace) // not there yet: not through
		return !ended || leaderEnded(p.Process.Pid).Match(text)
	})
	if err != nil {
		t.Fatalf("the tracer did not end: %s", text)
	}
	return strings.Count(string(text), "INJECTED")
}
