package cli

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"pabal/audience"
	"pabal/campaign"
	"pabal/control"
	"pabal/eml"
)

func (a *app) campaignPreflight() *cobra.Command {
	return a.campaignCommand("preflight", "Check it over its real audience; exit 1 if it may not start", "pabal campaign preflight 7",
		func(ctx context.Context, c *control.Client, id uint64) error {
			p, err := a.preflight(ctx, c, id)
			if err != nil {
				return err
			}
			if err := one(a, p, func(r *report) { describePreflight(r, p, a.preflightLanguage()) }); err != nil {
				return err
			}
			if p.Blocked {
				return blocked(p, a.preflightLanguage())
			}
			return nil
		})
}

// preflightLanguage is that of what a person reads before a campaign goes.
func (a *app) preflightLanguage() string { return a.language(&Config{Language: "auto"}) }

// preflight asks for a preflight in the person's language and shows how far it is.
func (a *app) preflight(ctx context.Context, c *control.Client, id uint64) (campaign.Preflight, error) {
	progress := newBar(a.stderr)
	defer progress.clear()
	return c.PreflightTold(ctx, id, a.preflightLanguage(), func(done, total int64) { progress.show(done, total, "subscribers") })
}

// preflightText is the words round the findings in one language.
type preflightText struct {
	largest, bytes, mayStart, mayNot, mend string
	marks                                  map[campaign.Level]string
	counts                                 func(r *report, n audience.Count)
}

func preflightTexts(lang string) preflightText {
	if lang == "ko" {
		return preflightText{largest: "가장 큰 메일", bytes: "바이트", mayStart: "시작할 수 있습니다.", mayNot: "캠페인 %d은(는) 시작할 수 없습니다", mend: "전체 점검 결과: pabal campaign preflight %d",
			marks:  map[campaign.Level]string{campaign.Block: "[차단]", campaign.Warn: "[경고]", campaign.Note: "[참고]"},
			counts: describeCountKorean}
	}
	return preflightText{largest: "largest mail", bytes: " bytes", mayStart: "It may start.", mayNot: "campaign %d may not start", mend: "see: pabal campaign preflight %d",
		marks:  map[campaign.Level]string{campaign.Block: "[BLOCK]", campaign.Warn: "[warn] ", campaign.Note: "[note] "},
		counts: describeCount}
}

// describeCountKorean is describeCount in Korean; who has an attribute or tag is
// a finding.
func describeCountKorean(r *report, n audience.Count) {
	r.pair("조건에 맞는 사람", commas(n.Selected))
	r.pair("보낼 수 있는 사람", commas(n.Mailable))
	words := campaign.ReportTextsIn("ko").Skip
	for _, reason := range slices.Sorted(maps.Keys(n.Skipped)) {
		r.pair("  "+cmp.Or(words[reason], eml.Visible(reason)), commas(n.Skipped[reason]))
	}
}

func describePreflight(r *report, p campaign.Preflight, lang string) {
	t := preflightTexts(lang)
	t.counts(r, p.Audience)
	r.pair(t.largest, commas(p.MailBytes)+t.bytes)
	for _, f := range p.Findings {
		count := ""
		if f.Count > 0 && !strings.Contains(f.What, commas(f.Count)) {
			count = " (" + commas(f.Count) + ")"
		}
		r.line("%s %s%s  [%s]", t.marks[f.Level], eml.Visible(f.What), count, f.Rule)
		for _, text := range []string{f.Why, f.How} {
			if text != "" {
				r.line("        %s", eml.Visible(text))
			}
		}
		if len(f.Examples) > 0 {
			r.line("        %s", eml.Visible(strings.Join(f.Examples, ", ")))
		}
	}
	if !p.Blocked {
		r.line("%s", t.mayStart)
	}
}

// blocked names the first thing that stands in the way.
func blocked(p campaign.Preflight, lang string) error {
	t := preflightTexts(lang)
	may := fmt.Sprintf(t.mayNot, p.Campaign)
	for _, f := range p.Findings {
		if f.Level == campaign.Block && f.Reason == "" {
			return &eml.Problem{What: may + ": " + f.What, Hint: f.How, Err: campaign.ErrBlocked}
		}
	}
	return &eml.Problem{What: may, Hint: fmt.Sprintf(t.mend, p.Campaign), Err: campaign.ErrBlocked}
}

// overrides pairs the rules that are overridden with the reasons typed for them.
func overrides(rules, reasons []string) ([]campaign.Override, error) {
	if len(rules) != len(reasons) {
		return nil, usage(fmt.Sprintf("there are %d --override and %d --reason", len(rules), len(reasons)),
			`each needs its own: --override sender_block --reason "why it may go all the same"`)
	}
	var all []campaign.Override
	for i := range rules {
		all = append(all, campaign.Override{Rule: rules[i], Reason: reasons[i]})
	}
	return campaign.CheckOverrides(all)
}
