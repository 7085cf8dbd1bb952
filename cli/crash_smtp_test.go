package cli

import (
	"fmt"
	"math/rand/v2"
	"net/smtp"
	"strings"
	"sync"
	"testing"
	"time"

	"pabal/control"
	"pabal/sesclient/emulator"
	"pabal/spool"
)

const (
	legacyMails   = 400
	legacyClients = 8
	legacyKills   = 4
)

// TestKillNineKeepsEveryAcknowledgedMail kills the daemon while it drains
// applications' mail: whatever had its 250 reaches SES, and a copy is only
// possible where a call was open, and listed (P1, P3; the lane resends).
func TestKillNineKeepsEveryAcknowledgedMail(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	h := newHost(t, emulator.Options{Rate: 400, Quota: -1, Latency: 20 * time.Millisecond, Keep: -1}, "PABAL_SES_CONCURRENCY=16")
	p := h.serve()
	submit(t, p.where.SMTP[0], legacyMails)
	for range legacyKills {
		timer := time.NewTimer(time.Duration(random.Int64N(int64(crashLongest)))) // the instant is what is tested
		<-timer.C
		p.kill()
		p = h.serve()
	}
	c := h.client()
	waitEmpty(t, c)
	copies := map[string]int{}
	for _, a := range h.ses.Accepted() {
		copies[a.To[0]]++
	}
	twice, listed := 0, 0
	for m, err := range c.Messages(t.Context(), "") {
		if err != nil {
			t.Fatal(err)
		}
		if m.Outcome != spool.Accepted || copies[m.To] == 0 {
			t.Errorf("%s to %s is %s, SES has %d", m.ID, m.To, m.Outcome, copies[m.To])
		}
		if m.MaybeTwice {
			listed++
		}
		if copies[m.To] > 1 {
			twice++
			if !m.MaybeTwice {
				t.Errorf("%s went out %d times and is not listed", m.ID, copies[m.To])
			}
		}
	}
	if len(copies) != legacyMails {
		t.Errorf("SES has mails to %d people, %d were acknowledged", len(copies), legacyMails)
	}
	if most := legacyKills * crashConcurrency; listed > most {
		t.Errorf("%d are listed as maybe twice, at most %d calls were open", listed, most)
	}
	t.Logf("%d copies, %d listed", twice, listed)
	h.stop(p)
}

// submit hands in n mails over several connections.
func submit(t *testing.T, address string, n int) {
	t.Helper()
	var wait sync.WaitGroup
	for k := range legacyClients {
		wait.Go(func() {
			for i := k; i < n; i += legacyClients {
				to := fmt.Sprintf("user%d@example.net", i)
				if err := smtp.SendMail(address, nil, "erp@example.com", []string{to}, []byte(strings.Replace(demoApplication, "minji@example.net", to, 1))); err != nil {
					t.Errorf("%s: %v", to, err)
				}
			}
		})
	}
	wait.Wait()
}

// waitEmpty waits until nothing is left to send.
func waitEmpty(t *testing.T, c *control.Client) {
	t.Helper()
	deadline, tick := time.After(crashPatience), time.NewTicker(50*time.Millisecond)
	defer tick.Stop()
	for {
		st, err := c.SpoolStatus(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if st.Pending+st.Sending == 0 {
			return
		}
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("still waiting: %+v", st)
		}
	}
}
