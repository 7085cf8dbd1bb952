package tui

import (
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
}

// newWizard is the first step: which template.
func newWizard() screen { return &templates{pick: &draft{}} }
