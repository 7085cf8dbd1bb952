package cli

import (
	"fmt"
	"strings"

	"pabal/eml"
)

// question is one setting that config init asks for.
type question struct {
	key   string
	flag  string
	usage string
	after string               // asked only where this key is not empty
	text  map[string][2]string // by language: what is asked, and what it is for
}

// questions are in the order in which they are asked.
func questions() []question {
	return []question{
		{"ses.region", "region", "AWS `REGION` of the SES account", "", map[string][2]string{
			"en": {"AWS region of the SES account", "ap-northeast-2 is Seoul. It is where your domain is verified."},
			"ko": {"SES 계정의 AWS 리전", "ap-northeast-2가 서울입니다. 도메인을 확인한 리전이어야 합니다."}}},
		{"campaign.from", "from", "sender of campaigns: '상호 <shop@example.com>'", "", map[string][2]string{
			"en": {"Sender of campaigns", "Name and address: 파발 상점 <shop@example.com>. Its domain has to be set up at SES: pabal domain setup example.com"},
			"ko": {"캠페인의 보내는 사람", "이름과 주소: 파발 상점 <shop@example.com>. 도메인은 SES에 등록되어 있어야 합니다: pabal domain setup example.com"}}},
		{"campaign.company", "company", "`NAME` of the company, as the law wants it in advertising", "", map[string][2]string{
			"en": {"Name of the company", "Korean law wants name, address and phone of the sender in every advertising mail: {{Company}} in letters."},
			"ko": {"회사 이름", "정보통신망법은 광고 메일에 보내는 사람의 명칭, 주소, 전화번호를 적게 합니다. 메일의 {{Company}} 자리에 들어갑니다."}}},
		{"campaign.address", "address", "postal `ADDRESS` of the company", "", map[string][2]string{
			"en": {"Postal address of the company", "{{Address}} in letters."}, "ko": {"회사 주소", "메일의 {{Address}} 자리에 들어갑니다."}}},
		{"campaign.phone", "phone", "phone `NUMBER` of the company", "", map[string][2]string{
			"en": {"Phone number of the company", "{{Phone}} in letters, and on the unsubscribe page."}, "ko": {"회사 전화번호", "메일의 {{Phone}} 자리와 수신거부 페이지에 들어갑니다."}}},
		{"web.public_url", "public-url", "`URL` at which recipients reach the unsubscribe page", "", map[string][2]string{
			"en": {"Public address of the unsubscribe page", "https://mail.example.com, led to web.listen by your HTTPS proxy (docs/web.md). Without it no campaign starts."},
			"ko": {"수신거부 페이지의 공개 주소", "https://mail.example.com. HTTPS 프록시가 web.listen으로 이어 줍니다(docs/web.ko.md). 없으면 캠페인이 시작되지 않습니다."}}},
		{"smtp.listen", "smtp-listen", "`ADDRESSES` at which applications submit mail, with commas", "", map[string][2]string{
			"en": {"Where applications submit mail by SMTP", "host:port, several with commas. On this host only, unless clients log in over TLS (docs/smtp.md)."},
			"ko": {"응용 프로그램이 SMTP로 메일을 맡기는 곳", "host:port, 여럿은 쉼표로. TLS 로그인이 없으면 이 호스트에서만 받습니다(docs/smtp.ko.md)."}}},
		{"mysql.dsn_file", "mysql-dsn-file", "`FILE` of mode 0600 with user:password@tcp(host:3306)/database", "", map[string][2]string{
			"en": {"MySQL with the customers", "host:port; empty for none: customers then come from files. An account that may only SELECT is enough (docs/mysql.md)."},
			"ko": {"고객이 있는 MySQL", "host:port. 비우면 쓰지 않고, 고객은 파일로 들입니다. SELECT만 할 수 있는 계정이면 됩니다(docs/mysql.ko.md)."}}},
		{"feedback.sqs_queue_url", "sqs-queue-url", "`URL` of the queue that SES's events come through", "", map[string][2]string{
			"en": {"URL of the queue for feedback", "SES says through it what was delivered, bounced, complained of. Make one with: pabal feedback setup; empty for later."},
			"ko": {"도착 소식 대기열의 URL", "SES가 도착, 반송, 스팸 신고를 알려 주는 곳입니다. pabal feedback setup으로 만듭니다. 나중에 하려면 비워 두십시오."}}},
		{"ses.configuration_set", "configuration-set", "SES configuration set `NAME` whose events go to that queue", "feedback.sqs_queue_url", map[string][2]string{
			"en": {"SES configuration set whose events go to that queue", "Its name, as feedback setup has made it."},
			"ko": {"그 대기열로 사건을 보내는 SES 구성 세트", "feedback setup이 만든 이름입니다."}}},
		{"failures.operator", "operator", "`ADDRESS` that is told of applications' mail that SES never took", "", map[string][2]string{
			"en": {"Operator's address", "Gets a report, at most one an hour, when SES never took an application's mail. Empty: nobody is told."},
			"ko": {"운영자의 메일 주소", "SES가 끝내 받지 않은 응용 프로그램의 메일을 모아 알립니다(한 시간에 한 통까지). 비우면 아무에게도 알리지 않습니다."}}},
	}
}

// koreanWords are the short texts of config init in Korean.
var koreanWords = map[string]string{
	"A configuration for %s.": "%s 설정을 만듭니다.",
	"Enter takes what stands in brackets, - leaves it empty, Ctrl-C ends without writing.": "엔터는 괄호 안의 값을 쓰고, -는 비웁니다. Ctrl-C를 누르면 아무것도 쓰지 않고 끝납니다.",
	"Write %s?": "%s에 쓸까요?",
	"Keep %s?":  "%s을(를) 그대로 쓸까요?",
	"host:port": "서버(host:port)",
	"PEM file of who signed the server's certificate (for RDS, the bundle of AWS); empty for a public one": "서버 인증서를 서명한 기관의 PEM 파일(RDS라면 AWS의 묶음 파일). 공인 인증서라면 비워 두십시오",
	"database":                                "데이터베이스",
	"user":                                    "사용자",
	"table":                                   "테이블",
	"password (not shown)":                    "비밀번호(보이지 않음)",
	"Connect to it now?":                      "지금 연결해 볼까요?",
	"Type it again? (n keeps it as it is)":    "다시 입력할까요? (n이면 그대로 둡니다)",
	"it answers, and the columns are there":   "연결되고, 열도 모두 있습니다",
	"nothing was written":                     "아무것도 쓰지 않았습니다",
	"again: pabal config init":                "다시 하려면: pabal config init",
	"wrote %s":                                "%s에 썼습니다",
	"the DSN is in %s, for the service alone": "DSN은 %s에 있고, 서비스만 읽습니다",
	"what was there is in %s":                 "전에 있던 내용은 %s에 있습니다",
	"but see: %s":                             "다만: %s",
	"next:":                                   "다음에 할 일:",
	"checks this host, AWS, the DNS and MySQL": "이 호스트와 AWS, DNS, MySQL을 살핍니다",
	"prints the DNS records of the sender":     "보내는 도메인의 DNS 레코드를 보여 줍니다",
	"runs the daemon":                          "데몬을 실행합니다",
}

// wordsIn is a short text in a language.
func wordsIn(lang, text string) string {
	if korean, ok := koreanWords[text]; ok && lang == "ko" {
		return korean
	}
	return text
}

func (k *asker) words(text string) string { return wordsIn(k.lang, text) }

// report says what was written and what comes next.
func (i *initialization) report(done initialized) error {
	lang := i.a.language(i.cfg)
	start := "systemctl restart pabal"
	if i.path != systemConfig || i.secrets == "" {
		start = "pabal serve"
	}
	setup := "pabal domain setup example.com"
	if box, err := eml.ParseMailbox(i.cfg.Campaign.From); err == nil {
		setup = "pabal domain setup " + box.Address[strings.LastIndex(box.Address, "@")+1:]
	}
	next := [][2]string{{"pabal doctor", "checks this host, AWS, the DNS and MySQL"}, {setup, "prints the DNS records of the sender"}, {start, "runs the daemon"}}
	for _, n := range next {
		done.Next = append(done.Next, n[0])
	}
	return one(i.a, done, func(r *report) {
		r.line(wordsIn(lang, "wrote %s"), eml.Visible(done.Config))
		if done.DSNFile != "" {
			r.line(wordsIn(lang, "the DSN is in %s, for the service alone"), eml.Visible(done.DSNFile))
		}
		for _, c := range done.Copies {
			r.line(wordsIn(lang, "what was there is in %s"), eml.Visible(c))
		}
		for _, w := range done.Warnings {
			r.line(wordsIn(lang, "but see: %s"), eml.Visible(w))
		}
		r.line("%s", wordsIn(lang, "next:"))
		for _, n := range next {
			r.line("  %s", fmt.Sprintf("%-36s # %s", n[0], wordsIn(lang, n[1])))
		}
	})
}
