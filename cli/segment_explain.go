package cli

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"pabal/audience"
	"pabal/eml"
)

// explanation is the words of `segment explain` in one language.
type explanation struct {
	mailed, notMailed, notSelected string // about one person, by address and id
	yes, no                        string
	decides                        string // the legend of the mark
	isNow                          string // what the person has in a field
	campaigns                      string
	cannot                         string
	skips                          map[string]string
	since                          string // by whom and since when consent is as it is
	onList                         string
}

func explainTexts(language string) explanation {
	if language == "ko" {
		return explanation{
			mailed:      "%s (번호 %d): 메일을 받습니다.",
			notMailed:   "%s (번호 %d): 대상 조건에는 맞지만 메일을 보내지 않습니다. 이유: %s.",
			notSelected: "%s (번호 %d): 대상 조건에 맞지 않습니다.",
			yes:         "참", no: "거짓",
			decides:   "* 표시한 조건이 결과를 정합니다.",
			isNow:     "현재 값",
			campaigns: "캠페인",
			cannot:    "계산할 수 없음",
			skips: map[string]string{"unsubscribed": "수신 거부", "topic_off": "이 주제를 받지 않음", "frequency": "원하는 빈도만큼 이미 보냄",
				"suppressed": "발송 차단 목록에 있음", "erased": "삭제된 구독자", "invalid": "주소가 올바르지 않음", "cancelled": "캠페인 취소"},
			since:  "수신 동의: %s, 출처 %s, %s",
			onList: "발송 차단: %s, %s",
		}
	}
	return explanation{
		mailed:      "%s (id %d) would be mailed.",
		notMailed:   "%s (id %d) is selected, but would not be mailed: %s.",
		notSelected: "%s (id %d) is not selected: the expression leaves them out.",
		yes:         "true", no: "false",
		decides:   "What is marked * decides.",
		isNow:     "has",
		campaigns: "campaigns",
		cannot:    "cannot be worked out",
		skips: map[string]string{"unsubscribed": "they do not consent", "topic_off": "they do not get mail about this topic",
			"frequency": "they were mailed as often as they want", "suppressed": "the address is on the suppression list",
			"erased": "they were erased", "invalid": "the address is not valid", "cancelled": "the campaign was cancelled"},
		since:  "consent: %s by %s at %s",
		onList: "suppressed: %s at %s",
	}
}

// explain writes the rule that leaves somebody in or out first, then all that
// was looked at.
func explain(r *report, x *audience.Explanation, t explanation) {
	who := eml.Visible(x.Subscriber.Email)
	switch {
	case x.Mailable:
		r.line(t.mailed, who, x.Subscriber.ID)
	case x.Selected:
		r.line(t.notMailed, who, x.Subscriber.ID, t.reason(x.Skip))
	default:
		r.line(t.notSelected, who, x.Subscriber.ID)
	}
	width := 0
	for _, c := range x.Conditions {
		width = max(width, cells(eml.Visible(c.Condition)))
	}
	for _, c := range x.Conditions {
		mark, text := " ", eml.Visible(c.Condition)
		if c.Decides {
			mark = "*"
		}
		truth := t.no
		if c.True {
			truth = t.yes
		}
		pad := strings.Repeat(" ", width-cells(text))
		line := "  " + mark + " " + text + pad + "  " + truth + strings.Repeat(" ", max(0, 5-cells(truth))) + "  " + eml.Visible(t.values(&c))
		r.line("%s", strings.TrimRight(line, " "))
	}
	if len(x.Conditions) > 1 {
		r.line("%s", t.decides)
	}
	if !x.Selected && x.Skip != "" {
		r.line("%s", sentence(t.reason(x.Skip)))
	}
	c := x.Subscriber.Consent
	source := string(c.Source)
	if source == "" {
		source = "-"
	}
	r.line(t.since, map[bool]string{true: t.yes, false: t.no}[c.Subscribed], eml.Visible(source), r.when(c.At))
	if x.Suppression != nil {
		r.line(t.onList, eml.Visible(x.Suppression.Reason), r.when(x.Suppression.At))
	}
}

// sentence is a clause that stands alone.
func sentence(clause string) string {
	first, rest := clause[:1], clause[1:]
	if first[0] < utf8.RuneSelf {
		first = strings.ToUpper(first)
	}
	return first + rest + "."
}

func (t *explanation) reason(skip string) string {
	if text, ok := t.skips[skip]; ok {
		return text + " (" + skip + ")"
	}
	return eml.Visible(skip)
}

// values are what the person has, as far as the condition does not say it.
func (t *explanation) values(c *audience.Answer) string {
	if c.Error != "" {
		return t.cannot + ": " + c.Error
	}
	var parts []string
	for _, v := range c.Values {
		switch {
		case len(v.Campaigns) > 0:
			var names []string
			for _, campaign := range v.Campaigns {
				names = append(names, fmt.Sprintf("%d %s", campaign.ID, campaign.Name))
			}
			parts = append(parts, t.campaigns+": "+strings.Join(names, ", "))
		case v.Value == "true" || v.Value == "false" || strings.HasSuffix(v.Field, ")"):
		default:
			parts = append(parts, fmt.Sprintf("%s %s: %q", v.Field, t.isNow, v.Value))
		}
	}
	return strings.Join(parts, "; ")
}
