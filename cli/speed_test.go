package cli

import (
	"testing"
	"time"

	"pabal/sesclient/emulator"
)

// The original cloud design sent 50 mails in 21 s (owner's measurement) on an
// account of 50 a second whose calls take 50 ms.
const (
	originalSeconds = 21.0
)

// fifty sends a campaign of 50 through the real binary and returns how long it
// took from its start to SES's last acceptance.
func fifty(t testing.TB) float64 {
	h := newHost(t, emulator.Options{Rate: 50, Latency: 50 * time.Millisecond, Keep: -1})
	p := h.serve()
	c := h.client()
	id := startCampaign(t, c, 50)
	last := waitDone(t.Context(), t, c, id)
	log := h.ses.Accepted()
	if len(log) != 50 || last.Accepted != 50 {
		t.Fatalf("%d accepted, %d in the log", last.Accepted, len(log))
	}
	h.stop(p)
	return log[49].At.Sub(last.Started).Seconds()
}

func BenchmarkFiftyMails(b *testing.B) {
	for b.Loop() {
		seconds := fifty(b)
		b.ReportMetric(seconds, "s/50mails")
		b.ReportMetric(originalSeconds/seconds, "x-original")
		b.Logf("50 mails at 50/s with 50 ms a call: %.2f s; the original design: %.0f s; ratio %.1f", seconds, originalSeconds, originalSeconds/seconds)
	}
}
