package campaign

import (
	"errors"
	"math"
	"strings"
	"testing"
	"time"

	"pabal/spool"
)

// A report holds what came of a campaign against the flight plan it was started
// with, at the price the plan had: whatever the account allows or costs later.
func TestReportHoldsTheRunAgainstThePlanOfItsStart(t *testing.T) {
	h := open(t, t.TempDir())
	h.enrol(t, 20)
	h.facts.facts = AccountFacts{MaxSendRate: 2, Max24Hour: 1000, SendingEnabled: true, RateShare: 1, QuotaShare: 1, Plan: "ESSENTIALS"}
	h.drain(t)
	c := h.draft(t, simple, Campaign{})
	plan, err := h.store.Plan(t.Context(), c.ID)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := h.store.Start(t.Context(), c.ID, -1); err != nil {
		t.Fatal(err)
	}
	waitState(t, h.store, c.ID, spool.Done)
	h.facts.facts.MaxSendRate, h.facts.facts.Plan = 100, "PRO"
	r, err := h.store.Report(t.Context(), c.ID)
	if err != nil {
		t.Fatal(err)
	}
	p := r.Speed.Planned
	if p == nil || p.Rate != 2 || p.Recipients != 20 || math.Abs(p.Seconds-plan.Seconds) > 0.01 || !p.FiveMinutes || p.Cost != plan.Cost {
		t.Fatalf("planned %+v, the plan was %+v", p, plan)
	}
	if r.Cost == nil || r.Cost.PricePer1000 != 0.16 || r.Cost.Total != plan.Cost {
		t.Errorf("cost %+v, the plan said %v", r.Cost, plan.Cost)
	}
	if r.Speed.Off >= 0 || r.Speed.Off < -100 { // the test's SES is faster than 2 a second
		t.Errorf("off by %v%%", r.Speed.Off)
	}
	if text := r.letter("ko", seoul); !strings.Contains(text, "시작할 때의 계획") || !strings.Contains(text, "% 덜 걸림") {
		t.Errorf("letter: %s", text)
	}
	all, err := h.store.Reports(t.Context(), time.Time{})
	if err != nil || len(all) != 1 || all[0].Cost == nil || *all[0].Cost != *r.Cost {
		t.Errorf("list: %+v, %v", all, err)
	}
	h.store.Settings.PricePer1000 = 0.5
	if r, err = h.store.Report(t.Context(), c.ID); err != nil || r.Cost.Total != 0.01 {
		t.Errorf("at a configured price: %+v, %v", r.Cost, err)
	}
}

// SES not answering keeps neither a campaign from starting nor its report from
// being made.
func TestACampaignWithoutAPlanHasAReport(t *testing.T) {
	h := open(t, t.TempDir())
	h.enrol(t, 3)
	h.facts.err = errors.New("no route")
	h.drain(t)
	c := h.draft(t, simple, Campaign{})
	if _, err := h.store.Start(t.Context(), c.ID, -1); err != nil {
		t.Fatal(err)
	}
	waitState(t, h.store, c.ID, spool.Done)
	r, err := h.store.Report(t.Context(), c.ID)
	if err != nil || r.Speed.Planned != nil || r.Speed.Off != 0 || r.Cost != nil || strings.Contains(r.letter("en", seoul), "planned") {
		t.Errorf("%v %+v %+v", err, r.Speed, r.Cost)
	}
}

// The promise of five minutes counts from the time a campaign was to start.
func TestFiveMinutesCountFromTheScheduledTime(t *testing.T) {
	due := time.Date(2026, 12, 1, 1, 0, 0, 0, time.UTC)
	c := Campaign{State: spool.Done, Started: due.Add(4 * time.Minute), First: due.Add(4 * time.Minute), Ended: due.Add(6 * time.Minute)}
	if v := speedOf(nil, &Report{Campaign: c, Final: true}); !v.FiveMinutes {
		t.Errorf("a start by hand: %+v", v)
	}
	c.Schedule = &Schedule{Wall: "2026-12-01 10:00", Zone: "Asia/Seoul"}
	if v := speedOf(nil, &Report{Campaign: c, Final: true}); v.FiveMinutes {
		t.Errorf("scheduled four minutes earlier: %+v", v)
	}
}
