package tui

import (
	"fmt"
	"strings"
	"time"

	"pabal/audience"
	"pabal/campaign"
	"pabal/sesclient"
	"pabal/spool"
)

// newFake is a shop with 200 customers in the middle of a campaign.
func newFake(now time.Time) *fakeBackend {
	at := func(d time.Duration) time.Time { return now.Add(d) }
	names := []string{"김하나", "이서준", "박지우", "최민서", "정도윤", "강하은", "조시우", "윤지아", "장예준", "임수아"}
	f := &fakeBackend{now: now}
	for i := range 60 {
		p := audience.Subscriber{ID: uint64(i + 1), Email: fmt.Sprintf("customer%03d@example.com", i+1), Name: names[i%10], Gender: []string{"female", "male"}[i%2],
			CreatedAt: at(-time.Duration(i) * 40 * time.Hour), Attributes: map[string]string{"Grade": []string{"VIP", "일반"}[i%2], "Point": comma(int64(i) * 1500)},
			Consent: audience.Consent{Subscribed: i%7 != 3, Source: audience.Import, At: at(-9 * time.Hour)}}
		if i%4 == 0 {
			p.Tags = []string{"vip2026", "봄"}
		}
		f.people = append(f.people, p)
		m := spool.Message{ID: fmt.Sprintf("c3-%d", i+1), Lane: spool.Bulk, Campaign: 3, Subscriber: uint64(i + 1), To: p.Email, Attempts: 1, At: at(-time.Duration(i) * time.Second)}
		switch {
		case i%7 == 3:
			m.Outcome, m.Reason, m.Attempts = spool.Skipped, spool.SkipUnsubscribed, 0
		case i == 8:
			m.Outcome, m.Reason = spool.Failed, "550 Address blacklisted"
		case i == 9:
			m.Outcome, m.Reason = spool.Unknown, "no answer: connection reset"
		case i > 50:
			m.Outcome, m.To, m.Attempts = spool.Pending, "", 0
		default:
			m.Delivered, m.Opened = i%3 == 0, i%6 == 0
			m.Outcome, m.SESID = spool.Accepted, fmt.Sprintf("0102019abc-%04d-ap-northeast-2", i)
		}
		f.rows = append(f.rows, m)
	}
	f.status = spool.Status{Pending: 74, Sending: 6, OldestSeconds: 12, PerSecond: 12.4,
		Lanes: map[string]spool.Counts{"transactional": {Pending: 2, Sending: 1}, "bulk": {Pending: 72, Sending: 5}}}
	for i := range 60 {
		f.status.Recent = append(f.status.Recent, []int{0, 3, 9, 12, 13, 12, 12, 6}[min(i/6, 7)])
	}
	f.ses = sesclient.Status{Region: "ap-northeast-2", Rate: 14, Aim: 12.6, Quota24h: 50000, Sent24h: 12480, SendingEnabled: true, CheckedAt: now}
	f.events = []spool.Event{
		{At: at(-31 * time.Second), Kind: "state", ID: "campaign:3", Text: "running"},
		{At: at(-9 * time.Second), Kind: "failed", ID: "c3-109", Text: "550 Address blacklisted"},
		{At: at(-3 * time.Second), Kind: "skipped", ID: "c3-117", Text: spool.SkipUnsubscribed},
		{At: at(-2 * time.Second), Kind: "accepted", ID: "c3-118"},
	}
	counts := spool.Counts{Audience: 200, Pending: 72, Sending: 5, Accepted: 104, Failed: 1, Skipped: 17, Unknown: 1, Delivered: 88, Bounced: 1,
		Skips: map[string]int64{"unsubscribed": 12, "suppressed": 4, "topic_off": 1}}
	f.campaigns = []campaign.Campaign{
		{ID: 5, Name: "겨울 신상품 안내", State: spool.Draft, Template: "welcome", CreatedAt: at(-time.Hour)},
		{ID: 4, Name: "블랙 프라이데이", State: spool.Held, Template: "sale", TemplateVersion: 1, Started: at(-10 * time.Minute), Counts: spool.Counts{Audience: 120000, Pending: 70480, Accepted: 48110, Skipped: 1410}, Reason: "24-hour quota used up"},
		{ID: 3, Name: "회원 가입 환영", State: spool.Running, Template: "welcome", TemplateVersion: 2, Segment: `gender == "female"`, Started: at(-31 * time.Second), First: at(-30 * time.Second), Counts: counts, PerSecond: 12.4, ETA: at(7 * time.Second)},
		{ID: 2, Name: "가을 정기 세일 (광고)", State: spool.Done, Template: "sale", TemplateVersion: 1, Started: at(-26 * time.Hour), Ended: at(-25 * time.Hour), Counts: spool.Counts{Audience: 43000, Accepted: 42800, Failed: 20, Skipped: 180, Delivered: 42600, Bounced: 31, Complained: 2, Opened: 15210, Clicked: 1804, MachineOpened: 9001}},
		{ID: 1, Name: "테스트", State: spool.Cancelled, Template: "sale", TemplateVersion: 1, Started: at(-50 * time.Hour), Ended: at(-50 * time.Hour), Counts: spool.Counts{Audience: 30, Accepted: 3, Skipped: 27}},
	}
	f.templates = []campaign.Template{
		{ID: 1, Name: "welcome", Purpose: "가입 환영", Version: 2, Subject: "{{Name}}님, 가입을 환영합니다", Fields: []string{"Name", "Grade", "Body", "UnsubscribeURL"},
			Text: "{{Name}}님 안녕하세요.\n\n{{Body}}\n\n수신 거부: {{UnsubscribeURL}}", CreatedAt: at(-48 * time.Hour)},
		{ID: 2, Name: "sale", Purpose: "정기 세일", Version: 1, Subject: "(광고) 이번 주 세일", Fields: []string{"Name", "UnsubscribeURL"}, Text: "세일!", CreatedAt: at(-300 * time.Hour)},
	}
	f.count = audience.Count{Selected: 200, Mailable: 183, Skipped: map[string]int64{"unsubscribed": 12, "suppressed": 4, "topic_off": 1}}
	f.preflight = campaign.Preflight{Campaign: 9, Audience: f.count, MailBytes: 101800, Findings: []campaign.Finding{
		{Rule: "consent_assumed", Level: campaign.Warn, What: "40 recipients came from customers.csv, which had no consent column", How: "check it", Count: 40, Examples: []string{"customer001@example.com", "customer002@example.com"}},
		{Rule: "big_mail", Level: campaign.Note, What: "the mail is just under Gmail's 102 KB clip", How: "leave out an image"},
	}}
	f.plan = campaign.Plan{Campaign: 9, Recipients: 183, Rate: 12.6, Seconds: 14.5, Start: now, End: at(15 * time.Second), FiveMinutes: true, WithinFive: 183, Cost: 0.0183, Currency: "USD", PricePer: 0.1,
		Notes: []campaign.PlanNote{{Code: campaign.NoteTakes, Count: 183, Seconds: 14.5, Rate: 12.6}}}
	f.letter = campaign.Letter{From: "무신상회 <shop@example.com>", Subject: "김하나님, 가입을 환영합니다", Bytes: 101800,
		Text: "김하나님 안녕하세요.\n\n무신상회에 가입해 주셔서 감사합니다. 첫 구매에 쓸 수 있는 쿠폰을 드립니다.\n\n쇼핑하기: https://shop.example.com/\n\n수신 거부: https://mail.example.com/u/abc"}
	f.link = campaign.Link{URL: "https://mail.example.com/p/" + strings.Repeat("k7Qz", 30), Until: at(15 * time.Minute), Email: "customer001@example.com"}
	f.topics = []audience.Topic{{ID: "sale", Korean: "세일 소식", English: "Sales", Commercial: true, Default: true}, {ID: "news", Korean: "새 상품", English: "New arrivals", Commercial: true}}
	f.mails = []spool.Message{
		{ID: "c3-1", Lane: spool.Bulk, Campaign: 3, Outcome: spool.Accepted, At: at(-30 * time.Second), SESID: "0102", Delivered: true, Opened: true},
		{ID: "q17", Subject: "주문 확인", Outcome: spool.Accepted, At: at(-50 * time.Hour), Delivered: true},
		{ID: "c2-1", Lane: spool.Bulk, Campaign: 2, Outcome: spool.Skipped, Reason: spool.SkipFrequency, At: at(-26 * time.Hour)},
	}
	f.history = []audience.Change{
		{At: at(-400 * time.Hour), Subscribed: true, Source: audience.MySQL, Applied: true},
		{At: at(-300 * time.Hour), Subscribed: true, Source: audience.Person, Detail: "campaign 2", Applied: true, Changed: []string{"topic news off", "frequency weekly"}},
		{At: at(-9 * time.Hour), Subscribed: true, Source: audience.Import, Detail: "customers.csv", Applied: false},
	}
	f.suppressed = []audience.Suppression{
		{Email: "gone@example.com", Reason: "bounce", At: at(-3 * time.Hour), Detail: "550 5.1.1 no such user"},
		{Email: "angry@naver.example", Reason: "complaint", At: at(-30 * time.Hour)},
		{Email: "full@example.com", Reason: "bounce", Soft: true, At: at(-40 * time.Hour), Detail: "452 mailbox full"},
		{Email: "test@example.com", Reason: "operator", At: at(-400 * time.Hour), Detail: "사내 시험 주소"},
		{Reason: "erased", At: at(-500 * time.Hour)},
	}
	f.heard = &sesclient.FeedbackStatus{Source: sesclient.SourceSQS, LastEvent: at(-4 * time.Second), CheckedAt: now}
	f.report = sampleReport(at(-26 * time.Hour))
	f.audience(at)
	f.queue(at)
	f.domains(at)
	return f
}

// queue is the mail of applications.
func (f *fakeBackend) queue(at func(time.Duration) time.Time) {
	f.queued = []spool.Message{
		{ID: "q91", From: "shop@example.com", To: "customer007@example.com", Subject: "주문 확인 20261122-0031", MessageID: "31.order@shop.example.com", Outcome: spool.Pending, Attempts: 2, Tries: 2, Reason: "454 Temporary service failure",
			At: at(-40 * time.Second), Received: at(-70 * time.Second), NextTry: at(20 * time.Second), Size: 18_400},
		{ID: "q92", From: "shop@example.com", To: "customer008@example.com", Subject: "비밀번호 재설정", Outcome: spool.Pending, At: at(-2 * time.Second), Received: at(-2 * time.Second), Size: 4_100},
		{ID: "q93", From: "shop@example.com", To: "customer009@example.com", Subject: "배송 시작 안내", Outcome: spool.Sending, Attempts: 1, At: at(-time.Second), Received: at(-3 * time.Second), Size: 22_010},
		{ID: "q40", From: "erp@example.com", To: "buyer@naver.example", Subject: "세금계산서 11월", Outcome: spool.Failed, Attempts: 4, Tries: 4, Reason: "454 Temporary service failure", At: at(-3 * time.Hour), Received: at(-4 * time.Hour), Size: 220_000},
		{ID: "q41", From: "erp@example.com", To: "old@daum.example", Subject: "세금계산서 11월", Outcome: spool.Failed, Attempts: 1, Tries: 1, Reason: "discarded: 554 Message rejected", At: at(-2 * time.Hour), Received: at(-4 * time.Hour)},
		{ID: "q42", From: "erp@example.com", To: "sales@partner.example", Outcome: spool.Unknown, Attempts: 1, Reason: "no answer: connection reset", At: at(-26 * time.Hour), Received: at(-26 * time.Hour), MaybeTwice: true, Size: 9_000},
		{ID: "q17", From: "shop@example.com", To: "customer001@example.com", Subject: "주문 확인", Outcome: spool.Accepted, Attempts: 1, SESID: "0102019abc-0017-ap-northeast-2", At: at(-50 * time.Hour), Received: at(-50 * time.Hour), Delivered: true, Size: 18_100},
	}
	f.status.Lanes["transactional"] = spool.Counts{Audience: 12_480, Pending: 2, Sending: 1, Accepted: 12_470, Failed: 4, Skipped: 2, Unknown: 1}
	f.status.Lanes["bulk"] = spool.Counts{Audience: 1_163_230, Pending: 72, Sending: 5, Accepted: 1_161_200, Failed: 21, Skipped: 1_931, Unknown: 1}
}

// audience is what the builder and the import find.
func (f *fakeBackend) audience(at func(time.Duration) time.Time) {
	texts := []audience.Comparison{audience.Is, audience.IsNot, audience.Contains, audience.OneOf, audience.Empty, audience.More}
	f.fields = []audience.Field{
		{Name: "email", Kind: audience.KindText, Comparisons: texts[:5]},
		{Name: "gender", Kind: audience.KindChoice, Comparisons: []audience.Comparison{audience.Is, audience.IsNot, audience.OneOf}, Choices: []string{"male", "female"}, Listed: true},
		{Name: "created_at", Kind: audience.KindDate, Comparisons: []audience.Comparison{audience.Since, audience.Before}},
		{Name: "subscribed", Kind: audience.KindFlag, Comparisons: []audience.Comparison{audience.Yes, audience.No}},
		{Name: "tag", Kind: audience.KindTag, Comparisons: []audience.Comparison{audience.Yes, audience.No}, Listed: true},
		{Name: audience.AttributeField, Attribute: "Grade", Kind: audience.KindValue, Comparisons: texts, Listed: true},
		{Name: audience.AttributeField, Attribute: "선호 브랜드", Kind: audience.KindValue, Comparisons: texts, Listed: true},
		{Name: "opened", Kind: audience.KindCampaign, Comparisons: []audience.Comparison{audience.Ever, audience.Never, audience.OfLast, audience.Of}, Listed: true},
	}
	f.values = []audience.FieldValue{{Value: "VIP", Count: 40}, {Value: "일반", Count: 158}, {Value: "3", Label: "회원 가입 환영"}}
	f.inbox = Inbox{SCP: "scp FILE marketer@mail.example.com:/var/lib/pabal/inbox/", Files: []InboxFile{
		{Name: "11월 고객.csv", Size: 1_830_220, Modified: at(-3 * time.Minute)}, {Name: "회원.xlsx", Size: 88_100, Modified: at(-30 * time.Hour)}}}
	f.seen = audience.ImportPreview{Name: "11월 고객.csv", Encoding: "cp949", Delimiter: ",", Rows: 12_430, Duplicate: 12, Rejected: 3,
		Columns: []audience.PreviewColumn{{Header: "이메일", Field: "email"}, {Header: "성명", Field: "name"}, {Header: "성별", Field: "gender"}, {Header: "가입일", Field: "created_at"}, {Header: "등급", As: "등급"}, {Header: "메모", As: "메모"}},
		First: [][]string{{"kim@example.com", "김하나", "여", "2025-03-02", "VIP", "단골"}, {"lee@naver.example", "이서준", "남", "2026-01-31", "일반", ""}, {"park@daum.example", "박지우", "여", "2024-12-25", "일반", "교환 문의 2회"},
			{"choi@example.com", "최민서", "", "2026-02-11", "VIP", ""}, {"jung@example.com", "정도윤", "남", "2026-05-05", "일반", ""}}}
	f.listed = audience.SuppressResult{Lines: 310, Added: 290, Known: 18, Rejected: 2, Rejects: []audience.Reject{{Line: 4, Email: "kim.example.com", Reason: "it has no @", ReasonKo: "주소에 @가 없습니다", Code: "address_no_at"}, {Line: 9, Reason: "no e-mail address", ReasonKo: "이메일 주소가 비어 있습니다", Code: "no_address"}}}
	f.result = audience.ImportResult{Rows: 12_430, Accepted: 12_415, Created: 12_000, Updated: 400, Unchanged: 15, Duplicate: 12, Rejected: 3, OptedOut: 31, Total: 12_430, Import: 7, Encoding: "cp949",
		Rejects: []audience.Reject{{Line: 17, Email: "kim.example.com", Reason: "no @", ReasonKo: "@가 없습니다", Code: "address_no_at"}, {Line: 230, Reason: "no e-mail address", ReasonKo: "이메일 주소가 비어 있습니다"}, {Line: 8001, Email: "a@b@c", Reason: "two @", ReasonKo: "@가 둘입니다"}}}
}

// sampleReport is what became of the autumn sale, without its campaign.
func sampleReport(start time.Time) campaign.Report {
	r := campaign.Report{Made: start.Add(26 * time.Hour), Events: true, Tracking: campaign.Tracking{Opens: campaign.TrackingOn, Clicks: campaign.TrackingOff, Why: campaign.WhyNotInSet},
		Speed: campaign.Speed{Seconds: 3400, PerSecond: 12.6, PeakMinute: 842, PeakAt: start.Add(4 * time.Minute), Aim: 12.6, AimSeconds: 3397}, Cost: &campaign.Cost{PricePer1000: 0.1, Mails: 42_800, Total: 4.28}}
	r.Series.Start = start
	for i := range int64(57) {
		r.Series.Points = append(r.Series.Points, spool.Point{After: i * 60, Span: 60, Happened: spool.Happened{Accepted: 750, Delivered: 745, Bounced: i % 2, Opened: 60, MachineOpened: 150}})
	}
	for i := range int64(20) {
		r.Series.Points = append(r.Series.Points, spool.Point{After: 7200 + i*3600, Span: 3600, Happened: spool.Happened{Opened: 11790 / 20, Complained: i / 18, MachineOpened: 22}})
	}
	count := func(domain string, n int64) spool.DomainCount {
		return spool.DomainCount{Domain: domain, Sent: n, Accepted: n - 4, Delivered: n - 9, Bounced: 5, Complained: n / 20000, Opened: n / 3, Clicked: n / 24, Failed: 4}
	}
	r.Tables = spool.Tally{Domains: []spool.DomainCount{count("naver.com", 21_400), count("gmail.com", 12_210), count("daum.net", 5_180), count("아주긴한글도메인이름.한국", 900), count("", 3_130)},
		Failed:  []spool.ReasonCount{{Reason: "550 5.1.1 mailbox does not exist: the account was closed by its owner", Count: 18}, {Reason: "552 message too large", Count: 2}},
		Bounced: []spool.ReasonCount{{Reason: "550 5.1.1 no such user", Count: 28}, {Reason: "552 5.2.2 mailbox full", Count: 3}}}
	return r
}

// domains are one that is right, one that lacks much, one that is not verified.
func (f *fakeBackend) domains(at func(time.Duration) time.Time) {
	zone := ".dkim.amazonses.com"
	good := sesclient.Domain{Name: "example.com", Identity: "example.com", DKIM: sesclient.DKIM{Signing: true, Status: "SUCCESS", Domain: "example.com", Aligned: true},
		MailFrom: sesclient.MailFrom{Domain: "bounce.example.com", Status: "SUCCESS", SPF: "v=spf1 include:amazonses.com ~all", Aligned: true},
		DMARC:    sesclient.DMARC{Record: "v=DMARC1; p=quarantine; rua=mailto:dmarc@example.com", Policy: "quarantine"}, At: at(-2 * time.Minute),
		Records: []sesclient.Record{
			{Name: "abcdefghijklmnopqrstuvwxyz234567._domainkey.example.com", Type: "CNAME", Value: "abcdefghijklmnopqrstuvwxyz234567" + zone, Found: true, State: "pass"},
			{Name: "bounce.example.com", Type: "MX", Value: "10 feedback-smtp.ap-northeast-2.amazonses.com", Found: true, State: "pass"},
			{Name: "_dmarc.example.com", Type: "TXT", Value: "v=DMARC1; p=quarantine; rua=mailto:dmarc@example.com", Found: true, State: "pass"}}}
	bad := good
	bad.Name, bad.Identity, bad.DKIM = "shop.example.net", "shop.example.net", sesclient.DKIM{Status: "PENDING"}
	bad.MailFrom, bad.DMARC = sesclient.MailFrom{}, sesclient.DMARC{}
	bad.Records = []sesclient.Record{}
	for _, token := range []string{"abcdefghijklmnopqrstuvwxyz234567", "bcdefghijklmnopqrstuvwxyz2345678", "cdefghijklmnopqrstuvwxyz23456789"} {
		bad.Records = append(bad.Records, sesclient.Record{Name: token + "._domainkey.shop.example.net", Type: "CNAME", Value: token + zone, State: "missing"})
	}
	bad.Records[1].State, bad.Records[1].Seen = "wrong", "bcdefghijklmnopqrstuvwxyz2345678._domainkey.shop.example.net.example.net"
	bad.Records = append(bad.Records, sesclient.Record{Name: "bounce.shop.example.net", Type: "MX", Value: "10 feedback-smtp.ap-northeast-2.amazonses.com", State: "missing"})
	of := func(d string, more ...string) map[string]string {
		m := map[string]string{"domain": d, "address": d}
		for i := 0; i+1 < len(more); i += 2 {
			m[more[i]] = more[i+1]
		}
		return m
	}
	f.senders = []SenderDomain{
		{Domain: good, Configured: true},
		{Domain: bad, Findings: []campaign.Finding{{Rule: "mail_from", Case: "none", Level: campaign.Note, Data: of(bad.Name)}, {Rule: "dmarc", Case: "missing", Level: campaign.Warn, Data: of(bad.Name)},
			{Rule: "dkim", Case: "off", Level: campaign.Block, Data: of(bad.Name, "status", "PENDING")}}},
		{Domain: sesclient.Domain{Name: "old.example.org", At: at(-2 * time.Minute)}, Findings: []campaign.Finding{{Rule: "from_unverified", Level: campaign.Block, Data: of("old.example.org")}}},
		{Domain: sesclient.Domain{Name: "slow.example.org", At: at(-2 * time.Minute)}, Error: "SES did not answer: no credentials"},
	}
}
