package smtpd

import "pabal/eml"

// addressees makes To, Cc and Reply-To lists of addresses that SES can read,
// and leaves them byte for byte where they are. Names of this host get the
// configured domain, else that of From. What is no address is left out and kept
// in X-Original-To and its kin; an empty field, which SES refuses, is too.
func (s *session) addressees(header *eml.Header, fromDomain string) {
	domain := s.server.QualifyDomain
	if domain == "" {
		domain = fromDomain
	}
	for _, name := range []string{"To", "Cc", "Reply-To"} {
		value := header.Get(name)
		if value == "" {
			header.Remove(name)
			continue
		}
		l := parseList(value)
		changed, dropped := l.settle(domain)
		if dropped && !header.Has("X-Original-"+name) {
			header.Add(appendText(nil, "X-Original-"+name, value))
		}
		switch {
		case l.empty():
			header.Remove(name)
		case changed || dropped || l.odd:
			header.Replace(eml.AppendRawHeader(nil, name, l.String()))
		}
	}
}

// settle gives names of this host a domain and leaves out what is no address.
func (l *list) settle(domain string) (changed, dropped bool) {
	dropped = l.keep(func(e *entry) bool {
		if _, err := eml.ParseAddress(e.address); err == nil {
			return true
		}
		if name, ok := localName(e.address); ok {
			e.address = name + "@" + domain
			e.text, changed = e.named(e.address), true
			return true
		}
		if box, ok := hiddenMailbox(e.text); ok {
			e.address = box.Address
			e.text, changed = box.Header(), true
			return true
		}
		return false
	})
	return changed, dropped
}

// hiddenMailbox is the mailbox that a program has put into RFC 2047 words as a
// whole, address and all.
func hiddenMailbox(text string) (eml.Mailbox, bool) {
	if !knownWord.MatchString(text) {
		return eml.Mailbox{}, false
	}
	box, err := eml.ParseMailbox(eml.DecodeHeader(text))
	return box, err == nil
}
