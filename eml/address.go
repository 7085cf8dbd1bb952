// Package eml is the leaf that knows mail itself: e-mail addresses (one parser
// for SMTP, CSV, MySQL and the screens), header fields with folding and
// RFC 2047 words, transfer codings, MIME messages, and the one sanitiser that
// foreign text passes before it reaches a terminal.
//
// It does no I/O, keeps no state and knows nothing of SES; every function may
// be called at the same time. Text is UTF-8 in NFC; where a limit comes from a
// standard or from SES, the comment names it.
package eml

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/net/idna"
)

const (
	maxLocal   = 64  // octets before the @, RFC 5321 4.5.3.1.1
	maxAddress = 254 // octets in all, RFC 5321 4.5.3.1.3 without the brackets
	maxLabel   = 63  // octets between two dots of a domain, RFC 1035 2.3.4

	maxForeign = 4 * maxAddress // octets of what may yet shrink to an address: UTF-8 takes up to four for one
)

// ParseAddress reads one bare e-mail address as it stands in a CSV cell, an
// SMTP path or a form field and returns its canonical spelling: white space
// around it removed, the local part as written, the domain in lower-case
// A-labels (RFC 5891, names in other scripts mapped and in NFC). It returns an
// *AddressError for anything SES cannot send to: quoted local parts, address
// literals, non-ASCII local parts, over 64 octets before or 254 in all
// (RFC 5321 4.5.3.1), no dot in the domain, control characters, display names,
// lists. The result may share s's memory.
func ParseAddress(s string) (string, error) {
	address := strings.TrimSpace(s)
	at := strings.IndexByte(address, '@')
	if isPlain(address, at) {
		return address, nil
	}
	if lower := lowerDomain(address, at); isPlain(lower, at) {
		return lower, nil
	}
	address, wrong := mapAddress(address)
	if wrong.code != "" {
		return "", &AddressError{Input: s, Reason: wrong.text, Code: wrong.code}
	}
	return address, nil
}

// lowerDomain is the address with all from the @ there in lower case.
func lowerDomain(address string, at int) string {
	if at < 0 || len(address) > maxAddress {
		return address
	}
	return address[:at] + strings.ToLower(address[at:])
}

// isPlain reports whether an address with its first @ there is canonical as it
// stands: nearly all of a million rows.
func isPlain(address string, at int) bool {
	return at > 0 && len(address) <= maxAddress && localFault(address[:at]).code == "" &&
		!needsMapping(address[at+1:]) && domainFault(address[at+1:]).code == ""
}

// AddressError says what is wrong with an address. Input is as given; Code is
// Reason as a stable word, for screens in other languages and for programs, ""
// where a mailbox is wrong beside its address.
type AddressError struct{ Input, Reason, Code string }

// fault is a reason with its code, both "" where nothing is wrong.
type fault struct{ code, text string }

// AddressCodes are all values of AddressError.Code.
func AddressCodes() []string {
	return []string{"empty", "too_long", "not_utf8", "full_width_at", "brackets", "several", "quotes", "control", "space", "invisible",
		"no_at", "two_ats", "no_local", "long_local", "local_dots", "local_not_ascii", "local_character", "literal", "idn",
		"no_domain", "domain_dots", "domain_end", "domain_hyphen", "domain_character", "long_label", "no_dot", "number"}
}

// maxQuoted is how much of a wrong address an error repeats, in octets.
const maxQuoted = 120

// Error repeats the input, made visible and shortened, and the reason.
func (e *AddressError) Error() string {
	input := e.Input
	if len(input) > maxQuoted {
		cut := maxQuoted
		for cut > 0 && !utf8.RuneStart(input[cut]) {
			cut--
		}
		input = input[:cut] + "…"
	}
	return "address \"" + Visible(input) + "\": " + e.Reason
}

// Key is what all spellings of one mailbox share: the address in lower case.
// Its argument is what ParseAddress returned.
func Key(address string) string { return strings.ToLower(address) }

// Domain is the part after the @, "" if there is none.
func Domain(address string) string {
	at := strings.LastIndexByte(address, '@')
	if at < 0 {
		return ""
	}
	return address[at+1:]
}

// mapAddress is the way of an address that is not plain: it maps the domain to
// A-labels, or finds the reason a person can act on.
func mapAddress(s string) (address string, wrong fault) {
	if len(s) > maxForeign {
		return "", tooLong(len(s))
	}
	if wrong := foreignFault(s); wrong.code != "" {
		return "", wrong
	}
	local, domain, found := strings.Cut(s, "@")
	switch {
	case !found:
		return "", fault{"no_at", "it has no @"}
	case strings.Contains(domain, "@"):
		return "", fault{"two_ats", "it has more than one @"}
	}
	if wrong := localFault(local); wrong.code != "" {
		return "", wrong
	}
	domain, wrong = mapDomain(domain)
	if wrong.code != "" {
		return "", wrong
	}
	if n := len(local) + 1 + len(domain); n > maxAddress {
		return "", tooLong(n)
	}
	return local + "@" + domain, fault{}
}

func tooLong(octets int) fault {
	return fault{"too_long", fmt.Sprintf("it has %d octets, over the limit of %d", octets, maxAddress)}
}

// foreignFault names what shows that s is not one bare address at all.
func foreignFault(s string) fault {
	if s == "" {
		return fault{"empty", "it is empty"}
	}
	if !utf8.ValidString(s) {
		return fault{"not_utf8", "it is not valid UTF-8"}
	}
	switch {
	case strings.Contains(s, "＠"):
		return fault{"full_width_at", "it has a full-width ＠ instead of @"}
	case strings.ContainsAny(s, "<>＜＞"):
		return fault{"brackets", "it has angle brackets or a name beside it, where only the address goes"}
	case strings.ContainsAny(s, ",;"):
		return fault{"several", "it has a comma or semicolon, where only one address goes"}
	case strings.Contains(s, `"`):
		return fault{"quotes", "it has quotation marks, which SES cannot send to"}
	}
	for _, r := range s {
		switch {
		case unicode.IsControl(r):
			return fault{"control", fmt.Sprintf("it has a control character (U+%04X)", r)}
		case unicode.IsSpace(r):
			return fault{"space", "it has a space inside"}
		case hidden(r):
			return fault{"invisible", fmt.Sprintf("it has an invisible character (U+%04X)", r)}
		}
	}
	return fault{}
}

// localFault is the reason why s is not a dot-atom (RFC 5321 4.1.2), zero if it is one.
func localFault(s string) fault {
	if s == "" {
		return fault{"no_local", "nothing stands before the @"}
	}
	if len(s) > maxLocal {
		return fault{"long_local", fmt.Sprintf("the part before the @ has %d octets, over the limit of %d", len(s), maxLocal)}
	}
	dot := true // a dot may not stand here
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case isAtext(c):
			dot = false
		case c != '.':
			return strangeLocal(s[i:])
		case dot:
			return fault{"local_dots", "the part before the @ has a dot at its start or two in a row"}
		default:
			dot = true
		}
	}
	if dot {
		return fault{"local_dots", "the part before the @ ends in a dot"}
	}
	return fault{}
}

func strangeLocal(rest string) fault {
	r, _ := utf8.DecodeRuneInString(rest)
	if r >= utf8.RuneSelf {
		return fault{"local_not_ascii", "the part before the @ has “" + string(r) + "”: SES takes only ASCII there"}
	}
	return fault{"local_character", "the part before the @ has “" + string(r) + "”, which is not allowed"}
}

// needsMapping reports whether a domain has to go through IDNA: other scripts,
// and A-labels, which must be valid ones.
func needsMapping(domain string) bool {
	for i := 0; i < len(domain); i++ {
		c := domain[i]
		if c >= utf8.RuneSelf || c == '-' && i > 0 && domain[i-1] == '-' {
			return true
		}
	}
	return false
}

// mapDomain turns a domain into lower-case A-labels.
func mapDomain(domain string) (mapped string, wrong fault) {
	if strings.HasPrefix(domain, "[") {
		return "", fault{"literal", "it has an address literal in brackets instead of a domain"}
	}
	lower := strings.ToLower(domain)
	if !needsMapping(lower) {
		return lower, domainFault(lower)
	}
	mapped, err := idna.Lookup.ToASCII(domain)
	if err != nil {
		return "", fault{"idn", "the domain is not a valid internationalised name"}
	}
	return mapped, domainFault(mapped)
}

// domainFault is the reason why lower-case ASCII is not a domain mail can go
// to (RFC 5321 4.1.2, RFC 1123 2.1), zero if it is one.
func domainFault(domain string) fault {
	label, digits, dots := 0, true, 0 // of the label so far; dots in all
	for i := 0; i < len(domain); i++ {
		switch c := domain[i]; {
		case 'a' <= c && c <= 'z':
			label, digits = label+1, false
		case '0' <= c && c <= '9':
			label++
		case c == '-' && label > 0 && i+1 < len(domain) && domain[i+1] != '.':
			label, digits = label+1, false
		case c == '.' && label > 0 && label <= maxLabel:
			label, digits, dots = 0, true, dots+1
		default:
			return strangeDomain(domain, i, label)
		}
	}
	switch {
	case domain == "":
		return fault{"no_domain", "nothing stands after the @"}
	case label == 0:
		return fault{"domain_end", "the domain ends in a dot"}
	case label > maxLabel:
		return longLabel(label)
	case dots == 0:
		return fault{"no_dot", "the domain has no dot"}
	case digits:
		return fault{"number", "the domain ends in a number, like an IP address"}
	}
	return fault{}
}

func strangeDomain(domain string, i, label int) fault {
	switch c := domain[i]; {
	case c == '-':
		return fault{"domain_hyphen", "a part of the domain begins or ends with a hyphen"}
	case c == '.' && label > maxLabel:
		return longLabel(label)
	case c == '.':
		return fault{"domain_dots", "the domain has a dot at its start or two in a row"}
	}
	r, _ := utf8.DecodeRuneInString(domain[i:])
	return fault{"domain_character", "the domain has “" + string(r) + "”, which is not allowed"}
}

func longLabel(n int) fault {
	return fault{"long_label", fmt.Sprintf("a part of the domain has %d octets, over the limit of %d", n, maxLabel)}
}

// atext is the set of RFC 5322 3.2.3, one bit a character.
const atext = letters | (1<<10-1)<<'0' |
	1<<'!' | 1<<'#' | 1<<'$' | 1<<'%' | 1<<'&' | 1<<'\'' | 1<<'*' | 1<<'+' | 1<<'-' | 1<<'/' |
	1<<'=' | 1<<'?' | 1<<'^' | 1<<'_' | 1<<'`' | 1<<'{' | 1<<'|' | 1<<'}' | 1<<'~'

const letters = (1<<26-1)<<'A' | (1<<26-1)<<'a'

func isAtext(c byte) bool {
	const low, high = atext & (1<<64 - 1), atext >> 64
	if c < 64 {
		return uint64(low)>>c&1 != 0
	}
	return c < 128 && uint64(high)>>(c-64)&1 != 0
}
