package tui

func koreanDesk() deskTexts {
	return deskTexts{Letter: koreanLetter(), Check: koreanCheck(), Plan: koreanPlan(), Template: koreanTemplate(), Report: koreanReportScreen(), Attach: koreanAttach(), Brake: koreanBrake()}
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

		FromFile: "파일에서", FileHead: "파일로 템플릿 만들기", FileText: "그림은 파일과 함께 들어옵니다. 이미 있는 이름을 쓰면 그 템플릿의 새 판이 됩니다.", SubjectHint: "비우면 파일의 제목", Make: "만들기", NoName: "이름을 쓰세요",
		ChooseFile: "템플릿 파일을 고르세요 (.zip 또는 .html).", NoFiles: "올려 둔 .zip이나 .html 파일이 없습니다. 그림이 있으면 폴더째 zip으로 묶으세요.",
		FromSES: "SES에서", SESHead: "SES의 템플릿 가져오기", SESText: "SES에 저장된 템플릿을 한 번 가져옵니다. 그 뒤로는 여기 있는 것을 쓰고, SES에만 있는 태그는 알맞게 바꾸어 알려 줍니다.", SESName: "SES의 이름",
		Here: "여기서 이름", HereHint: "비우면 같은 이름", Again: "다시 묻기", AgainNo: "여기 있으면 묻지 않음", AgainYes: "SES에 새로 물음", Fetch: "가져오기",
		SameAsHere: "여기 있는 것과 같습니다.", Versions: "이전 판", Remove: "없애기", RemoveAsk: "모든 판을 없앱니다. 이 템플릿으로 만든 캠페인이 있으면 없애지 않습니다.", Removed: "템플릿을 없앴습니다.",
		MadeVersion: func(name, version string) string {
			return name + " 템플릿 " + version + "판을 만들었습니다."
		},
	}
}

func koreanLetter() letterTexts {
	return letterTexts{
		Link: "브라우저", LinkHead: "브라우저로 보기", Copy: "주소 복사", Copied: "주소를 복사했습니다. PC의 브라우저에 붙여 넣으세요.", Files: "첨부",
		SearchHint: "이름이나 주소의 처음, 또는 몇 번째 사람인지 수로 쓰세요.",
		CopyHint:   "이 주소를 PC의 브라우저에 붙여 넣으세요. c 키로 복사되지 않으면 마우스로 끌어 고르세요.",
		OnlyHere:   "이 주소는 파발이 설치된 서버에서만 열립니다. PC에서 보려면 운영자에게 [web] public_url 설정을 요청하세요.",
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

func koreanReportScreen() reportTexts {
	return reportTexts{
		Title: "보고서", Running: "아직 보내는 중입니다. 지금까지의 결과입니다.", Export: "내보내기", ExportAs: "무엇으로 내보낼까요?",
		CSV: "CSV", CSVNote: "엑셀에서 엽니다", HTML: "웹 페이지 (HTML)", HTMLNote: "그래프와 함께 브라우저에서 엽니다",
		Written: "파일로 저장했습니다.", FetchIt: "PC로 가져오려면 PC의 터미널(PowerShell)에서 이 줄을 실행하세요.",
		Mail: "메일로", MailHead: "보고서를 메일로 보내기", MailText: "이 보고서를 아래 주소로 보냅니다.", LinkText: "이 보고서를 그래프와 함께 보여 주는 주소입니다. 주소를 아는 사람은 누구나 볼 수 있습니다.",
		Mailed: func(to string) string { return "보고서를 보냈습니다: " + to },
	}
}

func koreanAttach() attachTexts {
	return attachTexts{
		Title: "첨부 파일", Head: "모든 메일에 함께 보낼 파일", None: "첨부한 파일이 없습니다. n 키로 넣으세요. 큰 파일은 첨부하지 말고 링크로 거는 것이 좋습니다.", Add: "넣기", Remove: "빼기",
		Choose: "첨부할 파일을 고르세요.", Sum: func(size string) string {
			return "모두 " + size + ". 받는 사람마다 이만큼 더 나갑니다."
		},
	}
}

func koreanBrake() brakeTexts {
	return brakeTexts{
		Key: "자동 멈춤", Text: "반송이나 스팸 신고가 이만큼 넘으면 저절로 멈춥니다. 아래 두 칸은 직접 정할 때만 씁니다.",
		When: "언제", Bounces: "반송 %", Complaints: "스팸 신고 %", Never: "안 봄", Ways: [3]string{"설정대로", "직접 정하기", "멈추지 않음"},
		Usual: "운영자가 설정에 정한 한도를 씁니다.", Bad: "0부터 100까지의 수를 쓰세요. 예: 5, 0.1", OffWarn: "반송이나 스팸 신고가 많아도 멈추지 않습니다. SES가 계정을 멈출 수 있습니다.",
		Words: func(bounces, complaints string) string {
			return "반송 " + bounces + ", 스팸 신고 " + complaints + " 넘으면 멈춤"
		},
	}
}
