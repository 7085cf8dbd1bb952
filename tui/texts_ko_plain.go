package tui

func koreanPlain() plainTexts {
	return plainTexts{
		Intro: []string{
			"파발, 줄글 모드입니다. 화면을 그리지 않고 한 줄씩 읽어 줍니다.",
			"키 이름을 쓰고 Enter를 누르세요. 예: 3, n, enter, esc, tab, down, down 5, pgdn, ctrl+s.",
			"빈 줄은 화면을 다시 읽습니다. ?는 지금 쓸 수 있는 키를 모두 읽습니다. q는 나갑니다.",
			"글을 쓰는 칸에서는 한 줄이 그대로 칸에 들어가고, 빈 줄이 Enter입니다. 그때 키는 앞에 쌍점을 붙입니다. 예: :esc, :tab, :down.",
			"> 로 시작하는 줄이 고른 줄입니다.",
		},
		Key: "키", Text: "글", Keys: "쓸 수 있는 키:",
		Unknown: func(s string) string {
			return "그런 키가 없습니다: " + s + ". ? 를 쓰면 쓸 수 있는 키를 읽어 줍니다."
		},
	}
}
