package cli

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"pabal/campaign"
	"pabal/control"
	"pabal/eml"
	"pabal/sesclient"
)

func (a *app) domainCommands() *cobra.Command {
	return a.group("domain", "The domains of senders, at SES and in the DNS", a.domainSetup(), a.domainCheck(), a.domainVerifyAddress())
}

// checkedDomain is a line of domain check --json.
type checkedDomain struct {
	control.SenderDomain
	Account sesclient.Status `json:"account"` // sandbox, quota, reputation: the same for all
}

// domainCheck exits 1 while a domain is set up so that mail from it is blocked,
// or nobody can say how it is.
func (a *app) domainCheck() *cobra.Command {
	return a.asking("check [DOMAIN]", "See how SES and the DNS have the domains that mail is sent from, and how to mend them", "pabal domain check example.com",
		func(ctx context.Context, c *control.Client, args []string) error {
			name := ""
			if len(args) > 0 {
				name = args[0]
			}
			all, err := c.Domains(ctx, name, a.preflightLanguage())
			if err != nil {
				return err
			}
			account, err := c.SESStatus(ctx)
			if err != nil {
				return err
			}
			return a.showDomains(all, account, name)
		})
}

func (a *app) showDomains(all []control.SenderDomain, account sesclient.Status, name string) error {
	t := domainTexts(a.preflightLanguage())
	if !a.json {
		r := &report{zone: a.zone()}
		t.account(r, account)
		if err := r.writeTo(a.stdout); err != nil {
			return err
		}
	}
	var blocked, unknown []string
	for _, d := range all {
		if d.Error != "" {
			unknown = append(unknown, d.Name)
		}
		if slices.ContainsFunc(d.Findings, func(f campaign.Finding) bool { return f.Level == campaign.Block }) {
			blocked = append(blocked, d.Name)
		}
		if err := one(a, checkedDomain{d, account}, func(r *report) { t.domain(r, d) }); err != nil {
			return err
		}
	}
	asked := func(found []string) bool { return len(found) > 0 && (name != "" || found[0] == all[0].Name) }
	switch {
	case asked(blocked):
		return &eml.Problem{What: fmt.Sprintf(t.notSetUp, eml.Visible(blocked[0])), Hint: t.mendIt}
	case asked(unknown):
		return &eml.Problem{What: fmt.Sprintf(t.notTold, eml.Visible(unknown[0])), Hint: t.seeDoctor}
	}
	return nil
}

// domainText is what stands round the findings about domains, in one language.
type domainText struct {
	levels                                       map[campaign.Level]string
	states                                       map[string]string // of records
	good, notKnown, seen                         string
	accountIs, production, sandbox, reputation   string
	off, review, quotaIs                         string
	made, known, identity, mailFrom, mailFromSet string
	typeIn, publish, check                       string
	addressSent, addressGood, addressWaits       string
	amiss, silent, notSetUp, mendIt              string
	notTold, seeDoctor                           string
	leave                                        string            // the sandbox
	says                                         map[string]string // what SES says of an account, in words
	quota                                        func(sent, most float64) string
}

func domainTexts(lang string) *domainText {
	if lang == "ko" {
		return &domainText{levels: map[campaign.Level]string{campaign.Block: "차단", campaign.Warn: "경고", campaign.Note: "참고"},
			states: map[string]string{sesclient.RecordPass: "등록됨", sesclient.RecordMissing: "없음", sesclient.RecordWrong: "틀림", sesclient.RecordUnknown: "확인 안 됨"},
			good:   "모두 맞게 설정되어 있습니다", notKnown: "알 수 없음", seen: "DNS에 있는 것",
			accountIs: "SES 계정", production: "정식 계정", sandbox: "샌드박스: 인증된 주소로만 보낼 수 있습니다", reputation: "평판", off: "발송이 꺼져 있습니다", review: "정식 계정 신청", quotaIs: "한도",
			made: "새로 만들었습니다", known: "이미 있습니다", identity: "SES의 도메인", mailFrom: "MAIL FROM", mailFromSet: "지금 정했습니다",
			typeIn: "%s에 입력할 레코드 (도메인 %s)", publish: "레코드를 모두 등록하면 SES가 72시간 안에 확인합니다.", check: "확인: pabal domain check %s",
			notSetUp: "%s에서 메일을 보낼 수 없습니다", mendIt: "위에 나온 차단부터 고치세요", quota: koreanQuota,
			notTold: "%s의 상태를 SES에 물어보지 못했습니다", seeDoctor: "자격 증명과 네트워크를 확인한 뒤 다시 하세요: pabal doctor",
			leave: "AWS 콘솔(SES, 계정 대시보드)에서 정식 계정을 신청하세요. 그때까지는 받는 사람을 인증합니다: pabal domain verify-address 주소",
			says:  map[string]string{"HEALTHY": "좋음", "PROBATION": "검토 중", "SHUTDOWN": "발송 정지", "PENDING": "심사 중", "FAILED": "처리하지 못함", "GRANTED": "승인됨", "DENIED": "거절됨"},
			amiss: "보내는 도메인 %s: %s부터 설정이 어긋나 있습니다", silent: "보내는 도메인 %s: %s부터 확인하지 못하고 있습니다: %s",
			addressSent: "%s: SES가 이 주소로 확인 메일을 보냈습니다. 메일 안의 링크를 누르면 됩니다", addressGood: "%s: 인증되었습니다",
			addressWaits: "%s: 아직 링크를 누르지 않았습니다. 링크는 24시간 동안 유효합니다. 다시 받으려면 SES 콘솔에서 이 주소를 지우고 한 번 더 하세요"}
	}
	return &domainText{levels: map[campaign.Level]string{campaign.Block: "block", campaign.Warn: "warn", campaign.Note: "note"},
		states: map[string]string{sesclient.RecordPass: "published", sesclient.RecordMissing: "missing", sesclient.RecordWrong: "wrong", sesclient.RecordUnknown: "not looked up"},
		good:   "all is set up right", notKnown: "not known", seen: "the DNS has",
		accountIs: "SES account", production: "in production", sandbox: "sandbox: mails go to verified addresses only", reputation: "reputation", off: "sending is switched off", review: "production access", quotaIs: "quota",
		made: "created now", known: "was there", identity: "SES identity", mailFrom: "MAIL FROM", mailFromSet: "set now",
		typeIn: "Records to type in at %s (the DNS of %s)", publish: "Once all are published SES verifies the domain within 72 hours.", check: "To see how it is: pabal domain check %s",
		notSetUp: "%s is not set up to send", mendIt: "mend what blocks, as said above", quota: quota,
		notTold: "SES could not be asked about %s", seeDoctor: "see to credentials and network, then check again: pabal doctor",
		leave: "ask for production access in the AWS console (SES, account dashboard); until then verify who is to get mail: pabal domain verify-address EMAIL",
		amiss: "domain %s: amiss since %s", silent: "domain %s: nobody has answered about it since %s: %s",
		addressSent: "%s: SES has mailed a link to it; whoever reads it must open the link", addressGood: "%s is verified",
		addressWaits: "%s: the link was not opened yet; it is good for 24 hours. For another one delete the address in the SES console and do this again"}
}

// koreanQuota is quota in Korean.
func koreanQuota(sent, most float64) string {
	if most < 0 {
		return "24시간 동안 " + commas(int64(sent)) + "통 (한도 없음)"
	}
	return "24시간 동안 " + commas(int64(most)) + "통 가운데 " + commas(int64(sent)) + "통"
}

// account says what SES lets this account do.
func (t *domainText) account(r *report, st sesclient.Status) {
	if st.CheckedAt.IsZero() {
		r.pair(t.accountIs, cmp.Or(st.Error, t.notKnown))
		return
	}
	state := t.production
	if st.Sandbox {
		state = t.sandbox
	}
	if !st.SendingEnabled {
		state += ", " + t.off
	}
	r.pair(t.accountIs, st.Region+", "+state)
	if st.Sandbox {
		r.line("      -> %s", t.leave)
	}
	r.pair(t.review, cmp.Or(t.says[st.Review], st.Review))
	r.pair(t.reputation, cmp.Or(t.says[st.Enforcement], st.Enforcement))
	r.pair(t.quotaIs, fmt.Sprintf("%s, %.3g/s", t.quota(st.Sent24h, st.Quota24h), st.Rate))
}

// domain says what is amiss with a domain and how to mend it.
func (t *domainText) domain(r *report, d control.SenderDomain) {
	r.line("%s", eml.Visible(d.Name))
	if d.Error != "" {
		r.line("  %s: %s", t.notKnown, eml.Visible(d.Error))
		return
	}
	if len(d.Findings) == 0 {
		r.line("  %s", t.good)
	}
	t.findings(r, d.Findings)
	for _, rec := range d.Records {
		r.line("  %s %s %s  (%s)", eml.Visible(rec.Name), eml.Visible(rec.Type), eml.Visible(rec.Value), t.states[rec.State])
		if rec.Seen != "" && rec.State == sesclient.RecordWrong {
			r.line("      %s: %s", t.seen, eml.Visible(rec.Seen))
		}
	}
}

func (t *domainText) findings(r *report, all []campaign.Finding) {
	for _, f := range all {
		r.line("  [%s] %s", t.levels[f.Level], eml.Visible(f.What))
		for i, text := range []string{f.Why, f.How} {
			if text = strings.TrimSpace(text); text != "" {
				r.line("      %s%s", []string{"", "-> "}[i], eml.Visible(text))
			}
		}
	}
}
