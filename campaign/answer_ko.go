package campaign

import "regexp"

// koreanAnswers are what AWS, the DNS and the network say when they do not do
// what was asked, by AWS's error codes (SES API v2 and S3, common errors) and by
// Go's words for the rest. The first that fits counts.
var koreanAnswers = []reasonKind{
	{regexp.MustCompile(`TooManyRequests|Throttl|SlowDown|RequestLimitExceeded|(?i)rate exceeded`), "AWS가 너무 자주 묻는다고 함"},
	{regexp.MustCompile(`AccessDenied|UnauthorizedOperation|(?i)not authorized to perform`), "AWS 권한이 없음"},
	{regexp.MustCompile(`ExpiredToken|(?i)security token .*expired`), "AWS 자격 증명의 기한이 지남"},
	{regexp.MustCompile(`InvalidClientTokenId|UnrecognizedClient|InvalidAccessKeyId|(?i)security token .*invalid`), "AWS 자격 증명이 틀림"},
	{regexp.MustCompile(`RequestTimeTooSkewed|RequestExpired|(?i)signature (?:not yet current|expired)`), "서버의 시각이 맞지 않음"},
	{regexp.MustCompile(`SignatureDoesNotMatch|InvalidSignature|IncompleteSignature`), "AWS 비밀 키나 서버의 시각이 틀림"},
	{regexp.MustCompile(`(?i)no AWS credentials|retrieve credentials|no EC2 IMDS role`), "AWS 자격 증명이 없음"},
	{regexp.MustCompile(`AccountSuspended|SendingPaused`), "SES 계정의 발송이 중지됨"},
	{regexp.MustCompile(`NoSuchBucket`), "그런 S3 버킷이 없음"},
	{regexp.MustCompile(`MailFromDomainNotVerified`), "MAIL FROM 도메인이 확인되지 않음"},
	{regexp.MustCompile(`LimitExceeded`), "SES의 한도를 넘음"},
	{regexp.MustCompile(`NotFoundException`), "SES에 그런 것이 없음"},
	{regexp.MustCompile(`(?i)no such host|NXDOMAIN`), "그런 서버 이름이 없음"},
	{regexp.MustCompile(`(?i)server misbehaving|SERVFAIL`), "DNS 서버가 답하지 못함"},
	{regexp.MustCompile(`(?i)i/o timeout|deadline exceeded|timed out|Client\.Timeout`), "제때 답이 없음"},
	{regexp.MustCompile(`(?i)connection refused`), "상대 서버가 연결을 받지 않음"},
	{regexp.MustCompile(`(?i)network is unreachable|no route to host|network is down`), "네트워크에 연결되지 않음"},
	{regexp.MustCompile(`x509|(?i)certificate`), "인증서를 믿을 수 없음"},
	{regexp.MustCompile(`(?i)reset by peer|broken pipe|unexpected EOF|: EOF$`), "연결이 끊김"},
}

// AnswerIn is an error of AWS, the DNS or the network for a reader: in Korean
// what it means, with its own words behind; in English, and what nobody knows,
// as it came.
func AnswerIn(lang, text string) string {
	if lang != "ko" {
		return text
	}
	for _, all := range [...][]reasonKind{koreanAnswers, koreanReasons} {
		for _, k := range all {
			if k.pattern.MatchString(text) {
				return meant(k.korean, text)
			}
		}
	}
	return text
}

// koreanStatuses are SES's words for how far a domain is set up (SES API v2,
// DkimAttributes and MailFromAttributes).
func koreanStatuses() map[string]string {
	return map[string]string{"PENDING": "확인하는 중", "SUCCESS": "확인됨", "FAILED": "실패", "TEMPORARY_FAILURE": "잠시 실패", "NOT_STARTED": "시작하지 않음"}
}
