package sesclient

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"time"
)

const (
	dnsLimit    = 6 * time.Second // for all look-ups about a domain
	dnsTry      = 2 * time.Second // to one server
	spfLookups  = 10              // RFC 7208 4.6.4
	spfFollowed = 25              // counted no further
)

// resolver asks the server at address ("" the system's).
func resolver(address string) *net.Resolver {
	r := &net.Resolver{PreferGo: true, StrictErrors: true}
	if address != "" {
		r.Dial = func(ctx context.Context, network, _ string) (net.Conn, error) {
			d := net.Dialer{Timeout: dnsTry}
			return d.DialContext(ctx, network, address)
		}
	}
	return r
}

// lookups asks the DNS and remembers that it did not answer.
type lookups struct {
	resolver *net.Resolver
	silent   error
}

// absent reports that there is no such record; an error of another kind is
// kept: nothing is known then.
func (l *lookups) absent(err error) bool {
	if err == nil {
		return false
	}
	var e *net.DNSError
	if errors.As(err, &e) && e.IsNotFound {
		return true
	}
	if l.silent == nil {
		l.silent = err
	}
	return false
}

// txt is a name's TXT records; known is false when the DNS did not answer.
func (l *lookups) txt(ctx context.Context, name string) (records []string, known bool) {
	if l.silent != nil {
		return nil, false // one silence is enough to wait for
	}
	records, err := l.resolver.LookupTXT(ctx, rooted(name))
	return records, err == nil || l.absent(err)
}

func (l *lookups) mx(ctx context.Context, name string) (records []*net.MX, known bool) {
	if l.silent != nil {
		return nil, false
	}
	records, err := l.resolver.LookupMX(ctx, rooted(name))
	return records, err == nil || l.absent(err)
}

// rooted keeps the system's search list out.
func rooted(name string) string { return strings.TrimSuffix(name, ".") + "." }

// askDNS compares what the DNS has with what SES wants, and finds the policy.
func (c *Client) askDNS(ctx context.Context, d *Domain) {
	short, cancel := context.WithTimeout(ctx, c.dnsLimit)
	defer cancel()
	l := &lookups{resolver: c.resolver}
	d.askKeys(short, l)
	if d.MailFrom.Domain != "" {
		d.askMX(short, l)
		d.askSPF(short, l)
	}
	d.askPolicy(short, l)
	if l.silent != nil {
		d.fault("dns_silent", "", "warn", 0, "error", l.silent.Error())
	}
}

// askKeys wants a key behind every DKIM record: a resolver follows the CNAME.
func (d *Domain) askKeys(ctx context.Context, l *lookups) {
	var lacking []string
	for i := range d.Records {
		r := &d.Records[i]
		if r.Type != "CNAME" {
			continue
		}
		records, known := l.txt(ctx, r.Name)
		r.Found = slices.ContainsFunc(records, func(s string) bool { return strings.Contains(strings.ReplaceAll(s, " ", ""), "p=") })
		if known && !r.Found {
			lacking = append(lacking, r.Name+" CNAME "+r.Value)
		}
	}
	if len(lacking) > 0 {
		d.fault("dkim", "dns", "warn", len(lacking), "records", strings.Join(lacking, ", "))
	}
}

func (d *Domain) record(kind string) *Record {
	i := slices.IndexFunc(d.Records, func(r Record) bool { return r.Type == kind })
	return &d.Records[i]
}

func (d *Domain) askMX(ctx context.Context, l *lookups) {
	records, known := l.mx(ctx, d.MailFrom.Domain)
	if !known {
		return
	}
	want := d.record("MX")
	var found []string
	for _, r := range records {
		found = append(found, fmt.Sprintf("%d %s", r.Pref, strings.ToLower(strings.TrimSuffix(r.Host, "."))))
	}
	_, host, _ := strings.Cut(want.Value, " ")
	want.Found = len(records) == 1 && strings.HasSuffix(found[0], " "+host)
	if !want.Found {
		shown := strings.Join(found, ", ")
		if shown == "" {
			shown = "-"
		}
		d.fault("mail_from", "mx", "warn", 0, "mail_from", d.MailFrom.Domain, "found", shown, "wanted", want.Value)
	}
}

// askSPF looks at the record of the MAIL FROM domain: SPF is about the
// envelope, never about From.
func (d *Domain) askSPF(ctx context.Context, l *lookups) {
	name := d.MailFrom.Domain
	all, known := spfOf(ctx, l, name)
	if !known {
		return
	}
	switch len(all) {
	case 0:
		d.fault("spf", "missing", "warn", 0, "mail_from", name)
		d.MailFrom.Aligned = false
		return
	case 1:
	default:
		d.fault("spf", "two", "warn", len(all), "mail_from", name)
		d.MailFrom.Aligned = false
		return
	}
	d.MailFrom.SPF = all[0]
	count := spfCount{lookups: l}
	count.follow(ctx, all[0], 0)
	if l.silent != nil {
		return
	}
	if count.n > spfLookups {
		d.fault("spf", "lookups", "warn", count.n, "mail_from", name)
		d.MailFrom.Aligned = false
	}
	if !count.ses {
		d.fault("spf", "ses", "warn", 0, "mail_from", name, "record", all[0])
		d.MailFrom.Aligned = false
	}
	d.record("TXT").Found = count.ses && count.n <= spfLookups
}

// spfOf is a name's SPF records.
func spfOf(ctx context.Context, l *lookups, name string) (all []string, known bool) {
	records, known := l.txt(ctx, name)
	for _, r := range records {
		if r == "v=spf1" || strings.HasPrefix(strings.ToLower(r), "v=spf1 ") {
			all = append(all, r)
		}
	}
	return all, known
}

// spfCount counts the look-ups that a receiver makes (RFC 7208 4.6.4).
type spfCount struct {
	*lookups
	n   int
	ses bool
}

func (c *spfCount) follow(ctx context.Context, record string, depth int) {
	for _, term := range strings.Fields(strings.ToLower(record))[1:] {
		if c.n > spfFollowed || depth > spfLookups {
			return
		}
		name, next := spfTerm(strings.TrimLeft(term, "+-~?"))
		if name == "" {
			continue
		}
		c.n++
		if next == "" {
			continue
		}
		if next == "amazonses.com" {
			c.ses = true // it has no further look-ups
			continue
		}
		if records, known := spfOf(ctx, c.lookups, next); known && len(records) == 1 {
			c.follow(ctx, records[0], depth+1)
		}
	}
}

// spfTerm is the mechanism or modifier of a term that costs a look-up, and the
// domain whose record is read on; "" for what costs none.
func spfTerm(term string) (name, next string) {
	for _, follows := range []string{"include:", "redirect="} {
		if domain, ok := strings.CutPrefix(term, follows); ok {
			return follows, strings.TrimSuffix(domain, ".")
		}
	}
	name, _, _ = strings.Cut(term, ":")
	name, _, _ = strings.Cut(name, "/")
	switch name {
	case "a", "mx", "ptr", "exists":
		return name, ""
	}
	return "", ""
}

// askPolicy finds the DMARC record of the domain, else of the one it belongs
// to, and whether mail from the domain passes.
func (d *Domain) askPolicy(ctx context.Context, l *lookups) {
	above := registered(d.Name)
	all, known := dmarcOf(ctx, l, d.Name)
	inherited := false
	if known && len(all) == 0 && above != d.Name {
		all, known = dmarcOf(ctx, l, above)
		inherited = true
	}
	switch {
	case !known:
		return
	case len(all) == 0:
		d.fault("dmarc", "missing", "warn", 0)
	case len(all) > 1:
		d.fault("dmarc", "two", "warn", len(all))
	case !d.DMARC.read(all[0], inherited):
		d.fault("dmarc", "syntax", "warn", 0, "record", all[0])
	}
	d.align()
}

// align says whether one of DKIM and SPF stands for From.
func (d *Domain) align() {
	if d.DMARC.strictDKIM {
		d.DKIM.Aligned = d.DKIM.Domain == d.Name
	}
	if d.DMARC.strictSPF {
		d.MailFrom.Aligned = d.MailFrom.Aligned && d.MailFrom.Domain == d.Name
	}
	switch {
	case d.DKIM.Aligned || d.MailFrom.Aligned:
	case d.DMARC.Policy == "quarantine" || d.DMARC.Policy == "reject":
		d.fault("dmarc", "fails", "block", 0, "policy", d.DMARC.Policy)
	default:
		d.fault("dmarc", "unaligned", "warn", 0)
	}
}

func dmarcOf(ctx context.Context, l *lookups, name string) (all []string, known bool) {
	records, known := l.txt(ctx, "_dmarc."+name)
	for _, r := range records {
		if tag, _, _ := strings.Cut(r, ";"); strings.ReplaceAll(tag, " ", "") == "v=DMARC1" {
			all = append(all, r)
		}
	}
	return all, known
}

// read takes a record apart (RFC 7489 6.3). false: its policy cannot be read.
func (m *DMARC) read(record string, inherited bool) bool {
	m.Record = record
	tags := map[string]string{}
	for part := range strings.SplitSeq(record, ";") {
		key, value, _ := strings.Cut(part, "=")
		key = strings.ToLower(strings.TrimSpace(key))
		if _, again := tags[key]; !again {
			tags[key] = strings.ToLower(strings.TrimSpace(value))
		}
	}
	m.strictDKIM, m.strictSPF = tags["adkim"] == "s", tags["aspf"] == "s"
	m.Policy = tags["p"]
	if sub := tags["sp"]; inherited && sub != "" {
		m.Policy = sub
	}
	if !slices.Contains([]string{"none", "quarantine", "reject"}, m.Policy) {
		m.Policy = ""
		return false
	}
	return true
}
