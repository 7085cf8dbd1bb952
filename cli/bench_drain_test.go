//go:build bench

package cli

import (
	"context"
	"fmt"
	"testing"
	"time"

	"pabal/control"
	"pabal/spool"
)

const (
	drainWorkers = 16
	drainLimit   = time.Hour
	drainSlots   = "PABAL_SES_CONCURRENCY=16"
)

// benchDrain is the whole way of a queued mail, from its row to its outcome on
// disk, against SendEmail of the bare SDK: 16 in flight, TLS, the same emulator
// in a process of its own, by CPU. The limit beside it is a request signed once
// and written to a TLS connection again and again.
func benchDrain(t *testing.T) (rows []row) {
	ses := startFarSES(t)
	for _, c := range []struct {
		kb, mails int
		goal      float64
	}{{1, 6000, 1.3}, {100, 1500, 1.15}} {
		h, p := heldHost(t, "PABAL_SES_ENDPOINT="+ses.URL, "AWS_CA_BUNDLE="+ses.rootFile, drainSlots)
		size := c.kb << 10
		var rates, bareRates, sockets []float64
		ours, bare, ratio := inTurns(func() float64 {
			cpu, rate := drainBacklog(t, h, p, ses, size, c.mails)
			rates = append(rates, rate)
			return cpu
		}, func() float64 {
			job := bareJob{URL: ses.URL, RootPEM: ses.RootPEM, Size: size, Workers: drainWorkers, Calls: c.mails}
			cpu, _ := barely(t, "TestChildSocket", job)
			sockets = append(sockets, cpu)
			cpu, rate := barely(t, "TestChildBareSDK", job)
			bareRates = append(bareRates, rate)
			return cpu
		})
		h.stop(p)
		rows = append(rows, row{fmt.Sprintf("drain, whole path, %d KB, %d in flight, TLS, CPU a mail", c.kb, drainWorkers),
			fmt.Sprintf("%.0f µs (%.0f/s)", ours, median(rates)), fmt.Sprintf("bare SDK %.0f µs (%.0f/s); limit, a pre-signed socket: %.0f µs", bare, median(bareRates), median(sockets)),
			times(ratio), fmt.Sprintf("≤ %.2f ×", c.goal), ratio <= c.goal})
	}
	return rows
}

// barely makes the calls of a job in a child and returns the CPU of one in µs
// and calls/s.
func barely(t *testing.T, test string, j bareJob) (cpu, rate float64) {
	t.Helper()
	var r bareResult
	_, out := child(t, test, j)
	answer(t, out, &r)
	return r.CPU.Seconds() * 1e6 / float64(j.Calls), float64(j.Calls) / r.Took.Seconds()
}

// drainBacklog queues mails while the drain is held, releases it, and returns
// the CPU of one mail in µs and mails/s.
func drainBacklog(t *testing.T, h *host, p *process, ses *farSES, size, mails int) (cpu, rate float64) {
	t.Helper()
	c := h.client()
	if _, err := c.Hold(t.Context(), spool.ScopeAll, "bench"); err != nil {
		t.Fatal(err)
	}
	submitCount(t, p.where.SMTP[0], intakeClients, size, mails/intakeClients*intakeClients)
	used, begun := cpuOf(t, p.Process.Pid), time.Now()
	if err := c.Release(t.Context(), spool.ScopeAll); err != nil {
		t.Fatal(err)
	}
	awaitDrained(t, c)
	n := float64(mails / intakeClients * intakeClients)
	return (cpuOf(t, p.Process.Pid) - used).Seconds() * 1e6 / n, n / time.Since(begun).Seconds()
}

// awaitDrained waits until nothing is pending or sending.
func awaitDrained(t testing.TB, c *control.Client) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), drainLimit)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		st, err := c.SpoolStatus(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if st.Pending+st.Sending == 0 {
			return
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("not drained: %+v", st)
		}
	}
}
