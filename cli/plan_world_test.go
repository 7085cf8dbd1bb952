package cli

import (
	"errors"
	"math"
	"strings"
	"testing"
	"time"

	"pabal/audience"
	"pabal/campaign"
	"pabal/sesclient/emulator"
	"pabal/spool"
)

// planner is a marketer's campaigns in a world.
type planner struct {
	*campaign.Store
	people *audience.Store
}

// planner opens one with n customers.
func (w *world) planner(dir string, n int) *planner {
	w.t.Helper()
	customers := people
	people, err := audience.Open(dir)
	if err != nil {
		w.t.Fatal(err)
	}
	if _, err := people.ImportCSV(w.t.Context(), strings.NewReader(customers(n)), audience.ImportOptions{Name: "people.csv"}); err != nil {
		w.t.Fatal(err)
	}
	store, err := campaign.Open(dir, people, w.spool)
	if err != nil {
		w.t.Fatal(err)
	}
	store.Settings = campaign.Settings{From: "shop@example.com", Company: "Shop", LoopbackSES: true, Events: true, Zone: time.UTC}
	store.Accounts = accounts{w.client, defaults()}
	if _, err := store.PutTemplate(w.t.Context(), campaign.Template{Name: "hello", Subject: "hello", HTML: `<a href="{{UnsubscribeURL}}">x</a>`}); err != nil {
		w.t.Fatal(err)
	}
	return &planner{store, people}
}

func (d *planner) close(t *testing.T) {
	if err := errors.Join(d.Close(), d.people.Close()); err != nil {
		t.Error(err)
	}
}

func (d *planner) draft(t *testing.T, c campaign.Campaign) campaign.Campaign {
	t.Helper()
	c.Template = "hello"
	c, err := d.Create(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func (d *planner) plan(t *testing.T, id uint64) campaign.Plan {
	t.Helper()
	p, err := d.Plan(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// fly starts a campaign, lets time pass until it is done and returns when the
// last mail was accepted. At half of the planned time the plan of what is left
// has to fit as well.
func (d *planner) fly(t *testing.T, w *world, id uint64, p campaign.Plan) (start, last time.Time) {
	t.Helper()
	start = time.Now()
	if _, err := d.Start(t.Context(), id, -1); err != nil {
		t.Fatal(err)
	}
	var half campaign.Plan
	for step := time.Duration(p.Seconds/200*float64(time.Second)) + time.Second; ; {
		pass(step)
		c, err := d.Campaign(id)
		if err != nil {
			t.Fatal(err)
		}
		if c.State == spool.Done {
			break
		}
		if half.Recipients == 0 && time.Since(start).Seconds() > p.Seconds/2 {
			half = d.plan(t, id)
		}
		if time.Since(start).Seconds() > 3*p.Seconds+3600 {
			t.Fatalf("not done after %v: %+v, %+v", time.Since(start), c.Counts, c.Hold)
		}
	}
	all := w.ses.Accepted()
	last = all[len(all)-1].At
	near(t, "plan before the start", p.End.Sub(start), last.Sub(start))
	if half.Recipients > 0 {
		near(t, "plan half-way", half.End.Sub(half.Start), last.Sub(half.Start))
	}
	return start, last
}

// near fails when a plan is more than a tenth off.
func near(t *testing.T, what string, planned, took time.Duration) {
	t.Helper()
	t.Logf("%s: %v, it took %v", what, planned, took)
	if math.Abs(planned.Seconds()-took.Seconds()) > 0.1*took.Seconds()+1 {
		t.Errorf("%s: %v, it took %v", what, planned, took)
	}
}

// Five hundred mails of 100 KB at 14 a second: the promise of five minutes.
func TestFiveHundredMailsFlyAsPlanned(t *testing.T) {
	dir := t.TempDir()
	inWorld(t, emulator.Options{Verified: []string{"example.com"}, Rate: 14, Keep: -1, Latency: 80 * time.Millisecond}, func(t *testing.T, w *world) {
		w.size = 100 << 10
		d := w.planner(dir, 500)
		defer d.close(t)
		pass(time.Minute)
		c := d.draft(t, campaign.Campaign{})
		p := d.plan(t, c.ID)
		if !p.FiveMinutes || p.Recipients != 500 || p.Waits != 0 {
			t.Errorf("plan %+v", p)
		}
		start, last := d.fly(t, w, c.ID, p)
		if took, most := last.Sub(start).Seconds(), 1.05*500/(14*0.9); took > most {
			t.Errorf("the last was accepted after %.1f s, want %.1f at most", took, most)
		}
	})
}

// A quota crossed on the way, with mail of this morning in the window.
func TestQuotaCrossingFliesAsPlanned(t *testing.T) {
	dir := t.TempDir()
	inWorld(t, emulator.Options{Verified: []string{"example.com"}, Rate: 14, Quota: 400, Keep: -1}, func(t *testing.T, w *world) {
		d := w.planner(dir, 500)
		defer d.close(t)
		w.campaign(99, 150)
		pass(6 * time.Hour)
		c := d.draft(t, campaign.Campaign{})
		p := d.plan(t, c.ID)
		if p.Waits != 500-230 || p.FiveMinutes || p.AtLatest {
			t.Errorf("plan %+v", p)
		}
		d.fly(t, w, c.ID, p)
	})
}

// A send window that closes on the way.
func TestWindowFliesAsPlanned(t *testing.T) {
	dir := t.TempDir()
	inWorld(t, emulator.Options{Verified: []string{"example.com"}, Rate: 1, Quota: -1, Keep: -1}, func(t *testing.T, w *world) {
		d := w.planner(dir, 300)
		defer d.close(t)
		pass(8 * time.Hour)
		c := d.draft(t, campaign.Campaign{Window: &spool.Window{Hours: "09:00-09:03", Days: "mon-sun"}})
		d.fly(t, w, c.ID, d.plan(t, c.ID))
	})
}

// At the sandbox's rate the plan says beforehand that the promise cannot be kept.
func TestPlanSaysThatTheSandboxCannotKeepThePromise(t *testing.T) {
	dir := t.TempDir()
	inWorld(t, emulator.Options{Verified: []string{"example.com"}, Rate: 1, Keep: -1}, func(t *testing.T, w *world) {
		w.size = 100 << 10
		d := w.planner(dir, 500)
		defer d.close(t)
		pass(time.Minute)
		c := d.draft(t, campaign.Campaign{})
		p := d.plan(t, c.ID)
		said := false
		for _, n := range p.Notes {
			said = said || n.Code == campaign.NoteFiveMissed && n.Count == 270
		}
		if p.FiveMinutes || p.WithinFive != 270 || !said {
			t.Errorf("plan %+v", p)
		}
		d.fly(t, w, c.ID, p)
	})
}
