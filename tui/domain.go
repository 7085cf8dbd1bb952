package tui

import (
	"slices"

	tea "charm.land/bubbletea/v2"

	"pabal/campaign"
)

// domainParts are the checks of a domain, in the order they are shown.
var domainParts = [...]string{"dkim", "mail_from", "spf", "dmarc"}

// domain is one domain in full: each check, what is amiss with the mend, and
// the records to paste at the DNS provider.
type domain struct {
	d      SenderDomain
	scroll scroll
	lines  int
}

func (s *domain) title(a *app) string { return a.t.Tabs[tabDomains] + " " + safe(s.d.Name) }
func (s *domain) start(*app) tea.Cmd  { return nil }

func (s *domain) update(a *app, msg tea.Msg) tea.Cmd {
	if k, ok := msg.(tea.KeyPressMsg); ok {
		s.scroll.move(keyName(k), s.lines)
	}
	return nil
}

func (s *domain) keys(a *app) []binding { return []binding{{show: "↑↓", help: a.t.Scroll}} }

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
	case worst.Case == "missing" || worst.Case == "dns" || worst.Case == "off":
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
	s.lines = len(lines)
	return page{lines: s.scroll.window(lines, h)}
}

// checks are one line each: how it came out, and what was seen.
func (s *domain) checks(a *app, w int) []string {
	t, d := &a.t.Domain, &s.d
	lines := []string{"", " " + sides(a.look.bold.Render(safe(d.Name)), a.verdict(*d)+" ", w-1)}
	if d.Error != "" {
		return append(lines, hanging(a.look.bad.Render("! "+safe(d.Error)), w)...)
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

// records are those SES wants, each on lines of their own that can be copied.
func (s *domain) records(a *app, w int) []string {
	t := &a.t.Domain
	if len(s.d.Records) == 0 {
		return nil
	}
	lines := []string{"", a.look.rule(t.Records, w)}
	for _, r := range s.d.Records {
		state := a.look.warn.Render("! " + t.NotFound)
		switch {
		case r.Found:
			state = a.look.good.Render("✓ " + t.Found)
		case !s.d.lookedUp():
			state = a.look.dim.Render("· " + t.NotAsked)
		}
		lines = append(lines, "  "+a.look.bold.Render(safe(r.Type))+"  "+state)
		for _, text := range []string{r.Name, r.Value} {
			for _, l := range wrap(safe(text), w-6) {
				lines = append(lines, "    "+l)
			}
		}
	}
	return lines
}
