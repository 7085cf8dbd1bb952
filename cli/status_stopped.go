package cli

import (
	"pabal/campaign"
	"pabal/eml"
	"pabal/spool"
)

// describeStopped names the campaigns that wait for a person: held, or paused by
// their brake.
func describeStopped(r *report, all []campaign.Campaign, lang string) {
	for _, c := range all {
		if c.State != spool.Held && (c.State != spool.Paused || c.Braked == nil) {
			continue
		}
		r.line("%s: campaign %d, %s: %s", c.State, c.ID, eml.Visible(c.Name), eml.Visible(c.Reason))
		switch {
		case c.Braked != nil:
			r.line("      see where the list came from; if all is well: pabal campaign resume %d", c.ID)
		case c.HeldFor != "":
			r.line("      pabal campaign preflight %d, then: pabal campaign start %d, or schedule it again", c.ID, c.ID)
		default:
			r.line("      pabal campaign show %d, then: pabal campaign resume %d", c.ID, c.ID)
		}
		r.more(pageStopped, lang, true)
	}
}
