package tui

import (
	"testing"
	"time"

	"pabal/campaign"
)

func TestScheduleIsConfirmedWithTheNumber(t *testing.T) {
	d := newDriver(t, "ko", withLargePlan)
	toSchedule(d)
	d.want("2026년 11월 23일 월요일 12:00")
	d.press("enter")
	d.want("182,400명에게 이때 메일을 보냅니다", "예상 종료 늦어도 11-23 13:00") // of the start at that time, not of one at once
	d.wantCalls("PlanSchedule", "PlanSchedule 2026-11-23 12:00 KST 09-20 mon-fri 9")
	d.press("enter")
	d.wantCalls("Schedule")
	d.typeText("182400")
	d.press("enter")
	d.wantCalls("Schedule", "Schedule 2026-11-23 12:00 KST late=0 expect=182400 09-20 mon-fri 9")
	d.want("예약했습니다", "예약됨: ")
	d.wantCalls("Start")
}

func TestScheduleThatIsPastIsNotTaken(t *testing.T) {
	for _, c := range []struct{ day, clock, zone, want string }{
		{"2026-11-22", "13:59", "", "This time is past"}, {"2036-11-22", "10:00", "", "more than a year away"}, {"2026-11-31", "10:00", "", "Write the date as"}, {"2026-12-01", "noon", "", "Write the date as"},
		{"2026-12-01", "10:00", "Mars/Olympus", "no such time zone"}, {"2027-03-14", "02:30", "America/New_York", "The clocks skip this time"}, {"2027-11-07", "01:30", "America/New_York", "twice that day"},
	} {
		d := newDriver(t, "en")
		toStart(d)
		d.press("s")
		for _, v := range []string{c.day, c.clock, c.zone} {
			d.press("ctrl+u")
			d.typeText(v)
			d.press("down")
		}
		d.want(c.want)
	}
}

func TestWindowIsSetAndPlannedAnew(t *testing.T) {
	d := newDriver(t, "en", withScheduled)
	d.back.campaigns[0].Window = nil
	d.m.zone = time.UTC
	d.press("2", "enter", "w")
	d.typeText("9-20")
	d.press("down", "right", "enter")
	d.wantCalls("SetWindow", "SetWindow 5 mon-fri 09:00-20:00 UTC")
	d.press("w")
	d.want("Monday to Friday")
	if got := len(d.back.asked("Plan 5")); got < 2 {
		t.Errorf("planned %d times", got)
	}
}

func TestScheduleIsTakenOff(t *testing.T) {
	d := newDriver(t, "ko", withScheduled)
	d.press("2", "enter", "u", "y")
	d.wantCalls("Unschedule", "Unschedule 5")
	d.want("예약을 취소했습니다")
}

func TestHeldStartSaysWhyAndCannotBeResumed(t *testing.T) {
	d := newDriver(t, "ko", withHeldStart)
	d.press("2", "enter")
	d.want("확인한 수보다 많이 늘어", "s 키로 다시 예약하거나")
	d.press("r")
	d.want("재개: 보류")
	d.wantCalls("Resume")
	d.press("s")
	d.want("보내기 전 점검")
	d.press("enter")
	d.want("발송 계획과 확인")
}

func TestBrakeIsSaidInWords(t *testing.T) {
	d := newDriver(t, "ko", withBraked)
	d.press("2", "down", "down", "enter")
	d.want("저절로 멈춤: 500통 가운데 반송 41건 (8.2%, 한도 5%)", "명단이 어디서 왔는지")
}

func TestCopySaysWhatChanged(t *testing.T) {
	d := newDriver(t, "ko")
	d.press("2", "down", "down", "down", "enter", "c")
	d.wantCalls("CopyCampaign", "CopyCampaign 2 ")
	d.want("템플릿 판 1 → 2", "42,820 → 44,100", "가을 정기 세일 (광고) 2")
}

func TestRunningCampaignIsPlannedAgainAndAgain(t *testing.T) {
	d := newDriver(t, "en")
	d.press("2", "down", "down", "enter")
	for range planEvery {
		d.tick()
	}
	d.wantCalls("Plan", "Plan 3", "Plan 3")
	d.back.plan.Recipients = 40
	for range planEvery {
		d.tick()
	}
	d.want("40 to go at 12.6/s")
}

// TestEveryNoteOfAPlanHasWords in both languages.
func TestEveryNoteOfAPlanHasWords(t *testing.T) {
	codes := []campaign.NoteCode{campaign.NoteAccountUnknown, campaign.NoteNoRate, campaign.NoteTakes, campaign.NoteQuotaWaits, campaign.NoteQuotaNone, campaign.NoteFiveMissed, campaign.NoteSandbox,
		campaign.NoteSendingDisabled, campaign.NoteWindowOpens, campaign.NoteWindowBreaks, campaign.NoteShared, campaign.NoteSlower, campaign.NoteHold, campaign.NoteStopped,
		campaign.NoteClockGap, campaign.NoteClockTwice, campaign.NoteBrakeBlind}
	for _, lang := range []string{"ko", "en"} {
		for _, c := range codes {
			if textsOf(lang).Plan.Notes[c] == "" {
				t.Errorf("%s: the note %s has no words", lang, c)
			}
		}
	}
}

func TestFilesOfTheInboxAreAttached(t *testing.T) {
	d := newDriver(t, "ko")
	toAttached(d)
	d.wantCalls("PutInboxFile", "PutInboxFile 11월 고객.csv", "PutInboxFile 회원.xlsx")
	d.want("11월 고객.csv", "회원.xlsx", "모두 172.1 KB")
	d.press("d", "esc")
	d.want("회원.xlsx (86.0 KB)")
	d.wantNot("11월 고객.csv")
	d.press("ctrl+s")
	if got := d.back.campaigns[len(d.back.campaigns)-1].Attachments; len(got) != 1 || got[0].Name != "회원.xlsx" {
		t.Errorf("attached: %+v", got)
	}
}
