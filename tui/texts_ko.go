package tui

import (
	"fmt"
	"strings"
	"time"

	"pabal/audience"
	"pabal/campaign"
	"pabal/spool"
)

func korean() *texts {
	return &texts{
		deskTexts: koreanDesk(),

		Product: "파발", Connected: "연결됨", Lost: "연결 끊김", AddressHow: "name@example.com처럼 쓰세요.", NoAnswer: "파발의 답이 없어 되었는지 알 수 없습니다. 다시 연결되면 확인하고, 안 되었으면 다시 하세요.",
		LostSince: func(at string) string {
			return at + "부터 연결 끊김, 다시 연결하는 중입니다. 오래가면 운영자에게 알리세요."
		},
		TooSmall: func(w, h, minW, minH int) string {
			return fmt.Sprintf("창이 작습니다 (%d×%d). %d×%d 이상으로 넓혀 주세요. 발송은 계속됩니다.", w, h, minW, minH)
		},
		Tabs: [8]string{"홈", "캠페인", "구독자", "템플릿", "발송 차단", "고객 DB", "대기열", "도메인"}, ShortTabs: [8]string{"홈", "캠페인", "구독자", "템플릿", "차단", "DB", "대기열", "도메인"},
		Steps: [6]string{"템플릿", "대상", "내용", "미리보기", "점검", "발송"},
		Help:  "도움말", Back: "뒤로", Quit: "나가기", Close: "닫기", NextTab: "다음 화면", PrevTab: "이전 화면", Moves: "고르기, 움직이기 (j k PgUp PgDn Home End 도 됨)",
		HelpKeys:  func(screen string) string { return "지금 쓸 수 있는 키: " + screen },
		HelpWords: "알아두기", Unavailable: "지금은 안 됨",
		HelpText: []string{
			"이 화면을 닫거나 ssh 연결이 끊겨도 발송은 멈추지 않습니다.",
			"메일이 나가는 일은 항상 받는 사람 수를 보여 주고 한 번 더 묻습니다. 1,000명부터는 그 수를 직접 입력합니다.",
			"발송 대장: 받는 사람마다 대기, 발송 중, 접수, 실패, 제외, 불명 중 하나입니다. 합계는 항상 대상 수와 같습니다.",
			"접수: SES가 받았습니다. 불명: 보냈으나 답을 받지 못했습니다. 두 번 보내지 않도록 그대로 둡니다.",
			"제외: 수신 거부, 주제 끔, 발송 차단 등으로 보내지 않았습니다.",
			"한글 입력 상태에서도 ㅂ(q), ㅜ(n)처럼 같은 자리의 키가 동작합니다.",
		},
		Loading: "불러오는 중", Working: "처리하는 중", NothingHere: "항목 없음", All: "전체", Everyone: "모든 구독자", Everything: "전체 발송",
		Filter: "찾기", Apply: "적용", ClearFilter: "지우기", Search: "검색", Open: "열기", Reload: "새로고침", Scroll: "움직이기",
		Next: "다음", NextField: "다음 칸", Fields: "칸 이동", Look: "보기",
		Rows:      func(n string) string { return n + "건" },
		FirstRows: func(n string) string { return "처음 " + n + "건, / 키로 좁히세요" },
		RowsRemoved: func(n, of, before string) string {
			return of + "명 가운데 " + n + "명은 보관 기간이 지나 지워졌습니다(" + before + " 이전). 합계에는 들어 있습니다."
		},
		Duration: koreanDuration,
		States: map[spool.State]string{
			spool.Draft: "작성 중", spool.Scheduled: "예약됨", spool.Freezing: "준비 중", spool.Running: "발송 중", spool.Paused: "일시정지",
			spool.Held: "보류", spool.Cancelling: "취소 중", spool.Cancelled: "취소됨", spool.Done: "완료",
		},
		Outcomes: [6]string{"대기", "발송 중", "접수", "실패", "제외", "불명"},
		Lanes:    [2]string{"일반 메일", "캠페인"},
		Reasons: map[string]string{
			spool.SkipUnsubscribed: "수신 거부", spool.SkipTopicOff: "주제 끔", spool.SkipFrequency: "빈도 제한", spool.SkipSuppressed: "발송 차단",
			spool.SkipErased: "삭제된 구독자", spool.SkipInvalid: "주소 오류", spool.SkipCancelled: "캠페인 취소", "paused by a person": "사람이 멈춤",
		},
		Events: map[string]string{
			"accepted": "접수", "failed": "실패", "skipped": "제외", "unknown": "불명", "retry": "재시도", "hold": "보류", "release": "보류 풀림", "state": "상태", "disk": "디스크",
		},
		Classes: map[spool.Class]holdText{
			spool.Rate:          {"SES가 속도를 낮추라고 함", "기다리면 저절로 풀립니다."},
			spool.Quota:         {"24시간 한도를 다 씀", "한도가 비는 대로 저절로 이어집니다. 급하면 AWS에 한도 상향을 요청하세요."},
			spool.Account:       {"SES 계정의 발송이 중지됨", "AWS 콘솔의 SES 평판 화면을 확인하세요."},
			spool.Identity:      {"보내는 도메인이 인증되지 않음", "SES에서 도메인을 인증한 뒤 보류를 푸세요."},
			spool.Configuration: {"SES 설정 세트나 템플릿이 없음", "설정 파일의 configuration_set 값을 확인하세요."},
			spool.Credentials:   {"AWS 자격 증명이 없거나 틀림", "운영자에게 AWS 키와 서버 시각을 확인해 달라고 하세요."},
			spool.Storage:       {"파발의 저장 파일을 읽을 수 없음", "운영자에게 pabal check 결과를 봐 달라고 하세요. 읽을 수 있게 되면 저절로 이어집니다."},
			spool.Network:       {"SES에 연결할 수 없음", "네트워크를 확인하세요. 연결되면 저절로 이어집니다."},
			spool.Outage:        {"SES가 연달아 거절함", "장애로 보고 멈췄습니다. 되살아나면 저절로 이어집니다."},
			spool.Operator:      {"사람이 멈춤", "r 키로 보류를 풀 수 있습니다."},
			spool.Temporary:     {"SES가 잠시 거절함", "저절로 다시 시도합니다."},
			spool.FromBackup:    {"백업에서 복원한 데이터", "운영자가 이 사본이 진짜라고 확인할 때까지 아무것도 보내지 않습니다: pabal restore list, 그다음 pabal restore release."},
			spool.OutsideWindow: {"보낼 수 있는 시간이 아님", "정해 둔 시간이 되면 저절로 이어집니다."},
			spool.Permanent:     {"SES가 거절함", "내용과 주소를 확인하세요."},
			spool.Ambiguous:     {"SES의 답이 계속 오지 않음", "나갔는지 알 수 없어 멈췄습니다. 네트워크를 확인하세요."},
		},
		Levels:      map[campaign.Level]string{campaign.Block: "막음", campaign.Warn: "주의", campaign.Note: "참고"},
		Problems:    koreanProblems(),
		Sources:     map[audience.Source]string{audience.Person: "본인", audience.Complaint: "스팸 신고", audience.Bounce: "반송", audience.Operator: "운영자", audience.MySQL: "고객 DB", audience.Import: "파일", audience.SMTP: "SMTP"},
		SoftBounces: func(n string) string { return "연달아 " + n + "번 반송" },
		RowID:       func(id string) string { return "고객번호 " + id },
		Details:     map[string]string{audience.DetailUnsubscribe: "메일의 수신 거부 링크", audience.DetailPreferences: "수신 설정 페이지", audience.DetailPageLink: "메일의 수신 설정 링크", audience.DetailSESList: "SES 계정의 차단 목록", audience.DetailKept: "이 주소에 남아 있던 설정", audience.DetailSource: "고객 표가 다른 표로 바뀜"},
		Genders:     map[string]string{"male": "남", "female": "여"},

		NobodyHas: func(names string) string {
			return "이런 속성을 가진 사람이 없습니다: " + names + ". 철자를 확인하세요."
		},
		OnHold: "발송 보류",
		InStep: func(at string) string { return at + " 기준으로 맞춤" }, NeverInStep: "아직 읽지 않음",
		NewCampaign: "새 캠페인", Release: "보류 풀기", NoHolds: "보류 없음", ReleaseAsk: "보류 풀기", Released: "보류를 풀었습니다.",
		ReleaseWarn: func(n string) string { return "기다리던 메일 " + n + "통이 다시 나갑니다." },
		Sending:     "발송", Spool: "대기열", RateNow: "지금", PerSecond: "통/초", Quota: "24시간",
		Unlimited:  func(used string) string { return used + " (한도 없음)" },
		Aim:        func(aim, most string) string { return "목표 " + aim + "통/초 (최대 " + most + ")" },
		FromDomain: "도메인", AimOnly: func(aim string) string { return "목표 " + aim + "통/초" },
		SendingOff: "계정 발송 중지", Sandbox: "샌드박스", Oldest: "가장 오래된 대기", TooOld: "5분 넘음", LastEvents: "최근 일", NoEvents: "아직 없습니다.",
		Holds: func(n int) string { return fmt.Sprintf("보류 %d건", n) },
		Since: func(at string) string { return at + "부터." },
		Until: func(at string) string { return "예상 " + at + "까지." },

		Name: "이름", State: "상태", Progress: "진행", NotStarted: "시작 전", NoCampaigns: "캠페인이 없습니다. n 키로 만드세요.", Campaign: "캠페인",
		Ledger: "발송 대장", Pause: "일시정지", Resume: "재개", Cancel: "취소", Done: "처리했습니다.",
		PauseAsk: func(n string) string {
			return "남은 " + n + "명의 발송을 멈춥니다. 다시 이어서 보낼 수 있습니다."
		},
		ResumeAsk: func(n string) string { return "남은 " + n + "명에게 이어서 메일을 보냅니다." },
		Resend:    "다시 보내기", ResendOff: "실패·불명 없음", ResendTwice: "첫 응답을 잃었으므로 두 번 받는 사람이 있을 수 있습니다.",
		ResendAsk: func(n string) string { return "이 " + n + "명에게만 메일을 다시 보냅니다." },
		CancelAsk: func(n string) string {
			return "남은 " + n + "명에게는 영영 보내지 않습니다. 되돌릴 수 없습니다."
		},
		MadeOf: func(template string, version int, segment string) string {
			if version == 0 {
				return fmt.Sprintf("템플릿 %s, 대상 %s", template, segment)
			}
			return fmt.Sprintf("템플릿 %s (%d판), 대상 %s", template, version, segment)
		},
		RunsSince: func(rate, at string) string { return "초당 " + rate + "통, 시작 " + at },
		RunsTill:  func(at, rest string) string { return "예상 종료 " + at + " (" + rest + " 남음)" },
		Ran: func(from, to, took string) string {
			return "시작 " + from + ", 종료 " + to + ", 걸린 시간 " + took
		},
		SkippedBy:   "제외된 까닭:",
		NextOutcome: "다음 결과", PrevOutcome: "이전 결과", Email: "이메일", Outcome: "결과", Tries: "시도", At: "시각",
		Reason: "까닭", MaybeTwice: "두 번 갔을 수 있음", Delivered: "도착", Bounced: "반송", Complained: "스팸 신고",
		Rejected: "SES 거부", Delayed: "지연", Opened: "열람", Clicked: "클릭", MachineOpened: "자동 열람",
		SentTwice: "두 번 갔음",

		ChooseTemplate: "보낼 템플릿을 고르세요.", NoTemplates: "템플릿이 없습니다. i 키로 파일에서 만드세요.", Version: "판", Made: "만든 때", Subject: "제목",
		Purpose: "용도", MergeFields: "필드",
		ChooseAudience: "누구에게 보낼지 조건을 고르세요.", Segment: "대상 조건", Counting: "세는 중", BadExpression: "조건이 틀림",
		NobodySelected: "받을 사람이 없음", Examples: "예시 넣기", ExamplesAre: "예시 (↑↓ 키로 넣기):", EmptyIsAll: "조건이 없으면 모든 구독자입니다.",
		Selected: "조건에 맞음", Mailable: "보낼 수 있음", Such: "예:",
		ChooseContent: "이름, 보내는 사람, 내용을 채우세요.", From: "발신", Topic: "주제", NameHint: "비우면 템플릿 이름과 날짜", FromHint: "비우면 설정의 발신 주소", TopicHint: "예: sale, 비워도 됨", NoTopic: "주제 없음",
		ReplyTo: "회신", ReplyToHint: "답장 받을 주소, 비우면 설정대로", KeptDraft: "채운 것을 작성 중인 캠페인으로 남겼습니다.",
		ValueHint: "템플릿에 들어갈 값", AttributeHint: "구독자 속성, 비우면 각자의 값", NewlineHint: "줄바꿈은 Alt+Enter 또는 Ctrl+J. 붙여넣은 줄바꿈도 그대로 들어갑니다.",
		ChoosePreview: "이렇게 받습니다.", To: "수신", Missing: "값이 없는 필드:", NobodyFound: "맞는 구독자가 없습니다.", NobodyElse: "다른 사람 없음",
		NextPerson: "다음 사람", PrevPerson: "이전 사람", TestSend: "시험 발송", SendOne: "보내기", TypeAddress: "받을 주소를 쓰세요",
		TestSent: func(n string) string { return "시험 메일 " + n + "통을 보냈습니다." },
		TestMany: func(n string) string { return "주소 " + n + "곳에 한 통씩 보냅니다." },
		TestExplain: func(s string) string {
			return s + " 님이 받을 메일을 아래 주소로 보냅니다. 여러 곳이면 쉼표로 나누세요. 제목에 [테스트] 표시가 붙고 발송 대장에는 남지 않습니다."
		},
		ChooseCheck: "보내기 전 점검", Checking: "점검하는 중", CheckAgain: "다시 점검", BlockedOff: "막는 항목을 먼저 고치세요", NoFindings: "걸리는 것이 없습니다.",
		CheckedOver: func(mailable, selected, bytes string) string {
			return "대상 " + mailable + "/" + selected + "명, 메일 " + bytes
		},
		ChooseStart: "발송 계획과 확인", Recipients: "받는 사람", Takes: "걸리는 시간", Ends: "예상 종료", FiveMinutes: "5분 약속",
		FiveYes: "모두 5분 안에 나갑니다.", PlanAgain: "다시 계획", Start: "발송 시작",
		TakesAt:    func(duration, rate string) string { return duration + " (초당 " + rate + "통)" },
		StartAsk:   func(n string) string { return n + "명에게 메일을 보냅니다." },
		Started:    func(n string) string { return n + "명에게 보내기 시작했습니다." },
		TypeNumber: func(n string) string { return "확인: " + n + " 입력 후 Enter" },
		TypeWord: func(s string) string {
			return "확인하려면 아래에 똑같이 입력하고 Enter를 누르세요: " + s
		},
		PressYes: "진행하려면 y, 그만두려면 n 키를 누르세요.", WrongNumber: "입력한 수가 다릅니다. 아무것도 하지 않았습니다.",
		WrongWord: "입력한 글자가 다릅니다. 아무것도 하지 않았습니다.",

		Gender: "성별", Consent: "수신", Tags: "태그", ConsentYes: "동의", ConsentNo: "거부", ConsentNone: "아직 없음",
		Ago: func(span string) string { return span + " 전" },

		NobodyYet: "아직 구독자가 없습니다. i 키로 파일을 가져오세요.",
		Searching: func(s string) string { return "전체에서 찾는 중 " + s },
		People:    func(s string) string { return s + "명" },
		Pick:      pickTexts{Choose: "고르기", Mark: "여럿 고르기", Move: "움직이기", Narrow: "써서 좁히기", TypeIt: "값을 쓰고 Enter를 누르세요."},
		Build:     koreanBuild(), Import: koreanImport(),
		Heard: heardTexts{
			Label: "도착 소식", None: "연결 없음. 도착, 반송, 열람을 알 수 없습니다.", NoneHint: "운영자에게 pabal feedback setup 실행을 요청하세요.", BadNews: "반송과 스팸 신고만 들어옵니다. 도착과 열람은 알 수 없습니다.",
			Waiting: "연결됨, 아직 들어온 것 없음", NoTracking: "열람과 클릭: 추적이 꺼져 있거나 아직 없음", Next: "소식별",
			Last: func(at string) string { return "연결됨, 마지막 " + at },
		},
		Person: koreanPerson(), Suppress: koreanSuppress(), Sync: koreanSync(), Mail: koreanMail(), Dash: koreanDash(), Plain: koreanPlain(), Domain: koreanDomain(),
	}
}

func koreanPerson() personTexts {
	return personTexts{
		Title: "구독자 보기", Created: "가입", External: "회원번호", Now: "지금", Assumed: "동의 열이 없는 파일", NotApplied: "적용 안 됨",
		Preferences: "수신 설정", On: "받음", Off: "안 받음", Frequency: "빈도", Language: "언어",
		Frequencies: map[string]string{"all": "모두", "weekly": "일주일에 한 번까지", "monthly": "한 달에 한 번까지"},
		Languages:   map[string]string{"ko": "한국어", "en": "영어", "": "정하지 않음"},
		Received:    "받은 메일", NoMails: "아직 보낸 메일이 없습니다.", History: "기록",
		Edit: "수신 설정", Unsubscribe: "수신 거부", UnsubscribeWarn: "앞으로 이 사람에게 광고 메일을 보내지 않습니다. 다시 받으려면 본인이 신청해야 합니다.",
		Unsubscribed: "수신 거부로 바꿨습니다.", IsOut: "이미 거부", IsIn: "본인이 이미 동의",
		Confirm: "동의 묻기", ConfirmWarn: "다시 받을지 묻는 메일 1통이 이 사람에게 나갑니다. 본인이 그 링크를 눌러야 동의로 바뀝니다.", Confirmed: "묻는 메일을 보냈습니다.",
		Erase: "삭제", EraseWarn: "이 사람에 관한 모든 것을 지웁니다. 다시 메일이 가지 않도록 알아볼 수 없는 표시만 남습니다. 되돌릴 수 없습니다.", Erased: "삭제했습니다.",
		Save: "저장", Change: "바꾸기", Unchanged: "바뀐 것 없음",
		ChooseHint: "본인이 직접 끈 주제나 줄인 빈도는 여기서 되돌릴 수 없습니다.", NoTopics: "정해 둔 주제가 없습니다. 운영자가 설정의 [[topic]]에 넣습니다.",
	}
}

func koreanSuppress() suppressTexts {
	return suppressTexts{
		None: "발송 차단된 주소가 없습니다. n 키로 넣을 수 있습니다.", NotFound: "맞는 주소가 없습니다.", Detail: "메모", Soft: "잇단 반송",
		Add: "발송 차단", AddHead: "다시는 메일을 보내지 않을 주소를 쓰세요.", AddWarn: "이 주소로는 어떤 메일도 나가지 않습니다(주문 확인 같은 일반 메일 포함).",
		Import: "목록 가져오기", ImportWarn: "목록의 모든 주소로 어떤 메일도 나가지 않게 됩니다.", NewOnes: "새로 차단", Known: "이미 차단됨", Added: "발송 차단에 넣었습니다.", DetailHint: "까닭, 비워도 됨",
		Remove: "차단 풀기", RemoveWarn: "이 주소로 다시 메일이 나갈 수 있습니다.", RemoveStays: "반송이나 신고로 끝난 수신 동의는 그대로 거부로 남습니다.", Removed: "차단을 풀었습니다.",
	}
}

func koreanSync() syncTexts {
	return syncTexts{
		Now: "지금 맞추기", Full: "전체 다시 읽기", NoTable: "연결된 고객 DB가 없음", NoTableHint: "운영자가 설정의 [mysql] dsn_file에 넣으면 고객 DB를 따라갑니다.",
		Table: "표", LastGood: "마지막 성공", LastFull: "마지막 전체", Next: "다음", Never: "아직 없음",
		Idle: "맞춤", Reading: "읽는 중", Failing: "실패",
		Ended: func(read, created, updated, removed string) string {
			return "고객 DB와 맞췄습니다: 읽음 " + read + ", 새로 " + created + ", 바뀜 " + updated + ", 빠짐 " + removed
		},
		InARow: func(n string) string { return "연달아 " + n + "번 실패" },
		Result: "마지막 결과", Changes: "바뀐 것만", All: "전체",
		Read: "읽은 줄", Created: "새 구독자", Updated: "바뀐 구독자", Removed: "빠진 줄", Yes: "동의", Refused: "수신 거부",
		KeptOut: "본인 거부 유지", Unclear: "동의 불분명", Invalid: "못 쓰는 주소",
		Failed: "맞추지 못했습니다. 까닭과 할 일은 화면에 있습니다.",
	}
}

// koreanDuration is a span in at most two units.
func koreanDuration(d time.Duration) string {
	var parts []string
	for _, u := range []struct {
		unit time.Duration
		word string
	}{{24 * time.Hour, "일"}, {time.Hour, "시간"}, {time.Minute, "분"}, {time.Second, "초"}} {
		if n := d / u.unit; n > 0 && len(parts) < 2 {
			parts = append(parts, fmt.Sprintf("%d%s", n, u.word))
			d -= n * u.unit
		}
	}
	if len(parts) == 0 {
		return "0초"
	}
	return strings.Join(parts, " ")
}

func koreanBuild() buildTexts {
	return buildTexts{
		Add: "조건 추가", Edit: "고치기", Remove: "지우기", NoRow: "조건을 고르세요", Join: "모두/하나라도", OneRow: "조건이 둘 이상일 때", AsText: "글로 쓰기", AsRows: "줄로 보기", NoRows: "줄로 나눌 수 없는 조건식",
		Where: "조건", And: "그리고", Or: "또는", Expression: "조건식:",
		WhichField: "무엇으로 고를까요?", DateHint: "2026-01-31처럼 써도 됩니다",
		How:   func(s string) string { return s + ": 어떻게 비교할까요?" },
		What:  func(s string) string { return s + ": 값을 고르거나 쓰세요." },
		Meant: func(s string) string { return "혹시 이것인가요: " + s },
		Dates: []string{"today", "7 days ago", "30 days ago", "90 days ago", "365 days ago"},
		Fields: map[string]string{
			"email": "이메일", "name": "이름", "domain": "메일 도메인", "gender": "성별", "language": "언어", "frequency": "받는 빈도", "created_at": "가입일", "updated_at": "바뀐 날",
			"subscribed": "수신 동의", "consent_source": "동의를 정한 곳", "consent_at": "동의한 날", "suppressed": "발송 차단", "external_id": "회원번호", "tag": "태그", "tags": "태그", "topic": "주제", "consent_time": "동의를 정한 때", "consent_assumed": "동의로 본 것", "topics_off": "안 받는 주제", "topics_on": "받는 주제",
			"selected": "캠페인 대상", "received": "캠페인 받음", "accepted": "캠페인 접수", "delivered": "캠페인 도착", "bounced": "캠페인 반송", "complained": "스팸 신고",
			"delayed": "도착 지연", "rejected": "SES 거부", "opened": "캠페인 열람", "clicked": "캠페인 클릭", "failed": "발송 실패", "skipped": "발송 제외", "unknown": "결과 불명",
		},
		Kinds: map[audience.Kind]string{audience.KindText: "글자", audience.KindValue: "속성", audience.KindChoice: "고르기", audience.KindFlag: "예/아니요", audience.KindDate: "날짜",
			audience.KindTag: "태그", audience.KindTopic: "주제", audience.KindCampaign: "지난 캠페인"},
		Comparisons: map[audience.Comparison]string{
			audience.Is: "같음", audience.IsNot: "다름", audience.OneOf: "이 중 하나", audience.Contains: "들어 있음", audience.ContainsNot: "들어 있지 않음", audience.Begins: "시작함", audience.Ends: "끝남",
			audience.Empty: "비어 있음", audience.NotEmpty: "비어 있지 않음", audience.Equals: "수가 같음", audience.More: "보다 큼", audience.Less: "보다 작음", audience.AtLeast: "이상", audience.AtMost: "이하",
			audience.On: "그날", audience.Before: "전", audience.Until: "그날까지", audience.After: "뒤", audience.Since: "그날부터", audience.Yes: "예", audience.No: "아니요",
			audience.Ever: "한 번이라도", audience.Never: "한 번도 아님", audience.Of: "이 캠페인에서", audience.NotOf: "이 캠페인 아님", audience.OfLast: "최근 몇 번에서", audience.NotOfLast: "최근 몇 번 아님",
			audience.OfDays: "며칠 안에", audience.NotOfDays: "며칠 안에 아님",
		},
	}
}

func koreanImport() importTexts {
	return importTexts{
		Key: "가져오기", Title: "구독자 가져오기", Steps: [3]string{"파일", "미리보기", "결과"},
		ChooseFile: "가져올 파일을 고르세요 (CSV, Excel).", NoFiles: "아직 파일이 없습니다", Size: "크기", Modified: "날짜",
		HowTo: "내 PC의 파일 올리기", HowPC: "Windows의 명령 프롬프트(PowerShell)를 열고 파일이 있는 폴더에서 아래 줄을 입력하세요. 파일 이름만 바꾸면 됩니다.",
		HowAfter: "올린 파일은 이 화면에 저절로 나타납니다.", File: "고객.csv",
		Column: "열 정하기", Encoding: "인코딩", Sheet: "시트", Tag: "태그", WhichEncoding: "글자가 깨져 보이면 인코딩을 바꾸세요.", WhichTag: "이 파일의 모두에게 붙일 태그를 고르거나 쓰세요.", NoTag: "붙이지 않음", FindOut: "자동",
		Encodings:  map[string]string{"": "파일을 보고 알아냄", "utf-8": "UTF-8", "cp949": "CP949 (한글 Windows)", "utf-16": "UTF-16", "utf-16be": "UTF-16 BE", "xlsx": "Excel"},
		WhatIs:     func(s string) string { return "이 열은 무엇인가요? " + s },
		Attribute:  func(s string) string { return "속성 " + s },
		Line:       func(s string) string { return s + "번째 줄" },
		FirstRows:  func(s string) string { return "처음 " + s + "줄" },
		StopWarn:   func(s string) string { return "여기서 멈춥니다. 이미 들어온 " + s + "명은 남습니다." },
		Unreadable: "읽을 수 없는 파일", NoEmail: "이메일 열을 알 수 없습니다. 열을 골라 Enter를 누르고 이메일로 정하세요.", MendFirst: "열을 먼저 정하세요", LeftOut: "가져오지 않음", NoEncoding: "Excel에는 없음", ReadingFile: "파일을 읽는 중", NoRows: "줄이 없음", NoConsent: "수신 동의 열이 없어, 새로 들어오는 사람은 모두 동의한 것으로 봅니다.",
		StaysOut: "수신을 거부했던 사람은 파일에 무엇이 적혀 있어도 거부로 남습니다.",
		InFile:   "파일의 열", TakenAs: "가져올 곳", First: "첫 줄의 값",
		Counts: func(rows, duplicate, rejected string) string {
			return rows + "줄, 중복 " + duplicate + ", 못 읽는 줄 " + rejected
		},
		Will: func(rows, duplicate, rejected string) string {
			return rows + "명을 가져옵니다. 중복 " + duplicate + "줄과 못 읽는 " + rejected + "줄은 뺍니다."
		},
		Stop: "멈추기", IsOver: "끝남", Running: "가져오는 중", Stopped: "멈춤", GoesOn: "서버에서 계속됨",
		Rows: "읽은 줄", Created: "새 구독자", Updated: "바뀐 구독자", Unchanged: "그대로", Duplicate: "중복", Rejected: "못 가져온 줄", OptedOut: "거부로 남은 사람",
		RejectsHead: func(shown, all string) string {
			return "못 가져온 줄 (" + all + " 가운데 처음 " + shown + ")"
		},
	}
}
