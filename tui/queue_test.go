package tui

import (
	"testing"

	"pabal/spool"
)

// TestTheQueueIsWorkedByHand: retry, discard and hold ask once more, and do
// what they say to the mail that was selected.
func TestTheQueueIsWorkedByHand(t *testing.T) {
	d := newDriver(t, "ko")
	d.press("7")
	d.want("q91", "454 Temporary")
	d.press("r")
	d.want("r 다시 보내기: 대기")
	d.press("d")
	d.wantCalls("Discard")
	d.press("n")
	d.wantCalls("Discard")
	d.press("d", "y")
	d.wantCalls("Discard", "Discard q91")
	d.press("o", "o", "down", "r", "y")
	d.wantCalls("Retry", "Retry q40")
	d.press("up", "r")
	d.want("버린 메일이라")
	d.press("O", "O", "O", "a", "y") // all, with those that cannot be sent again
	d.wantCalls("Retry", "Retry q40", "Retry q40", "Retry q42")
	d.press("h", "n")
	d.typeText("Example.ORG")
	d.press("enter", "enter")
	d.want("까닭을 쓰세요")
	d.typeText("도메인 이전")
	d.press("enter", "y")
	d.wantCalls("Hold", "Hold from:example.org 도메인 이전")
}

// TestDeadLettersAreWorkedByHand: their list, another address, giving all up;
// each is asked once more, with a warning where a mail may have gone.
func TestDeadLettersAreWorkedByHand(t *testing.T) {
	d := newDriver(t, "ko")
	d.press("7", "l")
	d.want("보내지 못한 메일", "buyer@naver.example", "sales@partner.example")
	d.wantNot("old@daum.example")
	d.press("e")
	d.want("다른 주소를 쓰세요")
	d.press("enter", "ctrl+u")
	d.typeText("buyer2@naver.example")
	d.press("enter")
	d.want("buyer@naver.example → buyer2@naver.example")
	d.wantNot("이미 나갔을 수 있습니다")
	d.press("y")
	d.wantCalls("Edit", "Edit q40 buyer2@naver.example")
	d.press("down", "e", "ctrl+u")
	d.typeText("x@partner.example")
	d.press("enter")
	d.want("이미 나갔을 수 있습니다")
	d.press("n", "esc", "D")
	d.want("2통을 보내지 않고 버립니다")
	d.press("y")
	d.wantCalls("Discard", "Discard q40", "Discard q42")
	d.press("o") // back among the outcomes
	d.want("customer009@example.com")
	d.press("7", "o", "o", "o", "o", "e")
	d.wantCalls("Edit", "Edit q40 buyer2@naver.example")
}

// TestSelectionStaysOnItsMail: the list is read anew while somebody looks, and
// a key must not reach the mail that slid under the cursor.
func TestSelectionStaysOnItsMail(t *testing.T) {
	d := newDriver(t, "en")
	d.press("7", "down")
	d.want("q92")
	d.back.queued = append([]spool.Message{{ID: "q90", To: "first@example.com", Outcome: spool.Pending}}, d.back.queued...)
	for range queueEvery {
		d.tick()
	}
	d.want("q92", "first@example.com")
	d.press("d", "y")
	d.wantCalls("Discard", "Discard q92")
}

// TestTraceReachesEveryRow: every list with an address or a message has the key.
func TestTraceReachesEveryRow(t *testing.T) {
	for name, c := range map[string]struct {
		keys []string
		want string
	}{
		"subscribers":  {[]string{"3", "down", "t"}, "Trace customer002@example.com"},
		"person":       {[]string{"3", "enter", "t"}, "Trace customer001@example.com"},
		"suppressions": {[]string{"5", "down", "t"}, "Trace angry@naver.example"},
		"ledger":       {[]string{"2", "down", "down", "enter", "enter", "t"}, "Trace customer001@example.com"},
		"no address":   {[]string{"2", "down", "down", "enter", "up", "down", "down", "down", "down", "down", "enter", "t"}, "Trace c3-52"},
		"queue":        {[]string{"7", "t"}, "Trace customer007@example.com"},
		"mail":         {[]string{"7", "enter", "t"}, "Trace customer007@example.com"},
	} {
		d := newDriver(t, "en")
		d.press(c.keys...)
		calls := d.back.asked("Trace")
		if len(calls) == 0 || calls[len(calls)-1] != c.want {
			t.Errorf("%s: calls %q, want the last to be %q\n%s", name, calls, c.want, d.screenText())
		}
	}
	d := newDriver(t, "en")
	d.press("5", "end", "t")
	d.want("t trace: erased")
	d.press("7", "f")
	d.typeText("<31.order@shop.example.com>")
	d.press("enter")
	d.wantCalls("Trace", "Trace <31.order@shop.example.com>")
}
