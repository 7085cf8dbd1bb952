package campaign

import "slices"

// The rules of preflight. The ids are stable: screens and scripts use them.
// docs/preflight.md has the same table, with what each looks at.
const (
	RuleEmptyAudience    = "empty_audience"
	RuleUnknownAttribute = "unknown_attribute"
	RuleUnknownTag       = "unknown_tag"
	RuleConsentAssumed   = "consent_assumed"
	RuleConsentOld       = "consent_old"
	RuleSuppressedShare  = "suppressed_share"
	RuleGmailBulk        = "gmail_bulk"
	RuleNotInStep        = "not_in_step"
	RuleSyncAge          = "sync_age"

	RuleTemplateSyntax = "template_syntax"
	RuleTemplateFails  = "template_fails"
	RuleUnknownField   = "unknown_field"
	RuleMissingValue   = "missing_value"
	RuleMissingSetting = "missing_setting"
	RuleShadowedValue  = "shadowed_value"
	RuleUnescaped      = "unescaped"
	RuleForeignField   = "foreign_field"
	RuleControls       = "control_characters"

	RuleUnknownTopic  = "unknown_topic"
	RuleNoUnsubscribe = "no_unsubscribe"
	RuleOneClick      = "one_click"
	RulePublicURL     = "public_url"
	RuleRefusal       = "refusal_wording"
	RuleSenderBlock   = "sender_block"
	RuleSubjectAd     = "subject_ad"
	RuleSubjectLength = "subject_length"
	RuleSubjectEmpty  = "subject_empty"
	RuleNight         = "night"

	RuleLinkSyntax      = "link_syntax"
	RuleLinkEmpty       = "link_empty"
	RuleLinkPlaceholder = "link_placeholder"
	RuleLinkScript      = "link_script"
	RuleLinkInsecure    = "link_insecure"
	RuleLinkPrivate     = "link_private"
	RuleLinkValue       = "link_value"
	RuleLinkMismatch    = "link_mismatch"

	RuleTextPart      = "text_part"
	RuleImageOnly     = "image_only"
	RuleImageAlt      = "image_alt"
	RuleImageMissing  = "image_missing"
	RuleImageLarge    = "image_large"
	RuleImageUnhosted = "image_unhosted"
	RuleActiveContent = "active_content"
	RuleDraftText     = "draft_text"
	RuleClip          = "clip"
	RuleSize          = "size"

	RuleFromMissing      = "from_missing"
	RuleFromUnverified   = "from_unverified"
	RuleDKIM             = "dkim"
	RuleMailFrom         = "mail_from"
	RuleSPF              = "spf"
	RuleDMARC            = "dmarc"
	RuleDNS              = "dns_silent"
	RuleSandboxRecipient = "sandbox_recipient"
	RuleSendingDisabled  = "sending_disabled"
	RuleAccountUnknown   = "account_unknown"
	RuleQuota            = "quota"
	RuleNoFeedback       = "no_feedback"
	RuleBrakeBlind       = "brake_blind"
)

// Rule is one rule of preflight.
type Rule struct {
	ID     string
	Levels []Level // it may find at, the gravest first
	Final  bool    // its blocks cannot be overridden: no letter could be made or sent, or nobody knows to whom
}

// Rules are all rules in the order of docs/preflight.md.
func Rules() []Rule {
	only := func(l ...Level) []Level { return l }
	return []Rule{
		{RuleEmptyAudience, only(Block), true},
		{RuleUnknownAttribute, only(Warn), false},
		{RuleUnknownTag, only(Warn), false},
		{RuleConsentAssumed, only(Note), false},
		{RuleConsentOld, only(Warn), false},
		{RuleSuppressedShare, only(Warn, Note), false},
		{RuleGmailBulk, only(Note), false},
		{RuleNotInStep, only(Block), true},
		{RuleSyncAge, only(Warn, Note), false},

		{RuleTemplateSyntax, only(Block), true},
		{RuleTemplateFails, only(Block), true},
		{RuleUnknownField, only(Block, Warn), true},
		{RuleMissingValue, only(Block), true},
		{RuleMissingSetting, only(Block), true},
		{RuleShadowedValue, only(Warn), false},
		{RuleUnescaped, only(Warn), false},
		{RuleForeignField, only(Block, Warn), false},
		{RuleControls, only(Block), true},

		{RuleUnknownTopic, only(Block), true},
		{RuleNoUnsubscribe, only(Block, Warn), false},
		{RuleOneClick, only(Block), true},
		{RulePublicURL, only(Block), true},
		{RuleRefusal, only(Warn), false},
		{RuleSenderBlock, only(Block, Warn), false},
		{RuleSubjectAd, only(Block, Warn), false},
		{RuleSubjectLength, only(Warn), false},
		{RuleSubjectEmpty, only(Block), false},
		{RuleNight, only(Note), false},

		{RuleLinkSyntax, only(Block), false},
		{RuleLinkEmpty, only(Block), false},
		{RuleLinkPlaceholder, only(Block, Warn), false},
		{RuleLinkScript, only(Block), false},
		{RuleLinkInsecure, only(Warn), false},
		{RuleLinkPrivate, only(Block), false},
		{RuleLinkValue, only(Block), false},
		{RuleLinkMismatch, only(Warn), false},

		{RuleTextPart, only(Warn), false},
		{RuleImageOnly, only(Warn), false},
		{RuleImageAlt, only(Warn), false},
		{RuleImageMissing, only(Block, Warn), true},
		{RuleImageLarge, only(Block), false},
		{RuleImageUnhosted, only(Block), true},
		{RuleActiveContent, only(Warn), false},
		{RuleDraftText, only(Warn), false},
		{RuleClip, only(Warn), false},
		{RuleSize, only(Block), true},

		{RuleFromMissing, only(Block), true},
		{RuleFromUnverified, only(Block), true},
		{RuleDKIM, only(Block, Warn), false},
		{RuleMailFrom, only(Block, Warn, Note), false},
		{RuleSPF, only(Warn), false},
		{RuleDMARC, only(Block, Warn), false},
		{RuleDNS, only(Warn), false},
		{RuleSandboxRecipient, only(Block), false},
		{RuleSendingDisabled, only(Block), true},
		{RuleAccountUnknown, only(Warn), false},
		{RuleQuota, only(Warn), false},
		{RuleNoFeedback, only(Note), false},
		{RuleBrakeBlind, only(Note), false},
	}
}

// ruleOf is a rule by its id; the zero Rule for one there is not.
func ruleOf(id string) Rule {
	all := Rules()
	if i := slices.IndexFunc(all, func(r Rule) bool { return r.ID == id }); i >= 0 {
		return all[i]
	}
	return Rule{}
}
