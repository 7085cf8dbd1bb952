package cli

// kindNames are the types of values in words, by reflect's names and two of ours.
var kindNames = map[string]map[string]string{
	"en": {"string": "text", "bool": "true or false", "int": "whole number", "float64": "number", "slice": "list", "map": "table",
		"size": "size, as \"64MB\"", "span": "time span, as \"10m\" or \"1h30m\""},
	"ko": {"string": "글", "bool": "true 또는 false", "int": "정수", "float64": "수", "slice": "목록", "map": "테이블",
		"size": "크기(\"64MB\")", "span": "시간(\"10m\", \"1h30m\")"},
}

// allowedNames are what a value may be, where settings.txt says it in English words.
var allowedNames = map[string]map[string]string{
	"ko": {"path": "경로", "path or \"\"": "경로 또는 \"\"", "path, \"auto\" or \"\"": "경로, \"auto\" 또는 \"\"", "path, \"self-signed\" or \"\"": "경로, \"self-signed\" 또는 \"\"",
		"at least 3 × smtp.max_message_size": "smtp.max_message_size의 3배 이상", "host:port or \"\"": "host:port 또는 \"\"", "networks": "네트워크", "mailbox": "메일 주소(이름 가능)",
		"domain": "도메인", "names that begin with X-SES-": "X-SES-로 시작하는 이름", "address": "메일 주소", "1m or more": "1m 이상", "AWS region": "AWS 리전", "URL or \"\"": "URL 또는 \"\"",
		"name": "이름", "time zone": "시간대", "text": "글", "whole number": "정수", "time span": "시간", "words": "낱말", "\"0s\", or 10s or more": "\"0s\", 또는 10s 이상",
		"patterns": "패턴", "numbers": "번호", "names": "이름", "id of a topic": "주제의 id", "names and values": "이름과 값", "a-z 0-9 _ -, up to 32": "a-z 0-9 _ -, 32자까지"},
}

// referenceHead begins the pages.
var referenceHead = map[string]string{
	"en": `# Configuration reference

<!-- Made by: go generate ./cli. Change cli/pabal.toml (English) and cli/settings.txt (Korean), not this page. -->

Every setting of ` + "`/etc/pabal/pabal.toml`" + ` (or the file that ` + "`--config`" + ` or ` + "`PABAL_CONFIG`" + ` names) as it is written, with its default, then its
type, what it may be, and its name in the environment. The environment wins over the file; lists are written with commas there.
An unknown key or variable is an error. Relative paths in the file are of the file's folder.

` + "`pabal config init`" + ` asks for what a first run needs and writes the file with comments, ` + "`pabal config check`" + ` says what is wrong with it and
where, ` + "`pabal config show`" + ` shows what is in force and where it comes from. Settings are read when the daemon starts;
what ` + "`systemctl reload pabal`" + ` reads again is in [web.md](web.md#reload). ` + "`PABAL_SECTION_KEY_FILE`" + ` names a file with the value. Secrets stand in files of their own: [install.md](install.md#secrets).

## General

`,
	"ko": `# 설정 안내

<!-- go generate ./cli 가 만듭니다. 이 페이지가 아니라 cli/pabal.toml(영어)과 cli/settings.txt(한국어)를 고치세요. -->

` + "`/etc/pabal/pabal.toml`" + `(또는 ` + "`--config`" + `나 ` + "`PABAL_CONFIG`" + `가 가리키는 파일)의 모든 설정을, 파일에 쓰는 그대로 기본값과 함께 적고, 그 뒤에
형, 쓸 수 있는 값, 환경 변수의 이름을 적었습니다. 환경 변수가 파일을 이깁니다. 환경 변수의 목록은 쉼표로 나눕니다. 모르는 키나 변수는
오류입니다. 파일 안의 상대 경로는 그 파일의 폴더를 기준으로 합니다.

` + "`pabal config init`" + `은 처음에 필요한 것을 묻고 설명이 달린 파일을 만듭니다. ` + "`pabal config check`" + `는 무엇이 어디에서 잘못되었는지, ` + "`pabal config show`" + `는
지금 쓰는 값과 그 출처를 알려 줍니다. 설정은 데몬이 시작할 때 읽습니다. ` + "`systemctl reload pabal`" + `이
다시 읽는 것은 [web.ko.md](web.ko.md#다시-읽기)에 있습니다. ` + "`PABAL_SECTION_KEY_FILE`" + `은 값이 든 파일을 가리킵니다. 비밀은 따로 파일에 둡니다: [install.ko.md](install.ko.md#비밀).

## 일반

`,
}
