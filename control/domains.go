package control

import (
	"context"
	"net/http"
	"net/mail"
	"strings"
	"time"

	"pabal/campaign"
	"pabal/eml"
	"pabal/sesclient"
)

// domainsShown bounds how many domains one answer looks up: each is a question
// to SES and a handful to the DNS.
const domainsShown = 20

// SenderDomain is a domain that mail is sent from, as SES and the DNS have it.
type SenderDomain struct {
	sesclient.Domain
	Configured bool               `json:"configured"`      // campaign.from is of it
	Findings   []campaign.Finding `json:"findings"`        // its faults in words, as preflight has them
	Error      string             `json:"error,omitempty"` // SES could not be asked about it: the rest says nothing
}

// DomainFindings are a domain's faults as findings of preflight, without words.
func DomainFindings(d sesclient.Domain) []campaign.Finding {
	all := []campaign.Finding{}
	if d.Identity == "" {
		all = append(all, campaign.Finding{Rule: campaign.RuleFromUnverified, Level: campaign.Block, Final: true, Data: map[string]string{"address": d.Name, "domain": d.Name}})
	}
	for _, f := range d.Faults {
		all = append(all, campaign.Finding{Rule: f.Part, Case: f.Case, Level: campaign.Level(f.Level), Count: f.Count, Data: f.Data})
	}
	return all
}

// DomainAlarm is a domain of a sender that is amiss, with what to do.
type DomainAlarm struct {
	Name     string             `json:"name"`
	Since    time.Time          `json:"since"`
	Looked   time.Time          `json:"looked"` // last answer about it
	Findings []campaign.Finding `json:"findings"`
	Error    string             `json:"error,omitempty"` // nobody has answered about it for a day
}

// domainAlarms are the domains of senders that are amiss, in English.
func (s *Server) domainAlarms() []DomainAlarm {
	out := []DomainAlarm{}
	if s.Domains == nil {
		return out
	}
	for _, alarm := range s.Domains() {
		a := DomainAlarm{Name: alarm.Name, Since: alarm.Since, Looked: alarm.At, Error: alarm.Error, Findings: []campaign.Finding{}}
		if alarm.Error == "" {
			for _, f := range DomainFindings(alarm.Domain) {
				a.Findings = append(a.Findings, f.In("en"))
			}
		}
		out = append(out, a)
	}
	return out
}

// domains is GET /v0/domains: that of the configured sender first, then the
// other domains of the SES account; with ?name= only that one, looked up anew.
func (s *Server) domains(l *lines, r *http.Request) error {
	lang, err := language(r)
	if err != nil {
		return err
	}
	l.live = true
	own := s.ownSender()
	name, look := r.URL.Query().Get("name"), s.SES.Domain
	if name != "" { // whoever asks about one wants to know how it is now
		look = s.SES.DomainNow
	}
	senders, err := s.senders(r.Context(), own, name)
	if err != nil {
		return err
	}
	for _, from := range senders {
		d := SenderDomain{Configured: from == own, Findings: []campaign.Finding{}}
		if d.Domain, err = look(r.Context(), from); err != nil {
			d.Error = err.Error()
		} else {
			for _, f := range DomainFindings(d.Domain) {
				d.Findings = append(d.Findings, f.In(lang))
			}
		}
		if err := l.write(d); err != nil {
			return err
		}
	}
	return r.Context().Err()
}

// ownSender is the configured sender's address, "" for none.
func (s *Server) ownSender() string {
	box, err := mail.ParseAddress(s.Campaigns.Settings.From)
	if err != nil { // the configuration was checked: there is none
		return ""
	}
	return box.Address
}

// senders are the addresses or domains to look at.
func (s *Server) senders(ctx context.Context, own, only string) ([]string, error) {
	if only != "" {
		if strings.Contains(only, "@") || !strings.Contains(only, ".") {
			return nil, invalid(eml.Visible(only)+" is no domain", "write it as example.com")
		}
		return []string{only}, nil
	}
	var out []string
	if own != "" {
		out = append(out, own)
	}
	list, err := s.SES.Identities(ctx)
	if err != nil && len(out) == 0 {
		return nil, err
	}
	for _, i := range list { // with an error: the configured one alone, which says why
		if i.Type == "domain" && !strings.EqualFold(i.Name, eml.Domain(own)) && len(out) < domainsShown {
			out = append(out, i.Name)
		}
	}
	return out, nil
}

// Domains are the domains of senders with what SES and the DNS say, in the words
// of a language; name "" means all of the account, the configured one first.
func (c *Client) Domains(ctx context.Context, name, lang string) ([]SenderDomain, error) {
	q := map[string][]string{"name": {name}, "lang": {lang}}
	return collect(list[SenderDomain](ctx, c, http.MethodGet, "/v0/domains", q, nil))
}
