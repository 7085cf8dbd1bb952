package tui

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"pabal/audience"
	"pabal/eml"
)

func TestEveryFaultOfAFileIsSaidInKorean(t *testing.T) {
	d := newDriver(t, "ko")
	for _, code := range audience.ImportCodes() {
		err := fmt.Errorf("import: %w", &eml.Problem{What: "in English", Hint: "what to do", Code: code, Args: []string{"첫째", "\x1b[2J둘째"}})
		got := d.m.problem(err)
		if got == "" || strings.Contains(got, "\x1b") || code != audience.FileRow && strings.Contains(got, "English") || strings.ContainsAny(got, "{}") {
			t.Errorf("%s: %q", code, got)
		}
	}
	for in, want := range map[string]string{
		d.m.problem(&eml.Problem{What: "nobody knows", Hint: "look", Code: "new_one"}):                              "nobody knows: look",
		d.m.problem(errors.New("plain")):                                                                            "plain",
		d.m.problem(&eml.Problem{Code: audience.ColumnTwice, Args: []string{"이메일", "{own}"}}):                       "이메일, {own}: 같은 뜻",
		d.m.problem(&eml.Problem{What: "1:5: no", Hint: "h", Code: audience.CodeSegment, Args: []string{"1", "5"}}): "5번째 글자에서 틀렸습니다. 철자와 따옴표를 확인하세요. (1:5: no: h)",
	} {
		if !strings.Contains(in, want) {
			t.Errorf("got %q, want %q", in, want)
		}
	}
}

func TestPreviewSaysHowToMendTwoColumns(t *testing.T) {
	for lang, want := range map[string]string{"ko": "'가져오지 않음'을", "en": "“not imported”"} {
		d := newDriver(t, lang, func(f *fakeBackend) {
			f.seen.Problem, f.seen.Hint = "both are email", "say which one: --map email=COLUMN"
			f.seen.Code, f.seen.Args = audience.ColumnTwice, []string{"이메일", "E-mail"}
		})
		d.press("3", "i", "enter")
		d.want("이메일", "E-mail", want)
		d.wantNot("--map")
	}
}

func TestReasonsOfConsentAreInWords(t *testing.T) {
	d := newDriver(t, "ko")
	for _, c := range []struct {
		source     audience.Source
		text, want string
	}{
		{audience.Person, audience.DetailUnsubscribe + audience.DetailOfCampaign + "3", "메일의 수신 거부 링크 (캠페인 3)"},
		{audience.Person, audience.DetailPreferences, "수신 설정 페이지"},
		{audience.Person, audience.DetailPageLink + audience.DetailOfCampaign + "12", "메일의 수신 설정 링크 (캠페인 12)"},
		{audience.MySQL, audience.DetailRow + "77", "고객번호 77"},
		{audience.Import, audience.DetailRow + "77", "row 77"}, // a file of that name
		{audience.Bounce, "5" + audience.DetailSoft, "연달아 5번 반송"},
		{audience.Bounce, audience.DetailSESList, "SES 계정의 차단 목록"},
		{audience.Bounce, "smtp; 550 5.1.1 no such user", "smtp; 550 5.1.1 no such user"},
		{audience.Operator, "전화로 요청", "전화로 요청"},
	} {
		if got := d.m.detail(c.source, c.text); got != c.want {
			t.Errorf("%s %q: got %q, want %q", c.source, c.text, got, c.want)
		}
	}
}
