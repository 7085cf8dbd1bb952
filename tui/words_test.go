package tui

import (
	"errors"
	"net"
	"strings"
	"testing"
	"time"

	"pabal/audience"
	"pabal/campaign"
	"pabal/eml"
	"pabal/sesclient"
	"pabal/spool"
)

func TestWhatSESSaidOfAMailIsInKoreanWords(t *testing.T) {
	d := newDriver(t, "ko", func(f *fakeBackend) {
		f.queued[0].Outcome, f.queued[0].Reason = spool.Failed, "MessageRejected: Email address is not verified."
		f.queued = f.queued[:1]
	})
	d.press("7", "o", "o")
	d.want("SES에서 인증되지 않은 주소 (MessageRejected")
	d.press("enter")
	d.want("SES에서 인증되지 않은 주소 (MessageRejected: Email address is", "not verified.)")
}

func TestAccountThatIsNotKnownSaysWhyInKorean(t *testing.T) {
	d := newDriver(t, "ko", func(f *fakeBackend) {
		f.ses = sesclient.Status{Error: "UnrecognizedClientException: The security token is invalid"}
	})
	d.want("SES 계정을 확인하지 못함: AWS 자격 증명이 틀림")
	d.press("8")
	d.want("AWS 자격 증명이 틀림")
}

func TestBrokenConnectionDuringAnActIsSaidInKorean(t *testing.T) {
	d := newDriver(t, "ko")
	d.press("2", "down", "down", "enter", "p")
	d.back.down = &eml.Problem{What: "no pabal daemon answers on /run/c.sock", Hint: "start one", Err: &net.OpError{Op: "dial", Net: "unix", Err: errors.New("refused")}}
	d.press("y")
	d.want("답이 없어 되었는지 알 수 없습니다")
	d.wantNot("no pabal daemon")
}

func TestWrongAddressIsSaidInKorean(t *testing.T) {
	d := newDriver(t, "ko")
	got := d.m.problem(&eml.Problem{What: "address \"me@\": nothing stands after the @", Hint: "write it as name@example.com", Code: "address_no_domain", Args: []string{"me@"}})
	if want := "me@: 주소의 @ 뒤가 비어 있습니다. name@example.com처럼 쓰세요."; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	for _, code := range eml.AddressCodes() {
		if audience.AddressInKorean("address_"+code) == "" {
			t.Errorf("%s has no Korean words", code)
		}
	}
}

func TestCampaignsThatWaitForAPersonAreOnTheFirstScreen(t *testing.T) {
	for lang, w := range map[string]struct{ grown, braked, how string }{
		"ko": {"겨울 신상품 안내: 받는 사람이 확인한 수보다", "회원 가입 환영: 저절로 멈춤", "캠페인을 골라 Enter로 여세요. 까닭을 확인하고 s 키로"},
		"en": {"겨울 신상품 안내: ", "회원 가입 환영: ", "Choose the campaign and open it with Enter."},
	} {
		d := newDriver(t, lang, withHeldStart, withBraked)
		d.want(w.grown, w.braked, w.how)
	}
}

func TestAddressThatOpensOnlyOnTheHostSaysSo(t *testing.T) {
	for address, only := range map[string]bool{"http://127.0.0.1:8080/l/x": true, "http://[::1]:8080/l/x": true, "http://localhost/l/x": true,
		"https://mail.example.com/l/x": false, "http://10.0.0.3:8080/l/x": false} {
		d := newDriver(t, "ko", func(f *fakeBackend) { f.link = campaign.Link{URL: address, Until: testNow.Add(15 * time.Minute)} })
		toPreview(d)
		d.press("l")
		if got := strings.Contains(d.screenText(), "서버에서만 열립니다"); got != only {
			t.Errorf("%s: warns %t, want %t", address, got, only)
		}
	}
}

func TestTestMailToSeveralSaysToHowMany(t *testing.T) {
	d := newDriver(t, "ko")
	toPreview(d)
	d.press("t")
	d.typeText("me@example.com")
	d.wantNot("곳에 한 통씩")
	d.typeText(", you@example.com;she@example.com")
	d.want("주소 3곳에 한 통씩 보냅니다")
}

func TestListOfAllSubscribersDoesNotSayThereAreMore(t *testing.T) {
	people := func(n int) func(*fakeBackend) {
		return func(f *fakeBackend) {
			f.people = nil
			for i := range n {
				f.people = append(f.people, audience.Subscriber{ID: uint64(i + 1), Email: "a@example.com"})
			}
		}
	}
	d := newDriver(t, "ko", people(subscriberRows))
	d.press("3")
	d.want("200건")
	d.wantNot("처음 200건")
	d = newDriver(t, "ko", people(subscriberRows+1))
	d.press("3")
	d.want("처음 200건")
}

func TestQuestionIsSeenHoweverMuchStandsAboveIt(t *testing.T) {
	d := newDriver(t, "ko", withLargePlan)
	d.size(60, 20)
	toSchedule(d)
	d.press("enter")
	d.want("확인: 182,400 입력 후 Enter", "…")
	fits(t, d, 60, 20)
	if c := d.m.View().Cursor; c == nil || !strings.Contains(strings.Split(d.screenText(), "\n")[c.Y], "입력 후") {
		t.Errorf("the cursor is at %+v", c)
	}
}
