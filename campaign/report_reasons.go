package campaign

import (
	"regexp"
	"strings"
)

// reasonKind is a sort of reason: what pabal or SES writes, and what that means
// to a Korean reader. It lists only what the reader may do something about or
// will ask for; every other reason stands as it came.
type reasonKind struct {
	pattern *regexp.Regexp
	korean  string
}

// bounceReason is how feedback is kept: kind, SES's type and subtype, and the
// status code of the other side (RFC 3463).
var bounceReason = regexp.MustCompile(`^bounced ([A-Za-z]+)/([A-Za-z]+)(?: (\d\.\d+\.\d+))?`)

// koreanReasons are those of the ledger: of this program, of SES's answers. The
// first that fits counts.
var koreanReasons = []reasonKind{
	{regexp.MustCompile(`^discarded: `), "사람이 버림"},
	{regexp.MustCompile(`^\d+ recipients were confirmed, `), "받는 사람이 확인한 수와 다름"},
	{regexp.MustCompile(`^at most \d+ recipients were agreed to, `), "받는 사람이 정한 수보다 많음"},
	{regexp.MustCompile(`^its record in .* is damaged`), "저장된 기록이 손상됨"},
	{regexp.MustCompile(`(?i)^no reason is on record`), "까닭이 기록되지 않음"},
	{regexp.MustCompile(`(?i)^its record in the store is damaged`), "저장된 기록이 손상됨"},
	{regexp.MustCompile(`(?i)^the letter cannot be made: no value for `), "편지에 넣을 값이 없음"},
	{regexp.MustCompile(`(?i)^the letter cannot be made`), "편지를 만들 수 없음"},
	{regexp.MustCompile(`(?i)^the mail has .* bytes, more than`), "메일이 너무 큼"},
	{regexp.MustCompile(`(?i)^the campaign's definition cannot be used`), "캠페인 내용을 읽을 수 없음"},
	{regexp.MustCompile(`(?i)^the process ended while the call`), "보내는 도중 pabal이 멈춰 결과를 모름"},
	{regexp.MustCompile(`(?i)^no answer after`), "SES의 답을 받지 못함"},
	{regexp.MustCompile(`(?i)^nothing was sent`), "SES에 연결하지 못함"},
	{regexp.MustCompile(`(?i)^no AWS credentials`), "AWS 자격 증명이 없음"},
	{regexp.MustCompile(`(?i)^the account is in the SES sandbox|(?:address|domain|identity) is not verified|identities failed the check`), "SES에서 인증되지 않은 주소"},
	{regexp.MustCompile(`(?i)^rejected: bad content|virus`), "SES가 바이러스로 보고 거절함"},
	{regexp.MustCompile(`(?i)^rejected`), "SES가 거절함"},
	{regexp.MustCompile(`(?i)(?:invalid|illegal|malformed|missing) .*(?:address|domain|local part|@)`), "잘못된 주소"},
	{regexp.MustCompile(`(?i)(?:maximum )?message (?:size|length)|too (?:big|large)`), "메일이 너무 큼"},
	{regexp.MustCompile(`(?i)duplicate header|header`), "SES가 메일의 형식 때문에 거절함"},
	{regexp.MustCompile(`(?i)internal (?:error|failure)|service (?:is )?unavailable|^HTTP 5\d\d`), "SES의 내부 오류"},
	{regexp.MustCompile(`(?i)^HTTP \d\d\d|^SES answered|MessageRejected`), "SES가 거절함"},
}

// koreanBounces are SES's bounce types and subtypes (SES developer guide, event
// contents); a status code says more where it is known.
func koreanBounces() map[string]string {
	return map[string]string{
		"Permanent/General": "영구 반송", "Permanent/NoEmail": "없는 주소", "Permanent/Suppressed": "SES 전체 차단 목록의 주소",
		"Permanent/OnAccountSuppressionList": "SES 계정 차단 목록의 주소", "Permanent/UnsubscribedRecipient": "SES에서 수신을 거부한 주소",
		"Transient/General": "일시 반송", "Transient/MailboxFull": "메일함이 가득 참", "Transient/MessageTooLarge": "메일이 너무 큼",
		"Transient/CustomTimeoutExceeded": "제때 받지 않음", "Transient/ContentRejected": "내용 때문에 거절됨", "Transient/AttachmentRejected": "첨부 파일 때문에 거절됨",
		"Undetermined/Undetermined": "까닭을 알 수 없는 반송",
	}
}

// koreanStatus are enhanced status codes (RFC 3463, RFC 7372, RFC 7505), by code
// and then by class and subject.
func koreanStatus() map[string]string {
	return map[string]string{
		"5.1.1": "없는 주소", "5.1.10": "메일을 받지 않는 도메인", "5.1.2": "없는 도메인", "5.1.3": "잘못된 주소", "5.1.6": "옮겨 간 메일함",
		"5.2.1": "정지된 메일함", "5.2.2": "메일함이 가득 참", "4.2.2": "메일함이 가득 참", "5.2.3": "메일이 너무 큼", "5.3.4": "메일이 너무 큼",
		"5.4.1": "받는 서버가 없음", "5.4.4": "없는 도메인", "5.7": "받는 쪽의 정책이나 스팸 차단으로 거절됨", "4.7": "받는 쪽의 정책이나 스팸 차단으로 거절됨",
	}
}

// ReasonIn is a reason of the ledger for a reader: in Korean what it means,
// with the words that came behind it; in English as it came.
func ReasonIn(lang, reason string) string {
	if lang != "ko" || reason == "" {
		return reason
	}
	if m := bounceReason.FindStringSubmatch(reason); m != nil {
		return meant(koreanBounce(m[1]+"/"+m[2], m[3]), reason)
	}
	for _, k := range koreanReasons {
		if k.pattern.MatchString(reason) {
			return meant(k.korean, reason)
		}
	}
	return AnswerIn(lang, reason)
}

func koreanBounce(kind, status string) string {
	byStatus := koreanStatus()
	if text := byStatus[status]; text != "" {
		return text
	}
	if kind == "Permanent/General" || kind == "Transient/General" || kind == "Undetermined/Undetermined" {
		if i := strings.LastIndexByte(status, '.'); i > 0 && byStatus[status[:i]] != "" {
			return byStatus[status[:i]]
		}
	}
	if text := koreanBounces()[kind]; text != "" {
		return text
	}
	return map[bool]string{true: "영구 반송", false: "일시 반송"}[strings.HasPrefix(kind, "Permanent/")]
}

func meant(korean, reason string) string { return korean + " (" + reason + ")" }
