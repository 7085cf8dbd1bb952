package tui

func koreanMail() mailTexts {
	return mailTexts{
		Title: "메일 보기", Trace: "추적", What: "찾을 것", TypeQuery: "주소나 번호를 쓰세요", Another: "다른 것 찾기", NoTrace: "맞는 메일이 없습니다.", Of: "메일", NoSubject: "(제목 없음)", NoAddress: "주소 없음",
		QueryHint: "이메일 주소, SES ID, Message-ID, 파발의 메일 번호(q17) 가운데 하나를 쓰세요. 그 사람에게 간 모든 메일과 결과가 나옵니다.",
		Find:      "주소로 찾기", NoMails: "이런 메일이 없습니다.", Holds: "보류", Hold: "보류 걸기", HoldWhat: "무엇을 멈출까요? 보내는 도메인은 직접 쓰세요.", HoldAll: "모든 메일", HoldBulk: "캠페인 메일만", HoldApps: "홈페이지 등 프로그램이 보내는 메일만",
		HoldWarn: "보류를 풀 때까지 나가지 않고 쌓입니다. 받은 메일은 잃어버리지 않습니다.", Held: "보류했습니다. 보류 화면에서 r 키로 풉니다.",
		WhyHint: "까닭을 쓰세요. 다른 사람이 보고 알 수 있게요.", NothingHeld: "멈춰 둔 것이 없습니다. n 키로 보류를 걸 수 있습니다.", ByItself: "저절로 풀림", ByHand: "사람이 풀어야 함",
		Retry: "다시 보내기", RetryWarn: "이 메일 1통을 다시 보냅니다.", Retried: "다시 보내기로 했습니다.", RetryAll: "모두 다시", Discard: "버리기", DiscardWarn: "이 메일 1통을 보내지 않고 버립니다. 내용이 지워지며 되돌릴 수 없습니다.", Discarded: "버렸습니다.",
		OfCampaign: "캠페인 메일은 발송 대장에서", Gone: "버린 메일이라 내용이 없습니다", FailedHint: "까닭을 고친 뒤 r 키로 다시 보내거나 d 키로 버리세요.",
		UnknownHint: "나갔는지 알 수 없습니다. r 키로 다시 보내면 두 번 갈 수 있습니다.", PendingHint: "저절로 다시 시도합니다.",
		Route: "규칙", Set: "Configuration set", Tags: "SES 태그",
		Kind: "종류", Answer: "SES의 답", NotTried: "아직 없음", Heard: "도착 소식", Received: "받은 때", Changed: "마지막 변화", NextTry: "다음 시도", Size: "크기", Number: "번호",
		Edit: "주소 고치기", EditKey: "주소", EditWarn: "같은 내용을 이 주소로 새로 보내고, 원래 메일은 버린 것으로 적습니다. 편지 안의 받는 사람 줄은 그대로입니다.", EditUnknown: "원래 메일은 이미 나갔을 수 있습니다.", Edited: "새 주소로 보내기로 했습니다.",
		OtherAddress: "다른 주소를 쓰세요", DeadLetters: "보내지 못한 메일", DiscardAll: "모두 버리기", NothingToDiscard: "버릴 것이 없음", Done: "한 일",
		Acts: map[string]string{"retry": "다시 보냄", "discard": "버림", "edit": "주소 고침"},
		DiscardAllAsk: func(n string) string {
			return "목록의 메일 " + n + "통을 보내지 않고 버립니다. 내용이 지워지며 되돌릴 수 없습니다."
		},
		SentAs:      func(id string) string { return "새 메일 " + id },
		InPlaceOf:   func(id string) string { return id + " 대신" },
		GivenUp:     func(why string) string { return "버림: " + why },
		GivenUpFor:  func(id, why string) string { return "다른 주소로 보냄 (" + id + "): " + why },
		RetryAllAsk: func(n string) string { return "목록의 실패·불명 메일 " + n + "통을 다시 보냅니다." },
		TriesOf:     func(calls, used string) string { return calls + "번 (셈에 든 시도 " + used + "/4)" },
	}
}

func koreanDash() dashTexts {
	return dashTexts{
		OpenCampaign: "캠페인 열기", NothingRuns: "발송 중인 캠페인 없음",
		Sandbox: "SES 샌드박스: 인증된 주소로만, 하루 200통까지만 나갑니다", SandboxHint: "AWS 콘솔의 SES 화면에서 샌드박스 해제를 신청하세요.",
		HeldCampaign: func(name, why string) string { return "캠페인 보류: " + name + " (" + why + ")" }, HeldHint: "캠페인을 골라 Enter로 열고 까닭을 본 뒤, 괜찮으면 r 키로 재개하세요.",
		Curve:       func(least, most string) string { return "초당 " + least + "~" + most + "통" },
		LastMinutes: func(n string) string { return "최근 " + n + "분" },
		More:        func(n string) string { return "그 밖에 " + n + "건" },
		OpenIt:      func(how string) string { return "캠페인을 골라 Enter로 여세요. " + how },
		Left:        func(span string) string { return span + " 남음" },
	}
}
