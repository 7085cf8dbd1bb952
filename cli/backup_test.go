package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"pabal/audience"
	"pabal/audit"
	"pabal/sesclient/emulator"
	"pabal/spool"
)

// TestBackupsOfARunningCampaignRestoreHeld is a small version of the fault
// suite's backup and restore, which takes 50 points.
func TestBackupsOfARunningCampaignRestoreHeld(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	b := newBackups(t, rand.New(rand.NewPCG(seed, 0)), 400, 40)
	for range 2 {
		b.take()
	}
	b.lose()
	for i := range b.taken {
		b.restore(i, i%2 == 0)
	}
}

// backups are those of one running campaign, with what SES had when the original
// was lost.
type backups struct {
	*host
	random *rand.Rand
	p      *process
	people int
	id     uint64
	taken  []takenBackup
	sent   map[string]bool // by the original, in all its life
	twice  int             // mailed by it and by a copy, listed
}

// takenBackup is one of them and who opted out after it.
type takenBackup struct {
	file string
	out  string
}

// newBackups starts a campaign at a rate at which it is under way when the last
// backup is taken, also on a busy machine.
func newBackups(t *testing.T, random *rand.Rand, people int, rate float64) *backups {
	h := newHost(t, emulator.Options{Rate: rate, Quota: -1, Keep: -1}, "PABAL_SES_RATE_SHARE=1")
	b := &backups{host: h, random: random, people: people, sent: map[string]bool{}}
	b.p = h.serve()
	b.id = startCampaign(t, h.client(), people)
	return b
}

// take makes a backup at a random instant of the campaign and has somebody opt
// out after it who was not mailed yet.
func (b *backups) take() {
	b.t.Helper()
	left := b.people - b.ses.Count()
	ctx, cancel := context.WithTimeout(b.t.Context(), crashPatience)
	defer cancel()
	if err := b.ses.WaitAccepted(ctx, b.ses.Count()+1+b.random.IntN(max(left/8, 1))); err != nil {
		b.t.Fatal(err)
	}
	one := takenBackup{file: filepath.Join(b.dir, fmt.Sprintf("backup-%d", len(b.taken))), out: fmt.Sprintf("user%05d@example.net", b.people-1-len(b.taken))}
	var said backedUp
	if err := json.Unmarshal([]byte(b.pabal("backup", one.file, "--json")), &said); err != nil {
		b.t.Fatal(err)
	}
	if said.Counts.Recipients != int64(b.people) || len(said.Faults) > 0 {
		b.t.Errorf("the backup says %+v of %d people", said, b.people)
	}
	no := false
	if _, err := b.client().SetSubscriber(b.t.Context(), audience.Edit{Email: one.out, Subscribed: &no, Source: audience.Operator}); err != nil {
		b.t.Fatal(err)
	}
	b.taken = append(b.taken, one)
}

// lose kills the original in the middle of its campaign. SES is faster for those
// that come after it.
func (b *backups) lose() {
	b.p.kill()
	faster := float64(b.people)
	b.ses.SetAccount(emulator.Account{Rate: &faster})
	for _, one := range b.ses.Accepted() {
		b.sent[one.To[0]] = true
	}
	if len(b.sent) >= b.people-len(b.taken) {
		b.t.Error("the campaign was over before its host was lost: the test shows little")
	}
}

// in is a host with the same SES and another data folder.
func (b *backups) in(dir string) *host {
	b.t.Helper()
	if err := os.MkdirAll(dir, 0o700); err != nil {
		b.t.Fatal(err)
	}
	c := &host{t: b.t, dir: dir, ses: b.ses, env: slices.Clone(b.env)}
	c.env = append(c.env, "PABAL_DATA_DIR="+filepath.Join(dir, "data"), "PABAL_CONTROL_SOCKET="+c.socket())
	return c
}

// restore puts a backup into a new place, looks at it held, releases it with what
// waits sent again or left, and accounts for every recipient.
func (b *backups) restore(i int, resend bool) {
	t := b.t
	t.Helper()
	original := filepath.Join(b.dir, "data", audience.LogName)
	c := b.in(filepath.Join(b.dir, fmt.Sprintf("copy-%d", i)))
	c.pabal("restore", b.taken[i].file, "--optouts", original)
	c.pabal("check")
	before := b.ses.Count()
	p := c.serve()
	ctx, cancel := context.WithTimeout(t.Context(), crashPatience)
	defer cancel()
	now, err := c.client().Restored(ctx)
	if err != nil || len(now.Campaigns) != 1 || now.Campaigns[0].Pending == 0 {
		t.Fatalf("restored as %+v: %v", now, err)
	}
	st, err := c.client().Status(ctx)
	if err != nil || len(st.Spool.Held) != 1 || st.Spool.Held[0].Class != spool.FromBackup {
		t.Fatalf("status says held %+v: %v", st.Spool.Held, err)
	}
	if err := c.client().Release(ctx, spool.ScopeRestored); err == nil {
		t.Error("the hold of restored data was released like any other")
	}
	c.stop(p)
	p = c.serve() // held still
	if n := b.ses.Count(); n != before {
		t.Errorf("a held copy sent %d mails", n-before)
	}
	words := []string{"restore", "release", "--yes"}
	if resend {
		words = append(words, "--resend", fmt.Sprint(b.id))
	}
	c.pabal(words...)
	waitDone(ctx, t, c.client(), b.id)
	b.account(ctx, c, i, resend, b.ses.Accepted()[before:])
	c.stop(p)
}

// account compares what a released copy says with what both have sent.
func (b *backups) account(ctx context.Context, c *host, i int, resend bool, log []emulator.Accepted) {
	t := b.t
	again := map[string]int{}
	for _, one := range log {
		again[one.To[0]]++
	}
	if !resend && len(log) > 0 {
		t.Errorf("backup %d: a copy that was to send nothing again sent %d", i, len(log))
	}
	for _, later := range b.taken[i:] {
		if again[later.out] > 0 {
			t.Errorf("backup %d: %s opted out after it and was mailed by the copy", i, later.out)
		}
	}
	seen := 0
	for m, err := range c.client().Recipients(ctx, b.id, "") {
		if err != nil {
			t.Fatal(err)
		}
		seen++
		listed := m.MaybeTwice || m.Outcome == spool.Unknown
		if again[m.To] == 1 && b.sent[m.To] && listed {
			b.twice++
		}
		switch copies := again[m.To]; {
		case copies > 1:
			t.Errorf("backup %d: %s got %d mails of the copy", i, m.To, copies)
		case copies == 1 && b.sent[m.To] && !listed:
			t.Errorf("backup %d: %s was mailed by both and is not listed: %+v", i, m.To, m)
		case m.Outcome == spool.Pending || m.Outcome == spool.Sending || m.Outcome == spool.Failed:
			t.Errorf("backup %d: %s is %s", i, m.ID, m.Outcome)
		case m.Outcome == spool.Accepted && copies == 0 && !b.sent[m.To]:
			t.Errorf("backup %d: %s counts as accepted and nobody sent it", i, m.ID)
		}
	}
	if seen != b.people {
		t.Errorf("backup %d: the copy knows %d of %d recipients", i, seen, b.people)
	}
	report, err := c.client().Check(ctx)
	if err != nil || len(report.All()) > 0 {
		t.Errorf("backup %d: check says %v: %v", i, report.All(), err)
	}
}

// TestRestoreRefusesWhatIsNoWholeBackup cuts, turns and exchanges bytes.
func TestRestoreRefusesWhatIsNoWholeBackup(t *testing.T) {
	h := newHost(t, emulator.Options{})
	p := h.serve()
	good := filepath.Join(h.dir, "good")
	h.pabal("backup", good)
	h.stop(p)
	whole, err := os.ReadFile(good)
	if err != nil {
		t.Fatal(err)
	}
	flip := func(at int) []byte {
		b := slices.Clone(whole)
		b[at] ^= 0x10
		return b
	}
	into := filepath.Join(h.dir, "new")
	h.env = append(h.env, "PABAL_DATA_DIR="+into)
	for name, b := range map[string][]byte{
		"no backup": []byte("hello"), "empty": nil, "cut": whole[:len(whole)*2/3], "no end": whole[:len(whole)-4], "flipped": flip(len(whole) / 2), "flipped head": flip(20),
		"flipped sum": flip(len(whole) - 2), "twice": append(slices.Clone(whole), whole...),
	} {
		bad := filepath.Join(h.dir, "bad")
		if err := os.WriteFile(bad, b, 0o600); err != nil {
			t.Fatal(err)
		}
		out, err := h.try("restore", bad)
		if err == nil || !strings.Contains(out, bad) || strings.Contains(out, "goroutine") {
			t.Errorf("%s: it ended with %v: %s", name, err, out)
		}
		left, err := filepath.Glob(filepath.Join(into, "*"))
		left = slices.DeleteFunc(left, func(s string) bool { return slices.Contains([]string{"pabal.lock", audit.FileName}, filepath.Base(s)) })
		if err != nil || len(left) > 0 {
			t.Errorf("%s: it left %v, %v", name, left, err)
		}
	}
	for _, name := range []string{usersFile, filepath.Join(importsFolder, "1.csv")} {
		own := filepath.Join(into, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(own), 0o700), os.WriteFile(own, []byte("mine"), 0o600)); err != nil {
			t.Fatal(err)
		}
		if out, err := h.try("restore", good); err == nil || !strings.Contains(out, "not empty: "+own) {
			t.Errorf("a restore over %s ended with %v: %s", name, err, out)
		}
		if text, err := os.ReadFile(own); err != nil || string(text) != "mine" {
			t.Errorf("%s is %q, %v", name, text, err)
		}
		if err := os.Remove(own); err != nil {
			t.Fatal(err)
		}
	}
	h.pabal("restore", good)
	if out, err := h.try("restore", good); err == nil || !strings.Contains(out, "not empty") {
		t.Errorf("a second restore into the folder ended with %v: %s", err, out)
	}
}

// try is pabal for a command that may fail.
func (h *host) try(words ...string) (string, error) {
	cmd := h.command(words...)
	out, err := cmd.CombinedOutput()
	return string(out), err
}
