package tui

import (
	"fmt"
	"time"

	"pabal/campaign"
)

func koreanPlan() planTexts {
	days := [...]string{"일", "월", "화", "수", "목", "금", "토"}
	return planTexts{
		StartNow: "지금 보내기", ScheduleKey: "예약", Starts: "시작", AtOnce: "바로", Tenths: "진행", Cost: "비용", NeverEnds: "끝나지 않음",
		AtLatest: func(at string) string { return "늦어도 " + at },
		FiveOf:   func(n string) string { return "지킬 수 없음: 5분 안에는 " + n + "명까지" },
		In:       func(span string) string { return span + " 뒤" },
		CostOf:   func(cost, per string) string { return "약 " + cost + " (1,000통에 " + per + ", 세금 별도)" },
		Notes: map[campaign.NoteCode]string{
			campaign.NoteAccountUnknown:  "SES가 발송 속도를 알려 주지 않아 계획을 세울 수 없습니다.",
			campaign.NoteNoRate:          "SES가 이 계정에 발송 속도를 주지 않았습니다. {n}통을 보낼 수 없습니다.",
			campaign.NoteTakes:           "초당 {r}통으로 {n}통을 보내는 데 {s} 걸립니다.",
			campaign.NoteQuotaWaits:      "{n}통을 보내면 24시간 한도 {l}통이 찹니다. 나머지 {w}통은 {a}부터 한도가 비는 대로 저절로 나갑니다.",
			campaign.NoteQuotaNone:       "24시간 한도가 남지 않아 {n}통을 보낼 수 없습니다.",
			campaign.NoteFiveMissed:      "초당 {r}통이면 5분 안에 {n}통까지입니다.",
			campaign.NoteSandbox:         "SES 샌드박스라서 인증된 주소로만 나갑니다. 운영자에게 AWS 해제 요청을 부탁하세요.",
			campaign.NoteSendingDisabled: "SES가 이 계정의 발송을 중지했습니다. AWS가 풀어 줄 때까지 나가지 않습니다.",
			campaign.NoteWindowOpens:     "보내는 시간({t})이 아니라서 {a}에 시작합니다.",
			campaign.NoteWindowBreaks:    "보내는 시간({t}) 밖에서는 쉬므로 {n}번 쉬었다 이어집니다.",
			campaign.NoteShared:          "다른 캠페인의 {n}통과 속도를 나눠 씁니다.",
			campaign.NoteSlower:          "지금 실제 속도는 초당 {r}통으로 목표 {L}통보다 느립니다.",
			campaign.NoteHold:            "발송 보류: {t}",
			campaign.NoteStopped:         "지금은 {t} 상태입니다. 바로 이어 보낸다고 보고 계산했습니다.",
			campaign.NoteClockGap:        "시계가 바뀌는 날이라 {t} 시각이 없습니다. {a}에 시작합니다.",
			campaign.NoteClockTwice:      "시계가 바뀌는 날이라 {t} 시각이 두 번 옵니다. 처음인 {a}에 시작합니다.",
			campaign.NoteBrakeBlind:      "반송과 스팸 신고 소식이 연결되지 않아, 많아져도 저절로 멈추지 않습니다. 운영자에게 pabal feedback setup을 요청하세요.",
		},
		Schedule: "발송 예약", ScheduleText: "정한 시각에 저절로 보냅니다. 그때 다시 점검하고, 막히면 보내지 않고 보류합니다.",
		Date: "날짜", Time: "시각", Zone: "시간대", ZoneHint: "비우면 설정의 시간대", Hours: "보내는 시간", HoursHint: "비우면 언제나, 예: 09-20", Days: "요일", Late: "늦어지면",
		DayWords:  [3]string{"매일", "평일 (월-금)", "주말 (토, 일)"},
		LateWords: [5]string{"30분 넘게 늦으면 보류", "10분 넘게 늦으면 보류", "1시간 넘게 늦으면 보류", "3시간 넘게 늦으면 보류", "하루 넘게 늦으면 보류"},
		NotRead:   "날짜와 시각을 확인하세요", BadTime: "날짜는 2026-12-01, 시각은 10:00처럼 쓰세요.", BadZone: "없는 시간대입니다. 예: Asia/Seoul", BadHours: "보내는 시간은 09-20처럼 쓰세요.", Past: "이미 지난 시각입니다.", Far: "1년이 넘게 남았습니다. 연도를 확인하세요.",
		Gap: "시계가 바뀌는 날이라 이 시각은 없습니다. 바뀐 바로 뒤에 시작합니다.", Twice: "시계가 바뀌는 날이라 이 시각은 두 번 옵니다. 처음 것에 시작합니다.",
		Growth: "그때까지 받는 사람이 10%보다 더 늘면 보내지 않고 보류합니다.", Scheduled: "예약했습니다.",
		When: func(at time.Time, ahead string) string {
			return fmt.Sprintf("%d년 %d월 %d일 %s요일 %s (%s), %s 뒤", at.Year(), at.Month(), at.Day(), days[at.Weekday()], at.Format("15:04"), at.Format("MST"), ahead)
		},
		ScheduleAsk: func(n string) string { return n + "명에게 이때 메일을 보냅니다." },
		Window:      "보내는 시간", WindowKey: "보내는 시간", WindowText: "이 시간 밖에서는 쉬고, 시간이 되면 저절로 이어서 보냅니다. 비우면 언제나 보냅니다.",
		Braked: func(kind, count, of, percent, limit string) string {
			return "저절로 멈춤: " + of + "통 가운데 " + kind + " " + count + "건 (" + percent + "%, 한도 " + limit + "%)"
		},
		BrakedHow: "SES 평판을 지키려고 멈췄습니다. 명단이 어디서 왔는지 확인하세요. 괜찮으면 r 키로 재개할 수 있습니다.",
		HeldFor: map[campaign.HeldFor]holdText{
			campaign.HeldLate:    {"예약 시각에 시작하지 못했습니다: 서버가 꺼져 있었거나 너무 늦었습니다.", "s 키로 지금 보내거나 다시 예약하세요."},
			campaign.HeldBlocked: {"예약 시각의 점검에서 막혔습니다.", "e 키로 고치고 다시 점검한 뒤 예약하세요."},
			campaign.HeldGrown:   {"받는 사람이 확인한 수보다 많이 늘어 보내지 않았습니다.", "까닭을 확인하고 s 키로 다시 예약하거나 보내세요."},
			campaign.HeldZone:    {"예약한 시간대를 이 서버가 모릅니다.", "s 키로 다른 시간대를 골라 다시 예약하세요."},
		},
		Waits: func(at, zone string) string { return "예약됨: " + at + ", " + zone },
		Live: func(n, rate, ends string) string {
			return "남은 계획: " + n + "명, 초당 " + rate + "통, 종료 " + ends
		},
		Copy: "복사", Copied: func(name string) string { return "복사했습니다: " + name + "." }, Since: "달라진 것:",
		Changed:    map[campaign.ChangeCode]string{campaign.ChangedVersion: "템플릿 판", campaign.ChangedSubject: "제목", campaign.ChangedAudience: "받는 사람", campaign.ChangedSender: "발신"},
		Unschedule: "예약 취소", UnscheduleAsk: "예약을 취소하고 작성 중으로 되돌립니다.", Unscheduled: "예약을 취소했습니다.", Again: "계획·예약",
		HeldHow: "누구에게 가는지 확인하고, 맞으면 r 키로 보내고 아니면 x 키로 취소하세요.", ScheduleOff: "고쳤으므로 예약이 풀렸습니다. 마지막 단계에서 다시 예약하거나 보내세요.", ScheduleGoes: "예약된 캠페인입니다. 저장하면 예약이 풀리니, 마지막 단계에서 다시 예약하세요.",
	}
}
