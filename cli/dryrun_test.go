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
	"testing/synctest"

	"pabal/control"
	"pabal/eml"
	"pabal/sesclient"
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

// TestDryRunTouchesNeitherDaemonNorSES sends the letters of a draft through an
// emulator of its own.
func TestDryRunTouchesNeitherDaemonNorSES(t *testing.T) {
	h := newHost(t, emulator.Options{Rate: 50, Quota: -1})
	p := h.serve()
	c := h.client()
	id := draftCampaign(t, c, 150)
	r := h.dryRunOf(t, fmt.Sprint(id), "--to", filepath.Join(h.dir, "out"), "--emulate", "--speed", "5")
	e := r.Emulated
	if r.Mails != 150 || e == nil || e.Recipients != 150 || e.Accepted != 150 || e.Waits != 0 || len(e.Failed) != 0 || e.Rate != 50 {
		t.Fatalf("%+v, %+v", r, e)
	}
	plan, err := c.Plan(t.Context(), id)
	if err != nil || math.Abs(e.PlannedSeconds-plan.Seconds) > 0.01 || e.Seconds < 0.9*e.PlannedSeconds {
		t.Errorf("took %v, planned %v, the plan has %v, %v", e.Seconds, e.PlannedSeconds, plan.Seconds, err)
	}
	if n := h.ses.Calls("SendEmail"); n != 0 {
		t.Errorf("%d calls reached SES", n)
	}
	if now, err := c.Campaign(t.Context(), id); err != nil || now.State != "draft" {
		t.Errorf("the campaign is %s, %v", now.State, err)
	}
	h.stop(p)
}

// TestRehearsalKeepsThePaceOfThePlan: in fake time, so that no other work of the
// machine shows, it takes as long as the plan says, at any speed.
func TestRehearsalKeepsThePaceOfThePlan(t *testing.T) {
	const mails, rate, aim = 1500, 14, 0.9
	dir, ids := t.TempDir(), make([]uint64, mails)
	for i := range ids {
		ids[i] = uint64(i + 1)
		if err := os.WriteFile(filepath.Join(dir, dryName(ids[i])), letter(fmt.Sprintf("s%d@example.net", ids[i]), 0), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, speed := range []float64{1, 10} {
		synctest.Test(t, func(t *testing.T) {
			ends := newPipes()
			e := &emulation{app: &app{stderr: io.Discard}, dir: dir, speed: speed, ids: ids, result: emulated{Speed: speed, Failed: map[string]int64{}},
				wire: func(ctx context.Context, ses *emulator.Server) (string, sesclient.Dial, error) {
					go ses.Serve(ctx, ends) // ends with the emulator
					return "http://ses.test", ends.dial, nil
				}}
			if err := e.rehearse(t.Context(), allowance{Rate: rate, Aim: aim}); err != nil {
				t.Fatal(err)
			}
			planned := mails / (rate * aim)
			t.Logf("speed %v: %.2f s, planned %.2f s", speed, e.result.Seconds, planned)
			if e.result.Accepted != mails || e.result.Refused != 0 || math.Abs(e.result.Seconds-planned) > 0.1*planned {
				t.Errorf("%+v, planned %.2f s", e.result, planned)
			}
		})
	}
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

// A few mails take a tick of the clock longer than planned on any machine.
func TestRehearsalBlamesTheMachineForNoMoreThanATick(t *testing.T) {
	for e, slow := range map[*emulated]bool{
		{Speed: 10, PlannedSeconds: 0.04, Seconds: 1}:    false,
		{Speed: 10, PlannedSeconds: 1000, Seconds: 1050}: false,
		{Speed: 10, PlannedSeconds: 1000, Seconds: 1200}: true,
		{Speed: 1, PlannedSeconds: 1000, Seconds: 1200}:  false,
	} {
		var r report
		e.describe(&r)
		if got := strings.Contains(r.out.String(), "may not keep up"); got != slow {
			t.Errorf("%+v: %s", e, r.out.String())
		}
	}
}

func TestCellsOfADryRunAreNoFormulas(t *testing.T) {
	for text, want := range map[string]string{"": "", "a@example.com": "a@example.com", "=1+1@example.com": "'=1+1@example.com", "+82@example.com": "'+82@example.com"} {
		if got := cell(text); got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
}
