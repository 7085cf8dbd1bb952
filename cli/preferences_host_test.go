//go:build host

package cli

import (
	"context"
	"fmt"
	"html"
	"regexp"
	"slices"
	"strings"
	"testing"

	"pabal/audience"
	"pabal/campaign"
	"pabal/control"
	"pabal/sesclient/emulator"
	"pabal/spool"
)

const (
	shopTopics = `PABAL_TOPIC=[{id = "sale", title_ko = "세일 소식", title_en = "Sales"}, {id = "new", title_ko = "새 상품과 컬렉션", title_en = "New arrivals"}, ` +
		`{id = "event", title_ko = "행사·팝업 초대", title_en = "Events and pop-ups", default_on = false}, {id = "terms", title_ko = "약관·개인정보 안내", title_en = "Terms and privacy", commercial = false}]`
	phoneWidth, phoneHeight = 360, 740
)

var preferencePath = regexp.MustCompile(`https?://[^"'<>\s]+/p/[A-Za-z0-9_-]+`)

// shop is a daemon with n customers and topics.
func newShop(t *testing.T, o emulator.Options, n int) (*host, *process, *control.Client) {
	t.Helper()
	h := newHost(t, o, shopTopics, "PABAL_CAMPAIGN_COMPANY=파발 상점", "PABAL_CAMPAIGN_PHONE=02-123-4567")
	p := h.serve()
	c := h.client()
	if _, err := c.Import(t.Context(), strings.NewReader(people(n)), audience.ImportOptions{Name: "people.csv"}); err != nil {
		t.Fatal(err)
	}
	_, err := c.PutTemplate(t.Context(), campaign.Template{Name: "sale", Subject: "(광고) {{Name}}님",
		HTML: `<p>{{Name}}님, 세일입니다.</p><p><a href="{{PreferencesURL}}">수신 설정</a> <a href="{{UnsubscribeURL}}">수신거부</a> unsubscribe</p><p>파발 상점, 서울시 중구 세종대로 110, {{Phone}}, help@example.com</p>`})
	if err != nil {
		t.Fatal(err)
	}
	return h, p, c
}

// mailTo starts a campaign to whom a segment selects.
func mailTo(t *testing.T, c *control.Client, segment, topic string) uint64 {
	t.Helper()
	made, err := c.CreateCampaign(t.Context(), campaign.Campaign{Template: "sale", Segment: segment, Topic: topic})
	if err == nil {
		_, err = c.Start(t.Context(), made.ID, -1)
	}
	if err != nil {
		t.Fatal(err)
	}
	return made.ID
}

// preferencesOf is the link in the newest mail to somebody that SES really got.
func (h *host) preferencesOf(email string) string {
	h.t.Helper()
	found := ""
	for m := range h.ses.Log() {
		if !slices.Contains(m.To, email) {
			continue
		}
		raw, ok := h.ses.Raw(m.ID)
		got, err := readMail(raw)
		if !ok || err != nil {
			h.t.Fatalf("mail to %s: %v", email, err)
		}
		found = html.UnescapeString(preferencePath.FindString(got.html))
	}
	if found == "" {
		h.t.Fatalf("%s got no mail with a link to the preferences", email)
	}
	return found
}

func preferencesNow(t *testing.T, c *control.Client, email string) control.PersonPreferences {
	t.Helper()
	p, err := c.Preferences(t.Context(), email)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestAPersonChoosesInABrowser(t *testing.T) {
	h, _, c := newShop(t, emulator.Options{Rate: 200}, 3)
	const email = "user00001@example.net"
	waitDone(t.Context(), t, c, mailTo(t, c, "", "sale"))
	b := newBrowser(t)
	b.window(phoneWidth, phoneHeight, "light")
	link := h.preferencesOf(email)
	b.open(link)
	b.accessible(phoneWidth)
	b.picture("preferences-phone-ko")
	for name, on := range map[string]bool{"세일 소식": true, "새 상품과 컬렉션": true, "행사·팝업 초대": false, "약관·개인정보 안내": true} {
		if got := b.find("checkbox", name); got.is("checked") != on {
			t.Errorf("%s: %+v, want checked %v", name, got.Properties, on)
		}
	}
	for _, group := range []string{"받을 메일", "받는 횟수", "언어"} {
		b.find("group", group)
	}
	b.click("checkbox", "세일 소식")
	b.click("checkbox", "행사·팝업 초대")
	b.click("radio", "일주일에 한 통까지")
	b.click("radio", "English")
	if p := preferencesNow(t, c, email); p.Frequency != "" || !p.Topics[0].Wanted {
		t.Errorf("changed before it was saved: %+v", p)
	}
	b.loads(func() { b.click("button", "저장하기") })
	b.find("heading", "Mail preferences")
	b.find("checkbox", "Events and pop-ups")
	status := ""
	for _, one := range b.things() { // the words of the status region stand below it
		if one.Role.Value == "StaticText" && strings.Contains(one.Name.Value, "saved") {
			status = one.Name.Value
		}
	}
	if status == "" {
		t.Error("it is not said that the choice was saved")
	}
	b.accessible(phoneWidth)
	b.picture("preferences-phone-en-saved")
	p := preferencesNow(t, c, email)
	if p.Topics[0].Wanted || !p.Topics[1].Wanted || !p.Topics[2].Wanted || p.Frequency != "weekly" || p.Language != "en" || !p.Subscribed {
		t.Errorf("stored %+v", p)
	}

	// The next sale leaves them out, whatever else is about sales.
	done := waitDone(t.Context(), t, c, mailTo(t, c, "", "sale"))
	if done.Skips[spool.SkipTopicOff] != 1 || done.Accepted != 2 {
		t.Errorf("the next sale: %+v", done.Counts)
	}
	done = waitDone(t.Context(), t, c, mailTo(t, c, "", "new"))
	if done.Skips[spool.SkipFrequency] != 1 || done.Accepted != 2 {
		t.Errorf("another topic in the same week: %+v", done.Counts)
	}
	done = waitDone(t.Context(), t, c, mailTo(t, c, "", "terms"))
	if done.Accepted != 3 {
		t.Errorf("a notice: %+v", done.Counts)
	}

	b.window(1100, 900, "light")
	b.open(link) // in the language of their own now
	b.accessible(1100)
	b.picture("preferences-desktop-en")
	b.window(phoneWidth, phoneHeight, "dark")
	b.loads(func() { b.click("link", "한국어로 보기") })
	b.accessible(phoneWidth)
	b.picture("preferences-phone-ko-dark")
	b.loads(func() { b.click("button", "모두 수신거부 하기") })
	b.accessible(phoneWidth)
	b.window(phoneWidth, phoneHeight, "light")
	b.picture("preferences-out-ko")
	if p := preferencesNow(t, c, email); p.Subscribed {
		t.Errorf("after all off: %+v", p)
	}
	b.loads(func() { b.click("button", "메일 다시 받기") })
	if p := preferencesNow(t, c, email); !p.Subscribed || p.Frequency != "weekly" {
		t.Errorf("after coming back: %+v", p)
	}
	if _, err := c.Suppress(t.Context(), email, "asked by phone"); err != nil {
		t.Fatal(err)
	}
	b.open(link + "?lang=ko")
	b.accessible(phoneWidth)
	b.picture("preferences-blocked-ko")
}

func TestPreferencesByKeyboardAlone(t *testing.T) {
	h, p, c := newShop(t, emulator.Options{Rate: 200}, 1)
	const email = "user00000@example.net"
	waitDone(t.Context(), t, c, mailTo(t, c, "", "sale"))
	b := newBrowser(t)
	b.window(phoneWidth, phoneHeight, "light")
	b.open(h.preferencesOf(email))
	var order []string
	for range 30 {
		b.key("Tab")
		at := b.focused()
		order = append(order, at.Role.Value+" "+at.Name.Value)
		switch at.Name.Value {
		case "새 상품과 컬렉션":
			b.key("Space")
		case "모두 받기":
			b.key("ArrowDown")
			b.key("ArrowDown")
		}
		if at.Name.Value == "저장하기" {
			break
		}
	}
	want := []string{"link View in English", "checkbox 세일 소식", "checkbox 새 상품과 컬렉션", "checkbox 행사·팝업 초대", "checkbox 약관·개인정보 안내", "radio 모두 받기", "radio 한국어", "button 저장하기"}
	if !slices.Equal(order, want) {
		t.Fatalf("the keyboard goes %q, want %q", order, want)
	}
	b.loads(func() { b.key("Enter") })
	if got := preferencesNow(t, c, email); got.Topics[1].Wanted || got.Frequency != "monthly" {
		t.Errorf("stored %+v", got)
	}

	// The unsubscribe page leads here too.
	b.open("http://" + p.where.Web + strings.Replace(linkPath(t, h.preferencesOf(email)), "/p/", "/u/", 1))
	b.accessible(phoneWidth)
	b.picture("unsubscribe-phone-ko")
	b.loads(func() { b.click("link", "대신 받을 메일과 횟수 고르기") })
	if monthly := b.find("radio", "한 달에 한 통까지"); !monthly.is("checked") {
		t.Error("the link does not lead to the person's own preferences")
	}
}

func linkPath(t *testing.T, link string) string {
	t.Helper()
	_, path, ok := strings.Cut(strings.TrimPrefix(link, "http://"), "/")
	if !ok {
		t.Fatalf("the link is %q", link)
	}
	return "/" + path
}

// TestOptOutInTheBrowserWhileACampaignRuns: who presses the button while 2,000
// are being mailed, and has not been, is not mailed. The list of what was
// accepted is SES's own.
func TestOptOutInTheBrowserWhileACampaignRuns(t *testing.T) {
	const everybody = 2000
	h, _, c := newShop(t, emulator.Options{Rate: 120, Quota: -1, Keep: 2 * everybody}, everybody)
	email := fmt.Sprintf("user%05d@example.net", everybody-1)
	waitDone(t.Context(), t, c, mailTo(t, c, fmt.Sprintf("email == %q", email), "new"))
	link := h.preferencesOf(email)
	b := newBrowser(t)
	b.open(link)

	before := h.accepted(email)
	id := mailTo(t, c, "", "sale")
	b.until("the campaign has begun", func() bool { now, err := c.Campaign(t.Context(), id); return err == nil && now.Accepted > 100 })
	if got := h.rowOf(t, c, id, email); got.Outcome != spool.Pending {
		t.Fatalf("too late: %s is %s", email, got.Outcome)
	}
	b.loads(func() { b.click("button", "모두 수신거부 하기") })
	b.find("button", "메일 다시 받기")
	then, err := c.Campaign(t.Context(), id)
	if err != nil || then.State != spool.Running || then.Pending == 0 {
		t.Fatalf("the campaign did not run any more: %s, %d pending, %v", then.State, then.Pending, err)
	}
	t.Logf("opted out with %d of %d mailed", then.Accepted, then.Audience)

	done := waitDone(t.Context(), t, c, id)
	if done.Audience != everybody || done.Accepted != everybody-1 || done.Skipped != 1 || done.Skips[spool.SkipUnsubscribed] != 1 ||
		done.Pending+done.Sending+done.Failed+done.Unknown != 0 {
		t.Errorf("the sums: %+v", done.Counts)
	}
	if got := h.rowOf(t, c, id, email); got.Outcome != spool.Skipped || got.Reason != spool.SkipUnsubscribed {
		t.Errorf("%s is %s: %s", email, got.Outcome, got.Reason)
	}
	if after := h.accepted(email); after != before {
		t.Errorf("SES took %d mails to %s, %d before the campaign", after, email, before)
	}
	if total := h.accepted(""); total != everybody-1+before {
		t.Errorf("SES took %d mails, want %d", total, everybody-1+before)
	}
	check, err := c.Check(t.Context())
	if err != nil || !check.Clean() {
		t.Errorf("check: %q, %v", check.All(), err)
	}
}

// accepted counts SES's own list by recipient, all for "".
func (h *host) accepted(email string) (n int64) {
	for m := range h.ses.Log() {
		if email == "" || slices.Contains(m.To, email) {
			n++
		}
	}
	return n
}

func (h *host) rowOf(t *testing.T, c *control.Client, id uint64, email string) spool.Message {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	for m, err := range c.Recipients(ctx, id, "") {
		if err != nil {
			t.Fatal(err)
		}
		if m.To == email {
			return m
		}
	}
	t.Fatalf("%s is not in the ledger", email)
	return spool.Message{}
}
