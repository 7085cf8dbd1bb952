package sesclient

// The records of a domain, and how DNS hosts want them typed in.

import (
	"fmt"
	"strconv"
	"strings"

	"pabal/eml"
)

// The states of a record.
const (
	RecordPass    = "pass"    // published as it should be
	RecordMissing = "missing" // not published
	RecordWrong   = "wrong"   // something else is published in its place
	RecordUnknown = "unknown" // the DNS was not asked, or did not answer
)

const (
	spfWanted   = "v=spf1 include:amazonses.com ~all" // SES Developer Guide, "Using a custom MAIL FROM domain"
	dmarcWanted = "v=DMARC1; p=none"                  // the least that Gmail and Yahoo want of bulk senders
	recordTTL   = 3600                                // seconds
	quotedMax   = 255                                 // bytes between two quotes of a TXT record, RFC 1035 3.3
	seenMax     = 500                                 // bytes of foreign text that is passed on
)

// Record is one for the DNS.
type Record struct {
	Name  string `json:"name"`
	Type  string `json:"type"` // CNAME, MX, TXT
	Value string `json:"value"`
	Found bool   `json:"found"`          // State is pass
	State string `json:"state"`          // pass, missing, wrong, unknown
	Seen  string `json:"seen,omitempty"` // what the DNS has in its place, made visible
}

func wanted(name, kind, value string) Record {
	return Record{Name: name, Type: kind, Value: value, State: RecordUnknown}
}

// is sets the state, and what was seen in its place.
func (r *Record) is(state string, seen ...string) {
	r.Found, r.State, r.Seen = state == RecordPass, state, foreign(strings.Join(seen, ", "))
}

// foreign makes a text from the DNS fit for a screen.
func foreign(text string) string { return eml.Cut(eml.Visible(text), seenMax) }

// wantDMARC adds the record of DMARC where none was found.
func (d *Domain) wantDMARC() {
	d.Records = append(d.Records, wanted("_dmarc."+d.Name, "TXT", dmarcWanted))
}

// Zone is the zone that a domain's records most likely belong to: the domain
// that was registered.
func (d *Domain) Zone() string { return registered(d.Name) }

// DNSHost is a place where records are typed in, and the form it wants them in.
type DNSHost struct {
	ID   string `json:"id"`   // for the command line
	Name string `json:"name"` // as its customers know it

	HostField, TypeField, ValueField, PriorityField string `json:"-"` // what its form calls them; "" PriorityField: it stands before the value

	whole  bool // the name with its zone
	dotted bool // names that are values end in a dot
	quoted bool // text stands in quotation marks
}

// DNSHosts are those known, in the order they are shown. The first is for every
// other: whole names, priority apart.
func DNSHosts() []DNSHost {
	return []DNSHost{
		{ID: "table", Name: "DNS", HostField: "Name", TypeField: "Type", ValueField: "Value", PriorityField: "Priority", whole: true},
		{ID: "gabia", Name: "가비아 (Gabia)", HostField: "호스트", TypeField: "타입", ValueField: "값/위치", PriorityField: "우선 순위", dotted: true},
		{ID: "cafe24", Name: "카페24 (Cafe24)", HostField: "호스트명", TypeField: "유형", ValueField: "값", PriorityField: "우선순위"},
		{ID: "whois", Name: "후이즈 (Whois)", HostField: "호스트", TypeField: "레코드", ValueField: "값", PriorityField: "우선순위"},
		{ID: "ncloud", Name: "네이버 클라우드 (Global DNS)", HostField: "레코드명", TypeField: "레코드 타입", ValueField: "레코드 값", dotted: true, quoted: true},
		{ID: "route53", Name: "Amazon Route 53", HostField: "Record name", TypeField: "Record type", ValueField: "Value", quoted: true},
		{ID: "cloudflare", Name: "Cloudflare (proxy status: DNS only)", HostField: "Name", TypeField: "Type", ValueField: "Content / Target", PriorityField: "Priority"},
	}
}

// Pasted is a record as a DNS host wants it typed in.
type Pasted struct {
	Host     string `json:"host"` // "@" is the zone itself
	Type     string `json:"type"`
	Value    string `json:"value"`
	Priority string `json:"priority,omitempty"` // of MX, where it has a field of its own
}

// Paste writes a record in the form of a host. zone is what the host manages.
func (h *DNSHost) Paste(r Record, zone string) Pasted {
	p := Pasted{Host: h.host(r.Name, zone), Type: r.Type, Value: r.Value}
	priority, target, _ := strings.Cut(r.Value, " ")
	switch {
	case r.Type == "TXT" && h.quoted:
		p.Value = quoted(r.Value)
	case r.Type == "CNAME":
		p.Value = h.target(r.Value)
	case r.Type == "MX" && h.PriorityField == "":
		p.Value = priority + " " + h.target(target)
	case r.Type == "MX":
		p.Value, p.Priority = h.target(target), priority
	}
	return p
}

// host is the name without the zone, which such hosts add themselves.
func (h *DNSHost) host(name, zone string) string {
	switch rest, inside := strings.CutSuffix(name, "."+zone); {
	case h.whole, zone == "":
		return name
	case name == zone:
		return "@"
	case inside:
		return rest
	}
	return name
}

func (h *DNSHost) target(name string) string {
	if h.dotted {
		return name + "."
	}
	return name
}

// BIND is a record as a line of a zone file (RFC 1035 5.1).
func (r *Record) BIND() string {
	value := r.Value + "."
	if r.Type == "TXT" {
		value = quoted(r.Value)
	}
	return fmt.Sprintf("%s. %d IN %s %s", r.Name, recordTTL, r.Type, value)
}

// quoted is a text in strings of at most 255 bytes.
func quoted(text string) string {
	var parts []string
	for len(text) > quotedMax {
		parts, text = append(parts, text[:quotedMax]), text[quotedMax:]
	}
	parts = append(parts, text)
	for i, p := range parts {
		parts[i] = strconv.Quote(p) // only " and \ occur: what is not printable was refused
	}
	return strings.Join(parts, " ")
}
