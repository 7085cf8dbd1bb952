package cli

import (
	"net"
	"net/smtp"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"pabal/sesclient/emulator"
	"pabal/spool"
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

// TestClosedTerminalStopsCleanly is HUP, which a terminal sends that is closed;
// under nohup it is not heard.
func TestClosedTerminalStopsCleanly(t *testing.T) {
	h := newHost(t, emulator.Options{Rate: 100, Keep: -1})
	p := h.serve()
	if err := p.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	<-p.ended
	if !p.ProcessState.Success() {
		t.Errorf("serve ended with %v\n%s", p.ProcessState, h.log())
	}
	p, err := h.start("nohup")
	if err != nil {
		t.Fatalf("%v\n%s", err, h.log())
	}
	if err := p.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	if _, err := h.client().SpoolStatus(t.Context()); err != nil {
		t.Errorf("under nohup: %v\n%s", err, h.log())
	}
	h.stop(p)
}

// TestSecondInterruptEndsAtOnce has a call that SES never answers: the first
// interrupt waits for it, the second does not.
func TestSecondInterruptEndsAtOnce(t *testing.T) {
	h := newHost(t, emulator.Options{Rate: 100, Keep: -1})
	h.ses.SetFault(emulator.Fault{Kind: "hang"})
	p := h.serve()
	startCampaign(t, h.client(), 1)
	for now, err := range h.client().Watch(t.Context(), 1) {
		if err != nil || now.Sending == 1 {
			break
		}
	}
	begun := time.Now()
	for range 2 {
		if err := p.Process.Signal(os.Interrupt); err != nil {
			t.Fatal(err)
		}
		tick := time.NewTimer(200 * time.Millisecond) // two signals at once are one to the kernel
		<-tick.C
	}
	if <-p.ended; p.ProcessState.ExitCode() != 130 {
		t.Errorf("ended with %v", p.ProcessState)
	}
	if took := time.Since(begun); took > 3*time.Second {
		t.Errorf("took %v", took)
	}
}

// TestPortThatIsTakenIsNamed, before anything is sent.
func TestPortThatIsTakenIsNamed(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close() // held for the test
	for _, name := range []string{"PABAL_SMTP_LISTEN", "PABAL_WEB_LISTEN", "PABAL_WEB_METRICS_LISTEN"} {
		h := newHost(t, emulator.Options{Keep: -1}, name+"="+l.Addr().String())
		cmd := exec.Command("pabal", "serve")
		cmd.Env = h.env
		out, err := cmd.CombinedOutput()
		lines := strings.Split(strings.TrimSpace(string(out)), "\n")
		if cmd.ProcessState.ExitCode() != exitFailed || len(lines) < 2 || !strings.Contains(lines[len(lines)-2], l.Addr().String()) || !strings.HasPrefix(lines[len(lines)-1], "  ") {
			t.Errorf("%s: %v\n%s", name, err, out)
		}
	}
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

// TestSuppressedAddressGetsNoApplicationsMail in either lane; the others do.
func TestSuppressedAddressGetsNoApplicationsMail(t *testing.T) {
	h := newHost(t, emulator.Options{Rate: 100, Keep: -1})
	p := h.serve()
	c := h.client()
	if _, err := c.Suppress(t.Context(), "minji@example.net", ""); err != nil {
		t.Fatal(err)
	}
	if err := smtp.SendMail(p.where.SMTP[0], nil, "erp@example.com", []string{"minji@example.net", "chul@example.net"}, []byte(demoApplication)); err != nil {
		t.Fatal(err)
	}
	waitEmpty(t, c)
	if log := h.ses.Accepted(); len(log) != 1 || log[0].To[0] != "chul@example.net" {
		t.Errorf("SES got %+v", log)
	}
	for m, err := range c.Trace(t.Context(), "minji@example.net") {
		if err != nil || m.Outcome != spool.Skipped || m.Reason != spool.SkipSuppressed || m.Attempts != 0 {
			t.Errorf("got %+v, %v", m, err)
		}
	}
	h.stop(p)
}

// TestDamagedStoreIsOneClearError, never a stack trace.
func TestDamagedStoreIsOneClearError(t *testing.T) {
	for _, file := range []string{"queue.db", "ledger.db", "audience.db", "campaign.db"} {
		for name, damage := range map[string]func(path string) error{
			"empty": func(path string) error { return os.Truncate(path, 0) },
			"cut":   func(path string) error { return os.Truncate(path, 5000) },
			"garbage": func(path string) error {
				return os.WriteFile(path, []byte(strings.Repeat("not a store ", 4096)), 0o600)
			},
		} {
			t.Run(file+" "+name, func(t *testing.T) {
				h := newHost(t, emulator.Options{Keep: -1})
				h.stop(h.serve())
				if err := damage(filepath.Join(h.dir, "data", file)); err != nil {
					t.Fatal(err)
				}
				cmd := exec.Command("pabal", "serve")
				cmd.Env = h.env
				out, _ := cmd.CombinedOutput() // the exit code is looked at
				text := string(out)
				if cmd.ProcessState.ExitCode() != exitFailed || strings.Contains(text, "goroutine ") || !strings.Contains(text, "pabal: ") || !strings.Contains(text, "\n  ") {
					t.Errorf("%v\n%s", cmd.ProcessState, text[:min(len(text), 1500)])
				}
			})
		}
	}
}
