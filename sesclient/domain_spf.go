package sesclient

import (
	"context"
	"slices"
	"strings"

	"golang.org/x/net/dns/dnsmessage"
)

const (
	spfLookups  = 10 // RFC 7208 4.6.4
	spfVoids    = 2  // the same: look-ups that find nothing
	spfFollowed = 25 // counted no further
)

// askSPF looks at the record of the MAIL FROM domain: SPF is about the
// envelope, never about From.
func (d *Domain) askSPF(ctx context.Context, l *lookups) {
	name := d.MailFrom.Domain
	all, known := spfOf(ctx, l, name)
	if !known {
		return
	}
	record := d.record("TXT")
	switch len(all) {
	case 0:
		d.MailFrom.Aligned = false
		record.is(RecordMissing)
		if seen := l.doubled(ctx, d, name, dnsmessage.TypeTXT); seen != "" {
			record.is(RecordWrong, seen)
			d.twice("spf", name, seen)
			return
		}
		d.fault("spf", "missing", "warn", 0, "mail_from", name)
		return
	case 1:
	default:
		d.MailFrom.Aligned = false
		record.is(RecordWrong, all...)
		d.fault("spf", "two", "warn", len(all), "mail_from", name)
		return
	}
	d.MailFrom.SPF = foreign(all[0])
	count := spfCount{lookups: l}
	count.follow(ctx, all[0], name)
	if l.silent != nil {
		return
	}
	if d.judgeSPF(&count) {
		record.is(RecordPass)
		return
	}
	record.is(RecordWrong, all[0])
	d.MailFrom.Aligned = false
}

// judgeSPF finds what keeps a receiver from passing SES's mail by a record.
func (d *Domain) judgeSPF(c *spfCount) bool {
	name := d.MailFrom.Domain
	switch {
	case c.wrong != "":
		d.fault("spf", c.wrong, "warn", 0, "mail_from", name, "at", foreign(c.at))
	case c.n > spfLookups:
		d.fault("spf", "lookups", "warn", c.n, "mail_from", name)
	case c.void > spfVoids:
		d.fault("spf", "void", "warn", c.void, "mail_from", name)
	}
	if !c.ses {
		d.fault("spf", "ses", "warn", 0, "mail_from", name, "record", d.MailFrom.SPF)
	}
	return c.ses && c.wrong == "" && c.n <= spfLookups && c.void <= spfVoids
}

// spfOf is a name's SPF records.
func spfOf(ctx context.Context, l *lookups, name string) (all []string, known bool) {
	records, known := l.txt(ctx, name)
	for _, r := range records {
		if version, _, _ := strings.Cut(r, " "); strings.EqualFold(version, "v=spf1") {
			all = append(all, r)
		}
	}
	return all, known
}

// spfCount counts the look-ups that a receiver makes (RFC 7208 4.6.4) and stops
// where it would: at the first mistake.
type spfCount struct {
	*lookups
	n, void   int
	ses       bool     // SES's mail passes
	path      []string // the names whose records are being read
	wrong, at string   // loop, broken (no record there, or two), syntax; and where
}

// follow reads the record of a name and those it leads to.
func (c *spfCount) follow(ctx context.Context, record, name string) {
	c.path = append(c.path, name)
	defer func() { c.path = c.path[:len(c.path)-1] }()
	redirect := ""
	for _, term := range strings.Fields(strings.ToLower(record))[1:] {
		bare := strings.TrimLeft(term, "+-~?")
		kind, target := spfTerm(bare)
		switch {
		case c.over():
			return
		case kind == "all":
			return // what follows is not looked at, a redirect neither (5.1, 6.1)
		case kind == "redirect":
			redirect = target
		case kind == "include":
			c.lead(ctx, target, term == bare || term[0] == '+')
		case kind == "":
			c.mistake("syntax", term)
		case kind != "-":
			c.probe(ctx, kind, target, name)
		}
	}
	if redirect != "" && !c.over() {
		c.lead(ctx, redirect, true)
	}
}

func (c *spfCount) over() bool { return c.wrong != "" || c.n > spfFollowed || c.silent != nil }

func (c *spfCount) mistake(which, at string) { c.wrong, c.at = which, at }

// lead goes on at another name; passes says that what passes there passes here.
func (c *spfCount) lead(ctx context.Context, name string, passes bool) {
	c.n++
	switch {
	case name == "amazonses.com":
		c.ses = c.ses || passes // it has no further look-ups
		return
	case strings.Contains(name, "%"): // a macro: another name for each mail
		return
	case slices.Contains(c.path, name):
		c.mistake("loop", name)
		return
	}
	records, known := spfOf(ctx, c.lookups, name)
	switch {
	case !known:
	case len(records) != 1: // none is an error too (5.2)
		c.mistake("broken", name)
	default:
		ses := c.ses
		c.follow(ctx, records[0], name)
		c.ses = ses || c.ses && passes
	}
}

// probe counts a look-up of another kind, and whether it finds nothing.
func (c *spfCount) probe(ctx context.Context, kind, target, name string) {
	c.n++
	if target == "" {
		target = name
	}
	ask := dnsmessage.TypeA // SES sends by IPv4
	switch {
	case kind == "ptr", strings.Contains(target, "%"):
		return
	case kind == "mx":
		ask = dnsmessage.TypeMX
	}
	if a, known := c.of(ctx, target, ask); known && a.empty() {
		c.void++
	}
}

// spfTerm takes a term without its sign apart: all, include, redirect, a, mx,
// ptr, exists with the domain they name; "-" costs no look-up, "" is none that
// there is.
func spfTerm(term string) (kind, target string) {
	if name, value, ok := strings.Cut(term, "="); ok && !strings.ContainsAny(name, ":/") { // a modifier; unknown ones are passed over (RFC 7208 6)
		if name == "redirect" {
			return "redirect", strings.TrimSuffix(value, ".")
		}
		return "-", ""
	}
	kind, target, _ = strings.Cut(term, ":")
	kind, _, _ = strings.Cut(kind, "/")
	switch kind {
	case "ip4", "ip6":
		return "-", ""
	case "a", "mx", "ptr":
		target, _, _ = strings.Cut(target, "/")
		return kind, strings.TrimSuffix(target, ".")
	case "include", "exists":
		if target == "" {
			return "", ""
		}
		return kind, strings.TrimSuffix(target, ".")
	case "all":
		return "all", ""
	}
	return "", ""
}
