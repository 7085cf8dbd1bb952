package campaign

import (
	"strings"
	"testing"

	"pabal/spool"
)

// What a marketer asks of a reason stands first, in Korean; the words that came
// follow, and English readers get those alone.
func TestReasonsAreReadableInKorean(t *testing.T) {
	for reason, want := range map[string]string{
		"bounced Permanent/General 5.1.1: smtp; 550 5.1.1 … user unknown":                                          "없는 주소",
		"bounced Permanent/General 5.7.26: smtp; 550 unauthenticated":                                              "받는 쪽의 정책이나 스팸 차단으로 거절됨",
		"bounced Permanent/General":                                                                                "영구 반송",
		"bounced Permanent/OnAccountSuppressionList":                                                               "SES 계정 차단 목록의 주소",
		"bounced Permanent/SomethingNew":                                                                           "영구 반송",
		"bounced Transient/MailboxFull 5.2.2":                                                                      "메일함이 가득 참",
		"bounced Transient/General 4.4.7: smtp; 421 try later":                                                     "일시 반송",
		"bounced Transient/ContentRejected 5.7.1: smtp; 554 spam":                                                  "내용 때문에 거절됨",
		"the account is in the SES sandbox, where recipients must be verified too: Email address is not verified.": "SES에서 인증되지 않은 주소",
		"the letter cannot be made: no value for Coupon; give the subscriber the value":                            "편지에 넣을 값이 없음",
		"the mail has … bytes, more than …":                                                                        "메일이 너무 큼",
		"no answer after 30s: the time limit was reached":                                                          "SES의 답을 받지 못함",
		"the process ended while the call to SES was open":                                                         "보내는 도중 pabal이 멈춰 결과를 모름",
		"nothing was sent: connection refused":                                                                     "SES에 연결하지 못함",
		"We encountered an internal error, please try again.":                                                      "SES의 내부 오류",
		"HTTP 503 Service Unavailable without an SES error":                                                        "SES의 내부 오류",
		"Duplicate header 'Subject'.":                                                                              "SES가 메일의 형식 때문에 거절함",
		"Missing final '@domain'":                                                                                  "잘못된 주소",
		"its record in the store is damaged":                                                                       "저장된 기록이 손상됨",
		"no reason is on record":                                                                                   "까닭이 기록되지 않음",
	} {
		if got := ReasonIn("ko", reason); got != want+" ("+reason+")" {
			t.Errorf("%q: got %q, want %q", reason, got, want)
		}
		if got := ReasonIn("en", reason); got != reason {
			t.Errorf("English: %q became %q", reason, got)
		}
	}
	for _, own := range []string{"", "전혀 모르는 이유", "something else"} {
		if got := ReasonIn("ko", own); got != own {
			t.Errorf("%q became %q", own, got)
		}
	}
	r := sampleReport()
	r.Tables.Failed = []spool.ReasonCount{{Reason: "Missing final '@domain'", Count: 3}, {Count: 1}}
	text := r.letter("ko", seoul)
	for _, want := range []string{"잘못된 주소 (Missing final", "없는 주소 (bounced Permanent/General 5.1.1", "그 밖의 모두"} {
		if !strings.Contains(text, want) {
			t.Errorf("the report lacks %q:\n%s", want, text)
		}
	}
}
