package tui

import (
	"context"
	"slices"

	tea "charm.land/bubbletea/v2"

	"pabal/campaign"
	"pabal/sesclient"
)

// domainParts are the checks of a domain, in the order they are shown.
var domainParts = [...]string{"dkim", "mail_from", "spf", "dmarc"}

// domain is one domain in full: each check, what is amiss with the mend, and
// the records to paste at the DNS provider, in the form that it wants.
type domain struct {
	shown[[]SenderDomain] // the newest look at this one

	d      SenderDomain
	host   int // of sesclient.DNSHosts
	scroll scroll
	lines  int
}

func (s *domain) title(a *app) string { return a.t.Tabs[tabDomains] + " " + safe(s.d.Name) }
func (s *domain) start(*app) tea.Cmd  { return nil }

func (s *domain) update(a *app, msg tea.Msg) tea.Cmd {
	switch msg := msg.(type) {
	case answer[[]SenderDomain]:
		if s.take(a, msg) && s.why == "" && len(s.now) == 1 {
			configured := s.d.Configured
			s.d = s.now[0]
			s.d.Configured = s.d.Configured || configured
		}
	case tea.KeyPressMsg:
		s.scroll.move(keyName(msg), s.lines)
	}
	return nil
}

func (s *domain) keys(a *app) []binding {
	form := binding{keys: []string{"f"}, help: a.t.Domain.Form, do: func() tea.Cmd {
		s.host = (s.host + 1) % len(sesclient.DNSHosts())
		return nil
	}}
	if len(s.d.Records) == 0 {
		form.off = a.t.NothingHere
	}
	again := binding{keys: []string{"r"}, help: a.t.Reload, do: func() tea.Cmd {
		return askTurn(a, &s.turn, domainsTimeout, func(ctx context.Context) ([]SenderDomain, error) {
			return a.back.Domains(ctx, s.d.Name, a.lang)
		})
	}}
	if s.turn.busy {
		again.off = a.t.Loading
	}
	return []binding{{show: "↑↓", help: a.t.Scroll}, form, again}
}

// partState is how a check of a domain came out.
type partState int

const (
	partGood partState = iota
	partMissing
	partWrong
	partNote
	partUnknown
)

// part is how a check came out: by the worst of its faults.
func (d *SenderDomain) part(name string) partState {
	faults := slices.DeleteFunc(slices.Clone(d.Findings), func(f campaign.Finding) bool { return f.Rule != name })
	silent := slices.ContainsFunc(d.Findings, func(f campaign.Finding) bool { return f.Rule == "dns_silent" })
	switch {
	case d.Error != "" || d.Identity == "":
		return partUnknown
	case len(faults) == 0 && name == "spf" && d.MailFrom.Domain == "":
		return partNote // amazonses.com's
	case len(faults) == 0 && silent && name != "mail_from", len(faults) == 0 && !d.lookedUp() && (name == "spf" || name == "dmarc"):
		return partUnknown
	case len(faults) == 0:
		return partGood
	}
	worst := bySeverity(faults)[0]
	switch {
	case worst.Level == campaign.Note:
		return partNote
	case worst.Case == "missing" || worst.Case == "dns" || worst.Case == "off" || worst.Case == "failed" && name == "dkim":
		return partMissing
	}
	return partWrong
}

// lookedUp reports whether the DNS was asked: there is a policy, or it lacks.
func (d *SenderDomain) lookedUp() bool {
	return d.DMARC.Record != "" || slices.ContainsFunc(d.Findings, func(f campaign.Finding) bool { return f.Rule == "dmarc" || f.Rule == "dns_silent" })
}

// partWord is a check's outcome in a word with a sign.
func (a *app) partWord(d SenderDomain, name string) string {
	state := d.part(name)
	word := a.t.Domain.States[state]
	switch state {
	case partGood:
		return a.look.good.Render("✓ " + word)
	case partMissing, partWrong:
		return a.look.bad.Render("! " + word)
	}
	return a.look.dim.Render("· " + word)
}

func (s *domain) view(a *app, w, h int) page {
	lines := slices.Concat(s.checks(a, w), s.findings(a, w), s.records(a, w))
	if s.why != "" {
		lines = slices.Insert(lines, 1, hanging(a.look.bad.Render("! "+s.why), w)...)
	}
	s.lines = len(lines)
	return page{lines: s.scroll.window(lines, h)}
}

// checks are one line each: how it came out, and what was seen.
func (s *domain) checks(a *app, w int) []string {
	t, d := &a.t.Domain, &s.d
	lines := []string{"", " " + sides(a.look.bold.Render(safe(d.Name)), a.verdict(*d)+" ", w-1)}
	if d.Error != "" {
		return append(lines, hanging(a.look.bad.Render("! "+a.answer(d.Error)), w)...)
	}
	seen := map[string]string{"dkim": safe(d.DKIM.Domain), "mail_from": orWord(safe(d.MailFrom.Domain), "amazonses.com"), "spf": safe(d.MailFrom.SPF), "dmarc": safe(d.DMARC.Record)}
	for _, part := range domainParts {
		lines = append(lines, a.labelled(t.Parts[part], pad(a.partWord(*d, part), 12)+" "+seen[part], w))
	}
	return append(lines, a.labelled(t.CheckedAt, a.ago(d.At, "-"), w))
}

// findings are what is amiss: what, why, and how to mend it.
func (s *domain) findings(a *app, w int) []string {
	var lines []string
	for _, f := range bySeverity(s.d.Findings) {
		lines = append(lines, "", "  "+a.level(f.Level)+" "+cut(safe(f.What), w-14))
		for _, text := range []struct{ sign, text string }{{"  ", safe(f.Why)}, {"→ ", a.mend(f)}} {
			for i, l := range wrap(text.text, w-8) {
				lines = append(lines, "    "+[]string{text.sign, "  "}[min(i, 1)]+l)
			}
		}
	}
	return lines
}

// records are those to publish, each field on a line that can be copied.
func (s *domain) records(a *app, w int) []string {
	if len(s.d.Records) == 0 {
		return nil
	}
	host := sesclient.DNSHosts()[s.host]
	fields := a.t.Domain.Fields
	if s.host > 0 {
		fields = [3]string{host.HostField, host.ValueField, host.PriorityField}
	}
	lines := []string{"", a.look.rule(a.t.Domain.Records(host.Name, safe(s.d.Zone())), w)}
	for _, r := range s.d.Records {
		p := host.Paste(r, s.d.Zone())
		lines = append(lines, "  "+a.look.bold.Render(safe(p.Type))+"  "+a.recordState(r))
		for i, text := range []string{p.Host, p.Value, p.Priority} {
			if text != "" {
				lines = append(lines, a.field(fields[i], safe(text), w)...)
			}
		}
		if r.Seen != "" && r.State == sesclient.RecordWrong {
			lines = append(lines, a.field(a.t.Domain.Seen, safe(r.Seen), w)...)
		}
	}
	return lines
}

// field is a label and a text behind it, or below where it would be broken.
func (a *app) field(label, text string, w int) []string {
	const at = 16
	if cells(text) <= w-at-1 {
		return []string{"    " + a.look.dim.Render(pad(label, at-4)) + text}
	}
	lines := []string{"    " + a.look.dim.Render(label)}
	for _, l := range wrap(text, w-6) {
		lines = append(lines, "    "+l)
	}
	return lines
}

// recordState is how a record stands in the DNS.
func (a *app) recordState(r sesclient.Record) string {
	t := &a.t.Domain
	switch r.State {
	case sesclient.RecordPass:
		return a.look.good.Render("✓ " + t.Found)
	case sesclient.RecordMissing:
		return a.look.warn.Render("! " + t.NotFound)
	case sesclient.RecordWrong:
		return a.look.bad.Render("! " + t.Wrong)
	}
	return a.look.dim.Render("· " + t.NotAsked)
}
