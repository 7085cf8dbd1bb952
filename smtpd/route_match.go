package smtpd

import (
	"net/netip"
	"slices"
	"strings"
	"unicode/utf8"

	"pabal/eml"
)

// pattern is one of a list: an address, a domain with its @, or a text in which
// * stands for any run of characters and ? for one. Letters match in either case.
type pattern struct {
	text string // in lower case
	kind patternKind
}

type patternKind uint8

const (
	exactly patternKind = iota
	ofDomain
	glob
)

type patterns []pattern

// any reports whether one of them matches.
func (all patterns) any(text string) bool {
	text = strings.ToLower(text)
	return slices.ContainsFunc(all, func(p pattern) bool { return p.matches(text) })
}

// matches looks at a text in lower case.
func (p pattern) matches(text string) bool {
	switch p.kind {
	case ofDomain:
		return strings.HasSuffix(text, p.text)
	case glob:
		return matchGlob(p.text, text)
	}
	return text == p.text
}

// nullSender is how rules write it; facts have it so too.
const nullSender = "<>"

// senderPattern is addressPattern, or the null sender.
func senderPattern(text string) (p pattern, why string) {
	if text == nullSender {
		return pattern{text: nullSender}, ""
	}
	return addressPattern(text)
}

// addressPattern reads shop@example.com, @example.com or *@*.example.com.
func addressPattern(text string) (p pattern, why string) {
	if strings.ContainsAny(text, "*?") {
		if why = badGlob(text); why == "" && strings.ContainsAny(text, `<>[](),;:"\`) {
			why = "which no address can match"
		}
		return pattern{strings.ToLower(text), glob}, why
	}
	full := text
	if strings.HasPrefix(text, "@") {
		full = "x" + text
	}
	address, err := eml.ParseAddress(full)
	if err != nil {
		return p, "which is no address, @domain or pattern"
	}
	if full != text {
		return pattern{strings.ToLower(address[1:]), ofDomain}, ""
	}
	return pattern{strings.ToLower(address), exactly}, ""
}

// textPattern reads a text that may be a pattern.
func textPattern(text string) (p pattern, why string) {
	if why = badText(text); why != "" {
		return p, why
	}
	p = pattern{text: strings.ToLower(text)}
	if strings.ContainsAny(text, "*?") {
		p.kind = glob
	}
	return p, ""
}

// badGlob says why an address pattern can match nothing.
func badGlob(text string) string {
	switch {
	case badText(text) != "":
		return badText(text)
	case !printable(text) || strings.Contains(text, " "):
		return "which has blanks or is not ASCII: write domains in other scripts as xn--…"
	case strings.Count(text, "@") > 1:
		return "which has more than one @"
	}
	return ""
}

func badText(text string) string {
	switch {
	case strings.TrimSpace(text) == "":
		return "which is empty"
	case len(text) > maxPattern:
		return "which is too long"
	case eml.CheckHeader(text) != nil:
		return "which has control characters"
	}
	return ""
}

// matchGlob holds a text against a pattern with * and ?. It goes back to the last
// * only, so that it takes at most as many steps as the product of both lengths.
func matchGlob(pattern, text string) bool {
	star, from := -1, 0 // the last * and where what it stands for ends
	p, t := 0, 0
	for t < len(text) {
		_, size := utf8.DecodeRuneInString(text[t:])
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, from = p, t
			p++
			continue
		case p < len(pattern) && pattern[p] == '?':
			p, t = p+1, t+size
			continue
		case p < len(pattern) && pattern[p] == text[t]:
			p, t = p+1, t+1
			continue
		case star < 0:
			return false
		}
		from++
		p, t = star+1, from
	}
	return strings.Trim(pattern[p:], "*") == ""
}

// headerPattern is a field and what it holds.
type headerPattern struct {
	name  string
	value pattern // "" is anything
}

// readHeaderPattern reads "Name: pattern", or "Name".
func readHeaderPattern(text string) (h headerPattern, ok bool) {
	name, value, _ := strings.Cut(text, ":")
	name, value = strings.TrimSpace(name), strings.TrimSpace(value)
	if name == "" || !printable(name) || strings.Contains(name, " ") || len(text) > maxPattern {
		return h, false
	}
	if value == "" {
		return headerPattern{name: name}, true
	}
	p, why := textPattern(value)
	return headerPattern{name, p}, why == ""
}

// Of a header so much is looked at: the rest is not what people match.
const (
	maxSameFields = 20
	maxFieldValue = 1000              // bytes
	maxFieldRaw   = 8 * maxFieldValue // bytes before decoding: of 75 in an encoded word 12 may be left
)

// in reports whether a header has the field with such a value.
func (h headerPattern) in(header *eml.Header) bool {
	seen := 0
	for _, f := range header.Fields() {
		if !strings.EqualFold(f.Name, h.name) {
			continue
		}
		if seen++; seen > maxSameFields {
			return false
		}
		if h.value.text == "" || h.value.matches(fieldText(f)) {
			return true
		}
	}
	return false
}

// fieldText is what a field says, as far as it is looked at, in lower case. It is
// cut before it is decoded too: it is for every pattern.
func fieldText(f eml.Field) string {
	return strings.ToLower(eml.Cut(eml.DecodeHeader(eml.Cut(f.Value(), maxFieldRaw)), maxFieldValue))
}

// facts are what rules look at.
type facts struct {
	sender string      // of the envelope, "<>" for the null sender
	from   string      // the From header's address
	header *eml.Header // nil: not here yet, nor is from
	addr   netip.Addr  // of the client; zero: it does not come by TCP
	uid    *uint32     // of the user; nil: it does not come by socket or folder
	user   string      // who logged in, "" for nobody
}

// answer is whether a rule matches.
type answer uint8

const (
	no answer = iota
	yes
	later // the text decides
)

// about asks a rule about all but the recipient.
func (r *route) about(f *facts) answer {
	switch {
	case len(r.sender) > 0 && !r.sender.any(f.sender),
		len(r.networks) > 0 && !slices.ContainsFunc(r.networks, func(n netip.Prefix) bool { return n.Contains(f.addr) }),
		len(r.UID) > 0 && (f.uid == nil || !slices.Contains(r.UID, *f.uid)),
		len(r.users) > 0 && (f.user == "" || !r.users.any(f.user)):
		return no
	case len(r.from) == 0 && len(r.header) == 0:
		return yes
	case f.header == nil:
		return later
	case len(r.from) > 0 && !r.from.any(f.from):
		return no
	case len(r.header) > 0 && !slices.ContainsFunc(r.header, func(h headerPattern) bool { return h.in(f.header) }):
		return no
	}
	return yes
}

// about asks all rules.
func (r *Routes) about(f *facts) []answer {
	if r == nil || len(r.routes) == 0 {
		return nil
	}
	out := make([]answer, len(r.routes))
	for i, one := range r.routes {
		out[i] = one.about(f)
	}
	return out
}

// first is the place of the first rule that matches a mail to a recipient, -1 if
// none does. decided is false when that depends on the text.
func (r *Routes) first(about []answer, to string) (at int, decided bool) {
	for i, a := range about {
		if a == no || len(r.routes[i].to) > 0 && !r.routes[i].to.any(to) {
			continue
		}
		return i, a == yes
	}
	return -1, true
}
