package tui

import "testing"

func TestCampaignGetsABrakeOfItsOwn(t *testing.T) {
	for lang, w := range map[string]struct{ usual, own, none, warn string }{
		"ko": {"운영자가 설정에 정한 한도", "반송 3%, 스팸 신고 0.1% 넘으면 멈춤", "멈추지 않음", "많아도 멈추지 않습니다"},
		"en": {"The operator's limits", "pauses above 3% bounced, 0.1% complaints", "never pauses", "however many bounce"},
	} {
		d := newDriver(t, lang)
		toStart(d)
		d.press("b")
		d.want(w.usual)
		d.press("right", "down", "ctrl+u")
		d.typeText("x")
		d.press("ctrl+s")
		d.wantCalls("SetBrake") // no number
		d.press("ctrl+u")
		d.typeText("3")
		d.want(w.own)
		d.press("ctrl+s")
		d.wantCalls("SetBrake", "SetBrake 9 {BouncePercent:3 ComplaintPercent:0.1 First:200 Window:1000 Minimum:5}")
		d.want(w.own) // in the plan
		d.press("b", "right", "ctrl+s")
		d.want(w.none)
		if got := d.back.campaigns[len(d.back.campaigns)-1].Brake; got == nil || !got.Off() {
			t.Errorf("the brake is %+v", got)
		}
		d.press("enter")
		d.want(w.warn) // in the last question too
		d.press("esc", "b", "right", "ctrl+s")
		if got := d.back.campaigns[len(d.back.campaigns)-1].Brake; got != nil {
			t.Errorf("the brake is %+v, want the configured one", got)
		}
	}
}

func TestBrakeOfACampaignOnItsWayIsSet(t *testing.T) {
	d := newDriver(t, "en", withBraked)
	d.press("2", "down", "down", "enter", "b", "right", "down", "ctrl+u")
	d.typeText("12")
	d.press("ctrl+s")
	d.wantCalls("SetBrake", "SetBrake 3 {BouncePercent:12 ComplaintPercent:0.1 First:200 Window:1000 Minimum:5}")
	d.press("2", "down", "down", "down", "enter", "b") // one that is done
	d.want("brake: done")
}
