//go:build host

package cli

import (
	"net/http"
	"os"
	"regexp"
	"strings"
	"testing"

	"pabal/campaign"
	"pabal/sesclient/emulator"
)

var viewPath = regexp.MustCompile(`https?://[^"'<>\s]+/v/[A-Za-z0-9_-]+`)

// TestALetterIsLookedAtInABrowser: a colleague opens the preview's link on a
// desktop and on a phone, as wide as either, and the text part; a recipient
// opens theirs.
func TestALetterIsLookedAtInABrowser(t *testing.T) {
	h := newHost(t, emulator.Options{Rate: 200}, "PABAL_CAMPAIGN_COMPANY=파발 상점", "PABAL_CAMPAIGN_ADDRESS=서울 성동구", "PABAL_CAMPAIGN_PHONE=02-123-4567")
	p := h.serve()
	c := h.client()
	source, err := os.ReadFile("../testdata/welcome.html")
	if err != nil {
		t.Fatal(err)
	}
	html := strings.Replace(string(source), `{{Body}}`, `{{Body}}<br><a href="{{ViewURL}}">웹에서 보기</a>`, 1)
	draftCampaign(t, c, 2)
	if _, err := c.PutTemplate(t.Context(), campaign.Template{Name: "welcome", Subject: "(광고) {{Name}}님, 환영합니다", HTML: html}); err != nil {
		t.Fatal(err)
	}
	made, err := c.CreateCampaign(t.Context(), campaign.Campaign{Template: "welcome", Values: map[string]string{"Body": "가입해 주셔서 고맙습니다.\n첫 구매에 쿠폰을 쓰세요.", "Points": "1,000"}})
	if err != nil {
		t.Fatal(err)
	}
	id := made.ID
	link, err := c.PreviewLink(t.Context(), id, campaign.Whom{Nth: 2})
	if err != nil {
		t.Fatal(err)
	}

	b := newBrowser(t)
	b.window(1280, 900, "light")
	b.open(link.URL)
	b.find("heading", "메일 미리보기")
	b.accessible(1280)
	if w := b.frameWidth(); w < 1000 {
		t.Errorf("on a desktop the letter is %v wide", w)
	}
	b.picture("preview-desktop-ko")
	b.click("radio", "휴대전화 화면")
	if w := b.frameWidth(); w != 375 {
		t.Errorf("as on a phone the letter is %v wide", w)
	}
	b.picture("preview-phone-ko")
	b.click("radio", "텍스트")
	text := b.html(b.all("pre")[0])
	if !b.shown("pre") || b.shown(".part") || !strings.Contains(text, "첫 구매 쿠폰") {
		t.Errorf("the text part is not shown: %.300s", text)
	}
	b.window(phoneWidth, phoneHeight, "dark")
	b.open(link.URL + "?lang=en")
	b.find("heading", "Preview of a mail")
	b.accessible(phoneWidth)

	// The recipient's: the letter alone, with their own links.
	if _, err := c.Start(t.Context(), id, -1); err != nil {
		t.Fatal(err)
	}
	waitDone(t.Context(), t, c, id)
	found := ""
	for m := range h.ses.Log() {
		raw, _ := h.ses.Raw(m.ID)
		got, err := readMail(raw)
		if err != nil {
			t.Fatal(err)
		}
		found = viewPath.FindString(got.html)
	}
	res, err := http.Get(found)
	if err != nil || res.StatusCode != 200 || !strings.Contains(res.Header.Get("Content-Security-Policy"), "sandbox") {
		t.Fatalf("%s: %+v, %v", found, res, err)
	}
	res.Body.Close()
	b.window(1280, 900, "light")
	b.open(found)
	b.find("link", "수신거부")
	b.find("link", "웹에서 보기")
	h.stop(p)
}

// frameWidth is how wide the letter is shown, CSS pixels, within its border.
func (b *browser) frameWidth() float64 {
	b.t.Helper()
	var box struct {
		Model struct {
			Border []float64 `json:"border"`
		} `json:"model"`
	}
	b.do("DOM.getBoxModel", map[string]any{"nodeId": b.all("iframe")[0]}, &box)
	return box.Model.Border[2] - box.Model.Border[0]
}

// shown reports whether the first of a selector is displayed.
func (b *browser) shown(selector string) bool {
	b.t.Helper()
	var style struct {
		Computed []struct{ Name, Value string } `json:"computedStyle"`
	}
	b.do("CSS.getComputedStyleForNode", map[string]any{"nodeId": b.all(selector)[0]}, &style)
	for _, s := range style.Computed {
		if s.Name == "display" {
			return s.Value != "none"
		}
	}
	return false
}
