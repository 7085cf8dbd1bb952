package cli

// demoTexts are the sentences of the demo in one language.
type demoTexts struct {
	title, imported, template, campaign, preview, preflight, plan, sending   string
	sent, heard, smtp, unsubscribed, second, summary, mails, data, good, bad string
	checks                                                                   demoCheckTexts
}

// demoCheckTexts name what is checked.
type demoCheckTexts struct {
	allAccepted, ownName, ownLink, nothingLeft, sums, logAgrees, smtp, getHarmless, optOut, skipped, stores, heard, blocked string
}

func textsFor(lang string) *demoTexts {
	if lang == "ko" {
		return koreanDemo()
	}
	return englishDemo()
}

func englishDemo() *demoTexts {
	return &demoTexts{
		title:        "pabal demo: a real store, real SMTP and HTTP, and an emulated SES at %g mails a second",
		imported:     "1. imported %s sample customers (%s new, %s rejected)",
		template:     "2. stored the template %s, version %d, with the fields %s",
		campaign:     "3. made campaign %d for %s people",
		preview:      "4. as %s will get it:",
		preflight:    "5. preflight: %s",
		plan:         "6. plan: %s mails at %.3g a second take %s",
		sending:      "sending",
		sent:         "7. sent: %s accepted, %s failed, %s skipped, %s unknown in %s",
		heard:        "8. SES reports: %s delivered, %s bounced, %s complained, %s opened, %s clicked",
		smtp:         "9. an application submitted a mail by SMTP; SES took it as %s",
		unsubscribed: "10. %s clicked unsubscribe (opening the link alone changed nothing)",
		second:       "11. a second campaign: %s accepted, %s skipped",
		summary:      "What was checked",
		mails:        "The mails: %s (open %s)",
		data:         "The store: %s",
		good:         "Everything held.",
		bad:          "%d of %d checks did not hold.",
		checks: demoCheckTexts{
			allAccepted: "every customer's mail is in SES's log, once",
			ownName:     "each mail greets its own customer",
			ownLink:     "each mail has its own unsubscribe link",
			nothingLeft: "no merge field or empty greeting was left",
			sums:        "the ledger's sums equal the audience",
			logAgrees:   "the ledger's SES ids are those of the log",
			smtp:        "the application's mail arrived unchanged",
			getHarmless: "looking at the unsubscribe page changed nothing",
			optOut:      "the unsubscribe was recorded",
			skipped:     "the second campaign skipped them all",
			heard:       "SES's word on every mail is in the ledger",
			blocked:     "who bounced or complained is suppressed",
			stores:      "every sum and index of the stores holds",
		},
	}
}

func koreanDemo() *demoTexts {
	return &demoTexts{
		title:        "파발 시연: 진짜 저장소, 진짜 SMTP와 HTTP, 초당 %g통을 받는 가상 SES",
		imported:     "1. 예제 고객 %s명을 가져왔습니다 (새로 %s명, 거절 %s줄)",
		template:     "2. 템플릿 %s 버전 %d을 저장했습니다. 필드: %s",
		campaign:     "3. 캠페인 %d을 만들었습니다. 대상 %s명",
		preview:      "4. %s 님이 받을 메일:",
		preflight:    "5. 사전 점검: %s",
		plan:         "6. 발송 계획: %s통, 초당 %.3g통, 걸리는 시간 %s",
		sending:      "발송 중",
		sent:         "7. 발송: 접수 %s, 실패 %s, 제외 %s, 불명 %s, 걸린 시간 %s",
		heard:        "8. SES의 보고: 배달 %s, 반송 %s, 신고 %s, 열람 %s, 클릭 %s",
		smtp:         "9. 업무 프로그램이 SMTP로 맡긴 메일을 SES가 %s로 접수했습니다",
		unsubscribed: "10. %s 님이 수신거부를 눌렀습니다 (링크를 여는 것만으로는 바뀌지 않았습니다)",
		second:       "11. 두 번째 캠페인: 접수 %s, 제외 %s",
		summary:      "확인한 것",
		mails:        "메일: %s (목록 %s)",
		data:         "저장소: %s",
		good:         "모두 맞습니다.",
		bad:          "%[2]d가지 중 %[1]d가지가 맞지 않습니다.",
		checks: demoCheckTexts{
			allAccepted: "모든 고객의 메일이 SES 기록에 한 번씩 있다",
			ownName:     "메일마다 그 고객의 이름으로 인사한다",
			ownLink:     "메일마다 수신거부 링크가 다르다",
			nothingLeft: "채워지지 않은 필드나 빈 인사말이 없다",
			sums:        "발송 대장의 합계가 대상 수와 같다",
			logAgrees:   "발송 대장의 SES 번호가 기록과 같다",
			smtp:        "업무 프로그램의 메일이 그대로 도착했다",
			getHarmless: "수신거부 페이지를 보는 것으로는 바뀌지 않는다",
			optOut:      "수신거부가 기록되었다",
			skipped:     "두 번째 캠페인에서 그 고객들이 제외되었다",
			heard:       "모든 메일의 결과가 발송 대장에 있다",
			blocked:     "반송되거나 신고한 주소는 발송이 차단된다",
			stores:      "저장소의 모든 합계와 색인이 맞다",
		},
	}
}
