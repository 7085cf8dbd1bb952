package tui

func koreanDesk() deskTexts {
	return deskTexts{Letter: koreanLetter(), Check: koreanCheck(), Plan: koreanPlan(), Template: koreanTemplate()}
}

func koreanTemplate() templateTexts {
	return templateTexts{
		Edit: "고치기", Save: "저장", Unchanged: "바뀐 것 없음", Subject: "제목", TextPart: "글자 본문", HTMLPart: "HTML", OtherPart: "칸 이동",
		TextMade: "비어 있으면 HTML에서 저절로 만듭니다.", NoHTML: "HTML이 없습니다. 글자 본문만 나갑니다.",
		Saved: "새 판으로 저장했습니다.", Editor: "편집기", Leave: "나가기", LeaveAsk: "고친 것을 저장하지 않고 나갑니다.",
		Bytes: "크기", Missing: "없음", Changed: "가져올 때 바꾼 것",
		BytesOf:   func(html, text string) string { return "HTML " + html + ", 글자 본문 " + text },
		ChangedAt: func(part, line string) string { return part + " " + line + "번째 줄:" },
		Pulled:    func(at string) string { return at + "에 SES에서 가져왔습니다." },
		Images:    func(n string) string { return "그림 " + n + "개" },
	}
}

func koreanLetter() letterTexts {
	return letterTexts{
		Link: "브라우저", LinkHead: "브라우저로 보기", Copy: "주소 복사", Copied: "주소를 복사했습니다. PC의 브라우저에 붙여 넣으세요.", Files: "첨부",
		SearchHint: "이름이나 주소의 처음, 또는 몇 번째 사람인지 수로 쓰세요.",
		CopyHint:   "이 주소를 PC의 브라우저에 붙여 넣으세요. c 키로 복사되지 않으면 마우스로 끌어 고르세요.",
		LinkText: func(who string) string {
			return who + " 님이 받을 메일을 그대로 보여 주는 주소입니다. 수신 거부 링크는 눌러도 아무 일이 없습니다."
		},
		Until:     func(at string) string { return at + "까지 열립니다." },
		NotMailed: func(why string) string { return "이 사람에게는 나가지 않습니다: " + why },
	}
}

func koreanCheck() checkTexts {
	return checkTexts{
		Override: "그래도 보내기", TakeBack: "다시 막기", NoBlock: "막는 항목이 아님", Final: "고쳐야만 보낼 수 있음", Passed: "넘김", Reason: "까닭:",
		ReasonText: "막는 항목입니다. 그래도 보내려면 까닭을 5자 이상 쓰세요. 까닭과 쓴 사람의 이름이 캠페인에 남습니다.",
		Let:        "넘기기", NoReason: "까닭을 5자 이상 쓰세요.",
	}
}

func koreanPlan() planTexts {
	return planTexts{StartNow: "지금 보내기"}
}
