package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"pabal/control"
	"pabal/eml"
	"pabal/sesclient/emulator"
)

// dryRunOf runs the command and reads its answer.
func (h *host) dryRunOf(t *testing.T, args ...string) (r dryResult) {
	t.Helper()
	out := h.pabal(append([]string{"campaign", "dryrun", "--json"}, args...)...)
	if err := json.Unmarshal([]byte(out), &r); err != nil {
		t.Fatalf("%s: %v", out, err)
	}
	return r
}

// TestDryRunKeepsThePaceOfThePlan sends the letters of a draft through an
// emulator of its own: it takes as long as the plan says, and neither the
// daemon nor the SES it uses learns of it.
func TestDryRunKeepsThePaceOfThePlan(t *testing.T) {
	const speed, slack = 2, 0.25 // of a machine that does other things; alone it is within 0.05
	h := newHost(t, emulator.Options{Rate: 50, Quota: -1})
	p := h.serve()
	c := h.client()
	id := draftCampaign(t, c, 150)
	r := h.dryRunOf(t, fmt.Sprint(id), "--to", filepath.Join(h.dir, "out"), "--emulate", "--speed", fmt.Sprint(speed))
	e := r.Emulated
	if r.Mails != 150 || e == nil || e.Recipients != 150 || e.Accepted != 150 || e.Refused != 0 || e.Waits != 0 || len(e.Failed) != 0 || e.Rate != 50 {
		t.Fatalf("%+v, %+v", r, e)
	}
	plan, err := c.Plan(t.Context(), id)
	if err != nil || math.Abs(e.PlannedSeconds-plan.Seconds) > 0.01 {
		t.Errorf("planned %v, the plan has %v, %v", e.PlannedSeconds, plan.Seconds, err)
	}
	t.Logf("emulated %.2f s, planned %.2f s", e.Seconds, e.PlannedSeconds)
	if e.Seconds > e.PlannedSeconds*(1+slack)+0.5 || e.Seconds < e.PlannedSeconds*0.9 {
		t.Errorf("took %.2f s, planned %.2f s", e.Seconds, e.PlannedSeconds)
	}
	if n := h.ses.Calls("SendEmail"); n != 0 {
		t.Errorf("%d calls reached SES", n)
	}
	if now, err := c.Campaign(t.Context(), id); err != nil || now.State != "draft" {
		t.Errorf("the campaign is %s, %v", now.State, err)
	}
	h.stop(p)
}

// TestDryRunLeavesOutWhoWaitsForTheQuota: a day is not emulated, but counted.
func TestDryRunLeavesOutWhoWaitsForTheQuota(t *testing.T) {
	h := newHost(t, emulator.Options{Rate: 200, Quota: 100})
	p := h.serve()
	id := draftCampaign(t, h.client(), 120)
	r := h.dryRunOf(t, fmt.Sprint(id), "--to", filepath.Join(h.dir, "out"), "--emulate", "--speed", "10")
	if e := r.Emulated; r.Mails != 120 || e == nil || e.Accepted != 95 || e.Waits != 25 {
		t.Errorf("%+v, %+v; 95 %% of the quota is for campaigns", r, e)
	}
	h.stop(p)
}

func TestDryRunSaysHowFarItGotAndWhatToDo(t *testing.T) {
	for want, cause := range map[string]error{"is full after 3 mails": &os.PathError{Op: "write", Path: "x", Err: syscall.ENOSPC},
		"stopped after 3 mails": fmt.Errorf("ask: %w", context.Canceled), "after 3 mails: ": os.ErrPermission} {
		d := &dryRun{dir: "out", result: dryResult{Mails: 3}}
		var p *eml.Problem
		if err := d.cannot(cause); !errors.As(err, &p) || !strings.Contains(p.What, want) || p.Hint == "" || !errors.Is(err, errors.Unwrap(cause)) && !errors.Is(err, cause) {
			t.Errorf("%v: %v, want %q", cause, err, want)
		}
	}
}

func TestDryRunThatIsStoppedSaysSo(t *testing.T) {
	h := newHost(t, emulator.Options{})
	p := h.serve()
	id := draftCampaign(t, h.client(), 3)
	dir := filepath.Join(h.dir, "out")
	d := &dryRun{app: &app{stderr: io.Discard}, c: control.NewClient(h.socket(), "test"), dir: dir, result: dryResult{Campaign: id, Skipped: map[string]int64{}, Failed: map[string]int64{}}}
	ctx, cancel := context.WithCancel(t.Context())
	defer d.c.Close()
	cancel()
	if err := d.run(ctx); err == nil {
		t.Error("a run that was stopped before it began ended well")
	}
	if files, err := filepath.Glob(filepath.Join(dir, "*.eml")); err != nil || len(files) != 0 {
		t.Errorf("%v, %v", files, err)
	}
	h.stop(p)
}

func TestCellsOfADryRunAreNoFormulas(t *testing.T) {
	for text, want := range map[string]string{"": "", "a@example.com": "a@example.com", "=1+1@example.com": "'=1+1@example.com", "+82@example.com": "'+82@example.com"} {
		if got := cell(text); got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
}
