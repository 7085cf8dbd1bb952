//go:build host

package cli

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/text/encoding/korean"

	"pabal/audience"
	"pabal/control"
	"pabal/sesclient/emulator"
)

// customersCSV is a spreadsheet as Excel on a Korean Windows saves it: every
// third is a VIP, every fifth a man, two rows are no good.
func customersCSV(t *testing.T, n int) []byte {
	t.Helper()
	var out strings.Builder
	out.WriteString("이메일,성명,성별,등급,가입일,수신동의\r\n")
	names := []string{"김하나", "이서준", "박지우", "최민서", "정도윤", "강하은"}
	for i := range n {
		grade, gender := "일반", "여"
		if i%3 == 0 {
			grade = "VIP"
		}
		if i%5 == 0 {
			gender = "남"
		}
		fmt.Fprintf(&out, "shopper%03d@example.net,%s,%s,%s,2026-%02d-15,동의\r\n", i, names[i%len(names)], gender, grade, i%11+1)
	}
	out.WriteString("kim.example.net,김이상,여,VIP,2026-01-02,동의\r\n,이없음,남,일반,2026-01-02,동의\r\n")
	text, err := korean.EUCKR.NewEncoder().String(out.String())
	if err != nil {
		t.Fatal(err)
	}
	return []byte(text)
}

// desk is what a marketer sees in a language.
type desk struct {
	home, nobody, encoding, will, done, selected, mailable, hits, all string
	topicOff, off, saved, out, received, blocked, unsubscribed        string
}

var desks = map[string]desk{
	"ko": {home: "파발 › 홈", nobody: "아직 구독자가 없습니다", encoding: "CP949", will: "120명을 가져옵니다", done: "✓ 완료", selected: "조건에 맞음           40", mailable: "보낼 수 있음",
		topicOff: "세일 소식: 받음 → 안 받음", hits: "20건", all: "120건", off: "× 안 받음", saved: "처리했습니다", received: "받은 메일", unsubscribed: "수신 거부로 바꿨습니다", out: "× 거부", blocked: "발송 차단에 넣었습니다"},
	"en": {home: "pabal › Home", nobody: "No subscribers yet", encoding: "CP949", will: "Takes 120 people", done: "✓ done", selected: "Selected              40", mailable: "Mailable",
		topicOff: "Sales: on → off", hits: "20 rows", all: "120 rows", off: "× off", saved: "Done.", received: "Mail received", unsubscribed: "Unsubscribed.", out: "× no", blocked: "Suppressed."},
}

// TestAMarketerAtTheDesk does with the keyboard what a marketer does: imports
// a file from the inbox, builds a segment, looks at a subscriber, edits their
// preferences, unsubscribes them, and suppresses an address.
func TestAMarketerAtTheDesk(t *testing.T) {
	for lang, words := range desks {
		t.Run(lang, func(t *testing.T) { atTheDesk(t, lang, words) })
	}
}

func atTheDesk(t *testing.T, lang string, d desk) {
	h := newHost(t, emulator.Options{}, shopTopics, "PABAL_CAMPAIGN_COMPANY=무신상회")
	h.serve()
	c := h.client()
	m := newTerminal(t, h, "80", "24", lang)
	shot := func(name string) { m.picture("screen-" + name + "-" + lang) }
	m.see(d.home)
	m.press("3")
	m.see(d.nobody)
	m.importFile(h, d, shot)
	m.buildSegment(d, shot)
	m.editPerson(d, shot)
	checkPerson(t, c)

	m.press("Escape")
	m.see(d.hits)
	m.press("Escape")
	m.see(d.all) // nothing is searched for any more
	m.press("5")
	m.press("n")
	m.write("old@example.net")
	m.press("Enter")
	m.write("전화로 요청")
	m.press("Enter", "y")
	m.see(d.blocked, "old@example.net", "전화로 요청")
	shot("suppression")
	m.press("6")
	m.see("dsn_file")
	m.tmux("resize-window", "-x", "60", "-y", "20")
	m.press("3")
	m.see("shopper000@example.net")
	shot("narrow")
	m.press("q")
}

// importFile puts a file into the inbox while the picker looks, and imports it.
func (m *terminal) importFile(h *host, d desk, shot func(string)) {
	m.t.Helper()
	m.press("i")
	m.see("scp ")
	path := filepath.Join(h.dir, "data", "inbox", "11월 고객.csv")
	if err := os.WriteFile(path, customersCSV(m.t, 120), 0o640); err != nil {
		m.t.Fatal(err)
	}
	if err := os.Chtimes(path, time.Time{}, time.Now().Add(-time.Minute)); err != nil {
		m.t.Fatal(err)
	}
	m.see("11월 고객.csv")
	m.press("Enter")
	m.see(d.encoding, "shopper000@example.net", "VIP")
	shot("import-preview")
	m.press("n")
	m.see(d.will)
	shot("import-ask")
	m.press("y")
	m.see(d.done, "kim.example.net")
	shot("import-result")
	m.press("Enter")
	m.see("shopper000@example.net")
}

// buildSegment chooses the VIPs, and sees how many they are.
func (m *terminal) buildSegment(d desk, shot func(string)) {
	m.t.Helper()
	m.press("s")
	m.see(d.mailable)
	m.press("Enter")
	m.write("등급")
	m.see("› 등급")
	shot("segment-field")
	m.press("Enter", "Enter")
	m.see("VIP", "일반")
	shot("segment-value")
	m.write("VI")
	m.press("Enter")
	m.see(`등급 == "VIP"`, d.selected)
	shot("segment")
	m.press("Escape")
}

// editPerson finds somebody by a name, switches a topic off for them, and
// unsubscribes them.
func (m *terminal) editPerson(d desk, shot func(string)) {
	m.t.Helper()
	m.see("shopper000@example.net")
	m.press("/")
	m.write("김하")
	m.see("/ 김하", "shopper000@example.net", d.hits)
	shot("search")
	m.press("Enter", "Enter")
	m.see(d.received, "VIP")
	shot("person")
	m.press("e")
	m.press("Space", "Enter")
	m.see(d.topicOff)
	shot("preferences-ask")
	m.press("y")
	m.see(d.saved, d.off)
	m.press("u", "y")
	m.see(d.unsubscribed, d.out)
	shot("person-out")
}

// checkPerson looks at what is stored now.
func checkPerson(t *testing.T, c *control.Client) {
	t.Helper()
	p, err := c.Subscriber(t.Context(), "shopper000@example.net")
	if err != nil {
		t.Fatal(err)
	}
	text, _ := json.Marshal(p) // for people
	if p.Consent.Subscribed || p.Consent.Source != audience.Operator || len(p.TopicsOff) != 1 || p.TopicsOff[0] != "sale" || p.Attributes["등급"] != "VIP" {
		t.Errorf("stored: %s", text)
	}
}
