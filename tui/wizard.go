package tui

import (
	tea "charm.land/bubbletea/v2"

	"pabal/audience"
	"pabal/campaign"
)

// The wizard is six screens, one over the other: template, audience, content,
// preview, preflight, plan and start. They share one draft; going back is
// leaving the top screen.

// draft is the campaign being made. From the content step on it is kept by the
// daemon too (c.ID is set), so that leaving loses nothing.
type draft struct {
	c        campaign.Campaign
	template campaign.Template
	count    audience.Count

	overrides []campaign.Override // blocks of preflight let pass, each with a typed reason
	passed    map[string]string   // what was found by the rules let pass, in words
}

// takeUp opens a draft at its content, with the steps before it behind.
func takeUp(a *app, d *draft) tea.Cmd {
	for _, s := range stepsTo(a, d) {
		push(a, s)
	}
	return nil
}

// stepsTo are the first three steps of a draft that was kept.
func stepsTo(a *app, d *draft) []screen {
	return []screen{&templates{pick: d}, newBuilder(a, d, true), newWizardContent(d)}
}

// newWizard is the first step: which template.
func newWizard() screen { return &templates{pick: &draft{}} }
