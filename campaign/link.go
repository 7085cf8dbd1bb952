package campaign

import (
	"net/netip"
	"net/url"
	"regexp"
	"strings"
	"unicode"

	"golang.org/x/net/publicsuffix"

	"pabal/eml"
)

var (
	// schemeTypo is a scheme made of the letters of http(s) that is neither.
	schemeTypo = regexp.MustCompile(`^[htps]{2,8}$`)
	// shownAddress is a link text that looks like the address of a site.
	shownAddress = regexp.MustCompile(`^(?:https?://)?((?:[\pL\pN-]+\.)+\pL{2,})(?:[/?#]\S*)?$`)
	digits       = regexp.MustCompile(`\d`)
)

// judgeAddress is the rule an address breaks, "" if none. ids are the targets
// inside the page.
func judgeAddress(address string, ids map[string]bool) string {
	address = strings.TrimSpace(address)
	scheme, rest, has := strings.Cut(address, ":")
	switch scheme = strings.ToLower(scheme); {
	case address == "":
		return RuleLinkEmpty
	case strings.HasPrefix(address, "#"):
		if name := address[1:]; ids[name] {
			return ""
		}
		return RuleLinkPlaceholder
	case strings.ContainsFunc(address, func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) }) && scheme != "mailto" && scheme != "sms":
		return RuleLinkSyntax
	case !has || strings.ContainsAny(scheme, "/.?#"):
		return RuleLinkSyntax // relative: a mail has no page it could be relative to
	}
	switch scheme {
	case "javascript", "vbscript", "data":
		return RuleLinkScript
	case "file":
		return RuleLinkPrivate
	case "mailto":
		to, _, _ := strings.Cut(rest, "?")
		to, err := url.PathUnescape(to)
		if err == nil {
			_, err = eml.ParseAddress(strings.TrimSpace(to))
		}
		if err != nil {
			return RuleLinkSyntax
		}
		return ""
	case "tel", "sms":
		if !digits.MatchString(rest) {
			return RuleLinkSyntax
		}
		return ""
	case "http", "https":
		return judgeSite(address, scheme)
	}
	if schemeTypo.MatchString(scheme) {
		return RuleLinkSyntax
	}
	return "" // an app's own scheme
}

// judgeSite is judgeAddress for http and https.
func judgeSite(address, scheme string) string {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" {
		return RuleLinkSyntax
	}
	host := strings.TrimSuffix(strings.ToLower(u.Hostname()), ".")
	if ip, err := netip.ParseAddr(host); err == nil {
		if ip.IsLoopback() || ip.IsPrivate() || ip.IsUnspecified() || ip.IsLinkLocalUnicast() {
			return RuleLinkPrivate
		}
	} else if rule := judgeHost(host); rule != "" {
		return rule
	}
	if scheme == "http" {
		return RuleLinkInsecure
	}
	return ""
}

func judgeHost(host string) string {
	if host == "localhost" {
		return RuleLinkPrivate
	}
	labels := strings.Split(host, ".")
	for _, label := range labels {
		if label == "" || strings.ContainsFunc(label, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) && r != '-' && r != '_' }) {
			return RuleLinkSyntax
		}
	}
	switch labels[len(labels)-1] {
	case "local", "localhost", "internal", "lan", "localdomain", "test", "invalid":
		return RuleLinkPrivate
	}
	if len(labels) < 2 {
		return RuleLinkSyntax
	}
	return ""
}

// pretends reports whether a link shows the address of a site other than the
// one it leads to.
func pretends(text, address string) bool {
	m := shownAddress.FindStringSubmatch(strings.TrimSpace(text))
	if m == nil {
		return false
	}
	u, err := url.Parse(strings.TrimSpace(address))
	if err != nil || u.Hostname() == "" {
		return false
	}
	return site(m[1]) != site(u.Hostname())
}

// site is the registered domain a host belongs to.
func site(host string) string {
	host = strings.ToLower(host)
	if registered, err := publicsuffix.EffectiveTLDPlusOne(host); err == nil {
		return registered
	}
	return host
}

// resolve is an address with the fields filled in that are the same for
// everybody. whole is the field of the person that alone makes it up, spelled;
// open says that the address depends on a condition or a person in part.
func (p *sheet) resolve(marked string, marks []int, c *common) (address, whole string, open bool) {
	address = marked
	for _, m := range marks {
		name, orElse, ok := p.field(m)
		value := "x" // of the person, inside an address
		key := fold(name)
		set, common := c.values[key]
		switch {
		case !ok:
			open = true
		case key == "unsubscribeurl" || key == "preferencesurl" || key == "viewurl":
			value = "https://mail.example.com/u/x"
		case common && !isBuiltin(key):
			value = set
		case strings.Trim(marked, filler+" ") == string(markOpen):
			whole, value = name, orElse
		}
		address = strings.Replace(address, string(markOpen), value, 1)
	}
	return strings.ReplaceAll(address, filler, ""), whole, open
}

// target is a link, or an image, whose address is a field of the person.
type target struct {
	key, spelled string
	image        bool
	bad          tally
}

// targets are the fields that alone are the address of a link or an image.
func (p *sheet) targets(c *common) []target {
	var all []target
	seen := map[string]bool{}
	add := func(marked string, marks []int, image bool) {
		_, whole, open := p.resolve(marked, marks, c)
		if whole == "" || open || seen[fold(whole)] {
			return
		}
		seen[fold(whole)] = true
		all = append(all, target{key: fold(whole), spelled: whole, image: image})
	}
	for i := range p.links {
		add(p.links[i].marked, p.links[i].marks, false)
	}
	for i := range p.images {
		add(p.images[i].marked, p.images[i].marks, true)
	}
	return all
}

// look counts somebody whose value is no address of a site.
func (t *target) look(p *person) {
	value, ok := p.lookup(t.key, t.spelled)
	if !ok || value == "" {
		return // missing_value, or its default
	}
	if rule := judgeAddress(value, nil); rule != "" && rule != RuleLinkInsecure {
		t.bad.add(p.email + ": " + cutText(value))
	}
}

const maxExample = 80 // bytes of an address shown

func cutText(s string) string { return eml.Visible(eml.Cut(s, maxExample)) }

// judgeLinks looks at every link of the template, whichever condition it
// stands in, and of values that are HTML.
func (in *inspection) judgeLinks() {
	broken := map[string]*tally{}
	for _, p := range in.pages() {
		for i := range p.links {
			l := &p.links[i]
			if rule := p.judgeLink(l, in.def.common); rule != "" {
				if broken[rule] == nil {
					broken[rule] = &tally{}
				}
				broken[rule].add(p.place(l.at) + " " + cutText(l.what))
			}
		}
	}
	for _, rule := range []string{RuleLinkSyntax, RuleLinkEmpty, RuleLinkPlaceholder, RuleLinkScript, RuleLinkPrivate} {
		if t := broken[rule]; t != nil {
			in.tallied(rule, Block, t)
		}
	}
	for _, rule := range []string{RuleLinkInsecure, RuleLinkMismatch} {
		if t := broken[rule]; t != nil {
			in.tallied(rule, Warn, t)
		}
	}
	for _, t := range in.targets {
		if t.bad.n > 0 {
			f := in.tallied(RuleLinkValue, Block, &t.bad)
			if f.Name = t.spelled; t.image {
				f.Case = "image"
			}
		}
	}
}

func (p *sheet) judgeLink(l *pageLink, c *common) string {
	address, whole, open := p.resolve(l.marked, l.marks, c)
	switch {
	case whole != "" && address == "":
		return "" // every person's value is looked at
	case open:
		if rule := judgeAddress(address, p.ids); rule == RuleLinkScript {
			return rule
		}
		return ""
	}
	if rule := judgeAddress(address, p.ids); rule != "" {
		return rule
	}
	if pretends(l.text, address) {
		return RuleLinkMismatch
	}
	return ""
}

// pages are the template's HTML and the campaign's values that it prints as
// HTML.
func (in *inspection) pages() []*sheet {
	if in.page == nil {
		return nil
	}
	return append([]*sheet{in.page}, in.values...)
}

// readValues reads the values that {{{ }}} prints.
func (in *inspection) readValues() {
	for i, t := range in.page.tags {
		name, _, ok := in.page.field(i)
		value, set := in.def.common.values[fold(name)]
		raw := strings.HasPrefix(in.page.source[t.pos:], "{{{") || strings.HasPrefix(in.page.source[t.pos:], "{{&")
		if !ok || !set || !raw {
			continue
		}
		if p, err := readPage(strings.ReplaceAll(value, "{{", "((")); err == nil { // braces of a value are text
			p.value = name
			in.values = append(in.values, p)
		}
	}
}
