//go:build host

package cli

import (
	"archive/zip"
	"bytes"
	"image"
	"image/color"
	"image/png"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"pabal/sesclient/emulator"
	"pabal/spool"
)

// trip is what a marketer sees on a campaign's way in a language.
type trip struct {
	nothing, zip, made, edited, saved, content, preview, second, sent, link, check, block, reason, passed  string
	plan, count, running, paused, done, report, written, copied, when, scheduled, list, bar, speed, attach string
}

var trips = map[string]trip{
	"ko": {nothing: "템플릿이 없습니다", zip: "가을 세일.zip", made: "가을 세일 템플릿 1판을 만들었습니다", edited: "가을 세일, 오늘만", saved: "새 판으로 저장했습니다", content: "이름, 보내는 사람, 내용을 채우세요",
		preview: "1/120", second: "2/120", sent: "시험 메일 1통을 보냈습니다", link: "까지 열립니다", check: "보내기 전 점검", block: "× 막음 1", reason: "까닭:", passed: "! 넘김",
		plan: "발송 계획과 확인", count: "120명에게 메일을 보냅니다", running: "▶ 발송 중", paused: "‖ 일시정지", done: "✓ 완료", report: "발송 결과", written: "파일로 저장했습니다",
		copied: "복사했습니다", when: " 10:00 (KST), ", scheduled: "예약됨: ", list: "n 새 캠페인", bar: "120/120", speed: "─ 속도 ─", attach: "모든 메일에 함께 보낼 파일"},
	"en": {nothing: "No templates", zip: "가을 세일.zip", made: "Made version 1 of the template 가을 세일", edited: "가을 세일, 오늘만", saved: "Saved as a new version", content: "Name, sender and content",
		preview: "1/120", second: "2/120", sent: "Test mails on their way: 1", link: "It opens until", check: "Check before sending", block: "× block 1", reason: "Reason:", passed: "! passed",
		plan: "Flight plan and confirmation", count: "This mails 120 people", running: "▶ running", paused: "‖ paused", done: "✓ done", report: "Outcomes", written: "Written to a file",
		copied: "Copied:", when: ", 10:00 (KST), ", scheduled: "Scheduled: ", list: "n new campaign", bar: "120/120", speed: "─ Speed ─", attach: "Files that go with every letter"},
}

// saleZip is a template as a designer packs it: a page, its picture, a subject.
// The sender's phone is missing in it.
func saleZip(t *testing.T) []byte {
	t.Helper()
	picture := image.NewRGBA(image.Rect(0, 0, 600, 200))
	for i := range picture.Pix {
		picture.Pix[i] = byte(i * i >> 7)
	}
	picture.Set(0, 0, color.White)
	var hero, out bytes.Buffer
	if err := png.Encode(&hero, picture); err != nil {
		t.Fatal(err)
	}
	packed := zip.NewWriter(&out)
	for name, text := range map[string]string{
		"index.html": `<!DOCTYPE html><html lang="ko"><head><meta charset="utf-8"><title>가을 세일</title></head><body>
<img src="images/hero.png" alt="가을 세일" width="600">
<h1>{{Name}}님께 드리는 가을 세일</h1>
<p>오늘부터 일주일 동안 코트와 니트를 20% 싸게 드립니다. {{default 등급 "회원"}} 고객께는 쿠폰을 한 장 더 드립니다.</p>
<p><a href="https://shop.example.com/autumn">세일 보러 가기</a></p>
<p>{{Company}}, 서울시 중구 세종대로 110, help@example.com<br>
수신을 원하지 않으시면 <a href="{{UnsubscribeURL}}">수신거부</a>를 눌러 주세요. If you do not want this mail, <a href="{{UnsubscribeURL}}">unsubscribe</a> here.</p>
</body></html>`,
		"subject.txt":     "(광고) {{Name}}님, 가을 세일",
		"images/hero.png": hero.String(),
	} {
		w, err := packed.Create(name)
		if err == nil {
			_, err = w.Write([]byte(text))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := packed.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// TestACampaignOnTheScreens goes a campaign's whole way with the keyboard:
// import, template, preview, test mail, preflight, plan, start, pause, resume,
// report; then last month's again, scheduled.
func TestACampaignOnTheScreens(t *testing.T) {
	for lang, words := range trips {
		t.Run(lang, func(t *testing.T) { onTheScreens(t, lang, words) })
	}
}

func onTheScreens(t *testing.T, lang string, w trip) {
	h := newHost(t, emulator.Options{Rate: 12, Events: emulator.EventOptions{Sets: []string{"main"}}}, shopTopics, "PABAL_SES_CONFIGURATION_SET=main", "PABAL_CAMPAIGN_COMPANY=무신상회", "PABAL_WEB_PUBLIC_URL=https://mail.example.com")
	for _, v := range h.env {
		if url, ok := strings.CutPrefix(v, "PABAL_SES_ENDPOINT="); ok {
			h.env = append(h.env, "PABAL_FEEDBACK_SQS_QUEUE_URL="+emulator.QueueURL(url, "main"))
		}
	}
	h.serve()
	c := h.client()
	m := newTerminal(t, h, "80", "24", lang)
	shot := func(name string) { m.picture("screen-" + name + "-" + lang) }
	m.see(desks[lang].home)
	m.press("3")
	m.see(desks[lang].nobody)
	m.importFile(h, desks[lang], func(string) {})
	m.makeTemplate(h, w, shot)
	m.writeCampaign(w, shot)
	m.passCheck(w, "check", shot)
	m.press("Enter")
	m.see(w.plan)
	shot("plan")
	m.press("Enter")
	m.see(w.count)
	shot("start-ask")
	m.press("y")
	m.see(w.running)
	shot("running")
	m.press("p", "y")
	m.see(w.paused)
	shot("paused")
	m.press("r", "y")
	m.see(w.running)
	m.see(w.done)
	shot("done")
	m.press("Enter")
	m.see("shopper000@example.net")
	shot("recipients")
	m.press("Escape")
	m.see(w.done)
	done, err := c.Campaign(t.Context(), 1)
	if err != nil || done.State != spool.Done || done.Accepted != 120 {
		t.Fatalf("campaign: %+v, %v", done, err)
	}
	m.readReport(h, w, shot)
	day := time.Now().AddDate(0, 1, 0).Format(time.DateOnly)
	m.sendAgain(w, day, shot)
	again, err := c.Campaign(t.Context(), 2)
	if err != nil || again.State != spool.Scheduled || again.Schedule.Wall != day+" 10:00" || again.Window == nil {
		t.Fatalf("the copy: %+v, %v", again, err)
	}
}

// makeTemplate makes one of a zip in the inbox and edits its subject.
func (m *terminal) makeTemplate(h *host, w trip, shot func(string)) {
	m.t.Helper()
	m.press("4")
	m.see(w.nothing)
	path := filepath.Join(h.dir, "data", "inbox", w.zip)
	if err := os.WriteFile(path, saleZip(m.t), 0o640); err != nil {
		m.t.Fatal(err)
	}
	if err := os.Chtimes(path, time.Time{}, time.Now().Add(-time.Minute)); err != nil {
		m.t.Fatal(err)
	}
	m.press("i")
	m.see(w.zip)
	shot("template-file")
	m.press("Enter", "C-s")
	m.see(w.made, "images/hero.png")
	shot("template")
	m.press("e")
	m.see("<h1>{{Name}}")
	m.press("Tab")
	m.write(", 오늘만")
	m.see(w.edited)
	shot("template-edit")
	m.press("C-s")
	m.see(w.saved, w.edited)
	m.press("Escape")
	m.see(w.list)
	shot("templates")
}

// writeCampaign goes from the template to the preview and sends a test mail.
func (m *terminal) writeCampaign(w trip, shot func(string)) {
	m.t.Helper()
	m.press("n")
	m.see("120") // everybody
	shot("audience")
	m.press("n")
	m.see(w.content)
	m.write("가을 세일 1차")
	m.press("F2")
	m.see(w.attach)
	m.press("n")
	m.see("11월 고객.csv", w.zip)
	m.press("Down", "Enter")
	m.see(w.attach, "11월 고객.csv")
	shot("attachments")
	m.press("Escape")
	m.see(w.content, "11월 고객.csv")
	shot("content")
	m.press("Enter", "Enter", "Enter", "Right", "C-s")
	m.see(w.preview, "shopper000@example.net")
	shot("preview")
	m.press("n")
	m.see(w.second, "shopper001@example.net")
	m.press("l")
	m.see("https://mail.example.com/", w.link)
	shot("preview-link")
	m.press("Escape")
	m.see(w.second)
	m.press("t")
	m.see("[테스트]")
	m.write("me@example.com")
	m.see("me@example.com")
	shot("test-mail")
	m.press("Enter")
	m.see(w.sent)
}

// passCheck sees what blocks and gives a reason to send all the same.
func (m *terminal) passCheck(w trip, name string, shot func(string)) {
	m.t.Helper()
	m.press("Enter")
	m.see(w.check, w.block, "sender_block")
	shot(name)
	m.press("o")
	m.see(w.reason)
	m.write("전화번호는 그림 안에 있음")
	shot(name + "-reason")
	m.press("Enter")
	m.see(w.passed)
	shot(name + "-passed")
}

// readReport reads the report and writes it to a file.
func (m *terminal) readReport(h *host, w trip, shot func(string)) {
	m.t.Helper()
	m.press("o")
	m.see(w.report)
	shot("report")
	m.press("PageDown")
	m.see(w.speed)
	shot("report-plot")
	m.press("End")
	m.see("example.net")
	shot("report-domains")
	m.press("e", "Enter")
	m.see(w.written, "pabal-report-1.csv")
	shot("report-export")
	text, err := os.ReadFile(filepath.Join(h.dir, "pabal-report-1.csv"))
	if err != nil || !strings.Contains(string(text), "example.net") {
		m.t.Errorf("the exported report: %.300q, %v", text, err)
	}
	m.press("Escape")
	m.see("example.net")
	m.press("Escape")
	m.see(w.done, w.bar)
}

// sendAgain copies the campaign and schedules the copy.
func (m *terminal) sendAgain(w trip, day string, shot func(string)) {
	m.t.Helper()
	m.press("c")
	m.see(w.copied)
	shot("copy")
	m.press("C-s")
	m.see("shopper000@example.net")
	m.passCheck(w, "check-again", func(string) {})
	m.press("Enter")
	m.see(w.plan)
	m.press("s")
	m.press("C-u")
	m.write(day)
	m.press("Down", "Down", "Down")
	m.write("09-20")
	m.press("Down", "Right")
	m.see(w.when, "09-20")
	shot("schedule")
	m.press("C-s")
	m.see("120")
	shot("schedule-ask")
	m.press("y")
	m.see(w.scheduled)
	shot("scheduled")
	m.press("Escape")
	m.see("가을 세일 1차", "(2)", w.list)
	shot("campaigns")
}
