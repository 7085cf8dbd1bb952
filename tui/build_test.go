package tui

import (
	"errors"
	"net"
	"strings"
	"testing"

	tea "charm.land/bubbletea/v2"

	"pabal/audience"
)

func TestSegmentIsBuiltOfRowsAndCounted(t *testing.T) {
	d := newDriver(t, "ko")
	toRows(d)
	d.want("세는 중", `gender == "female" and Grade == "VIP"`)
	d.wantCalls("SegmentValues", "SegmentValues attribute Grade 0")
	d.rest()
	d.wantCalls("Count", "Count  ", `Count gender == "female" `, `Count gender == "female" and Grade == "VIP" `)
	d.want("수신 거부 12")
	d.press("o")
	d.rest()
	d.want(`gender == "female" or Grade == "VIP"`, "또는")
	d.press("up", "up", "d")
	d.rest()
	d.want(`조건식: Grade == "VIP"`)
	d.press("n", "ctrl+s")
	if got := d.back.asked("CreateCampaign"); len(got) != 1 || !strings.Contains(got[0], `|Grade == "VIP"|`) {
		t.Errorf("the campaign was made as %q", got)
	}
}

func TestRowIsEditedWithWhatItHad(t *testing.T) {
	d := newDriver(t, "en")
	toRows(d)
	d.press("up", "enter")
	d.typeText("Grade")
	d.press("enter", "down", "enter") // is not
	d.want("Grade is not")
	d.press("enter") // VIP, as before
	d.want(`gender == "female" and Grade != "VIP"`)
}

func TestSeveralValuesAreMarked(t *testing.T) {
	d := newDriver(t, "en")
	toAudience(d)
	d.press("enter")
	d.typeText("Grade")
	d.press("enter", "down", "down", "down", "enter", "tab")
	d.typeText("블랙")
	d.press("tab", "enter")
	d.want(`Grade in ["VIP", "블랙"]`)
}

func TestTextThatIsNoRowsStaysText(t *testing.T) {
	d := newDriver(t, "en")
	toRows(d)
	d.press("t")
	d.typeText(` or name matches "김.*"`)
	d.rest()
	d.press("ctrl+t")
	d.want("Ctrl+T as rows: this cannot be shown as rows")
	d.press("ctrl+u")
	d.typeText(`tag("봄")`)
	d.press("ctrl+t")
	d.want("Tag", "yes", "봄")
}

func TestCountShowsHowFarItIsAndIsGivenUp(t *testing.T) {
	d := newDriver(t, "en", func(f *fakeBackend) { f.slow = true })
	toText(d)
	d.hold = true
	d.rest()
	d.want("42.0%")
	d.typeText("x")
	d.wantNot("42.0%")
	d.press("enter")
	d.want("Enter next: Counting")
}

func TestLostCountIsAskedAgain(t *testing.T) {
	d := newDriver(t, "en")
	d.back.down = &net.OpError{Op: "dial", Net: "unix", Err: errors.New("connection refused")}
	d.press("3", "s")
	d.want("Counting")
	d.back.down = nil
	d.tick()
	d.want("183")
}

func TestSegmentAloneBeginsACampaign(t *testing.T) {
	d := newDriver(t, "en")
	d.press("3", "s", "t")
	d.typeText(`gender == "male"`)
	d.rest()
	d.press("enter", "enter", "n", "ctrl+s")
	if got := d.back.asked("CreateCampaign"); len(got) != 1 || !strings.Contains(got[0], `|gender == "male"|`) {
		t.Errorf("the campaign was made as %q", got)
	}
}

func TestSearchShowsBeginningsAtOnceAndTheRestAfter(t *testing.T) {
	d := newDriver(t, "en")
	d.press("3", "/")
	d.typeText("mer05")
	d.want("No such subscriber")
	d.rest()
	d.want("customer050@example.com", "customer059@example.com", "10 rows")
	d.wantCalls("SearchAll", "SearchAll mer05")
	d.typeText("9")
	_, slow := d.m.Update(d.later[len(d.later)-1]) // looking through all of them
	d.press("backspace")
	d.run(slow)
	d.wantNot("searching")
	d.rest()
	d.want("10 rows")
	d.press("enter", "enter")
	d.want("customer050@example.com", "Mail received")
	d.press("esc", "/", "esc")
	d.want("60 rows")
}

func TestSearchComposesHangul(t *testing.T) {
	d := newDriver(t, "ko")
	d.press("3", "/")
	for _, r := range "김하" { // jamo one by one, as some terminals send them
		d.send(tea.KeyPressMsg{Code: r, Text: string(r)})
	}
	d.want("/ 김하", "6건")
	if c := d.m.View().Cursor; c == nil || c.X != cells(" / 김하") {
		t.Errorf("the cursor is at %v", c)
	}
}

func TestImportGoesFromFileToResult(t *testing.T) {
	d := newDriver(t, "ko")
	d.press("3", "i")
	d.want("scp 고객.csv marketer@mail.example.com:", "11월 고객.csv")
	d.press("enter", "down", "down", "down", "down", "enter")
	d.want("이 열은 무엇인가요? 등급")
	d.typeText("태그")
	d.press("enter", "e", "down", "down", "enter", "t")
	d.typeText("11월")
	d.press("enter")
	d.wantCalls("PreviewInbox", "PreviewInbox 11월 고객.csv map[]  ", "PreviewInbox 11월 고객.csv map[tags:등급]  ", "PreviewInbox 11월 고객.csv map[tags:등급] cp949 ")
	d.press("n")
	d.want("12,415명을 가져옵니다", "태그: 11월")
	d.wantCalls("ImportInbox")
	d.press("y")
	d.wantCalls("ImportInbox", "ImportInbox 11월 고객.csv map[tags:등급] [11월]")
	d.want("✓ 완료", "12,000", "@가 없습니다", "x 멈추기: 끝남")
	d.press("enter")
	d.want("customer001@example.com")
}

func TestColumnBackToAttribute(t *testing.T) {
	d := newDriver(t, "en")
	d.press("3", "i", "enter", "enter", "end")
	d.typeText("attribute")
	d.press("enter")
	d.wantCalls("PreviewInbox", "PreviewInbox 11월 고객.csv map[]  ", "PreviewInbox 11월 고객.csv map[이메일:이메일]  ")
}

func TestColumnIsLeftOutAndTakenAgain(t *testing.T) {
	d := newDriver(t, "ko")
	d.press("3", "i", "enter", "down", "down", "down", "down", "enter")
	d.want("1 파일 › 2 미리보기 › 3 결과", "› 속성 등급") // the step one is in, and what the column is now
	d.typeText("가져오지")
	d.press("enter")
	d.back.seen.Columns[4].As = "" // as the daemon answers
	d.press("r", "e", "enter")
	d.want("- 가져오지 않음")
	d.press("enter")
	d.want("› 가져오지 않음")
	d.press("esc", "n", "y")
	d.wantCalls("ImportInbox", "ImportInbox 11월 고객.csv map[] [] without 등급")
}

func TestTopicsThatAreNotDefinedAreTyped(t *testing.T) {
	d := newDriver(t, "en", func(f *fakeBackend) { f.topics = nil })
	d.press("n", "enter", "n", "enter", "enter", "enter")
	d.want("for example sale")
	d.typeText("spring")
	d.press("ctrl+s")
	if got := d.back.asked("CreateCampaign"); len(got) != 1 || !strings.Contains(got[0], "|spring|") {
		t.Errorf("the campaign was made as %q", got)
	}
}

func TestTopicThatIsGoneStaysUntilAnotherIsChosen(t *testing.T) {
	s := newWizardContent(&draft{})
	a := newDriver(t, "en").m.app
	s.start(a)
	s.fields[fieldTopic].in.set("old")
	s.fields[fieldTopic].choices = a.topicChoices([]audience.Topic{{ID: "sale", Korean: "세일", English: "Sales"}}, "old")
	if got := s.view(a, 80, 20).lines; !strings.Contains(strings.Join(got, "\n"), "‹ old ›") {
		t.Errorf("%q", got)
	}
	s.fields[fieldTopic].turn(1)
	s.fields[fieldTopic].turn(1)
	if got := s.fields[fieldTopic].in.value(); got != "sale" {
		t.Errorf("the topic is %q, want sale: old, none, sale", got)
	}
}

func TestImportIsStoppedAfterAQuestion(t *testing.T) {
	d := newDriver(t, "en")
	d.press("3", "i", "enter", "n")
	d.hold = true
	d.press("y")
	d.want("50.0%", "importing")
	d.press("x", "y")
	d.wantCalls("DiscardImport", "DiscardImport 7")
}

func TestBrokenConnectionSaysThatTheImportGoesOn(t *testing.T) {
	d := newDriver(t, "en")
	d.press("3", "i", "enter", "n")
	d.back.down = &net.OpError{Op: "read", Net: "unix", Err: errors.New("connection reset")}
	d.press("y")
	d.want("goes on at the daemon", "connection reset")
}

func TestFileThatArrivesAppearsByItself(t *testing.T) {
	d := newDriver(t, "en", func(f *fakeBackend) { f.inbox.Files = nil })
	d.press("3", "i", "enter")
	d.want("Enter next: No file yet")
	d.back.inbox.Files = []InboxFile{{Name: "new.csv", Size: 10}}
	d.tick()
	d.tick()
	d.want("new.csv")
}

func TestUnreadableFileSaysWhy(t *testing.T) {
	d := newDriver(t, "en")
	d.press("3", "i")
	d.back.down = errors.New("the file is neither CSV nor Excel")
	d.press("enter")
	d.press("n")
	d.want("! the file is neither CSV nor Excel", "n import: the file cannot be read")
	d.back.down = nil
	d.press("e", "enter")
	d.want("Taken as")
}
