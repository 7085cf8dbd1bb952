package tui

func koreanDomain() domainTexts {
	return domainTexts{
		Open: "자세히, 등록할 레코드", Account: "SES 계정", Production: "정식 계정 (누구에게나 보낼 수 있음)", Reputation: "평판",
		Head: "보내는 도메인", None: "SES에 등록된 도메인이 없습니다.", AllGood: "SES와 DNS 설정이 모두 맞습니다.", Good: "통과", Unknown: "알 수 없음",
		Below:     "아래 레코드를 DNS 업체에 등록하세요 (Enter, 맨 아래).",
		CheckedAt: "확인한 때", Found: "등록됨", NotFound: "없음", Wrong: "틀림", NotAsked: "DNS를 확인하지 않음", Form: "DNS 업체", Seen: "DNS에 있는 것",
		Records: func(host, zone string) string {
			if host == "DNS" {
				return "DNS에 등록할 레코드"
			}
			return host + "에 등록할 레코드, 도메인 " + zone
		},
		Fields:      [3]string{"이름", "값", "우선순위"},
		Enforcement: map[string]string{"HEALTHY": "좋음", "PROBATION": "검토 중: 반송과 스팸 신고를 줄여야 합니다", "SHUTDOWN": "발송 정지"},
		Parts:       map[string]string{"dkim": "DKIM", "mail_from": "MAIL FROM", "spf": "SPF", "dmarc": "DMARC"},
		States:      [5]string{"통과", "없음", "틀림", "기본", "모름"},
	}
}
