package campaign

import "pabal/spool"

func koreanReport() *ReportTexts {
	return &ReportTexts{
		Lang: "ko", Title: "캠페인 보고서", Running: "아직 끝나지 않은 캠페인입니다. 다음 시각의 수치입니다:", Made: "기준 시각", NoneYet: "없음",
		State: "상태", Template: "템플릿", From: "보낸 사람", Started: "시작", Ended: "끝", Audience: "대상",
		Outcomes: "발송 결과", Outcome: "결과", Count: "수", Share: "비율", Total: "합계",
		Feedback: "시간에 따른 반응", FeedbackLead: "첫 접수부터 그때까지 소식이 온 수신자 수입니다. 한 사람은 한 번만 셉니다.",
		When: "경과", Undated: "시각 모름", NoFeedback: "SES 이벤트를 읽지 않아 도착을 세지 않으며, 불명 결과가 저절로 밝혀지지 않습니다. 설정: pabal feedback setup",
		Speed: "속도", Lasted: "걸린 시간", Mean: "평균", Peak: "가장 빠른 1분", PeakNote: "첫 두 시간 중", Aim: "지금 계정의 속도", PerSecond: "건/초", PerMinute: "건/분", InFive: "모두 5분 안에",
		Name: "이름", GoodUntil: "%s까지 열립니다. 링크를 아는 사람은 누구나 볼 수 있습니다.", OnItsWay: "보고서를 보냈습니다(%s). 어떻게 되었는지: pabal trace %s",
		Planned: "시작할 때의 계획", Longer: "실제로는 %s%% 더 걸림", Shorter: "실제로는 %s%% 덜 걸림", Foreseen: "계획에서 미리 알린 대로",
		Cost: "비용", CostNote: "접수된 메일에 단가를 곱한 값으로, 세금과 첨부 데이터 요금은 별도입니다.",
		Tracking: "열람과 클릭", TrackingBoth: "수신자마다 한 번만 셉니다. 이미지를 막거나 스스로 받는 메일 프로그램이 있어 열람 수는 어림값입니다.",
		OpensOff: "열람 추적이 꺼져 있습니다", ClicksOff: "클릭 추적이 꺼져 있습니다",
		Domains: "도메인", Domain: "도메인", Sent: "보냄", Others: "그 밖의 모두",
		Failures: "실패 사유", Unknowns: "불명 사유", Bounces: "반송 사유", Skips: "제외 사유", Reason: "사유",
		Acts: "누가 무엇을 했나", By: "누가", Pabal: "pabal", Recipients: "명",
		Override: "사전 점검 무시",
		Twice:    "두 번 받은 사람", TwiceNone: "없습니다.", TwiceMaybe: "두 번 받았을 수 있음", TwiceSure: "확인됨: SES가 두 번 이상 접수", TwiceList: "전체 명단: pabal campaign recipients %d --feedback maybe_twice",
		Accepting: "SES에 넘긴 메일", Minute: "분", Hour: "시간", Day: "일", Later: "그 뒤", Seconds: "초", Yes: "예", No: "아니요", Campaigns: "캠페인", Since: "이후",
		Outs: map[spool.Outcome]string{spool.Pending: "대기", spool.Sending: "발송 중", spool.Accepted: "접수", spool.Failed: "실패", spool.Skipped: "제외", spool.Unknown: "불명"},
		Kinds: map[spool.FeedbackKind]string{spool.Sent: "접수", spool.Delivered: "도착", spool.Delayed: "지연", spool.Bounced: "반송", spool.Complained: "스팸 신고",
			spool.Rejected: "SES 거부", spool.Opened: "열람", spool.MachineOpened: "자동 열람", spool.Clicked: "클릭"},
		States: map[spool.State]string{spool.Draft: "초안", spool.Scheduled: "예약됨", spool.Freezing: "대상 고정 중", spool.Running: "발송 중", spool.Paused: "일시정지", spool.Held: "보류",
			spool.Cancelling: "취소 중", spool.Cancelled: "취소됨", spool.Done: "완료"},
		Skip: map[string]string{spool.SkipUnsubscribed: "수신 거부", spool.SkipTopicOff: "주제 끔", spool.SkipFrequency: "최근에 이미 받음", spool.SkipSuppressed: "발송 차단 주소",
			spool.SkipErased: "삭제된 사람", spool.SkipInvalid: "잘못된 주소", spool.SkipCancelled: "캠페인 취소"},
		Deeds: map[string]string{"start": "시작", "pause": "일시정지", "resume": "재개", "cancel": "취소", "resend failed": "실패를 다시 보냄", "resend unknown": "불명을 다시 보냄",
			"settle unknown": "반응으로 불명이 밝혀짐"},
		Whys: map[string]string{WhyNoEvents: "pabal이 SES 이벤트를 읽지 않습니다. 설정: pabal feedback setup", WhyNoSet: "설정 세트가 없습니다: [ses] configuration_set",
			WhyNotInSet: "설정 세트가 알려 주지 않습니다. pabal feedback setup에서 TrackOpensAndClicks=yes", WhyNotAsked: "지금은 SES에 물어볼 수 없었습니다"},
	}
}
