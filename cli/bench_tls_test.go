//go:build bench

package cli

import (
	"fmt"
	"testing"
	"time"
)

// tlsGoal is what the same clients keep of their rate in the clear. They run on
// this machine too, and TLS costs them as much as it costs us.
const tlsGoal = 0.6

// benchTLS is what TLS under the wire costs: durable intake by 32 clients that
// keep their connections, over TLS and in the clear, by the same daemon.
func benchTLS(t *testing.T) (rows []row) {
	h, p := heldHost(t, "PABAL_SMTP_TLS_CERTIFICATE="+selfSigned, "PABAL_SMTP_TLS_LISTEN=127.0.0.1:0")
	cpu := func() time.Duration { return cpuOf(t, p.Process.Pid) }
	for _, size := range []struct{ kb, before int }{{1, 30_000}, {10, 30_000}, {100, 8_000}} {
		h.warm(t, p, size.kb<<10, size.before)
		secure, clear := &intake{address: overTLS + p.where.SMTP[1], cpu: cpu}, &intake{address: p.where.SMTP[0], cpu: cpu}
		rate, without, ratio := inTurns(secure.rate(t, size.kb<<10), clear.rate(t, size.kb<<10))
		rows = append(rows, row{fmt.Sprintf("durable SMTP intake over TLS, %d clients, %d KB", intakeClients, size.kb),
			fmt.Sprintf("%.0f/s, %.0f µs CPU", rate, secure.each()), fmt.Sprintf("in the clear %.0f/s, %.0f µs CPU", without, clear.each()),
			times(ratio), fmt.Sprintf("≥ %.1f ×", tlsGoal), ratio >= tlsGoal})
	}
	h.stop(p)
	return rows
}
