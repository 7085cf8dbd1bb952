package tui

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"pabal/campaign"
)

func TestReportIsWrittenWhereItSays(t *testing.T) {
	for kind, want := range map[string]string{"csv": "naver.com", "html": "<html"} {
		d := newDriver(t, "ko")
		d.m.folder = t.TempDir()
		d.press("2", "down", "down", "down", "enter", "o", "e")
		d.typeText(map[string]string{"csv": "CSV", "html": "HTML"}[kind])
		d.press("enter")
		d.want("파일로 저장했습니다", "marketer@mail.example.com:")
		path := filepath.Join(d.m.folder, "pabal-report-2."+kind)
		text, err := os.ReadFile(path)
		if err != nil || !strings.Contains(string(text), want) {
			t.Errorf("%s holds %.200q, %v", path, text, err)
		}
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s is %v, %v", path, info.Mode(), err)
		}
	}
}

func TestReportThatCannotBeWrittenSaysWhy(t *testing.T) {
	d := newDriver(t, "en")
	d.m.folder = filepath.Join(t.TempDir(), "gone")
	d.press("2", "down", "down", "down", "enter", "o", "e", "enter")
	d.want("the report cannot be written", "use the link or the mail instead")
}

func TestReportGoesByMailAndByLink(t *testing.T) {
	d := newDriver(t, "ko")
	d.press("2", "down", "down", "down", "enter", "o", "m", "enter")
	d.want("받을 주소를 쓰세요")
	d.typeText("me@example.com")
	d.press("enter")
	d.wantCalls("MailReport", "MailReport 2 me@example.com ko")
	d.want("보고서를 보냈습니다: me@example.com", "발송 결과")
	d.press("l")
	d.want("https://mail.example.com/p/")
	d.wantCalls("ReportLink", "ReportLink 2")
}

func TestReportOfARunningCampaignIsAskedAnew(t *testing.T) {
	d := newDriver(t, "en")
	d.press("2", "down", "down", "enter", "o")
	for range reportEvery {
		d.tick()
	}
	d.wantCalls("Report ", "Report 3", "Report 3")
	d.press("esc", "esc", "down", "enter", "o")
	for range 3 * reportEvery {
		d.tick()
	}
	d.wantCalls("Report ", "Report 3", "Report 3", "Report 2")
}

// TestTableColumnsAreInLine counts cells, at every width.
func TestTableColumnsAreInLine(t *testing.T) {
	d := newDriver(t, "ko")
	r := sampleReport(testNow)
	r.Campaign = d.back.campaigns[3]
	for _, s := range r.Sections("ko", testNow.Location()) {
		if len(s.Head) == 0 || s.Left != 1 {
			continue
		}
		for w := 40; w < 120; w++ {
			lines := d.m.section(campaign.Section{Head: s.Head, Rows: s.Rows, Left: 1}, w)
			want := cells(lines[0])
			for _, l := range lines {
				if got := cells(l); got != want || got > w {
					t.Errorf("%s in %d: %d cells, the head has %d: %q", s.ID, w, got, want, l)
				}
			}
		}
	}
}

func TestTemplatesComeFromFilesAndFromSES(t *testing.T) {
	d := newDriver(t, "ko", func(f *fakeBackend) {
		f.inbox.Files = append(f.inbox.Files, InboxFile{Name: "가을 세일.zip", Size: 412_000})
	})
	d.press("4", "i")
	d.wantNot("11월")
	d.press("enter", "ctrl+s")
	d.wantCalls("PutInboxTemplate", "PutInboxTemplate 가을 세일||가을 세일.zip")
	d.want("가을 세일 템플릿 1판을 만들었습니다")
	d.press("esc", "s", "ctrl+s")
	d.want("이름을 쓰세요")
	d.typeText("autumn")
	d.press("enter", "enter", "right", "enter")
	d.wantCalls("PullTemplate", `PullTemplate autumn as "" again=true`)
	d.want("welcome 템플릿 2판을 만들었습니다")
	d.press("h", "down", "enter")
	d.wantCalls("Template welcome 1", "Template welcome 1")
	d.press("x", "y")
	d.wantCalls("RemoveTemplate", "RemoveTemplate welcome")
	d.want("템플릿을 없앴습니다")
}
