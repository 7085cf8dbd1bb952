//go:build host

package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/mail"
	"net/smtp"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"pabal/control"
	"pabal/sesclient/emulator"
	"pabal/smtpd"
	"pabal/spool"
)

const (
	failedMails = 24 // of senders with an address; half as many from the null sender
	failedKills = 8
	failedSpan  = 30 * time.Second // kills fall within it: reports are made 15 s after a failure
	failedWait  = 3 * time.Minute
)

// TestKillNineNeitherLosesNorDoublesAReport kills the daemon again and again
// while mails fail and their senders are told: each sender has one report in
// the queue and every failure without a sender is counted once by a digest. A
// second copy at SES is one whose answer was lost, and is marked.
func TestKillNineNeitherLosesNorDoublesAReport(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	mails := t.TempDir()
	h := newHost(t, emulator.Options{Rate: 200, Quota: -1, Latency: 20 * time.Millisecond, Dir: mails},
		"PABAL_FAILURES_REPORT=sender", "PABAL_FAILURES_OPERATOR=ops@example.com", "PABAL_FAILURES_EVERY=1m", "PABAL_FAILURES_FROM=파발 <noreply@example.com>")
	h.ses.SetFault(emulator.Fault{Kind: "rejected", Match: "bad"})
	p := h.serve()
	began := time.Now()
	submitFailing(t, p.where.SMTP[0])
	for i := range failedKills {
		at := failedSpan*time.Duration(i)/failedKills + time.Duration(random.Int64N(int64(failedSpan/failedKills)))
		timer := time.NewTimer(time.Until(began.Add(at))) // the instant is what is tested
		<-timer.C
		p.kill()
		p = h.serve()
	}
	c := h.client()
	awaitTold(t, c)
	waitEmpty(t, c)

	reports, maybeTwice, digested := map[string]int{}, map[string]bool{}, 0
	for m, err := range c.Messages(t.Context(), "") {
		switch {
		case err != nil:
			t.Fatal(err)
		case m.Report == spool.ReportSender:
			reports[m.To]++
			maybeTwice[m.To] = m.MaybeTwice
		case m.Report == spool.ReportDigest:
			n := 0
			if _, err := fmt.Sscanf(m.Subject[strings.Index(m.Subject, "메일 "):], "메일 %d통", &n); err != nil {
				t.Errorf("subject %q: %v", m.Subject, err)
			}
			digested += n
		case m.Outcome != spool.Failed:
			t.Errorf("%s to %s is %s", m.ID, m.To, m.Outcome)
		}
	}
	if digested != failedMails/2 {
		t.Errorf("digests tell of %d failures, want %d", digested, failedMails/2)
	}
	copies := map[string]int{}
	for _, a := range h.ses.Accepted() {
		copies[a.To[0]]++
	}
	for i := range failedMails {
		to := fmt.Sprintf("app%d@example.com", i)
		if reports[to] != 1 || copies[to] == 0 || copies[to] > 1 && !maybeTwice[to] {
			t.Errorf("%s: %d reports, SES has %d, maybe twice %v", to, reports[to], copies[to], maybeTwice[to])
		}
	}
	if code, out, _ := h.says("check"); code != 0 {
		t.Errorf("check: %s", out)
	}
	readByPython(t, mails)
	h.stop(p)
}

func submitFailing(t *testing.T, address string) {
	t.Helper()
	for i := range failedMails + failedMails/2 {
		from := ""
		if i < failedMails {
			from = fmt.Sprintf("app%d@example.com", i)
		}
		to := fmt.Sprintf("bad%d@example.net", i)
		if err := smtp.SendMail(address, nil, from, []string{to}, []byte(strings.Replace(demoApplication, "minji@example.net", to, 1))); err != nil {
			t.Fatalf("%s: %v", to, err)
		}
	}
}

// awaitTold waits until nobody is to be told of anything.
func awaitTold(t *testing.T, c *control.Client) {
	t.Helper()
	deadline, tick := time.After(failedWait), time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		st, err := c.Status(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		var f smtpd.FailuresStatus
		if err := json.Unmarshal(st.Failures, &f); err != nil {
			t.Fatal(err)
		}
		if n := st.Spool.Applications; f.Waiting == 0 && n.Failed == failedMails+failedMails/2 {
			return
		}
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("still to be told: %+v; the queue: %+v", f, st.Spool.Applications)
		}
	}
}

// reportAsPython prints the recipients that Python's e-mail package finds in a
// report on stdin.
const reportAsPython = `
import email, email.policy, sys
m = email.message_from_binary_file(sys.stdin.buffer, policy=email.policy.default)
assert m.get_content_type() == "multipart/report" and m["Auto-Submitted"] == "auto-replied", m.items()
assert not m.defects, m.defects
text, status, headers = m.get_payload()
assert "보내지 못했습니다" in text.get_content() and "could not be sent" in text.get_content()
for block in status.get_payload():
    if block["Final-Recipient"]:
        print(block["Final-Recipient"], block["Action"], block["Status"])
`

// readByPython reads the reports to senders as SES got them.
func readByPython(t *testing.T, dir string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.eml"))
	if err != nil {
		t.Fatal(err)
	}
	read := 0
	for _, name := range files {
		raw, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		m, err := mail.ReadMessage(bytes.NewReader(raw))
		if err != nil || !strings.HasPrefix(m.Header.Get("Content-Type"), "multipart/report") {
			continue
		}
		read++
		cmd := exec.Command("python3", "-c", reportAsPython)
		cmd.Stdin = bytes.NewReader(raw)
		out, err := cmd.CombinedOutput()
		number := strings.TrimSuffix(strings.TrimPrefix(m.Header.Get("To"), "app"), "@example.com")
		if want := "rfc822; bad" + number + "@example.net failed 5.7.1\n"; err != nil || string(out) != want {
			t.Errorf("python: %v, %q, want %q", err, out, want)
		}
	}
	if read < failedMails {
		t.Errorf("SES has %d reports, want %d", read, failedMails)
	}
}
