//go:build bench

package cli

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"pabal/sesclient/emulator"
	"pabal/spool"
)

const (
	intakeClients = 32
	intakeTime    = 3 * time.Second
	loneMails     = 1000
	fiftyLimit    = 2.1 // seconds; a tenth of what the original design took
)

// benchIntake is durable intake by 32 clients against Postfix that only accepts.
// Our drain is held, as theirs is not there.
func benchIntake(t *testing.T) (rows []row) {
	address, pid := startPostfix(t)
	peer := &intake{address: address, cpu: func() time.Duration { return cpuOfTree(t, pid) }}
	for _, size := range []struct {
		kb     int
		before int // mails that were in the queue before: see warm
		goal   float64
	}{{1, 30_000, 8}, {10, 30_000, 5}, {100, 8_000, 3}} {
		h, p := heldHost(t)
		h.warm(t, p, size.kb<<10, size.before)
		ours := &intake{address: p.where.SMTP[0], cpu: func() time.Duration { return cpuOf(t, p.Process.Pid) }}
		var logs []float64
		accept := peer.rate(t, size.kb<<10)
		rate, theirs, ratio := inTurns(ours.rate(t, size.kb<<10), func() float64 {
			logs = append(logs, appendLog(t, intakeClients, size.kb<<10, intakeTime/3))
			return accept()
		})
		h.stop(p)
		rows = append(rows, row{fmt.Sprintf("durable SMTP intake, %d clients, %d KB", intakeClients, size.kb),
			fmt.Sprintf("%.0f/s, %.0f µs CPU", rate, ours.each()), fmt.Sprintf("Postfix accept-only %.0f/s, %.0f µs CPU; limit, an append-only log: %.0f/s", theirs, peer.each(), median(logs)),
			times(ratio) + ", by CPU " + times(peer.each()/ours.each()), fmt.Sprintf("≥ %.0f ×", size.goal), ratio >= size.goal})
	}
	return rows
}

// intake is a server under measurement.
type intake struct {
	address string
	cpu     func() time.Duration
	costs   []float64 // µs of CPU a mail, by round
}

// rate is one round: mails/s.
func (i *intake) rate(t *testing.T, size int) func() float64 {
	i.costs = nil
	return func() float64 {
		cpu := i.cpu()
		rate := submitFor(t, i.address, intakeClients, size, intakeTime)
		i.costs = append(i.costs, (i.cpu()-cpu).Seconds()*1e6/(rate*intakeTime.Seconds()))
		return rate
	}
}

func (i *intake) each() float64 { return median(i.costs) }

// heldHost is a daemon that takes mail and sends none.
func heldHost(t *testing.T, env ...string) (*host, *process) {
	t.Helper()
	h := newHost(t, emulator.Options{Rate: -1, Quota: -1, Keep: -1}, env...)
	p := h.serve()
	if _, err := h.client().Hold(t.Context(), spool.ScopeAll, "bench"); err != nil {
		t.Fatal(err)
	}
	return h, p
}

// warm lets a queue have been as long as this before, and empties it: a store
// in use has room in its file, and need not grow for each mail.
func (h *host) warm(t *testing.T, p *process, size, mails int) {
	t.Helper()
	submitCount(t, p.where.SMTP[0], intakeClients, size, mails)
	c := h.client()
	if err := c.Release(t.Context(), spool.ScopeAll); err != nil {
		t.Fatal(err)
	}
	awaitDrained(t, c)
	if _, err := c.Hold(t.Context(), spool.ScopeAll, "bench"); err != nil {
		t.Fatal(err)
	}
}

// benchLone is one client that waits for each answer.
func benchLone(t *testing.T) []row {
	const goal = 0.6
	peer, _ := startPostfix(t)
	h, p := heldHost(t)
	h.warm(t, p, 1<<10, 2*benchRounds*loneMails)
	p50 := func(address string) func() float64 {
		return func() float64 {
			return float64(median(latencies(t, address, 1<<10, func(sent int) bool { return sent < loneMails })))
		}
	}
	ours, theirs, ratio := inTurns(p50(p.where.SMTP[0]), p50(peer))
	h.stop(p)
	return []row{{"lone SMTP client, 1 KB, p50", milliseconds(time.Duration(ours)), "Postfix " + milliseconds(time.Duration(theirs)),
		times(ratio), fmt.Sprintf("≤ %.1f ×", goal), ratio <= goal}}
}

// benchRestart is how soon a daemon with a long queue takes the next mail.
func benchRestart(t *testing.T) []row {
	const (
		mails, size = 100_000, 10 << 10
		goal        = time.Second
	)
	h, p := heldHost(t)
	submitCount(t, p.where.SMTP[0], intakeClients, size, mails)
	h.stop(p)
	var took []time.Duration
	for range benchRounds {
		begun := time.Now()
		p = h.serve()
		submitCount(t, p.where.SMTP[0], 1, 1<<10, 1)
		took = append(took, time.Since(begun))
		h.stop(p)
	}
	read := warmRead(t, filepath.Join(h.dir, "data", "queue.db"))
	return []row{{"restart with 100,000 mails of 10 KB queued, to the first 250", milliseconds(median(took)),
		"reading the warm file " + milliseconds(read), times(float64(median(took)) / float64(read)), "≤ 1 s", median(took) <= goal}}
}

// warmRead is how long it takes just to read a file that is in memory.
func warmRead(t *testing.T, name string) time.Duration {
	t.Helper()
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	buffer, begun := make([]byte, 1<<20), time.Now()
	for {
		n, err := f.Read(buffer)
		if n == 0 || err != nil {
			return time.Since(begun)
		}
	}
}

// benchFifty is the owner's measurement of the original design.
func benchFifty(t *testing.T) []row {
	var took []float64
	for range benchRounds {
		took = append(took, fifty(t))
	}
	m := median(took)
	return []row{{"50 mails at an emulated 50/s, 50 ms a call", fmt.Sprintf("%.2f s", m), fmt.Sprintf("the original design %.0f s", originalSeconds),
		times(m / originalSeconds), fmt.Sprintf("≤ %.1f s", fiftyLimit), m <= fiftyLimit}}
}
