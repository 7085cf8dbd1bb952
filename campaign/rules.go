package campaign

import (
	"context"
	"errors"
	"fmt"
	"sort"
	"strings"

	"pabal/eml"
)

// The rules of preflight. The ids are stable: screens and scripts use them.
const (
	RuleEmptyAudience    = "empty_audience"     // block: nobody may be mailed
	RuleUnknownAttribute = "unknown_attribute"  // warn: the segment asks for an attribute nobody has
	RuleUnknownTag       = "unknown_tag"        // warn: the segment asks for a tag nobody has
	RuleMissingSetting   = "missing_setting"    // block: company, address or phone is used and not configured
	RuleMissingValue     = "missing_value"      // block: a field without value and default
	RuleUnknownField     = "unknown_field"      // block: a field nobody has; warn: one with a default, or in a condition
	RuleTemplateFails    = "template_fails"     // block: letters too large or endless
	RuleControls         = "control_characters" // block: a value would break a header
	RuleUnknownTopic     = "unknown_topic"      // block: its topic is not defined (any more)
	RuleNoUnsubscribe    = "no_unsubscribe"     // block: no way to refuse in the letter
	RulePublicURL        = "public_url"         // block: links would lead nowhere
	RuleSize             = "size"               // block over 10 MB, warn over 102 KB of HTML
	RuleFromMissing      = "from_missing"       // block: no sender
	RuleFromUnverified   = "from_unverified"    // block: SES does not let this sender send
	RuleSandboxRecipient = "sandbox_recipient"  // block: the sandbox sends to verified addresses only
	RuleSendingDisabled  = "sending_disabled"   // block: SES has switched the account off
	RuleNotInStep        = "not_in_step"        // block: the customers could not be synced just now
	RuleAccountUnknown   = "account_unknown"    // warn: SES did not answer
	RuleQuota            = "quota"              // warn: more recipients than the 24-hour quota leaves
	RuleUnescaped        = "unescaped"          // warn: {{{ }}}
	RuleShadowedValue    = "shadowed_value"     // warn: a value that a built-in field hides
	RuleNoFeedback       = "no_feedback"        // note: nobody will hear of deliveries
	RuleConsentAssumed   = "consent_assumed"    // note: the file had no consent column
	RuleSuppressedShare  = "suppressed_share"   // note: who is left out, and why
)

func (in *inspection) judgeAudience() {
	if err := in.store.people.CheckTopic(in.c.Topic); err != nil {
		f := in.find(RuleUnknownTopic, Block, err.Error(), "People choose on their preference page among the topics that are defined; nobody could switch this one off.", "Give the campaign another topic.")
		if problem, ok := errors.AsType[*eml.Problem](err); ok {
			f.How = problem.Hint
		}
		f.Name = in.c.Topic
	}
	const asked = "The condition asks for it, so it selects nobody by it, or everybody where it says “not”."
	for _, name := range in.count.Unknown {
		f := in.find(RuleUnknownAttribute, Warn, "nobody has the attribute "+name, asked, in.meant(name)+"Correct its spelling in the segment, or import the column.")
		f.Name = name
	}
	for _, name := range in.count.UnknownTags {
		f := in.find(RuleUnknownTag, Warn, "nobody has the tag "+name, asked, in.meant(name)+"Correct its spelling in the segment, or import people with it.")
		f.Name = name
	}
	if in.count.Mailable == 0 {
		f := in.find(RuleEmptyAudience, Block, "nobody would be mailed", fmt.Sprintf("The condition selects %d people, none of whom may be mailed.", in.count.Selected),
			"Change the condition, or import customers.")
		f.Count = in.count.Selected
	}
	if in.assumed > 0 {
		f := in.find(RuleConsentAssumed, Note, fmt.Sprintf("%d recipients have no recorded consent", in.assumed),
			"Their file had no consent column, so they count as subscribed by the import. Advertising needs prior consent.", "Import them with a consent column.")
		f.Count = in.assumed
	}
	skipped := in.count.Selected - in.count.Mailable
	if skipped == 0 || in.count.Selected == 0 {
		return
	}
	reasons := make([]string, 0, len(in.count.Skipped))
	for reason, n := range in.count.Skipped {
		reasons = append(reasons, fmt.Sprintf("%s %d", reason, n))
	}
	sort.Strings(reasons)
	f := in.find(RuleSuppressedShare, Note, fmt.Sprintf("%d of %d are left out (%.1f%%)", skipped, in.count.Selected, 100*float64(skipped)/float64(in.count.Selected)),
		"They may not be mailed: "+strings.Join(reasons, ", ")+".", "Nothing to do; they stay in the ledger as skipped.")
	f.Count = skipped
}

// meant is the name that was likely meant, as a question.
func (in *inspection) meant(name string) string {
	if near := in.count.Meant[name]; near != "" {
		return "Did you mean " + near + "? "
	}
	return ""
}

func (in *inspection) judgeFields() {
	unknown := map[string]bool{}
	for _, p := range in.def.letter.programs() {
		for _, s := range p.slots {
			if !unknown[s.key] && !in.knows(s.key) {
				unknown[s.key] = true
				level := Block
				if s.optional { // everybody gets its default: a letter without a hole
					level = Warn
				}
				f := in.find(RuleUnknownField, level, "nobody has the field "+s.spelled, "It is no attribute of any subscriber, no value of the campaign and none of "+strings.Join(builtin, ", ")+".",
					"Correct its spelling, import the column, or set it: --set "+s.spelled+"=…")
				f.Name = s.spelled
			}
		}
		if p.raw && p.part == partHTML {
			in.find(RuleUnescaped, Warn, "the "+p.part+" prints a value as HTML ({{{ }}})", "Whatever the value holds becomes part of the letter's HTML.", "Use two braces unless the value is HTML of your own.")
		}
	}
	names := make([]string, 0, len(in.missing))
	for name := range in.missing {
		names = append(names, name)
	}
	sort.Strings(names)
	for _, name := range names {
		if unknown[name] {
			continue
		}
		in.judgeMissing(in.missing[name], in.spelled(name))
	}
	for _, name := range builtin {
		if _, ok := in.def.common.values[fold(name)]; ok {
			f := in.find(RuleShadowedValue, Warn, "the value "+name+" is not used", name+" is a built-in field.", "Use another name, or set it in the configuration.")
			f.Name = name
		}
	}
}

// judgeMissing tells a field that people lack from one the operator has not set.
func (in *inspection) judgeMissing(t *tally, name string) {
	const why = "The letter would have a hole there, so it is not sent."
	setting := fold(name)
	if setting == "company" || setting == "address" || setting == "phone" {
		f := in.find(RuleMissingSetting, Block, name+" is not configured", why,
			fmt.Sprintf("Set it once for all campaigns: [campaign] %s in the configuration (PABAL_CAMPAIGN_%s), then restart the daemon.", setting, strings.ToUpper(setting)))
		f.Name = name
		return
	}
	f := in.tallied(RuleMissingValue, Block, t, fmt.Sprintf("%d recipients have no value for %s", t.n, name), why,
		fmt.Sprintf("Give the field a default: {{default %s \"…\"}}, or leave these people out.", name))
	f.Name = name
}

func (in *inspection) knows(key string) bool {
	_, value := in.def.common.values[key]
	return value || in.known[key] || isBuiltin(key) && (key != "viewurl" || in.def.views)
}

func (in *inspection) spelled(key string) string {
	for _, name := range in.def.letter.shown {
		if fold(name) == key {
			return name
		}
	}
	return key
}

func (in *inspection) judgeLinks() {
	body := in.def.letter.html
	if body == nil {
		body = in.def.letter.text
	}
	if !body.uses("unsubscribeurl") && !body.uses("preferencesurl") {
		in.find(RuleNoUnsubscribe, Block, "the letter has no unsubscribe link", "Everybody must be able to refuse further mail, without logging in (Network Act 50(4), Gmail and Yahoo sender rules).",
			`Put <a href="{{UnsubscribeURL}}">수신거부</a> into the template.`)
	}
	s := &in.store.Settings
	switch {
	case s.LoopbackSES || strings.HasPrefix(s.PublicURL, "https://"):
	case s.PublicURL == "":
		in.find(RulePublicURL, Block, "no public address is set for unsubscribe links", "The links in the letters would lead nowhere.", "Set web.public_url to the https address under which this host is reached.")
	default:
		in.find(RulePublicURL, Block, "the public address is not https", "Mailbox providers offer one-click unsubscribe over https only (RFC 8058).", "Set web.public_url to an https address.")
	}
}

// uses reports whether a part prints a field, by its folded name.
func (p *program) uses(key string) bool {
	for _, s := range p.slots {
		if s.key == key {
			return true
		}
	}
	return false
}

func (in *inspection) judgeMail() {
	if in.failed.n > 0 {
		in.tallied(RuleTemplateFails, Block, &in.failed, fmt.Sprintf("%d letters cannot be made", in.failed.n), in.cause.Error()+".", "Shorten the template's loops or values.")
	}
	if in.controls.n > 0 {
		in.tallied(RuleControls, Block, &in.controls, fmt.Sprintf("%d recipients have control characters in the subject or name", in.controls.n),
			"A line break in a header would let a value write headers of its own.", "Correct these values, or take the field out of the subject.")
	}
	switch {
	case in.bytes > maxMail:
		f := in.find(RuleSize, Block, fmt.Sprintf("a finished mail has %d KB", in.bytes>>10), "SES slows mails over 10 MB down, many mailboxes refuse them.", "Make the template smaller.")
		f.Count = in.bytes
	case in.htmlSize > clipMail:
		f := in.find(RuleSize, Warn, fmt.Sprintf("the HTML has %d KB", in.htmlSize>>10), "Gmail cuts letters off after 102 KB: the unsubscribe link at the end is not seen.", "Make the template smaller.")
		f.Count = in.htmlSize
	}
}

func (in *inspection) judgeSender(ctx context.Context) error {
	if in.def.from.Address == "" {
		in.find(RuleFromMissing, Block, "the campaign has no sender", "Every mail needs a From address.", "Give the campaign one, or set campaign.from in the configuration.")
		return nil
	}
	if in.facts == nil {
		return nil
	}
	ok, err := in.store.Accounts.Verified(ctx, in.def.from.Address)
	switch {
	case ended(ctx, err):
		return err
	case err != nil:
		in.find(RuleAccountUnknown, Warn, "SES did not say whether the sender is verified", err.Error(), "Check the network and the credentials, then try again.")
	case !ok:
		in.find(RuleFromUnverified, Block, "SES has not verified the sender "+in.def.from.Address, "SES refuses mail from addresses and domains it has not verified.",
			"Verify "+eml.Domain(in.def.from.Address)+" in SES: pabal domain setup "+eml.Domain(in.def.from.Address)+".")
	}
	return nil
}

// judgeSource blocks where the audience may not be what its source has.
func (in *inspection) judgeSource() {
	if in.behind == nil {
		return
	}
	how := "See pabal status."
	var problem *eml.Problem
	if errors.As(in.behind, &problem) && problem.Hint != "" {
		how = problem.Hint
	}
	in.find(RuleNotInStep, Block, "the customers are not in step with their source", in.behind.Error(), how)
}

func (in *inspection) judgeAccount(ctx context.Context) error {
	if in.facts == nil {
		in.find(RuleAccountUnknown, Warn, "SES did not answer", "Rate, quota and verified senders are not known.", "Check the network and the credentials, then try again.")
		return nil
	}
	facts := in.facts
	if !facts.SendingEnabled {
		in.find(RuleSendingDisabled, Block, "SES has switched sending off for this account", "No mail would go.", "See the SES console for the reason and ask AWS to switch it on.")
	}
	if facts.Max24Hour >= 0 {
		left := int64(max(facts.Max24Hour*share(facts.QuotaShare)-facts.Sent24Hours, 0))
		if in.count.Mailable > left {
			f := in.find(RuleQuota, Warn, mails(in.count.Mailable-left)+" must wait for the 24-hour quota", fmt.Sprintf("The quota of %s leaves %d now.", number(facts.Max24Hour), left),
				"They go by themselves as it frees; or ask AWS for a larger quota.")
			f.Count = in.count.Mailable - left
		}
	}
	in.judgeFeedback()
	if !facts.Sandbox {
		return nil
	}
	return in.judgeSandbox(ctx)
}

// judgeFeedback says what nobody will hear of.
func (in *inspection) judgeFeedback() {
	s := &in.store.Settings
	switch {
	case !s.Events:
		in.find(RuleNoFeedback, Note, "deliveries will not be counted", "SES's events are not read. A recipient whose outcome is unknown (a lost answer) then never settles by itself.",
			"Set up a queue for them: pabal feedback setup.")
	case s.ConfigurationSet == "":
		in.find(RuleNoFeedback, Note, "SES may report nothing of these mails", "SES reports events of mails with a configuration set only, and ses.configuration_set is empty.",
			"Set ses.configuration_set, unless the sender's identity has a default one.")
	}
}

// judgeSandbox asks for every recipient, up to the sandbox's whole daily
// quota; those beyond cannot go today anyway.
func (in *inspection) judgeSandbox(ctx context.Context) error {
	var refused tally
	for _, address := range in.sandbox {
		if strings.HasSuffix(eml.Key(address), "simulator.amazonses.com") {
			continue
		}
		ok, err := in.store.Accounts.Verified(ctx, address)
		if ended(ctx, err) {
			return err
		}
		if err != nil {
			in.find(RuleAccountUnknown, Warn, "SES did not say which recipients are verified", err.Error(), "Check the network and the credentials, then try again.")
			return nil
		}
		if !ok {
			refused.add(address)
		}
	}
	if refused.n == 0 {
		return nil
	}
	what := fmt.Sprintf("%d recipients are not verified in SES", refused.n)
	if in.count.Mailable > int64(len(in.sandbox)) {
		what += fmt.Sprintf(" (of the first %d)", len(in.sandbox))
	}
	in.tallied(RuleSandboxRecipient, Block, &refused, what, "The account is in the sandbox, which sends to verified addresses only.", "Ask AWS for production access, or verify these addresses.")
	return nil
}
