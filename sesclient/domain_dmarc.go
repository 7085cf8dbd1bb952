package sesclient

import (
	"context"
	"slices"
	"strings"

	"golang.org/x/net/dns/dnsmessage"
)

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
	name := "_dmarc." + d.Name
	if inherited && len(all) > 0 {
		name = "_dmarc." + above
	}
	record := wanted(name, "TXT", dmarcWanted)
	switch {
	case !known:
		d.Records = append(d.Records, record)
		return
	case len(all) == 0:
		record.is(RecordMissing)
		if seen := l.doubled(ctx, d, "_dmarc."+d.Name, dnsmessage.TypeTXT); seen != "" {
			record.is(RecordWrong, seen)
			d.twice("dmarc", "_dmarc."+d.Name, seen)
		} else {
			d.fault("dmarc", "missing", "warn", 0)
		}
	case len(all) > 1:
		record.is(RecordWrong, all...)
		d.fault("dmarc", "two", "warn", len(all))
	case !d.DMARC.read(all[0], inherited):
		record.is(RecordWrong, all[0])
		d.fault("dmarc", "syntax", "warn", 0, "record", foreign(all[0]))
	default:
		record.Value = d.DMARC.Record
		record.is(RecordPass)
	}
	d.Records = append(d.Records, record)
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
	m.Record = foreign(record)
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
