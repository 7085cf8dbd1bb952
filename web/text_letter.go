package web

// letterTextsIn are the texts of the preview page in a language.
func letterTextsIn(tag string) letterTexts {
	if tag == "ko" {
		return letterTexts{
			Title:   "메일 미리보기",
			Notice:  "발송 전 확인용 미리보기입니다. 이 주소는 15분 동안만 열리며, 메일 안의 수신거부 링크는 눌러도 아무것도 바뀌지 않습니다.",
			From:    "보낸 사람",
			To:      "받는 사람",
			Subject: "제목",
			File:    "첨부 파일",
			Missing: "값이 없는 항목",
			Skip:    "실제로는 보내지 않음",
			Desktop: "PC 화면",
			Phone:   "휴대전화 화면",
			Text:    "텍스트",
			Frame:   "메일 본문",
			Reasons: map[string]string{"unsubscribed": "수신 거부", "topic_off": "이 주제를 받지 않음", "frequency": "최근에 이미 받음",
				"suppressed": "발송 차단 주소", "erased": "삭제된 구독자", "invalid": "잘못된 주소"},
		}
	}
	return letterTexts{
		Title:   "Preview of a mail",
		Notice:  "A preview from before sending. This address opens for 15 minutes only, and the unsubscribe links in the letter change nothing.",
		From:    "From",
		To:      "To",
		Subject: "Subject",
		File:    "Attachment",
		Missing: "Fields without a value",
		Skip:    "Would not be mailed",
		Desktop: "Desktop",
		Phone:   "Phone",
		Text:    "Text",
		Frame:   "The letter",
		Reasons: map[string]string{"unsubscribed": "unsubscribed", "topic_off": "this topic is switched off", "frequency": "mailed too recently",
			"suppressed": "suppressed address", "erased": "erased", "invalid": "invalid address"},
	}
}

// letterPages are the pages in place of a letter, in a language.
func letterPages(tag string) map[kind]wording {
	if tag == "ko" {
		return map[kind]wording{
			previewGonePage: {
				Title: "미리보기를 열 수 없습니다",
				Lines: []string{
					"미리보기 링크는 만든 뒤 15분 동안만 열립니다. 시간이 지났거나, 주소가 잘렸거나, 캠페인이나 구독자가 지워졌습니다.",
					"링크를 다시 만들어 주세요.",
				},
			},
			viewGonePage: {
				Title: "이 메일은 더 이상 볼 수 없습니다",
				Lines: []string{
					"웹에서 볼 수 있는 기간이 지났거나, 주소가 잘렸거나, 받는 사람의 정보가 지워졌습니다.",
					"받은 메일은 메일함에서 볼 수 있습니다.",
				},
			},
			unshownPage: {
				Title: "지금은 메일을 보여 드리지 못합니다",
				Lines: []string{"일시적인 문제입니다. 잠시 후 다시 열어 주세요."},
			},
		}
	}
	return map[kind]wording{
		previewGonePage: {
			Title: "This preview cannot be opened",
			Lines: []string{
				"A preview opens for 15 minutes after it was made. That time is over, the address was cut off, or the campaign or the subscriber is gone.",
				"Make a new link.",
			},
		},
		viewGonePage: {
			Title: "This mail can no longer be shown",
			Lines: []string{
				"The time in which it can be seen on the web is over, the address was cut off, or what is known of its recipient was erased.",
				"The mail you received is in your mailbox.",
			},
		},
		unshownPage: {
			Title: "The mail cannot be shown just now",
			Lines: []string{"The trouble is temporary. Open the link again in a while."},
		},
	}
}
