package cli

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"time"

	"pabal/control"
	"pabal/eml"
	"pabal/smtpd"
)

// FailuresConfig is who is told of applications' mail that SES never took.
type FailuresConfig struct {
	Report   string   `toml:"report"`   // digest: the operator; sender: the envelope sender, and the operator of the rest; off: nobody
	Operator string   `toml:"operator"` // address digests go to; "" is nobody
	Every    Duration `toml:"every"`    // at most one digest in that time
	From     string   `toml:"from"`     // mailbox they come from; "" is smtp.default_from, or else campaign.from
}

const leastDigestEvery = time.Minute

func (c *Config) failureRules() []rule {
	f := &c.Failures
	modes := []string{smtpd.FailuresDigest, smtpd.FailuresSender, smtpd.FailuresOff}
	_, operator := eml.ParseAddress(f.Operator)
	_, from := eml.ParseMailbox(f.From)
	tells := f.Report == smtpd.FailuresSender || f.Report == smtpd.FailuresDigest && f.Operator != ""
	return []rule{
		{"failures.report", slices.Contains(modes, f.Report), fmt.Sprintf("is %q", f.Report), "digest, sender or off"},
		{"failures.operator", f.Operator == "" || operator == nil, fmt.Sprintf("%q is not an address", f.Operator), `for example operator = "ops@example.com"`},
		{"failures.every", time.Duration(f.Every) >= leastDigestEvery, fmt.Sprintf("is %s", time.Duration(f.Every)), `at least "1m", for example every = "1h"`},
		{"failures.from", f.From == "" || from == nil, fmt.Sprintf("%q is not an address", f.From), `for example "파발 <noreply@example.com>"`},
		{"failures.from", !tells || c.failuresFrom() != (eml.Mailbox{}), "is empty, and so are smtp.default_from and campaign.from: nobody could be told of a failure",
			`set from = "파발 <noreply@example.com>", an address of a domain verified in SES`},
	}
}

// failuresFrom is the sender of reports, zero for none; validate has seen that
// it is a mailbox.
func (c *Config) failuresFrom() eml.Mailbox {
	box, err := eml.ParseMailbox(cmp.Or(c.Failures.From, c.SMTP.DefaultFrom, c.Campaign.From))
	if err != nil {
		return eml.Mailbox{}
	}
	return box
}

// newFailures wires who is told of failures.
func (d *daemon) newFailures() {
	c := &d.cfg.Failures
	f := smtpd.NewFailures(d.spool)
	f.Report, f.Every, f.From = c.Report, time.Duration(c.Every), d.cfg.failuresFrom()
	if address, err := eml.ParseAddress(c.Operator); err == nil {
		f.Operator = address
	}
	f.Hostname, f.SES, f.Zone = hostname(), d.cfg.sesHost(), d.cfg.zone()
	f.Aliases, f.Logger = d.cfg.aliases(), d.logger
	d.spool.TellFailures = f.Tells()
	d.failures = f
}

// sesHost is the host that mail is handed to.
func (c *Config) sesHost() string {
	if u, err := url.Parse(c.SES.Endpoint); err == nil && u.Hostname() != "" {
		return u.Hostname()
	}
	return "email." + c.SES.Region + ".amazonaws.com"
}

// describeFailures says how many of applications' mail failed, and who hears of it.
func describeFailures(r *report, st control.Status) {
	var f smtpd.FailuresStatus
	n := st.Spool.Applications
	if json.Unmarshal(st.Failures, &f) != nil || n.Failed+n.Unknown == 0 && f.Waiting == 0 {
		return
	}
	text := fmt.Sprintf("%s failed, %s unknown of applications' mail: pabal spool list --dead", commas(n.Failed), commas(n.Unknown))
	switch {
	case f.Report == smtpd.FailuresOff:
		text += "; nobody is told (failures.report = \"off\")"
	case !f.Operator && f.Report == smtpd.FailuresDigest:
		text += "; nobody is told: set failures.operator"
	case f.Waiting > 0:
		text += fmt.Sprintf("; %s still to be told", commas(int64(f.Waiting)))
	}
	r.pair("failures", text)
	if !f.LastDigest.IsZero() {
		r.pair("last digest", r.when(f.LastDigest))
	}
}
