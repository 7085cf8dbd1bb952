package sesclient

import (
	"context"
	"slices"
	"strings"
	"time"

	"golang.org/x/net/dns/dnsmessage"
)

const dnsLimit = 6 * time.Second // for all look-ups about a domain

// lookups asks the DNS about one domain and remembers that it did not answer.
type lookups struct {
	resolver *dnsClient
	silent   error
}

// of is what the DNS has; known is false when it did not answer.
func (l *lookups) of(ctx context.Context, name string, kind dnsmessage.Type) (a dnsAnswer, known bool) {
	if l.silent != nil {
		return a, false // one silence is enough to wait for
	}
	a, l.silent = l.resolver.ask(ctx, name, kind)
	return a, l.silent == nil
}

func (l *lookups) txt(ctx context.Context, name string) (records []string, known bool) {
	a, known := l.of(ctx, name, dnsmessage.TypeTXT)
	return a.texts, known
}

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
		d.fault("dns_silent", "", "warn", 0, "error", foreign(l.silent.Error()))
	}
}

// doubled is where a record is that was published under its name with the zone
// once more: many DNS hosts add the zone to a name that has it. "" is nowhere.
func (l *lookups) doubled(ctx context.Context, d *Domain, name string, kind dnsmessage.Type) string {
	zones := []string{registered(d.Name)}
	if d.Identity != zones[0] && !strings.Contains(d.Identity, "@") {
		zones = append(zones, d.Identity)
	}
	for _, zone := range zones {
		if a, known := l.of(ctx, name+"."+zone, kind); known && !a.empty() {
			return name + "." + zone
		}
	}
	return ""
}

// twice says that a record was found under its name with the zone once more.
func (d *Domain) twice(part, name, seen string) {
	zone := strings.TrimPrefix(seen, name+".")
	host, inside := strings.CutSuffix(name, "."+zone)
	if !inside {
		host = "@"
	}
	d.fault(part, "doubled", "warn", 0, "name", name, "seen", seen, "host", host)
}

// grown reports whether a value is the wanted one with a zone behind it.
func (d *Domain) grown(value, wanted string) bool {
	return value == wanted+"."+registered(d.Name) || value == wanted+"."+d.Identity
}

// askKeys wants every DKIM record to lead to SES's key. A host that publishes
// the key itself in place of the CNAME will do.
func (d *Domain) askKeys(ctx context.Context, l *lookups) {
	var lacking, wrong []string
	for i := range d.Records {
		r := &d.Records[i]
		if r.Type != "CNAME" {
			continue
		}
		told := d.askKey(ctx, l, r)
		switch line := r.Name + " CNAME " + r.Value; {
		case told:
		case r.State == RecordMissing:
			lacking = append(lacking, line)
		case r.State == RecordWrong:
			wrong = append(wrong, line)
		}
	}
	if len(lacking) > 0 {
		d.fault("dkim", "dns", "warn", len(lacking), "records", strings.Join(lacking, ", "))
	}
	if len(wrong) > 0 {
		d.fault("dkim", "wrong", "warn", len(wrong), "records", strings.Join(wrong, ", "))
	}
}

// askKey looks for one key; told says that its fault was named already.
func (d *Domain) askKey(ctx context.Context, l *lookups, r *Record) (told bool) {
	a, known := l.of(ctx, r.Name, dnsmessage.TypeCNAME)
	switch {
	case !known:
		return true
	case a.alias == r.Value:
		r.is(RecordPass)
		return true
	case d.grown(a.alias, r.Value):
		r.is(RecordWrong, a.alias)
		d.fault("dkim", "value", "warn", 0, "name", r.Name, "seen", foreign(a.alias), "wanted", r.Value+".")
		return true
	case a.alias != "":
		r.is(RecordWrong, a.alias)
		return false
	}
	texts, known := l.txt(ctx, r.Name)
	switch {
	case !known:
		return true
	case slices.ContainsFunc(texts, isKey):
		r.is(RecordPass)
		return true
	case len(texts) > 0:
		r.is(RecordWrong, "TXT "+texts[0])
		return false
	}
	seen := l.doubled(ctx, d, r.Name, dnsmessage.TypeCNAME)
	switch {
	case l.silent != nil:
		return true
	case seen != "":
		r.is(RecordWrong, seen)
		d.twice("dkim", r.Name, seen)
		return true
	}
	r.is(RecordMissing)
	return false
}

// isKey reports whether a text is a DKIM key (RFC 6376 3.6.1) that is not revoked.
func isKey(text string) bool {
	_, key, found := strings.Cut(strings.ReplaceAll(text, " ", ""), "p=")
	return found && key != "" && key[0] != ';'
}

func (d *Domain) record(kind string) *Record {
	i := slices.IndexFunc(d.Records, func(r Record) bool { return r.Type == kind })
	return &d.Records[i]
}

// askMX wants exactly one at the MAIL FROM domain, SES's.
func (d *Domain) askMX(ctx context.Context, l *lookups) {
	a, known := l.of(ctx, d.MailFrom.Domain, dnsmessage.TypeMX)
	if !known {
		return
	}
	want := d.record("MX")
	_, host, _ := strings.Cut(want.Value, " ")
	switch found := strings.Join(a.hosts, ", "); {
	case len(a.hosts) == 1 && strings.HasSuffix(found, " "+host):
		want.is(RecordPass)
		return
	case len(a.hosts) == 1 && d.grown(found[strings.IndexByte(found, ' ')+1:], host):
		want.is(RecordWrong, found)
		d.fault("mail_from", "value", "warn", 0, "name", d.MailFrom.Domain, "seen", foreign(found), "wanted", host+".")
		return
	case found != "":
		want.is(RecordWrong, found)
		d.fault("mail_from", "mx", "warn", 0, "mail_from", d.MailFrom.Domain, "found", foreign(found), "wanted", want.Value)
	default:
		want.is(RecordMissing)
		if twice := l.doubled(ctx, d, d.MailFrom.Domain, dnsmessage.TypeMX); twice != "" {
			want.is(RecordWrong, twice)
			d.twice("mail_from", d.MailFrom.Domain, twice)
			return
		}
		d.fault("mail_from", "missing", "warn", 0, "mail_from", d.MailFrom.Domain, "wanted", want.Value)
	}
}
