package cli

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"pabal/campaign"
	"pabal/spool"
)

func TestStatusNamesCampaignsThatWaitForAPerson(t *testing.T) {
	r := &report{zone: time.UTC}
	describeStopped(r, []campaign.Campaign{
		{ID: 1, Name: "running", State: spool.Running},
		{ID: 2, Name: "paused by hand", State: spool.Paused, Reason: "paused by a person"},
		{ID: 3, Name: "가을 세일", State: spool.Held, HeldFor: campaign.HeldGrown, Reason: "44 recipients, 20 were confirmed"},
		{ID: 4, Name: "겨울", State: spool.Paused, Braked: &spool.Braked{}, Reason: "the reputation brake"},
		{ID: 5, Name: "봄", State: spool.Held, Reason: "its audience changed"},
		{ID: 6, Name: "next month", State: spool.Scheduled},
	}, "ko")
	var out bytes.Buffer
	if err := r.writeTo(&out); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"held: campaign 3, 가을 세일: 44 recipients, 20 were confirmed", "pabal campaign start 3", "paused: campaign 4, 겨울: the reputation brake", "pabal campaign resume 4",
		"held: campaign 5, 봄: its audience changed", "pabal campaign resume 5",
		"more: docs/handbook.ko.md#campaign-stopped"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is not in:\n%s", want, &out)
		}
	}
	if n := strings.Count(out.String(), ": campaign "); n != 3 {
		t.Errorf("%d campaigns are named, want 3:\n%s", n, &out)
	}
}
