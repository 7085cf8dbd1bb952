package emulator

import (
	"encoding/base64"
	"net/http"
	"slices"
	"strings"
)

// delivery is a send that passed every rule but the account's counters.
type delivery struct {
	msg     *message
	from    string   // the address that must be verified
	rewrite string   // FromEmailAddress: replaces the header's From
	to      []string // the envelope
	tags    []tag
	set     string
}

// check turns a call into a delivery by SES's rules of form: content, envelope,
// addresses, tags. The delivery is never nil; next to an error it holds what
// could be read.
func (in *sendInput) check() (*delivery, *apiError) {
	d := &delivery{rewrite: in.FromEmailAddress}
	for _, to := range in.Destination.all() {
		d.to = append(d.to, bare(to))
	}
	if err := in.content(); err != nil {
		return d, err
	}
	raw := in.Content.Raw.Data
	if n := base64.StdEncoding.EncodedLen(len(raw)); n > maxMessage {
		return d, badRequest("Message length is more than %d bytes long: '%d'.", maxMessage, n)
	}
	var err *apiError
	if d.msg, err = parseMessage(raw); err != nil {
		return d, err
	}
	if err := d.envelope(in); err != nil {
		return d, err
	}
	return d, d.options(in)
}

// content makes sure there is raw content, composing it from simple content.
func (in *sendInput) content() *apiError {
	c := &in.Content
	switch {
	case c.Template != nil:
		return badRequest("This emulator renders no templates: send Raw or Simple content.")
	case c.Raw != nil && c.Simple != nil:
		return badRequest("Content must hold one of Raw, Simple and Template.")
	case c.Simple != nil:
		raw, err := in.compose()
		c.Raw = &rawContent{raw}
		return err
	case c.Raw == nil || len(c.Raw.Data) == 0:
		return badRequest("Content must hold Raw.Data, Simple or Template.")
	}
	return nil
}

func (d *delivery) envelope(in *sendInput) *apiError {
	d.from = bare(in.FromEmailAddress)
	if d.from == "" {
		froms := d.msg.addresses("from")
		if len(froms) == 0 {
			return badRequest("Missing required header 'From'.")
		}
		d.from = froms[0]
	}
	if len(d.to) == 0 {
		d.to = d.msg.addresses("to", "cc", "bcc")
	}
	if len(d.to) == 0 {
		return badRequest("Missing destination: no recipient in Destination, To, Cc or Bcc.")
	}
	if len(d.to) > maxRecipients {
		return badRequest("Recipient count exceeds %d.", maxRecipients)
	}
	for _, a := range append([]string{d.from}, d.to...) {
		if why := illegal(a); why != "" {
			return badRequest("Illegal address '%s': %s.", a, why)
		}
	}
	return nil
}

// illegal says what SES does not take in an address, "" if nothing.
func illegal(a string) string {
	at := strings.LastIndexByte(a, '@')
	if at < 0 || at == len(a)-1 {
		return "Missing final '@domain'"
	}
	local, domain := a[:at], a[at+1:]
	switch {
	case local == "":
		return "Missing local part"
	case len(local) > 64 || len(a) > 254: // RFC 5321, 4.5.3.1
		return "Address is too long"
	case strings.ContainsFunc(local, func(r rune) bool { return r <= ' ' || r == 0x7f }):
		return "Local address contains control or whitespace"
	case strings.ContainsFunc(local, func(r rune) bool { return r > 0x7f }):
		return "Local address contains non-ASCII characters"
	case local[0] != '"' && strings.ContainsAny(local, `"(),:;<>@[\]`):
		return "Local address contains illegal character"
	case local[0] == '.' || strings.HasSuffix(local, ".") || strings.Contains(local, ".."):
		return "Local address contains dots in a row or at an end"
	}
	return illegalDomain(domain)
}

func illegalDomain(domain string) string {
	labels := strings.Split(domain, ".")
	if len(labels) < 2 {
		return "Domain contains no dot"
	}
	for _, l := range labels {
		switch {
		case l == "":
			return "Domain contains dots in a row or at an end"
		case len(l) > 63 || l[0] == '-' || l[len(l)-1] == '-':
			return "Domain contains an illegal label"
		case strings.ContainsFunc(l, func(r rune) bool { return !nameRune(r) || r == '_' }):
			return "Domain contains illegal character"
		}
	}
	return ""
}

// nameRune is what tag and configuration set names are made of.
func nameRune(r rune) bool {
	return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' || r == '_'
}

func validName(s string, limit int) bool {
	return s != "" && len(s) <= limit && !strings.ContainsFunc(s, func(r rune) bool { return !nameRune(r) })
}

// options reads tags and the configuration set, of the call first, else of the
// message's X-SES- fields.
func (d *delivery) options(in *sendInput) *apiError {
	d.tags, d.set = in.EmailTags, in.ConfigurationSetName
	if len(d.tags) == 0 {
		for _, one := range strings.Split(d.msg.get("x-ses-message-tags"), ",") {
			if name, value, ok := strings.Cut(one, "="); ok {
				d.tags = append(d.tags, tag{strings.TrimSpace(name), strings.TrimSpace(value)})
			}
		}
	}
	if d.set == "" {
		d.set = d.msg.get("x-ses-configuration-set")
	}
	for _, t := range d.tags {
		if !validName(t.Name, 256) || !validName(t.Value, 256) {
			return badRequest("Invalid tag '%s=%s': only alphanumeric ASCII characters, '_' and '-' are allowed, "+
				"at most 256.", t.Name, t.Value)
		}
	}
	if d.set != "" && !validName(d.set, 64) {
		return badRequest("Invalid configuration set name '%s'.", d.set)
	}
	return nil
}

// permit checks what needs the account: identities, sandbox, configuration
// set. The caller holds the lock.
func (s *Server) permit(r *http.Request, d *delivery, feedback string) *apiError {
	if _, ok := s.sets[d.set]; d.set != "" && !ok && !s.anySet {
		return notFound("Configuration set <%s> does not exist.", d.set)
	}
	var failed []string
	senders := append([]string{d.from, bare(feedback)}, d.msg.addresses("sender", "return-path")...)
	for _, a := range senders {
		if a != "" && !s.verified(a) && !slices.Contains(failed, a) {
			failed = append(failed, a)
		}
	}
	for _, a := range d.to {
		if s.account.sandbox && !simulator(a) && !s.verified(a) && !slices.Contains(failed, a) {
			failed = append(failed, a)
		}
	}
	if len(failed) > 0 {
		return notVerified(region(r), failed)
	}
	return nil
}

func notVerified(region string, failed []string) *apiError {
	return rejected("Email address is not verified. The following identities failed the check in region %s: %s",
		strings.ToUpper(region), strings.Join(failed, ", "))
}

// simulator reports whether an address is of the mailbox simulator, labels
// included: it needs no verification and does not count to the quota.
func simulator(a string) bool {
	return strings.HasSuffix(strings.ToLower(a), "@simulator.amazonses.com")
}
