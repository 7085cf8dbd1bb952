package campaign

import (
	"errors"
	"testing"
	"time"

	"pabal/eml"
	"pabal/spool"
)

func TestScheduleRefusesWhatMakesNoSense(t *testing.T) {
	h := open(t, t.TempDir())
	h.enrol(t, 1)
	w := &wallClock{}
	w.set(evening)
	h.store.clock = w.now
	id := h.draft(t, simple, Campaign{}).ID
	for name, o := range map[string]ScheduleOrder{
		"past":      {At: "2026-11-30 17:59"},
		"now":       {At: "2026-11-30 18:00"},
		"far":       {At: "2029-01-01 10:00"},
		"no time":   {At: "tomorrow"},
		"no zone":   {At: "2026-12-01 10:00", Zone: "Mars/Olympus"},
		"late":      {At: "2026-12-01 10:00", LateSeconds: 1},
		"very late": {At: "2026-12-01 10:00", LateSeconds: 1e7},
		"window":    {At: "2026-12-01 10:00", Hours: "9 to 5"},
		"30 Feb":    {At: "2027-02-30 10:00"},
	} {
		_, err := h.store.Schedule(t.Context(), id, o)
		if problem, ok := errors.AsType[*eml.Problem](err); !ok || problem.Hint == "" {
			t.Errorf("%s: %v", name, err)
		}
	}
	if c, err := h.store.Campaign(id); err != nil || c.State != spool.Draft || c.Schedule != nil {
		t.Errorf("it is %s, %+v, %v", c.State, c.Schedule, err)
	}
	h.facts.facts.SendingEnabled = false
	if _, err := h.store.Schedule(t.Context(), id, order); !errors.Is(err, ErrBlocked) {
		t.Errorf("blocked: %v", err)
	}
	if _, err := h.store.Unschedule(t.Context(), id); !errors.Is(err, ErrState) {
		t.Errorf("schedule taken off a draft: %v", err)
	}
}

func TestEditTakesTheScheduleOff(t *testing.T) {
	h, _, c := scheduled(t, t.TempDir())
	c.Values = map[string]string{"Body": "다른 본문"}
	got, err := h.store.Edit(t.Context(), c)
	if err != nil || got.State != spool.Draft || got.Schedule != nil || got.TemplateVersion != 0 || got.Values["Body"] != "다른 본문" {
		t.Errorf("got %+v, %v", got, err)
	}
}

// What is shown before a person confirms is the plan of that time, and nothing
// is changed by it.
func TestPlanOfAnOrderThatIsNotGivenYet(t *testing.T) {
	h := open(t, t.TempDir())
	h.enrol(t, 20)
	w := &wallClock{}
	w.set(evening)
	h.store.clock = w.now
	c := h.draft(t, simple, Campaign{})
	p, err := h.store.PlanSchedule(t.Context(), c.ID, ScheduleOrder{At: "2027-03-14 02:30", Zone: "America/New_York", Hours: "09-20"})
	opens := p.has(NoteWindowOpens)
	if err != nil || p.Recipients != 20 || !p.Start.Equal(time.Date(2027, 3, 14, 7, 0, 0, 0, time.UTC)) || p.has(NoteClockGap) == nil ||
		opens == nil || !opens.At.Equal(time.Date(2027, 3, 14, 13, 0, 0, 0, time.UTC)) {
		t.Errorf("plan %+v, %v", p, err)
	}
	if now, err := h.store.Campaign(c.ID); err != nil || now.State != spool.Draft || now.Schedule != nil || now.Window != nil {
		t.Errorf("it is %s with %+v, %v", now.State, now.Schedule, err)
	}
	if _, err := h.store.PlanSchedule(t.Context(), c.ID, ScheduleOrder{At: "yesterday"}); err == nil {
		t.Error("a time that is none has a plan")
	}
}
