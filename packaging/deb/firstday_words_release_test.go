//go:build release

package main

// diaryWords are a title and a sentence for each chapter of the first day, and
// under "whole" what stands above all.
var diaryWords = map[string]map[string][2]string{
	"en": {
		"whole":     {"# A first day\n\nWhat a new operator and a new marketer typed and saw on a fresh Debian 12 in 80 columns, from the package to its purge. `make release-test`\nlives this day again each time; nothing below is written by hand. 한국어: [first-day.ko.md](first-day.ko.md)\n"},
		"install":   {"Install the package", "A Debian 12 with nothing on it. The daemon runs at once; it sends nothing before it has an account."},
		"settings":  {"Settings and keys", "The one thing that is not real here: a second process plays Amazon SES, and the DNS of the domain."},
		"domain":    {"The domain", "SES gets the domain, pabal prints what its DNS needs, in the form of the DNS host: `--format gabia` for 가비아."},
		"customers": {"Customers, on the screens", "The marketer's file goes into the inbox by `scp`; `3` and `i` take it."},
		"template":  {"A template", "A ZIP from the designer: `4` and `i`."},
		"campaign":  {"The first campaign", "Recipients, content, preview, check, plan, start."},
		"restart":   {"Restart", "What was sent stays known."},
		"upgrade":   {"Upgrade in the middle of a campaign", "The same campaign again, as its copy; the second package comes while it is sent."},
		"backup":    {"Backup, and a lost disk", "Somebody unsubscribes after the backup was taken: the restored copy knows it, and sends nothing before a person says that it is the live one."},
		"purge":     {"Remove everything", "`apt remove` would keep settings and data; `apt purge` asks nothing and leaves nothing."},
	},
	"ko": {
		"whole":     {"# 첫날\n\n새 운영자와 새 마케터가 갓 설치한 Debian 12에서 입력하고 본 것을 패키지 설치부터 삭제까지 80칸 화면 그대로 옮겼습니다. `make release-test`가\n매번 이 하루를 다시 살아 봅니다. 아래는 사람이 손으로 쓴 것이 아닙니다. English: [first-day.md](first-day.md)\n"},
		"install":   {"패키지 설치", "아무것도 없는 Debian 12입니다. 데몬은 바로 돌지만, 계정이 없는 동안에는 아무것도 보내지 않습니다."},
		"settings":  {"설정과 키", "여기서 진짜가 아닌 것은 하나입니다. 다른 프로세스가 Amazon SES와 도메인의 DNS를 대신합니다."},
		"domain":    {"도메인", "SES에 도메인을 만들고, DNS에 적을 것을 DNS 업체의 양식으로 보여 줍니다. 가비아는 `--format gabia`입니다."},
		"customers": {"화면에서 고객 가져오기", "마케터의 파일은 `scp`로 들어오고, `3`과 `i`로 가져옵니다."},
		"template":  {"템플릿", "디자이너가 준 ZIP 파일을 `4`와 `i`로 가져옵니다."},
		"campaign":  {"첫 캠페인", "대상, 내용, 미리보기, 점검, 계획, 시작입니다."},
		"restart":   {"다시 시작", "보낸 것은 그대로 알고 있습니다."},
		"upgrade":   {"캠페인 도중의 업그레이드", "같은 캠페인을 복사해 한 번 더 보내고, 보내는 동안 두 번째 패키지를 설치합니다."},
		"backup":    {"백업, 그리고 잃은 디스크", "백업 뒤에 한 사람이 수신을 거부합니다. 복원한 사본은 그것을 알고, 이것이 진짜라고 누가 말할 때까지 아무것도 보내지 않습니다."},
		"purge":     {"모두 지우기", "`apt remove`는 설정과 자료를 남깁니다. `apt purge`는 아무것도 묻지 않고 아무것도 남기지 않습니다."},
	},
}
