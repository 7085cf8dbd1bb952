package tui

import (
	"testing"
	"time"

	"pabal/spool"
)

// gone makes retention have removed rows of campaign 3, all that failed among them.
func gone(b *fakeBackend) {
	for i := range b.campaigns {
		if b.campaigns[i].ID == 3 {
			b.campaigns[i].Removed = &spool.Removed{Before: time.Date(2026, 8, 1, 12, 0, 0, 0, time.UTC), Counts: spool.Counts{Audience: 120, Accepted: 119, Failed: b.campaigns[i].Failed}}
		}
	}
}

func TestLedgerSaysWhatIsNotKeptAndSendsItToNobody(t *testing.T) {
	d := newDriver(t, "en", gone)
	d.press("2", "down", "down", "enter", "enter")
	d.want("120 of 200 are not kept any more", "2026-08-01")
	d.press("tab") // failed
	d.press("s")
	d.want("none failed")
	d.wantCalls("Resend")
	d = newDriver(t, "ko", gone)
	d.press("2", "down", "down", "enter", "enter")
	d.want("200명 가운데 120명은 보관 기간이 지나 지워졌습니다")
}
