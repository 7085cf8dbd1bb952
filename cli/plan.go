package cli

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"pabal/campaign"
	"pabal/control"
	"pabal/eml"
	"pabal/spool"
)

func (a *app) campaignPlan() *cobra.Command {
	return a.campaignCommand("plan", "Say how long it will take, what will wait and what it costs; of a running one, what is left", "pabal campaign plan 7\npabal campaign plan 7 --lang ko",
		func(ctx context.Context, c *control.Client, id uint64) error {
			p, err := c.Plan(ctx, id)
			if err != nil {
				return err
			}
			return one(a, p, func(r *report) { describePlan(r, p, a.planTexts()) })
		})
}

// planTexts are the words of a plan in the language asked for.
func (a *app) planTexts() planText { return planTexts(a.language(&Config{Language: "auto"})) }

func describePlan(r *report, p campaign.Plan, t planText) {
	r.pair(t.recipients, commas(p.Recipients))
	r.pair(t.rate, fmt.Sprintf(t.perSecond, p.Rate))
	r.pair(t.takes, t.span(p.Seconds))
	r.pair(t.starts, r.when(p.Start))
	ends := r.when(p.End)
	if p.AtLatest && ends != "" {
		ends = fmt.Sprintf(t.atLatest, ends)
	}
	r.pair(t.ends, ends)
	if len(p.Tenths) == 10 && p.Seconds >= tenthsFrom {
		r.pair(t.tenths, fmt.Sprintf("10 %% %s, 50 %% %s, 90 %% %s", r.when(p.Tenths[0]), r.when(p.Tenths[4]), r.when(p.Tenths[8])))
	}
	if p.Waits > 0 {
		r.pair(t.quotaAt, r.when(p.QuotaAt))
		r.pair(t.waits, commas(p.Waits))
		r.pair(t.goOn, r.when(p.ResumesAt))
	}
	five := t.yes
	if !p.FiveMinutes {
		five = fmt.Sprintf(t.fiveOf, commas(p.WithinFive))
	}
	r.pair(t.five, five)
	if p.PricePer > 0 {
		cost := fmt.Sprintf(t.cost, p.Cost, p.Currency, p.PricePer)
		if p.PricingPlan != "" && p.PricingPlan != "NONE" {
			cost += ", " + eml.Visible(p.PricingPlan)
		}
		r.pair(t.costs, cost)
	}
	for _, n := range p.Notes {
		if text := t.note(n, r); text != "" {
			r.line("%s", eml.Visible(text))
		}
	}
}

// describeRest is the plan of what a campaign under way has still to send, as of now.
func (a *app) describeRest(ctx context.Context, c *control.Client, now campaign.Campaign) error {
	under := now.State == spool.Running || now.State == spool.Paused || now.State == spool.Held
	if now.Sealed.IsZero() || now.Damaged || !under || now.Pending+now.Sending == 0 {
		return nil
	}
	p, err := c.Plan(ctx, now.ID)
	if err != nil {
		fmt.Fprintf(a.stderr, "there is no plan of what is left: %s\n", eml.Visible(err.Error()))
		return nil
	}
	fmt.Fprintln(a.stdout)
	return one(a, p, func(r *report) { describePlan(r, p, a.planTexts()) })
}

const tenthsFrom = 60 // seconds of a flight whose tenths are worth a line

// planText is the words of a flight plan in one language.
type planText struct {
	recipients, rate, perSecond, takes, starts, ends, atLatest, tenths, quotaAt, waits, goOn, five, fiveOf, yes, costs, cost, noneInFive, sendNow, sendAt string

	seconds, minutes, hours, days string // of spans
	notes                         map[campaign.NoteCode]string
	states                        map[string]string
}

// span is a number of seconds for a person.
func (t planText) span(seconds float64) string {
	d := time.Duration(seconds * float64(time.Second)).Round(time.Second)
	switch {
	case seconds < 600:
		return fmt.Sprintf(t.seconds, fmt.Sprintf("%.3g", seconds))
	case d < 2*time.Hour:
		return fmt.Sprintf(t.minutes, int(d.Round(time.Minute)/time.Minute))
	case d < 72*time.Hour:
		d = d.Round(time.Minute)
		return fmt.Sprintf(t.hours, int(d/time.Hour), int(d%time.Hour/time.Minute))
	}
	d = d.Round(time.Hour)
	return fmt.Sprintf(t.days, int(d/(24*time.Hour)), int(d%(24*time.Hour)/time.Hour))
}

// note is one note as a sentence; "" for one that this version does not know.
func (t planText) note(n campaign.PlanNote, r *report) string {
	format := t.notes[n.Code]
	if format == "" {
		return ""
	}
	if n.Code == campaign.NoteFiveMissed && n.Count == 0 {
		format = t.noneInFive
	}
	name := n.Name
	if word := t.states[name]; word != "" {
		name = word
	}
	words := map[byte]string{'n': commas(n.Count), 'w': commas(n.Waits), 's': t.span(n.Seconds), 'r': fmt.Sprintf("%.3g", n.Rate),
		'l': commas(int64(n.Limit)), 'L': fmt.Sprintf("%.3g", n.Limit), 'a': r.when(n.At), 't': name}
	var out []byte
	for i := 0; i < len(format); i++ {
		if format[i] == '@' && i+1 < len(format) {
			i++
			out = append(out, words[format[i]]...)
			continue
		}
		out = append(out, format[i])
	}
	return string(out)
}

// In notes @n is the count, @w those who wait, @s a span, @r a rate, @l and @L
// a limit, @a a time, @t a name.
func planTexts(language string) planText {
	if language == "ko" {
		return planText{recipients: "받는 사람", rate: "속도", perSecond: "초당 %.3g통", takes: "걸리는 시간", starts: "시작", ends: "끝", atLatest: "늦어도 %s",
			tenths: "진행", quotaAt: "한도 소진", waits: "한도 대기", goOn: "다시 시작", five: "5분 약속", fiveOf: "지킬 수 없음 (%s통까지)", yes: "지킬 수 있음",
			costs: "비용", cost: "약 %.2f %s (1,000통당 %.2f, 세금과 첨부 데이터 요금 별도)",
			seconds: "%s초", minutes: "%d분", hours: "%d시간 %d분", days: "%d일 %d시간",
			sendNow: "%s명에게 지금 보낼까요?", sendAt: "%s명에게 %s에 보낼까요?",
			noneInFive: "5분 안에는 한 통도 SES에 넘기지 못합니다.",
			states:     map[string]string{string(spool.Paused): "일시정지", string(spool.Held): "보류"},
			notes: map[campaign.NoteCode]string{
				campaign.NoteAccountUnknown:  "SES가 발송 속도를 알려 주지 않아 계획을 세울 수 없습니다.",
				campaign.NoteNoRate:          "SES가 이 계정에 발송 속도를 주지 않았습니다. @n통을 보낼 수 없습니다.",
				campaign.NoteTakes:           "초당 @r통으로 @n통을 보내는 데 @s 걸립니다.",
				campaign.NoteQuotaWaits:      "@n통을 보내면 24시간 한도 @l통이 소진됩니다. 나머지 @w통은 한도가 풀리는 대로 @a부터 보냅니다.",
				campaign.NoteQuotaNone:       "24시간 한도가 남지 않습니다. @n통을 보낼 수 없습니다.",
				campaign.NoteFiveMissed:      "5분 안에 모두 SES에 넘길 수 없습니다. 초당 @r통이면 5분 안에 @n통까지입니다.",
				campaign.NoteSandbox:         "SES 계정이 샌드박스에 있어 인증된 주소로만 보냅니다. AWS에 프로덕션 액세스를 요청하세요.",
				campaign.NoteSendingDisabled: "SES가 이 계정의 발송을 중지했습니다. AWS가 풀어 줄 때까지 발송되지 않습니다.",
				campaign.NoteWindowOpens:     "발송 시간(@t)이 아니므로 @a에 시작합니다.",
				campaign.NoteWindowBreaks:    "발송 시간(@t) 밖에서는 쉬므로 @n번 멈췄다 이어집니다.",
				campaign.NoteShared:          "다른 캠페인의 @n통과 속도를 나눠 씁니다.",
				campaign.NoteSlower:          "지금 실제 속도는 초당 @r통으로, 목표 @L통보다 느립니다.",
				campaign.NoteHold:            "발송 보류 중입니다: @t",
				campaign.NoteStopped:         "지금은 @t 상태입니다. 지금 다시 시작한다고 보고 계산했습니다.",
				campaign.NoteClockGap:        "@t은(는) 서머타임 전환으로 없는 시각입니다. @a에 시작합니다.",
				campaign.NoteClockTwice:      "@t은(는) 서머타임 전환으로 두 번 옵니다. 첫 번째인 @a에 시작합니다.",
				campaign.NoteBrakeBlind:      "반송과 스팸 신고를 전해 듣지 못해 자동 멈춤이 작동하지 않습니다: pabal feedback setup",
			}}
	}
	return planText{recipients: "recipients", rate: "rate", perSecond: "%.3g a second", takes: "takes", starts: "starts", ends: "ends", atLatest: "%s at the latest",
		tenths: "on the way", quotaAt: "quota used up", waits: "wait for quota", goOn: "go on", five: "within 5 minutes", fiveOf: "no (%s of them)", yes: "yes",
		costs: "costs about", cost: "%.2f %s (%.2f for 1,000; tax and attached data are extra)",
		sendNow: "Mail %s people now?", sendAt: "Mail %s people at %s?",
		noneInFive: "None can be handed to SES within 5 minutes.",
		seconds:    "%s s", minutes: "%d min", hours: "%d h %d min", days: "%d days %d h",
		notes: map[campaign.NoteCode]string{
			campaign.NoteAccountUnknown:  "SES did not say how fast it may be used, so no plan can be made.",
			campaign.NoteNoRate:          "SES gives this account no sending rate: @n mails cannot go.",
			campaign.NoteTakes:           "@n mails take @s at @r a second.",
			campaign.NoteQuotaWaits:      "The 24-hour quota of @l is used up after @n mails: @w must wait, to go as it frees, from @a.",
			campaign.NoteQuotaNone:       "The 24-hour quota leaves nothing: @n mails cannot go.",
			campaign.NoteFiveMissed:      "Not all can be handed to SES within 5 minutes: at @r a second that holds for @n mails.",
			campaign.NoteSandbox:         "The SES account is in the sandbox: it sends to verified recipients only. Ask AWS for production access.",
			campaign.NoteSendingDisabled: "SES has switched sending off for this account: nothing goes until AWS switches it on.",
			campaign.NoteWindowOpens:     "It is outside its send window (@t), so it begins at @a.",
			campaign.NoteWindowBreaks:    "It rests outside its send window (@t): interruptions on the way: @n.",
			campaign.NoteShared:          "It shares the rate with other campaigns, which have @n mails to go.",
			campaign.NoteSlower:          "It goes at @r a second now, less than the @L aimed at.",
			campaign.NoteHold:            "It is on hold: @t",
			campaign.NoteStopped:         "It is @t; this is as if it went on now.",
			campaign.NoteClockGap:        "@t is skipped when the clocks go forward: it starts at @a.",
			campaign.NoteClockTwice:      "@t comes twice when the clocks go back: it starts at the first, @a.",
			campaign.NoteBrakeBlind:      "The reputation brake is blind: nothing is heard of bounces and complaints. See: pabal feedback setup",
		}}
}
