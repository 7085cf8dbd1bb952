package tui

import (
	"context"
	"slices"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"

	"pabal/campaign"
	"pabal/sesclient"
)

// domainsTimeout is longer than others: a silent DNS is waited for.
const domainsTimeout = time.Minute

// SenderDomain is a domain that mail is sent from, with what SES and the DNS
// say of it. Findings are in the language asked for.
type SenderDomain struct {
	sesclient.Domain
	Configured bool // the configured sender is of it
	Findings   []campaign.Finding
	Error      string // SES could not be asked: the rest says nothing
}

// domains are the SES account and the domains of senders, each with its checks.
type domains struct {
	shown[domainsMsg]

	list list
}

type domainsMsg struct {
	ses sesclient.Status
	all []SenderDomain
}

func (s *domains) title(a *app) string { return a.t.Tabs[tabDomains] }

func (s *domains) start(a *app) tea.Cmd {
	return askTurn(a, &s.turn, domainsTimeout, func(ctx context.Context) (m domainsMsg, err error) {
		if m.ses, err = a.back.SESStatus(ctx); err != nil {
			return m, err
		}
		m.all, err = a.back.Domains(ctx, "", a.lang)
		return m, err
	})
}

func (s *domains) update(a *app, msg tea.Msg) tea.Cmd {
	switch msg := msg.(type) {
	case tickMsg:
		if s.lost() && s.why == "" {
			return s.start(a)
		}
	case answer[domainsMsg]:
		s.take(a, msg)
	case tea.KeyPressMsg:
		s.list.move(keyName(msg), len(s.now.all))
	}
	return nil
}

func (s *domains) keys(a *app) []binding {
	open := binding{keys: []string{"enter"}, show: "Enter", help: a.t.Domain.Open, do: func() tea.Cmd { return push(a, &domain{d: s.chosen()}) }}
	if len(s.now.all) == 0 {
		open.off = a.t.NothingHere
	}
	again := binding{keys: []string{"r"}, help: a.t.Reload, do: func() tea.Cmd { return s.start(a) }}
	if s.turn.busy {
		again.off = a.t.Loading
	}
	return []binding{open, again}
}

func (s *domains) chosen() SenderDomain {
	return s.now.all[max(0, min(s.list.at, len(s.now.all)-1))]
}

// partCells is how wide a check stands in the list, verdictCells the domain in a
// word.
const (
	partCells    = 10
	verdictCells = 12
)

func (s *domains) view(a *app, w, h int) page {
	if lines := a.instead(s.why, s.have, false, "", w); lines != nil {
		return page{lines: lines}
	}
	t := &a.t.Domain
	lines := append([]string{""}, s.account(a, w)...)
	lines = append(lines, a.look.rule(t.Head, w))
	if len(s.now.all) == 0 {
		return page{lines: append(lines, "", "  "+t.None)}
	}
	verdict := verdictCells
	if w < wide { // it stands below
		verdict = 0
	}
	name := w - 2 - len(domainParts)*(partCells+1) - verdict - 1
	head := []column{{a.t.FromDomain, name}}
	for _, part := range domainParts {
		head = append(head, column{t.Parts[part], partCells})
	}
	lines = append(lines, a.look.dim.Render("  "+row(append(head, column{a.t.State, verdict})...)))
	const below = 6
	from, to := s.list.window(len(s.now.all), max(1, h-len(lines)-below))
	for i := from; i < to; i++ {
		d := s.now.all[i]
		cols := []column{{safe(d.Name), name}}
		for _, part := range domainParts {
			cols = append(cols, column{a.partWord(d, part), partCells})
		}
		lines = append(lines, a.look.pickLine(row(append(cols, column{a.verdict(d), verdict})...), i == s.list.at, w))
	}
	return page{lines: append(lines, s.worst(a, s.chosen(), w)...)}
}

// account is the state of the SES account in three lines, or four.
func (s *domains) account(a *app, w int) []string {
	t, ses := &a.t.Domain, s.now.ses
	if ses.CheckedAt.IsZero() {
		return []string{a.labelled(t.Account, a.look.warn.Render("! "+a.answer(ses.Error)), w)}
	}
	state := a.look.good.Render("✓ " + t.Production)
	if ses.Sandbox {
		state = a.look.warn.Render("! " + a.t.Dash.Sandbox)
	}
	quota := a.t.Unlimited(comma(int64(ses.Sent24h)))
	if ses.Quota24h >= 0 {
		quota = comma(int64(ses.Sent24h)) + "/" + comma(int64(ses.Quota24h)) + " " + percent(int64(ses.Sent24h), int64(ses.Quota24h))
	}
	lines := []string{
		a.labelled(t.Account, state+"  "+safe(ses.Region), w),
		a.labelled(t.Reputation, a.reputation(ses), w),
		a.labelled(a.t.Quota, quota+"  "+a.t.Aim(rate(ses.Aim), rate(ses.Rate)), w),
	}
	if ses.Sandbox {
		lines = append(lines, "    → "+cut(a.t.Dash.SandboxHint, w-6))
	}
	return lines
}

// reputation is what SES thinks of the account.
func (a *app) reputation(ses sesclient.Status) string {
	t := &a.t.Domain
	word := orWord(t.Enforcement[strings.ToUpper(ses.Enforcement)], safe(ses.Enforcement))
	switch {
	case !ses.SendingEnabled:
		return a.look.bad.Render("! " + a.t.SendingOff + " (" + word + ")")
	case ses.Enforcement == "" || strings.EqualFold(ses.Enforcement, "HEALTHY"):
		return a.look.good.Render("✓ " + orWord(word, t.Enforcement["HEALTHY"]))
	}
	return a.look.bad.Render("! " + word)
}

// worst are the findings of the selected domain, two lines each, the first two.
func (s *domains) worst(a *app, d SenderDomain, w int) []string {
	lines := []string{a.look.rule(safe(d.Name), w)}
	switch {
	case d.Error != "":
		return append(lines, "  "+a.look.bad.Render(cut("! "+a.answer(d.Error), w-4)))
	case len(d.Findings) == 0:
		return append(lines, "  "+a.look.good.Render("✓ "+a.t.Domain.AllGood))
	}
	all := bySeverity(d.Findings)
	for _, f := range all[:min(2, len(all))] {
		lines = append(lines, "  "+a.level(f.Level)+" "+cut(safe(f.What), w-14), "    → "+cut(a.mend(f), w-8))
	}
	if len(all) > 2 {
		lines = append(lines, "  "+a.look.dim.Render(a.t.Dash.More(comma(int64(len(all)-2)))))
	}
	return lines
}

// mend is how to mend a finding; records are shown whole below, not in a
// sentence that breaks them.
func (a *app) mend(f campaign.Finding) string {
	if f.Rule == "dkim" && (f.Case == "dns" || f.Case == "wrong") {
		return a.t.Domain.Below
	}
	return safe(f.How)
}

// bySeverity has what blocks first, then what warns.
func bySeverity(all []campaign.Finding) []campaign.Finding {
	order := []campaign.Level{campaign.Block, campaign.Warn, campaign.Note}
	out := slices.Clone(all)
	slices.SortStableFunc(out, func(x, y campaign.Finding) int { return slices.Index(order, x.Level) - slices.Index(order, y.Level) })
	return out
}

// verdict is a domain in one word.
func (a *app) verdict(d SenderDomain) string {
	switch all := bySeverity(d.Findings); {
	case d.Error != "":
		return a.look.bad.Render("! " + a.t.Domain.Unknown)
	case len(all) > 0 && all[0].Level != campaign.Note:
		return a.level(all[0].Level)
	}
	return a.look.good.Render("✓ " + a.t.Domain.Good)
}
