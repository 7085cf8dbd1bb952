package alarm

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"
	"time"

	"pabal/campaign"
	"pabal/eml"
	"pabal/sesclient"
	"pabal/spool"
	"pabal/syncer"
)

// words are what is wrong and what to do in both languages. No Korean particle
// follows a name or a number.
type words struct{ what, whatKo, hint, hintKo string }

// maxSaid is bytes of another's text in an alarm.
const maxSaid = 300

// maxName is bytes of a campaign's name in an alarm.
const maxName = 100

// said is a text of others, fit for one line.
func said(text string) string { return eml.Cut(eml.Visible(text), maxSaid) }

// saidKo is the same for a Korean reader.
func saidKo(text string) string { return said(campaign.AnswerIn("ko", text)) }

// heldWords are a hold's.
func heldWords(h *spool.Hold) words {
	class, known := classWords()[h.Class]
	if !known {
		class = words{"mail is held", "발송이 보류됨", "", "pabal status 로 까닭을 확인하세요."}
	}
	w := words{what: fmt.Sprintf("%s is held: %s (%s)", scopeEn(h.Scope), class.what, said(h.Reason)),
		whatKo: fmt.Sprintf("%s 보류: %s (%s)", scopeKo(h.Scope), class.whatKo, saidKo(h.Reason)),
		hint:   cmp.Or(said(h.Hint), class.hint), hintKo: class.hintKo}
	if h.Class == spool.Operator {
		w.hint, w.hintKo = "release it when you are ready: pabal spool release "+string(h.Scope), "준비가 되면 보류를 푸세요: pabal spool release "+string(h.Scope)
	}
	return w
}

// scopeEn is a hold's scope in English.
func scopeEn(s spool.Scope) string {
	if s == spool.ScopeRestored {
		return "all mail"
	}
	return eml.Visible(string(s))
}

// scopeKo is a hold's scope in Korean.
func scopeKo(s spool.Scope) string {
	switch s {
	case spool.ScopeAll, spool.ScopeRestored:
		return "모든 메일"
	case spool.LaneScope(spool.Bulk):
		return "캠페인 메일"
	case spool.LaneScope(spool.Transactional):
		return "애플리케이션 메일"
	}
	return eml.Visible(string(s))
}

// classWords are those of the holds' classes.
func classWords() map[spool.Class]words {
	itself := "sending goes on by itself once SES takes mail again"
	return map[spool.Class]words{
		spool.Rate:          {"SES asks for less", "SES가 속도를 낮추라고 함", itself, "기다리면 저절로 풀립니다."},
		spool.Quota:         {"the 24-hour quota is used up", "24시간 한도를 다 씀", "it goes on by itself as the quota frees; ask AWS for a higher one if that is too late", "한도가 비는 대로 저절로 이어집니다. 급하면 AWS에 한도 상향을 요청하세요."},
		spool.Account:       {"SES has stopped the account's sending", "SES 계정의 발송이 중지됨", "look at the reputation page of SES in the AWS console", "AWS 콘솔의 SES 평판 화면을 확인하세요."},
		spool.Identity:      {"the sending domain is not verified", "보내는 도메인이 인증되지 않음", "verify it: pabal domain setup; then release the hold", "도메인을 인증한 뒤(pabal domain setup) 보류를 푸세요."},
		spool.Configuration: {"a configuration set or template is missing in SES", "SES 설정 세트나 템플릿이 없음", "see ses.configuration_set in the configuration", "설정 파일의 ses.configuration_set 값을 확인하세요."},
		spool.Credentials:   {"the AWS credentials are missing or wrong", "AWS 자격 증명이 없거나 틀림", "see the keys and the clock: pabal doctor", "AWS 키와 서버 시각을 확인하세요: pabal doctor"},
		spool.Storage:       {"pabal's own files cannot be read", "파발의 저장 파일을 읽을 수 없음", "look at the disk, then: pabal check", "디스크를 확인한 뒤 pabal check 를 실행하세요."},
		spool.Network:       {"SES cannot be reached", "SES에 연결할 수 없음", "look at the network; " + itself, "네트워크를 확인하세요. 연결되면 저절로 이어집니다."},
		spool.Outage:        {"SES refuses one mail after another", "SES가 연달아 거절함", itself, "장애로 보고 멈췄습니다. 되살아나면 저절로 이어집니다."},
		spool.FromBackup: {"its data comes from a backup, and nobody has said that this copy is the live one", "백업에서 복원한 데이터이며, 이 사본을 실제로 쓴다고 확인한 사람이 없음",
			"see what may have been sent since: pabal restore list; then, if no other pabal sends from this data: pabal restore release",
			"백업 이후에 보냈을 수 있는 메일을 확인하고(pabal restore list), 이 데이터로 보내는 다른 파발이 없을 때 보류를 푸세요: pabal restore release"},
		spool.Operator:  {"a person holds it", "사람이 멈춤", "", ""},
		spool.Temporary: {"SES refuses for now", "SES가 잠시 거절함", itself, "저절로 다시 시도합니다."},
		spool.Permanent: {"SES refuses", "SES가 거절함", "look at the content and the addresses", "내용과 주소를 확인하세요."},
		spool.Ambiguous: {"no answer of SES arrives", "SES의 답이 계속 오지 않음", "look at the network", "나갔는지 알 수 없어 멈췄습니다. 네트워크를 확인하세요."},
	}
}

func sendingOffWords(s *sesclient.Status) words {
	status := cmp.Or(said(s.Enforcement), "-")
	return words{"SES says that sending is switched off for this account (enforcement status " + status + ")", "SES 계정의 발송이 중지됨 (상태 " + status + ")",
		"look at the reputation page of SES in the AWS console", "AWS 콘솔의 SES 평판 화면을 확인하세요."}
}

func sesUnknownWords(why string) words {
	return words{"the SES account cannot be asked: " + said(why), "SES 계정을 확인하지 못함: " + saidKo(why),
		"look at the network and the credentials: pabal doctor. It is asked again by itself", "네트워크와 AWS 자격 증명을 확인하세요: pabal doctor. 저절로 다시 묻습니다."}
}

func quotaWords(s *sesclient.Status) words {
	sent, most := strconv.FormatFloat(s.Sent24h, 'f', 0, 64), strconv.FormatFloat(s.Quota24h, 'f', 0, 64)
	return words{"the 24-hour quota is nearly used up: " + sent + " of " + most, "24시간 한도를 거의 다 씀: " + most + "통 중 " + sent + "통",
		"campaigns pause at the part kept for applications and go on by themselves; ask AWS for a higher quota in time", "캠페인은 애플리케이션 몫을 남기고 멈췄다가 저절로 이어집니다. 미리 AWS에 한도 상향을 요청하세요."}
}

func sandboxWords() words {
	return words{"SES sandbox: only to verified addresses, at most 200 mails a day", "SES 샌드박스: 인증된 주소로만, 하루 200통까지만 나갑니다",
		"ask for production access on the SES page of the AWS console", "AWS 콘솔의 SES 화면에서 샌드박스 해제를 신청하세요."}
}

func diskFullWords(d spool.Disk) words {
	free, need := megabytes(d.FreeBytes), megabytes(d.ReserveBytes)
	return words{"the disk is nearly full: " + free + " are free, " + need + " are needed", "디스크가 거의 찼습니다: 여유 " + free + ", 필요 " + need,
		"free some space: mail is accepted again by itself, and what was accepted is sent meanwhile", "공간을 확보하세요. 공간이 생길 때까지 새 메일을 받지 않습니다. 이미 받은 메일은 나갑니다."}
}

func megabytes(n int64) string { return strconv.FormatInt(n>>20, 10) + " MB" }

func diskUnusedWords() words {
	return words{"no campaign can start: what space there is lies unused in queue.db", "캠페인을 시작할 수 없습니다: 빈 공간이 queue.db 안에만 있습니다",
		"free some space, or stop pabal and run: pabal compact", "공간을 확보하거나 파발을 멈추고 pabal compact 를 실행하세요."}
}

func damagedWords(n int64) words {
	count := strconv.FormatInt(n, 10)
	return words{count + " records could not be read since the start; their mails are among the failed ones", "시작한 뒤 읽지 못한 기록 " + count + "건. 그 메일은 실패로 남아 있습니다",
		"look at the disk, then: pabal check", "디스크를 확인한 뒤 pabal check 를 실행하세요."}
}

func oldestWords(age time.Duration) words {
	text, ko := spanned(age)
	return words{"an application's mail has been waiting for " + text, ko + "째 나가지 못한 애플리케이션 메일이 있음",
		"see what holds it: pabal status; pabal spool list", "무엇이 막는지 보세요: pabal status, pabal spool list"}
}

// spanned is a length of time that does not change the words all the time, in
// both languages.
func spanned(d time.Duration) (text, ko string) {
	switch {
	case d >= 48*time.Hour:
		n := strconv.Itoa(int(d / (24 * time.Hour)))
		return n + " days", n + "일"
	case d >= 2*time.Hour:
		n := strconv.Itoa(int(d / time.Hour))
		return n + " hours", n + "시간"
	}
	n := strconv.Itoa(int(d / time.Minute))
	return n + " min", n + "분"
}

func auditWords(why string) words {
	return words{"the audit log cannot be written: " + said(why), "감사 기록을 쓸 수 없음: " + saidKo(why),
		"make room on the disk of data_dir and see that audit.log in it belongs to pabal; meanwhile the acts are in the journal", "data_dir 디스크의 공간과 audit.log 파일의 소유자를 확인하세요. 그동안의 기록은 로그에 남습니다."}
}

func retentionWords(why string) words {
	return words{"old data could not be removed: " + said(why), "보관 기간이 지난 데이터를 지우지 못함: " + saidKo(why),
		"look at the disk and at who owns data_dir, then: pabal retention run. It is tried again every day", "디스크와 data_dir의 소유자를 확인한 뒤 pabal retention run 을 실행하세요. 날마다 다시 시도합니다."}
}

// named is a campaign as people know it: 12 (autumn sale).
func named(c *campaign.Campaign) string {
	id := strconv.FormatUint(c.ID, 10)
	if c.Name == "" {
		return id
	}
	return id + " (" + eml.Cut(eml.Visible(c.Name), maxName) + ")"
}

func brakedWords(c *campaign.Campaign) words {
	id, b := strconv.FormatUint(c.ID, 10), c.Braked
	kind := "반송"
	if b.Kind == spool.Complained {
		kind = "스팸 신고"
	}
	return words{"campaign " + named(c) + " was paused: " + said(b.String()),
		fmt.Sprintf("캠페인 %s 자동 멈춤: %d통 중 %s %d통 (%.1f%%, 한도 %.3g%%)", named(c), b.Of, kind, b.Count, b.Percent, b.Limit),
		"see where the list came from; if all is well: pabal campaign resume " + id, "명단이 어디서 왔는지 확인하고, 괜찮으면 재개하세요: pabal campaign resume " + id}
}

func campaignHeldWords(c *campaign.Campaign) words {
	id := strconv.FormatUint(c.ID, 10)
	w := words{"campaign " + named(c) + " is held: " + said(c.Reason), "캠페인 " + named(c) + " 보류: " + saidKo(c.Reason),
		"pabal campaign show " + id + ", then: pabal campaign resume " + id, "pabal campaign show " + id + " 로 까닭을 본 뒤 pabal campaign resume " + id}
	if c.HeldFor != "" {
		w.hint = "pabal campaign preflight " + id + ", then: pabal campaign start " + id + ", or schedule it again"
		w.hintKo = "pabal campaign preflight " + id + " 로 점검한 뒤 시작하거나 다시 예약하세요."
	}
	return w
}

func domainWords(d *Domain, f *campaign.Finding) words {
	en, ko, name := f.In("en"), f.In("ko"), ""
	if !strings.Contains(en.What, d.Name) { // else it stood there twice
		name = " " + said(d.Name)
	}
	return words{"domain" + name + ": " + said(en.What), "도메인" + name + ": " + said(ko.What), said(en.How), said(ko.How)}
}

func domainSilentWords(d *Domain) words {
	return words{"nobody has answered about the domain " + said(d.Name) + " for a day: " + said(d.Error), "도메인 " + said(d.Name) + " 상태를 하루째 알 수 없음: " + saidKo(d.Error),
		"look at the network, and at dns.resolver in the configuration", "네트워크와 설정의 dns.resolver 값을 확인하세요."}
}

func syncWords(s *syncer.Status, ko Said) words {
	return words{"customers cannot be read: " + said(s.Error), "고객 DB를 읽지 못함: " + cmp.Or(said(ko.What), saidKo(s.Error)),
		cmp.Or(said(s.Hint), "pabal sync says more"), cmp.Or(said(ko.Hint), said(s.Hint), "pabal sync 로 까닭을 보고 데이터베이스를 확인하세요. 저절로 다시 시도합니다.")}
}

func syncOldWords(age time.Duration) words {
	text, ko := spanned(age)
	return words{"the last good sync of the customers was " + text + " ago", "고객 DB를 마지막으로 맞춘 지 " + ko + " 지남",
		"campaigns do not start with customers that old; see: pabal sync", "이렇게 오래된 고객 정보로는 캠페인이 시작되지 않습니다. pabal sync 를 실행해 보세요."}
}

func feedbackWords(f *sesclient.FeedbackStatus) words {
	return words{"SES's feedback cannot be read: " + said(f.Error), "SES의 도착 소식을 읽지 못함: " + saidKo(f.Error),
		cmp.Or(said(f.Hint), "see: pabal feedback status"), "네트워크와 AWS 권한을 확인하세요: pabal doctor. 소식은 SQS에 남아 있다가 나중에 읽힙니다."}
}

func feedbackLateWords(f *sesclient.FeedbackStatus) words {
	text, ko := spanned(time.Duration(f.LagSeconds) * time.Second)
	return words{"SES's feedback comes " + text + " late", "SES의 도착 소식이 " + ko + " 늦게 들어옴",
		"bounces are suppressed that much later; look at the queue in the AWS console, and at the load of this host", "반송 주소도 그만큼 늦게 차단됩니다. AWS 콘솔의 SQS 큐와 서버 부하를 확인하세요."}
}

func noFeedbackWords() words {
	return words{"no event source: deliveries, bounces and opens are not known", "도착, 반송, 열람을 알 수 없음: 이벤트가 연결되지 않음",
		"run: pabal feedback setup", "pabal feedback setup 을 실행하세요."}
}

func certificateWords(name string, ends time.Time, left time.Duration) words {
	day := ends.UTC().Format("2006-01-02")
	hint, hintKo := "renew it, then: systemctl reload pabal", "갱신한 뒤 systemctl reload pabal 을 실행하세요."
	if left <= 0 {
		return words{"the " + name + " certificate ended on " + day, name + " 인증서가 " + day + "에 끝남", hint, hintKo}
	}
	return words{"the " + name + " certificate ends on " + day, name + " 인증서가 " + day + "에 끝남 (곧)", hint, hintKo}
}

func clockWords(skew time.Duration) words {
	way, wayKo := "slow", "느림"
	if skew < 0 {
		way, wayKo = "fast", "빠름"
	}
	size, sizeKo := spanned(skew.Abs())
	return words{"this computer's clock is " + size + " " + way + " by SES's", "서버 시계가 SES보다 " + sizeKo + " " + wayKo,
		"keep it right: timedatectl set-ntp true. Past 5 minutes SES refuses every mail", "timedatectl set-ntp true 로 시각을 맞추세요. 5분이 넘으면 SES가 모든 메일을 거절합니다."}
}

func untoldWords(n int64) words {
	count := strconv.FormatInt(n, 10)
	return words{count + " mails of applications failed and nobody is told", "실패한 애플리케이션 메일 " + count + "통을 아무도 알지 못함",
		"see them: pabal spool list --dead; set failures.operator", "pabal spool list --dead 로 보고, 설정의 failures.operator 에 알림 받을 주소를 쓰세요."}
}

func setAsideWords(n int64, folder string) words {
	count := strconv.FormatInt(n, 10)
	return words{count + " mails left by sendmail could not be sent", "sendmail로 맡긴 메일 " + count + "통을 보낼 수 없음",
		"they are in " + folder + "/bad; the log says why (drop set aside)", folder + "/bad 에 있습니다. 까닭은 로그의 drop set aside 줄에 있습니다."}
}

func undeliveredWords(why string) words {
	return words{"alarms do not reach the webhook: " + said(why), "경보가 웹훅에 전달되지 않음: " + saidKo(why),
		"try it: pabal alarm test; see alert.webhook_url", "pabal alarm test 로 확인하고 설정의 alert.webhook_url 을 보세요."}
}
