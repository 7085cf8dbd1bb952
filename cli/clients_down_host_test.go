//go:build host

package cli

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

// TestClientsOfAnAbsentDaemon: who speaks SMTP is told, who runs sendmail need
// not know.
func TestClientsOfAnAbsentDaemon(t *testing.T) {
	r := newClientRig(t)
	r.p.kill()
	r.fails(r.overSMTP("utf-8"))
	kept := r.keeps(r.ofSendmail("utf-8"))
	r.p = r.serve()
	r.arrived(t, kept)
	r.stop(r.p)
}

// TestClientsOfAFullDaemon is the same with a disk that has no room, but for the
// drop folder's.
func TestClientsOfAFullDaemon(t *testing.T) {
	d := newDisk(t, smallDisk, "")
	r := newClientRig(t, "PABAL_DATA_DIR="+d.data(), "PABAL_SMTP_DROP="+filepath.Join(t.TempDir(), "drop"))
	ballast := filepath.Join(d.point, "ballast")
	fillDisk(t, ballast)
	r.fails(r.overSMTP("utf-8"))
	kept := r.keeps(r.ofSendmail("utf-8"))
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	r.arrived(t, kept)
	r.stop(r.p)
	d.unmount()
}

// fails runs clients that must say that their mail was not taken.
func (r *clientRig) fails(clients []client) {
	for _, c := range clients {
		r.t.Run(c.name+" over SMTP", func(t *testing.T) {
			if err := r.uses(t, c); err == nil {
				t.Error("it does not say that the mail was not taken")
			}
		})
	}
}

// keeps runs clients whose mail must be kept, and counts them. One that speaks
// SMTP with sendmail's help is told that it is not where the daemon says so.
func (r *clientRig) keeps(clients []client) (kept int) {
	for _, c := range clients {
		r.t.Run(c.name, func(t *testing.T) {
			err := r.uses(t, c)
			if err == nil {
				kept++
			} else if c.name != "Symfony" {
				t.Error(err)
			}
		})
	}
	return kept
}

// clientLife is the longest that the daemon lives on while a client works.
const clientLife = 400 * time.Millisecond

// TestClientsOfADaemonThatIsKilled kills it at some instant of each client's
// work: a mail that was taken arrives, and none arrives twice.
func TestClientsOfADaemonThatIsKilled(t *testing.T) {
	r := newClientRig(t, "PABAL_SMTP_LISTEN="+freePort(t))
	taken, stored := 0, 0
	for _, c := range slices.Concat(r.overSMTP("utf-8"), r.ofSendmail("utf-8")) {
		t.Run(c.name, func(t *testing.T) {
			timer := time.AfterFunc(rand.N(clientLife), func() { _ = r.p.Process.Kill() })
			err := r.uses(t, c)
			timer.Stop()
			r.p.kill()
			r.p = r.serve()
			awaitDrops(t, filepath.Join(r.dir, "data", "drop"))
			waitEmpty(t, r.client())
			all, _ := storedMails(t, r.client())
			came := all[koreanOrder.To] - stored
			if err == nil {
				taken++
			}
			if came > 1 || err == nil && came != 1 {
				t.Errorf("%d mails came; the client said %v", came, err)
			}
			stored += came
			r.arrived(t, r.ses.Count()-r.after) // SES may have a second copy, which is listed
		})
	}
	if taken == 0 {
		t.Error("no mail was taken: the test shows nothing")
	}
	r.stop(r.p)
}
