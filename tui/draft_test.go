package tui

import (
	"testing"

	"pabal/campaign"
	"pabal/eml"
	"pabal/spool"
)

func TestLeavingTheContentKeepsWhatWasFilledIn(t *testing.T) {
	d := newDriver(t, "ko")
	toContent(d)
	d.typeText("봄 세일")
	d.press("down", "down")
	d.typeText("help@example.com")
	d.press("esc")
	d.want("누구에게 보낼지", "작성 중인 캠페인으로 남겼습니다")
	if got := d.back.campaigns[len(d.back.campaigns)-1]; got.Name != "봄 세일" || got.ReplyTo != "help@example.com" {
		t.Errorf("kept: %+v", got)
	}
	d.press("n")
	d.want("봄 세일", "help@example.com")
	d.press("esc")
	d.want("누구에게 보낼지")
	d.wantCalls("EditCampaign") // nothing changed since
	if got := d.back.asked("CreateCampaign"); len(got) != 1 {
		t.Errorf("drafts made: %q, want one", got)
	}
}

func TestLeavingAnEmptyContentMakesNoDraft(t *testing.T) {
	d := newDriver(t, "en")
	toContent(d)
	d.press("esc", "esc", "esc")
	d.wantCalls("CreateCampaign")
}

func TestContentThatCannotBeKeptIsLeftAfterAQuestion(t *testing.T) {
	d := newDriver(t, "ko")
	toContent(d)
	d.typeText("봄")
	d.back.down = &eml.Problem{What: "the from address cannot be read", Hint: "write it again"}
	d.press("esc")
	d.want("the from address cannot be read", "이름, 보내는 사람")
	d.press("esc")
	d.want("고친 것을 저장하지 않고 나갑니다")
	d.press("y")
	d.want("누구에게 보낼지")
}

func TestAudienceAndTemplateOfADraftCanBeChanged(t *testing.T) {
	d := newDriver(t, "ko", func(f *fakeBackend) { f.campaigns[0].Template, f.campaigns[0].Segment = "welcome", "" })
	d.press("2", "enter")
	d.want("3 내용", "겨울 신상품 안내")
	d.press("esc")
	d.want("누구에게 보낼지")
	d.press("t")
	d.typeText(`tag("vip2026")`)
	d.rest()
	d.press("enter", "ctrl+s")
	if got := d.back.campaigns[0].Segment; got != `tag("vip2026")` {
		t.Errorf("the draft's segment is %q", got)
	}
	d.want("1/183") // of how many, as in a new one
}

func TestTemplateOfADraftIsTheOneChosen(t *testing.T) {
	d := newDriver(t, "en", func(f *fakeBackend) {
		f.templates = append([]campaign.Template{{Name: "another", Version: 3}}, f.templates...)
		f.campaigns[0].Template, f.campaigns[0].TemplateVersion = f.templates[1].Name, 1
	})
	d.press("2", "enter", "esc", "esc")
	d.want("› " + d.back.templates[1].Name)
	d.press("up", "enter", "n", "ctrl+s")
	if got := d.back.campaigns[0]; got.Template != "another" || got.TemplateVersion != 0 {
		t.Errorf("template %s, version %d", got.Template, got.TemplateVersion)
	}
}

func TestEditingAScheduledCampaignSaysThatItsScheduleGoes(t *testing.T) {
	for lang, w := range map[string]struct{ before, after, leave string }{
		"ko": {"저장하면 예약이 풀리니", "예약이 풀렸습니다", "저장하지 않고 나갑니다"},
		"en": {"Saving takes the schedule off", "its schedule is off", "without saving"},
	} {
		d := newDriver(t, lang, withScheduled)
		d.press("2", "enter", "e")
		d.want(w.before)
		d.typeText("!")
		d.press("esc") // leaving does not take it off
		d.want(w.leave)
		d.wantCalls("EditCampaign")
		d.press("n", "ctrl+s")
		d.want(w.after)
		if got := d.back.campaigns[0].State; got != spool.Draft {
			t.Errorf("%s: the campaign is %s", lang, got)
		}
	}
}
