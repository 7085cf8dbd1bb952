package tui

import "pabal/audience"

// englishProblems are those whose own hint tells of the command line, where the
// screen has a key for it.
func englishProblems() map[string]string {
	texts := map[string]string{
		audience.ColumnTwice:    "The columns {1} and {2} mean the same. Choose the one that is not needed, press Enter, and take “not imported”.",
		audience.ColumnSameName: "Two columns are called {1}. Choose one, press Enter, and take “not imported”, or give one another header in the file.",
		audience.ColumnBadName:  "The header {1} is too long or holds characters that cannot be kept. Choose the column, press Enter, and take “not imported”.",
		audience.CodeErased:     "This person was erased. To take them in again, lift the address off the suppression list first (tab 5, key d).",
	}
	for code := range koreanProblems() {
		if texts[code] == "" {
			texts[code] = "{own}"
		}
	}
	return texts
}

// koreanProblems are all codes that the screens of people meet.
func koreanProblems() map[string]string {
	return map[string]string{
		"blocked":                "점검에서 막혔습니다. Esc로 점검 단계로 돌아가 고치거나 까닭을 쓰세요. ({own})",
		"state":                  "그사이 캠페인의 상태가 바뀌었습니다. 캠페인을 다시 열어 확인하세요. ({own})",
		audience.FileEmpty:       "빈 파일입니다. 첫 줄에 열 이름이 있게 다시 내보내세요.",
		audience.FileNoHeader:    "열 이름 줄이 없습니다. 첫 줄에 열 이름을 넣으세요.",
		audience.FileWebPage:     "이름만 엑셀인 웹 페이지 파일입니다. 엑셀에서 열어 .xlsx나 CSV UTF-8로 저장해 다시 올리세요.",
		audience.FileNotText:     "CSV도 엑셀 파일도 아닙니다. 엑셀에서 열어 .xlsx나 CSV UTF-8로 저장해 다시 올리세요.",
		audience.FileNotExcel:    "손상되었거나 .xlsx가 아닌 파일입니다. 엑셀에서 열어 .xlsx나 CSV UTF-8로 저장해 다시 올리세요.",
		audience.FileOldExcel:    "옛 엑셀 파일(.xls)입니다. 엑셀에서 열어 .xlsx로 저장해 다시 올리세요.",
		audience.FilePassword:    "비밀번호가 걸린 엑셀 파일입니다. 비밀번호를 풀고 저장해 다시 올리세요.",
		audience.FileEncoding:    "{1}로는 읽을 수 없는 글자가 있습니다. e 키로 인코딩을 바꾸거나 CSV UTF-8로 다시 저장하세요.",
		audience.FileRow:         "큰따옴표의 짝이 맞지 않아 줄을 나눌 수 없습니다. 파일에서 그 줄을 고쳐 다시 올리세요. ({own})",
		audience.FileTooLarge:    "파일이 너무 큽니다. 필요 없는 열을 빼거나 여러 파일로 나누어 올리세요.",
		audience.ColumnsTooMany:  "열이 너무 많습니다({1}개). 쓰는 열만 남겨 다시 올리세요.",
		audience.ColumnNoEmail:   "이메일 열을 알 수 없습니다. 열을 골라 Enter를 누르고 이메일로 정하세요.",
		audience.ColumnTwice:     "{1}, {2}: 같은 뜻의 열이 둘입니다. 안 쓸 열에서 Enter를 누르고 '가져오지 않음'을 고르세요.",
		audience.ColumnSameName:  "{1}: 이름이 같은 열이 둘입니다. Enter를 누르고 '가져오지 않음'을 고르거나, 파일에서 이름을 바꾸세요.",
		audience.ColumnBadName:   "{1}: 열 이름이 너무 길거나 쓸 수 없는 글자가 있습니다. Enter를 누르고 '가져오지 않음'을 고르세요.",
		audience.ColumnNotThere:  "{1}: 파일에 없는 열입니다. 뒤로 가서 파일을 다시 고르세요.",
		audience.ColumnDoubled:   "{1}: 한 열을 두 곳에 쓸 수 없습니다. 열마다 한 곳만 정하세요.",
		audience.ColumnExportsOf: "파발이 내보낸 파일에만 있는 열입니다. 다른 것으로 정하세요.",
		audience.CodeOwnChoice:   "본인이 직접 끈 것입니다. 메일에 있는 수신 설정 페이지에서 본인만 되돌릴 수 있습니다.",
		audience.CodeOwnYes:      "본인이 이미 동의했습니다. 물을 것이 없습니다.",
		audience.CodeSuppressed:  "발송 차단된 주소라 어떤 메일도 갈 수 없습니다. 먼저 차단을 푸세요.",
		audience.CodeAsked:       "얼마 전에 이미 물었습니다. 답을 기다리세요.",
		audience.CodeErased:      "삭제한 사람입니다. 다시 받으려면 먼저 발송 차단(5)에서 d 키로 그 주소를 푸세요.",
		audience.CodeCondition:   "{1}번째 조건의 값이 맞지 않습니다. 그 줄에서 Enter를 누르고 다시 고르세요.",
		audience.CodeSegment:     "조건식이 {2}번째 글자에서 틀렸습니다. 철자와 따옴표를 확인하세요. ({own})",
	}
}
