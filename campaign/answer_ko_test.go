package campaign

import (
	"strings"
	"testing"
)

func TestAnswersOfOthersAreSaidInKorean(t *testing.T) {
	for text, want := range map[string]string{
		"TooManyRequestsException: Rate exceeded":                                                  "AWS가 너무 자주 묻는다고 함",
		"AccessDeniedException: User: arn:aws:iam::1:user/a is not authorized to perform: ses:Get": "AWS 권한이 없음",
		"UnrecognizedClientException: The security token included in the request is invalid.":      "AWS 자격 증명이 틀림",
		"ExpiredTokenException: The security token included in the request is expired":             "AWS 자격 증명의 기한이 지남",
		"SignatureDoesNotMatch: Signature not yet current: 20261122T000000Z":                       "서버의 시각이 맞지 않음",
		"no AWS credentials were found":                                                            "AWS 자격 증명이 없음",
		"dial tcp: lookup email.ap-northeast-2.amazonaws.com: no such host":                        "그런 서버 이름이 없음",
		"lookup _dmarc.example.com on 127.0.0.53:53: server misbehaving":                           "DNS 서버가 답하지 못함",
		"read udp 10.0.0.2:4000->8.8.8.8:53: i/o timeout":                                          "제때 답이 없음",
		"dial tcp 127.0.0.1:9090: connect: connection refused":                                     "상대 서버가 연결을 받지 않음",
		"dial tcp 10.1.1.1:443: connect: network is unreachable":                                   "네트워크에 연결되지 않음",
		"tls: failed to verify certificate: x509: certificate has expired":                         "인증서를 믿을 수 없음",
		"read tcp 10.0.0.1:1->10.0.0.2:443: read: connection reset by peer":                        "연결이 끊김",
		"NoSuchBucket: The specified bucket does not exist":                                        "그런 S3 버킷이 없음",
		"MessageRejected: Email address is not verified: shop@example.com":                         "SES에서 인증되지 않은 주소",
		"20 recipients were confirmed, 44 are to be mailed now":                                    "받는 사람이 확인한 수와 다름",
		"discarded: 554 no": "사람이 버림",
		"HTTP 503 with a page that is no SES answer: Service is unavailable": "SES의 내부 오류",
	} {
		if got := AnswerIn("ko", text); got != want+" ("+text+")" {
			t.Errorf("%q: got %q, want %q in front", text, got, want)
		}
		if got := AnswerIn("en", text); got != text {
			t.Errorf("%q: in English %q", text, got)
		}
	}
	if got := AnswerIn("ko", "nobody knows this"); got != "nobody knows this" {
		t.Errorf("got %q", got)
	}
}

func TestFindingsSayAnswersOfOthersInKorean(t *testing.T) {
	for _, c := range []struct {
		f    Finding
		want string
	}{
		{Finding{Rule: "dns_silent", Level: Warn, Data: map[string]string{"domain": "example.com", "error": "lookup example.com: i/o timeout"}}, "제때 답이 없음 (lookup example.com: i/o timeout)"},
		{Finding{Rule: RuleAccountUnknown, Case: "sender", Level: Warn, Data: map[string]string{"error": "TooManyRequestsException: Rate exceeded"}}, "AWS의 답: AWS가 너무 자주"},
		{Finding{Rule: "mail_from", Case: "failed", Level: Warn, Data: map[string]string{"mail_from": "bounce.example.com", "status": "TEMPORARY_FAILURE"}}, "(잠시 실패)"},
		{Finding{Rule: "dkim", Case: "off", Level: Block, Data: map[string]string{"domain": "example.com", "status": "NOT_STARTED"}}, "DKIM: 시작하지 않음"},
	} {
		ko, en := c.f.In("ko"), c.f.In("en")
		if !strings.Contains(ko.What+ko.Why, c.want) {
			t.Errorf("%s: got %q and %q, want %q", c.f.Rule, ko.What, ko.Why, c.want)
		}
		if strings.ContainsAny(en.What+en.Why, "답음가") {
			t.Errorf("%s: in English %q and %q", c.f.Rule, en.What, en.Why)
		}
	}
}
