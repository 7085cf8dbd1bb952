package campaign

import (
	"testing"

	"pabal/spool"
)

func TestWindowAndBrakeAreSealedWithTheCampaign(t *testing.T) {
	h := open(t, t.TempDir())
	h.enrol(t, 3)
	h.store.Settings.Brake = &slow
	c := h.draft(t, simple, Campaign{Window: &spool.Window{Hours: "9-20", Days: "fri,mon-thu", Zone: "Asia/Seoul"}})
	if c.Window.Hours != "09:00-20:00" || c.Window.Days != "mon-fri" {
		t.Errorf("window %+v", c.Window)
	}
	if _, err := h.store.Create(t.Context(), Campaign{Template: "t", Brake: &spool.Brake{BouncePercent: 101}}); err == nil {
		t.Error("a brake of 101 percent was taken")
	}
	c, err := h.store.Start(t.Context(), c.ID, -1)
	if err != nil || c.Window == nil || c.Brake == nil || *c.Brake != slow {
		t.Fatalf("started as %+v, %v", c, err)
	}
	if c, err = h.store.SetWindow(t.Context(), c.ID, nil); err != nil || c.Window != nil || len(c.Acts) != 1 {
		t.Errorf("without a window: %+v, %v", c, err)
	}
	own := spool.Brake{BouncePercent: 1, First: 10, Minimum: 1}
	if c, err = h.store.SetBrake(t.Context(), c.ID, &own); err != nil || *c.Brake != own {
		t.Errorf("with another brake: %+v, %v", c.Brake, err)
	}
	if again, err := h.store.Copy(t.Context(), c.ID, ""); err != nil || again.Window != nil || *again.Brake != own {
		t.Errorf("its copy: %+v, %v", again.Campaign, err)
	}
	d := h.draft(t, simple, Campaign{})
	if d, err = h.store.SetBrake(t.Context(), d.ID, &own); err != nil || *d.Brake != own || d.State != spool.Draft {
		t.Errorf("a draft's brake: %+v, %v", d.Brake, err)
	}
}

func TestPreflightNotesABlindBrake(t *testing.T) {
	h := open(t, t.TempDir())
	h.enrol(t, 3)
	h.store.Settings.Brake = &slow
	c := h.draft(t, simple, Campaign{})
	for _, hears := range []bool{true, false} {
		h.store.Settings.Events, h.store.Settings.BadNews = hears, hears
		p, err := h.store.Preflight(t.Context(), c.ID)
		if err != nil {
			t.Fatal(err)
		}
		found := false
		for _, f := range p.Findings {
			found = found || f.Rule == RuleBrakeBlind && f.Level == Note
		}
		plan, err := h.store.Plan(t.Context(), c.ID)
		if err != nil || found == hears || (plan.has(NoteBrakeBlind) != nil) == hears {
			t.Errorf("hears %v: finding %v, notes %+v, %v", hears, found, plan.Notes, err)
		}
	}
}
