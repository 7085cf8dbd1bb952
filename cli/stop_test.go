package cli

import (
	"net/smtp"
	"os/exec"
	"strings"
	"testing"
	"time"

	"pabal/sesclient/emulator"
)

// TestInterruptFinishesOpenCalls stops the daemon in the middle of a campaign:
// no call is cut, nobody is left in doubt, and the next start goes on.
func TestInterruptFinishesOpenCalls(t *testing.T) {
	h := newHost(t, emulator.Options{Rate: 100, Latency: 200 * time.Millisecond, Keep: -1})
	p := h.serve()
	id := startCampaign(t, h.client(), 200)
	for now, err := range h.client().Watch(t.Context(), id) {
		if err != nil {
			t.Fatal(err)
		}
		if now.Accepted >= 30 {
			break
		}
	}
	if took := h.stop(p); took > 10*time.Second {
		t.Errorf("took %v to stop", took)
	}
	sent := len(h.ses.Accepted())
	p = h.serve()
	last := waitDone(t.Context(), t, h.client(), id)
	if sent == 200 || last.Accepted != 200 || last.Unknown != 0 || len(h.ses.Accepted()) != 200 {
		t.Errorf("%d before the stop, then %+v, SES took %d", sent, last.Counts, len(h.ses.Accepted()))
	}
	h.stop(p)
}

func TestSecondDaemonSaysWhoHasTheStore(t *testing.T) {
	h := newHost(t, emulator.Options{Keep: -1})
	p := h.serve()
	begun := time.Now()
	cmd := exec.Command("pabal", "serve")
	cmd.Env = h.env
	out, err := cmd.CombinedOutput()
	if cmd.ProcessState.ExitCode() != exitFailed || !strings.Contains(string(out), "another pabal (process ") {
		t.Errorf("got %v: %s", err, out)
	}
	if took := time.Since(begun); took > 2*time.Second {
		t.Errorf("took %v to say so", took)
	}
	h.stop(p)
}

// TestMailSurvivesKillAfterItsAcknowledgement is a legacy mail whose 250 was
// the last the application heard of this process.
func TestMailSurvivesKillAfterItsAcknowledgement(t *testing.T) {
	h := newHost(t, emulator.Options{Latency: time.Millisecond})
	h.ses.SetFault(emulator.Fault{Kind: "refuse"})
	p := h.serve()
	if err := smtp.SendMail(p.where.SMTP[0], nil, "erp@example.com", []string{"minji@example.net"}, []byte(demoApplication)); err != nil {
		t.Fatal(err)
	}
	p.kill()
	h.ses.ClearFaults()
	p = h.serve()
	d := &demo{ses: h.ses}
	if _, err := d.await(t.Context(), 0); err != nil {
		t.Fatalf("the mail was lost: %v\n%s", err, h.log())
	}
	h.stop(p)
}
