package web

// korean are the texts in Korean.
func korean() language {
	return language{
		Tag:     "ko",
		Name:    "한국어로 보기",
		Contact: "문의 전화:",
		pages: map[kind]wording{
			askPage: {
				Title: "수신거부",
				Lines: []string{
					"아래 버튼을 누르면 이 주소로 더 이상 광고·소식 메일을 보내지 않습니다.",
					"로그인은 필요 없으며, 버튼을 누르기 전에는 아무것도 바뀌지 않습니다.",
				},
				Button: "수신거부 하기",
			},
			donePage: {
				Title: "수신거부 요청을 처리했습니다",
				Lines: []string{
					"이 링크의 주소로는 더 이상 광고·소식 메일을 보내지 않습니다. 이미 발송 중이던 메일은 도착할 수 있습니다.",
					"링크가 잘려 있었다면 누구의 주소인지 알 수 없습니다. 메일이 계속 오면 받은 메일에 회신하거나 보낸 곳에 연락해 주세요.",
				},
			},
			testPage: {
				Title: "테스트 메일의 링크입니다",
				Lines: []string{
					"이 메일은 발송 전 확인용 테스트 메일입니다. 여기서는 아무것도 바뀌지 않습니다.",
					"실제 메일에는 받는 사람마다 자신의 수신거부 링크가 들어갑니다.",
				},
			},
			failedPage: {
				Title: "수신거부를 기록하지 못했습니다",
				Lines: []string{
					"일시적인 문제로 요청이 저장되지 않았습니다. 잠시 후 다시 눌러 주세요.",
					"계속되면 받은 메일에 회신하거나 보낸 곳에 연락해 주세요.",
				},
				Button: "다시 시도",
			},
			missingPage: {
				Title: "페이지를 찾을 수 없습니다",
				Lines: []string{
					"주소가 올바른지 확인해 주세요. 수신거부를 하려면 메일 아래쪽의 링크 전체를 열어야 합니다.",
				},
			},
		},
	}
}
