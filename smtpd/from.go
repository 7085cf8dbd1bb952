package smtpd

import (
	"context"
	"errors"
	"strings"

	"pabal/eml"
)

// UnverifiedFrom is what becomes of a mail whose From header names an address
// that SES may not send for, or none at all.
type UnverifiedFrom string

// The values of UnverifiedFrom.
const (
	RefuseFrom  UnverifiedFrom = "refuse"  // 550 at the end of DATA
	RewriteFrom UnverifiedFrom = "rewrite" // sent from DefaultFrom
)

const (
	originalFrom   = "X-Original-From"
	originalSender = "X-Original-Sender"
)

// setFrom puts the mailbox to into the From header. The display name that
// stands there stays; to's is taken where there is none. What From was goes to
// X-Original-From, and to Reply-To if there is none and mail can reach it.
// Address and name of to must be valid.
func setFrom(header *eml.Header, to eml.Mailbox) {
	was := header.Get("From")
	e := firstMailbox(was)
	if reply, err := eml.ParseAddress(e.address); err == nil && blank(header, "Reply-To") {
		header.Remove("Reply-To")
		header.Prepend(eml.AppendRawHeader(nil, "Reply-To", e.named(reply)))
	}
	if was != "" && !header.Has(originalFrom) {
		header.Prepend(appendText(nil, originalFrom, was))
	}
	value := e.sound(to.Address)
	if value == to.Address {
		value = to.Header()
	}
	header.Replace(eml.AppendRawHeader(nil, "From", value))
}

// sound is e.named without control characters in the name.
func (e entry) sound(address string) string {
	value := e.named(address)
	if _, err := eml.ParseMailbox(value); err != nil {
		return eml.Mailbox{Name: eml.DecodeHeader(unquote(e.name + e.comment)), Address: address}.Header()
	}
	return value
}

// firstMailbox is the first entry of a list that has an address, or else the
// text of the whole as the name of nobody.
func firstMailbox(value string) entry {
	l := parseList(value)
	for _, e := range l.entries {
		if _, _, ok := strings.Cut(e.address, "@"); ok && !e.group {
			return e
		}
	}
	for _, e := range l.entries {
		if e.name != "" && !e.group {
			return e
		}
	}
	return entry{}
}

// blank reports whether a field says nothing or is not there.
func blank(header *eml.Header, name string) bool { return header.Get(name) == "" }

// wrongFrom is what is wrong with a From header, zero if nothing.
type wrongFrom struct{ status, text, hint string }

// author makes sure that the From header holds one address that SES may send
// for, as far as that is known, and returns it.
func (s *session) author(header *eml.Header) (string, error) {
	s.fillFrom(header)
	address, wrong := s.fromAddress(header)
	if wrong.text == "" {
		wrong = s.unverified(address)
	}
	if wrong.text == "" {
		return address, nil
	}
	return s.rewriteFrom(header, wrong)
}

// fillFrom makes a From header that says nothing of the envelope sender or the
// configured default.
func (s *session) fillFrom(header *eml.Header) {
	if !blank(header, "From") {
		return
	}
	header.Remove("From")
	from := s.server.DefaultFrom.Header()
	if address, err := eml.ParseAddress(s.qualified(s.from)); err == nil {
		from = address
	}
	if from != "" {
		header.Prepend(eml.AppendRawHeader(nil, "From", from))
	}
}

// qualified is an address with the configured domain, if it is a name of this
// host and there is one.
func (s *session) qualified(address string) string {
	if name, ok := localName(address); ok && s.server.QualifyDomain != "" {
		return name + "@" + s.server.QualifyDomain
	}
	return address
}

// fromAddress is the address in the From header, a name of this host
// qualified, or what is wrong with it.
func (s *session) fromAddress(header *eml.Header) (string, wrongFrom) {
	value := header.Get("From")
	if value == "" {
		return "", wrongFrom{"5.6.0", "the message has no From header", "add one with an address of a domain verified in SES"}
	}
	box, err := eml.ParseMailbox(value)
	l := parseList(value)
	if err == nil {
		if l.odd || len(l.entries) != 1 { // a colon or semicolon in a name without quotes
			header.Replace(eml.AppendRawHeader(nil, "From", box.Header()))
		}
		return box.Address, wrongFrom{}
	}
	if len(l.entries) == 1 {
		e := l.entries[0]
		if full := s.qualified(e.address); full != e.address {
			header.Replace(eml.AppendRawHeader(nil, "From", e.named(full)))
			return full, wrongFrom{}
		}
		if address, err := eml.ParseAddress(e.address); err == nil && strings.HasSuffix(e.text, ">") { // a slip beside it
			header.Replace(eml.AppendRawHeader(nil, "From", e.sound(address)))
			return address, wrongFrom{}
		}
	}
	if box, ok := hiddenMailbox(value); ok {
		header.Replace(eml.AppendRawHeader(nil, "From", box.Header()))
		return box.Address, wrongFrom{}
	}
	reason := err.Error()
	if bad, ok := errors.AsType[*eml.AddressError](err); ok {
		reason = bad.Reason
	}
	return "", wrongFrom{"5.6.0", "the From header holds no address SES can send for: " + eml.Visible(reason), "use an address of a domain verified in SES"}
}

// unverified says so where SES may not send for an address. Not knowing is no
// reason to do anything: the drain holds what SES does not take.
func (s *session) unverified(address string) wrongFrom {
	if allowed, known := s.verified(address); allowed || !known {
		return wrongFrom{}
	}
	return wrongFrom{"5.7.1", "SES may not send for " + address, "set a From address of a verified domain, or verify " + eml.Domain(address) + " in SES"}
}

// verified asks whether SES may send for an address.
func (s *session) verified(address string) (allowed, known bool) {
	if s.server.SenderAllowed == nil {
		return true, true
	}
	ctx, cancel := context.WithTimeout(s.ctx, senderLimit)
	defer cancel()
	allowed, err := s.server.SenderAllowed(ctx, address)
	if err != nil {
		s.log.Debug("sender not checked", "domain", eml.Domain(address), "err", err)
	}
	return allowed, err == nil
}

// rewriteFrom does what is configured for a From header that is wrong. That
// SES may not send for the configured sender either is our fault: the client
// keeps the mail.
func (s *session) rewriteFrom(header *eml.Header, wrong wrongFrom) (string, error) {
	to := s.server.DefaultFrom
	if s.server.UnverifiedFrom != RewriteFrom || to.Address == "" {
		return "", refusal(550, wrong.status, wrong.text+"; "+wrong.hint)
	}
	if still := s.unverified(to.Address); still.text != "" {
		s.log.Warn("smtp.default_from is not verified in SES", "domain", eml.Domain(to.Address))
		return "", refusal(451, "4.7.1", still.text+", which is smtp.default_from; the operator has to verify it, try again later")
	}
	setFrom(header, to)
	return to.Address, nil
}

// sender takes a Sender header away that SES would refuse the mail for: it
// must be verified as From is. What it was goes to X-Original-Sender.
func (s *session) sender(header *eml.Header, from string) {
	value := header.Get("Sender")
	if value == "" {
		header.Remove("Sender")
		return
	}
	box, err := eml.ParseMailbox(value)
	if err == nil {
		if box.Address == from {
			return
		}
		if allowed, known := s.verified(box.Address); allowed && known {
			return
		}
	}
	header.Remove("Sender")
	if !header.Has(originalSender) {
		header.Prepend(appendText(nil, originalSender, value))
	}
}
