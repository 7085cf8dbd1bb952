package cli

import (
	"fmt"
	"slices"

	"pabal/eml"
	"pabal/smtpd"
)

// fromRules are what the settings about senders of applications' mail must
// hold to.
func (c *Config) fromRules() []rule {
	s := &c.SMTP
	modes := []string{string(smtpd.RefuseFrom), string(smtpd.RewriteFrom)}
	_, from := eml.ParseMailbox(s.DefaultFrom)
	_, domain := eml.ParseAddress("name@" + s.QualifyDomain)
	rules := []rule{
		{"smtp.unverified_from", slices.Contains(modes, s.UnverifiedFrom), fmt.Sprintf("is %q", s.UnverifiedFrom), "refuse or rewrite"},
		{"smtp.default_from", s.DefaultFrom == "" || from == nil, fmt.Sprintf("%q is not an address", s.DefaultFrom), `for example "알림 <noreply@example.com>"`},
		{"smtp.unverified_from", s.UnverifiedFrom != string(smtpd.RewriteFrom) || s.DefaultFrom != "", "is rewrite, and there is no sender to rewrite to", `set default_from = "알림 <noreply@example.com>", an address of a domain verified in SES`},
		{"smtp.qualify_domain", s.QualifyDomain == "" || domain == nil, fmt.Sprintf("%q is not a domain", s.QualifyDomain), `for example qualify_domain = "example.com"`},
	}
	for _, name := range s.AllowHeaders {
		rules = append(rules, rule{"smtp.allow_headers", smtpd.CommandsSES(name), fmt.Sprintf("%q is no X-SES- field", name), `other fields are never removed; for example allow_headers = ["X-SES-CONFIGURATION-SET"]`})
	}
	return rules
}

// defaultFrom is smtp.default_from, zero for none; validate has seen that it is
// a mailbox.
func (s SMTPConfig) defaultFrom() eml.Mailbox {
	if s.DefaultFrom == "" {
		return eml.Mailbox{}
	}
	box, err := eml.ParseMailbox(s.DefaultFrom)
	if err != nil {
		return eml.Mailbox{}
	}
	return box
}
